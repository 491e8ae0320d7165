-- register_library: what it says where it can't be done, and that nothing is left of it then.

CREATE SCHEMA shop;
CREATE TABLE shop.item (id integer PRIMARY KEY, path text, place varchar(20), stamp timestamptz NOT NULL DEFAULT now(), n integer,
	lower text GENERATED ALWAYS AS (lower(path)) STORED, amount numeric, folder uuid, gone timestamptz);
CREATE TABLE shop.two (a integer, b integer, path text, PRIMARY KEY (a, b));
CREATE TABLE shop.folder (id integer PRIMARY KEY, path text);
CREATE TABLE shop.link (item integer, file integer);
CREATE VIEW shop.item_view AS SELECT * FROM shop.item;
CREATE VIEW shop.who AS SELECT n AS id FROM shop.item;
CREATE VIEW shop.somewhere AS SELECT f.id, f.path || o.ending AS path FROM shop.folder AS f CROSS JOIN (VALUES (''), ('/old')) AS o (ending);
CREATE TEMP TABLE brief (id integer PRIMARY KEY, path text, n integer);
CREATE TEMP VIEW brief_owners AS SELECT id FROM shop.folder;
CREATE TABLE public.elsewhere (id integer PRIMARY KEY, path text);
CREATE ROLE contract_admin IN ROLE pg_read_server_files;
CREATE ROLE contract_nobody;
GRANT USAGE ON SCHEMA missing_photos TO contract_admin, contract_nobody;
GRANT USAGE ON SCHEMA shop, t TO contract_admin;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA t TO contract_admin, contract_nobody;
GRANT USAGE ON SCHEMA t TO contract_nobody;

SELECT t.throws(format('SELECT missing_photos.register_library(%s)', call), state, name)
  FROM (VALUES
	('''Shop'', ''shop.item'', path_column => ''path''', '42602', 'a name that is none'),
	('NULL, ''shop.item'', path_column => ''path''', '42602', 'no name'),
	('''immich'', ''shop.item'', path_column => ''path''', '42710', 'a preset''s name'),
	('''shop'', NULL, path_column => ''path''', '22023', 'no table'),
	('''shop'', ''shop.item''', '22023', 'no path'),
	('''shop'', ''shop.item'', path_column => ''file''', '42703', 'a column that isn''t there'),
	('''shop'', ''shop.item'', path_column => ''n''', '42804', 'a path that is a number'),
	('''shop'', ''shop.item'', path_column => ''lower''', '428C9', 'a path that is generated'),
	('''shop'', ''shop.item'', path_column => ''path'', photo_key => ''amount''', '42804', 'a key of another type'),
	('''shop'', ''shop.item'', path_column => ''path'', photo_key => ''n''', '42P16', 'a key that isn''t unique'),
	('''shop'', ''shop.two'', path_column => ''path''', '42703', 'a key of two columns'),
	('''shop'', ''shop.item'', path_column => ''path'', root => ''media''', '22023', 'a relative root'),
	('''shop'', ''shop.item'', path_column => ''path'', root => ''/media/../etc''', '22023', 'a root with ..'),
	('''shop'', ''shop.item'', path_column => ''path'', missing_column => ''n''', '42804', 'a flag that is a number'),
	('''shop'', ''shop.item'', path_column => ''path'', missing_column => ''stamp''', '22023', 'a flag that can''t be unset'),
	('''shop'', ''shop.item'', path_column => ''path'', owner_table => ''shop.folder''', '22023', 'owners of nothing'),
	('''shop'', ''shop.item'', path_column => ''path'', owner_column => ''path'', owner_table => ''shop.folder''', '42804', 'owners of other types'),
	('''shop'', ''shop.item'', directory_column => ''n''', '22023', 'a directory without a name'),
	('''shop'', ''shop.item'', directory_column => ''n'', name_column => ''place''', '22023', 'without a table of directories'),
	('''shop'', ''shop.item'', directory_column => ''folder'', name_column => ''place'', directory_table => ''shop.folder'', directory_path => ''path''',
	 '42804', 'whose keys are of another type'),
	('''shop'', ''shop.item'', path_column => ''path'', link_table => ''shop.link''', '22023', 'a link table without files'),
	('''shop'', ''shop.item'', path_column => ''path'', file_table => ''shop.folder'', link_table => ''shop.link''', '22023', 'a link table without columns'),
	('''shop'', ''shop.item'', path_column => ''path'', digest_column => ''path'', digest_algorithm => ''crc32''', '22023', 'an unknown digest'),
	('''shop'', ''shop.item'', path_column => ''path'', type_column => ''path'', file_types => ''[1]''', '22023', 'types that are no object'),
	('''shop'', ''shop.item'', path_column => ''path'', type_column => ''path'', file_types => ''{"jpg": "1"}''', '22023', 'an unknown type'),
	('''shop'', ''shop.item'', path_column => ''path'', derived_column => ''path''', '22023', 'derived files without a folder'),
	('''shop'', ''shop.item'', path_column => ''path'', missing_column => ''gone'', trash_column => ''gone''', '22023', 'a flag that is the trash, too'),
	('''shop'', ''shop.item'', path_column => ''path'', name_column => ''path''', '22023', 'a path that is the name, too'),
	('''shop'', ''brief'', path_column => ''path''', '42809', 'a temporary table'),
	('''shop'', ''shop.item'', path_column => ''path'', owner_column => ''n'', owner_table => ''brief''', '42809', 'temporary owners'),
	('''shop'', ''shop.item'', path_column => ''path'', owner_column => ''n'', owner_table => ''brief_owners'', owner_key => ''id''', '42809', 'a temporary view'),
	('''shop'', ''shop.item_view'', path_column => ''path''', '42809', 'a view'),
	('''shop'', ''shop.item'', path_column => ''path'', owner_column => ''n'', owner_table => ''public.elsewhere''', '22023', 'tables of two schemas'),
	('''shop'', ''pg_catalog.pg_class'', path_column => ''relname''', '22023', 'a table of the system''s'),
	('''shop'', ''missing_photos.job'', path_column => ''kind''', '22023', 'a table of our own'),
	('''shop'', ''shop.nothing'', path_column => ''path''', '42P01 without a hint', 'a table that isn''t there')
  ) AS c (call, state, name);
