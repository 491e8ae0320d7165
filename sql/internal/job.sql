-- The extension's own job rows; the application's job table is kept in step by library_job.

CREATE FUNCTION missing_photos.begin_job(job_id uuid, kind text, owner text, role name)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	old missing_photos.job;
BEGIN
	SELECT * INTO old FROM missing_photos.job AS j
	 WHERE j.job_id = begin_job.job_id FOR UPDATE;
	IF NOT FOUND THEN
		INSERT INTO missing_photos.job (job_id, kind, owner, role, state)
		VALUES (begin_job.job_id, begin_job.kind, begin_job.owner, begin_job.role, 'running');
	ELSIF old.kind <> begin_job.kind OR old.owner <> begin_job.owner THEN
		RAISE EXCEPTION 'job % is a % of owner "%"', begin_job.job_id, old.kind, old.owner
			USING ERRCODE = 'invalid_parameter_value',
			      HINT = 'Leave job_id out, or give the id of a job of this kind and owner.';
	ELSE
		UPDATE missing_photos.job AS j
		   SET role = begin_job.role, state = 'running', started_at = clock_timestamp(),
		       finished_at = NULL, done = 0, total = 0, error = NULL, result = '{}'
		 WHERE j.job_id = begin_job.job_id;
		DELETE FROM missing_photos.suspect AS s WHERE s.job_id = begin_job.job_id;
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.begin_job IS 'creates a job''s row or takes an earlier one up';

CREATE FUNCTION missing_photos.fail_abandoned_jobs(of_job uuid, of_owner text, reason text)
RETURNS TABLE (job_id uuid, kind text)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Whoever calls this holds the owner's lock, so whoever ran them is gone.
	UPDATE missing_photos.job AS j
	   SET state = 'failed', error = reason, finished_at = clock_timestamp()
	 WHERE j.owner = of_owner AND j.state = 'running'
	   AND j.job_id <> of_job
	RETURNING j.job_id, j.kind
$$;
COMMENT ON FUNCTION missing_photos.fail_abandoned_jobs IS
	'ends jobs of an owner whose sessions ended before they did';

CREATE FUNCTION missing_photos.progress_job(job_id uuid, done integer, total integer)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE missing_photos.job AS j
	   SET done = progress_job.done, total = progress_job.total
	 WHERE j.job_id = progress_job.job_id
$$;
COMMENT ON FUNCTION missing_photos.progress_job IS 'notes how far a job is';

CREATE FUNCTION missing_photos.end_job(
	job_id uuid, owner text, state text, error text, result jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The id may be of another owner's job: then that is why this one failed.
	UPDATE missing_photos.job AS j
	   SET state = end_job.state, error = end_job.error, finished_at = clock_timestamp(),
	       done = CASE WHEN end_job.state = 'finished' THEN j.total ELSE j.done END,
	       result = end_job.result
	 WHERE j.job_id = end_job.job_id AND j.owner = end_job.owner
$$;
COMMENT ON FUNCTION missing_photos.end_job IS 'notes how a job ended';

CREATE FUNCTION missing_photos.keep_suspects(
	job_id uuid, photos text[], files text[], paths text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.suspect (job_id, photo, file, path)
	SELECT DISTINCT keep_suspects.job_id, s.photo, s.file, s.path
	  FROM unnest(photos, files, paths) AS s (photo, file, path)
	ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION missing_photos.keep_suspects IS 'keeps what a held scan would flag';

CREATE FUNCTION missing_photos.supersede_jobs(job_id uuid, owner text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH older AS (
		UPDATE missing_photos.job AS j
		   SET state = 'cancelled', error = 'a later scan took its place'
		 WHERE j.owner = supersede_jobs.owner AND j.kind = 'scan' AND j.state = 'held'
		   AND j.job_id <> supersede_jobs.job_id
		RETURNING j.job_id
	)
	DELETE FROM missing_photos.suspect AS s USING older WHERE s.job_id = older.job_id
$$;
COMMENT ON FUNCTION missing_photos.supersede_jobs IS
	'cancels an owner''s held scans when a later one has looked anew';

CREATE FUNCTION missing_photos.take_up_job(job_id uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE missing_photos.job AS j
	   SET state = 'running', error = NULL, finished_at = NULL
	 WHERE j.job_id = take_up_job.job_id
$$;
COMMENT ON FUNCTION missing_photos.take_up_job IS 'goes on with a held job that was approved';

CREATE FUNCTION missing_photos.drop_suspects(job_id uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.suspect AS s WHERE s.job_id = drop_suspects.job_id
$$;
COMMENT ON FUNCTION missing_photos.drop_suspects IS 'forgets what a held job would have flagged';

CREATE FUNCTION missing_photos.cancel_held_job(job_id uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.drop_suspects(job_id);
	UPDATE missing_photos.job AS j
	   SET state = 'cancelled', finished_at = clock_timestamp()
	 WHERE j.job_id = cancel_held_job.job_id
$$;
COMMENT ON FUNCTION missing_photos.cancel_held_job IS 'cancel_job, once the caller was let';
