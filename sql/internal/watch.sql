-- Watching: who asked for it, how each root is watched, and new files nobody has imported yet.
-- Written by the watcher as the extension's owner; nobody else may.

CREATE TABLE missing_photos.watching (
	only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
	role       name        NOT NULL,
	pid        integer,
	started_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE missing_photos.watching IS
	'a row while the roots of this database are to be watched: as which role';

CREATE TABLE missing_photos.watched_root (
	app_path      text        PRIMARY KEY,
	mode          text        NOT NULL DEFAULT 'events',
	state         text        NOT NULL,
	directories   bigint      NOT NULL DEFAULT 0,
	watches       bigint      NOT NULL DEFAULT 0,
	events        bigint      NOT NULL DEFAULT 0,
	changes       bigint      NOT NULL DEFAULT 0,
	overflows     bigint      NOT NULL DEFAULT 0,
	lag           interval,
	last_event_at timestamptz,
	reason        text,
	noted_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE missing_photos.watched_root IS 'how each root is watched, as the watcher noted it last';

CREATE TABLE missing_photos.new_file (
	path         text        PRIMARY KEY,
	owner        text,
	size         bigint,
	announced_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE missing_photos.new_file IS
	'new files that the watcher saw and no photo''s: for the application to import';

CREATE FUNCTION missing_photos.want_watching(of_role name)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	present missing_photos.watching;
BEGIN
	INSERT INTO missing_photos.watching AS w (role) VALUES (of_role) ON CONFLICT DO NOTHING;
	SELECT w.* INTO present FROM missing_photos.watching AS w;
	IF present.role <> of_role THEN
		RAISE EXCEPTION 'this database is watched as role "%" already', present.role
			USING ERRCODE = 'object_in_use',
			      HINT = 'Call missing_photos.stop_watching() as that role first.';
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.want_watching IS 'notes that a role wants the roots watched';

CREATE FUNCTION missing_photos.unwant_watching()
RETURNS integer
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH ended AS (DELETE FROM missing_photos.watching RETURNING COALESCE(pid, 0) AS pid),
	     forgotten AS (DELETE FROM missing_photos.watched_root RETURNING app_path)
	SELECT (SELECT ended.pid FROM ended)
$$;
COMMENT ON FUNCTION missing_photos.unwant_watching IS
	'notes that nobody wants the roots watched; returns the watcher''s process, null where nobody did';

CREATE FUNCTION missing_photos.note_watcher(of_pid integer)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE missing_photos.watching SET pid = of_pid
$$;
COMMENT ON FUNCTION missing_photos.note_watcher IS 'notes which process watches';

CREATE FUNCTION missing_photos.watching_role()
RETURNS TABLE (role name, oid oid)
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT w.role, r.oid FROM missing_photos.watching AS w
	  LEFT JOIN pg_roles AS r ON r.rolname = w.role
$$;
COMMENT ON FUNCTION missing_photos.watching_role IS 'as which role the roots are to be watched';

CREATE FUNCTION missing_photos.note_watch(
	of_root text, of_mode text, of_state text, of_directories bigint, of_watches bigint,
	of_events bigint, of_changes bigint, of_overflows bigint, of_lag double precision,
	of_last double precision, of_reason text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.watched_root AS w
		(app_path, mode, state, directories, watches, events, changes, overflows, lag,
		 last_event_at, reason)
	VALUES (of_root, of_mode, of_state, of_directories, of_watches, of_events, of_changes, of_overflows,
	        make_interval(secs => of_lag), to_timestamp(of_last), of_reason)
	ON CONFLICT ON CONSTRAINT watched_root_pkey DO UPDATE
	   SET mode = excluded.mode, state = excluded.state, directories = excluded.directories,
	       watches = excluded.watches, events = excluded.events, changes = excluded.changes,
	       overflows = excluded.overflows, lag = excluded.lag, last_event_at = excluded.last_event_at, reason = excluded.reason,
	       noted_at = excluded.noted_at
$$;
COMMENT ON FUNCTION missing_photos.note_watch IS 'keeps how a root is watched';

CREATE FUNCTION missing_photos.keep_watches(of_roots text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.watched_root AS w WHERE NOT w.app_path = ANY (of_roots)
$$;
COMMENT ON FUNCTION missing_photos.keep_watches IS 'forgets roots that are registered no more';

CREATE FUNCTION missing_photos.announce_files(of_paths text[], of_owners text[], of_sizes bigint[])
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH told AS (
		INSERT INTO missing_photos.new_file AS n (path, owner, size)
		SELECT DISTINCT ON (seen.path) seen.path, seen.owner, seen.size
		  FROM unnest(of_paths, of_owners, of_sizes) AS seen (path, owner, size)
		 WHERE missing_photos.file_kind(seen.path) <> 'unknown'
		ON CONFLICT ON CONSTRAINT new_file_pkey DO UPDATE
		   SET size = excluded.size, owner = excluded.owner, announced_at = excluded.announced_at
		RETURNING 1)
	SELECT count(*) FROM told
$$;
COMMENT ON FUNCTION missing_photos.announce_files IS
	'keeps new files that are no photo''s; returns how many of them look like photos, videos or what goes with them';

CREATE FUNCTION missing_photos.forget_new_files(of_paths text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.new_file AS n WHERE n.path = ANY (of_paths)
$$;
COMMENT ON FUNCTION missing_photos.forget_new_files IS 'forgets new files that are gone or imported';

-- Which of them a file that is gone may be: the same size, or its size isn't known.
CREATE FUNCTION missing_photos.new_files_like(of_owner text, of_file text, most bigint)
RETURNS TABLE (path text)
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT n.path FROM missing_photos.new_file AS n
	  LEFT JOIN missing_photos.file_identity AS known ON known.file = of_file
	 WHERE (n.owner = of_owner OR n.owner IS NULL) AND n.size = COALESCE(known.size, n.size)
	 ORDER BY n.announced_at DESC LIMIT most
$$;
COMMENT ON FUNCTION missing_photos.new_files_like IS
	'new files that may be what became of a file of the owner';

CREATE FUNCTION missing_photos.new_file_moved(of_folder text, of_new text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.new_file AS n
	 WHERE EXISTS (SELECT FROM missing_photos.new_file AS old
	                WHERE starts_with(old.path, of_folder || '/')
	                  AND of_new || substr(old.path, length(of_folder) + 1) = n.path);
	UPDATE missing_photos.new_file AS n
	   SET path = of_new || substr(n.path, length(of_folder) + 1)
	 WHERE starts_with(n.path, of_folder || '/')
$$;
COMMENT ON FUNCTION missing_photos.new_file_moved IS 'new files in a folder that was renamed';

-- What of an owner is missing and may be what was just found: the same size, or none known.
CREATE FUNCTION missing_photos.may_be_lost(of_owner text, of_gone text[], of_sizes bigint[])
RETURNS SETOF bigint
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
	WITH gone AS (
		SELECT lost.file FROM missing_photos.loss AS lost WHERE lost.owner = of_owner
		UNION SELECT g.file FROM unnest(of_gone) AS g (file)
	), sizes AS (
		SELECT DISTINCT known.size FROM gone
		  LEFT JOIN missing_photos.file_identity AS known ON known.file = gone.file
	)
	SELECT seen.ordinal FROM unnest(of_sizes) WITH ORDINALITY AS seen (size, ordinal)
	 WHERE EXISTS (SELECT FROM sizes WHERE sizes.size = seen.size OR sizes.size IS NULL)
$$;
COMMENT ON FUNCTION missing_photos.may_be_lost IS
	'which of these sizes (by their place in the array) a missing file of the owner has, or may have';

CREATE FUNCTION missing_photos.losses_at(of_paths text[])
RETURNS TABLE (owner text, photo text, file text, path text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT lost.owner, lost.photo, lost.file, lost.path
	  FROM missing_photos.loss AS lost WHERE lost.path = ANY (of_paths)
$$;
COMMENT ON FUNCTION missing_photos.losses_at IS 'photos that lost the file which had one of these paths';

-- The job that what a watch changes belongs to: the last one, or a new one when that is over. It is one
-- transaction's only until note_watch_job has written its row.
CREATE FUNCTION missing_photos.watch_job(of_owner text)
RETURNS uuid
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE((SELECT j.job_id FROM missing_photos.job AS j
	                  WHERE j.owner = of_owner AND j.kind = 'watch' AND j.role = session_user
	                    AND j.started_at BETWEEN now() - interval '1 hour' AND now()
	                    AND j.finished_at > now() - interval '10 minutes'
	                  ORDER BY j.started_at DESC LIMIT 1), gen_random_uuid())
$$;
COMMENT ON FUNCTION missing_photos.watch_job IS
	'the job that changes of an owner''s library by the watcher belong to now';

CREATE FUNCTION missing_photos.note_watch_job(
	of_job uuid, of_owner text, now_missing bigint, now_restored bigint, now_relinked bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	noted missing_photos.job;
BEGIN
	INSERT INTO missing_photos.job AS j
		(job_id, kind, owner, role, state, background, queued_at, started_at, finished_at, result)
	VALUES (of_job, 'watch', of_owner, session_user, 'finished', true, now(), now(), clock_timestamp(),
	        jsonb_build_object('missing', now_missing, 'restored', now_restored,
	                           'relinked', now_relinked))
	ON CONFLICT ON CONSTRAINT job_pkey DO UPDATE
	   SET finished_at = excluded.finished_at,
	       result = j.result || (
	           SELECT jsonb_object_agg(c.key, c.value::bigint
	                                          + COALESCE((j.result ->> c.key)::bigint, 0))
	             FROM jsonb_each_text(excluded.result) AS c)
	RETURNING j.* INTO noted;
	PERFORM missing_photos.note_day(noted);
	PERFORM missing_photos.tell(of_job, of_owner, 'watch', noted.state, noted.result);
END
$$;
COMMENT ON FUNCTION missing_photos.note_watch_job IS
	'writes down that a watch changed so many files';

-- How long the last look at everything took, which sets how often it is worth it.
CREATE FUNCTION missing_photos.last_look_seconds()
RETURNS double precision
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE(sum(last.seconds), 0)::double precision
	  FROM (SELECT DISTINCT ON (j.owner, j.kind)
	               EXTRACT(epoch FROM j.finished_at - j.started_at) AS seconds
	          FROM missing_photos.job AS j
	         WHERE j.kind IN ('scan', 'relink') AND j.state = 'finished'
	           AND j.finished_at > now() - interval '1 day'
	         ORDER BY j.owner, j.kind, j.finished_at DESC) AS last
$$;
COMMENT ON FUNCTION missing_photos.last_look_seconds IS
	'what the last scans and relinks of all owners took together';
