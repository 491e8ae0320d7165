-- What a scan or check writes into the extension's own tables. Called by the C code as the
-- extension's owner, with what the library's functions said they changed; nobody else may.

CREATE FUNCTION missing_photos.record_losses(
	job_id uuid, owner text, photos text[], files text[], paths text[], mains boolean[],
	mains_after text[], flagged boolean[], reasons text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH gone AS (
		SELECT *
		  FROM unnest(photos, files, paths, mains, mains_after, flagged, reasons)
		    AS g (photo, file, path, was_main, main_after, was_flagged, reason)
	), lost AS (
		INSERT INTO missing_photos.loss
			(photo, file, owner, path, was_main, main_after, reason, job_id)
		SELECT photo, file, record_losses.owner, path, was_main, main_after, reason,
		       record_losses.job_id
		  FROM gone
		ON CONFLICT ON CONSTRAINT loss_pkey DO UPDATE
		   SET path = excluded.path, was_main = excluded.was_main,
		       main_after = excluded.main_after, reason = excluded.reason,
		       job_id = excluded.job_id,
		       lost_at = excluded.lost_at
	)
	INSERT INTO missing_photos.finding
		(job_id, owner, photo, file, path, old_state, new_state, reason)
	SELECT record_losses.job_id, record_losses.owner, photo, file, path,
	       CASE WHEN was_flagged THEN 'missing' ELSE 'present' END::missing_photos.file_state,
	       'missing', reason
	  FROM gone
$$;
COMMENT ON FUNCTION missing_photos.record_losses IS
	'keeps the links a job took away, for the day the file is back, and the findings';

CREATE FUNCTION missing_photos.record_returns(
	job_id uuid, owner text, photos text[], files text[], paths text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH back AS (
		SELECT * FROM unnest(photos, files, paths) AS b (photo, file, path)
	), found AS (
		DELETE FROM missing_photos.loss AS lost
		 USING back
		 WHERE lost.owner = record_returns.owner
		   AND lost.photo = back.photo AND lost.file = back.file
	)
	INSERT INTO missing_photos.finding
		(job_id, owner, photo, file, path, old_state, new_state)
	SELECT record_returns.job_id, record_returns.owner, photo, file, path, 'missing', 'present'
	  FROM back
$$;
COMMENT ON FUNCTION missing_photos.record_returns IS 'forgets losses that are made good';

CREATE FUNCTION missing_photos.losses(
	owner text, photo text, OUT photos text[], OUT files text[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE(array_agg(lost.photo ORDER BY lost.photo, lost.file), '{}'),
	       COALESCE(array_agg(lost.file ORDER BY lost.photo, lost.file), '{}')
	  FROM missing_photos.loss AS lost
	 WHERE lost.owner = losses.owner
	   AND (losses.photo IS NULL OR lost.photo = losses.photo)
$$;
COMMENT ON FUNCTION missing_photos.losses IS
	'the links an owner, or one photo, lost to scans, as parallel arrays';

CREATE FUNCTION missing_photos.forget_losses(owner text, photos text[], files text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.loss AS lost
	 USING unnest(photos, files) AS back (photo, file)
	 WHERE lost.owner = forget_losses.owner
	   AND lost.photo = back.photo AND lost.file = back.file
$$;
COMMENT ON FUNCTION missing_photos.forget_losses IS
	'forgets losses that the application itself made good';

CREATE FUNCTION missing_photos.record_doubts(
	job_id uuid, owner text, photo text, photos text[], files text[], paths text[],
	states text[], reasons text[], errnos integer[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH doubt AS (
		SELECT DISTINCT ON (photo, file) *
		  FROM unnest(photos, files, paths, states::missing_photos.file_state[], reasons, errnos)
		    AS d (photo, file, path, state, reason, errno)
		 -- A look at one photo adds nothing to a doubt about its whole root.
		 WHERE record_doubts.photo IS NULL
		    OR NOT EXISTS (SELECT FROM missing_photos.root_doubt AS root
		                    WHERE root.owner = record_doubts.owner
		                      AND starts_with(d.path, rtrim(root.app_path, '/') || '/'))
		 ORDER BY photo, file
	), settled AS (
		-- A doubt is kept only while it lasts. One photo named: only that photo was looked at.
		DELETE FROM missing_photos.file_doubt AS old
		 WHERE old.owner = record_doubts.owner
		   AND (record_doubts.photo IS NULL OR old.photo = record_doubts.photo)
		   AND NOT EXISTS (SELECT FROM doubt
		                    WHERE doubt.photo = old.photo AND doubt.file = old.file)
	)
	INSERT INTO missing_photos.file_doubt AS old
		(owner, photo, file, path, state, reason, errno, job_id)
	SELECT record_doubts.owner, doubt.*, record_doubts.job_id FROM doubt
	ON CONFLICT ON CONSTRAINT file_doubt_pkey DO UPDATE
	   SET path = excluded.path, state = excluded.state, reason = excluded.reason,
	       errno = excluded.errno, job_id = excluded.job_id, since = excluded.since
	 WHERE (old.path, old.state, old.reason, old.errno)
	       IS DISTINCT FROM (excluded.path, excluded.state, excluded.reason, excluded.errno)
$$;
COMMENT ON FUNCTION missing_photos.record_doubts IS
	'replaces what is known of files that could not be judged';

CREATE FUNCTION missing_photos.forget_doubts(photos text[], files text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.file_doubt AS doubt
	 USING unnest(photos, files) AS seen (photo, file)
	 WHERE doubt.photo = seen.photo AND doubt.file = seen.file AND doubt.state <> 'missing'
$$;
COMMENT ON FUNCTION missing_photos.forget_doubts IS
	'forgets that files could not be judged: they were seen';

CREATE FUNCTION missing_photos.record_root_doubts(
	job_id uuid, owner text, app_paths text[], files bigint[], reasons text[], errnos integer[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH doubt AS (
		SELECT * FROM unnest(app_paths, files, reasons, errnos) AS d (app_path, files, reason, errno)
	), settled AS (
		DELETE FROM missing_photos.root_doubt AS old
		 WHERE old.owner = record_root_doubts.owner
		   AND NOT EXISTS (SELECT FROM doubt WHERE doubt.app_path = old.app_path)
	)
	INSERT INTO missing_photos.root_doubt AS old (owner, app_path, files, reason, errno, job_id)
	SELECT record_root_doubts.owner, doubt.*, record_root_doubts.job_id FROM doubt
	ON CONFLICT ON CONSTRAINT root_doubt_pkey DO UPDATE
	   SET files = excluded.files, reason = excluded.reason, errno = excluded.errno,
	       job_id = excluded.job_id
	 WHERE (old.files, old.reason, old.errno)
	       <> (excluded.files, excluded.reason, excluded.errno)
$$;
COMMENT ON FUNCTION missing_photos.record_root_doubts IS
	'replaces what is known of roots below which nothing could be judged';

CREATE FUNCTION missing_photos.record_root_files(owner text, app_paths text[], files bigint[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.root_files AS kept (owner, app_path, files)
	SELECT record_root_files.owner, seen.app_path, seen.files
	  FROM unnest(app_paths, files) AS seen (app_path, files)
	ON CONFLICT ON CONSTRAINT root_files_pkey DO UPDATE SET files = excluded.files
	 WHERE kept.files <> excluded.files
$$;
COMMENT ON FUNCTION missing_photos.record_root_files IS
	'notes how many files a scan saw below each root';

CREATE FUNCTION missing_photos.note_absences(
	owner text, photos text[], files text[], paths text[], scans_wanted integer,
	seconds_wanted integer)
RETURNS TABLE (ordinal bigint, confirmed boolean)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH gone AS (
		SELECT DISTINCT ON (g.photo, g.file) g.*
		  FROM unnest(photos, files, paths) WITH ORDINALITY AS g (photo, file, path, ordinal)
		 ORDER BY g.photo, g.file
	), noted AS (
		-- Time counts only while no root was out of reach since the last look.
		INSERT INTO missing_photos.absence AS kept (owner, photo, file, path)
		SELECT note_absences.owner, gone.photo, gone.file, gone.path FROM gone
		ON CONFLICT ON CONSTRAINT absence_pkey DO UPDATE
		   SET scans = CASE WHEN kept.path IS NOT DISTINCT FROM excluded.path
		                    THEN kept.scans + 1 ELSE 1 END,
		       gone_for = CASE WHEN kept.path IS DISTINCT FROM excluded.path THEN '0'
		                       WHEN EXISTS (SELECT FROM missing_photos.registered_root AS root
		                                     WHERE root.last_outage >= kept.last_seen)
		                       THEN kept.gone_for
		                       ELSE kept.gone_for + (clock_timestamp() - kept.last_seen) END,
		       path = excluded.path,
		       last_seen = excluded.last_seen
		RETURNING kept.photo, kept.file, kept.scans, kept.gone_for
	)
	SELECT gone.ordinal,
	       noted.scans >= scans_wanted
	       AND noted.gone_for >= make_interval(secs => seconds_wanted)
	  FROM gone
	  JOIN noted ON noted.photo = gone.photo AND noted.file = gone.file
$$;
COMMENT ON FUNCTION missing_photos.note_absences IS
	'counts how often and how long files have been gone; confirmed ones may be flagged';

CREATE FUNCTION missing_photos.forget_absences(owner text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What this scan (this transaction, or one since) didn't find gone again was there again, or
	-- could not be judged: either way it starts anew.
	DELETE FROM missing_photos.absence AS kept
	 WHERE kept.owner = forget_absences.owner
	   AND kept.last_seen < (SELECT max(j.started_at) FROM missing_photos.job AS j
	                         WHERE j.owner = forget_absences.owner AND j.kind = 'scan')
$$;
COMMENT ON FUNCTION missing_photos.forget_absences IS
	'forgets absences that the scan now ending did not see again';
