-- Jobs that wait for a background worker, and those whose worker ended before they did.

CREATE FUNCTION missing_photos.job_is_alive(job_id uuid)
RETURNS boolean
AS 'MODULE_PATHNAME', 'missing_photos_job_is_alive'
LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED COST 10;
COMMENT ON FUNCTION missing_photos.job_is_alive IS
	'whether a session holds the job''s lock; on a standby, where that can''t be seen, true';

CREATE FUNCTION missing_photos.job_statement(job missing_photos.job)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('CALL %I.%I(%L, %sjob_id => %L)', space.nspname,
	              CASE (job_statement.job).kind WHEN 'scan' THEN 'scan_missing_photos'
	                                            WHEN 'relink' THEN 'relink_missing_photos'
	                                            WHEN 'delete' THEN 'delete_missing_photos' END,
	              (job_statement.job).owner,
	              (SELECT string_agg(format('%I => %L, ', a.key, a.value), '' ORDER BY a.key)
	                 FROM jsonb_each_text((job_statement.job).arguments) AS a),
	              (job_statement.job).job_id)
	  FROM pg_extension AS extension
	  JOIN pg_namespace AS space ON space.oid = extension.extnamespace
	 WHERE extension.extname = 'missing_photos'
$$;
COMMENT ON FUNCTION missing_photos.job_statement IS
	'the CALL that does a queued job, as a client could have made it';

CREATE FUNCTION missing_photos.queue_job(
	of_job uuid, of_kind text, of_owner text, of_role name, given jsonb)
RETURNS uuid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id uuid := COALESCE(of_job, gen_random_uuid());
	old missing_photos.job;
BEGIN
	IF of_job IS NULL THEN
		-- Who asks again for what waits already gets that.
		SELECT j.* INTO old FROM missing_photos.job AS j
		 WHERE j.state = 'queued' AND j.owner = of_owner AND j.kind = of_kind
		   AND j.role = of_role AND j.arguments = given
		 ORDER BY j.queued_at LIMIT 1;
	ELSE
		SELECT j.* INTO old FROM missing_photos.job AS j WHERE j.job_id = of_job FOR UPDATE;
	END IF;
	IF old.job_id IS NOT NULL THEN
		PERFORM missing_photos.require_same_job(old, of_kind, of_owner);
	END IF;
	IF old.state = 'queued' THEN
		RETURN old.job_id;
	ELSIF old.state = 'running' AND missing_photos.job_is_alive(old.job_id) THEN
		RAISE EXCEPTION 'job % is running', old.job_id
			USING ERRCODE = 'object_in_use', HINT = 'Wait for it to end, or cancel it.';
	ELSIF old.state = 'held' THEN
		RAISE EXCEPTION 'job % is held', old.job_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
			      HINT = 'Approve or cancel it, or leave job_id out.';
	ELSIF old.state IN ('finished', 'cancelled') THEN
		DELETE FROM missing_photos.suspect AS s WHERE s.job_id = of_job;
		DELETE FROM missing_photos.job AS j WHERE j.job_id = of_job;
	END IF;
	INSERT INTO missing_photos.job AS j (job_id, kind, owner, role, state, arguments, background, error)
	VALUES (id, of_kind, of_owner, of_role, 'queued', given, true, missing_photos.waiting())
	ON CONFLICT ON CONSTRAINT job_pkey DO UPDATE
	   SET role = of_role, state = 'queued', arguments = given, background = true, resumed = 0,
	       queued_at = clock_timestamp(), finished_at = NULL, pid = NULL, told = true,
	       error = missing_photos.waiting();
	PERFORM missing_photos.tell(id, of_owner, of_kind, 'queued', '{}');
	RETURN id;
END
$$;
COMMENT ON FUNCTION missing_photos.queue_job IS
	'writes the row of a job for the background; one that was broken off keeps what it has';

CREATE FUNCTION missing_photos.waiting()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'waiting for a background worker; missing_photos.run_pending_jobs() asks for one again'
$$;
COMMENT ON FUNCTION missing_photos.waiting IS 'why a queued job isn''t running';