SELECT t.is((SELECT count(*) || ' ' || (SELECT count(*) FROM pg_proc WHERE proname = 'preset_shop') FROM missing_photos.attached_library), '0 0',
	'nothing is left of all that');

-- A view that stands for a table has no index that keeps its keys apart: its rows are looked at.
INSERT INTO shop.item (id, path, place, n) VALUES (10, 'a.jpg', 'a.jpg', 7), (11, 'b.jpg', 'b.jpg', 7), (12, 'c.jpg', 'c.jpg', 8);
INSERT INTO shop.folder VALUES (7, '/media/7'), (8, '/media/8');
CREATE FUNCTION t.with_view(owners boolean) RETURNS text LANGUAGE sql AS $$
	SELECT 'SELECT missing_photos.register_library(''shop'', ''shop.item'', owner_column => ''n'', '
		|| CASE WHEN owners THEN 'path_column => ''path'', owner_table => ''shop.who'', owner_key => ''id'')'
		   ELSE 'directory_column => ''n'', name_column => ''place'', directory_table => ''shop.somewhere'', directory_key => ''id'', directory_path => ''path'')' END
$$;
SELECT t.throws(t.with_view(true), '42P16', 'an owner who is there twice');
SELECT t.throws(t.with_view(false), '42P16', 'a directory that is in two places');
CREATE OR REPLACE VIEW shop.who AS SELECT DISTINCT n AS id FROM shop.item UNION ALL SELECT NULL;
SELECT t.throws(t.with_view(true), '42P16', 'an owner who is nobody');
CREATE OR REPLACE VIEW shop.who AS SELECT DISTINCT n AS id FROM shop.item;
CREATE OR REPLACE VIEW shop.somewhere AS SELECT f.id, f.path || '' AS path FROM shop.folder AS f;
BEGIN;
SELECT t.with_view(false) \gexec
SELECT t.is((SELECT string_agg(path, ' ' ORDER BY path) FROM missing_photos.library_files('7')), '/media/7/a.jpg /media/7/b.jpg', 'directories, each once');
CREATE OR REPLACE VIEW shop.somewhere AS SELECT f.id, f.path || o.ending AS path FROM shop.folder AS f CROSS JOIN (VALUES (''), ('/old')) AS o (ending);
SELECT t.throws('SELECT * FROM missing_photos.library_files(''7'')', '21000 without a hint', 'where one is there twice its files can''t be read');
ROLLBACK;
BEGIN;
SELECT t.with_view(true) \gexec
SELECT t.is((SELECT string_agg(owner, ' ' ORDER BY owner) FROM missing_photos.library_owners()), '7 8', 'owners, each once');
ROLLBACK;
BEGIN;
CREATE OR REPLACE VIEW shop.who AS SELECT n AS id FROM shop.item;
SET ROLE contract_admin;
SELECT t.with_view(true) \gexec
RESET ROLE;
SELECT t.is((SELECT count(*)::text FROM missing_photos.attached_library WHERE preset = 'shop'), '1', 'who may not read the view can''t be told');
ROLLBACK;
DELETE FROM shop.item;

