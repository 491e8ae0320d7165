-- What holds a deletion back: how long photos and files have been missing, and deletions that wait
-- for a person. Called by delete_steps.c as the extension's owner.

CREATE TABLE missing_photos.missing_since (
	owner text        NOT NULL,
	kind  text        NOT NULL,
	key   text        NOT NULL,
	since timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (owner, kind, key)
);
COMMENT ON TABLE missing_photos.missing_since IS
	'photos and files of which no scan knows when they went missing: when a deletion first saw them so (delete_after)';
SELECT pg_catalog.pg_extension_config_dump('missing_photos.missing_since', '');

CREATE FUNCTION missing_photos.too_young(
	owner text, kind text, keys text[], job_id uuid, seconds integer)
RETURNS SETOF text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Time before the root's last outage doesn't count: what it looked like then nobody knows.
	-- What is known of the files of photos that this job has deleted by now is in the archive.
	WITH losses AS (
		SELECT loss.* FROM missing_photos.loss AS loss WHERE loss.owner = too_young.owner
		UNION ALL
		SELECT (kept.loss).* FROM missing_photos.archived_loss AS kept
		 WHERE kept.archived_by = too_young.job_id
	), lost AS (
		SELECT CASE too_young.kind WHEN 'photo' THEN loss.photo ELSE loss.file END AS key,
		       max(greatest(loss.lost_at, (
		           SELECT root.last_outage FROM missing_photos.registered_root AS root
		            WHERE starts_with(loss.path, rtrim(root.app_path, '/') || '/')
		            ORDER BY length(root.app_path) DESC LIMIT 1))) AS since
		  FROM losses AS loss
		 WHERE CASE too_young.kind WHEN 'photo' THEN loss.photo ELSE loss.file END = ANY (keys)
		 GROUP BY 1
	), noted AS (
		INSERT INTO missing_photos.missing_since AS old (owner, kind, key)
		SELECT too_young.owner, too_young.kind, k.key FROM unnest(keys) AS k (key)
		 WHERE NOT k.key = ANY (SELECT lost.key FROM lost)
		 ORDER BY k.key
		ON CONFLICT ON CONSTRAINT missing_since_pkey DO UPDATE SET since = old.since
		RETURNING old.key, old.since
	)
	SELECT m.key FROM (SELECT * FROM lost UNION ALL SELECT * FROM noted) AS m
	 WHERE m.since > clock_timestamp() - make_interval(secs => seconds)
$$;
COMMENT ON FUNCTION missing_photos.too_young IS
	'which of these photos or files haven''t been missing for so long; those first seen missing are noted';

CREATE FUNCTION missing_photos.forget_missing_since(owner text, kind text, keys text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What isn't missing any more, or is gone, begins anew the next time.
	DELETE FROM missing_photos.missing_since AS m
	 WHERE m.owner = forget_missing_since.owner AND m.kind = forget_missing_since.kind
	   AND NOT m.key = ANY (SELECT unnest(keys))
$$;
COMMENT ON FUNCTION missing_photos.forget_missing_since IS
	'forgets since when photos or files were missing, but for these';

CREATE FUNCTION missing_photos.suspect_photos(job_id uuid)
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT s.photo FROM missing_photos.suspect AS s WHERE s.job_id = suspect_photos.job_id
$$;
COMMENT ON FUNCTION missing_photos.suspect_photos IS 'photos that a held deletion would delete';
