-- library_missing_photos, library_missing_files and the locking that goes with them: what a deletion
-- may take, on each layout.

-- Owner 2 loses whole photos, a JPEG beside a raw file, and all but a sidecar; 12 and 21 lose some too.
SELECT t.lose('2', '{1,2,5}') IS NOT NULL AS lost \gset
SELECT t.lose('2', '{10}', '{image}') IS NOT NULL AS lost \gset
SELECT t.lose('2', '{13}', '{image}') IS NOT NULL AS lost \gset
SELECT t.lose('12', '{1}') IS NOT NULL AS lost \gset
SELECT t.lose('21', '{2}') IS NOT NULL AS lost \gset
CREATE FUNCTION t.missing(who text) RETURNS text LANGUAGE sql AS $$
	SELECT COALESCE(string_agg(m.n::text, ' ' ORDER BY m.n), 'none')
	  FROM missing_photos.library_missing_photos(t.owner(who)) AS p
	  JOIN (SELECT DISTINCT photo, n FROM t.map) AS m ON m.photo = p.photo
$$;
CREATE FUNCTION t.missing_files(who text) RETURNS text LANGUAGE sql AS $$
	SELECT COALESCE(string_agg(m.n || ' ' || m.kind, ', ' ORDER BY m.n, m.kind), 'none')
	  FROM missing_photos.library_missing_files(t.owner(who)) AS f
	  JOIN t.map AS m ON m.file = f.file AND m.path = f.path
$$;
SELECT t.is(t.missing('2'), '1 2 5 13', 'photos: those without media, a sidecar is none');
SELECT t.is(t.missing('12') || ', ' || t.missing('21') || ', ' || t.missing('112'), '1, 2, none',
	'photos: each owner''s own');
SELECT t.is(t.missing_files('2'), '1 image, 2 image, 5 video, 10 image, 13 image',
	'files: those flagged, also of a photo that shows another file now');
SELECT t.is((SELECT string_agg(photo, ' ') FROM missing_photos.library_missing_photos(t.owner('2'))),
	(SELECT string_agg(photo, ' ' ORDER BY photo COLLATE "C") FROM missing_photos.library_missing_photos(t.owner('2'))),
	'photos: in key order');

-- A photo whose main file isn't known but that has media counts as missing and never goes.
SELECT t.run($q$UPDATE {photo} SET {photo.main} = NULL WHERE {photo.key}::text = $q$ || quote_literal(t.photo('2', 4)));
SELECT t.is(split_part(t.counts('2'), ' ', 2) || ', ' || t.missing('2'), '5, 1 2 5 13', 'a photo without a main file but with media stays');
-- A flagged file that is a survivor's main file, or its only one, stays.
SELECT t.run($q$UPDATE {file} SET {file.missing} = true WHERE {file.key}::text IN ($q$
	|| quote_literal(t.file('2', 6, 'image')) || ',' || quote_literal(t.file('2', 4, 'image')) || ')');
SELECT t.ok(t.missing_files('2') !~ '(^| )(4|6) ', 'files: a survivor''s main or only file stays');
-- Another owner's photo knows the file: not ours alone.
SELECT t.is((SELECT string_agg(l.locked::text, ' ') FROM missing_photos.library_lock_photos(t.owner('2'),
		ARRAY[t.photo('12', 1), t.photo('2', 3)]) AS l), NULL, 'lock: neither another owner''s photo nor one with media');
SELECT t.is((SELECT count(*) || ' ' || bool_and(l.locked) FROM missing_photos.library_lock_photos(t.owner('2'),
		ARRAY[t.photo('2', 1), t.photo('2', 1), t.photo('2', 13)]) AS l), '2 true', 'lock: each photo once');
SELECT t.is((SELECT count(*) || ' ' || bool_and(l.locked) FROM missing_photos.library_lock_files(t.owner('2'),
		ARRAY[t.file('2', 10, 'image'), t.file('2', 1, 'image'), t.file('12', 1, 'image'), t.file('2', 3, 'image')]) AS l),
	'1 true', 'lock: a file that a photo still points at waits until that photo is gone');

-- What someone else holds is told, not waited for.
SELECT t.other('BEGIN');
SELECT t.other('UPDATE {photo} SET {photo.video} = {photo.video} WHERE {photo.key}::text = ' || quote_literal(t.photo('2', 2)));
SELECT t.is((SELECT string_agg(m.n || ' ' || l.locked, ', ' ORDER BY m.n) FROM missing_photos.library_lock_photos(t.owner('2'),
		ARRAY[t.photo('2', 1), t.photo('2', 2)]) AS l JOIN (SELECT DISTINCT photo, n FROM t.map) AS m ON m.photo = l.photo),
	'1 true, 2 false', 'lock: held rows are reported');
SELECT t.other('ROLLBACK');
