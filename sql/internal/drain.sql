-- The states of the queue of derived files. Called by drain.c as the extension's owner, by one
-- drainer at a time.

CREATE FUNCTION missing_photos.pick_deletions(states text[], most integer)
RETURNS TABLE (id bigint, file text, hash text)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- While its deletion can be undone, or what could not be undone tried again, a file stays.
	-- A row that an undo or another deletion is changing is left for later.
	SELECT d.id, rtrim(d.app_path, '/') || '/' || d.path, d.hash
	  FROM missing_photos.deletion AS d
	 WHERE d.state = ANY (states)
	   AND (d.state <> 'queued'
	        OR NOT EXISTS (SELECT FROM missing_photos.archive AS a
	                        WHERE a.job_id = d.job_id
	                          AND (a.undone_at IS NULL
	                               OR EXISTS (SELECT FROM missing_photos.archived_rows AS kept
	                                           WHERE kept.job_id = a.job_id))))
	   AND (d.retry_at IS NULL OR d.retry_at <= clock_timestamp())
	   AND EXISTS (SELECT FROM missing_photos.derived_root AS root
	                WHERE root.app_path = d.app_path)
	 ORDER BY d.id
	 LIMIT most
	   FOR UPDATE SKIP LOCKED
$$;
COMMENT ON FUNCTION missing_photos.pick_deletions IS 'locks the next rows in these states';

CREATE FUNCTION missing_photos.claim_deletions(ids bigint[], in_use boolean[])
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Whoever uses a file now queues it when it goes in turn. A claimed row may be renamed
	-- already, so it is looked at when it is known to be aside.
	DELETE FROM missing_photos.deletion AS d
	 WHERE d.state = 'queued'
	   AND d.id IN (SELECT p.id FROM unnest(ids, in_use) AS p (id, in_use) WHERE p.in_use);
	WITH claimed AS (
		UPDATE missing_photos.deletion AS d SET state = 'claimed'
		 WHERE d.id = ANY (ids)
		RETURNING 1
	)
	SELECT count(*) FROM claimed
$$;
COMMENT ON FUNCTION missing_photos.claim_deletions IS
	'claims picked rows, but for those whose file is in use, which are done';

CREATE FUNCTION missing_photos.decide_deletions(ids bigint[], in_use boolean[])
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A barrier ahead of all transactions is another cluster's: this database was restored.
	WITH decided AS (
		UPDATE missing_photos.deletion AS d
		   SET state = CASE WHEN p.in_use THEN 'returning' ELSE 'dropping' END
		  FROM unnest(ids, in_use) AS p (id, in_use)
		 WHERE d.id = p.id
		   AND (p.in_use
		        OR d.barrier <= pg_snapshot_xmin(pg_current_snapshot())
		        OR d.barrier > pg_snapshot_xmax(pg_current_snapshot()))
		RETURNING 1
	)
	SELECT count(*) FROM decided
$$;
COMMENT ON FUNCTION missing_photos.decide_deletions IS
	'decides about files set aside: those in use go back; the others go for good once every transaction that may have seen them where they were has ended';

CREATE FUNCTION missing_photos.held_deletions(state text, most integer)
RETURNS TABLE (id bigint, server_path text, marker text, folder text, name text, aside text,
               size bigint, mtime_ns bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Folder by folder: the probe opens each once.
	SELECT d.id, root.server_path, root.marker,
	       rtrim(substring(d.path FROM '^.*/'), '/'), substring(d.path FROM '[^/]*$'), d.aside,
	       d.size, CASE WHEN d.size IS NULL
	                    THEN (extract(epoch FROM d.queued_at) * 1000000000)::bigint
	                    ELSE d.mtime_ns END
	  FROM (SELECT * FROM missing_photos.deletion AS all_of
	         WHERE all_of.state = held_deletions.state
	           AND (all_of.retry_at IS NULL OR all_of.retry_at <= clock_timestamp())
	         ORDER BY all_of.id LIMIT most) AS d
	  JOIN missing_photos.derived_root AS root ON root.app_path = d.app_path
	 ORDER BY root.server_path, root.marker, 4, 5
$$;
COMMENT ON FUNCTION missing_photos.held_deletions IS
	'what the probe needs to know of rows in a state';

CREATE FUNCTION missing_photos.note_removals(
	act text, ids bigint[], outcomes text[], reasons text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Gone is gone, whoever did it; what was put back is in use.
	DELETE FROM missing_photos.deletion AS d
	 WHERE d.id IN (
	           SELECT n.id FROM unnest(ids, outcomes) AS n (id, outcome)
	            WHERE n.outcome IN ('absent', 'name taken')
	               OR n.outcome = 'done' AND note_removals.act <> 'set aside');
	UPDATE missing_photos.deletion AS d
	   SET state = CASE n.outcome WHEN 'done' THEN 'aside'
	                              WHEN 'other file' THEN 'kept' WHEN 'no file' THEN 'kept'
	                              ELSE d.state END,
	       barrier = CASE n.outcome WHEN 'done' THEN pg_snapshot_xmax(pg_current_snapshot())
	                                ELSE d.barrier END,
	       error = n.reason,
	       tries = CASE n.outcome WHEN 'done' THEN 0 ELSE d.tries + 1 END,
	       retry_at = CASE n.outcome WHEN 'out of reach'
	                       THEN clock_timestamp()
	                            + least('1 day', '1 minute'::interval * power(2, least(d.tries, 12))) END
	  FROM unnest(ids, outcomes, reasons) AS n (id, outcome, reason)
	 WHERE d.id = n.id
$$;
COMMENT ON FUNCTION missing_photos.note_removals IS
	'notes what became of files that the probe set aside, put back or dropped';

CREATE FUNCTION missing_photos.deletions_aside()
RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT count(*) FROM missing_photos.deletion AS d
	 WHERE d.state = 'aside' AND (d.retry_at IS NULL OR d.retry_at <= clock_timestamp())
$$;
COMMENT ON FUNCTION missing_photos.deletions_aside IS
	'how many files are set aside and wait for older transactions to end';
