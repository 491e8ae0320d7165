-- Jobs in the background: starting, watching, deciding, going on; and what became of them.

CREATE FUNCTION missing_photos.start_scan(
	owner anycompatible, force boolean DEFAULT false, job_id uuid DEFAULT NULL)
RETURNS uuid
AS 'MODULE_PATHNAME', 'missing_photos_start_scan'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.start_scan IS
	'queues scan_missing_photos for a background worker, which starts when this transaction commits; returns the job''s id';

CREATE FUNCTION missing_photos.start_relink(
	owner anycompatible, under text DEFAULT NULL, job_id uuid DEFAULT NULL)
RETURNS uuid
AS 'MODULE_PATHNAME', 'missing_photos_start_relink'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.start_relink IS
	'queues relink_missing_photos for a background worker; returns the job''s id';

CREATE FUNCTION missing_photos.start_delete(
	owner anycompatible, force boolean DEFAULT false, job_id uuid DEFAULT NULL)
RETURNS uuid
AS 'MODULE_PATHNAME', 'missing_photos_start_delete'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.start_delete IS
	'queues delete_missing_photos for a background worker; returns the job''s id';

CREATE FUNCTION missing_photos.approve_job(job_id uuid)
RETURNS missing_photos.scan_result
AS 'MODULE_PATHNAME', 'missing_photos_approve_job'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION missing_photos.approve_job IS
	'flags what a held scan found, after looking for each file once more';

CREATE FUNCTION missing_photos.cancel_job(job_id uuid)
RETURNS void
AS 'MODULE_PATHNAME', 'missing_photos_cancel_job'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.cancel_job IS
	'cancels a queued or running job, and drops what a held one found; what was committed stays';

CREATE FUNCTION missing_photos.resume_job(job_id uuid)
RETURNS void
AS 'MODULE_PATHNAME', 'missing_photos_resume_job'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.resume_job IS
	'lets a job that failed or whose session ended go on in the background, from its last committed batch';

CREATE FUNCTION missing_photos.run_pending_jobs()
RETURNS integer
AS 'MODULE_PATHNAME', 'missing_photos_run_pending_jobs'
LANGUAGE c VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.run_pending_jobs IS
	'what a scheduler calls: jobs whose worker ended go on, queued ones get a worker, scans follow the application''s own (scan_after_import), and old rows go; returns how many jobs wait for a worker';

CREATE PROCEDURE missing_photos.scan_all(force boolean DEFAULT false, relink boolean DEFAULT NULL)
AS 'MODULE_PATHNAME', 'missing_photos_scan_all'
LANGUAGE c;
COMMENT ON PROCEDURE missing_photos.scan_all IS
	'scans every owner the caller may see, in up to missing_photos.max_workers background workers; relink as in scan_missing_photos; one owner''s failure doesn''t stop the others';

CREATE FUNCTION missing_photos.undo_scan(job_id uuid, OUT undone bigint, OUT conflicts bigint)
AS 'MODULE_PATHNAME', 'missing_photos_undo_scan'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.undo_scan IS
	'puts links and flags back that a scan, or a watch, took away, where the rows still say what it wrote';

CREATE FUNCTION missing_photos.undo_changes(
	owner anycompatible, since timestamptz, until timestamptz DEFAULT pg_catalog.now(),
	OUT undone bigint, OUT conflicts bigint)
AS 'MODULE_PATHNAME', 'missing_photos_undo_changes'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.undo_changes IS
	'takes back what scans, relinks and watches changed of an owner''s files in some time: links, flags and paths, where the rows still say what was written then';

-- A role sees its own jobs: those asked for by a role it is a member of. A superuser sees all, also
-- those of roles that are gone.
CREATE FUNCTION missing_photos.seen_roles()
RETURNS SETOF name
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.rolname FROM pg_roles AS r WHERE pg_has_role(r.oid, 'USAGE')
$$;
COMMENT ON FUNCTION missing_photos.seen_roles IS 'the roles that the caller is a member of';

