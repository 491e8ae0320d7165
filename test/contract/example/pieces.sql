-- register_library where photos, files and links are three tables and a path is in pieces: a file has
-- the number of its directory and its name. It says since when a file is missing, and nothing else.

CREATE SCHEMA gallery;
CREATE TABLE gallery.person (number smallint PRIMARY KEY, home text);
CREATE TABLE gallery.folder (number integer PRIMARY KEY, place text NOT NULL UNIQUE);
CREATE TABLE gallery.file (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	folder integer NOT NULL REFERENCES gallery.folder,
	name text NOT NULL,
	gone_since timestamptz,
	bytes bigint,
	UNIQUE (folder, name)
);
CREATE TABLE gallery.picture (id bigint PRIMARY KEY, person integer NOT NULL);
CREATE TABLE gallery.picture_file (
	picture bigint NOT NULL REFERENCES gallery.picture,
	file uuid NOT NULL REFERENCES gallery.file,
	PRIMARY KEY (picture, file)
);
CREATE INDEX ON gallery.picture_file (file);
INSERT INTO gallery.person VALUES (1, '/media/anna'), (2, NULL);
INSERT INTO gallery.folder VALUES (1, '/'), (2, '/anna'), (3, 'anna/2024/'), (4, '/bert');
INSERT INTO gallery.file (id, folder, name, bytes)
SELECT md5('file ' || n)::uuid, 1 + n % 4, 'f' || n || '.jpg', n FROM generate_series(1, 8) AS n;
INSERT INTO gallery.picture SELECT n, 1 + n % 2 FROM generate_series(1, 6) AS n;
-- The second and eighth file are both of picture 2.
INSERT INTO gallery.picture_file SELECT n, md5('file ' || n)::uuid FROM generate_series(1, 6) AS n;
INSERT INTO gallery.picture_file VALUES (2, md5('file 8')::uuid);
CREATE FUNCTION t.f(n integer) RETURNS text LANGUAGE sql AS $$ SELECT md5('file ' || n)::uuid::text $$;

SET search_path = gallery, public;
SELECT t.is((SELECT string_agg(part || ': ' || detail, '; ') FROM missing_photos.register_library('gallery', 'picture',
	owner_column => 'person', owner_table => 'person', owner_folder => 'home', root => '/media',
	file_table => 'file', link_table => 'picture_file', link_photo => 'picture', link_file => 'file',
	directory_column => 'folder', directory_table => 'folder', directory_path => 'place', name_column => 'name',
	missing_column => 'gone_since', size_column => 'bytes')),
	'photos: gallery.picture by id; files: gallery.file by id, linked by gallery.picture_file; owners: gallery.person by number; '
	|| 'paths: place of gallery.folder, and name below /media; missing: column gone_since; content: not known; '
	|| 'one of the paths: /media/anna/f1.jpg', 'registered, and told');
RESET search_path;
SELECT t.is((SELECT string_agg(path, ' ' ORDER BY path) FROM missing_photos.library_files('2')),
	'/media/anna/f1.jpg /media/anna/f5.jpg /media/bert/f3.jpg', 'paths, whatever slashes directories have');
SELECT t.is((SELECT string_agg(path, ' ' ORDER BY path) FROM missing_photos.library_files('1')),
	'/media/anna/2024/f2.jpg /media/anna/2024/f6.jpg /media/f4.jpg /media/f8.jpg', 'in the root itself');
SELECT t.is((SELECT string_agg(photo, ' ' ORDER BY photo) FROM missing_photos.library_at('{/media/f8.jpg,/media/anna/2024/f6.jpg,/f8.jpg}')),
	'2 6', 'at');
SELECT t.is((SELECT string_agg(path, ' ' ORDER BY path) FROM missing_photos.library_claimed('{/media/f8.jpg,/media/anna/2024/f7.jpg,/media/bert/f7.jpg}')),
	'/media/bert/f7.jpg /media/f8.jpg', 'claimed');
SELECT t.is((SELECT concat_ws(' ', owner, COALESCE(main, 'no main'), video) FROM missing_photos.library_photo('2')), '1 no main f', 'no main file');
SELECT t.is((SELECT size::text FROM missing_photos.library_content(ARRAY[t.f(8)])), '8', 'size');
SELECT t.is((SELECT string_agg(concat_ws(' ', owner, num_photos, num_missing_photos, num_missing_files), ', ' ORDER BY owner)
	FROM missing_photos.library_counts(NULL)), '1 3 0 0, 2 3 0 0', 'a photo without a main file isn''t missing where none has one');

-- Gone and back.
SELECT t.keep('start');
SELECT t.is((SELECT string_agg(concat_ws(' ', outcome, was_main), ', ') FROM missing_photos.library_mark_missing('1', '{2,4}',
	ARRAY[t.f(2), t.f(4)], '{/media/anna/2024/f2.jpg,/media/f4.jpg}')), 'changed f, changed f', 'lost');
