-- A scan writes the changed columns of changed rows, and nothing else; a second scan writes nothing.
SET client_min_messages = warning;
CREATE EXTENSION missing_photos;
CREATE SCHEMA library;
SELECT missing_photos.attach_library('standalone', 'library');
\set dir `mktemp -d`
\setenv DIR :dir
\! chmod 755 $DIR; cd $DIR; mkdir aside; for n in $(seq 40); do printf $n >$n.jpg; printf x$n >$n.xmp; done
SELECT missing_photos.add_root('/data', :'dir');
INSERT INTO library.owners VALUES ('1'), ('2');
INSERT INTO library.files (owner, hash, path, type)
SELECT '1', md5(t.mark || n) || '1', format('/data/%s.%s', n, t.ending), t.kind
  FROM generate_series(1, 40) AS n
 CROSS JOIN (VALUES ('', 'jpg', 'image'), ('x', 'xmp', 'metadata')) AS t(mark, ending, kind);
INSERT INTO library.photos (owner, id, main_file)
SELECT '1', md5('photo' || n)::uuid, md5(n::text) || '1' FROM generate_series(1, 40) AS n;
INSERT INTO library.photo_files
SELECT '1', md5('photo' || n)::uuid, md5(mark || n) || '1'
  FROM generate_series(1, 40) AS n CROSS JOIN unnest('{"",x}'::text[]) AS mark;
INSERT INTO library.albums (owner, id, kind, cover_photo, photo_count)
VALUES ('1', md5('album')::uuid, 'user', md5('photo5')::uuid, 40);
INSERT INTO library.album_photos SELECT '1', md5('album')::uuid, id FROM library.photos;

-- What is written, by triggers that the application could have too: the columns that differ.
CREATE TABLE written (name text, op text, columns text);
CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO written
	SELECT tg_relname, tg_op, CASE WHEN tg_op = 'UPDATE' THEN
	       COALESCE((SELECT string_agg(o.key, ',' ORDER BY o.key)
	                   FROM jsonb_each(to_jsonb(old)) AS o JOIN jsonb_each(to_jsonb(new)) AS n USING (key)
	                  WHERE o.value <> n.value), 'no column') END;
	RETURN NULL;
END
$$;
SELECT format('CREATE TRIGGER note_write AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION note_write()',
              oid::regclass)
  FROM pg_class WHERE relnamespace = 'library'::regnamespace AND relkind = 'r' AND relname <> 'jobs'
 ORDER BY oid
\gexec
CREATE VIEW writes AS
	SELECT name, op, columns, count(*) FROM written GROUP BY name, op, columns
	 ORDER BY name COLLATE "C", op, columns;

-- Nothing is missing: nothing is written.
SELECT files, missing FROM scan_missing(1);
CALL scan_missing_photos(1, 7);
SELECT count(*) FROM check_files(md5('photo5')::uuid);
SELECT * FROM writes;

-- The pointer stays where no media file is left: so a lost main file changes a flag and a link.
\! cd $DIR; mv 5.jpg 6.jpg 7.xmp aside
SELECT missing FROM scan_missing(1);
SELECT * FROM writes;
TRUNCATE written;
SELECT missing FROM scan_missing(1);
CALL scan_missing_photos(1, 7);
SELECT count(*) FROM check_files(md5('photo5')::uuid);
SELECT * FROM writes;

-- A photo with another media file: its pointer changes as well.
\! cd $DIR; printf raw >8.cr2
INSERT INTO library.files (owner, hash, path, type) VALUES ('1', md5('raw') || '1', '/data/8.cr2', 'raw');
INSERT INTO library.photo_files VALUES ('1', md5('photo8')::uuid, md5('raw') || '1');
TRUNCATE written;
\! cd $DIR; mv 8.jpg aside
CALL scan_missing_photos(1, 7);
SELECT * FROM writes;

-- Back: the same, the other way round.
TRUNCATE written;
\! cd $DIR; mv aside/* .
SELECT restored FROM scan_missing(1);
SELECT * FROM writes;
TRUNCATE written;
SELECT restored FROM scan_missing(1);
SELECT * FROM writes;

-- The extension's own rows aren't written again either where nothing changed.
SELECT string_agg(ctid::text || xmin::text, ',' ORDER BY file) AS before FROM missing_photos.file_identity \gset
SELECT string_agg(ctid::text || xmin::text, ',' ORDER BY folder) AS folders FROM missing_photos.known_folder \gset
SELECT restored FROM scan_missing(1);
SELECT string_agg(ctid::text || xmin::text, ',' ORDER BY file) = :'before' AS unchanged FROM missing_photos.file_identity;
SELECT string_agg(ctid::text || xmin::text, ',' ORDER BY folder) = :'folders' AS unchanged FROM missing_photos.known_folder;
SELECT count(*) AS losses FROM missing_photos.loss;

-- An application that finds its file by itself, without us, leaves no loss behind.
\! cd $DIR; mv 5.jpg aside
SELECT missing FROM scan_missing(1);
\! cd $DIR; mv aside/* .
INSERT INTO library.photo_files SELECT '1', md5('photo5')::uuid, md5('5') || '1';
UPDATE library.files SET missing = false WHERE missing;
TRUNCATE written;
SELECT missing, restored FROM scan_missing(1);
SELECT * FROM writes;
SELECT count(*) AS losses FROM missing_photos.loss;

-- A function inside a transaction that is rolled back leaves nothing.
\! cd $DIR; mv 9.jpg aside
BEGIN;
SELECT missing FROM scan_missing(1);
ROLLBACK;
SELECT * FROM writes;
SELECT count(*) AS losses FROM missing_photos.loss;

\! rm -r $DIR
DROP VIEW writes;
DROP TABLE written;
DROP EXTENSION missing_photos;
SET client_min_messages = error;
DROP SCHEMA library CASCADE;
DROP FUNCTION note_write();
