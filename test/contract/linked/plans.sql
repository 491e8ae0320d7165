-- The reading functions are inlined and use indexes, at a size where a planner has a choice.

SELECT CASE WHEN current_schema() = 'mine' THEN 'SELECT fixture.fill_standalone(''{400,401}'', 5000, false)'
            ELSE 'SELECT fixture.fill_librephotos(''{400,401}'', 5000, false)' END \gexec
ANALYZE;
SELECT set_config('t.photo', t.photo('12', 10), false);

CREATE FUNCTION t.inlined(call text, name text) RETURNS text LANGUAGE sql AS $$
	SELECT t.ok(t.plan(format('SELECT * FROM missing_photos.%s', call)) NOT LIKE '%Function Scan on library_%', name)
$$;
CREATE FUNCTION t.by_index(call text, name text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN plan LIKE '%Seq Scan%' OR plan LIKE '%Function Scan on library_%'
	            THEN 'not ok - ' || name || E'\n' || regexp_replace(plan, '^', '# ', 'gn')
	            ELSE 'ok - ' || name END
	  FROM (SELECT t.plan(format('SELECT * FROM missing_photos.%s', call)) AS plan) AS p
$$;
SELECT t.by_index(format('library_photo_files(%L)', t.photo('12', 10)), 'library_photo_files: index look-ups only');
SELECT t.by_index(format('library_photo(%L)', t.photo('12', 10)), 'library_photo: index look-ups only');
SELECT t.by_index(format('library_file_rows(ARRAY[%L], ARRAY[%L])', t.photo('12', 10), t.file('12', 10, 'raw')),
	'library_file_rows: index look-ups only');
SELECT t.by_index(format('library_content(ARRAY[%L])', t.file('12', 10, 'raw')),
	'library_content: index look-ups only');
SELECT t.inlined('library_owners()', 'library_owners is inlined');
SELECT t.inlined('library_files(''12'')', 'library_files is inlined');
SELECT t.inlined('library_photo_count(''12'')', 'library_photo_count is inlined');
SELECT t.inlined('library_pointed_files(''12'')', 'library_pointed_files is inlined');
SELECT t.inlined('library_flagged_files(''12'')', 'library_flagged_files is inlined');
SELECT t.inlined('library_flagged_files(NULL)', 'library_flagged_files of all is inlined');
SELECT t.inlined('library_counts(''12'')', 'library_counts is inlined');
SELECT t.ok(t.plan('SELECT * FROM missing_photos.library_files(''400'')') !~ 'Sort|Unique|Aggregate|Materialize|Function',
	'library_files: a scan''s statement is joins and nothing else');

-- With a parameter, as programs call them.
CREATE FUNCTION t.generic_plan() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	plan text := '';
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) EXECUTE of_photo(%L)', current_setting('t.photo')) LOOP
		plan := plan || line || E'\n';
	END LOOP;
	RETURN plan;
END
$$;
PREPARE of_photo(text) AS SELECT * FROM missing_photos.library_photo_files($1);
SET plan_cache_mode = force_generic_plan;
SELECT t.ok(t.generic_plan() ~ '\$1' AND t.generic_plan() !~ 'Seq Scan|Function Scan',
	'library_photo_files of a parameter: index look-ups only');
RESET plan_cache_mode;

-- What would show a function that can't be inlined.
CREATE FUNCTION missing_photos.library_strict(of_photo text)
RETURNS TABLE (photo text) LANGUAGE sql STABLE STRICT
AS 'SELECT photo FROM missing_photos.library_photo_files($1)';
SELECT t.ok(t.plan('SELECT * FROM missing_photos.library_strict(''x'')') LIKE '%Function Scan on library_%',
	'the test would show a function that isn''t inlined');
DROP FUNCTION missing_photos.library_strict(text);
