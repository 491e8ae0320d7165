-- library_content: what the library itself knows of a file's content.

CREATE FUNCTION missing_photos.generate_content(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A size is given only where the file's own row has one: a photo's size belongs to whichever
	-- file was its main file when it was read.
	SELECT missing_photos.contract_define(names, 'library_content', 'of_files text[]',
		'TABLE (file text, algorithm text, digest text, size bigint)',
		missing_photos.contract_reads(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT f.{file.key}::pg_catalog.text,
	       CASE WHEN d.known THEN {algorithm}::pg_catalog.text END,
	       CASE WHEN d.known
	            THEN pg_catalog.left(f.{file.key}::pg_catalog.text, {digest_length}) END,
	       {size}
	  FROM {file} AS f
	 CROSS JOIN LATERAL (SELECT pg_catalog.left(f.{file.key}::pg_catalog.text, {digest_length})
	                            OPERATOR(pg_catalog.~) '^[0-9a-f]+$'
	                            AND pg_catalog.length(f.{file.key}::pg_catalog.text)
	                                OPERATOR(pg_catalog.>=) {digest_length}
	                            AND {digest_length} {>} 0) AS d(known)
	 WHERE f.{file.key} {=} ANY ($1::{file.key:type}[])
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text,
	       CASE WHEN {has_digest} THEN {algorithm}::pg_catalog.text END,
	       CASE WHEN {has_digest} THEN {digest_hex} END,
	       {size}
	  FROM {photo} AS p
	 WHERE p.{photo.key} {=} ANY ($1::{photo.key:type}[])
$body$ END, 'digest and size of these files as the library has them; NULL: it doesn''t know')
$$;
COMMENT ON FUNCTION missing_photos.generate_content IS 'defines library_content';
