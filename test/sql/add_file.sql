-- add_file: what an importer calls for each file it discovers.
SET client_min_messages = warning;
CREATE EXTENSION missing_photos;
\set SHOW_CONTEXT never
CREATE SCHEMA library;
SELECT missing_photos.attach_library('standalone', 'library');
\set dir `mktemp -d`
\setenv DIR :dir
\! chmod 755 $DIR; cd $DIR; mkdir a b; for f in a/one.jpg a/two.mp4 a/pair.jpg; do printf $f >$f; done
SELECT missing_photos.add_root('/data', :'dir');
INSERT INTO library.owners VALUES ('1'), ('2');
CREATE VIEW shown AS
	SELECT p.owner, f.path, f.type, f.size, f.missing, p.main_file = f.hash AS main, p.video, p.removed, p.in_trash,
	       dense_rank() OVER (ORDER BY p.added_at, p.id) AS photo
	  FROM library.photos AS p
	  LEFT JOIN library.photo_files AS l ON l.owner = p.owner AND l.photo = p.id
	  LEFT JOIN library.files AS f ON f.owner = l.owner AND f.hash = l.file
	 ORDER BY p.owner, f.path COLLATE "C";

-- New files.
SELECT action, photo IS NOT NULL AS photo FROM add_file(1, '/data/a/one.jpg');
SELECT action, photo IS NOT NULL AS photo FROM add_file(1, '/data/a/two.mp4');
SELECT action FROM add_file(1, '/data/a/pair.jpg');
SELECT action, photo = (SELECT photo FROM add_file(1, '/data/a/pair.jpg')) AS same FROM add_file('1', '/data/a/pair.jpg');
\! cd $DIR/a; printf raw >pair.CR2; printf side >pair.xmp; printf more >pair.jpg.xmp; printf text >notes.txt; printf alone >alone.xmp
SELECT action FROM add_file(1, '/data/a/pair.CR2');
SELECT action FROM add_file(1, '/data/a/pair.xmp');
SELECT action FROM add_file(1, '/data/a/pair.jpg.xmp');
SELECT * FROM add_file(1, '/data/a/notes.txt');
SELECT * FROM add_file(1, '/data/a/alone.xmp');
SELECT * FROM shown;

-- The same content for another owner is another owner's photo.
\! cd $DIR; cp a/one.jpg b/one.jpg
SELECT action FROM add_file(2, '/data/b/one.jpg');
SELECT count(DISTINCT photo) FROM shown WHERE owner = '2';
-- A path that is somebody's, with another content.
\! cd $DIR; printf another >a/one.jpg
SELECT * FROM add_file(1, '/data/a/one.jpg');
SELECT * FROM add_file(2, '/data/a/one.jpg');
\! cd $DIR; printf a/one.jpg >a/one.jpg

-- A further copy.
\! cd $DIR; cp a/one.jpg a/copy.jpg
SELECT action FROM add_file(1, '/data/a/copy.jpg');
SELECT path FROM missing_photos.known_copy;
SELECT path FROM library.files WHERE owner = '1' AND hash = md5('a/one.jpg') || '1';

-- Losing the one that the library names isn't losing the content, as long as a copy is one.
\! cd $DIR; mv a/one.jpg one.aside; printf edited__ >a/copy.jpg
SELECT missing, restored FROM scan_missing(1);
\! cd $DIR; mv one.aside a/one.jpg; cp a/one.jpg a/copy.jpg
SELECT missing, restored FROM scan_missing(1);
\! cd $DIR; rm a/one.jpg
SELECT missing, restored FROM scan_missing(1);
SELECT path FROM shown WHERE owner = '1' AND path LIKE '%.jpg';
SELECT path, new_path, old_state, new_state FROM missing_photos.findings WHERE new_path <> '';
SELECT count(*) FROM missing_photos.known_copy;
\! cd $DIR; mv a/copy.jpg a/one.jpg
SELECT action FROM add_file(1, '/data/a/one.jpg');
\! cd $DIR; cp a/one.jpg a/copy.jpg
SELECT action FROM add_file(1, '/data/a/copy.jpg');
\! cd $DIR; rm a/one.jpg
SELECT path, state FROM check_files((SELECT l.photo FROM library.photo_files AS l WHERE l.file = md5('a/one.jpg') || '1'));
SELECT path FROM shown WHERE owner = '1' AND path LIKE '%.jpg';
\! cd $DIR; mv a/copy.jpg a/one.jpg
SELECT action FROM add_file(1, '/data/a/one.jpg');
DELETE FROM missing_photos.finding;

-- Moved, and moved after a scan found it missing: albums and the photo's key stay.
INSERT INTO library.albums (owner, id, kind) VALUES ('1', md5('album')::uuid, 'user');
INSERT INTO library.album_photos SELECT '1', md5('album')::uuid, id FROM library.photos WHERE owner = '1';
CREATE TABLE before AS SELECT * FROM library.photos;
\! cd $DIR; mv a/two.mp4 b/two.mp4
SELECT action FROM add_file(1, '/data/b/two.mp4');
\! cd $DIR; mv a/pair.jpg b/pair.jpg; mv a/pair.CR2 b/pair.CR2
SELECT missing FROM scan_missing(1);
SELECT * FROM shown WHERE path LIKE '%pair%';
SELECT action FROM add_file(1, '/data/b/pair.CR2');
SELECT action FROM add_file(1, '/data/b/pair.jpg');
SELECT * FROM shown WHERE owner = '1';
SELECT count(*) FROM (SELECT * FROM before EXCEPT SELECT * FROM library.photos) AS changed;
SELECT count(*) FROM library.album_photos;
SELECT path, new_path, old_state, new_state FROM missing_photos.findings WHERE new_path <> '' ORDER BY path COLLATE "C";
SELECT num_missing_files FROM missing_counts WHERE owner = '1';
SELECT missing, restored FROM scan_missing(1);

-- Back at its own path; the rest of the photo's files are looked at too.
\! cd $DIR; mv b/pair.jpg aside.jpg; mv a/pair.xmp aside.xmp
SELECT missing FROM scan_missing(1);
\! cd $DIR; mv aside.jpg b/pair.jpg; mv aside.xmp a/pair.xmp
SELECT action FROM add_file(1, '/data/b/pair.jpg');
SELECT path FROM shown WHERE path LIKE '%pair%';

-- A photo whose files its user had removed.
\! cd $DIR; mv b/two.mp4 aside.mp4
UPDATE library.photos SET removed = true, in_trash = true, main_file = NULL WHERE video;
SELECT missing FROM scan_missing(1);
\! cd $DIR; mv aside.mp4 b/two.mp4
SELECT action FROM add_file(1, '/data/b/two.mp4');
SELECT path, main, removed, in_trash FROM shown WHERE video;

-- What can't be added.
SELECT add_file(NULL, '/data/a/one.jpg');
SELECT add_file(1, NULL);
SELECT add_file(3, '/data/a/one.jpg');
SELECT add_file(1, '/data/a/nothing.jpg');
SELECT add_file(1, '/etc/passwd');
SELECT add_file(1, '/data/../etc/passwd');
SELECT add_file(1, '/data/a');
SELECT add_file(1, 'a/one.jpg');
SELECT add_file(1, '');
\! mv $DIR $DIR.offline
SELECT add_file(1, '/data/a/one.jpg');
\! mv $DIR.offline $DIR
SELECT action FROM add_file(1, '/data/a/one.jpg');

\! rm -r $DIR
DROP TABLE before;
DROP VIEW shown;
DROP EXTENSION missing_photos;
SET client_min_messages = error;
DROP SCHEMA library CASCADE;
