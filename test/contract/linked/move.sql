-- library_move: new paths, and nothing else but what was lost.

-- Moves files of these photos to DIRECTORY, or to the paths given; tells what came of it in a line.
CREATE FUNCTION t.move(who text, ns integer[], kinds text[], targets text[]) RETURNS text LANGUAGE sql AS $$
	WITH wanted AS (
		SELECT array_agg(m.photo ORDER BY m.n, m.kind) AS photos, array_agg(m.file ORDER BY m.n, m.kind) AS files,
		       array_agg(m.path ORDER BY m.n, m.kind) AS paths,
		       array_agg(l.was_main ORDER BY m.n, m.kind) AS mains,
		       array_agg(l.main_after ORDER BY m.n, m.kind) AS afters
		  FROM t.map AS m LEFT JOIN t.loss AS l ON l.photo = m.photo AND l.file = m.file
		 WHERE m.who = $1 AND m.n = ANY (ns) AND m.kind = ANY (kinds)
	)
	SELECT string_agg(format('%s %s %s', m.n, m.kind,
	           CASE WHEN r.moved AND r.busy THEN 'moved and busy' WHEN r.moved THEN r.path
	                WHEN r.busy THEN 'busy' ELSE 'refused' END), '; ' ORDER BY m.n, m.kind)
	  FROM wanted
	 CROSS JOIN LATERAL missing_photos.library_move(t.owner(who), photos, files, paths, targets, mains, afters, NULL) AS r
	  JOIN t.map AS m ON m.photo = r.photo AND m.file = r.file
$$;
CREATE FUNCTION t.path(who text, n integer, kind text DEFAULT 'image') RETURNS text LANGUAGE sql AS $$
	SELECT t.value(format('SELECT {file.path} FROM {file} WHERE {file.key} = %L', t.file($1, $2, $3)))
$$;
-- Tests start over with the paths as they were.
CREATE FUNCTION t.home() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM t.run('UPDATE {file} AS f SET {file.path} = concat(''aside '', {file.key}) FROM t.map AS m WHERE f.{file.key} = m.file AND f.{file.path} <> m.path');
	PERFORM t.run('UPDATE {file} AS f SET {file.path} = m.path FROM t.map AS m WHERE f.{file.key} = m.file AND f.{file.path} <> m.path');
END
$$;

SELECT t.keep('start');
SELECT t.is(t.move('12', '{1}', '{image}', '{/data/12/new/a.jpg}'), '1 image /data/12/new/a.jpg', 'a file that was never flagged');
SELECT t.is(t.changes('start'), t.plain('{file} -1 +1 {file.path}'), 'one path, and nothing else in any table');
SELECT t.is(t.move('12', '{1}', '{image}', '{/data/12/new/a.jpg}'), '1 image refused', 'again: the row says another path than judged');
SELECT t.home();
SELECT t.is(t.changes('start'), 'nothing', 'as at the start');

-- Lost, and found elsewhere.
SELECT t.lose('12', '{1,10,20}');
SELECT t.is(t.move('12', '{1,10,20}', '{image,raw,metadata}', ARRAY(SELECT '/data/12/new/' || i FROM generate_series(1, 7) AS i)),
	'1 image /data/12/new/1; 10 image /data/12/new/2; 10 metadata /data/12/new/3; 10 raw /data/12/new/4; '
	|| '20 image /data/12/new/5; 20 metadata /data/12/new/6; 20 raw /data/12/new/7', 'lost ones, found elsewhere');
SELECT t.is(t.changes('start'), t.plain('{file} -7 +7 {file.path}'), 'flags, links and main files are back, only paths differ');
SELECT t.home();
TRUNCATE t.loss;
SELECT t.lose('12', '{10}', '{image}');
SELECT t.move('12', '{10}', '{image}', '{/data/12/new/x.jpg}');
SELECT t.is(t.state('12', 10), 'image metadata raw; main image; flagged nothing', 'a main file that another stood in for is shown again');
SELECT t.home();
TRUNCATE t.loss;

