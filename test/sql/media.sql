-- What a page shows of a photo: its paths, the error in place of its media, an owner's statistics.
SET client_min_messages = warning;
CREATE EXTENSION missing_photos;
\set SHOW_CONTEXT never
CREATE SCHEMA library;
SELECT missing_photos.attach_library('standalone', 'library');
\set dir `mktemp -d`
\setenv DIR :dir
\! chmod 755 $DIR; cd $DIR; for f in image.jpg film.mp4 pair.jpg pair.cr2 pair.xmp; do printf $f >$f; done
SELECT missing_photos.add_root('/data', :'dir');
INSERT INTO library.owners VALUES ('1');
INSERT INTO library.files (owner, hash, path, type)
SELECT '1', md5(name) || '1', '/data/' || name, kind
  FROM (VALUES ('image.jpg', 'image'), ('film.mp4', 'video'), ('pair.jpg', 'image'),
               ('pair.cr2', 'raw'), ('pair.xmp', 'metadata'), ('nothing', 'image'))
    AS f(name, kind);
INSERT INTO library.files VALUES ('1', md5('unset') || '1', NULL), ('1', md5('empty') || '1', '');
INSERT INTO library.photos (owner, id, main_file, video)
SELECT '1', md5(name)::uuid, md5(main) || '1', name = 'film'
  FROM (VALUES ('image', 'image.jpg'), ('film', 'film.mp4'), ('pair', 'pair.jpg'), ('bare', NULL),
               ('unset', 'unset'), ('empty', 'empty'))
    AS p(name, main);
INSERT INTO library.photo_files
SELECT '1', md5(photo)::uuid, md5(file) || '1'
  FROM (VALUES ('image', 'image.jpg'), ('film', 'film.mp4'), ('pair', 'pair.xmp'),
               ('pair', 'pair.cr2'), ('pair', 'pair.jpg'), ('unset', 'unset'), ('empty', 'empty'))
    AS l(photo, file);
CREATE VIEW page AS
	SELECT name, photo_paths(md5(name)::uuid) AS paths, media_error(md5(name)::uuid) ->> 'title' AS error
	  FROM unnest('{image,film,pair,bare,unset,empty}'::text[]) WITH ORDINALITY AS n(name, place)
	 ORDER BY place;
SELECT * FROM page;

-- The disk decides at once, the library after a scan.
\! cd $DIR; mkdir aside; mv image.jpg film.mp4 pair.jpg aside
SELECT * FROM page;
SELECT media_error(md5('image')::uuid), media_error(md5('film')::uuid);
SELECT photos, files, missing, restored, unreachable, invalid FROM scan_missing(1);
SELECT * FROM page;
\! cd $DIR; mv pair.cr2 aside
SELECT missing FROM scan_missing(1);
SELECT * FROM page WHERE name = 'pair';
SELECT num_photos, num_missing_photos, num_missing_files, num_unreachable_files FROM missing_counts;
SELECT path, state, reason FROM missing_files ORDER BY path COLLATE "C", photo;
SELECT path, old_state, new_state, reason FROM missing_photos.findings
 ORDER BY path COLLATE "C";

-- A page can merge photo_stats into its statistics: the keys are the view's columns.
SELECT string_agg(key, ' ' ORDER BY key) AS difference
  FROM (SELECT jsonb_object_keys(photo_stats(1)) AS key
        EXCEPT SELECT attname FROM pg_attribute
                WHERE attrelid = 'missing_counts'::regclass AND attnum > 0) AS more;
SELECT string_agg(attname, ' ' ORDER BY attname) AS difference
  FROM (SELECT attname::text FROM pg_attribute
         WHERE attrelid = 'missing_counts'::regclass AND attnum > 0
        EXCEPT SELECT jsonb_object_keys(photo_stats(1))) AS less;
SELECT to_jsonb(c) = photo_stats(1) AS same FROM missing_counts AS c;

-- check_files does all of its work, whatever is read of it.
\! cd $DIR; mv aside/* .
SELECT state FROM check_files(md5('pair')::uuid) LIMIT 1;
SELECT f.path FROM library.photo_files AS l JOIN library.files AS f ON f.hash = l.file
 WHERE l.photo = md5('pair')::uuid ORDER BY f.path COLLATE "C";
SELECT path, state, reason FROM check_files(md5('image')::uuid);
SELECT restored FROM scan_missing(1);
SELECT * FROM page;
SELECT num_photos, num_missing_photos, num_missing_files, num_unreachable_files FROM missing_counts;

-- An impostor isn't believed, however often it is looked at.
\! cd $DIR; mv image.jpg aside
SELECT missing FROM scan_missing(1);
\! cd $DIR; printf another_file >image.jpg
SELECT path, state, reason FROM check_files(md5('image')::uuid);
SELECT path, state, reason FROM check_files(md5('image')::uuid);
SELECT restored FROM scan_missing(1);
SELECT path, state, reason FROM missing_files WHERE path <> '';
SELECT * FROM page WHERE name = 'image';
\! cd $DIR; mv -f aside/image.jpg image.jpg
SELECT path, state, reason FROM check_files(md5('image')::uuid);
SELECT path, state, reason FROM missing_files WHERE path <> '';
SELECT * FROM page WHERE name = 'image';

-- What can't be judged is there as far as anybody knows.
\! mv $DIR $DIR.offline
SELECT * FROM page WHERE name IN ('image', 'film');
SELECT state, reason FROM check_files(md5('image')::uuid);
SELECT missing, unreachable FROM scan_missing(1);
SELECT num_missing_files, num_unreachable_files FROM missing_counts;
SELECT path, state, reason FROM missing_files WHERE state = 'unreachable'
 ORDER BY path COLLATE "C";
\! mv $DIR.offline $DIR
SELECT missing, unreachable FROM scan_missing(1);
SELECT num_missing_files, num_unreachable_files FROM missing_counts;

-- Hashes.
\! printf content >$DIR/image.jpg
SELECT file_hash('/data/image.jpg') = md5('content') AS digest,
       file_hash('/data/image.jpg', 1) = md5('content') || '1' AS key;

\! rm -r $DIR
DROP VIEW page;
DROP EXTENSION missing_photos;
SET client_min_messages = error;
DROP SCHEMA library CASCADE;
