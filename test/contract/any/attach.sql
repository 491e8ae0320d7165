-- attach_library, detach_library, check_library: errors, grants, changes under us.

SELECT preset, library_schema AS place FROM missing_photos.attached_library \gset
SELECT mapping #>> '{tables,photo,name}' AS photo_table, mapping #>> '{tables,photo,columns,key}' AS photo_key,
       COALESCE(mapping #>> '{tables,file,name}', mapping #>> '{tables,photo,name}') AS file_table,
       COALESCE(mapping #>> '{tables,file,columns,path}', mapping #>> '{tables,photo,columns,path}',
                mapping #>> '{tables,photo,columns,relative}') AS path_column
  FROM missing_photos.attached_library \gset
SELECT t.ok(missing_photos.check_library() IS NOT NULL, 'check_library: an attached library is in order');
SELECT t.is((SELECT count(*)::text FROM missing_photos.contract_functions()), '31', 'all functions are there');
SELECT t.ok((SELECT bool_and(acl IS NOT NULL AND NOT EXISTS (
	SELECT FROM aclexplode(acl) AS p WHERE p.grantee = 0)) FROM missing_photos.contract_functions()),
	'none of them is PUBLIC''s');
SELECT t.ok((SELECT bool_and(obj_description(function, 'pg_proc') <> '') FROM missing_photos.contract_functions()),
	'each has a comment');
SELECT t.throws('SELECT missing_photos.attach_library(''picasa'')', '22023', 'an unknown preset');
SELECT t.throws('SELECT missing_photos.attach_library(NULL)', '22023', 'no preset');
SELECT t.throws(format('SELECT missing_photos.attach_library(%L, ''nowhere'')', :'preset'), '3F000', 'no such schema');
CREATE SCHEMA empty;
SELECT t.throws(format('SELECT missing_photos.attach_library(%L, ''empty'')', p), '42P01',
	'a schema without such a library: ' || p) FROM unnest('{librephotos,immich}'::text[]) AS p;
SELECT t.throws(format('SELECT missing_photos.attach_library(%L, %L)', p, :'place'), '42P01',
	'the wrong application''s: ' || p)
  FROM unnest('{librephotos,immich}'::text[]) AS p WHERE p <> :'preset';
SELECT t.is((SELECT preset FROM missing_photos.attached_library), :'preset', 'a failed attach leaves all as it was');

-- The library changes under us.
BEGIN;
SELECT format('ALTER TABLE %I.%I ADD COLUMN something_new integer', :'place', :'photo_table') \gexec
SELECT t.ok(missing_photos.check_library() IS NOT NULL, 'a column that is no concern of ours');
ROLLBACK;
BEGIN;
SELECT format('ALTER TABLE %I.%I RENAME COLUMN %I TO elsewhere', :'place', :'file_table', :'path_column') \gexec
SELECT t.throws('SELECT missing_photos.check_library()', '55000', 'a column renamed');
SELECT t.throws(format('SELECT missing_photos.attach_library(%L, %L)', :'preset', :'place'), '42703',
	'which attach_library misses');
ROLLBACK;
BEGIN;
SELECT format('ALTER TABLE %I.%I ALTER COLUMN %I TYPE %s', :'place', :'file_table', :'path_column',
              CASE WHEN :'preset' = 'paperless' THEN 'text' ELSE 'varchar(4000)' END) \gexec
SELECT t.throws('SELECT missing_photos.check_library()', '55000', 'a column of another type');
SELECT missing_photos.attach_library(:'preset', :'place');
SELECT t.ok(missing_photos.check_library() IS NOT NULL, 'attached again: in order');
SELECT t.is((SELECT count(*)::text FROM t.map AS m
              CROSS JOIN LATERAL missing_photos.library_photo_files(m.photo) AS f
              WHERE m.who = '12' AND m.n = 1), '1', 'and it reads the changed library');
ROLLBACK;
BEGIN;
SELECT format('ALTER SCHEMA %I RENAME TO renamed', :'place') WHERE :'place' <> 'public' \gexec
SELECT format('ALTER TABLE %I.%I RENAME TO renamed', :'place', :'photo_table') WHERE :'place' = 'public' \gexec
SELECT t.throws('SELECT missing_photos.check_library()', '55000', 'tables that are gone');
ROLLBACK;

-- Who may, and grants that last.
CREATE ROLE contract_app;
CREATE ROLE contract_admin IN ROLE pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.library_owners() TO contract_app;
GRANT USAGE ON SCHEMA missing_photos TO contract_app, contract_admin;
SELECT t.ok(NOT has_function_privilege('contract_app', f, 'EXECUTE'), 'an application may not call ' || f)
  FROM unnest(ARRAY['missing_photos.attach_library(text,text)', 'missing_photos.detach_library()',
                    'missing_photos.contract_attach(text,name)']) AS f;
SET ROLE contract_admin;
SELECT missing_photos.attach_library(:'preset', :'place');
RESET ROLE;
SELECT t.ok(true, 'a member of pg_read_server_files may attach');
SELECT t.ok((SELECT bool_and(has_function_privilege('contract_app', function, 'EXECUTE'))
               FROM missing_photos.contract_functions()), 'who could call them before can after');
SELECT t.ok((SELECT bool_and(NOT has_function_privilege('contract_admin', function, 'EXECUTE'))
               FROM missing_photos.contract_functions()), 'who couldn''t still can''t');
SELECT t.is((SELECT string_agg(DISTINCT pg_get_userbyid(owner), ' ') FROM missing_photos.contract_functions()),
	'postgres', 'the functions are the extension owner''s, whoever attached');
DROP OWNED BY contract_app, contract_admin;
DROP ROLE contract_app, contract_admin;

-- Strange names are only strange names.
BEGIN;
SELECT format('ALTER SCHEMA %I RENAME TO "o''dd $body$ {photo} %%s"', :'place') \gexec
SET LOCAL search_path = "o'dd $body$ {photo} %s";
SELECT missing_photos.attach_library(:'preset', 'o''dd $body$ {photo} %s');
SELECT t.is((SELECT count(*)::text FROM t.map AS m
              CROSS JOIN LATERAL missing_photos.library_photo_files(m.photo) AS f
              WHERE m.who = '12' AND m.n = 10 AND m.kind = 'image'),
	(SELECT count(DISTINCT photo || file)::text FROM t.map WHERE who = '12' AND n = 10
	    AND ((SELECT mapping ->> 'shape' FROM missing_photos.attached_library) = 'linked' OR kind = 'image')),
	'a schema with a hostile name');
SELECT t.ok(t.lose('12', '{10}', '{image}') LIKE '10 image changed%', 'and marks in it');
ROLLBACK;

-- Detached.
SELECT t.keep('library');
SELECT missing_photos.detach_library();
SELECT t.is((SELECT count(*)::text FROM missing_photos.contract_functions()), '0', 'detached: no functions');
SELECT t.throws('SELECT missing_photos.check_library()', '55000', 'detached: check_library says so');
SELECT missing_photos.detach_library();
SELECT missing_photos.attach_library(:'preset', :'place');
SELECT t.is(t.changes('library'), 'nothing', 'detached and attached again: the library is as it was');
DROP EXTENSION missing_photos;
SELECT t.is((SELECT count(*)::text FROM pg_proc WHERE proname ^@ 'library_'), '0', 'DROP EXTENSION takes the functions');
SELECT t.is((SELECT count(*)::text FROM pg_namespace WHERE nspname = 'missing_photos'), '0', 'and the schema');