-- Only the path, of a file nobody has found.
SELECT t.lose('12', '{10}');
SELECT t.keep('lost');
SELECT t.is((SELECT string_agg(r.moved::text, ' ') FROM t.loss AS l CROSS JOIN LATERAL missing_photos.library_move('12',
	ARRAY[l.photo], ARRAY[l.file], ARRAY[l.path], ARRAY[l.path || '.x'], ARRAY[l.was_main], ARRAY[l.main_after], '{t}') AS r),
	'true true true', 'only the paths');
SELECT t.is(t.changes('lost'), t.plain('{file} -3 +3 {file.path}'), 'flags, links and main file are as before');
SELECT t.home();
SELECT t.back('12', '{10}');
TRUNCATE t.loss;
SELECT t.is(t.changes('start'), 'nothing', 'as at the start');

-- A photo whose main file is unknown.
SELECT t.lose('12', '{20}');
TRUNCATE t.loss;
SELECT t.run(format('UPDATE {photo} SET {photo.main} = NULL WHERE {photo.key} = %L', t.photo('12', 20)));
SELECT t.move('12', '{20}', '{metadata}', '{/data/12/new/20.xmp}');
SELECT t.is(t.state('12', 20), 'metadata; main none; flagged image raw', 'no main file: a sidecar is never shown');
SELECT t.move('12', '{20}', '{image,raw}', '{/data/12/new/20.jpg,/data/12/new/20.cr2}');
SELECT t.is(t.state('12', 20), 'image metadata raw; main image; flagged nothing', 'the best of those that are back is');
SELECT t.home();
SELECT t.is(t.changes('start'), 'nothing', 'as at the start');

-- Exchanged names, chains, and paths that others hold.
SELECT t.is(t.move('12', '{1,2}', '{image}', ARRAY[t.path('12', 2), t.path('12', 1)]),
	'1 image /data/12/dir00/img_000002.jpg; 2 image /data/12/dir00/img_000001.jpg', 'two that exchanged their names');
SELECT t.is(t.changes('start') || '; ' || t.path('12', 1) || ' ' || t.path('12', 2), t.plain('{file} -2 +2')
	|| '; /data/12/dir00/img_000002.jpg /data/12/dir00/img_000001.jpg', 'two rows changed, and nothing else');
SELECT t.home();
SELECT t.is(t.move('12', '{1,2,4}', '{image}', ARRAY[t.path('12', 2), t.path('12', 4), '/data/12/new.jpg']),
	'1 image /data/12/dir00/img_000002.jpg; 2 image /data/12/dir00/img_000004.jpg; 4 image /data/12/new.jpg', 'a chain');
SELECT t.home();
SELECT t.is(t.move('12', '{1,2,4,6}', '{image}', ARRAY[t.path('12', 2), t.path('12', 4), t.path('12', 9), '/data/12/new.jpg']),
	'1 image refused; 2 image refused; 4 image refused; 6 image /data/12/new.jpg',
	'a chain into a path that is held: all of it refused, others not');
SELECT t.home();
SELECT t.is(t.move('12', '{1,2}', '{image}', '{/data/12/one.jpg,/data/12/one.jpg}'),
	CASE WHEN t.file('12', 1, 'image') < t.file('12', 2, 'image') THEN '1 image /data/12/one.jpg; 2 image refused'
	     ELSE '1 image refused; 2 image /data/12/one.jpg' END, 'two for one path: never a second row');
SELECT t.home();
SELECT t.is(t.move('12', '{1}', '{image}', ARRAY[t.path('2', 1)]), '1 image refused', 'another owner''s path: refused');
SELECT t.is(t.changes('start'), 'nothing', 'nothing written');
SELECT t.is(t.move('12', '{1,2}', '{image}', '{NULL,""}'), '1 image refused; 2 image refused', 'no path');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_move('12', ARRAY[t.photo('2', 1)], ARRAY[t.file('2', 1, 'image')],
	ARRAY[t.path('2', 1)], '{/data/2/x.jpg}', NULL, NULL, NULL)), '0', 'another owner''s photo: no row');
