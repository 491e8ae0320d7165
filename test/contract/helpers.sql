-- What the contract's tests are written with. Loaded into each library's database after attaching.
-- Files are named by owner, number and kind, as fixture.files makes them, so that one test runs on
-- every layout.

-- Some need functions that only attaching makes.
SET check_function_bodies = off;

CREATE SCHEMA t;
CREATE EXTENSION dblink SCHEMA t;

CREATE FUNCTION t.ok(passed boolean, name text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN COALESCE(passed, false) THEN 'ok - ' ELSE 'not ok - ' END || name
$$;
CREATE FUNCTION t.is(got text, wanted text, name text) RETURNS text LANGUAGE sql AS $$
	SELECT t.ok(got IS NOT DISTINCT FROM wanted, name)
	       || CASE WHEN got IS NOT DISTINCT FROM wanted THEN ''
	               ELSE format(E'\n#      got: %s\n#   wanted: %s', got, wanted) END
$$;
CREATE FUNCTION t.throws(statement text, state text, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RETURN t.is('no error', state, name);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN t.is(SQLSTATE || CASE WHEN hint = '' THEN ' without a hint' ELSE '' END, state, name);
END
$$;

-- Templates with the contract's own placeholders, so that tests name no table of a layout.
CREATE FUNCTION t.filled(template text) RETURNS text LANGUAGE sql AS $$
	SELECT missing_photos.contract_fill(template, missing_photos.contract_names(mapping))
	  FROM missing_photos.attached_library
$$;
CREATE FUNCTION t.run(template text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE t.filled(template);
END
$$;
CREATE FUNCTION t.value(template text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	value text;
BEGIN
	EXECUTE t.filled(template) INTO value;
	RETURN value;
END
$$;

-- The made files as the library knows them, and what tests lost.
CREATE TABLE t.map (who text, owner text, n integer, kind text, photo text, file text, path text);
CREATE TABLE t.loss (photo text, file text, path text, was_main boolean, main_after text);

CREATE FUNCTION t.map(owners text[], photos integer) RETURNS void LANGUAGE sql AS $$
	INSERT INTO t.map
	SELECT made.owner, o.owner, made.n, made.kind, f.photo, f.file, f.path
	  FROM fixture.files(owners, photos) AS made
	  JOIN missing_photos.library_owners() AS o
	    ON o.folders = ARRAY['/data/' || made.owner]
	    OR o.folders = '{}' AND o.owner IN (made.owner, 'library')
	 CROSS JOIN LATERAL missing_photos.library_files(o.owner) AS f
	 WHERE f.path IN (made.path, '/usr/src/app/upload/library' || made.path)
$$;
CREATE FUNCTION t.owner(who text) RETURNS text LANGUAGE sql AS $$
	SELECT min(m.owner) FROM t.map AS m WHERE m.who = $1
$$;
CREATE FUNCTION t.photo(who text, n integer) RETURNS text LANGUAGE sql AS $$
	SELECT min(m.photo) FROM t.map AS m WHERE m.who = $1 AND m.n = $2
$$;
CREATE FUNCTION t.file(who text, n integer, kind text) RETURNS text LANGUAGE sql AS $$
	SELECT m.file FROM t.map AS m WHERE m.who = $1 AND m.n = $2 AND m.kind = $3
$$;
CREATE FUNCTION t.kind(file text) RETURNS text LANGUAGE sql AS $$
	SELECT COALESCE((SELECT m.kind FROM t.map AS m WHERE m.file = $1 LIMIT 1), $1)
$$;

-- Marks files of these photos as gone, or as back, and tells what came of it in a line.
-- Where the library has no flag of its own, it is what the extension records of its calls.
CREATE FUNCTION t.record(who text, photos text[], files text[], paths text[], gone boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	IF photos IS NULL OR NOT EXISTS (
		SELECT FROM missing_photos.attached_library WHERE mapping ->> 'flag' = 'own')
	THEN
		RETURN;
	ELSIF gone THEN
		PERFORM missing_photos.record_losses(NULL, t.owner(who), photos, files, paths,
			array_fill(true, ARRAY[cardinality(photos)]), files, array_fill(false, ARRAY[cardinality(photos)]), NULL);
	ELSE
		PERFORM missing_photos.record_returns(NULL, t.owner(who), photos, files, paths);
	END IF;
END
$$;

CREATE FUNCTION t.lose(who text, ns integer[], kinds text[] DEFAULT '{image,video,raw,metadata}')
RETURNS text LANGUAGE sql AS $$
	WITH wanted AS (
		SELECT array_agg(m.photo ORDER BY m.n, m.kind) AS photos,
		       array_agg(m.file ORDER BY m.n, m.kind) AS files,
		       array_agg(m.path ORDER BY m.n, m.kind) AS paths
		  FROM t.map AS m WHERE m.who = $1 AND m.n = ANY (ns) AND m.kind = ANY (kinds)
	), marked AS (
		SELECT r.*, m.n, m.kind, m.path
		  FROM wanted
		 CROSS JOIN LATERAL missing_photos.library_mark_missing(
		           t.owner(who), photos, files, paths) AS r
		  JOIN t.map AS m ON m.photo = r.photo AND m.file = r.file
	), kept AS (
		INSERT INTO t.loss
		SELECT photo, file, path, was_main, main_after FROM marked WHERE outcome = 'changed'
	), flagged AS (
		SELECT t.record(who, array_agg(photo), array_agg(file), array_agg(path), true)
		  FROM marked WHERE outcome = 'changed'
	)
	SELECT string_agg(format('%s %s %s%s%s', n, kind, outcome,
	           CASE WHEN was_main AND outcome = 'changed'
	                THEN ' main->' || COALESCE(t.kind(main_after), 'nothing') END,
	           CASE WHEN was_flagged THEN ' again' END), '; ' ORDER BY n, kind)
	  FROM marked
	 CROSS JOIN (SELECT count(*) FROM flagged) AS f
$$;
CREATE FUNCTION t.back(who text, ns integer[], kinds text[] DEFAULT '{image,video,raw,metadata}')
RETURNS text LANGUAGE sql AS $$
	WITH wanted AS (
		SELECT array_agg(l.photo) AS photos, array_agg(l.file) AS files, array_agg(l.path) AS paths,
		       array_agg(l.was_main) AS mains, array_agg(l.main_after) AS afters
		  FROM t.loss AS l
		  JOIN t.map AS m ON m.photo = l.photo AND m.file = l.file
		 WHERE m.who = $1 AND m.n = ANY (ns) AND m.kind = ANY (kinds)
	), marked AS MATERIALIZED (
		SELECT r.*
		  FROM wanted
		 CROSS JOIN LATERAL missing_photos.library_mark_present(
		           t.owner(who), photos, files, paths, mains, afters) AS r
	), unflagged AS (
		SELECT t.record(who, array_agg(r.photo), array_agg(r.file), array_agg(l.path), false)
		  FROM marked AS r JOIN t.loss AS l USING (photo, file)
		 WHERE r.outcome = 'changed'
	)
	SELECT string_agg(format('%s %s %s%s', m.n, m.kind, r.outcome,
	           CASE WHEN r.linked THEN ' linked' END), '; ' ORDER BY m.n, m.kind)
	  FROM marked AS r
	 CROSS JOIN (SELECT count(*) FROM unflagged) AS u
	  JOIN t.map AS m ON m.photo = r.photo AND m.file = r.file
$$;

-- A photo in a line: linked kinds, the one shown, and flagged files of it.
CREATE FUNCTION t.state(who text, n integer) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s; main %s; flagged %s',
	           COALESCE((SELECT string_agg(t.kind(f.file), ' ' ORDER BY t.kind(f.file))
	                       FROM missing_photos.library_photo_files(t.photo(who, n)) AS f), 'nothing'),
	           (SELECT COALESCE(t.kind(p.main), 'none')
	              FROM missing_photos.library_photo(t.photo(who, n)) AS p),
	           COALESCE((SELECT string_agg(m.kind, ' ' ORDER BY m.kind)
	                       FROM t.map AS m
	                      CROSS JOIN LATERAL missing_photos.library_file_rows(
	                                ARRAY[m.photo], ARRAY[m.file]) AS r
	                      WHERE m.who = $1 AND m.n = $2 AND r.flagged), 'nothing'))
$$;
CREATE FUNCTION t.counts(who text) RETURNS text LANGUAGE sql AS $$
	SELECT c.num_photos || ' ' || c.num_missing_photos || ' ' || c.num_missing_files
	  FROM missing_photos.library_counts(t.owner(who)) AS c
$$;

-- All rows of all tables of the library, to be compared later. A link's own id doesn't count.
CREATE TABLE t.kept (label text, relation text, line jsonb);
CREATE FUNCTION t.lines() RETURNS TABLE (relation text, line jsonb) LANGUAGE plpgsql AS $$
DECLARE
	place regclass;
	link text;
BEGIN
	SELECT mapping #>> '{tables,link,name}' INTO link FROM missing_photos.attached_library;
	FOR place IN
		SELECT c.oid FROM pg_class AS c
		 WHERE c.relkind = 'r' AND c.relnamespace = (
			SELECT n.oid FROM pg_namespace AS n
			  JOIN missing_photos.attached_library AS a ON a.library_schema = n.nspname)
	LOOP
		RETURN QUERY EXECUTE format(
			'SELECT c.relname::text, to_jsonb(r) - CASE WHEN c.relname = %L THEN ''id'' ELSE '''' END
			   FROM %s AS r JOIN pg_class AS c ON c.oid = r.tableoid', link, place);
	END LOOP;
END
$$;
CREATE FUNCTION t.keep(what text) RETURNS void LANGUAGE sql AS $$
	DELETE FROM t.kept WHERE label = what;
	INSERT INTO t.kept SELECT what, l.* FROM t.lines() AS l;
$$;
-- What differs from then: per table the rows gone and come, and the columns in which they differ.
CREATE FUNCTION t.changes(what text) RETURNS text LANGUAGE sql AS $$
	WITH now AS MATERIALIZED (SELECT * FROM t.lines()),
	gone AS (
		SELECT k.relation, k.line FROM t.kept AS k WHERE k.label = what
		EXCEPT ALL SELECT * FROM now
	), come AS (
		SELECT * FROM now
		EXCEPT ALL SELECT k.relation, k.line FROM t.kept AS k WHERE k.label = what
	), columns AS (
		SELECT relation, key
		  FROM (SELECT g.relation, e.key, e.value, 'gone' AS side
		          FROM gone AS g CROSS JOIN LATERAL jsonb_each(g.line) AS e
		        UNION ALL
		        SELECT c.relation, e.key, e.value, 'come'
		          FROM come AS c CROSS JOIN LATERAL jsonb_each(c.line) AS e) AS cell
		 GROUP BY relation, key
		HAVING array_agg(value::text ORDER BY value::text) FILTER (WHERE side = 'gone')
		       <> array_agg(value::text ORDER BY value::text) FILTER (WHERE side = 'come')
	)
	SELECT COALESCE(string_agg(format('%s -%s +%s%s', relation,
	           (SELECT count(*) FROM gone WHERE gone.relation = r.relation),
	           (SELECT count(*) FROM come WHERE come.relation = r.relation),
	           (SELECT ' ' || string_agg(key, ',' ORDER BY key) FROM columns
	             WHERE columns.relation = r.relation)), '; ' ORDER BY relation COLLATE "C"), 'nothing')
	  FROM (SELECT relation FROM gone UNION SELECT relation FROM come) AS r
$$;
-- The names that t.changes uses, from placeholders: {photo} and {file.missing} as in the contract.
CREATE FUNCTION t.plain(template text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(part, '; ' ORDER BY part COLLATE "C")
	  FROM missing_photos.attached_library AS a
	 CROSS JOIN LATERAL regexp_split_to_table(
	           replace(replace(t.filled(template), quote_ident(a.library_schema) || '.', ''), '"', ''),
	           '; ') AS part
$$;

-- Another session.
CREATE FUNCTION t.other(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF NOT 'other' = ANY (COALESCE(t.dblink_get_connections(), '{}')) THEN
		PERFORM t.dblink_connect('other', 'dbname=' || current_database()
			|| ' host=' || current_setting('unix_socket_directories')
			|| ' port=' || current_setting('port') || ' user=' || session_user);
	END IF;
	RETURN t.dblink_exec('other', t.filled(statement));
END
$$;

CREATE FUNCTION t.plan(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || statement LOOP
		plan := plan || line || E'\n';
	END LOOP;
	RETURN plan;
END
$$;
