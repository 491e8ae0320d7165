-- library_mark_missing: what it writes, and nothing else.

SELECT t.keep('start');
SELECT t.is(t.lose('12', '{1}'), '1 image changed main->image', 'one file: changed, nothing to show instead');
SELECT t.is(t.state('12', 1), 'nothing; main image; flagged image',
	'its link is gone, its flag set, the main pointer stays');
SELECT t.is(t.changes('start'), t.plain('{file} -1 +1 {file.missing}; {link} -1 +0'),
	'one flag and one link changed, and nothing else in any table');
SELECT t.is(t.lose('12', '{1}'), NULL, 'again: no row');
SELECT t.is(t.counts('12') || ', ' || t.counts('2') || ', ' || t.counts('1') || ', ' || t.counts('112'),
	'40 1 1, 40 0 0, 40 0 0, 40 0 0', 'counts: the owner''s alone');
SELECT t.is((SELECT string_agg(owner || ' ' || (photo = t.photo('12', 1)) || ' ' || t.kind(file), ', ')
               FROM missing_photos.library_flagged_files(NULL)),
	'12 true image', 'flagged_files: through the main pointer');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_flagged_files('2')), '0',
	'flagged_files: owner 2 doesn''t get what is owner 12''s');
SELECT t.is((SELECT string_agg((photo = t.photo('12', 1)) || ' ' || t.kind(file), ', ')
               FROM missing_photos.library_pointed_files('12')),
	'true image', 'pointed_files: the lost main file');

-- Several files.
SELECT t.keep('one');
SELECT t.is(t.lose('1', '{10}', '{image}'), '10 image changed main->raw', 'jpeg gone: the raw file is shown');
SELECT t.is(t.state('1', 10), 'metadata raw; main raw; flagged image', 'raw and sidecar stay');
SELECT t.is(t.changes('one'),
	t.plain('{file} -1 +1 {file.missing}; {photo} -1 +1 {photo.main}; {link} -1 +0'),
	'one main pointer, one flag, one link and nothing else');
SELECT t.is(t.counts('1'), '40 0 1', 'counts: a photo with a raw file left isn''t missing');
SELECT t.is(t.lose('1', '{10}', '{raw}'), '10 raw changed main->raw',
	'raw gone too: the sidecar is never shown, the pointer stays');
SELECT t.is(t.state('1', 10), 'metadata; main raw; flagged image raw', 'only the sidecar is left');
SELECT t.is(t.counts('1'), '40 1 2', 'counts: a photo with only its sidecar is missing');
SELECT t.is(t.lose('1', '{20}'), '20 image changed main->image; 20 metadata changed; 20 raw changed',
	'all files of a photo in one call');
SELECT t.is(t.state('1', 20), 'nothing; main image; flagged image metadata raw', 'nothing is left');
SELECT t.is(t.lose('1', '{30}', '{image,metadata}'), '30 image changed main->raw; 30 metadata changed',
	'two of three in one call');
SELECT t.is(t.lose('1', '{3}', '{metadata}'), '3 metadata changed', 'a sidecar alone');
SELECT t.is(t.counts('1'), '40 2 8', 'counts: photos once, files each');
SELECT t.is((SELECT count(*) || ' ' || count(DISTINCT file)
               FROM missing_photos.library_flagged_files('1')),
	'8 8', 'flagged_files: each file once');
SELECT t.is((SELECT string_agg(t.kind(file) || ' ' || COALESCE((photo = t.photo('1', 30))::text, 'no photo'),
                               ', ' ORDER BY t.kind(file))
               FROM missing_photos.library_flagged_files('1')
              WHERE file IN (t.file('1', 30, 'image'), t.file('1', 30, 'metadata'))),
	'image no photo, metadata no photo', 'flagged_files: by the key where no photo knows the file');

-- Many at once, in any order, with repetitions.
SELECT t.keep('many');
SELECT t.is((SELECT count(*) || ' ' || count(*) FILTER (WHERE outcome = 'changed')
               FROM (SELECT array_agg(m.photo ORDER BY random()) AS photos
                       FROM t.map AS m) AS unused,
                    (SELECT array_agg(m.photo ORDER BY m.path DESC) AS photos,
                            array_agg(m.file ORDER BY m.path DESC) AS files,
                            array_agg(m.path ORDER BY m.path DESC) AS paths
                       FROM (SELECT * FROM t.map UNION ALL SELECT * FROM t.map) AS m
                      WHERE m.who = '21') AS twice
              CROSS JOIN LATERAL missing_photos.library_mark_missing(
                       '21', twice.photos, twice.files, twice.paths)),
	'52 52', 'a whole owner, each pair given twice: each once');
SELECT t.is(t.changes('many'), t.plain('{file} -52 +52 {file.missing}; {link} -52 +0'),
	'only flags and links');
SELECT t.is(t.counts('21') || ', ' || t.counts('2') || ', ' || t.counts('112'),
	'40 40 52, 40 0 0, 40 0 0', 'counts: all of owner 21, none of 2 and 112');
