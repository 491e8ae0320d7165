-- Moves where one row is the photo and its file, and a digest of the path goes with it.

CREATE FUNCTION t.move(ns integer[], targets text[]) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(m.n || CASE WHEN r.moved THEN ' moved' WHEN r.busy THEN ' busy' ELSE ' refused' END, '; ' ORDER BY m.n)
	  FROM (SELECT array_agg(t.photo('12', n) ORDER BY ordinal) AS photos, array_agg(a."originalPath" ORDER BY ordinal) AS paths
	          FROM unnest(ns) WITH ORDINALITY AS w(n, ordinal) JOIN asset AS a ON a.id = t.photo('12', n)::uuid) AS w
	 CROSS JOIN LATERAL missing_photos.library_move(t.owner('12'), photos, photos, paths, targets, NULL, NULL, NULL) AS r
	  JOIN t.map AS m ON m.photo = r.photo
$$;
CREATE FUNCTION t.p(n integer) RETURNS text LANGUAGE sql AS $$ SELECT "originalPath" FROM asset WHERE id = t.photo('12', n)::uuid $$;
SELECT t.is(encode(missing_photos.sha1('abc'), 'hex'), 'a9993e364706816aba3e25717850c26c9cd0d89d', 'sha1');
SELECT t.keep('start');
SELECT t.lose('12', '{1}');
SELECT t.is(t.move('{1}', '{/data/12/new/näme.jpg}'), '1 moved', 'one that was lost');
SELECT t.is(t.changes('start'), 'asset -1 +1 checksum,originalFileName,originalPath,updateId,updatedAt',
	'path, name and digest; nothing of what was lost is left');
SELECT t.ok("originalFileName" = 'näme.jpg' AND checksum = missing_photos.sha1(convert_to('path:/data/12/new/näme.jpg', 'UTF8')),
	'the name is the path''s last part, the checksum the path''s') FROM asset WHERE id = t.photo('12', 1)::uuid;
SELECT t.is(t.move('{2,4}', ARRAY[t.p(4), t.p(2)]), '2 moved; 4 moved', 'two that exchanged their names');
SELECT t.is(t.move('{6,8,9}', ARRAY[t.p(8), t.p(9), '/data/12/x.jpg']), '6 moved; 8 moved; 9 moved', 'a chain');
SELECT t.is(t.move('{6}', ARRAY[t.p(7)]), '6 refused', 'a path that the application manages itself: refused');
SELECT t.is(t.move('{7}', '{/data/12/y.jpg}'), NULL, 'one of those: no row');
UPDATE asset SET status = 'deleted' WHERE id = t.photo('12', 2)::uuid;
SELECT t.is(t.move('{6}', ARRAY[t.p(2)]), '6 refused', 'a path of a row about to be deleted: refused');
UPDATE asset SET status = 'trashed', "deletedAt" = now() WHERE id = t.photo('12', 3)::uuid;
SELECT t.is(t.move('{3}', '{/data/12/z.jpg}') || ' ' || (SELECT status FROM asset WHERE id = t.photo('12', 3)::uuid), '3 moved trashed', 'what is in the trash stays there');
SELECT t.is((SELECT string_agg(path, ' ') FROM missing_photos.library_claimed('{/data/12/z.jpg,/data/12/nowhere}')), '/data/12/z.jpg', 'claimed');
SELECT t.is((SELECT string_agg(m.n::text, ' ') FROM t.map AS m JOIN asset AS a ON a.id::text = m.photo
              CROSS JOIN LATERAL missing_photos.library_photos_by_content(m.owner, ARRAY[encode(a.checksum, 'hex')])
              WHERE m.who = '12' AND m.n IN (6, 7)), '7', 'by content: only where the digest is the content''s');
SELECT t.is((SELECT action FROM missing_photos.library_add(t.owner('12'), NULL, '/data/12/new.jpg', md5('x'), 1, 'image')), 'new', 'add: the application''s own');
