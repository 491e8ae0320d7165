-- What a page shows of a photo.

CREATE FUNCTION missing_photos.paths_of(photo text)
RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	paths text[];
BEGIN
	IF paths_of.photo IS NULL THEN
		RAISE EXCEPTION 'photo must not be null'
			USING ERRCODE = 'null_value_not_allowed',
			      HINT = 'Give the id as the library holds it.';
	END IF;
	PERFORM missing_photos.check_library();
	PERFORM FROM missing_photos.library_photo(paths_of.photo);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'photo "%" does not exist', paths_of.photo
			USING ERRCODE = 'no_data_found',
			      HINT = 'Give a photo''s key as the library holds it, and one your role may see.';
	END IF;
	SELECT array_agg(f.path ORDER BY f.main DESC, f.media DESC, f.path) INTO paths
	  FROM missing_photos.library_photo_files(paths_of.photo) AS f
	 WHERE NOT f.flagged AND f.path <> '';
	RETURN COALESCE(paths, ARRAY['Missing']);
END
$$;
COMMENT ON FUNCTION missing_photos.paths_of IS 'photo_paths for a photo''s key as text';

CREATE FUNCTION photo_paths(photo anycompatible)
RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT missing_photos.paths_of($1::pg_catalog.text) $$;
COMMENT ON FUNCTION photo_paths IS
	'paths of the files linked to a photo, its main file first; {Missing} when none is left';

CREATE FUNCTION missing_photos.media_is_gone(photo text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'missing_photos_media_is_gone'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION missing_photos.media_is_gone IS
	'whether no media file of a photo is left, by the library and by the disk; a file that can''t be judged counts as there';

CREATE FUNCTION missing_photos.media_error_of(photo text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	kind text;
BEGIN
	IF NOT missing_photos.media_is_gone(media_error_of.photo) THEN
		RETURN NULL;
	END IF;
	SELECT CASE WHEN p.video THEN 'Video' ELSE 'Image' END INTO kind
	  FROM missing_photos.library_photo(media_error_of.photo) AS p;
	RETURN jsonb_build_object(
		'title', kind || ' Not Found',
		'message', 'The ' || lower(kind) || ' file is missing or has been moved. '
		           || 'Scan for missing photos, or put the file back.');
END
$$;
COMMENT ON FUNCTION missing_photos.media_error_of IS 'media_error for a photo''s key as text';

CREATE FUNCTION media_error(photo anycompatible)
RETURNS jsonb
LANGUAGE sql VOLATILE
AS $$ SELECT missing_photos.media_error_of($1::pg_catalog.text) $$;
COMMENT ON FUNCTION media_error IS
	'title and message for a page when a photo''s media is gone, NULL when it is there';
