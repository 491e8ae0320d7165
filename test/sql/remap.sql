-- remap_paths: a folder that moved as a whole.
SET client_min_messages = warning;
CREATE EXTENSION missing_photos;
\set SHOW_CONTEXT never
CREATE SCHEMA library;
SELECT missing_photos.attach_library('standalone', 'library');
\set dir `mktemp -d`
\setenv DIR :dir
\! chmod 755 $DIR; cd $DIR; mkdir -p a/b a/bc; for f in a/1.jpg a/b/2.jpg a/b/3.jpg a/bc/4.jpg; do printf $f >$f; done
SELECT missing_photos.add_root('/data', :'dir');
INSERT INTO library.owners VALUES ('1'), ('2');
INSERT INTO library.files (owner, hash, path)
SELECT o, md5(p) || o, '/data/' || CASE o WHEN '2' THEN 'other/' ELSE '' END || p
  FROM unnest('{a/1.jpg,a/b/2.jpg,a/b/3.jpg,a/bc/4.jpg}'::text[]) AS p, unnest('{1,2}'::text[]) AS o;
INSERT INTO library.photos (owner, id, main_file) SELECT owner, md5(hash)::uuid, hash FROM library.files;
INSERT INTO library.photo_files SELECT owner, md5(hash)::uuid, hash FROM library.files;
CREATE VIEW paths AS SELECT owner, path, missing, EXISTS (SELECT FROM library.photo_files AS l WHERE l.file = f.hash) AS linked
  FROM library.files AS f ORDER BY owner, path COLLATE "C";
SELECT missing FROM scan_missing(1);
CREATE FUNCTION remap(VARIADIC a text[]) RETURNS TABLE (old_path text, new_path text, state text, reason text) LANGUAGE sql AS $$
	SELECT r.old_path, r.new_path, r.state, r.reason
	  FROM missing_photos.remap_paths(1, a[1], a[2], COALESCE(a[3]::boolean, true), COALESCE(a[4]::boolean, false)) AS r
	 ORDER BY r.old_path COLLATE "C"
$$;

-- Nothing is at the new place yet, and nothing is written.
SELECT * FROM remap('/data/a/b', '/data/new');
SELECT * FROM remap('/data/a/b', '/data/new', 'false');
SELECT * FROM paths;
SELECT count(*) FROM missing_photos.jobs WHERE kind = 'remap';

-- Whole components only; first shown, then done. A file that was lost is back with it.
\! cd $DIR/a/b; mv 3.jpg ../../3.aside
SELECT missing FROM scan_missing(1);
\! cd $DIR; mv a/b new; mv 3.aside new/3.jpg
SELECT * FROM remap('/data/a/b/', '/data/new/');
SELECT * FROM paths WHERE owner = '1';
SELECT * FROM remap('/data/a/b', '/data/new', 'false');
SELECT * FROM paths;
SELECT j.kind, j.state, f.path, f.new_path, f.old_state, f.new_state
  FROM missing_photos.findings AS f JOIN missing_photos.jobs AS j USING (job_id) WHERE f.new_path <> ''
 ORDER BY f.path COLLATE "C";
SELECT missing, restored FROM scan_missing(1);

-- Taken back: the paths, and nothing else; then done again.
SELECT job_id FROM missing_photos.jobs WHERE kind = 'remap' ORDER BY started_at DESC LIMIT 1 \gset
SELECT missing_photos.undo_moves(:'job_id');
SELECT missing_photos.undo_moves(:'job_id');
SELECT * FROM paths WHERE owner = '1';
SELECT count(*) FROM remap('/data/a/b', '/data/new', 'false');
SELECT missing_photos.undo_moves(gen_random_uuid());
SELECT missing_photos.undo_moves(NULL);

-- Into itself and out again: files that wait for each other's paths.
\! cd $DIR; mkdir -p a/a/a; printf a/1.jpg >a/a/1.jpg; mv a/bc a/a/bc; printf twin >a/1.jpg
INSERT INTO library.files (owner, hash, path) VALUES ('1', md5('twin') || '1', '/data/a/a/1.jpg');
INSERT INTO library.photos (owner, id, main_file) VALUES ('1', md5('twin')::uuid, md5('twin') || '1');
INSERT INTO library.photo_files VALUES ('1', md5('twin')::uuid, md5('twin') || '1');
\! cd $DIR; printf twin >a/a/a/1.jpg; rm a/1.jpg
SELECT * FROM remap('/data/a', '/data/a/a', 'false');
SELECT hash = md5('twin') || '1' AS twin, path FROM library.files WHERE owner = '1' AND path LIKE '/data/a/%' ORDER BY path COLLATE "C";
\! cd $DIR; mv a aside; mv aside/a a; rmdir aside
SELECT * FROM remap('/data/a/a', '/data/a', 'false');
SELECT hash = md5('twin') || '1' AS twin, path FROM library.files WHERE owner = '1' AND path LIKE '/data/a/%' ORDER BY path COLLATE "C";

-- Collisions: nothing at all is done.
\! cd $DIR; mkdir other other/a; cp new/2.jpg other/2.jpg; cp new/3.jpg other/3.jpg; printf x >other/a/1.jpg
UPDATE library.files SET path = '/data/other/2.jpg' WHERE path = '/data/other/a/b/2.jpg';
SELECT * FROM remap('/data/new', '/data/other');
SELECT * FROM remap('/data/new', '/data/other', 'false');
SELECT * FROM remap('/data/new', '/data/other', 'false', 'true');
SELECT path FROM paths WHERE path LIKE '/data/new/%';
UPDATE library.files SET path = '/data/other/a/b/2.jpg' WHERE path = '/data/other/2.jpg';

-- Another file in its place, and one that isn't there: only where the caller insists, and then only the path.
\! cd $DIR; printf something_else >other/2.jpg; rm other/3.jpg
SELECT missing FROM scan_missing(1);
\! cd $DIR; rm new/3.jpg
SELECT missing FROM scan_missing(1);
SELECT * FROM remap('/data/new', '/data/other', 'false');
SELECT * FROM paths WHERE owner = '1';
SELECT * FROM remap('/data/new', '/data/other', 'false', 'true');
SELECT * FROM paths WHERE owner = '1';
SELECT path, state FROM missing_files ORDER BY path COLLATE "C";
\! cd $DIR; printf a/b/3.jpg >other/3.jpg
SELECT missing, restored FROM scan_missing(1);
SELECT * FROM paths WHERE owner = '1' AND path LIKE '%/3.jpg';

-- What can't be judged stays.
SELECT * FROM remap('/data/a', '/elsewhere', 'false');
\! chmod 700 $DIR; mv $DIR $DIR.offline
SELECT state, reason FROM remap('/data/a', '/data/new', 'false') LIMIT 1;
\! mv $DIR.offline $DIR; chmod 755 $DIR
SELECT path FROM paths WHERE owner = '1' AND path LIKE '/data/a/%';

-- What can't be asked for.
SELECT remap('/data/a', '/data/a/');
SELECT remap('data/a', '/data/b');
SELECT remap('/data/a', '/data/../b');
SELECT remap('/data/a', NULL);
SELECT missing_photos.remap_paths(3, '/data/a', '/data/b');
SELECT missing_photos.remap_paths(NULL, '/data/a', '/data/b');
SELECT * FROM remap('/nothing/here', '/data/b', 'false');

\! rm -r $DIR
DROP FUNCTION remap;
DROP VIEW paths;
DROP EXTENSION missing_photos;
SET client_min_messages = error;
DROP SCHEMA library CASCADE;
