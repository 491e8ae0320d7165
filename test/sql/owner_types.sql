-- An owner and a photo may be given as any type: one function each takes them all.
SET client_min_messages = warning;
CREATE EXTENSION missing_photos;
CREATE SCHEMA library;
SELECT missing_photos.attach_library('standalone', 'library');
\set dir `mktemp -d`
\setenv DIR :dir
\! chmod 755 $DIR; touch $DIR/here.jpg
SELECT missing_photos.add_root('/data', :'dir');

-- Owners whose ids end like each other's, with a file that is there and one that isn't.
INSERT INTO library.owners SELECT unnest('{1,2,12,21,112}'::text[]);
INSERT INTO library.owners VALUES ('00000000-0000-0000-0000-000000000abc');
INSERT INTO library.files (owner, hash, path)
SELECT o.owner, md5(f.file) || o.owner, '/data/' || f.file
  FROM library.owners AS o CROSS JOIN unnest('{here.jpg,gone.jpg}'::text[]) AS f(file);
INSERT INTO library.photos (owner, id, main_file)
SELECT owner, md5(path || owner)::uuid, hash FROM library.files;
INSERT INTO library.photo_files SELECT owner, id, main_file FROM library.photos;
CREATE TABLE app_user (id integer, small smallint, big bigint, num numeric, name text, short varchar(9));
INSERT INTO app_user VALUES (12, 12, 12, 12, '12', '12');
CREATE TABLE tenant (id uuid);
INSERT INTO tenant VALUES ('00000000-0000-0000-0000-000000000abc');

-- Each call judges its owner alone.
SELECT missing FROM scan_missing(1);
SELECT string_agg(owner, ' ' ORDER BY owner) FROM library.files WHERE missing;
SELECT missing FROM scan_missing('2');
SELECT string_agg(owner, ' ' ORDER BY owner) FROM library.files WHERE missing;
SELECT (s).missing FROM (SELECT scan_missing(id) AS s FROM app_user OFFSET 0) AS x;
SELECT string_agg(owner, ' ' ORDER BY owner) FROM library.files WHERE missing;
PREPARE untyped AS SELECT missing FROM scan_missing($1);
EXECUTE untyped(21);
EXECUTE untyped('112');
SELECT string_agg(owner, ' ' ORDER BY owner) FROM library.files WHERE missing;
SELECT s.missing FROM tenant CROSS JOIN LATERAL scan_missing(tenant.id) AS s;
SELECT owner, num_photos, num_missing_photos, num_missing_files FROM missing_counts
 ORDER BY length(owner), owner;

-- The other types, and the procedure.
SELECT a.missing, b.missing, c.missing, d.missing, e.missing
  FROM app_user AS u
 CROSS JOIN LATERAL scan_missing(u.small) AS a
 CROSS JOIN LATERAL scan_missing(u.big) AS b
 CROSS JOIN LATERAL scan_missing(u.num) AS c
 CROSS JOIN LATERAL scan_missing(u.name) AS d
 CROSS JOIN LATERAL scan_missing(u.short) AS e;
PREPARE typed(integer, text, uuid, numeric) AS
	SELECT a.missing, b.missing, c.missing, d.missing
	  FROM scan_missing($1) AS a, scan_missing($2) AS b, scan_missing($3) AS c, scan_missing($4) AS d;
EXECUTE typed(1, '2', '00000000-0000-0000-0000-000000000abc', 12);
CALL scan_missing_photos(1);
CALL scan_missing_photos('1');
CALL scan_missing_photos(1::bigint, 10);
CALL scan_missing_photos(1::numeric, batch_size => 1, force => false);
CALL scan_missing_photos('00000000-0000-0000-0000-000000000abc'::uuid);
SELECT owner, count(*), bool_and(state = 'finished') AS finished FROM missing_photos.job
 GROUP BY owner ORDER BY length(owner), owner;

-- The rest of the verbs.
SELECT a ->> 'num_photos' AS a, b ->> 'num_photos' AS b, c ->> 'num_photos' AS c, d ->> 'num_photos' AS d
  FROM photo_stats(12) AS a, photo_stats('12') AS b, photo_stats(12::numeric) AS c,
       photo_stats((SELECT id FROM tenant)) AS d;
SELECT right(file_hash('/data/here.jpg', 12), 2), right(file_hash('/data/here.jpg', '12'), 2),
       substr(file_hash('/data/here.jpg', (SELECT id FROM tenant)), 33);
PREPARE hash_key AS SELECT file_hash($1, $2) = md5('') || '7' AS same;
EXECUTE hash_key('/data/here.jpg', 7);
SELECT c.path, c.state FROM library.photos AS p CROSS JOIN LATERAL check_files(p.id) AS c
 WHERE p.owner = '12' ORDER BY c.path;
SELECT c.path, c.state FROM library.photos AS p CROSS JOIN LATERAL check_files(p.id::text) AS c
 WHERE p.owner = '12' ORDER BY c.path;
PREPARE photo AS SELECT path, state FROM check_files($1);
EXECUTE photo(md5('/data/here.jpg12')::uuid);
SELECT photo_paths(id), photo_paths(id::text), media_error(id), media_error(id::text)
  FROM library.photos WHERE id = md5('/data/here.jpg12')::uuid;

\! rm -r $DIR
DROP EXTENSION missing_photos;
SET client_min_messages = error;
DROP SCHEMA library CASCADE;
DROP TABLE app_user, tenant;
DEALLOCATE ALL;
