-- library_photo, library_photo_count and library_pointed_files: photos and their main files.

CREATE FUNCTION missing_photos.generate_photo(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_photo', 'of_photo text',
		'TABLE (photo text, owner text, main text, video boolean)',
		missing_photos.contract_reads(1),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.owner}::pg_catalog.text,
	       p.{photo.main}::pg_catalog.text, p.{photo.video}
	  FROM {photo} AS p
	 WHERE p.{photo.key} {=} $1::{photo.key:type}
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.owner}::pg_catalog.text,
	       p.{photo.key}::pg_catalog.text, {video}
	  FROM {photo} AS p
	 WHERE p.{photo.key} {=} $1::{photo.key:type} AND {alive}
$body$ END, 'a photo, its owner, its main file (NULL: none) and whether it is a video')
$$;
COMMENT ON FUNCTION missing_photos.generate_photo IS 'defines library_photo';

CREATE FUNCTION missing_photos.generate_photo_count(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_photo_count', 'of_owner text',
		'TABLE (photos bigint)', missing_photos.contract_reads(1),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT pg_catalog.count(*) FROM {photo} AS p
	 WHERE p.{photo.owner} {=} $1::{photo.owner:type}
$body$ ELSE $body$
	SELECT pg_catalog.count(*) FROM {photo} AS p
	 WHERE p.{photo.owner} {=} $1::{photo.owner:type} AND {alive}
$body$ END, 'how many photos an owner has')
$$;
COMMENT ON FUNCTION missing_photos.generate_photo_count IS 'defines library_photo_count';

CREATE FUNCTION missing_photos.generate_pointed_files(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A main file that was lost stays pointed at, because applications look for it there. Few files
	-- are flagged, so the search begins with them.
	SELECT missing_photos.contract_define(names, 'library_pointed_files', 'of_owner text',
		'TABLE (photo text, file text)', missing_photos.contract_reads(100),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.main}::pg_catalog.text
	  FROM {file} AS f
	  JOIN {photo} AS p ON p.{photo.main} {=} f.{file.key}{and_file_is_owners}
	 WHERE f.{file.missing} AND p.{photo.owner} {=} $1::{photo.owner:type}
	   AND NOT EXISTS (SELECT FROM {link} AS l
	                    WHERE l.{link.photo} {=} p.{photo.key}
	                      AND l.{link.file} {=} p.{photo.main}{and_link_is_owners})
$body$ ELSE $body$
	SELECT NULL::pg_catalog.text, NULL::pg_catalog.text WHERE false
$body$ END, 'photos whose main file is flagged and not linked to them')
$$;
COMMENT ON FUNCTION missing_photos.generate_pointed_files IS 'defines library_pointed_files';
