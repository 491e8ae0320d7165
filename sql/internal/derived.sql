-- Files the application made of photos (thumbnails, face crops, transcoded videos): where they may
-- be removed, and the queue of those to be removed. A deletion puts names into the queue in its own
-- transaction; drain_deletions takes them out (drain.c says how a row gets from state to state).

CREATE TABLE missing_photos.derived_root (
	app_path    text        PRIMARY KEY,
	server_path text        NOT NULL,
	marker      text        NOT NULL,
	added_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
	added_by    name        NOT NULL
);
COMMENT ON TABLE missing_photos.derived_root IS
	'folders below which files may be removed (add_derived_root)';

CREATE TABLE missing_photos.deletion (
	id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	job_id     uuid        NOT NULL,
	owner      text        NOT NULL,
	app_path   text        NOT NULL,
	path       text        NOT NULL,
	hash       text,
	size       bigint,
	mtime_ns   bigint,
	aside      text        NOT NULL
		DEFAULT '.missing_photos-' || pg_catalog.gen_random_uuid()::pg_catalog.text,
	queued_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
	state      text        NOT NULL DEFAULT 'queued',
	barrier    xid8,
	tries      integer     NOT NULL DEFAULT 0,
	retry_at   timestamptz,
	error      text
);
CREATE UNIQUE INDEX deletion_queued ON missing_photos.deletion (app_path, path)
	WHERE state = 'queued';
CREATE INDEX deletion_job ON missing_photos.deletion (job_id);
CREATE INDEX deletion_state ON missing_photos.deletion (state, id);
COMMENT ON TABLE missing_photos.deletion IS
	'derived files to be removed: queued; claimed, about to be renamed; aside, renamed; dropping and returning, decided; kept, for a person to look at';
COMMENT ON COLUMN missing_photos.deletion.path IS 'below the derived root';
COMMENT ON COLUMN missing_photos.deletion.hash IS
	'the photo''s content: as long as any photo has it, the file is in use';
COMMENT ON COLUMN missing_photos.deletion.size IS
	'what the file was like when queued; NULL: not known, then it must be older than the deletion';
COMMENT ON COLUMN missing_photos.deletion.aside IS 'its name in its folder while it is set aside';
COMMENT ON COLUMN missing_photos.deletion.barrier IS
	'transactions below this one may have found the file where it was: all must have ended';

SELECT pg_catalog.pg_extension_config_dump('missing_photos.derived_root', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.deletion', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.deletion_id_seq', '');

CREATE FUNCTION missing_photos.store_derived_root(
	app_path text, server_path text, marker text, added_by text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.derived_root (app_path, server_path, marker, added_by)
	VALUES (store_derived_root.app_path, store_derived_root.server_path,
	        store_derived_root.marker, store_derived_root.added_by)
	ON CONFLICT ON CONSTRAINT derived_root_pkey DO UPDATE
	   SET server_path = excluded.server_path, marker = excluded.marker,
	       added_at = excluded.added_at, added_by = excluded.added_by
$$;
COMMENT ON FUNCTION missing_photos.store_derived_root IS
	'keeps a root that add_derived_root has looked at';

CREATE FUNCTION missing_photos.derived_place(file text, OUT app_path text, OUT path text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The deepest root counts. A name with an empty, "." or ".." part in it is nobody's thumbnail.
	SELECT place.app_path, place.path
	  FROM (SELECT root.app_path,
	               substr(derived_place.file, length(rtrim(root.app_path, '/')) + 2) AS path
	          FROM missing_photos.derived_root AS root
	         WHERE starts_with(derived_place.file, rtrim(root.app_path, '/') || '/')) AS place
	 WHERE place.path !~ '(^|/)\.{0,2}(/|$)'
	 ORDER BY length(place.path)
	 LIMIT 1
$$;
COMMENT ON FUNCTION missing_photos.derived_place IS
	'which derived root a file lies below, and where there; NULL: none';

CREATE FUNCTION missing_photos.queue_deletions(
	job_id uuid, owner text, files text[], hashes text[], sizes bigint[], mtimes bigint[])
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- In one order, so that two deletions that queue the same name don't deadlock. A name queued
	-- before is the later deletion's from now on: that one can be undone for longer.
	WITH file AS (
		SELECT DISTINCT ON (place.app_path, place.path)
		       place.app_path, place.path, f.hash, f.size, f.mtime_ns
		  FROM unnest(files, hashes, sizes, mtimes) AS f (name, hash, size, mtime_ns)
		 CROSS JOIN LATERAL missing_photos.derived_place(f.name) AS place
		 WHERE place.path IS NOT NULL
		 ORDER BY place.app_path, place.path, f.hash NULLS LAST
	), queued AS (
		INSERT INTO missing_photos.deletion AS old
			(job_id, owner, app_path, path, hash, size, mtime_ns)
		SELECT queue_deletions.job_id, queue_deletions.owner, file.*
		  FROM file
		 ORDER BY file.app_path, file.path
		ON CONFLICT (app_path, path) WHERE state = 'queued' DO UPDATE
		   SET job_id = excluded.job_id, owner = excluded.owner, hash = excluded.hash,
		       size = excluded.size, mtime_ns = excluded.mtime_ns,
		       queued_at = excluded.queued_at, tries = 0, retry_at = NULL, error = NULL
		RETURNING 1
	)
	SELECT count(*) FROM queued
$$;
COMMENT ON FUNCTION missing_photos.queue_deletions IS
	'queues derived files of photos that this transaction deletes; those below no derived root are left alone';

CREATE FUNCTION missing_photos.queued_deletions(of_job uuid)
RETURNS TABLE (id bigint, file text, hash text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT d.id, rtrim(d.app_path, '/') || '/' || d.path, d.hash
	  FROM missing_photos.deletion AS d
	 WHERE d.job_id = of_job AND d.state = 'queued'
$$;
COMMENT ON FUNCTION missing_photos.queued_deletions IS 'what a job queued';

CREATE FUNCTION missing_photos.dequeue_deletions(ids bigint[], in_use boolean[])
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What the drainer has in hand it puts back by itself.
	WITH gone AS (
		DELETE FROM missing_photos.deletion AS d
		 USING unnest(ids, in_use) AS p (id, in_use)
		 WHERE d.id = p.id AND p.in_use AND d.state = 'queued'
		RETURNING 1
	)
	SELECT count(*) FROM gone
$$;
COMMENT ON FUNCTION missing_photos.dequeue_deletions IS
	'takes files that are in use again, because a deletion was undone, out of the queue';
