-- library_add: a new file, of a photo that is there or of a new one.

CREATE FUNCTION missing_photos.generate_add(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_add',
		'of_owner text, of_photo text, of_path text, of_digest text, of_size bigint, of_kind text',
		'TABLE (photo text, file text, action text)', missing_photos.contract_writes(1),
		CASE WHEN COALESCE(names ->> 'key_of_digest', '') <> ''
		     THEN missing_photos.add_body(names)
		     ELSE $body$
BEGIN
	RETURN QUERY SELECT NULL::pg_catalog.text, NULL::pg_catalog.text, 'new'::pg_catalog.text;
END
$body$ END, 'adds a file to a photo (added), or where the library is ours to fill makes a photo of it (created); new: the application''s own importer has to')
$$;
COMMENT ON FUNCTION missing_photos.generate_add IS 'defines library_add';

-- The file's row may be there already, without a photo or held as missing: then it is this one. One
-- that is there at another path isn't ours to take; the caller moves it.
CREATE FUNCTION missing_photos.add_body(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	key pg_catalog.text := pg_catalog.concat($4, $1);
	photo pg_catalog.text := $2;
BEGIN
	$body$ || CASE WHEN names ->> 'makes_photos' = 'true' THEN missing_photos.add_find_sibling()
		ELSE $body$IF my.photo IS NULL THEN
		RETURN QUERY SELECT NULL::pg_catalog.text, NULL::pg_catalog.text, 'new';
		RETURN;
	END IF;$body$ END || $body$
	IF my.photo IS NOT NULL THEN
		PERFORM FROM {photo} AS p
		  WHERE p.{photo.key} {=} my.photo::{photo.key:type} AND p.{photo.owner} {=} $1::{photo.owner:type}
		    FOR NO KEY UPDATE;
		IF NOT FOUND THEN
			RETURN;
		END IF;
	END IF;
	INSERT INTO {file} ({file.key}, {file.path}, {file.type}, {file.missing}{add_file_columns}{more_file_columns})
	VALUES (my.key, $3, {type_of_kind}, false{add_file_values}{more_file_values})
	ON CONFLICT DO NOTHING;
	PERFORM FROM {file} AS f
	  WHERE f.{file.key} {=} my.key::{file.key:type}{and_file_of_owner}
	    AND f.{file.path} {=} $3::{file.path:type};
	IF NOT FOUND THEN
		RETURN;
	END IF;
	$body$ || CASE WHEN names ->> 'makes_photos' = 'true' THEN missing_photos.add_make_photo()
		ELSE '' END || $body$
	INSERT INTO {link} AS l ({link_columns}{more_link_columns})
	SELECT {link_values}{more_link_values}
	  FROM (SELECT my.photo AS photo, my.key AS file) AS t
	 WHERE NOT EXISTS (SELECT FROM {link} AS l
	                    WHERE l.{link.photo} {=} t.photo::{photo.key:type}
	                      AND l.{link.file} {=} t.file::{file.key:type}{and_link_of_owner})
	{on_conflict};
	UPDATE {file} AS f SET {file.missing} = false
	 WHERE f.{file.key} {=} my.key::{file.key:type}{and_file_of_owner} AND f.{file.missing};
	UPDATE {photo} AS p SET {photo.main} = f.{file.key}
	  FROM {file} AS f
	 WHERE p.{photo.key} {=} my.photo::{photo.key:type} AND p.{photo.owner} {=} $1::{photo.owner:type}
	   AND f.{file.key} {=} my.key::{file.key:type}{and_file_of_owner}
	   AND p.{photo.main} IS NULL AND {media};
	$body$ || CASE WHEN names ? 'photo.removed' THEN format($body$
	UPDATE {photo} AS p SET {photo.removed} = false%s
	  FROM {file} AS f
	 WHERE p.{photo.key} {=} my.photo::{photo.key:type} AND p.{photo.owner} {=} $1::{photo.owner:type}
	   AND f.{file.key} {=} my.key::{file.key:type}{and_file_of_owner}
	   AND p.{photo.removed} AND {media};$body$,
		CASE WHEN names ? 'photo.trashed' THEN ', {photo.trashed} = false' ELSE '' END)
		ELSE '' END || $body$
	RETURN QUERY SELECT my.photo, my.key, 'added';
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.add_body IS 'the body of library_add where a file''s key is its digest';

CREATE FUNCTION missing_photos.add_find_sibling()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A raw file and the jpeg beside it are one photo, and a sidecar belongs to what it describes. A
	-- sidecar without that, and a file of no known kind, make no photo.
	SELECT $body$IF my.photo IS NULL THEN
		SELECT l.{link.photo}::pg_catalog.text INTO photo
		  FROM {file} AS f
		  JOIN {link} AS l ON l.{link.file} {=} f.{file.key}{and_file_is_links}
		 WHERE f.{file.path} {=} ANY (ARRAY(SELECT s.path::{file.path:type}
		                                      FROM missing_photos.sibling_paths($3) AS s(path))){and_file_of_owner}
		   AND ($6 {=} 'metadata' OR $6 {=} 'raw' AND {rank} {=} 1 OR $6 {=} 'image' AND {rank} {=} 3)
		   AND {media}
		 ORDER BY l.{link.photo}
		 LIMIT 1;
		IF my.photo IS NULL AND ($6 {=} 'metadata' OR $6 {=} 'unknown') THEN
			RETURN QUERY SELECT NULL::pg_catalog.text, NULL::pg_catalog.text, 'new';
			RETURN;
		END IF;
	END IF;$body$
$$;
COMMENT ON FUNCTION missing_photos.add_find_sibling IS
	'the part of library_add that looks for the photo a new file belongs to';

CREATE FUNCTION missing_photos.add_make_photo()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Another session may have added the same file just now.
	SELECT $body$IF my.photo IS NULL THEN
		SELECT l.{link.photo}::pg_catalog.text INTO photo FROM {link} AS l
		 WHERE l.{link.file} {=} my.key::{file.key:type}{and_link_of_owner}
		 ORDER BY l.{link.photo}
		 LIMIT 1;
		IF my.photo IS NOT NULL THEN
			RETURN QUERY SELECT my.photo, my.key, 'known';
			RETURN;
		END IF;
		INSERT INTO {photo} AS p ({photo.owner}, {photo.main}, {photo.video})
		VALUES ($1::{photo.owner:type}, my.key::{file.key:type}, $6 {=} 'video')
		RETURNING p.{photo.key}::pg_catalog.text INTO photo;
		INSERT INTO {link} AS l ({link_columns}{more_link_columns})
		SELECT {link_values}{more_link_values} FROM (SELECT my.photo AS photo, my.key AS file) AS t;
		RETURN QUERY SELECT my.photo, my.key, 'created';
		RETURN;
	END IF;$body$
$$;
COMMENT ON FUNCTION missing_photos.add_make_photo IS
	'the part of library_add that makes a photo of a new file';
