-- The extension's own job rows; the application's job table is kept in step by library_job.

CREATE FUNCTION missing_photos.tell(job_id uuid, owner text, kind text, state text, counts jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- A listener that never listens must not make jobs fail by a full queue.
	IF current_setting('missing_photos.notify')::boolean AND pg_notification_queue_usage() < 0.9 THEN
		PERFORM pg_notify('missing_photos', jsonb_build_object(
			'job', job_id, 'owner', left(owner, 1000), 'kind', kind, 'state', state,
			'counts', counts)::text);
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.tell IS
	'notifies channel missing_photos of a job''s or some files'' new state; tells no paths';

CREATE FUNCTION missing_photos.require_same_job(old missing_photos.job, kind text, owner text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF old.kind <> require_same_job.kind OR old.owner <> require_same_job.owner THEN
		RAISE EXCEPTION 'job % is a % of owner "%"', old.job_id, old.kind, old.owner
			USING ERRCODE = 'invalid_parameter_value',
			      HINT = 'Leave job_id out, or give the id of a job of this kind and owner.';
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.require_same_job IS
	'an error when a given job id is of another kind or owner';

CREATE FUNCTION missing_photos.begin_job(
	job_id uuid, kind text, owner text, role name, session integer,
	OUT goes_on boolean, OUT result jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	old missing_photos.job;
BEGIN
	goes_on := false;
	result := '{}';
	SELECT * INTO old FROM missing_photos.job AS j
	 WHERE j.job_id = begin_job.job_id FOR UPDATE;
	IF NOT FOUND THEN
		INSERT INTO missing_photos.job (job_id, kind, owner, role, state, pid, started_at)
		VALUES (begin_job.job_id, begin_job.kind, begin_job.owner, begin_job.role, 'running',
		        session, clock_timestamp());
	ELSE
		PERFORM missing_photos.require_same_job(old, begin_job.kind, begin_job.owner);
		-- One that was broken off counts on, and goes on with what it has left to do. It isn't
		-- running: its owner's lock is ours.
		IF old.state IN ('running', 'failed') THEN
			result := old.result;
			goes_on := old.staged;
		END IF;
		IF NOT goes_on THEN
			DELETE FROM missing_photos.suspect AS s WHERE s.job_id = begin_job.job_id;
		END IF;
		UPDATE missing_photos.job AS j
		   SET role = begin_job.role, state = 'running', pid = session, told = true,
		       staged = goes_on,
		       started_at = clock_timestamp(), finished_at = NULL, done = 0, total = 0,
		       error = NULL, result = begin_job.result,
		       counted = CASE WHEN old.state IN ('running', 'failed') THEN j.counted ELSE '{}' END
		 WHERE j.job_id = begin_job.job_id;
	END IF;
	PERFORM missing_photos.tell(job_id, owner, kind, 'running', result);
END
$$;
COMMENT ON FUNCTION missing_photos.begin_job IS
	'creates a job''s row or takes an earlier one up: whether it has work staged, and what it has counted';

CREATE FUNCTION missing_photos.fail_abandoned_jobs(
	of_job uuid, of_kind text, of_owner text, reason text)
RETURNS TABLE (job_id uuid, kind text, state text, error text)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Whoever calls this holds the owner's lock, so whoever ran them is gone.
	WITH lost AS (
		UPDATE missing_photos.job AS j
		   SET state = 'failed', error = reason, finished_at = clock_timestamp()
		 WHERE j.owner = of_owner AND j.kind = of_kind AND j.state = 'running'
		   AND j.job_id <> of_job
		RETURNING j.job_id, j.kind, j.state, j.error
	), untold AS (
		UPDATE missing_photos.job AS j
		   SET told = true
		 WHERE j.owner = of_owner AND NOT j.told AND j.job_id <> of_job
		RETURNING j.job_id, j.kind, j.state, j.error
	), dropped AS (
		DELETE FROM missing_photos.suspect AS s USING lost WHERE s.job_id = lost.job_id
	)
	SELECT * FROM lost UNION ALL SELECT * FROM untold
$$;
COMMENT ON FUNCTION missing_photos.fail_abandoned_jobs IS
	'ends jobs of an owner and kind whose sessions ended before they did, and lists all that the application wasn''t told of';

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

CREATE FUNCTION missing_photos.note_result(job_id uuid, result jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE missing_photos.job AS j
	   SET result = note_result.result
	 WHERE j.job_id = note_result.job_id;
	SELECT missing_photos.tell(j.job_id, j.owner, j.kind, j.state, j.result)
	  FROM missing_photos.job AS j WHERE j.job_id = note_result.job_id
$$;
COMMENT ON FUNCTION missing_photos.note_result IS
	'notes what a job has counted so far, and tells whoever listens';

CREATE FUNCTION missing_photos.end_job(
	of_job uuid, of_owner text, new_state text, reason text, counts jsonb)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ended missing_photos.job;
BEGIN
	-- The id may be of another owner's job: then that is why this one failed.
	UPDATE missing_photos.job AS j
	   SET state = CASE WHEN new_state = 'failed' AND c.job_id IS NOT NULL THEN 'cancelled'
	                    ELSE new_state END,
	       error = reason, finished_at = clock_timestamp(), pid = NULL,
	       staged = j.staged AND new_state = 'failed',
	       done = CASE WHEN new_state = 'finished' THEN j.total ELSE j.done END,
	       result = COALESCE(counts, j.result)
	  FROM (SELECT of_job AS id) AS me
	  LEFT JOIN missing_photos.cancel_request AS c ON c.job_id = me.id
	 WHERE j.job_id = me.id AND j.owner = of_owner
	RETURNING j.* INTO ended;
	IF NOT FOUND THEN
		RETURN new_state;
	END IF;
	DELETE FROM missing_photos.cancel_request AS c WHERE c.job_id = of_job;
	IF ended.state IN ('finished', 'cancelled') THEN
		DELETE FROM missing_photos.suspect AS s WHERE s.job_id = of_job;
	END IF;
	PERFORM missing_photos.note_day(ended);
	PERFORM missing_photos.tell(of_job, of_owner, ended.kind, ended.state, ended.result);
	RETURN ended.state;
END
$$;
COMMENT ON FUNCTION missing_photos.end_job IS
	'notes how a job ended: as "cancelled" where somebody asked for that';

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

CREATE FUNCTION missing_photos.supersede_jobs(job_id uuid, owner text, kind text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH older AS (
		UPDATE missing_photos.job AS j
		   SET state = 'cancelled',
		       error = format('a later %s took its place',
		                      CASE j.kind WHEN 'delete' THEN 'deletion' ELSE j.kind END)
		 WHERE j.owner = supersede_jobs.owner AND j.kind = supersede_jobs.kind AND j.state = 'held'
		   AND j.job_id <> supersede_jobs.job_id
		RETURNING j.job_id
	)
	DELETE FROM missing_photos.suspect AS s USING older WHERE s.job_id = older.job_id
$$;
COMMENT ON FUNCTION missing_photos.supersede_jobs IS
	'cancels an owner''s held jobs of a kind when a later one has looked anew';

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

CREATE FUNCTION missing_photos.cancel_idle_job(of_job uuid)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	idle missing_photos.job;
BEGIN
	SELECT j.* INTO idle FROM missing_photos.job AS j
	 WHERE j.job_id = of_job AND j.state IN ('queued', 'running', 'held') FOR UPDATE;
	IF NOT FOUND OR idle.state = 'running' AND missing_photos.job_is_alive(of_job) THEN
		RETURN false;
	END IF;
	PERFORM missing_photos.end_job(of_job, idle.owner, 'cancelled', NULL, NULL);
	RETURN true;
END
$$;
COMMENT ON FUNCTION missing_photos.cancel_idle_job IS
	'cancel_job for one that nobody runs, once the caller was let; false when it isn''t that any more';

CREATE FUNCTION missing_photos.stage(
	of_job uuid, photos text[], files text[], paths text[], flags integer[], complete boolean)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.suspect (job_id, photo, file, path, flags)
	SELECT of_job, s.photo, s.file, s.path, s.flags
	  FROM unnest(photos, files, paths, flags) AS s (photo, file, path, flags)
	ON CONFLICT DO NOTHING;
	UPDATE missing_photos.job AS j SET staged = complete WHERE j.job_id = of_job
$$;
COMMENT ON FUNCTION missing_photos.stage IS
	'keeps what a scan is about to act on, for the day it is broken off';

CREATE FUNCTION missing_photos.unstage(of_job uuid, photos text[], files text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.suspect AS s
	 USING unnest(photos, files) AS done (photo, file)
	 WHERE s.job_id = of_job AND s.photo = done.photo AND s.file = done.file
$$;
COMMENT ON FUNCTION missing_photos.unstage IS 'forgets what a scan has acted on';