CREATE FUNCTION missing_photos.sees_all_roles()
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user $$;
COMMENT ON FUNCTION missing_photos.sees_all_roles IS 'whether the caller is a superuser';

CREATE FUNCTION missing_photos.job_bar(percent numeric)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT '[' || rpad(repeat('#', trunc(percent / 5)::integer), 20, '.') || '] '
	       || lpad(trunc(percent)::text, 3) || ' %'
$$;
COMMENT ON FUNCTION missing_photos.job_bar IS 'progress as a line of text';

CREATE VIEW missing_jobs WITH (security_barrier) AS
	SELECT w.job_id, w.kind, w.owner, w.state, w.queued_at, w.started_at, w.finished_at, w.done,
	       w.total, w.percent,
	       CASE WHEN w.seconds > 0 THEN pg_catalog.round(w.done / w.seconds, 1) END AS rate,
	       CASE WHEN w.state = 'running' AND w.done > 0
	            THEN pg_catalog.make_interval(
	                     secs => (w.seconds * (w.total - w.done) / w.done)::double precision)
	       END AS eta,
	       missing_photos.job_bar(w.percent) AS bar, w.result, w.error
	  FROM (SELECT j.job_id, j.kind, j.owner,
	               CASE WHEN j.state = 'running' AND NOT missing_photos.job_is_alive(j.job_id)
	                    THEN 'lost' ELSE j.state END AS state,
	               j.queued_at, j.started_at, j.finished_at, j.done, j.total,
	               CASE WHEN j.state = 'finished' THEN 100.0
	                    WHEN j.total > 0 THEN pg_catalog.round(100.0 * j.done / j.total, 1)
	                    ELSE 0.0 END AS percent,
	               EXTRACT(epoch FROM COALESCE(j.finished_at, pg_catalog.clock_timestamp())
	                                  - j.started_at) AS seconds,
	               j.result, j.error
	          FROM missing_photos.job AS j
	         WHERE j.role = ANY (ARRAY(SELECT missing_photos.seen_roles()))
	            OR (SELECT missing_photos.sees_all_roles())) AS w;
COMMENT ON VIEW missing_jobs IS 'the jobs of the roles one is a member of, and how far they are';
COMMENT ON COLUMN missing_jobs.state IS
	'queued, running, lost (its session ended before it did), held, finished, failed or cancelled';
COMMENT ON COLUMN missing_jobs.done IS 'files judged, and those then acted on in several batches (a deletion: photos), of total';
COMMENT ON COLUMN missing_jobs.rate IS 'per second';
COMMENT ON COLUMN missing_jobs.eta IS 'time left';
COMMENT ON COLUMN missing_jobs.result IS 'what was counted so far';
COMMENT ON COLUMN missing_jobs.error IS 'why it failed, is held, or waits';

CREATE VIEW missing_photos.history WITH (security_barrier) AS
	SELECT d.owner, d.day, d.photos, d.missing, d.unreachable, d.relinked, d.deleted, d.restored
	  FROM missing_photos.day_count AS d
	 WHERE d.owner IN (SELECT missing_photos.seen_owners());
COMMENT ON VIEW missing_photos.history IS 'what jobs found and did, per owner and day';
COMMENT ON COLUMN missing_photos.history.photos IS
	'photos of the owner at the day''s last finished scan; 0 without one';
COMMENT ON COLUMN missing_photos.history.missing IS 'files newly flagged on that day';
COMMENT ON COLUMN missing_photos.history.unreachable IS
	'files that the day''s last finished scan could not judge';
COMMENT ON COLUMN missing_photos.history.relinked IS 'files linked again at another path';
COMMENT ON COLUMN missing_photos.history.restored IS 'files that were back at their own path';
COMMENT ON COLUMN missing_photos.history.deleted IS 'photos deleted';