SELECT t.is(t.changes('start'), 'file -2 +2 gone_since; picture_file -2 +0', 'the time, and the links');
SELECT missing_photos.record_losses(NULL, '1', '{2,4}', ARRAY[t.f(2), t.f(4)], '{/media/anna/2024/f2.jpg,/media/f4.jpg}', '{f,f}', NULL, '{f,f}', NULL);
SELECT t.is((SELECT concat_ws(' ', num_photos, num_missing_photos, num_missing_files) FROM missing_photos.library_counts('1')), '3 1 2',
	'a photo that has another file isn''t missing');
SELECT t.is((SELECT string_agg(owner || ' ' || path, ', ' ORDER BY path) FROM missing_photos.library_flagged_files('1')),
	'1 /media/anna/2024/f2.jpg, 1 /media/f4.jpg', 'whose a file was is known from its loss');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_flagged_files('2')), '0', 'and nobody else''s');
SELECT t.is((SELECT string_agg(photo, ' ') FROM missing_photos.library_missing_photos('1')), '4', 'the other is');
SELECT t.is((SELECT string_agg(outcome || ' ' || linked, ', ') FROM missing_photos.library_mark_present('1', '{2,4}',
	ARRAY[t.f(2), t.f(4)], '{/media/anna/2024/f2.jpg,/media/f4.jpg}', '{f,f}', '{NULL,NULL}')), 'changed true, changed true', 'back');
SELECT t.is(t.changes('start'), 'nothing', 'all is as it was');

-- Moves need a directory that has a row.
CREATE FUNCTION t.move(n integer, target text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(CASE WHEN r.moved THEN 'moved' WHEN r.busy THEN 'busy' ELSE 'refused' END, ' ')
	  FROM missing_photos.library_file_rows(ARRAY[n::text], ARRAY[t.f(n)]) AS f
	 CROSS JOIN LATERAL missing_photos.library_move('1', ARRAY[f.photo], ARRAY[f.file], ARRAY[f.path], ARRAY[target], NULL, NULL, NULL) AS r
$$;
SELECT t.is(t.move(6, '/media/bert/new.jpg'), 'moved', 'a move');
SELECT t.is(format('%s %s', folder, name), '4 new.jpg', 'is written as directory and name') FROM gallery.file WHERE id::text = t.f(6);
SELECT t.is(t.move(6, '/media/anna/2024/again.jpg'), 'moved', 'to a directory that is written with other slashes');
SELECT t.is(format('%s %s', folder, name), '3 again.jpg', 'the directory''s number') FROM gallery.file WHERE id::text = t.f(6);
SELECT t.is(t.move(6, '/media/carl/new.jpg'), 'refused', 'a directory without a row: refused');
SELECT t.is(t.move(6, '/elsewhere/bert/new.jpg'), 'refused', 'out of the root: refused');
SELECT t.is(t.move(6, '/media/anna/2024/f2.jpg'), 'refused', 'a path that another has: refused');
SELECT t.is((SELECT string_agg(r.moved::text, ' ') FROM missing_photos.library_move('1', '{2,4}', ARRAY[t.f(2), t.f(4)],
	'{/media/anna/2024/f2.jpg,/media/f4.jpg}', '{/media/f4.jpg,/media/anna/2024/f2.jpg}', NULL, NULL, NULL) AS r), 'true true', 'two that exchange their places');

-- A link table that the extension must not fill with what it doesn't know: a photo's main file.
ALTER TABLE gallery.picture ADD shown uuid REFERENCES gallery.file, ADD sort text;
ALTER TABLE gallery.file ADD lost boolean, ADD sort text NOT NULL DEFAULT 'p';
UPDATE gallery.picture SET shown = t.f(2)::uuid WHERE id = 2;
SELECT missing_photos.register_library('gallery', 'gallery.picture', owner_column => 'person', root => '/media',
	file_table => 'gallery.file', link_table => 'gallery.picture_file', link_photo => 'picture', link_file => 'file',
	directory_column => 'folder', directory_table => 'gallery.folder', directory_path => 'place', name_column => 'name',
	missing_column => 'lost', main_column => 'shown', type_column => 'sort', file_types => '{"image": "p", "metadata": "x"}');
SELECT t.is((SELECT string_agg(owner, ' ' ORDER BY owner) FROM missing_photos.library_owners()), '1 2', 'owners without a table: whoever has photos');
SELECT t.is((SELECT concat_ws(' ', outcome, was_main, main_after = t.f(8)) FROM missing_photos.library_mark_missing('1', '{2}', ARRAY[t.f(2)], '{/media/f4.jpg}')),
	'changed t t', 'the main file is lost, another is shown');
SELECT t.is((SELECT format('%s %s', p.shown::text = t.f(8), f.lost) FROM gallery.picture AS p JOIN gallery.file AS f ON f.id::text = t.f(2) WHERE p.id = 2),
	't t', 'as the tables say; NULL in the flag meant that it was there');
