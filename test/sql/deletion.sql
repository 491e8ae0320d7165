-- Deleting from a schema that nobody foresaw: hostile names, every delete rule, composite and circular
-- keys, partitions, inheritance, generated columns, triggers, row-level security; and the way back.
SET client_min_messages = warning;
CREATE EXTENSION missing_photos;
CREATE FUNCTION delete_unasked(uuid, text, text[], text[]) RETURNS text
	LANGUAGE c AS '$libdir/missing_photos', 'missing_photos_delete_unasked';
CREATE SCHEMA "we""ird {photo}";
SET search_path = "we""ird {photo}", public;
CREATE TABLE "user'" (number bigint PRIMARY KEY, folder text);
CREATE TABLE "im.age" (
	"order" bigint PRIMARY KEY, location text, sort "char" NOT NULL, lost boolean NOT NULL DEFAULT false);
CREATE TABLE "select" (
	"from" text COLLATE "C" PRIMARY KEY, account bigint NOT NULL REFERENCES "user'",
	shown bigint REFERENCES "im.age", film boolean NOT NULL DEFAULT false,
	twin text REFERENCES "select", "group" int NOT NULL DEFAULT 1, UNIQUE (account, "from"));
CREATE TABLE "picture%I" (
	"$1" text NOT NULL REFERENCES "select", image bigint NOT NULL REFERENCES "im.age", PRIMARY KEY ("$1", image));
CREATE FUNCTION missing_photos.preset_weird(library_schema name) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT '{
		"application": "Weird", "shape": "linked",
		"tables": {
			"owner": {"name": "user''", "columns": {"key": "number"}, "optional": {"folder": "folder"}},
			"photo": {"name": "select", "columns": {"key": "from", "owner": "account", "main": "shown", "video": "film"}},
			"file": {"name": "im.age", "columns": {"key": "order", "path": "location", "type": "sort", "missing": "lost"}},
			"link": {"name": "picture%I", "columns": {"photo": "$1", "file": "image"}}
		},
		"file_types": {"image": "p", "video": "f", "raw": "r", "metadata": "x"}
	}'::jsonb
$$;

-- What hangs on a photo: each rule once, and each kind of table.
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.cascades (id int PRIMARY KEY, photo text REFERENCES "select" ON DELETE CASCADE);
CREATE TABLE below (id int PRIMARY KEY, up int NOT NULL REFERENCES elsewhere.cascades,
	reply int REFERENCES below ON DELETE CASCADE);
CREATE TABLE nulls (id int PRIMARY KEY, photo text REFERENCES "select" ON DELETE SET NULL);
CREATE TABLE defaults (id int PRIMARY KEY, photo text DEFAULT 'stays' REFERENCES "select" ON DELETE SET DEFAULT);
CREATE TABLE unforeseen_null (id int PRIMARY KEY, photo text REFERENCES "select");
CREATE TABLE unforeseen_not_null (id int PRIMARY KEY, photo text NOT NULL REFERENCES "select");
CREATE TABLE restricts (id int PRIMARY KEY, photo text NOT NULL REFERENCES "select" ON DELETE RESTRICT);
CREATE TABLE composite (id int PRIMARY KEY, account bigint NOT NULL, photo text,
	FOREIGN KEY (account, photo) REFERENCES "select" (account, "from"));
