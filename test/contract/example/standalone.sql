-- The standalone tables: made where there are none, by whoever may, and theirs.

CREATE ROLE contract_admin IN ROLE pg_read_server_files;
GRANT USAGE ON SCHEMA missing_photos, t TO contract_admin;
CREATE SCHEMA hers;
GRANT USAGE, CREATE ON SCHEMA hers TO contract_admin;
CREATE SCHEMA others;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA t TO contract_admin;
SET ROLE contract_admin;
SELECT t.throws('SELECT missing_photos.attach_library(''standalone'', ''others'')', '42501', 'not in a schema where one may not');
SELECT t.throws('SELECT missing_photos.attach_library(''standalone'', ''nowhere'')', '3F000', 'nor where there is none');
SELECT missing_photos.attach_library('standalone', 'hers');
RESET ROLE;
SELECT t.is(string_agg(DISTINCT tableowner::text, ' ') || ' ' || count(*), 'contract_admin 12', 'the tables are the caller''s')
  FROM pg_tables WHERE schemaname = 'hers';
SELECT t.ok(count(*) = 12 AND bool_and(obj_description(oid, 'pg_class') <> ''), 'each has a comment')
  FROM pg_class WHERE relnamespace = 'hers'::regnamespace AND relkind = 'r';

-- What a distributed table can't have: a unique index or a foreign key that isn't led by the owner.
SELECT t.is(string_agg(c.relname, ' '), NULL, 'every unique index is led by the owner')
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
 WHERE c.relnamespace = 'hers'::regnamespace AND i.indisunique
   AND 'owner' <> (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = i.indkey[0]);
SELECT t.is(string_agg(conname, ' '), NULL, 'and every foreign key, on both sides')
  FROM pg_constraint AS f
 WHERE f.connamespace = 'hers'::regnamespace AND f.contype = 'f'
   AND ('owner' <> (SELECT attname FROM pg_attribute WHERE attrelid = f.conrelid AND attnum = f.conkey[1])
        OR 'owner' <> (SELECT attname FROM pg_attribute WHERE attrelid = f.confrelid AND attnum = f.confkey[1]));
INSERT INTO hers.owners VALUES ('1');
SELECT t.throws('INSERT INTO hers.files (owner, hash) VALUES (''1'', md5(''x'') || ''21'')', '23514 without a hint',
	'a file''s key ends in its owner');
SELECT missing_photos.attach_library('standalone', 'hers');
SELECT t.is((SELECT count(*)::text FROM hers.owners), '1', 'attached again: what is there stays');
CREATE TABLE others.photos (id integer);
SELECT t.throws('SELECT missing_photos.attach_library(''standalone'', ''others'')', '42P01',
	'nothing is put beside somebody else''s photos');
SELECT missing_photos.detach_library();
DROP OWNED BY contract_admin CASCADE;
DROP ROLE contract_admin;
