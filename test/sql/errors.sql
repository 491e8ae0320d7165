-- What each verb says to what can't be right.
SET client_min_messages = warning;
CREATE EXTENSION missing_photos;
\set SHOW_CONTEXT never

-- Nothing is attached: views say so too.
\set VERBOSITY sqlstate
SELECT scan_missing(1);
CALL scan_missing_photos(1);
SELECT * FROM check_files('x');
SELECT photo_paths('x');
SELECT media_error('x');
SELECT photo_stats(1);
SELECT * FROM missing_counts;
SELECT * FROM missing_files;
\set VERBOSITY default
SELECT scan_missing(1);

-- What isn't a library.
SELECT missing_photos.attach_library('librephotos');
SELECT missing_photos.attach_library('nextcloud');
\set VERBOSITY sqlstate
SELECT missing_photos.attach_library(NULL);
SELECT missing_photos.attach_library('standalone', NULL);
SELECT missing_photos.attach_library('standalone', 'no such schema');
SELECT missing_photos.attach_library('immich', 'no such schema');
SELECT missing_photos.attach_library('standalone', 'pg_catalog');

-- A library of one photo.
CREATE SCHEMA library;
SELECT missing_photos.attach_library('standalone', 'library');
INSERT INTO library.owners VALUES ('1'), ('2');
INSERT INTO library.files VALUES ('1', md5('/data/a.jpg') || '1', '/data/a.jpg');
INSERT INTO library.photos (owner, id, main_file)
VALUES ('1', '00000000-0000-0000-0000-00000000000a', md5('/data/a.jpg') || '1');
INSERT INTO library.photo_files
SELECT owner, id, main_file FROM library.photos;

-- Without a root no file may be read.
SELECT scan_missing(1);
CALL scan_missing_photos(1);
SELECT * FROM check_files('00000000-0000-0000-0000-00000000000a');
SELECT media_error('00000000-0000-0000-0000-00000000000a');
SELECT file_hash('/data/a.jpg');
\set VERBOSITY default
SELECT scan_missing(1);
-- A job the application began is told that it failed, by the procedure.
INSERT INTO library.jobs (owner, id, kind) VALUES ('1', '00000000-0000-0000-0000-000000000002', 'scan');
CALL scan_missing_photos(1, job_id => '00000000-0000-0000-0000-000000000002');
SELECT finished, failed, result FROM library.jobs;

\set dir `mktemp -d`
\setenv DIR :dir
\! chmod 755 $DIR; printf a.jpg >$DIR/a.jpg
SELECT missing_photos.add_root('/data', :'dir');

-- NULL.
\set VERBOSITY sqlstate
SELECT scan_missing(NULL);
SELECT scan_missing(NULL::integer);
CALL scan_missing_photos(NULL);
SELECT * FROM check_files(NULL);
SELECT photo_paths(NULL);
SELECT media_error(NULL);
SELECT photo_stats(NULL);
SELECT file_hash(NULL);
SELECT file_hash('/data/a.jpg', NULL);
SELECT file_hash(NULL, 1);
SELECT missing_photos.add_root(NULL);
SELECT missing_photos.drop_root(NULL);
\set VERBOSITY default
SELECT scan_missing(NULL);
SELECT * FROM check_files(NULL);

-- Nobody.
\set VERBOSITY sqlstate
SELECT scan_missing(3);
SELECT scan_missing('');
CALL scan_missing_photos('nobody');
SELECT photo_stats(3);
SELECT * FROM check_files('00000000-0000-0000-0000-00000000000b');
SELECT photo_paths('00000000-0000-0000-0000-00000000000b');
SELECT media_error('00000000-0000-0000-0000-00000000000b');
\set VERBOSITY default
SELECT scan_missing(3);
SELECT photo_stats(3);
SELECT * FROM check_files('00000000-0000-0000-0000-00000000000b');
SELECT photo_paths('00000000-0000-0000-0000-00000000000b');

