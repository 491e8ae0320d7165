-- Which file is shown when the main file goes.

CREATE FUNCTION t.add(owner text, photo text, file text, path text, kind text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	code text := CASE WHEN current_schema() = 'mine' THEN kind
		ELSE array_position(ARRAY['image', 'video', 'metadata', 'raw', 'unknown'], kind)::text END;
BEGIN
	PERFORM t.run(format('INSERT INTO {file} (%s {file.key}, {file.path}, {file.type}, {file.missing}) '
		'VALUES (%s %L, %L, %L, false)',
		CASE WHEN current_schema() = 'mine' THEN 'owner,' END,
		CASE WHEN current_schema() = 'mine' THEN quote_literal(owner) || ',' END, file, path, code));
	PERFORM t.run(format('INSERT INTO {link} (%s) VALUES (%s %L, %L)',
		CASE WHEN current_schema() = 'mine' THEN 'owner, photo, file' ELSE 'photo_id, file_id' END,
		CASE WHEN current_schema() = 'mine' THEN quote_literal(owner) || ',' END, photo, file));
	INSERT INTO t.map VALUES (owner, owner, 1000, file, photo, file, path);
END
$$;
CREATE FUNCTION t.key(name text) RETURNS text LANGUAGE sql AS $$ SELECT md5(name) || '1' $$;
CREATE FUNCTION t.shown_after(kinds text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	kind text;
	shown text;
BEGIN
	-- One photo, whose jpeg goes, and files of these kinds beside it.
	FOREACH kind IN ARRAY kinds LOOP
		PERFORM t.add('1', t.photo('1', 1), t.key(kind), '/data/1/' || kind, split_part(kind, ' ', 1));
	END LOOP;
	SELECT k INTO shown
	  FROM missing_photos.library_mark_missing('1', ARRAY[t.photo('1', 1)],
	           ARRAY[t.file('1', 1, 'image')], ARRAY['/data/1/dir00/img_000001.jpg']) AS r
	  LEFT JOIN unnest(kinds) AS k ON t.key(k) = r.main_after;
	RETURN COALESCE(shown, 'the lost file');
END
$$;

BEGIN;
SELECT t.is(t.shown_after('{metadata,raw,video,image,unknown}'), 'image', 'an image before all');
ROLLBACK;
BEGIN;
SELECT t.is(t.shown_after('{unknown,metadata,raw,video}'), 'video', 'then a video');
ROLLBACK;
BEGIN;
SELECT t.is(t.shown_after('{unknown,metadata,raw}'), 'raw', 'then a raw file');
ROLLBACK;
BEGIN;
SELECT t.is(t.shown_after('{metadata,unknown}'), 'unknown', 'then one of unknown type');
ROLLBACK;
BEGIN;
SELECT t.is(t.shown_after('{metadata}'), 'the lost file', 'never a sidecar');
ROLLBACK;
BEGIN;
SELECT t.is(t.shown_after('{image b,image a,image c}'),
	(SELECT k FROM unnest('{image b,image a,image c}'::text[]) AS k ORDER BY t.key(k) COLLATE "C" LIMIT 1),
	'of equals the first by key');
ROLLBACK;
BEGIN;
SELECT t.add('1', t.photo('1', 1), t.key('flagged'), '/data/1/flagged', 'image');
SELECT t.run(format('UPDATE {file} SET {file.missing} = true WHERE {file.key} = %L', t.key('flagged')));
SELECT t.is(t.shown_after('{raw}'), 'raw', 'never one held as missing');
ROLLBACK;

-- A file that isn't shown leaves the pointer alone.
SELECT t.keep('start');
SELECT t.is(t.lose('1', '{10}', '{raw}'), '10 raw changed', 'another file than the main one');
SELECT t.is(t.changes('start'), t.plain('{file} -1 +1 {file.missing}; {link} -1 +0'), 'the photo isn''t touched');
