-- merge_reimported where two photos of one content can be; and that they can't be where a photo's key
-- is its content's digest.

SELECT missing_photos.contract_names(mapping) ->> 'photo.hash' IS NOT DISTINCT FROM missing_photos.contract_names(mapping) ->> 'photo.key' AS by_digest,
       current_schema() = 'mine' AS ours FROM missing_photos.attached_library \gset
\if :by_digest
SELECT t.lose('12', '{1}');
SELECT t.throws(t.filled(format('INSERT INTO {photo} SELECT * FROM {photo} WHERE {photo.key} = %L', t.photo('12', 1))), '23505 without a hint',
	'a photo''s key is its content''s digest: no second one can be made of the same content');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_reimported('12', '{}', '{}', NULL)), '0', 'and none is found');
SELECT t.is((SELECT count(*)::text FROM missing_photos.merge_reimported('12', false)), '0', 'nothing to merge');
\else
-- A second photo of a photo's file, as an importer makes it: later, and with a path of its own.
CREATE TABLE t.made (n integer, photo text);
CREATE FUNCTION t.reimport(n integer, targets text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	made text;
	columns text := (SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute AS a
	                  WHERE a.attrelid = (SELECT t.filled('{photo}')::regclass) AND a.attnum > 0 AND a.attname NOT IN ('id', 'added_on', 'added_at'));
BEGIN
	EXECUTE t.filled(format('INSERT INTO {photo} (%s, {photo.added}) SELECT %1$s, now() + interval ''1 day'' FROM {photo} WHERE {photo.key} = %L RETURNING {photo.key}::text',
		columns, t.photo('12', n))) INTO made;
	PERFORM t.run(format('UPDATE {photo} SET {photo.main} = %L WHERE {photo.key} = %L', t.file('12', n, 'image'), made));
	PERFORM t.run(format('UPDATE {file} SET {file.path} = %L, {file.missing} = false WHERE {file.key} = %L', targets, t.file('12', n, 'image')));
	PERFORM t.run(format('INSERT INTO {link} (%s) VALUES (%s %L, %L)', CASE WHEN current_schema() = 'mine' THEN 'owner, photo, file' ELSE 'photo_id, file_id' END,
		CASE WHEN current_schema() = 'mine' THEN '''12'',' ELSE '' END, made, t.file('12', n, 'image')));
	INSERT INTO t.made VALUES (n, made);
END
$$;
CREATE FUNCTION t.new(of integer) RETURNS text LANGUAGE sql AS $$ SELECT m.photo FROM t.made AS m WHERE m.n = of ORDER BY m.photo LIMIT 1 $$;
CREATE FUNCTION t.merged(dry boolean) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(m.n || ' ' || r.state, '; ' ORDER BY m.n, r.reimported)
	  FROM missing_photos.merge_reimported(12, dry) AS r JOIN t.made AS m ON m.photo = r.reimported AND r.photo = t.photo('12', m.n)
$$;
SELECT t.is((SELECT count(*)::text FROM missing_photos.merge_reimported('12')), '0', 'nothing to merge');
SELECT t.keep('start');
SELECT t.lose('12', '{4,6,8,9}');
SELECT t.reimport(n, format('/data/12/new/%s.jpg', n)) FROM unnest('{4,6,8,8}'::integer[]) AS n;
SELECT t.is(t.merged(true), '4 ready; 6 ready; 8 ambiguous; 8 ambiguous', 'what would be merged, and what a person has to choose between');
SELECT t.keep('imported');
SELECT t.merged(true);
SELECT t.is(t.changes('imported'), 'nothing', 'nothing is written by looking');

-- What the application and its users did to the new photo meanwhile.
\if :ours
INSERT INTO album_photos SELECT '12', md5(kind || '12')::uuid, t.new(4)::uuid FROM unnest('{date,auto}'::text[]) AS kind;
INSERT INTO people (owner, id) VALUES ('12', md5('other')::uuid);
INSERT INTO faces (owner, id, photo, person) VALUES ('12', md5('f1')::uuid, t.new(6)::uuid, md5('person12')::uuid), ('12', md5('f2')::uuid, t.new(6)::uuid, md5('other')::uuid),
	('12', md5('f3')::uuid, t.new(6)::uuid, NULL);
INSERT INTO photo_shares VALUES ('12', t.new(4)::uuid, '2'), ('12', t.new(4)::uuid, '21');
UPDATE albums SET cover_photo = t.new(4)::uuid WHERE owner = '12' AND kind = 'auto';
\else
SELECT fixture.put('api_albumuser', 'SELECT 9001 AS id, 12 AS owner_id, ''new'' AS title, ' || quote_literal(t.new(4)) || '::uuid AS cover_photo_id');
SELECT fixture.put('api_albumuser_photos', format('SELECT a AS albumuser_id, %L::uuid AS photo_id FROM unnest(ARRAY[12, 9001]) AS a', t.new(4)));
SELECT fixture.put('api_person', 'SELECT 9001 AS id, ''Ada'' AS name, 12 AS cluster_owner_id');
SELECT fixture.put('api_face', format('SELECT p.person_id, %L::uuid AS photo_id FROM (VALUES (9001), (NULL), ((SELECT min(person_id) FROM api_face WHERE photo_id = %L))) AS p(person_id)', t.new(6), t.photo('12', 6)));
UPDATE api_person SET cover_face_id = (SELECT max(id) FROM api_face WHERE photo_id = t.new(6)::uuid) WHERE id = 9001;
SELECT fixture.put('api_photo_shared_to', format('SELECT u AS user_id, %L::uuid AS photo_id FROM unnest(ARRAY[2, 21]) AS u', t.new(4)));
SELECT fixture.put('api_photo_shared_to', format('SELECT 2 AS user_id, %L::uuid AS photo_id', t.photo('12', 4)));
SELECT fixture.put('api_thumbnail', format('SELECT p::uuid AS photo_id, ''of the new'' AS thumbnail_big FROM unnest(ARRAY[%L, %L]) AS p', t.new(4), t.new(6)));
DELETE FROM api_thumbnail WHERE photo_id = t.photo('12', 6)::uuid;
SELECT fixture.put('api_photo_caption', format('SELECT %L::uuid AS photo_id, ''{"new": 1}''::jsonb AS captions_json', t.new(4)));
UPDATE api_photo SET rating = CASE WHEN id = t.new(4)::uuid THEN 5 ELSE 2 END WHERE id IN (t.new(4)::uuid, t.photo('12', 4)::uuid);
UPDATE api_photo SET rating = CASE WHEN id = t.new(6)::uuid THEN 1 ELSE 3 END WHERE id IN (t.new(6)::uuid, t.photo('12', 6)::uuid);
\endif
-- A table that nobody foresaw, of rows that must be one per photo and name.
SELECT t.run('CREATE TABLE mark (id integer PRIMARY KEY, ' || CASE WHEN current_schema() = 'mine' THEN 'owner text NOT NULL, ' ELSE '' END || 'photo uuid NOT NULL, name text, '
	|| CASE WHEN current_schema() = 'mine' THEN 'FOREIGN KEY (owner, photo) REFERENCES photos' ELSE 'FOREIGN KEY (photo) REFERENCES api_photo' END || ', UNIQUE (photo, name))');
SELECT fixture.put('mark', format('SELECT * FROM (VALUES (1, ''12'', %L::uuid, ''both''), (2, ''12'', %2$L::uuid, ''both''), (3, ''12'', %2$L::uuid, ''new'')) AS m(id, owner, photo, name)', t.photo('12', 4), t.new(4)));

SELECT t.keep('before');
SELECT t.is(t.merged(false), '4 merged; 6 merged; 8 ambiguous; 8 ambiguous', 'merged');
SELECT t.is(t.merged(false), '8 ambiguous; 8 ambiguous', 'again: nothing left but what a person has to choose');
SELECT t.is(t.state('12', 4) || ' | ' || t.state('12', 6), 'image; main image; flagged nothing | image; main image; flagged nothing', 'the old photos have their files');
SELECT t.is((SELECT string_agg(f.path, ' ') FROM missing_photos.library_photo_files(t.photo('12', 4)) AS f), '/data/12/new/4.jpg', 'at the new path');
SELECT t.is(t.value(format('SELECT count(*)::text FROM {photo} WHERE {photo.key} IN (%L, %L)', t.new(4), t.new(6))), '0', 'the new photos are gone');
SELECT t.is(t.value(format('SELECT string_agg(id::text, '' '' ORDER BY id) FROM mark WHERE photo = %L', t.photo('12', 4))), '1 3', 'a table nobody foresaw: united');
\if :ours
SELECT t.is((SELECT string_agg(a.kind, ' ' ORDER BY a.kind) FROM album_photos AS l JOIN albums AS a ON a.id = l.album WHERE l.photo = t.photo('12', 4)::uuid),
	'auto date thing', 'albums are united');
SELECT t.is((SELECT string_agg(CASE f.person WHEN md5('other')::uuid THEN 'other' ELSE 'person' END, ' ' ORDER BY f.person = md5('other')::uuid) FROM faces AS f WHERE f.photo = t.photo('12', 6)::uuid),
	'person other', 'faces: people it had stay once, new ones come');
SELECT t.is((SELECT string_agg(shared_with, ' ' ORDER BY shared_with) FROM photo_shares WHERE photo = t.photo('12', 4)::uuid), '2 21', 'shares are united');
SELECT t.is((SELECT (cover_photo = t.photo('12', 4)::uuid)::text FROM albums WHERE owner = '12' AND kind = 'auto'), 'true', 'a cover is the old photo');
\else
SELECT t.is((SELECT string_agg(albumuser_id::text, ' ' ORDER BY albumuser_id) FROM api_albumuser_photos WHERE photo_id = t.photo('12', 4)::uuid), '12 9001', 'albums are united');
SELECT t.is((SELECT (cover_photo_id = t.photo('12', 4)::uuid)::text FROM api_albumuser WHERE id = 9001), 'true', 'a cover is the old photo');
SELECT t.is((SELECT string_agg(COALESCE(nullif(person_id, (SELECT min(f.person_id) FROM api_face AS f WHERE f.photo_id = t.photo('12', 6)::uuid)), 0)::text, ' ' ORDER BY id) FROM api_face WHERE photo_id = t.photo('12', 6)::uuid),
	'0 9001', 'faces: people it had stay once, new ones come');
SELECT t.is((SELECT string_agg(user_id::text, ' ' ORDER BY user_id) FROM api_photo_shared_to WHERE photo_id = t.photo('12', 4)::uuid), '2 21', 'shares are united, without a unique index');
SELECT t.is((SELECT string_agg(rating::text, ' ' ORDER BY rating) FROM api_photo WHERE id IN (t.photo('12', 4)::uuid, t.photo('12', 6)::uuid)), '3 5', 'the higher rating counts');
SELECT t.is((SELECT COALESCE(captions_json::text, 'its own') FROM api_photo_caption WHERE photo_id = t.photo('12', 4)::uuid), 'its own', 'its own caption stays');
SELECT t.is((SELECT string_agg((thumbnail_big = 'of the new')::text, ' ' ORDER BY thumbnail_big = 'of the new') FROM api_thumbnail WHERE photo_id IN (t.photo('12', 4)::uuid, t.photo('12', 6)::uuid)), 'false true', 'a thumbnail comes where there was none');
\endif
SELECT t.is((SELECT count(*)::text FROM (SELECT photo FROM missing_photos.library_files('12') GROUP BY photo, file HAVING count(*) > 1) AS twice), '0', 'no file is linked twice');
SELECT t.is((SELECT string_agg(old_state || ' ' || new_state, ', ') FROM missing_photos.finding WHERE owner = '12'), 'missing present, missing present', 'the findings');
SELECT t.is((SELECT string_agg(kind || ' ' || state, ', ') FROM missing_photos.job AS j WHERE j.owner = '12' AND (result ->> 'merged')::integer > 0), 'merge finished', 'the job');

-- Somebody holds a photo.
SELECT t.reimport(9, '/data/12/new/9.jpg');
SELECT t.other('BEGIN');
SELECT t.other(format('UPDATE {photo} SET {photo.video} = {photo.video} WHERE {photo.key} = %L', t.new(9)));
SELECT t.is(t.merged(false), '8 ambiguous; 8 ambiguous; 9 busy', 'a photo held by another session waits');
SELECT t.other('ROLLBACK');
SELECT t.is(t.merged(false), '8 ambiguous; 8 ambiguous; 9 merged', 'and is merged next time');

-- Another owner's photo of the same content, and a photo that was there before, are no imports.
SELECT t.lose('12', '{11}');
SELECT t.reimport(11, '/data/12/new/11.jpg');
SELECT t.run(format('UPDATE {photo} SET {photo.added} = ''2001-01-01'' WHERE {photo.key} = %L', t.new(11)));
SELECT t.is(t.merged(true), '8 ambiguous; 8 ambiguous', 'a photo that was there before isn''t an import');
\endif
