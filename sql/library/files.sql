-- library_files, library_photo_files and library_file_rows: photos and their files.

CREATE FUNCTION missing_photos.generate_files(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The statement of a scan: nothing but the joins, so that a plan may be parallel and the first
	-- rows come at once.
	SELECT missing_photos.contract_define(names, 'library_files', 'of_owner text',
		'TABLE (photo text, file text, path text, flagged boolean, readonly boolean)',
		missing_photos.contract_reads(100000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT l.{link.photo}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text, f.{file.missing}, false
	  FROM {photo} AS p
	  JOIN {link} AS l ON l.{link.photo} {=} p.{photo.key}{and_link_is_owners}
	  JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_is_owners}
	 WHERE p.{photo.owner} {=} $1::{photo.owner:type}
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.path}::pg_catalog.text, p.{photo.offline}, NOT p.{photo.external}
	  FROM {photo} AS p
	 WHERE p.{photo.owner} {=} $1::{photo.owner:type} AND {alive}{and_settled}
$body$ END, 'files linked to an owner''s photos, one row per link; flagged: held as missing, readonly: never to be changed')
$$;
COMMENT ON FUNCTION missing_photos.generate_files IS 'defines library_files';

CREATE FUNCTION missing_photos.generate_photo_files(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_photo_files', 'of_photo text',
		'TABLE (photo text, file text, path text, flagged boolean, readonly boolean, '
		|| 'main boolean, media boolean)',
		missing_photos.contract_reads(3),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text, f.{file.missing}, false,
	       COALESCE(p.{photo.main} {=} f.{file.key}, false), {media}
	  FROM {photo} AS p
	  JOIN {link} AS l ON l.{link.photo} {=} p.{photo.key}{and_link_is_owners}
	  JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_is_owners}
	 WHERE p.{photo.key} {=} $1::{photo.key:type}
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.path}::pg_catalog.text, p.{photo.offline}, NOT p.{photo.external}, true, true
	  FROM {photo} AS p
	 WHERE p.{photo.key} {=} $1::{photo.key:type} AND {alive}{and_settled}
$body$ END, 'the files linked to one photo; main: the photo''s main file, media: not a metadata sidecar')
$$;
COMMENT ON FUNCTION missing_photos.generate_photo_files IS 'defines library_photo_files';

CREATE FUNCTION missing_photos.generate_file_rows(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_file_rows',
		'of_photos text[], of_files text[]',
		'TABLE (photo text, file text, path text, linked boolean, flagged boolean)',
		missing_photos.contract_reads(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text,
	       EXISTS (SELECT FROM {link} AS l
	                WHERE l.{link.photo} {=} p.{photo.key} AND l.{link.file} {=} f.{file.key}{and_link_is_owners}),
	       f.{file.missing}
	  FROM ROWS FROM (pg_catalog.unnest($1::{photo.key:type}[]), pg_catalog.unnest($2::{file.key:type}[]))
	    AS g(photo, file)
	  JOIN {photo} AS p ON p.{photo.key} {=} g.photo
	  JOIN {file} AS f ON f.{file.key} {=} g.file{and_file_is_owners}
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.path}::pg_catalog.text, true, p.{photo.offline}
	  FROM ROWS FROM (pg_catalog.unnest($1::{photo.key:type}[]), pg_catalog.unnest($2::{photo.key:type}[]))
	    AS g(photo, file)
	  JOIN {photo} AS p ON p.{photo.key} {=} g.photo
	 WHERE g.file {=} g.photo AND {alive}
$body$ END, 'the present state of these pairs of photo and file, as far as both still exist')
$$;
COMMENT ON FUNCTION missing_photos.generate_file_rows IS 'defines library_file_rows';
