-- The contract where one row is the photo and its file.

SELECT t.is((SELECT string_agg(m.who || ' ' || c.num_photos || ' ' || c.num_missing_photos || ' ' || c.num_missing_files,
                               ', ' ORDER BY m.who::integer)
               FROM (SELECT DISTINCT who, owner FROM t.map) AS m
               JOIN missing_photos.library_counts(NULL) AS c ON c.owner = m.owner),
	'1 44 0 0, 2 44 0 0, 12 44 0 0, 21 44 0 0, 112 44 0 0', 'counts of every owner');
SELECT t.is((SELECT count(*) || ' ' || count(*) FILTER (WHERE readonly) || ' ' || bool_or(flagged)
                    || ' ' || bool_and(photo = file)
               FROM missing_photos.library_files(t.owner('12'))),
	'44 5 false true', 'files: managed ones are read-only');
SELECT t.is((SELECT count(*) || ' ' || bool_and(main AND media) FROM missing_photos.library_photo_files(t.photo('12', 1))),
	'1 true', 'photo_files: itself');
SELECT t.is((SELECT (owner = t.owner('12')) || ' ' || (main = photo) || ' ' || video
               FROM missing_photos.library_photo(t.photo('12', 5))), 'true true true', 'photo');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_pointed_files(t.owner('12'))), '0', 'pointed_files: none');
SELECT t.is((SELECT count(*) || ' ' || bool_and(linked) || ' ' || bool_or(flagged)
               FROM missing_photos.library_file_rows(
                        ARRAY[t.photo('12', 1), t.photo('12', 2)], ARRAY[t.photo('12', 1), t.photo('12', 1)])),
	'1 true false', 'file_rows: a photo''s file is itself');
SELECT t.is((SELECT string_agg(COALESCE(algorithm || ' ' || length(digest), 'none') || ' ' || (size = length(m.path)), ', ' ORDER BY m.n)
               FROM t.map AS m CROSS JOIN LATERAL missing_photos.library_content(ARRAY[m.file]) AS c
              WHERE m.who = '12' AND m.n IN (6, 7)),
	'none true, sha1 40 true', 'content: a digest of managed files only, sizes of all');

CREATE FUNCTION t.asset(who text, n integer) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s %s %s', CASE WHEN "isOffline" THEN 'offline' ELSE 'online' END, status,
	              CASE WHEN "deletedAt" IS NULL THEN 'kept' ELSE 'deleted' END)
	  FROM asset WHERE id = t.photo(who, n)::uuid
$$;

-- Gone and back. Its own trigger notes the update, so those columns change with it.
SELECT t.keep('start');
SELECT t.is(t.lose('12', '{1,7}'), '1 image changed main->image', 'an external one changes, a managed one doesn''t');
SELECT t.is(t.asset('12', 1) || ', ' || t.asset('12', 7), 'offline active deleted, online active kept', 'as the application has it');
SELECT t.is(t.changes('start'), 'asset -1 +1 deletedAt,isOffline,updateId,updatedAt', 'one row, and nothing else');
SELECT t.is(t.counts('12') || ', ' || t.counts('2'), '44 1 1, 44 0 0', 'counts');
SELECT t.is((SELECT string_agg((photo = t.photo('12', 1))::text, ' ') FROM missing_photos.library_flagged_files(NULL)),
	'true', 'flagged_files');
SELECT t.is(t.lose('12', '{1}'), NULL, 'again: no row');
SELECT t.is(t.back('12', '{1}'), '1 image changed', 'back');
SELECT t.is(t.changes('start'), 'asset -1 +1 updateId,updatedAt', 'as it was, but for the trigger''s columns');
SELECT t.is(t.back('12', '{1}'), NULL, 'again: no row');
TRUNCATE t.loss;

-- What its user threw away stays thrown away.
UPDATE asset SET status = 'trashed', "deletedAt" = '2026-01-01' WHERE id = t.photo('12', 2)::uuid;
SELECT t.is(t.lose('12', '{2}'), '2 image changed main->image', 'a trashed one goes offline');
SELECT t.is(t.asset('12', 2) || ' ' || (SELECT "deletedAt"::date FROM asset WHERE id = t.photo('12', 2)::uuid),
	'offline trashed deleted 2026-01-01', 'and keeps the day it was thrown away');
SELECT t.is(t.back('12', '{2}'), '2 image changed', 'back');
SELECT t.is(t.asset('12', 2), 'online trashed deleted', 'still in the trash');

-- What is being deleted isn't ours.
UPDATE asset SET status = 'deleted', "deletedAt" = now() WHERE id = t.photo('12', 3)::uuid;
SELECT t.is(t.lose('12', '{3}'), NULL, 'one being deleted: no row');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_files(t.owner('12'))), '43', 'nor is it among the files');
SELECT t.is(t.counts('12'), '43 0 0', 'nor in the counts');

-- What the application is moving isn't ours either, as long as it moves.
SELECT t.keep('still');
INSERT INTO move_history ("entityId", "pathType", "oldPath", "newPath")
SELECT id, 'original', "originalPath", '/data/12/moved.jpg' FROM asset WHERE id = t.photo('12', 6)::uuid
UNION ALL SELECT id, 'preview', '/preview/old', '/preview/new' FROM asset WHERE id = t.photo('12', 8)::uuid;
SELECT t.is(t.lose('12', '{6,8}'), '8 image changed main->image', 'a file in flight: no row; one whose preview is: as ever');
SELECT t.is(t.back('12', '{8}'), '8 image changed', 'back');
SELECT t.is((SELECT count(*) || ' ' || count(*) FILTER (WHERE photo = t.photo('12', 6))
               FROM missing_photos.library_files(t.owner('12'))), '42 0', 'nor is it among the files');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_photo_files(t.photo('12', 6))), '0', 'or its photo''s');
