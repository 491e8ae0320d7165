-- library_claimed, library_photos_by_content, library_add.

SELECT t.is((SELECT string_agg(path, ' ' ORDER BY path) FROM missing_photos.library_claimed(
	'{/data/12/dir00/img_000001.jpg,/data/2/dir00/img_000001.jpg,/data/12/dir00/img_000001.jp,/data/12,NULL}')),
	'/data/12/dir00/img_000001.jpg /data/2/dir00/img_000001.jpg', 'claimed: by any owner, whole paths');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_claimed(
	ARRAY(SELECT path FROM t.map UNION ALL SELECT path || '.x' FROM t.map))), (SELECT count(*)::text FROM t.map), 'claimed: many');

CREATE FUNCTION t.found(who text, content text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', m.n, t.kind(c.file), c.path IS NULL, c.linked, c.flagged, c.removed), '; ' ORDER BY m.n)
	  FROM missing_photos.library_photos_by_content(t.owner(who), ARRAY[md5(content), md5('nothing')]) AS c
	  JOIN (SELECT DISTINCT who, n, photo FROM t.map) AS m ON m.photo = c.photo AND m.who = $1
$$;
SELECT t.is(t.found('12', '/data/12/dir00/img_000001.jpg'), '1 image f t f f', 'by content: a linked file');
SELECT t.is(t.found('2', '/data/12/dir00/img_000001.jpg'), NULL, 'by content: never another owner''s');
SELECT t.is(t.found('12', '/data/12/dir00/img_000010.cr2'), '10 raw f t f f', 'by content: any file of a photo');
SELECT t.lose('12', '{1}');
SELECT t.is(t.found('12', '/data/12/dir00/img_000001.jpg'), '1 image f f t f', 'by content: a lost main file');

SELECT t.is((SELECT string_agg(concat_ws(' ', photo = t.photo('12', 1), file = md5('more') || '12', action), ' ') FROM missing_photos.library_add(
	'12', t.photo('12', 1), '/data/12/more.jpg', md5('more'), 4, 'image')), 't t added', 'add: to a photo');
SELECT t.is(t.state('12', 1), md5('more') || '12; main image; flagged image', 'linked; the main file is as before');
SELECT t.is((SELECT string_agg(action, ' ') FROM missing_photos.library_add('12', t.photo('12', 1), '/data/12/more.jpg', md5('more'), 4, 'image')),
	'added', 'again: the same');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_photo_files(t.photo('12', 1))), '1', 'and one link');
SELECT t.is((SELECT string_agg(action, ' ') FROM missing_photos.library_add('12', t.photo('12', 1), '/data/12/other.jpg', md5('more'), 4, 'image')),
	NULL, 'its row says another path: no row');
SELECT t.is((SELECT string_agg(action, ' ') FROM missing_photos.library_add('2', t.photo('12', 1), '/data/2/more.jpg', md5('more'), 4, 'image')),
	NULL, 'another owner''s photo: no row');
SELECT t.keep('added');
SELECT t.is((SELECT string_agg(action, ' ') FROM missing_photos.library_add('12', NULL, '/data/12/brand.new.cr2', md5('brand new'), 9, 'raw')),
	CASE WHEN current_schema() = 'mine' THEN 'created' ELSE 'new' END, 'add: new');
SELECT t.is(t.changes('added'), CASE WHEN current_schema() = 'mine' THEN 'files -0 +1; photo_files -0 +1; photos -0 +1' ELSE 'nothing' END,
	'a photo of it only where the tables are our own');
