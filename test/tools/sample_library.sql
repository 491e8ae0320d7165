-- Puts photos into a LibrePhotos-shaped schema (public) and compares it row by row: for TAP tests, the
-- demo and the benchmark. The first two need test/fixtures/put.sql, the last nothing.

CREATE SCHEMA sample;

CREATE FUNCTION sample.add_owner(id integer, folder text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM fixture.put('public.api_user', format(
		'SELECT %s AS id, %L AS username, %L AS scan_directory', id, 'owner' || id, folder));
END
$$;

-- One photo of one file for each path: LibrePhotos's file key is 32 hex digits and the owner's id.
CREATE FUNCTION sample.add_photos(owner integer, paths text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE added AS
		SELECT md5(path) || owner AS hash, path FROM unnest(paths) AS path;
	PERFORM fixture.put('public.api_file',
		'SELECT hash, path, 1 AS type, false AS missing FROM added');
	PERFORM fixture.put('public.api_photo', format(
		'SELECT hash AS image_hash, hash AS main_file_id, %s AS owner_id FROM added', owner));
	PERFORM fixture.put('public.api_photo_files',
		'SELECT hash AS photo_id, hash AS file_id FROM added');
	DROP TABLE added;
END
$$;

-- Every row of every table of the library as text, but for link ids and job rows: what a loss and a
-- return must leave as it was.
CREATE FUNCTION sample.all_rows() RETURNS TABLE (table_name text, row_text text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
	name text;
BEGIN
	FOR name IN SELECT c.relname FROM pg_class c
	             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
	               AND c.relname <> 'api_longrunningjob'
	               AND NOT EXISTS (SELECT FROM pg_depend d
	                                WHERE d.objid = c.oid AND d.deptype = 'e')
	LOOP
		RETURN QUERY EXECUTE format(
			'SELECT %L, (CASE WHEN %L = ''api_photo_files'' THEN to_jsonb(t) - ''id'' '
			'ELSE to_jsonb(t) END)::text FROM public.%I t', name, name, name);
	END LOOP;
END
$$;