-- Preview, register, register again, and what goes when.
SELECT t.is((SELECT string_agg(detail, '; ') FROM missing_photos.register_library('shop', 'shop.item', path_column => 'path', preview => true)
              WHERE part IN ('photos', 'one of the paths')), 'shop.item by id; there is none yet', 'a preview');
SELECT t.is((SELECT count(*)::text FROM missing_photos.attached_library), '0', 'attaches nothing');
INSERT INTO shop.item (id, path, n) VALUES (1, 'a.jpg', 7);
SET ROLE contract_admin;
SELECT t.is((SELECT detail FROM missing_photos.register_library('shop', 'shop.item', path_column => 'path', root => '/media')
              WHERE part = 'one of the paths'), 'not readable for you', 'a member of pg_read_server_files may, and sees no rows it may not read');
RESET ROLE;
SELECT t.is((SELECT detail FROM missing_photos.register_library('shop', 'shop.item', path_column => 'path', root => '/media', owner_column => 'n')
              WHERE part = 'one of the paths'), '/media/a.jpg', 'again, otherwise');
SELECT t.is((SELECT string_agg(owner, ' ') FROM missing_photos.library_owners()), '7', 'the later one counts');
SELECT t.ok(NOT has_function_privilege('contract_nobody', proc.oid, 'EXECUTE'), 'nobody else may: ' || proc.proname)
  FROM pg_proc AS proc WHERE proc.proname IN ('register_library', 'contract_register', 'preset_shop');
SELECT missing_photos.detach_library();
SELECT missing_photos.attach_library('shop', 'shop');
SELECT t.is((SELECT path FROM missing_photos.library_files('7')), '/media/a.jpg', 'detached, and attached by its name');

-- Names and values are only that.
CREATE TABLE shop."o'dd {photo} $body$" ("k{=}y" text PRIMARY KEY, "p'a%sth" text);
INSERT INTO shop."o'dd {photo} $body$" VALUES ('k', 'x.jpg');
SELECT missing_photos.register_library('odd', 'shop."o''dd {photo} $body$"', path_column => 'p''a%sth', root => '/m''{it}/$body$');
SELECT t.is((SELECT path FROM missing_photos.library_files('library')), '/m''{it}/$body$/x.jpg', 'a name or a root may be anything');
SELECT t.is((SELECT photo FROM missing_photos.library_at(ARRAY['/m''{it}/$body$/x.jpg'])), 'k', 'and is looked up by');
-- Nor is a value looked at twice: here {start} would put the root's text among the SQL.
CREATE FUNCTION shop.never() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a value was executed'; END $$;
CREATE TABLE shop.kept (id integer PRIMARY KEY, path text, kind text);
INSERT INTO shop.kept VALUES (1, 'x.jpg', '1');
INSERT INTO shop.link VALUES (1, 1);
SELECT missing_photos.register_library('odd', 'shop.item', file_table => 'shop.kept', link_table => 'shop.link', link_photo => 'item',
	link_file => 'file', path_column => 'path', type_column => 'kind', root => '/pg_catalog.concat(shop.never())||',
	file_types => '{"image": "1{start}1", "video": "{algorithm}", "raw": "{no such}", "metadata": "1{start}1"}');
SELECT t.is((SELECT file || media FROM missing_photos.library_photo_files('1')), '1true', 'a type may be any text');
SELECT missing_photos.register_library('odd', 'shop.item', path_column => 'path', derived_column => 'place', root => '/||shop.never()||',
	derived_root => '/a{start}b');
UPDATE shop.item SET place = 'small.jpg' WHERE id = 1;
SELECT t.is((SELECT path FROM missing_photos.library_derived(ARRAY['1'])), '/a{start}b/small.jpg', 'and so may a folder');
SELECT t.is((SELECT path FROM missing_photos.library_derived_in_use(ARRAY['/a{start}b/small.jpg'], ARRAY[NULL])),
	'/a{start}b/small.jpg', 'both ways');
DROP EXTENSION missing_photos;
SELECT t.is((SELECT count(*)::text FROM pg_proc WHERE proname ^@ 'preset_'), '0', 'DROP EXTENSION takes what was registered');
DROP OWNED BY contract_admin, contract_nobody;
DROP ROLE contract_admin, contract_nobody;