CREATE FUNCTION missing_photos.requeue_job(of_job uuid, of_role name, automatic boolean)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- begin_job takes a failed job's work and counts up again; what has none begins anew.
	UPDATE missing_photos.job AS j
	   SET state = 'queued', role = of_role, background = true, finished_at = NULL, pid = NULL,
	       told = true, queued_at = clock_timestamp(), error = missing_photos.waiting(),
	       resumed = CASE WHEN automatic THEN j.resumed + 1 ELSE 0 END
	 WHERE j.job_id = of_job;
	SELECT missing_photos.tell(j.job_id, j.owner, j.kind, j.state, j.result)
	  FROM missing_photos.job AS j WHERE j.job_id = of_job
$$;
COMMENT ON FUNCTION missing_photos.requeue_job IS 'lets a job go on that was broken off';

CREATE FUNCTION missing_photos.queued_jobs(of_role name)
RETURNS TABLE (job_id uuid, kind text, owner text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT j.job_id, j.kind, j.owner
	  FROM missing_photos.job AS j
	 WHERE j.state = 'queued' AND j.role = of_role
	 ORDER BY j.queued_at, j.job_id
$$;
COMMENT ON FUNCTION missing_photos.queued_jobs IS 'a role''s queued jobs, the oldest first';

CREATE FUNCTION missing_photos.claim_job(of_job uuid, session integer)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE missing_photos.job AS j
	   SET state = 'running', pid = session, started_at = clock_timestamp(), error = NULL
	 WHERE j.job_id = of_job AND j.state = 'queued'
	RETURNING missing_photos.job_statement(j)
$$;
COMMENT ON FUNCTION missing_photos.claim_job IS
	'a worker takes a queued job: the statement to run, or NULL when it isn''t queued any more';

CREATE FUNCTION missing_photos.break_job_off(of_job uuid, new_state text, reason text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	open missing_photos.job;
BEGIN
	SELECT j.* INTO open FROM missing_photos.job AS j
	 WHERE j.job_id = of_job AND j.state IN ('queued', 'running') FOR UPDATE;
	IF FOUND THEN
		UPDATE missing_photos.job AS j SET told = false WHERE j.job_id = of_job;
		RETURN missing_photos.end_job(of_job, open.owner, new_state, reason, NULL);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION missing_photos.break_job_off IS
	'ends a job that couldn''t say itself how it ended; the application is told later';

CREATE FUNCTION missing_photos.job_was_told(of_job uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ UPDATE missing_photos.job AS j SET told = true WHERE j.job_id = of_job $$;
COMMENT ON FUNCTION missing_photos.job_was_told IS 'the application knows how the job ended';

CREATE FUNCTION missing_photos.role_obstacle(of_role name, superusers boolean)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
	       WHEN r.oid IS NULL THEN format('role "%s" does not exist any more', of_role)
	       WHEN NOT r.rolcanlogin THEN
	            format('role "%s" may not log in, and a worker connects as the role that asked', of_role)
	       WHEN r.rolsuper AND NOT superusers THEN
	            format('role "%s" is a superuser, and missing_photos.allow_superuser_jobs is off', of_role)
	       WHEN NOT has_database_privilege(r.oid, current_database(), 'CONNECT') THEN
	            format('role "%s" may not connect to database "%s"', of_role, current_database())
	       END
	  FROM (SELECT of_role AS name) AS asked
	  LEFT JOIN pg_roles AS r ON r.rolname = asked.name
$$;
COMMENT ON FUNCTION missing_photos.role_obstacle IS
	'why a role''s jobs can''t run in the background, or NULL';

-- A server that crashes with the same job again and again must come to rest.
CREATE FUNCTION missing_photos.revive_jobs()
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lost missing_photos.job;
	revived bigint := 0;
BEGIN
	FOR lost IN
		SELECT j.* FROM missing_photos.job AS j
		 WHERE j.state = 'running' AND NOT missing_photos.job_is_alive(j.job_id)
		 ORDER BY j.queued_at
		   FOR UPDATE SKIP LOCKED
	LOOP
		IF NOT lost.background THEN
			PERFORM missing_photos.break_job_off(lost.job_id, 'failed',
				'the session that ran it ended before it did; missing_photos.resume_job() lets it go on');
		ELSIF lost.resumed >= 5 THEN
			PERFORM missing_photos.break_job_off(lost.job_id, 'failed',
				'its worker ended before it did, five times in a row; missing_photos.resume_job() tries again');
		ELSE
			PERFORM missing_photos.requeue_job(lost.job_id, lost.role, true);
			revived := revived + 1;
		END IF;
	END LOOP;
	RETURN revived;
END
$$;
COMMENT ON FUNCTION missing_photos.revive_jobs IS
	'queues jobs again whose workers ended before they did, and ends those whose sessions did; returns how many go on';

CREATE FUNCTION missing_photos.fail_queued(of_role name, reason text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.break_job_off(j.job_id, 'failed', reason)
	  FROM missing_photos.job AS j
	 WHERE j.state = 'queued' AND j.role = of_role
$$;
COMMENT ON FUNCTION missing_photos.fail_queued IS 'ends the queued jobs of a role that can''t do them';

CREATE FUNCTION missing_photos.queued_roles(superusers boolean)
RETURNS TABLE (role name, oid oid, jobs bigint, obstacle text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT q.role, r.oid, q.jobs, missing_photos.role_obstacle(q.role, superusers)
	  FROM (SELECT j.role, count(*) AS jobs, min(j.queued_at) AS since
	          FROM missing_photos.job AS j WHERE j.state = 'queued' GROUP BY j.role) AS q
	  LEFT JOIN pg_roles AS r ON r.rolname = q.role
	 ORDER BY q.since
$$;
COMMENT ON FUNCTION missing_photos.queued_roles IS
	'roles whose jobs are queued, whose have waited longest first';

CREATE FUNCTION missing_photos.imports_to_follow(owners text[], imported_at timestamptz[])
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT i.owner
	  FROM unnest(owners, imported_at) AS i (owner, finished_at)
	 WHERE NOT EXISTS (SELECT FROM missing_photos.job AS j
	                    WHERE j.owner = i.owner AND j.kind = 'scan'
	                      AND (j.state IN ('queued', 'running') OR j.started_at > i.finished_at))
$$;
COMMENT ON FUNCTION missing_photos.imports_to_follow IS
	'owners for whom no scan was started since the application''s own ended';

CREATE FUNCTION missing_photos.others_turn(of_role name)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM missing_photos.job AS j
		 WHERE j.state = 'queued' AND j.role <> of_role
		   AND j.queued_at < ALL (SELECT mine.queued_at FROM missing_photos.job AS mine
		                           WHERE mine.state = 'queued' AND mine.role = of_role))
$$;
COMMENT ON FUNCTION missing_photos.others_turn IS
	'whether another role''s job has waited longer than any of this role''s';

CREATE FUNCTION missing_photos.open_jobs(ids uuid[])
RETURNS SETOF uuid
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT j.job_id FROM missing_photos.job AS j
	 WHERE j.job_id = ANY (ids) AND j.state IN ('queued', 'running')
$$;
COMMENT ON FUNCTION missing_photos.open_jobs IS 'which of these jobs have not ended';

CREATE FUNCTION missing_photos.cancel_jobs(ids uuid[])
RETURNS SETOF integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id uuid;
BEGIN
	FOREACH id IN ARRAY ids LOOP
		PERFORM FROM missing_photos.job AS j WHERE j.job_id = id AND j.state = 'queued' FOR UPDATE;
		IF FOUND THEN
			PERFORM missing_photos.break_job_off(id, 'cancelled', NULL);
		END IF;
	END LOOP;
	RETURN QUERY
		SELECT j.pid FROM missing_photos.job AS j
		 WHERE j.job_id = ANY (ids) AND j.state = 'running'
		   AND missing_photos.job_is_alive(j.job_id);
END
$$;
COMMENT ON FUNCTION missing_photos.cancel_jobs IS
	'cancels those of these jobs that are queued, and returns the sessions of those that run';
