-- library_derived, library_derived_in_use: the files an application made of its photos.
--
-- In a mapping, each table whose role begins with "derived_" names such files in all its columns
-- but three: "photo" is the photo they were made of (without it the table only tells what is in use),
-- "hash" what a photo's content is called, "kind" what a row is about. "derived" in the mapping gives
-- the folder that relative names start from, places that no column names, with %s for the hash, and
-- which kinds of rows name files that were made ("kinds"; the others' are in use all the same).

CREATE FUNCTION missing_photos.derived_columns(names jsonb)
RETURNS TABLE (role text, col text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT part[1], part[2]
	  FROM jsonb_object_keys(names) AS name
	 CROSS JOIN LATERAL regexp_match(name, '^(derived_[a-z_]+)\.([a-z_]+)$') AS part
	 WHERE part[2] NOT IN ('photo', 'hash', 'kind')
	 ORDER BY part[1], part[2]
$$;
COMMENT ON FUNCTION missing_photos.derived_columns IS
	'columns of the library that name derived files, as roles';

CREATE FUNCTION missing_photos.generate_derived(names jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- A value, which may hold what looks like a placeholder.
	terms jsonb := names || jsonb_build_object('derived_base', quote_nullable(names #>> '{derived,base}'));
	hashed boolean := names ? 'derived_photo.hash';
	named text;
	used text;
BEGIN
	-- One pass over each table, whatever the number of its columns.
	SELECT string_agg(format($q$
		SELECT d.{%1$s.photo}::pg_catalog.text AS photo, v.name, v.hash
		  FROM {%1$s} AS d
		 CROSS JOIN LATERAL (VALUES %2$s) AS v(name, hash)
		 WHERE d.{%1$s.photo} {=} ANY ($1::{%1$s.photo:type}[]) AND v.name {<>} ''%3$s$q$,
	           c.role, c.made, CASE WHEN names ? (c.role || '.kind') THEN format(
	               ' AND d.{%s.kind}::pg_catalog.text {=} ANY (ARRAY(SELECT '
	               || 'pg_catalog.jsonb_array_elements_text(%L)))', c.role,
	               names #> '{derived,kinds}') ELSE '' END), ' UNION ALL ')
	  INTO named
	  FROM (SELECT one.role, string_agg(one.made, ', ') AS made
	          FROM (SELECT role, format('(d.{%s.%s}::pg_catalog.text, NULL::pg_catalog.text)', role, col)
	                  FROM missing_photos.derived_columns(names)
	                UNION ALL
	                SELECT 'derived_photo', format('(pg_catalog.replace(%L, ''%%s'', '
	                       || 'd.{derived_photo.hash}::pg_catalog.text), '
	                       || 'd.{derived_photo.hash}::pg_catalog.text)', pattern)
	                  FROM jsonb_array_elements_text(names #> '{derived,patterns}') AS pattern
	                 WHERE hashed) AS one (role, made)
	         WHERE names ? (one.role || '.photo')
	         GROUP BY one.role) AS c;
	SELECT string_agg(format($q$
		SELECT n.path FROM names AS n
		  JOIN {%1$s} AS d ON d.{%1$s.%2$s} {=} n.name::{%1$s.%2$s:type}$q$,
	           c.role, c.col), ' UNION ALL ')
	  INTO used
	  FROM missing_photos.derived_columns(names) AS c;
	IF hashed THEN
		used := concat_ws(' UNION ALL ', used, $q$
		SELECT n.path FROM names AS n
		  JOIN {derived_photo} AS d
		    ON d.{derived_photo.hash} {=} n.hash::{derived_photo.hash:type}$q$);
	END IF;
	PERFORM missing_photos.contract_define(terms, 'library_derived',
		'of_photos text[]', 'TABLE (photo text, path text, hash text)',
		missing_photos.contract_reads(1000),
		CASE WHEN named IS NULL THEN 'SELECT NULL, NULL, NULL WHERE false' ELSE format($body$
		SELECT f.photo, CASE WHEN pg_catalog.starts_with(f.name, '/') THEN f.name
		                     ELSE {derived_base} OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||) f.name END,
		       f.hash
		  FROM (%s) AS f$body$, named) END,
		'the files that were made of these photos, as the application names them');
	PERFORM missing_photos.contract_define(terms, 'library_derived_in_use',
		'of_paths text[], of_hashes text[]', 'TABLE (path text)',
		missing_photos.contract_reads(100),
		CASE WHEN used IS NULL THEN 'SELECT NULL::pg_catalog.text WHERE false' ELSE format($body$
		WITH names AS (
			SELECT f.path, f.path AS name, f.hash
			  FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS f(path, hash)
			UNION ALL
			SELECT f.path, pg_catalog.substr(f.path, pg_catalog.length({derived_base}) OPERATOR(pg_catalog.+) 2),
			       NULL
			  FROM pg_catalog.unnest($1) AS f(path)
			 WHERE pg_catalog.starts_with(f.path, {derived_base} OPERATOR(pg_catalog.||) '/')
		) %s$body$, used) END,
		'of these files those that a row names, or whose content (by its hash) a photo has');
END
$$;
COMMENT ON FUNCTION missing_photos.generate_derived IS
	'defines library_derived and library_derived_in_use';
