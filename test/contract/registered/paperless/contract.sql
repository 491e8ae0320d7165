-- The contract of a registered library whose paths are relative, with digests, a trash, a table of
-- owners, and files made of the documents.

SELECT t.is((SELECT string_agg(owner, ' ' ORDER BY owner::integer) FROM missing_photos.library_owners()), '1 2 12 21 112', 'owners');
SELECT t.is((SELECT count(*) || ' ' || bool_and(starts_with(path, '/data/12/')) FROM missing_photos.library_files('12')), '44 true',
	'paths begin with the root');
SELECT t.is((SELECT string_agg(concat_ws(' ', algorithm, digest = md5(m.path)), ', ') FROM t.map AS m
              CROSS JOIN LATERAL missing_photos.library_content(ARRAY[m.file]) WHERE m.who = '12' AND m.n = 1), 'md5 t', 'content');
SELECT t.is((SELECT string_agg(photo, ' ') FROM missing_photos.library_photos_by_content('12', ARRAY[md5(m.path)])), m.photo,
	'photos by content') FROM t.map AS m WHERE m.who = '12' AND m.n = 1;
UPDATE documents_document SET filename = '/elsewhere/absolute.jpg' WHERE id = t.photo('112', 1)::integer;
UPDATE documents_document SET filename = NULL WHERE id = t.photo('112', 2)::integer;
UPDATE documents_document SET filename = '' WHERE id = t.photo('112', 3)::integer;
SELECT t.is((SELECT string_agg(COALESCE('"' || f.path || '"', 'none'), ' ' ORDER BY n) FROM generate_series(1, 3) AS n
              CROSS JOIN LATERAL missing_photos.library_photo_files(t.photo('112', n)) AS f),
	'"/elsewhere/absolute.jpg" none ""', 'an absolute path stays as it is; no path is none');

-- The trash is the application's.
SELECT t.keep('start');
SELECT t.is(t.lose('12', '{1,2}'), '1 image changed main->image; 2 image changed main->image', 'lost');
SELECT t.is(t.changes('start'), 'nothing', 'nothing is written');
UPDATE documents_document SET deleted_at = now() WHERE id = t.photo('12', 1)::integer;
SELECT t.is(t.counts('12'), '43 1 1', 'what is in the trash isn''t counted');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_missing_photos('12')), '1', 'nor offered for deletion');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_lock_photos('12', ARRAY[t.photo('12', 1)])), '0', 'nor can it be');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_files('12')), '43', 'nor judged');
SELECT t.is(t.lose('12', '{1}'), NULL, 'nor flagged');
SELECT t.is((SELECT string_agg(path, ' ') FROM missing_photos.library_claimed(ARRAY[m.path])), m.path, 'its path is taken all the same')
  FROM t.map AS m WHERE m.who = '12' AND m.n = 1;

-- Moves are written relative to the root; what isn't below it can't be written.
CREATE FUNCTION t.move(of_n integer, target text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(CASE WHEN r.moved THEN 'moved' WHEN r.busy THEN 'busy' ELSE 'refused' END, ' ')
	  FROM t.map AS m
	 CROSS JOIN LATERAL missing_photos.library_move('21', ARRAY[m.photo], ARRAY[m.photo],
	           ARRAY['/data/' || (SELECT filename FROM documents_document WHERE id::text = m.photo)], ARRAY[target], NULL, NULL, NULL) AS r
	 WHERE m.who = '21' AND m.n = of_n
$$;
SELECT t.is(t.move(2, '/data/21/2024/bill.pdf'), 'moved', 'a move');
SELECT t.is(filename, '21/2024/bill.pdf', 'is written relative to the root') FROM documents_document WHERE id::text = t.photo('21', 2);
SELECT t.is(t.move(3, '/photos/bill.pdf'), 'refused', 'out of the root: refused');
SELECT t.is(t.move(4, '/data/21/2024/bill.pdf'), 'refused', 'to a path that another has: refused');
SELECT t.is((SELECT photo FROM missing_photos.library_at('{/data/21/2024/bill.pdf}')), t.photo('21', 2), 'at');
SELECT t.is((SELECT string_agg(owner, ' ') FROM missing_photos.library_owners_below('/data/21/2024')), '21', 'owners_below');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_claimed('{/21/2024/bill.pdf,/data21/2024/bill.pdf}')), '0', 'claimed: only the whole path');

-- What was made of documents.
SELECT t.is((SELECT string_agg(path, ' ') FROM missing_photos.library_derived(ARRAY[t.photo('1', 1)])), '/data/archive/1/dir00/img_000001.pdf', 'derived');
SELECT t.is((SELECT string_agg(path, ' ') FROM missing_photos.library_derived_in_use(
	'{/data/archive/1/dir00/img_000001.pdf,/data/archive/x.pdf}', '{NULL,NULL}')), '/data/archive/1/dir00/img_000001.pdf', 'derived: in use');

-- Plans.
INSERT INTO auth_user (id, username) VALUES (400, 'many');
INSERT INTO documents_document (owner_id, filename, checksum)
SELECT 400, 'many/' || n, md5('many/' || n) FROM generate_series(1, 8000) AS n;
ANALYZE;
SELECT t.ok(t.plan('SELECT * FROM missing_photos.library_at(''{/data/1/a}'')') ~ 'Index .*Scan .*filename', 'library_at: by the index');
SELECT t.ok(t.plan('SELECT * FROM missing_photos.library_claimed(''{/data/1/a}'')') ~ 'Index .*Scan .*filename', 'so does claimed');
SELECT t.ok(t.plan('SELECT * FROM missing_photos.library_files(''12'')') ~ 'Index .*Scan .*owner', 'library_files: of one owner');