SELECT t.is((SELECT string_agg(path, ' ' ORDER BY path) FROM missing_photos.library_claimed(
	ARRAY['/data/12/moved.jpg', '/data/12/dir00/img_000006.jpg', '/preview/new', '/data/12/free.jpg'])),
	'/data/12/dir00/img_000006.jpg /data/12/moved.jpg /preview/new', 'both its places are taken');
SELECT t.is((SELECT string_agg(moved::text, ' ') FROM missing_photos.library_move(t.owner('12'),
	ARRAY[t.photo('12', 6)], ARRAY[t.photo('12', 6)], ARRAY['/data/12/dir00/img_000006.jpg'],
	ARRAY['/data/12/elsewhere.jpg'], '{true}', '{NULL}', '{true}')), NULL, 'and nobody else moves it');
UPDATE asset SET "isOffline" = true, "deletedAt" = now() WHERE id = t.photo('12', 6)::uuid;
SELECT t.is((SELECT string_agg(photo, ' ') FROM missing_photos.library_missing_photos(t.owner('12'))), NULL,
	'nor is it deleted');
SELECT t.is((SELECT string_agg(photo, ' ') FROM missing_photos.library_lock_photos(t.owner('12'), ARRAY[t.photo('12', 6)])),
	NULL, 'not at the last moment either');
DELETE FROM move_history;
SELECT t.is((SELECT string_agg(locked::text, ' ') FROM missing_photos.library_lock_photos(t.owner('12'), ARRAY[t.photo('12', 6)])),
	'true', 'until it has arrived');
UPDATE asset SET "isOffline" = false, "deletedAt" = NULL WHERE id = t.photo('12', 6)::uuid;
SELECT t.is(t.changes('still'), 'asset -2 +2 updateId,updatedAt', 'as it was');

-- Stale and busy.
SET lock_timeout = '2s';
UPDATE asset SET "originalPath" = '/data/1/moved.jpg' WHERE id = t.photo('1', 1)::uuid;
SELECT t.is(t.lose('1', '{1,2}'), '2 image changed main->image', 'another path than judged: no row');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_mark_missing(t.owner('2'),
	ARRAY[t.photo('1', 4)], ARRAY[t.photo('1', 4)], ARRAY['/data/1/dir00/img_000004.jpg'])), '0', 'another owner''s: no row');
SELECT t.other('BEGIN');
SELECT t.other(format('UPDATE asset SET "isFavorite" = true WHERE id = %L', t.photo('1', 4)));
SELECT t.is(t.lose('1', '{4,6}'), '4 image busy; 6 image changed main->image', 'held by another session: busy');
SELECT t.other('COMMIT');
SELECT t.is(t.lose('1', '{4}'), '4 image changed main->image', 'free again');
SELECT t.is((SELECT "isFavorite"::text FROM asset WHERE id = t.photo('1', 4)::uuid), 'true', 'the other session''s change is kept');
SELECT t.other('BEGIN');
SELECT t.other(format('UPDATE asset SET "isFavorite" = false WHERE id = %L', t.photo('1', 4)));
SELECT t.is(t.back('1', '{4,6}'), '4 image busy; 6 image changed', 'back: busy');
SELECT t.other('ROLLBACK');

-- No job table: nothing happens.
SELECT t.keep('jobs');
SELECT missing_photos.library_job(gen_random_uuid(), t.owner('1'), 'scan', s, 0, 1, NULL)
  FROM unnest('{queued,started,running,finished}'::text[]) AS s;
SELECT t.is(t.changes('jobs'), 'nothing', 'library_job: no job table, nothing done');
SELECT t.is((SELECT COALESCE(finished_at::text, 'none') FROM missing_photos.library_last_import(t.owner('1'))), 'none',
	'library_last_import: none');

-- Older names and fewer columns.
BEGIN;
ALTER TABLE asset RENAME TO assets;
ALTER TABLE "user" RENAME TO users;
ALTER TABLE library RENAME TO libraries;
ALTER TABLE asset_exif RENAME TO exif;
ALTER TABLE assets DROP COLUMN "checksumAlgorithm";
SELECT missing_photos.attach_library('immich');
SELECT t.is((SELECT string_agg(COALESCE(algorithm, 'none') || ' ' || (size = length(m.path)), ', ' ORDER BY m.n)
               FROM t.map AS m CROSS JOIN LATERAL missing_photos.library_content(ARRAY[m.file]) AS c
              WHERE m.who = '12' AND m.n IN (6, 7)), 'none true, sha1 true', 'the layout with plural names');
SELECT t.is(t.lose('12', '{6}'), '6 image changed main->image', 'marks there too');
ROLLBACK;

-- Plans.
SELECT fixture.fill_immich('{400,401}', 4000, false);
ANALYZE;
SELECT t.ok(t.plan(format('SELECT * FROM missing_photos.library_photo_files(%L)', t.photo('12', 1))) !~ 'Seq Scan on asset|Function Scan',
	'library_photo_files: an index look-up');
SELECT t.ok(t.plan(format('SELECT * FROM missing_photos.library_files(%L)', t.owner('12'))) !~ 'Function Scan|Sort|CTE Scan|Aggregate',
	'library_files: nothing but a scan');
SELECT t.ok(t.plan(format('SELECT * FROM missing_photos.library_counts(%L)', t.owner('12'))) !~ 'Function Scan',
	'library_counts is inlined');
