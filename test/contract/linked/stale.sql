-- Judgements that no longer fit: nothing is written for them.

SELECT t.run(format('UPDATE {file} SET {file.path} = ''/data/1/moved.jpg'' WHERE {file.key} = %L',
	t.file('1', 1, 'image')));
SELECT t.keep('start');
SELECT t.is(t.lose('1', '{1,2}'), '2 image changed main->image', 'a path that changed: no row for it');
SELECT t.is(t.state('1', 1), 'image; main image; flagged nothing', 'and nothing done to it');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_mark_missing('2',
	ARRAY[t.photo('1', 4)], ARRAY[t.file('1', 4, 'image')], ARRAY['/data/1/dir00/img_000004.jpg'])),
	'0', 'another owner''s photo: no row');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_mark_missing('1',
	ARRAY[t.photo('1', 4)], ARRAY[t.file('1', 6, 'image')], ARRAY['/data/1/dir00/img_000006.jpg'])),
	'0', 'a file that isn''t the photo''s: no row');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_mark_missing('1',
	ARRAY[t.photo('1', 4)], ARRAY['gone'], ARRAY['/x'])), '0', 'a file row that is gone: no row');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_mark_missing('1',
	ARRAY[t.photo('1', 4)], ARRAY[t.file('1', 4, 'image')], ARRAY[NULL]::text[])),
	'0', 'NULL isn''t the path it has: no row');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_mark_missing('1', '{}', '{}', '{}')),
	'0', 'nothing given: no row');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_mark_missing('1', NULL, NULL, NULL)),
	'0', 'NULL given: no row');
SELECT t.is(t.changes('start'), t.plain('{file} -1 +1 {file.missing}; {link} -1 +0'),
	'one flag and one link in all of that');

-- A stale file can still be what is shown; one that is gone in the same call can't.
SELECT t.run(format('UPDATE {file} SET {file.path} = ''/data/1/moved.cr2'' WHERE {file.key} = %L',
	t.file('1', 10, 'raw')));
SELECT t.is(t.lose('1', '{10}'), '10 image changed main->raw; 10 metadata changed',
	'a file that was found under another path since is shown');

-- Back, but not at the path that was looked at.
SELECT t.run(format('UPDATE {file} SET {file.path} = ''/data/1/elsewhere.jpg'' WHERE {file.key} = %L',
	t.file('1', 2, 'image')));
SELECT t.keep('lost');
SELECT t.is(t.back('1', '{2}'), NULL, 'back at another path than the row has: no row');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_mark_present('2',
	ARRAY[t.photo('1', 10)], ARRAY[t.file('1', 10, 'image')],
	ARRAY['/data/1/dir00/img_000010.jpg'], '{t}', ARRAY[NULL]::text[])),
	'0', 'another owner''s photo: no row');
SELECT t.is(t.changes('lost'), 'nothing', 'nothing written');

-- No path and an empty path are paths like any other here.
SELECT t.is(CASE WHEN t.value('SELECT attnotnull FROM pg_attribute WHERE attrelid = ''{file}''::regclass
                                AND attname = ''path''')::boolean THEN '1 image changed main->image'
	ELSE (SELECT t.run(format('UPDATE {file} SET {file.path} = NULL WHERE {file.key} = %L',
	                          t.file('2', 1, 'image')))::text
	             || (SELECT string_agg('1 image ' || outcome || ' main->' || t.kind(main_after), '')
	                   FROM missing_photos.library_mark_missing('2', ARRAY[t.photo('2', 1)],
	                            ARRAY[t.file('2', 1, 'image')], ARRAY[NULL]::text[]))) END,
	'1 image changed main->image', 'no path at all (where that may be)');
SELECT t.run(format('UPDATE {file} SET {file.path} = '''' WHERE {file.key} = %L', t.file('2', 2, 'image')));
SELECT t.is((SELECT outcome FROM missing_photos.library_mark_missing('2', ARRAY[t.photo('2', 2)],
                                     ARRAY[t.file('2', 2, 'image')], ARRAY[''])),
	'changed', 'an empty path');
SELECT t.is((SELECT outcome FROM missing_photos.library_mark_present('2', ARRAY[t.photo('2', 2)],
                                     ARRAY[t.file('2', 2, 'image')], ARRAY[''], '{t}', ARRAY[NULL]::text[])),
	'changed', 'and back');
