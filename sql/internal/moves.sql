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
	job_id uuid, owner text, photos text[], files text[], old_paths text[], new_paths text[],
	paths_only boolean[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH moved AS (
		SELECT m.photo, m.file, m.old_path, m.new_path, COALESCE(m.path_only, false) AS path_only
		  FROM unnest(photos, files, old_paths, new_paths, paths_only)
		    AS m (photo, file, old_path, new_path, path_only)
	), made_good AS (
		DELETE FROM missing_photos.loss AS lost
		 USING moved
		 WHERE lost.owner = record_moves.owner AND NOT moved.path_only
		   AND lost.photo = moved.photo AND lost.file = moved.file
		RETURNING lost.photo, lost.file
	), still_lost AS (
		UPDATE missing_photos.loss AS lost SET path = moved.new_path
		  FROM moved
		 WHERE lost.owner = record_moves.owner AND moved.path_only
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
	       moved.new_path,
	       CASE WHEN made_good.file IS NULL AND still_lost.file IS NULL THEN 'present'
	            ELSE 'missing' END::missing_photos.file_state,
	       CASE WHEN still_lost.file IS NULL THEN 'present'
	            ELSE 'missing' END::missing_photos.file_state
	  FROM moved
	  LEFT JOIN made_good ON made_good.photo = moved.photo AND made_good.file = moved.file
	  LEFT JOIN still_lost ON still_lost.photo = moved.photo AND still_lost.file = moved.file
$$;
COMMENT ON FUNCTION missing_photos.record_moves IS
	'keeps the findings of files that moved, and forgets what was noted of them as gone or in doubt';

-- A sidecar is told under its photo: it is no file of its own to the library.
CREATE FUNCTION missing_photos.record_beside(
	job_id uuid, owner text, photos text[], paths text[], places text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.finding
		(job_id, owner, photo, file, path, new_path, old_state, new_state, reason)
	SELECT record_beside.job_id, record_beside.owner, s.photo, s.photo, s.path, s.place, 'present',
	       'present', CASE WHEN s.place IS NULL THEN 'its sidecar was not found beside it'
	                       ELSE 'its sidecar' END
	  FROM unnest(photos, paths, places) AS s (photo, path, place)
$$;
COMMENT ON FUNCTION missing_photos.record_beside IS
	'keeps the findings of sidecars that moved with their photos (place), or didn''t (NULL)';

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

CREATE FUNCTION missing_photos.lost_mains(
	owner text, photos text[], files text[], OUT mains boolean[], OUT mains_after text[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE(array_agg(COALESCE(lost.was_main, false) ORDER BY asked.ordinal), '{}'),
	       COALESCE(array_agg(lost.main_after ORDER BY asked.ordinal), '{}')
	  FROM unnest(photos, files) WITH ORDINALITY AS asked (photo, file, ordinal)
	  LEFT JOIN missing_photos.loss AS lost
	    ON lost.owner = lost_mains.owner AND lost.photo = asked.photo AND lost.file = asked.file
$$;
COMMENT ON FUNCTION missing_photos.lost_mains IS
	'for pairs of photo and file, as parallel arrays: whether the file was the main one when it was lost, and which took its place';

CREATE FUNCTION missing_photos.losers_of(owner text, file text)
RETURNS SETOF text
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT lost.photo FROM missing_photos.loss AS lost
	 WHERE lost.owner = losers_of.owner AND lost.file = losers_of.file
	 ORDER BY lost.was_main DESC, lost.photo
$$;
COMMENT ON FUNCTION missing_photos.losers_of IS 'photos that lost this file';

CREATE FUNCTION missing_photos.digest_algorithm()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE(min(a.mapping #>> '{digest,algorithm}'), 'md5')
	  FROM missing_photos.attached_library AS a
$$;
COMMENT ON FUNCTION missing_photos.digest_algorithm IS
	'with what the attached library digests the content of files';

CREATE FUNCTION missing_photos.kinds_of_names()
RETURNS TABLE (kind text, endings text[])
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	VALUES ('metadata', '{xmp}'::text[]),
	       ('raw', '{3fr,ari,arw,bay,cr2,cr3,crw,cs1,cxi,dcr,dng,eip,erf,fff,iiq,j6i,k25,kc2,kdc,mdc,mef,
	                 mfw,mos,mrw,nef,nrw,orf,pef,raf,raw,rw2,rwl,rwz,sr2,srf,srw,x3f}'),
	       ('video', '{3gp,avi,flv,m2ts,m4v,mkv,mov,mp4,mpeg,mpg,mts,ogv,ts,vob,webm,wmv}'),
	       ('image', '{avif,bmp,gif,heic,heif,jfif,jp2,jpe,jpeg,jpg,jxl,png,psd,svg,tif,tiff,webp}')
$$;
COMMENT ON FUNCTION missing_photos.kinds_of_names IS
	'how the names of files end, by what the files are: image, video, raw, metadata (a sidecar)';

CREATE FUNCTION missing_photos.file_kind(path text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE((SELECT k.kind FROM missing_photos.kinds_of_names() AS k
	                  WHERE lower(substring(path FROM '\.([^./]+)$')) = ANY (k.endings)), 'unknown')
$$;
COMMENT ON FUNCTION missing_photos.file_kind IS
	'what a file is by the ending of its name; unknown: neither an image nor a video nor what goes with them';

CREATE FUNCTION missing_photos.sibling_paths(path text)
RETURNS SETOF text
LANGUAGE sql IMMUTABLE ROWS 200
SET search_path = pg_catalog, pg_temp
AS $$
	-- a.jpg, a.cr2 and a.xmp; also a.jpg.xmp.
	SELECT name.stem || sibling.ending
	  FROM (SELECT substring(path FROM '^(.*)\.[^./]+$') AS stem) AS name
	 CROSS JOIN (SELECT '.' || e.ending AS ending
	               FROM missing_photos.kinds_of_names() AS k CROSS JOIN unnest(k.endings) AS e(ending)
	             UNION ALL
	             SELECT '.' || upper(e.ending)
	               FROM missing_photos.kinds_of_names() AS k CROSS JOIN unnest(k.endings) AS e(ending)
	             UNION ALL SELECT '') AS sibling
	 WHERE name.stem || sibling.ending <> path
$$;
COMMENT ON FUNCTION missing_photos.sibling_paths IS
	'paths of files that would belong to the same photo as this one';

CREATE FUNCTION missing_photos.changed_sizes(files text[], sizes bigint[])
RETURNS SETOF bigint
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT seen.ordinal
	  FROM unnest(files, sizes) WITH ORDINALITY AS seen (file, size, ordinal)
	  JOIN missing_photos.file_identity AS known ON known.file = seen.file
	 WHERE known.size <> seen.size
$$;
COMMENT ON FUNCTION missing_photos.changed_sizes IS
	'which of these files (by their place in the array) had another size when they were last seen';

CREATE FUNCTION missing_photos.taken_paths(old_paths text[], new_paths text[], claimed text[])
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Of the new paths, those that some row claims which won't move away itself; and then the old
	-- paths of those that can't move for it, and so on.
	WITH RECURSIVE moving AS MATERIALIZED (
		SELECT * FROM unnest(old_paths, new_paths) AS m (old_path, new_path)
	), taken AS (
		SELECT c.path FROM unnest(claimed) AS c (path)
		 WHERE NOT EXISTS (SELECT FROM moving WHERE moving.old_path = c.path)
		UNION
		SELECT moving.old_path FROM taken JOIN moving ON moving.new_path = taken.path
	)
	SELECT taken.path FROM taken
$$;
COMMENT ON FUNCTION missing_photos.taken_paths IS
	'paths that files can''t take because another file keeps them';

CREATE FUNCTION missing_photos.copies_of(owner text, files text[])
RETURNS TABLE (ordinal bigint, path text, size bigint, mtime_ns bigint)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT gone.ordinal, known.path, known.size, known.mtime_ns
	  FROM unnest(files) WITH ORDINALITY AS gone (file, ordinal)
	  JOIN missing_photos.known_copy AS known
	    ON known.owner = copies_of.owner AND known.file = gone.file
	 ORDER BY gone.ordinal, known.noted_at DESC, known.path
$$;
COMMENT ON FUNCTION missing_photos.copies_of IS
	'further paths at which these files'' content was found, the latest first';

CREATE FUNCTION missing_photos.owner_of_moves(of_job uuid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT min(f.owner) FROM missing_photos.finding AS f
	 WHERE f.job_id = of_job AND f.new_path IS NOT NULL
$$;
COMMENT ON FUNCTION missing_photos.owner_of_moves IS 'whose files a job moved; NULL: nobody''s';

CREATE FUNCTION missing_photos.moves_of(
	of_owner text, of_job uuid, since timestamptz, until timestamptz, after bigint, most integer)
RETURNS TABLE (id bigint, photo text, file text, path text, new_path text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A file may have moved on: from where it was first to where it was last.
	SELECT min(f.id), f.photo, f.file, (array_agg(f.path ORDER BY f.id))[1],
	       (array_agg(f.new_path ORDER BY f.id DESC))[1]
	  FROM missing_photos.finding AS f
	 WHERE f.owner = of_owner AND (of_job IS NULL OR f.job_id = of_job)
	   AND f.found_at BETWEEN since AND until
	   AND f.new_path IS NOT NULL AND f.path IS NOT NULL AND f.reason IS DISTINCT FROM 'its sidecar'
	 GROUP BY f.photo, f.file
	HAVING min(f.id) > after
	   AND (array_agg(f.path ORDER BY f.id))[1] <> (array_agg(f.new_path ORDER BY f.id DESC))[1]
	 ORDER BY 1
	 LIMIT most
$$;
COMMENT ON FUNCTION missing_photos.moves_of IS
	'which of an owner''s files a job (NULL: whoever) moved in some time, in parts';

CREATE FUNCTION missing_photos.photos_are_files()
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE(bool_and(a.mapping ->> 'shape' = 'single'), false)
	  FROM missing_photos.attached_library AS a
$$;
COMMENT ON FUNCTION missing_photos.photos_are_files IS
	'whether in the attached library one row is a photo and its file';
