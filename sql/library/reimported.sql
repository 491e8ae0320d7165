-- library_reimported: photos whose file moved and was imported again as a photo of its own.

CREATE FUNCTION missing_photos.generate_reimported(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The old photo has no media file linked; its content is what it says itself, or its main file's,
	-- or that of a file it lost ($2, $3). The new one came later and has this content as its own.
	-- Where a photo's key is its content's digest there can't be two.
	SELECT missing_photos.contract_define(names, 'library_reimported',
		'of_owner text, of_lost_photos text[], of_lost_files text[], of_photos text[]',
		'TABLE (photo text, reimported text, file text, path text)',
		missing_photos.contract_reads(100),
		CASE WHEN names ->> 'shape' = 'linked' AND names ->> 'key_of_digest' <> ''
		          AND names ? 'photo.added' THEN $body$
	WITH known AS (
		SELECT o.{photo.key} AS photo, o.{photo.added} AS added, w.file
		  FROM {photo} AS o
		 CROSS JOIN LATERAL (VALUES (o.{photo.main}$body$
		|| CASE WHEN names ? 'photo.hash' THEN '), (o.{photo.hash}::{file.key:type}' ELSE '' END
		|| $body$)) AS w(file)
		 WHERE o.{photo.owner} {=} $1::{photo.owner:type}
		UNION
		SELECT o.{photo.key}, o.{photo.added}, l.file::{file.key:type}
		  FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS l(photo, file)
		  JOIN {photo} AS o ON o.{photo.key} {=} l.photo::{photo.key:type}
		                   AND o.{photo.owner} {=} $1::{photo.owner:type}
	)
	SELECT o.photo::pg_catalog.text, n.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text
	  FROM known AS o
	  JOIN {file} AS f ON f.{file.key} {=} o.file{and_file_of_owner}
	  JOIN {link} AS l ON l.{link.file} {=} f.{file.key}{and_file_is_links}
	  JOIN {photo} AS n ON n.{photo.key} {=} l.{link.photo}{and_link_is_new}
	 WHERE n.{photo.owner} {=} $1::{photo.owner:type} AND n.{photo.key} {<>} o.photo
	   AND n.{photo.added} {>} o.added AND {new_is_content}
	   AND {media} AND NOT f.{file.missing}
	   AND ($4 IS NULL OR o.photo {=} ANY ($4::{photo.key:type}[]))
	   AND NOT EXISTS (SELECT FROM {link} AS k
	                     JOIN {file} AS f ON f.{file.key} {=} k.{link.file}{and_file_is_k}
	                    WHERE k.{link.photo} {=} o.photo{and_k_of_owner} AND {media})
$body$ ELSE $body$
	SELECT NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text
	 WHERE false
$body$ END, 'photos without media whose content a later photo of the same owner has')
$$;
COMMENT ON FUNCTION missing_photos.generate_reimported IS 'defines library_reimported';