-- Of a wrong type.
\set VERBOSITY sqlstate
SELECT * FROM check_files('not a uuid');
SELECT * FROM check_files(42);
SELECT photo_paths('not a uuid');
SELECT media_error(42);
SELECT scan_missing(ARRAY[1]);
SELECT scan_missing(1, 'perhaps');
SELECT scan_missing(1, false, 'not a uuid');
SELECT file_hash(42);
SELECT check_files();
SELECT scan_missing();

-- Files that can't be read.
SELECT file_hash('/data/gone.jpg');
SELECT file_hash('/etc/passwd');
SELECT file_hash('/data/../etc/passwd');
SELECT file_hash('/data');
SELECT file_hash('data/a.jpg');
SELECT file_hash('');
\set VERBOSITY default
SELECT file_hash('/data/gone.jpg');
SELECT file_hash('/etc/passwd');

-- Batches.
CALL scan_missing_photos(1, 0);
CALL scan_missing_photos(1, batch_size => -1);
CALL scan_missing_photos(1, batch_size => NULL);
CALL scan_missing_photos(1, batch_size => 1);

-- The procedure commits, so it can't be part of something else.
BEGIN;
CALL scan_missing_photos(1);
ROLLBACK;
\set VERBOSITY sqlstate
BEGIN;
SELECT 1 AS before;
CALL scan_missing_photos(1);
ROLLBACK;
SET application_name = 'before'\; CALL scan_missing_photos(1);
CREATE FUNCTION scan() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL scan_missing_photos(1); END $$;
SELECT scan();
DROP FUNCTION scan();
-- At the top of a DO block it may.
DO $$ BEGIN CALL scan_missing_photos(1); END $$;
-- The function may be part of anything.
BEGIN;
SELECT missing, restored FROM scan_missing(1);
ROLLBACK;

-- A job that isn't this owner's.
SELECT missing FROM scan_missing(1, job_id => '00000000-0000-0000-0000-000000000001');
SELECT missing FROM scan_missing(1, job_id => '00000000-0000-0000-0000-000000000001');
SELECT missing FROM scan_missing(2, job_id => '00000000-0000-0000-0000-000000000001');
CALL scan_missing_photos(2, job_id => '00000000-0000-0000-0000-000000000001');
SELECT owner, state, error FROM missing_photos.job
 WHERE job_id = '00000000-0000-0000-0000-000000000001';
SELECT owner, finished, failed FROM library.jobs
 WHERE id = '00000000-0000-0000-0000-000000000001';
\set VERBOSITY default
SELECT missing FROM scan_missing(2, job_id => '00000000-0000-0000-0000-000000000001');

-- Settings. Versions word these errors differently, and 14 can't refuse an unknown name.
\set VERBOSITY sqlstate
SET missing_photos.probe_timeout = 0;
SET missing_photos.probe_threads = -1;
DO $$
BEGIN
	SET missing_photos.no_such_setting = 1;
	ASSERT current_setting('server_version_num')::integer < 150000, 'accepted';
EXCEPTION
	WHEN invalid_name THEN NULL;
END
$$;

-- A library that changed is not judged; attaching again is one call.
ALTER TABLE library.files RENAME missing TO gone;
SELECT scan_missing(1);
CALL scan_missing_photos(1);
SELECT * FROM check_files('00000000-0000-0000-0000-00000000000a');
SELECT photo_paths('00000000-0000-0000-0000-00000000000a');
SELECT photo_stats(1);
SELECT * FROM missing_counts;
SELECT * FROM missing_files;
\set VERBOSITY default
SELECT scan_missing(1);
ALTER TABLE library.files RENAME gone TO missing;
ALTER TABLE library.owners ADD COLUMN note text;
SELECT missing FROM scan_missing(1);
ALTER TABLE library.photos ALTER COLUMN main_file TYPE varchar(100);
SELECT scan_missing(1);
SELECT missing_photos.attach_library('standalone', 'library');
SELECT missing FROM scan_missing(1);
SELECT missing_photos.detach_library();
SELECT missing_photos.detach_library();
SELECT count(*) FROM library.photos;

\! rm -r $DIR
DROP EXTENSION missing_photos;
SET client_min_messages = error;
DROP SCHEMA library CASCADE;
