-- What is remembered of files that moved, and of further copies of files. Called by the C code as the
-- extension's owner; nobody else may.

CREATE TABLE missing_photos.known_copy (
	owner    text        NOT NULL,
	file     text        NOT NULL,
	path     text        NOT NULL,
	size     bigint      NOT NULL,
	mtime_ns bigint      NOT NULL,
	noted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (owner, file, path)
);
COMMENT ON TABLE missing_photos.known_copy IS
	'paths at which a file''s content was found besides the one its row holds: looked at before the file is called missing';

SELECT pg_catalog.pg_extension_config_dump('missing_photos.known_copy', '');

CREATE FUNCTION missing_photos.record_moves(
	job_id uuid, owner text, photos text[], files text[], old_paths text[], new_paths text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH moved AS (
		SELECT * FROM unnest(photos, files, old_paths, new_paths) AS m (photo, file, old_path, new_path)
	), made_good AS (
		DELETE FROM missing_photos.loss AS lost
		 USING moved
		 WHERE lost.owner = record_moves.owner
		   AND lost.photo = moved.photo AND lost.file = moved.file
		RETURNING lost.photo, lost.file
	), doubted AS (
		DELETE FROM missing_photos.file_doubt AS doubt
		 USING moved
		 WHERE doubt.owner = record_moves.owner
		   AND doubt.photo = moved.photo AND doubt.file = moved.file
	), absent AS (
		DELETE FROM missing_photos.absence AS gone
		 USING moved
		 WHERE gone.owner = record_moves.owner
		   AND gone.photo = moved.photo AND gone.file = moved.file
	), copied AS (
		-- The place it has now is no further copy any more.
		DELETE FROM missing_photos.known_copy AS copy
		 USING moved
		 WHERE copy.owner = record_moves.owner
		   AND copy.file = moved.file AND copy.path = moved.new_path
	)
	INSERT INTO missing_photos.finding
		(job_id, owner, photo, file, path, new_path, old_state, new_state)
	SELECT record_moves.job_id, record_moves.owner, moved.photo, moved.file, moved.old_path,
	       moved.new_path, CASE WHEN made_good.file IS NULL THEN 'present' ELSE 'missing'
	                       END::missing_photos.file_state, 'present'
	  FROM moved
	  LEFT JOIN made_good ON made_good.photo = moved.photo AND made_good.file = moved.file
$$;
COMMENT ON FUNCTION missing_photos.record_moves IS
	'keeps the findings of files that moved, and forgets what was noted of them as gone or in doubt';

CREATE FUNCTION missing_photos.note_copies(
	owner text, files text[], paths text[], sizes bigint[], mtimes bigint[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.known_copy AS known (owner, file, path, size, mtime_ns)
	SELECT DISTINCT ON (seen.file, seen.path) note_copies.owner, seen.*
	  FROM unnest(files, paths, sizes, mtimes) AS seen (file, path, size, mtime_ns)
	 ORDER BY seen.file, seen.path
	ON CONFLICT ON CONSTRAINT known_copy_pkey DO UPDATE
	   SET size = excluded.size, mtime_ns = excluded.mtime_ns, noted_at = excluded.noted_at
	 WHERE (known.size, known.mtime_ns) <> (excluded.size, excluded.mtime_ns)
$$;
COMMENT ON FUNCTION missing_photos.note_copies IS
	'notes further paths at which the content of files was found';
