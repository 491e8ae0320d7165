-- The contract runs as its caller: with the caller's rights on the tables, under its row security.

CREATE ROLE contract_app;
GRANT USAGE ON SCHEMA missing_photos, t TO contract_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA t TO contract_app;
GRANT ALL ON ALL TABLES IN SCHEMA t TO contract_app;
SELECT format('GRANT EXECUTE ON FUNCTION %s TO contract_app', name) FROM missing_photos.contract_functions() \gexec
GRANT EXECUTE ON FUNCTION missing_photos.check_library(), missing_photos.lost_hashes(),
	missing_photos.is_lost(text, text), missing_photos.loser_of(text, text) TO contract_app;
SELECT library_schema AS place, mapping #>> '{tables,photo,name}' AS photo_table,
       mapping #>> '{tables,photo,columns,owner}' AS owner_column
  FROM missing_photos.attached_library \gset
SELECT format('GRANT USAGE ON SCHEMA %I TO contract_app', :'place') \gexec
SELECT t.map.photo, t.map.file, t.map.path, t.map.owner FROM t.map WHERE who = '12' AND n = 10 AND kind = 'image' \gset
SELECT t.owner('1') AS other \gset

SET ROLE contract_app;
SELECT t.ok(missing_photos.check_library() IS NOT NULL, 'check_library needs no rights on the tables');
SELECT t.throws(format('SELECT * FROM missing_photos.library_files(%L)', :'owner'), '42501 without a hint', 'no rights: can''t read');
SELECT t.throws(format('SELECT * FROM missing_photos.library_counts(%L)', :'owner'), '42501 without a hint', 'can''t count');
RESET ROLE;
SELECT format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO contract_app', :'place') \gexec
SET ROLE contract_app;
SELECT t.ok(count(*) > 40, 'may read: can read') FROM missing_photos.library_files(:'owner');
SELECT t.throws(format('SELECT * FROM missing_photos.library_mark_missing(%L, ARRAY[%L], ARRAY[%L], ARRAY[%L])',
	:'owner', :'photo', :'file', :'path'), '42501 without a hint', 'may only read: can''t mark');
RESET ROLE;
SELECT format('GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO contract_app', :'place') \gexec

-- Row security: this role may see owner 1's photos only.
SELECT format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', :'place', :'photo_table') \gexec
SELECT format('CREATE POLICY own ON %I.%I TO contract_app USING (%I::text = %L)', :'place', :'photo_table', :'owner_column', :'other') \gexec
SET ROLE contract_app;
SELECT t.is(count(*)::text, '0', 'row security: no file of another owner') FROM missing_photos.library_files(:'owner');
SELECT t.ok(count(*) > 40, 'but its own') FROM missing_photos.library_files(:'other');
SELECT t.is(count(*)::text, '0', 'nor a photo by its id') FROM missing_photos.library_photo_files(:'photo');
SELECT t.is(count(*)::text, '0', 'nor can it mark one')
  FROM missing_photos.library_mark_missing(:'owner', ARRAY[:'photo'], ARRAY[:'file'], ARRAY[:'path']);
SELECT t.is(string_agg(num_photos::text, ' '), '0', 'nor count them') FROM missing_photos.library_counts(:'owner');
SELECT t.is((SELECT outcome FROM missing_photos.library_mark_missing(:'other', ARRAY[m.photo], ARRAY[m.file], ARRAY[m.path])),
	'changed', 'its own it can mark') FROM t.map AS m WHERE m.who = '1' AND m.n = 1;
SELECT t.record('1', ARRAY[m.photo], ARRAY[m.file], ARRAY[m.path], true) FROM t.map AS m WHERE m.who = '1' AND m.n = 1;
SELECT t.is((SELECT outcome FROM missing_photos.library_mark_present(:'other', ARRAY[m.photo], ARRAY[m.file], ARRAY[m.path],
	ARRAY[true], ARRAY[m.file])), 'changed', 'both ways') FROM t.map AS m WHERE m.who = '1' AND m.n = 1;
RESET ROLE;

-- A trigger of the library's runs as the caller, never as the extension's owner.
CREATE TABLE t.ran_as (role name);
GRANT ALL ON t.ran_as TO contract_app;
CREATE FUNCTION t.note_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO t.ran_as VALUES (current_user);
	RETURN NULL;
END
$$;
SELECT DISTINCT format('CREATE TRIGGER note_role AFTER INSERT OR UPDATE OR DELETE ON %I.%I FOR EACH STATEMENT EXECUTE FUNCTION t.note_role()',
	:'place', value ->> 'name')
  FROM missing_photos.attached_library CROSS JOIN LATERAL jsonb_each(mapping -> 'tables') \gexec
SET ROLE contract_app;
SELECT t.lose('1', '{2}');
SELECT missing_photos.library_job('00000000-0000-0000-0000-000000000001', :'other', 'scan', 'started', 0, 1, NULL);
RESET ROLE;
SELECT t.is(string_agg(DISTINCT role::text, ' '),
	(SELECT CASE WHEN mapping ->> 'flag' = 'own' THEN NULL ELSE 'contract_app' END FROM missing_photos.attached_library),
	'triggers run as the caller; where flags are ours there is nothing to fire them') FROM t.ran_as;
DROP OWNED BY contract_app;
DROP ROLE contract_app;
