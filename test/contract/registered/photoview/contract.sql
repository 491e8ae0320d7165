-- The contract of a registered library: one row is the photo and its file, one owner has all, flags are
-- kept by the extension, and a name, a digest of the path and an album go with the path.

CREATE FUNCTION t.held() RETURNS text LANGUAGE sql AS $$
	SELECT COALESCE(string_agg(m.who || '/' || m.n || m.kind, ' ' ORDER BY m.who::integer, m.n, m.kind), 'none')
	  FROM missing_photos.library_files('library') AS f JOIN t.map AS m ON m.file = f.file WHERE f.flagged
$$;
SELECT t.is((SELECT string_agg(owner || ' ' || folders::text, ', ') FROM missing_photos.library_owners()), 'library {}', 'one owner');
SELECT t.is((SELECT count(*) || ' ' || bool_or(flagged) || ' ' || bool_or(readonly) || ' ' || bool_and(photo = file)
               FROM missing_photos.library_files('library')), '220 false false true', 'files');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_files('2')), '0', 'nobody else has any');
SELECT t.is(t.counts('2'), '220 0 0', 'counts');

-- Flags: nothing is written to the library, and what is held is told by every function.
SELECT t.keep('start');
SELECT t.is(t.lose('2', '{1,4}'), '1 image changed main->image; 4 image changed main->image', 'lost');
SELECT t.is(t.changes('start'), 'nothing', 'no table of the library is written');
SELECT t.is(t.held(), '2/1image 2/4image', 'both are held as missing');
SELECT t.is(t.counts('2'), '220 2 2', 'and counted');
SELECT t.is(t.lose('2', '{1}'), NULL, 'again: no row');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_flagged_files(NULL)), '2', 'flagged_files');
SELECT t.is((SELECT string_agg(photo, ' ' ORDER BY photo::integer) FROM missing_photos.library_missing_photos('library')),
	(SELECT string_agg(photo, ' ' ORDER BY photo::integer) FROM t.map WHERE who = '2' AND n IN (1, 4)), 'missing_photos');
SELECT t.is((SELECT string_agg(photo, ' ') FROM missing_photos.library_lock_photos('library', ARRAY[t.photo('2', 1), t.photo('2', 2)])),
	t.photo('2', 1), 'lock_photos: only what is missing');
SELECT t.is(t.back('2', '{4}'), '4 image changed', 'one is back');
SELECT t.is(t.held(), '2/1image', 'and held no more');

-- The application found it elsewhere itself: the flag was about the other path.
UPDATE media SET path = '/data/2/elsewhere.jpg', path_hash = md5('/data/2/elsewhere.jpg') WHERE id = t.photo('2', 1)::integer;
SELECT t.is(t.held(), 'none', 'a row with another path isn''t flagged');
UPDATE media SET path = m.path, path_hash = md5(m.path) FROM t.map AS m WHERE m.photo = media.id::text AND m.who = '2' AND m.n = 1;
SELECT t.is(t.held(), '2/1image', 'the lost path is');

-- Another file with the same hash of its key isn't taken for it.
INSERT INTO missing_photos.loss (photo, file, owner, path, was_main) VALUES ('x', t.file('12', 1, 'image'), 'library', '/data/other', true);
SELECT t.is(t.held(), '2/1image', 'nor is one that was lost from another path');

