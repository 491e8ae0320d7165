-- What jobs counted, day by day, and how long all of it is kept.

CREATE FUNCTION missing_photos.today()
RETURNS date
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The server's own time zone: every session has the same day.
	SELECT (clock_timestamp() AT TIME ZONE current_setting('log_timezone'))::date
$$;
COMMENT ON FUNCTION missing_photos.today IS 'the day of the history that it is now';

CREATE FUNCTION missing_photos.note_day(job missing_photos.job)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now_counted jsonb := (note_day.job).result;
	earlier jsonb := (note_day.job).counted;
	of_kind text := (note_day.job).kind;
	-- Photos and files out of reach are as a finished scan last found them; the rest is added up.
	looked boolean := of_kind = 'scan' AND (note_day.job).state = 'finished';
BEGIN
	INSERT INTO missing_photos.day_count AS d
		(owner, day, photos, missing, unreachable, restored, relinked, deleted)
	SELECT (note_day.job).owner, missing_photos.today(),
	       CASE WHEN looked THEN n.photos ELSE 0 END,
	       CASE WHEN of_kind IN ('scan', 'relink', 'watch') THEN n.missing - e.missing ELSE 0 END,
	       CASE WHEN looked THEN n.unreachable ELSE 0 END,
	       CASE WHEN of_kind IN ('scan', 'relink', 'watch') THEN n.restored - e.restored ELSE 0 END,
	       CASE WHEN of_kind IN ('scan', 'relink', 'watch') THEN n.relinked - e.relinked ELSE 0 END,
	       CASE WHEN of_kind = 'delete' THEN n.photos - e.photos ELSE 0 END
	  FROM missing_photos.counts_of(now_counted) AS n,
	       missing_photos.counts_of(earlier) AS e
	ON CONFLICT ON CONSTRAINT day_count_pkey DO UPDATE
	   SET photos = CASE WHEN looked THEN excluded.photos ELSE d.photos END,
	       unreachable = CASE WHEN looked THEN excluded.unreachable ELSE d.unreachable END,
	       missing = d.missing + excluded.missing, restored = d.restored + excluded.restored,
	       relinked = d.relinked + excluded.relinked, deleted = d.deleted + excluded.deleted;
	UPDATE missing_photos.job AS j SET counted = j.result
	 WHERE j.job_id = (note_day.job).job_id;
END
$$;
COMMENT ON FUNCTION missing_photos.note_day IS 'adds to the history what a job has counted since';

CREATE FUNCTION missing_photos.counts_of(
	result jsonb, OUT photos bigint, OUT missing bigint, OUT unreachable bigint,
	OUT restored bigint, OUT relinked bigint)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE((result ->> 'photos')::bigint, 0), COALESCE((result ->> 'missing')::bigint, 0),
	       COALESCE((result ->> 'unreachable')::bigint, 0),
	       COALESCE((result ->> 'restored')::bigint, 0), COALESCE((result ->> 'relinked')::bigint, 0)
$$;
COMMENT ON FUNCTION missing_photos.counts_of IS 'the counts of a job that the history has';

CREATE FUNCTION missing_photos.forget_old(job_minutes integer, history_minutes integer)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH old AS (
		DELETE FROM missing_photos.job AS j
		 WHERE job_minutes > 0 AND j.told AND j.state IN ('finished', 'failed', 'cancelled')
		   AND j.finished_at < clock_timestamp() - make_interval(mins => job_minutes)
		RETURNING j.job_id
	), suspects AS (
		DELETE FROM missing_photos.suspect AS s USING old WHERE s.job_id = old.job_id
	)
	DELETE FROM missing_photos.finding AS f USING old WHERE f.job_id = old.job_id;
	-- Findings of checks belong to no job.
	DELETE FROM missing_photos.finding AS f
	 WHERE job_minutes > 0 AND f.job_id IS NULL
	   AND f.found_at < clock_timestamp() - make_interval(mins => job_minutes);
	DELETE FROM missing_photos.day_count AS d
	 WHERE history_minutes > 0
	   AND d.day < missing_photos.today() - history_minutes / (24 * 60)
$$;
COMMENT ON FUNCTION missing_photos.forget_old IS
	'removes ended jobs with their findings, and days of the history, that are old enough';

CREATE FUNCTION missing_photos.losses_of(
	of_owner text, of_job uuid, since timestamptz, until timestamptz)
RETURNS TABLE (
	photo text, file text, path text, was_main boolean, main_after text, was_flagged boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT l.photo, l.file, l.path, l.was_main, l.main_after,
	       EXISTS (SELECT FROM missing_photos.finding AS f
	                WHERE f.photo = l.photo AND f.file = l.file AND f.found_at = l.lost_at
	                  AND f.old_state = 'missing' AND f.new_state = 'missing')
	  FROM missing_photos.loss AS l
	 WHERE l.owner = of_owner AND (of_job IS NULL OR l.job_id = of_job)
	   AND l.lost_at BETWEEN since AND until
	 ORDER BY l.photo, l.file
$$;
COMMENT ON FUNCTION missing_photos.losses_of IS
	'links that a job (NULL: whoever) took away in some time and that were not put back; whether the file was flagged before';

CREATE FUNCTION missing_photos.note_undone(of_job uuid, files bigint)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE missing_photos.job AS j
	   SET result = j.result || jsonb_build_object('undone',
	                COALESCE((j.result ->> 'undone')::bigint, 0) + files)
	 WHERE j.job_id = of_job AND files > 0
$$;
COMMENT ON FUNCTION missing_photos.note_undone IS 'adds to a scan''s result what was taken back';