CREATE TABLE no_key (photo text REFERENCES "select", note text);
CREATE TABLE parts (id int, photo text REFERENCES "select" ON DELETE CASCADE, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (10) TO (100);
CREATE TABLE of_parts (id int PRIMARY KEY, part int REFERENCES parts ON DELETE CASCADE);
CREATE TABLE base (id int PRIMARY KEY, photo text REFERENCES "select" ON DELETE CASCADE);
CREATE TABLE inherits (more text) INHERITS (base);
CREATE TABLE exact (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, photo text NOT NULL REFERENCES "select" DEFERRABLE INITIALLY DEFERRED,
	twice int GENERATED ALWAYS AS (id * 2) STORED, f8 float8, f4 float4, n numeric, j json, jb jsonb, b bytea,
	ts timestamptz, t time, i interval, a text[], fa float8[], u uuid, c char(5), vc varchar(9), ch "char", m money, bits bit(3),
	r int4range, p point, nothing text);
CREATE TYPE mood AS ENUM ('so', 'so so');
CREATE DOMAIN short AS varchar(5) CHECK (value <> '');
CREATE TABLE own_types (id short PRIMARY KEY, mood mood, photo text NOT NULL REFERENCES "select");

INSERT INTO "user'" VALUES (1, '/data/1'), (2, '/data/2');
INSERT INTO "im.age" SELECT n, '/data/1/' || n, 'p', n IN (1, 2, 3) FROM generate_series(1, 6) AS n;
INSERT INTO "select" (account, "from", shown) VALUES (1, 'stays', 4), (1, 'gone', 1), (1, 'Gone"', 2), (2, 'theirs', 5);
UPDATE "select" SET twin = 'gone' WHERE "from" IN ('stays', 'Gone"', 'gone');
INSERT INTO "picture%I" VALUES ('stays', 4), ('theirs', 5);
INSERT INTO elsewhere.cascades VALUES (1, 'gone'), (2, 'stays'), (3, 'Gone"');
INSERT INTO below VALUES (1, 1, NULL), (2, 1, 1), (3, 2, NULL), (4, 3, 2), (5, 2, 4);
INSERT INTO nulls VALUES (1, 'gone'), (2, 'stays');
INSERT INTO defaults VALUES (1, 'gone'), (2, 'stays');
INSERT INTO unforeseen_null VALUES (1, 'gone'), (2, 'stays');
INSERT INTO unforeseen_not_null VALUES (1, 'gone'), (2, 'stays');
INSERT INTO restricts VALUES (1, 'gone'), (2, 'theirs');
INSERT INTO composite VALUES (1, 1, 'gone'), (2, 1, 'stays');
INSERT INTO no_key VALUES ('gone', 'one'), ('gone', 'one'), ('stays', 'one');
INSERT INTO parts VALUES (1, 'gone'), (11, 'Gone"'), (12, 'stays');
INSERT INTO of_parts VALUES (1, 1), (2, 11), (3, 12);
INSERT INTO base VALUES (1, 'gone'), (2, 'stays');
INSERT INTO inherits VALUES (3, 'gone', 'more');
SET extra_float_digits = 0;
SET datestyle = 'SQL, DMY';
SET intervalstyle = 'sql_standard';
SET timezone = 'America/St_Johns';
SET bytea_output = 'escape';
INSERT INTO exact (photo, f8, f4, n, j, jb, b, ts, t, i, a, fa, u, c, vc, ch, m, bits, r, p)
	VALUES ('gone', 0.1::float8 + 0.2, 1e-45, 'NaN', '{ "b":1,  "a": null }', 'null', '\x00ff27', '0001-01-02 03:04:05.678901+00 BC',
	        '24:00', '-1 days +02:03:04.5', '{"a,b",NULL,"\"",""}', '{NaN,-Infinity,0.30000000000000004}', '00000000-0000-0000-0000-000000000001', 'ab', '  x ',
	        '\351', 12.34, '101', '(1,5]', '(1.1,2)');
INSERT INTO own_types VALUES ('a', 'so so', 'gone');
RESET ALL;
SET search_path = "we""ird {photo}", public;
SET client_min_messages = warning;
SELECT missing_photos.attach_library('weird', 'we"ird {photo}');

CREATE FUNCTION rows_of() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	place regclass;
BEGIN
	FOR place IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('"we""ird {photo}"', 'elsewhere') LOOP
		RETURN QUERY EXECUTE format('SELECT %L || t::text FROM ONLY %s AS t', place, place);
	END LOOP;
END
$$;
CREATE TEMPORARY TABLE start AS SELECT rows_of() AS line;

-- Which photos and files; what would happen to what.
SELECT photo FROM missing_photos.library_missing_photos('1');
SELECT file FROM missing_photos.library_missing_files('1');
SELECT * FROM missing_photos.delete_preview(1) ORDER BY relation COLLATE "C", action;
SELECT count(*) FROM missing_photos.delete_preview(2);

-- All of it, only it.
SELECT delete_unasked('00000000-0000-0000-0000-000000000001', '1', '{gone,"Gone\"",stays,theirs,nobody}', '{1,2,3,4,5}');
SELECT line FROM (SELECT line FROM start EXCEPT ALL SELECT rows_of()) AS d
 WHERE line !~ '^exact' ORDER BY line COLLATE "C";
SELECT line AS come FROM (SELECT rows_of() AS line EXCEPT ALL SELECT line FROM start) AS d
 ORDER BY line COLLATE "C";

-- And back, whatever the session's settings; a column that came since keeps its default.
ALTER TABLE unforeseen_not_null ADD COLUMN since int DEFAULT 7;
SELECT photos, files, rows, rows_kept, bytes > 0 AS has_bytes FROM missing_photos.archives;
SET extra_float_digits = -5;
SET datestyle = 'German';
SET intervalstyle = 'sql_standard';
SET bytea_output = 'escape';
SELECT relation, outcome, rows, key FROM missing_photos.undo_delete('00000000-0000-0000-0000-000000000001')
 ORDER BY relation COLLATE "C", outcome;
RESET extra_float_digits;
RESET datestyle;
RESET intervalstyle;
RESET bytea_output;
SELECT * FROM unforeseen_not_null ORDER BY id;
ALTER TABLE unforeseen_not_null DROP COLUMN since;
SELECT line AS lost FROM (SELECT line FROM start EXCEPT ALL SELECT rows_of()) AS d;
SELECT line AS new FROM (SELECT rows_of() AS line EXCEPT ALL SELECT line FROM start) AS d;
SELECT rows_kept, undone_at IS NOT NULL AS undone FROM missing_photos.archives;
SELECT * FROM missing_photos.undo_delete('00000000-0000-0000-0000-000000000001');

-- After the application went on: what is in the way is named and left as it is.
SELECT delete_unasked('00000000-0000-0000-0000-000000000002', '1', '{gone,"Gone\""}', '{1,2,3}');
INSERT INTO "im.age" VALUES (1, '/data/1/other', 'p');
INSERT INTO unforeseen_not_null VALUES (1, 'stays');
UPDATE nulls SET photo = 'theirs' WHERE id = 1;
DELETE FROM composite WHERE id = 1;
TRUNCATE of_parts;
DROP TABLE no_key;
SELECT relation, outcome, rows, key FROM missing_photos.undo_delete('00000000-0000-0000-0000-000000000002')
 WHERE outcome <> 'restored' ORDER BY relation COLLATE "C", outcome;
SELECT * FROM nulls ORDER BY id;
SELECT * FROM "im.age" WHERE "order" IN (1, 2) ORDER BY 1;
SELECT * FROM unforeseen_not_null ORDER BY id;
-- Once it is out of the way, the rest comes too.
DELETE FROM unforeseen_not_null WHERE id = 1;
SELECT relation, outcome, rows, key FROM missing_photos.undo_delete('00000000-0000-0000-0000-000000000002')
 WHERE relation ~ 'unforeseen' ORDER BY relation COLLATE "C", outcome;
SELECT * FROM unforeseen_not_null ORDER BY id;

-- A trigger that keeps a photo keeps all that belongs to it; others see what goes as usual.
CREATE TABLE seen (what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO seen VALUES (tg_op || ' ' || tg_table_name || ' ' || current_user || ' ' || pg_trigger_depth());
	RETURN old;
END
$$;
CREATE TRIGGER note BEFORE DELETE ON elsewhere.cascades FOR EACH ROW EXECUTE FUNCTION note();
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep BEFORE DELETE ON "select" FOR EACH ROW WHEN (old."from" = 'gone') EXECUTE FUNCTION keep();
SELECT delete_unasked('00000000-0000-0000-0000-000000000003', '1', '{gone}', '{}');
SELECT count(*) FROM elsewhere.cascades WHERE photo = 'gone';
DROP TRIGGER keep ON "select";
BEGIN;
SELECT delete_unasked('00000000-0000-0000-0000-000000000003', '1', '{gone}', '{}') ~ 'photos 1';
SELECT * FROM seen;
ROLLBACK;
SELECT count(*) FROM missing_photos.archives WHERE job_id = '00000000-0000-0000-0000-000000000003';

-- Row-level security: what the caller can't see can't be archived, so nothing goes.
CREATE ROLE regress_mp_tenant;
SELECT missing_photos.grant_application('regress_mp_tenant');
GRANT USAGE ON SCHEMA "we""ird {photo}", elsewhere, public TO regress_mp_tenant;
GRANT ALL ON ALL TABLES IN SCHEMA "we""ird {photo}", elsewhere TO regress_mp_tenant;
ALTER TABLE elsewhere.cascades ENABLE ROW LEVEL SECURITY;
CREATE POLICY none ON elsewhere.cascades TO regress_mp_tenant USING (id <> 1);
SET ROLE regress_mp_tenant;
SELECT delete_unasked('00000000-0000-0000-0000-000000000004', '1', '{gone}', '{}');
SELECT delete_unasked('00000000-0000-0000-0000-000000000004', '1', '{"Gone\""}', '{}');
SELECT relation, outcome, rows FROM missing_photos.undo_delete('00000000-0000-0000-0000-000000000004')
 ORDER BY relation COLLATE "C";
SELECT missing_photos.purge_archive();
RESET ROLE;
ALTER TABLE elsewhere.cascades DISABLE ROW LEVEL SECURITY;
-- A table the caller may not write.
REVOKE DELETE ON restricts FROM regress_mp_tenant;
SET ROLE regress_mp_tenant;
SELECT delete_unasked('00000000-0000-0000-0000-000000000004', '1', '{gone}', '{}');
RESET ROLE;

-- Where foreign keys don't fire, nothing is left dangling either.
SET session_replication_role = replica;
BEGIN;
SELECT delete_unasked('00000000-0000-0000-0000-000000000005', '1', '{gone,"Gone\""}', '{1,2,3}') ~ 'photos 2';
RESET session_replication_role;
SELECT count(*) FROM unforeseen_not_null AS u WHERE NOT EXISTS (SELECT FROM "select" WHERE "from" = u.photo);
SELECT count(*) FROM parts AS u WHERE NOT EXISTS (SELECT FROM "select" WHERE "from" = u.photo);
ROLLBACK;

-- A photo that stays and can't do without one that goes.
CREATE TABLE needs (photo text PRIMARY KEY REFERENCES "select" ON DELETE CASCADE);
ALTER TABLE "select" ADD COLUMN parent text NOT NULL DEFAULT 'stays' REFERENCES "select" ON DELETE CASCADE;
UPDATE "select" SET parent = 'gone' WHERE "from" = 'theirs';
SELECT delete_unasked('00000000-0000-0000-0000-000000000006', '1', '{gone}', '{}');
UPDATE "select" SET parent = 'stays' WHERE "from" = 'theirs';
SELECT delete_unasked('00000000-0000-0000-0000-000000000006', '1', '{gone}', '{}') ~ 'photos 1';

-- The archive is forgotten in time.
SELECT missing_photos.purge_archive();
SET missing_photos.undo_retention = 0;
SELECT missing_photos.purge_archive() > 0 AS purged;
SELECT count(*) FROM missing_photos.archived_rows;
SELECT count(*) FROM missing_photos.archived_loss;
RESET missing_photos.undo_retention;
SELECT missing_photos.undo_delete('00000000-0000-0000-0000-000000000006');
SELECT missing_photos.undo_delete(NULL);
RESET search_path;
SET client_min_messages = error;
DROP SCHEMA "we""ird {photo}", elsewhere CASCADE;
DROP EXTENSION missing_photos CASCADE;
DROP OWNED BY regress_mp_tenant;
DROP ROLE regress_mp_tenant;