-- Moves: path, digest, name and album; nothing else.
CREATE FUNCTION t.move(of_n integer, target text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(CASE WHEN r.moved THEN 'moved' WHEN r.busy THEN 'busy' ELSE 'refused' END, ' ')
	  FROM media AS p
	 CROSS JOIN LATERAL missing_photos.library_move('library', ARRAY[p.id::text], ARRAY[p.id::text],
	           ARRAY[p.path], ARRAY[target], NULL, NULL, NULL) AS r
	 WHERE p.id = t.photo('21', of_n)::integer
$$;
SELECT t.keep('move');
SELECT t.is(t.move(2, '/data/12/dir00/näme.jpg'), 'moved', 'into another folder');
SELECT t.is(t.changes('move'), 'media -1 +1 album_id,path,path_hash,title', 'what is written');
SELECT t.is((SELECT format('%s %s %s', p.title, p.path_hash = md5(p.path), a.path) FROM media AS p JOIN albums AS a ON a.id = p.album_id
              WHERE p.id = t.photo('21', 2)::integer), 'näme.jpg t /data/12/dir00', 'name, digest and album follow');
SELECT t.is(t.move(2, '/data/nowhere/x.jpg') || ' ' || (SELECT a.path FROM media AS p JOIN albums AS a ON a.id = p.album_id
              WHERE p.id = t.photo('21', 2)::integer), 'moved /data/12/dir00', 'into a folder without an album: it stays in the old one');
SELECT t.is(t.move(3, '/data/21/dir00/img_000004.jpg'), 'refused', 'a path that another has');
SELECT t.is((SELECT string_agg(DISTINCT r.moved::text, ' ') FROM (SELECT array_agg(p.id::text ORDER BY p.id) AS ids,
              array_agg(p.path ORDER BY p.id) AS paths, array_agg(p.path ORDER BY p.id DESC) AS targets FROM media AS p
              WHERE p.id::text IN (t.photo('1', 1), t.photo('1', 2))) AS g
      CROSS JOIN LATERAL missing_photos.library_move('library', ids, ids, paths, targets, NULL, NULL, NULL) AS r), 'true', 'two that exchange their names');
SELECT t.is((SELECT string_agg(title || ' ' || (path_hash = md5(path)), ', ' ORDER BY id) FROM media WHERE id::text IN (t.photo('1', 1), t.photo('1', 2))),
	'img_000002.jpg true, img_000001.jpg true', 'with all that goes with it');
SELECT t.is((SELECT string_agg(path, ' ') FROM missing_photos.library_claimed('{/data/nowhere/x.jpg,/data/nobody}')), '/data/nowhere/x.jpg', 'claimed');
SELECT t.is((SELECT photo FROM missing_photos.library_at('{/data/nowhere/x.jpg}')), t.photo('21', 2), 'at');
SELECT t.is((SELECT string_agg(owner, ' ') FROM missing_photos.library_owners_below('/data/112')), 'library', 'owners_below');

-- Busy, and another's.
SELECT t.other('BEGIN');
SELECT t.other(format('UPDATE media SET title = ''x'' WHERE id = %s', t.photo('1', 4)));
SELECT t.is(t.lose('1', '{4,6}'), '4 image busy; 6 image changed main->image', 'held by another session: busy');
SELECT t.other('ROLLBACK');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_mark_missing('somebody', ARRAY[t.photo('1', 4)], ARRAY[t.photo('1', 4)],
	ARRAY['/data/1/dir00/img_000004.jpg'])), '0', 'no owner but the one');

-- Plans.
INSERT INTO media (title, path, path_hash, album_id)
SELECT 'x', '/data/many/' || n, md5('/data/many/' || n), 1 FROM generate_series(1, 8000) AS n;
ANALYZE;
SELECT t.ok(t.plan(format('SELECT * FROM missing_photos.library_photo_files(%L)', t.photo('12', 1))) ~ 'Index Scan using media_pkey',
	'library_photo_files: an index look-up');
SELECT t.ok(t.plan('SELECT * FROM missing_photos.library_files(''library'')') !~ 'Join|Sort', 'library_files: nothing but a scan');
SELECT t.ok(t.plan('SELECT * FROM missing_photos.library_files(''library'') WHERE flagged') ~ 'hashed SubPlan', 'flags are looked up in a hash table');
SELECT t.ok(t.plan('SELECT * FROM missing_photos.library_at(''{/data/1/a}'')') ~ 'Index .*Scan .*media_path_idx', 'library_at: by the index');
