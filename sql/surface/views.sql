-- The views applications read. What they take from the library comes through functions that run as
-- the reader, so that its grants and row-level security hold; the extension's own tables are read
-- with the view's rights, and shown only beside rows of the library the reader may see. The views are
-- security barriers, or a reader's own condition could be asked about a row before that is known.

CREATE FUNCTION missing_photos.counts(
	owner text,
	OUT owner_id text, OUT num_photos bigint, OUT num_missing_photos bigint,
	OUT num_missing_files bigint)
RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM missing_photos.check_library();
	RETURN QUERY SELECT c.owner, c.num_photos, c.num_missing_photos, c.num_missing_files
	               FROM missing_photos.library_counts(counts.owner) AS c;
END
$$;
COMMENT ON FUNCTION missing_photos.counts IS
	'counts per owner (all owners when NULL) as the library has them';

CREATE FUNCTION missing_photos.flagged_files(
	OUT owner text, OUT photo text, OUT file text, OUT path text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM missing_photos.check_library();
	RETURN QUERY SELECT f.owner, f.photo, f.file, f.path
	               FROM missing_photos.library_flagged_files(NULL) AS f;
END
$$;
COMMENT ON FUNCTION missing_photos.flagged_files IS
	'files the library holds as missing, of all owners the caller may see';

CREATE FUNCTION missing_photos.sees_pair(photo text, file text)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM FROM missing_photos.library_file_rows(ARRAY[sees_pair.photo], ARRAY[sees_pair.file]);
	RETURN FOUND;
EXCEPTION WHEN invalid_text_representation THEN
	-- A finding outlives a change of the library's key types.
	RETURN false;
END
$$;
COMMENT ON FUNCTION missing_photos.sees_pair IS
	'whether the caller may see this photo and this file';

CREATE FUNCTION missing_photos.files_below(
	owner text, app_path text, OUT photo text, OUT file text, OUT path text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT f.photo, f.file, f.path
	               FROM missing_photos.library_files(files_below.owner) AS f
	              WHERE NOT f.flagged
	                AND starts_with(f.path, rtrim(files_below.app_path, '/') || '/');
END
$$;
COMMENT ON FUNCTION missing_photos.files_below IS
	'an owner''s files below a root, as far as the caller may see them';

CREATE FUNCTION missing_photos.seen_owners()
RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM missing_photos.check_library();
	RETURN QUERY SELECT o.owner FROM missing_photos.library_owners() AS o;
END
$$;
COMMENT ON FUNCTION missing_photos.seen_owners IS 'the owners that the caller may see';

CREATE VIEW missing_photos.owner_state WITH (security_barrier) AS
	SELECT COALESCE(doubts.owner, scans.owner) AS owner,
	       COALESCE(doubts.files, 0)::bigint AS num_unreachable_files,
	       scans.last_scan_at
	  FROM (SELECT d.owner, sum(d.files) AS files
	          FROM (SELECT f.owner, count(*) AS files
	                  FROM missing_photos.file_doubt AS f
	                 WHERE f.state = 'unreachable'
	                 GROUP BY f.owner
	                UNION ALL
	                SELECT r.owner, sum(r.files) FROM missing_photos.root_doubt AS r GROUP BY r.owner
	               ) AS d
	         GROUP BY d.owner) AS doubts
	  FULL JOIN (SELECT j.owner, max(j.finished_at) AS last_scan_at
	               FROM missing_photos.job AS j
	              WHERE j.kind = 'scan' AND j.state = 'finished'
	              GROUP BY j.owner) AS scans
	    ON scans.owner = doubts.owner
	 WHERE COALESCE(doubts.owner, scans.owner) IN (SELECT missing_photos.seen_owners());
COMMENT ON VIEW missing_photos.owner_state IS
	'files out of reach and the last finished scan, per owner';

CREATE VIEW missing_counts WITH (security_barrier) AS
	SELECT c.owner_id AS owner, c.num_photos, c.num_missing_photos, c.num_missing_files,
	       COALESCE(s.num_unreachable_files, 0) AS num_unreachable_files, s.last_scan_at
	  FROM missing_photos.counts(NULL) AS c
	  LEFT JOIN missing_photos.owner_state AS s ON s.owner = c.owner_id;
COMMENT ON VIEW missing_counts IS 'photos and missing ones, per owner';
COMMENT ON COLUMN missing_counts.num_missing_photos IS
	'photos with no media file linked or no main file known';
COMMENT ON COLUMN missing_counts.num_missing_files IS 'files the library holds as missing';
COMMENT ON COLUMN missing_counts.num_unreachable_files IS
	'files the last scan could not judge';
COMMENT ON COLUMN missing_counts.last_scan_at IS 'when the last finished scan ended';

-- The planner takes a UNION ALL apart, and its barrier with it, unless it stands one level down.
CREATE VIEW missing_files WITH (security_barrier) AS
	WITH flagged AS MATERIALIZED (SELECT * FROM missing_photos.flagged_files())
	SELECT u.owner, u.photo, u.file, u.path, u.state, u.reason, u.since, u.job_id
	  FROM (
		-- A lost file is shown with each photo that lost it; one that the application flagged
		-- itself with the photo it knows, if any.
		SELECT l.owner, l.photo, l.file, f.path, 'missing'::missing_photos.file_state AS state,
		       COALESCE(d.reason, l.reason) AS reason, l.lost_at AS since, l.job_id
		  FROM (SELECT DISTINCT owner, file, path FROM flagged) AS f
		  JOIN missing_photos.loss AS l ON l.file = f.file AND l.owner = f.owner
		  LEFT JOIN missing_photos.file_doubt AS d
		    ON d.owner = l.owner AND d.photo = l.photo AND d.file = l.file
		   AND d.state = 'missing'
		UNION ALL
		SELECT f.owner, f.photo, f.file, f.path, 'missing', NULL, NULL, NULL
		  FROM flagged AS f
		 WHERE NOT EXISTS (SELECT FROM missing_photos.loss AS l
		                    WHERE l.file = f.file AND l.owner = f.owner
		                      AND (f.photo IS NULL OR l.photo = f.photo))
		UNION ALL
		SELECT d.owner, d.photo, d.file, d.path, d.state, d.reason, d.since, d.job_id
		  FROM missing_photos.file_doubt AS d
		 WHERE missing_photos.sees_pair(d.photo, d.file)
		   AND NOT EXISTS (SELECT FROM missing_photos.loss AS l
		                    WHERE l.owner = d.owner AND l.photo = d.photo AND l.file = d.file)
		UNION ALL
		SELECT r.owner, b.photo, b.file, b.path, 'unreachable', r.reason, r.since, r.job_id
		  FROM missing_photos.root_doubt AS r
		 CROSS JOIN LATERAL missing_photos.files_below(r.owner, r.app_path) AS b
	  ) AS u;
COMMENT ON VIEW missing_files IS
	'files that are missing, and those that could not be judged, with the reason';
COMMENT ON COLUMN missing_files.state IS 'missing, unreachable or invalid';
COMMENT ON COLUMN missing_files.since IS
	'when this was found; NULL, like reason and job_id, when the application itself flagged it';
COMMENT ON COLUMN missing_files.job_id IS 'the scan that found it';

CREATE VIEW missing_photos.findings WITH (security_barrier) AS
	SELECT f.job_id, f.owner, f.photo, f.file, f.path, f.new_path, f.old_state, f.new_state,
	       f.reason, f.found_at
	  FROM missing_photos.finding AS f
	 WHERE missing_photos.sees_pair(f.photo, f.file);
COMMENT ON VIEW missing_photos.findings IS 'each change a job made to the library';
COMMENT ON COLUMN missing_photos.findings.new_path IS
	'where a file was found that had been at path; NULL where none moved';

CREATE FUNCTION missing_photos.stats_of(owner text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	stats jsonb;
BEGIN
	IF stats_of.owner IS NULL THEN
		RAISE EXCEPTION 'owner must not be null'
			USING ERRCODE = 'null_value_not_allowed',
			      HINT = 'Give the id as the library holds it; missing_counts has all owners.';
	END IF;
	SELECT jsonb_build_object(
	           'owner', c.owner_id, 'num_photos', c.num_photos,
	           'num_missing_photos', c.num_missing_photos,
	           'num_missing_files', c.num_missing_files,
	           'num_unreachable_files', COALESCE(s.num_unreachable_files, 0),
	           'last_scan_at', s.last_scan_at)
	  INTO stats
	  FROM missing_photos.counts(stats_of.owner) AS c
	  LEFT JOIN missing_photos.owner_state AS s ON s.owner = c.owner_id;
	IF stats IS NULL THEN
		RAISE EXCEPTION 'owner "%" does not exist', stats_of.owner
			USING ERRCODE = 'no_data_found',
			      HINT = 'Give an owner''s id as the library holds it.';
	END IF;
	RETURN stats;
END
$$;
COMMENT ON FUNCTION missing_photos.stats_of IS 'photo_stats for an owner''s id as text';

CREATE FUNCTION photo_stats(owner anycompatible)
RETURNS jsonb
LANGUAGE sql STABLE
AS $$ SELECT missing_photos.stats_of($1::pg_catalog.text) $$;
COMMENT ON FUNCTION photo_stats IS
	'one owner''s counts as a JSON object with the keys of missing_counts';

CREATE VIEW missing_photos.jobs WITH (security_barrier) AS
	SELECT j.job_id, j.kind, j.owner, j.role, j.state, j.started_at, j.finished_at, j.done, j.total,
	       c.photos, c.files, c.missing, c.restored, c.unreachable, c.invalid,
	       (SELECT pg_catalog.count(*) FROM missing_photos.suspect AS s
	         WHERE s.job_id = j.job_id) AS suspects,
	       j.error
	  FROM missing_photos.job AS j
	 CROSS JOIN LATERAL pg_catalog.jsonb_to_record(j.result)
	       AS c (photos bigint, files bigint, missing bigint, restored bigint, unreachable bigint,
	             invalid bigint)
	 WHERE j.owner IN (SELECT missing_photos.seen_owners());
COMMENT ON VIEW missing_photos.jobs IS 'scans and what came of them';
COMMENT ON COLUMN missing_photos.jobs.state IS
	'queued, running, finished, failed, held or cancelled';
COMMENT ON COLUMN missing_photos.jobs.done IS 'files judged (a deletion: photos), of total';
COMMENT ON COLUMN missing_photos.jobs.missing IS
	'files newly flagged; NULL, like the other counts, until the job has ended';
COMMENT ON COLUMN missing_photos.jobs.suspects IS 'files a held scan would flag';
