-- library_flagged_files: files the library holds as missing, and whose they are.

CREATE FUNCTION missing_photos.generate_flagged_files(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A file is its owner's through a photo: linked, or pointed at as the main file. Only a file
	-- that no photo knows any more is told by its key, whose tail is the owner's id: the whole tail,
	-- or owner 2 would get the files of owner 12.
	SELECT missing_photos.contract_define(names, 'library_flagged_files', 'of_owner text',
		'TABLE (owner text, photo text, file text, path text)',
		missing_photos.contract_reads(100),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.owner}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       f.{file.key}::pg_catalog.text, f.{file.path}::pg_catalog.text
	  FROM {file} AS f
	  JOIN {link} AS l ON l.{link.file} {=} f.{file.key}{and_file_is_links}
	  JOIN {photo} AS p ON p.{photo.key} {=} l.{link.photo}{and_link_is_owners}
	 WHERE f.{file.missing} AND ($1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type})
	UNION
	SELECT p.{photo.owner}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       f.{file.key}::pg_catalog.text, f.{file.path}::pg_catalog.text
	  FROM {file} AS f
	  JOIN {photo} AS p ON p.{photo.main} {=} f.{file.key}{and_file_is_owners}
	 WHERE f.{file.missing} AND ($1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type})
	UNION ALL
	SELECT {file_owner}, NULL::pg_catalog.text,
	       f.{file.key}::pg_catalog.text, f.{file.path}::pg_catalog.text
	  FROM {file} AS f
	 WHERE f.{file.missing} AND {file_owner} {<>} ''
	   AND ($1 IS NULL OR {file_owner} {=} $1)
	   AND NOT EXISTS (SELECT FROM {link} AS l
	                     JOIN {photo} AS p ON p.{photo.key} {=} l.{link.photo}{and_link_is_owners}
	                    WHERE l.{link.file} {=} f.{file.key}{and_file_is_links})
	   AND NOT EXISTS (SELECT FROM {photo} AS p
	                    WHERE p.{photo.main} {=} f.{file.key}{and_file_is_owners})
$body$ ELSE $body$
	SELECT p.{photo.owner}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.key}::pg_catalog.text, p.{photo.path}::pg_catalog.text
	  FROM {photo} AS p
	 WHERE p.{photo.offline} AND {alive}
	   AND ($1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type})
$body$ END, 'files held as missing, of one owner or (NULL) all; photo is NULL where no photo knows the file any more')
$$;
COMMENT ON FUNCTION missing_photos.generate_flagged_files IS 'defines library_flagged_files';
