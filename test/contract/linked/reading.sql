-- The reading functions, on owners whose ids are each other's endings and beginnings.

SELECT t.is((SELECT string_agg(owner || ' ' || folders::text, ' ' ORDER BY owner::integer)
               FROM missing_photos.library_owners()),
	'1 {/data/1} 2 {/data/2} 12 {/data/12} 21 {/data/21} 112 {/data/112}',
	'owners: every user with the folders that are theirs');
SELECT t.is((SELECT count(*) || ' ' || count(DISTINCT photo) || ' ' || bool_or(flagged) || ' '
                    || bool_or(readonly) FROM missing_photos.library_files('2')),
	'52 40 false false', 'files: one row per link');
SELECT t.ok((SELECT bool_and(starts_with(path, '/data/' || o.owner || '/'))
               FROM missing_photos.library_owners() AS o
              CROSS JOIN LATERAL missing_photos.library_files(o.owner)),
	'files: nobody gets another owner''s');
SELECT t.is((SELECT string_agg(t.kind(file) || CASE WHEN main THEN ' main' ELSE '' END
                               || CASE WHEN media THEN ' media' ELSE '' END, ', '
                               ORDER BY t.kind(file))
               FROM missing_photos.library_photo_files(t.photo('12', 10))),
	'image main media, metadata, raw media', 'photo_files: main and media files of a photo');
SELECT t.is((SELECT string_agg(owner || ' ' || t.kind(main) || ' ' || video, ', ' ORDER BY video)
               FROM (SELECT * FROM missing_photos.library_photo(t.photo('12', 1))
                     UNION ALL SELECT * FROM missing_photos.library_photo(t.photo('12', 5))) AS p),
	'12 image false, 12 video true', 'photo: owner, main file, video or not');
SELECT t.is((SELECT photos::text FROM missing_photos.library_photo_count('21')), '40', 'photo_count');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_pointed_files('1')), '0',
	'pointed_files: none while all main files are linked');
SELECT t.is((SELECT string_agg(t.kind(file) || ' ' || linked || ' ' || flagged, ', ' ORDER BY t.kind(file))
               FROM missing_photos.library_file_rows(
                        ARRAY[t.photo('1', 10), t.photo('1', 10), t.photo('1', 1)],
                        ARRAY[t.file('1', 10, 'raw'), t.file('1', 1, 'image'), 'no such file'])),
	'image false false, raw true false', 'file_rows: pairs whose rows exist, linked or not');
SELECT t.is((SELECT string_agg(algorithm || ' ' || (digest = md5(m.path)), ', ')
               FROM t.map AS m
              CROSS JOIN LATERAL missing_photos.library_content(ARRAY[m.file]) AS c
              WHERE m.who = '12' AND m.n = 3),
	'md5 true, md5 true', 'content: the digest without its owner');
SELECT t.is((SELECT string_agg(owner || ' ' || num_photos || ' ' || num_missing_photos || ' '
                               || num_missing_files, ', ' ORDER BY owner::integer)
               FROM missing_photos.library_counts(NULL)),
	'1 40 0 0, 2 40 0 0, 12 40 0 0, 21 40 0 0, 112 40 0 0', 'counts: of every owner');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_counts('7')), '0',
	'counts: no row for an owner the library hasn''t');
SELECT t.is((SELECT count(*)::text FROM missing_photos.library_files(NULL)), '0',
	'files: none for no owner');

-- A user without photos.
SELECT t.run(CASE WHEN current_schema() = 'mine' THEN 'INSERT INTO {owner} VALUES (''7'')'
                  ELSE 'SELECT fixture.put(''{owner}'', ''SELECT 7 AS id, ''''seven'''' AS username'')'
             END);
SELECT t.is((SELECT num_photos || ' ' || folders::text FROM missing_photos.library_counts('7')
              CROSS JOIN LATERAL (SELECT folders FROM missing_photos.library_owners() AS o
                                   WHERE o.owner = '7') AS o),
	'0 {}', 'owners, counts: a user without photos or folder');
