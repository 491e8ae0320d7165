-- Roots: which folders may be read, and which never.
SET client_min_messages = warning;
CREATE EXTENSION missing_photos;
\set SHOW_CONTEXT never
\set dir `mktemp -d`
\setenv DIR :dir
\! chmod 755 $DIR; mkdir $DIR/photos $DIR/other; echo >$DIR/photos/a.jpg; echo >$DIR/other/b.jpg; echo >$DIR/file; ln -s photos $DIR/link

-- Refused.
\set VERBOSITY sqlstate
SELECT missing_photos.add_root('/');
SELECT missing_photos.add_root('relative/photos');
SELECT missing_photos.add_root('');
SELECT missing_photos.add_root('/photos/../etc');
SELECT missing_photos.add_root('/photos/..');
SELECT missing_photos.add_root('/data', 'relative');
SELECT missing_photos.add_root('/data', :'dir' || '/photos/../other');
SELECT missing_photos.add_root('/data', '/' || repeat('x', 5000));
SELECT missing_photos.add_root('/data', :'dir' || '/absent');
SELECT missing_photos.add_root('/data', :'dir' || '/file');
-- The data directory: itself, above it, below it, by a link.
SELECT missing_photos.add_root('/data', current_setting('data_directory'));
SELECT missing_photos.add_root('/data', current_setting('data_directory') || '/');
SELECT missing_photos.add_root('/data', current_setting('data_directory') || '/base');
SELECT missing_photos.add_root('/data', regexp_replace(current_setting('data_directory'), '/[^/]*$', ''));
SELECT missing_photos.add_root('/data', '/');
SELECT current_setting('data_directory') AS data_directory \gset
\setenv PGDATA_DIR :data_directory
\! ln -s $PGDATA_DIR $DIR/loophole
SELECT missing_photos.add_root('/data', :'dir' || '/loophole');
SELECT missing_photos.add_root('/data', :'dir' || '/loophole/base');
SELECT count(*) FROM missing_photos.roots;

-- In words.
\set VERBOSITY default
SELECT missing_photos.add_root('relative/photos');
SELECT missing_photos.add_root('/data', '/no/such/folder');

-- Accepted: elsewhere, the same place, through a link.
SELECT missing_photos.add_root('/data', :'dir' || '/photos');
SELECT missing_photos.add_root(:'dir' || '/other');
SELECT missing_photos.add_root('/linked', :'dir' || '/link');
SELECT replace(app_path, :'dir', 'DIR') AS app_path, replace(server_path, :'dir', 'DIR') AS server_path,
       state, reason, added_by = current_user AS by_me
  FROM missing_photos.roots AS r ORDER BY r.app_path COLLATE "C";
-- Again renews, a trailing slash changes nothing.
SELECT missing_photos.add_root('/data/', :'dir' || '/other/');
SELECT app_path, replace(server_path, :'dir', 'DIR') AS server_path
  FROM missing_photos.roots WHERE app_path LIKE '/data%';
SELECT missing_photos.add_root('/data', :'dir' || '/photos');

-- The longest root of a path decides, at a folder's border; outside all of them nothing is judged.
CREATE SCHEMA library;
SELECT missing_photos.attach_library('standalone', 'library');
SELECT missing_photos.add_root('/data/sub', :'dir' || '/other');
\! mkdir $DIR/photos/sub; echo >$DIR/photos/sub/c.jpg
INSERT INTO library.owners VALUES ('1');
INSERT INTO library.files (owner, hash, path)
SELECT '1', md5(path) || '1', path
  FROM unnest('{/data/a.jpg,/data/sub/b.jpg,/data/sub/c.jpg,/data/subs/d.jpg,/database/e.jpg,
               /etc/passwd,data/f.jpg,/data/../etc/passwd,/data/sub/../a.jpg,/data}'::text[]) AS path;
INSERT INTO library.photos (owner, id, main_file) SELECT '1', md5(path)::uuid, hash FROM library.files;
INSERT INTO library.photo_files SELECT '1', id, main_file FROM library.photos;
SELECT files, missing, unreachable, invalid FROM scan_missing(1);
SELECT path, state, reason FROM missing_files ORDER BY state, path COLLATE "C";

-- Absent and replaced roots are unreachable, and nothing below them is flagged.
SELECT restored FROM scan_missing(1);
\! mv $DIR/photos $DIR/away
SELECT missing, unreachable FROM scan_missing(1);
SELECT state, reason FROM missing_photos.roots WHERE app_path = '/data';
\! mkdir $DIR/photos
SELECT missing, unreachable FROM scan_missing(1);
SELECT state, reason FROM missing_photos.roots WHERE app_path = '/data';
\! echo >$DIR/photos/something_else
SELECT missing, unreachable FROM scan_missing(1);
SELECT state, reason FROM missing_photos.roots WHERE app_path = '/data';
SELECT app_path, state FROM missing_photos.roots WHERE app_path <> '/data' AND app_path LIKE '/%a%/sub';
-- The same folder emptied is a deletion; the file system is the one that was registered.
\! rm -r $DIR/photos; mv $DIR/away $DIR/photos; mkdir $DIR/away; mv $DIR/photos/* $DIR/away
SELECT missing, unreachable FROM scan_missing(1);
SELECT state, reason FROM missing_photos.roots WHERE app_path = '/data';
\! mv $DIR/away/* $DIR/photos; rmdir $DIR/away
SELECT missing, unreachable FROM scan_missing(1);
SELECT state, reason FROM missing_photos.roots WHERE app_path = '/data';

-- A root dropped: its files can't be judged, and are not missing for that.
SELECT missing_photos.drop_root('/data/sub');
SELECT missing_photos.drop_root('/data');
SELECT missing_photos.drop_root('/data');
SELECT missing, unreachable, invalid > 5 AS most_invalid FROM scan_missing(1);
SELECT file_hash('/data/a.jpg');
SELECT missing_photos.drop_root('/linked'), missing_photos.drop_root(:'dir' || '/other');
SELECT count(*) FROM missing_photos.roots;
SELECT scan_missing(1);

\! rm -r $DIR
DROP EXTENSION missing_photos;
SET client_min_messages = error;
DROP SCHEMA library CASCADE;