SELECT t.is((SELECT count(*) FILTER (WHERE moved) || ' ' || count(*)
               FROM (SELECT array_agg(m.photo) AS photos, array_agg(m.file) AS files, array_agg(m.path) AS paths,
                            array_agg(replace(m.path, '/data/12/', '/data/12/deep/er/')) AS targets
                       FROM t.map AS m WHERE m.who = '12') AS w
              CROSS JOIN LATERAL missing_photos.library_move('12', photos, files, paths, targets, NULL, NULL, NULL)),
	'52 52', 'a whole owner');
SELECT t.home();
SELECT t.is(t.changes('start'), 'nothing', 'and back');

-- Rows others hold.
SET lock_timeout = '2s';
SELECT t.other('BEGIN');
SELECT t.other(format('UPDATE {file} SET {file.missing} = {file.missing} WHERE {file.key} = %L', t.file('12', 2, 'image')));
SELECT t.is(t.move('12', '{1,2,4}', '{image}', ARRAY[t.path('12', 2), '/data/12/x.jpg', '/data/12/y.jpg']),
	'1 image busy; 2 image busy; 4 image /data/12/y.jpg', 'held by another session: busy, and so is who waits for its path');
SELECT t.is(current_setting('lock_timeout'), '2s', 'lock_timeout is as before');
SELECT t.other('ROLLBACK');
SELECT t.home();
SELECT t.other('BEGIN');
SELECT t.other(format('INSERT INTO {file} ({file.key}, {file.path}, {file.type}, {file.missing}%s) VALUES (%L, ''/data/12/z.jpg'', %L, false%s)',
	CASE WHEN current_schema() = 'mine' THEN ', owner' END, md5('z') || '12', CASE WHEN current_schema() = 'mine' THEN 'image' ELSE '1' END,
	CASE WHEN current_schema() = 'mine' THEN ', ''12''' END));
SELECT t.is(t.move('12', '{1}', '{image}', '{/data/12/z.jpg}'),
	CASE WHEN EXISTS (SELECT FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
	                   WHERE i.indisunique AND i.indnatts = 1 AND a.attname = 'path' AND i.indrelid = t.filled('{file}')::regclass)
	     THEN '1 image busy' ELSE '1 image /data/12/z.jpg' END, 'a path another session is about to take');
SELECT t.is(current_setting('lock_timeout'), '2s', 'lock_timeout is as before');
SELECT t.other('COMMIT');
SELECT t.home();
SELECT t.is(t.move('12', '{1}', '{image}', '{/data/12/z.jpg}'), '1 image refused', 'and has taken: refused');
SELECT t.run(format('DELETE FROM {file} WHERE {file.key} = %L', md5('z') || '12'));
SELECT t.is(t.changes('start'), 'nothing', 'as at the start');

-- Photos whose files their user had removed.
SELECT missing_photos.contract_names(mapping) ? 'photo.removed' AS removes FROM missing_photos.attached_library \gset
\if :removes
SELECT t.run(format('UPDATE {photo} SET {photo.removed} = true, {photo.trashed} = true, {photo.main} = NULL WHERE {photo.key} = %L', t.photo('12', 1)));
SELECT t.run(format('UPDATE {photo} SET {photo.trashed} = true WHERE {photo.key} = %L', t.photo('12', 2)));
SELECT t.lose('12', '{1,2}');
SELECT t.move('12', '{1,2}', '{image}', '{/data/12/one.jpg,/data/12/two.jpg}');
SELECT t.is(t.value(format('SELECT {photo.removed} || '' '' || {photo.trashed} FROM {photo} WHERE {photo.key} = %L', t.photo('12', 1))),
	'false false', 'a removed photo is a photo again');
SELECT t.is(t.value(format('SELECT {photo.trashed}::text FROM {photo} WHERE {photo.key} = %L', t.photo('12', 2))),
	'true', 'one in the trash stays there');
\endif
