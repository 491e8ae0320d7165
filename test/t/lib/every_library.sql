-- What the tests of every library look with, apart from the views that each library brings.

-- The files that fixture.files made, as the library held them at the start.
CREATE TABLE t.map (owner integer, n integer, kind text, path text, photo text, file text,
                    ours boolean);

CREATE FUNCTION t.make_map(owners integer[], photos integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO t.map
	SELECT made.owner::integer, made.n, made.kind, f.path, l.photo, f.file, f.ours
	  FROM fixture.files(owners::text[], photos) AS made
	  JOIN t.file AS f ON f.path IN (made.path, '/usr/src/app/upload/library' || made.path)
	  JOIN t.link AS l ON l.file = f.file;
END
$$;

-- Every row of every table of the library. A link's id and the times that an application's own
-- triggers write don't count, nor do job rows; of a time of deletion only whether there is one.
CREATE FUNCTION t.rows() RETURNS TABLE (relation text, key text, line jsonb)
LANGUAGE plpgsql STABLE AS $$
DECLARE
	place record;
BEGIN
	FOR place IN
		SELECT c.oid::regclass AS oid, c.relname AS name,
		       ARRAY(SELECT a.attname::text FROM pg_index AS i
		               JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
		              WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY a.attnum) AS keys
		  FROM pg_class AS c
		 WHERE c.relkind = 'r'
		   AND c.relnamespace = (SELECT current_schemas(false))[1]::regnamespace
		   AND c.relname NOT IN ('api_longrunningjob', 'jobs') AND c.relname NOT LIKE '%\_audit'
	LOOP
		RETURN QUERY EXECUTE format($q$
			SELECT %L, (SELECT string_agg(k.value, ' ') FROM jsonb_each_text(l.line) AS k
			             WHERE k.key = ANY (%L)), l.line
			  FROM (SELECT CASE %L WHEN 'api_photo_files' THEN to_jsonb(r) - 'id'
			                WHEN 'asset' THEN to_jsonb(r) - '{updatedAt,updateId,deletedAt}'::text[]
			                     || jsonb_build_object('deletedAt', to_jsonb(r) -> 'deletedAt' <> 'null')
			                ELSE to_jsonb(r) - '{updatedAt,updateId}'::text[] END AS line FROM %s AS r) AS l $q$,
			place.name, place.keys, place.name, place.oid);
	END LOOP;
END
$$;

CREATE TABLE t.kept (label text, relation text, key text, line jsonb);
CREATE FUNCTION t.keep(label text) RETURNS void LANGUAGE sql AS $$
	DELETE FROM t.kept WHERE kept.label = keep.label;
	INSERT INTO t.kept SELECT keep.label, r.* FROM t.rows() AS r;
$$;

-- What differs from then, row by row: "table.column N" for N rows in which only columns changed,
-- "table N" for rows that came or went. Nothing: an empty text.
CREATE FUNCTION t.changes(label text) RETURNS text LANGUAGE sql AS $$
	WITH now AS MATERIALIZED (SELECT * FROM t.rows()),
	old AS MATERIALIZED (SELECT relation, key, line FROM t.kept WHERE kept.label = changes.label),
	gone AS (SELECT * FROM old EXCEPT ALL SELECT * FROM now),
	come AS (SELECT * FROM now EXCEPT ALL SELECT * FROM old),
	changed AS (
		SELECT g.relation || '.' || e.key AS what
		  FROM gone AS g JOIN come AS c USING (relation, key)
		 CROSS JOIN LATERAL jsonb_each(g.line) AS e
		 WHERE e.value IS DISTINCT FROM c.line -> e.key
		UNION ALL
		SELECT g.relation FROM gone AS g
		 WHERE NOT EXISTS (SELECT FROM come AS c WHERE (c.relation, c.key) = (g.relation, g.key))
		UNION ALL
		SELECT c.relation FROM come AS c
		 WHERE NOT EXISTS (SELECT FROM gone AS g WHERE (c.relation, c.key) = (g.relation, g.key))
	)
	SELECT COALESCE(string_agg(what || ' ' || rows, '; ' ORDER BY what COLLATE "C"), '')
	  FROM (SELECT what, count(*) AS rows FROM changed GROUP BY what) AS c
$$;

-- All of the library in one value.
CREATE FUNCTION t.digest() RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(md5(relation || line::text), '' ORDER BY md5(relation || line::text)))
	  FROM t.rows()
$$;

-- Where missing_counts isn't what the library's own tables say.
CREATE FUNCTION t.wrong_counts() RETURNS text LANGUAGE sql AS $$
	WITH photo AS (
		SELECT p.owner, count(*) AS photos,
		       count(*) FILTER (WHERE p.main IS NULL OR NOT EXISTS (
		           SELECT FROM t.link AS l JOIN t.file AS f ON f.file = l.file
		            WHERE l.photo = p.photo AND f.media)) AS missing
		  FROM t.photo AS p GROUP BY p.owner
	), file AS (
		SELECT t.owner(m.owner) AS owner, count(DISTINCT m.file) AS missing
		  FROM t.map AS m JOIN t.file AS f ON f.file = m.file AND f.missing
		 GROUP BY m.owner
	)
	SELECT string_agg(format('owner %s: %s %s %s instead of %s %s %s', p.owner, c.num_photos,
	           c.num_missing_photos, c.num_missing_files, p.photos, p.missing,
	           COALESCE(f.missing, 0)), '; ')
	  FROM photo AS p
	  LEFT JOIN file AS f ON f.owner = p.owner
	  FULL JOIN missing_counts AS c ON c.owner = p.owner
	 WHERE (c.num_photos, c.num_missing_photos, c.num_missing_files)
	    IS DISTINCT FROM (p.photos, p.missing, COALESCE(f.missing, 0))
$$;

-- A photo in a line: kinds of the files linked, the one it shows, those flagged.
CREATE FUNCTION t.state(owner integer, n integer) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s; shows %s; flagged %s',
	           (SELECT string_agg(m.kind, ' ' ORDER BY m.kind) FROM t.map AS m
	             WHERE (m.owner, m.n) = (state.owner, state.n)
	               AND EXISTS (SELECT FROM t.link AS l WHERE (l.photo, l.file) = (m.photo, m.file))),
	           (SELECT m.kind FROM t.photo AS p JOIN t.map AS m ON m.file = p.main
	             WHERE p.photo = (SELECT min(o.photo) FROM t.map AS o
	                               WHERE (o.owner, o.n) = (state.owner, state.n))),
	           (SELECT string_agg(m.kind, ' ' ORDER BY m.kind)
	              FROM t.map AS m JOIN t.file AS f ON f.file = m.file AND f.missing
	             WHERE (m.owner, m.n) = (state.owner, state.n)))
$$;
