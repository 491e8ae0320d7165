-- One file of two photos, and, where the layout allows it, of two owners.

CREATE FUNCTION t.link(owner text, photo text, file text) RETURNS void LANGUAGE sql AS $$
	SELECT t.run(format('INSERT INTO {link} (%s) VALUES (%s %L, %L)',
		CASE WHEN current_schema() = 'mine' THEN 'owner, photo, file' ELSE 'photo_id, file_id' END,
		CASE WHEN current_schema() = 'mine' THEN quote_literal(owner) || ',' ELSE '' END, photo, file))
$$;
SELECT t.link('1', t.photo('1', 2), t.file('1', 1, 'image'));
SELECT t.keep('start');
SELECT t.is((SELECT string_agg(outcome || ' ' || was_main, ', ' ORDER BY was_main)
               FROM missing_photos.library_mark_missing('1',
                        ARRAY[t.photo('1', 1), t.photo('1', 2)],
                        ARRAY[t.file('1', 1, 'image'), t.file('1', 1, 'image')],
                        ARRAY['/data/1/dir00/img_000001.jpg', '/data/1/dir00/img_000001.jpg'])),
	'changed false, changed true', 'one file of two photos: both lose it');
SELECT t.is(t.changes('start'), t.plain('{file} -1 +1 {file.missing}; {link} -2 +0'), 'one flag, two links');
SELECT t.is(t.counts('1'), '40 1 1', 'counts: one photo without media, one file');
SELECT t.is((SELECT string_agg(outcome || ' ' || linked, ', ')
               FROM missing_photos.library_mark_present('1',
                        ARRAY[t.photo('1', 1), t.photo('1', 2)],
                        ARRAY[t.file('1', 1, 'image'), t.file('1', 1, 'image')],
                        ARRAY['/data/1/dir00/img_000001.jpg', '/data/1/dir00/img_000001.jpg'],
                        '{t,f}', ARRAY[t.file('1', 1, 'image'), NULL])),
	'changed true, changed true', 'both get it back');
SELECT t.is(t.changes('start'), 'nothing', 'as at the start');

-- Only one of the two photos was judged.
SELECT t.is(t.lose('1', '{1}'), '1 image changed main->image', 'judged for one photo');
SELECT t.is(t.changes('start'), t.plain('{file} -1 +1 {file.missing}; {link} -1 +0'),
	'the other photo''s link stays until it is judged');
SELECT t.is((SELECT string_agg((photo = t.photo('1', 2))::text, ' ' ORDER BY photo = t.photo('1', 2))
               FROM missing_photos.library_flagged_files('1')),
	'false true', 'flagged_files: one row per photo, by pointer and by link');
SELECT t.is(t.counts('1'), '40 1 1', 'counts: but one file');
SELECT t.back('1', '{1}');
TRUNCATE t.loss;

-- Two owners.
SELECT (current_schema() <> 'mine')::text AS crossing \gset
\if :crossing
SELECT t.link('12', t.photo('12', 2), t.file('1', 3, 'image'));
SELECT t.keep('start');
SELECT t.is(t.lose('1', '{3}', '{image}'), '3 image changed main->image', 'owner 1 loses it');
SELECT t.is(t.changes('start'), t.plain('{file} -1 +1 {file.missing}; {link} -1 +0'),
	'only owner 1''s link goes');
SELECT t.is(t.counts('1') || ', ' || t.counts('12') || ', ' || t.counts('2'),
	'40 1 1, 40 0 1, 40 0 0', 'counts: each owner''s own');
SELECT t.is((SELECT outcome FROM missing_photos.library_mark_missing('12', ARRAY[t.photo('12', 2)],
                 ARRAY[t.file('1', 3, 'image')], ARRAY['/data/1/dir00/img_000003.jpg'])),
	'changed', 'then owner 12 does');
SELECT t.back('1', '{3}');
SELECT t.is(t.state('1', 3), 'image metadata; main image; flagged nothing', 'owner 1 gets it back');
SELECT t.is((SELECT outcome || ' ' || linked
               FROM missing_photos.library_mark_present('12', ARRAY[t.photo('12', 2)],
                        ARRAY[t.file('1', 3, 'image')], ARRAY['/data/1/dir00/img_000003.jpg'],
                        '{f}', ARRAY[NULL]::text[])),
	'changed true', 'and owner 12');
SELECT t.is(t.changes('start'), 'nothing', 'as at the start');

-- The key's tail is an owner's whole id: never a suffix.
SELECT t.run('INSERT INTO {file} VALUES (md5(''lone'') || ''112'', ''/data/112/lone.jpg'', 1, true)');
SELECT t.is(t.counts('1') || ', ' || t.counts('2') || ', ' || t.counts('12') || ', ' || t.counts('112'),
	'40 0 0, 40 0 0, 40 0 0, 40 0 1', 'a file no photo knows is counted for owner 112 alone');
SELECT t.is((SELECT owner || ' ' || COALESCE(photo, 'no photo')
               FROM missing_photos.library_flagged_files(NULL)), '112 no photo', 'and listed so');

-- A pair linked twice counts once (where that may be).
\set ON_ERROR_STOP off
\set QUIET on
SELECT t.link('1', t.photo('1', 4), t.file('1', 4, 'image')) \g /dev/null
\set ON_ERROR_STOP on
SELECT t.keep('twice');
SELECT t.is(t.lose('1', '{4}'), '4 image changed main->image', 'a pair linked twice: one row');
SELECT t.is(t.state('1', 4), 'nothing; main image; flagged image', 'and no link left');
\else
SELECT t.ok(true, 'two owners can''t share a file in this layout');
\endif
