-- A worked example: attaching a schema that no preset knows.
--
-- A preset is a function missing_photos.preset_NAME(library_schema name) that returns a mapping: which
-- table and column plays which role (sql/library/bind.sql). A superuser adds one, and attach_library
-- takes it by its name. pg_dump carries it, since it is no part of the extension.

\ir ../../fixtures/gallery.sql

CREATE FUNCTION missing_photos.preset_gallery(library_schema name)
RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT '{
		"application": "Gallery",
		"shape": "linked",
		"tables": {
			"owner": {"name": "account", "columns": {"key": "number"}, "optional": {"folder": "folder"}},
			"photo": {"name": "picture", "columns": {"key": "number", "owner": "account",
			          "main": "shown", "video": "film"}},
			"file": {"name": "image", "columns": {"key": "number", "path": "location", "type": "sort",
			         "missing": "lost"}, "optional": {"size": "bytes"}},
			"link": {"name": "picture_image", "columns": {"photo": "picture", "file": "image"}}
		},
		"file_types": {"image": "p", "video": "f", "raw": "r", "metadata": "x"}
	}'::jsonb
$$;

INSERT INTO gallery.account VALUES (2, '/data/2'), (12, NULL);
INSERT INTO gallery.image VALUES (1, '/data/2/a.jpg', 'p', false, 7), (2, '/data/2/a.dng', 'r', false, 9),
	(3, '/data/2/a.xmp', 'x', false, NULL), (4, '/data/12/b.jpg', 'p', false, 8);
INSERT INTO gallery.picture VALUES (10, 2, 1), (11, 12, 4);
INSERT INTO gallery.picture_image VALUES (10, 1, ''), (10, 2, ''), (10, 3, ''), (11, 4, '');

SELECT missing_photos.attach_library('gallery', 'gallery');
SELECT t.is((SELECT layout FROM missing_photos.attached_library),
	'Gallery in schema gallery: photos in picture by number (bigint), unique links to files, no job table',
	'a schema of one''s own is attached');
SELECT t.keep('start');
SELECT t.is((SELECT string_agg(owner || ' ' || folders::text, ', ' ORDER BY owner) FROM missing_photos.library_owners()),
	'12 {}, 2 {/data/2}', 'owners');
SELECT t.is((SELECT string_agg(file || ' ' || path, ', ' ORDER BY file) FROM missing_photos.library_files('2')),
	'1 /data/2/a.jpg, 2 /data/2/a.dng, 3 /data/2/a.xmp', 'files');
SELECT t.is((SELECT file || ' ' || COALESCE(digest, 'no digest') || ' ' || size FROM missing_photos.library_content('{1}')),
	'1 no digest 7', 'content');
SELECT t.is((SELECT string_agg(concat_ws(' ', file, outcome, was_main, main_after), ', ' ORDER BY file)
               FROM missing_photos.library_mark_missing('2', '{10,10}', '{1,3}', '{/data/2/a.jpg,/data/2/a.xmp}')),
	'1 changed t 2, 3 changed f', 'missing');
SELECT t.is((SELECT string_agg(concat_ws(' ', owner, num_photos, num_missing_photos, num_missing_files), ', ' ORDER BY owner)
               FROM missing_photos.library_counts(NULL)), '12 1 0 0, 2 1 0 0',
	'counts: a file no photo knows any more has no owner here');
SELECT t.is((SELECT string_agg(concat_ws(' ', file, outcome, linked), ', ' ORDER BY file)
               FROM missing_photos.library_mark_present('2', '{10,10}', '{1,3}', '{/data/2/a.jpg,/data/2/a.xmp}', '{t,f}', '{2,NULL}')),
	'1 changed t, 3 changed t', 'present');
SELECT t.is(t.changes('start'), 'nothing', 'as at the start');
SELECT missing_photos.library_job(gen_random_uuid(), '2', 'scan', 'started', 0, 0, NULL);
SELECT missing_photos.check_library();

-- Where no foreign key, type or order helps, a view can: attach_library takes views for tables.
ALTER TABLE gallery.account RENAME TO account_data;
CREATE VIEW gallery.account AS SELECT number, folder FROM gallery.account_data WHERE number < 100;
SELECT missing_photos.attach_library('gallery', 'gallery');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_owners()), '2', 'a view in the place of a table');
