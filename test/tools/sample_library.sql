-- Fills a LibrePhotos-shaped schema (public) with photos, whatever its layout's further columns are:
-- a column that must not be NULL and isn't named gets a plain value of its type. For tests, the demo
-- and the benchmark; nothing of it is part of the extension.

CREATE SCHEMA sample;

-- A plain value for each column that needs one and isn't supplied by the table.
CREATE FUNCTION sample.plain_values(table_name text) RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT coalesce(jsonb_object_agg(a.attname, CASE
		WHEN t.typcategory = 'B' THEN 'false'::jsonb
		WHEN t.typcategory = 'N' THEN '0'::jsonb
		WHEN t.typcategory = 'A' THEN '[]'::jsonb
		WHEN t.typname IN ('json', 'jsonb') THEN '{}'::jsonb
		WHEN t.typname = 'uuid' THEN to_jsonb(gen_random_uuid())
		WHEN t.typcategory = 'D' THEN to_jsonb(timestamptz '2024-05-01 12:00+00')
		ELSE '""'::jsonb END), '{}')
	  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
	 WHERE a.attrelid = format('public.%I', table_name)::regclass AND a.attnum > 0
	   AND NOT a.attisdropped AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
$$;

-- Inserts what a query returns (its columns named as the table's), in one statement.
CREATE FUNCTION sample.add_rows(table_name text, query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	plain jsonb := sample.plain_values(table_name);
	names text;
	columns text;
	added bigint;
BEGIN
	EXECUTE format('CREATE TEMP TABLE given ON COMMIT DROP AS %s', query);
	SELECT string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum),
	       string_agg(format('r.%I', a.attname), ', ' ORDER BY a.attnum)
	  INTO names, columns
	  FROM pg_attribute a
	 WHERE a.attrelid = format('public.%I', table_name)::regclass AND a.attnum > 0
	   AND (plain ? a.attname OR EXISTS (
			SELECT FROM pg_attribute g
			 WHERE g.attrelid = 'given'::regclass AND g.attnum > 0 AND g.attname = a.attname));
	EXECUTE format(
		'INSERT INTO public.%1$I (%2$s) SELECT %3$s FROM given g, '
		'jsonb_populate_record(NULL::public.%1$I, $1 || to_jsonb(g)) r',
		table_name, names, columns)
		USING plain;
	GET DIAGNOSTICS added = ROW_COUNT;
	DROP TABLE given;
	RETURN added;
END
$$;

CREATE FUNCTION sample.add_owner(id integer, folder text) RETURNS void LANGUAGE sql AS $$
	SELECT sample.add_rows('api_user', format(
		'SELECT %s AS id, %L AS username, %L AS scan_directory', id, 'owner' || id, folder))
$$;

-- One photo of one file for each path: LibrePhotos's file key is 32 hex digits and the owner's id.
CREATE FUNCTION sample.add_photos(owner integer, paths text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE added AS
		SELECT md5(path) || owner AS hash, path FROM unnest(paths) AS path;
	PERFORM sample.add_rows('api_file',
		'SELECT hash, path, 1 AS type, false AS missing FROM added');
	PERFORM sample.add_rows('api_photo', format(
		'SELECT hash AS image_hash, hash AS main_file_id, %s AS owner_id FROM added', owner));
	PERFORM sample.add_rows('api_photo_files',
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
