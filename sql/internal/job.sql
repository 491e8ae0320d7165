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
		       finished_at = NULL, done = 0, total = 0, error = NULL
		 WHERE j.job_id = begin_job.job_id;
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.begin_job IS 'creates a job''s row or takes an earlier one up';

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
	job_id uuid, owner text, state text, error text, photos bigint, files bigint,
	missing bigint, restored bigint, unreachable bigint, invalid bigint)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The id may be of another owner's job: then that is why this one failed.
	UPDATE missing_photos.job AS j
	   SET state = end_job.state, error = end_job.error, finished_at = clock_timestamp(),
	       done = CASE WHEN end_job.state = 'finished' THEN j.total ELSE j.done END,
	       photos = end_job.photos, files = end_job.files, missing = end_job.missing,
	       restored = end_job.restored, unreachable = end_job.unreachable,
	       invalid = end_job.invalid
	 WHERE j.job_id = end_job.job_id AND j.owner = end_job.owner
$$;
COMMENT ON FUNCTION missing_photos.end_job IS 'notes how a job ended';
