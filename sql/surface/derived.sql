-- Where derived files may be removed, and removing them.

CREATE FUNCTION missing_photos.add_derived_root(app_path text, server_path text, marker text)
RETURNS void
AS 'MODULE_PATHNAME', 'missing_photos_add_derived_root'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.add_derived_root IS
	'lets files that the application made of photos (thumbnails, face crops) be removed below app_path, which the server finds below server_path, while a file named marker lies in it; deletions queue such files from then on';

CREATE FUNCTION missing_photos.remove_derived_root(app_path text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	aside bigint;
BEGIN
	DELETE FROM missing_photos.derived_root AS root
	 WHERE root.app_path = remove_derived_root.app_path;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no derived root "%" is registered', remove_derived_root.app_path
			USING ERRCODE = 'undefined_object',
			      HINT = 'SELECT app_path FROM missing_photos.derived_roots lists them.';
	END IF;
	SELECT count(*) INTO aside FROM missing_photos.deletion AS d
	 WHERE d.app_path = remove_derived_root.app_path AND d.state NOT IN ('queued', 'kept');
	DELETE FROM missing_photos.deletion AS d
	 WHERE d.app_path = remove_derived_root.app_path;
	IF aside > 0 THEN
		RAISE WARNING 'files set aside below "%" stay as they are: %',
				remove_derived_root.app_path, aside
			USING HINT = 'Their names begin with ".missing_photos-".';
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.remove_derived_root IS
	'forgets a derived root and what was queued below it: nothing below it is removed any more';

CREATE VIEW missing_photos.derived_roots AS
	SELECT root.app_path, root.server_path, root.marker,
	       (SELECT pg_catalog.count(*) FROM missing_photos.deletion AS d
	         WHERE d.app_path = root.app_path) AS deletions,
	       root.added_at, root.added_by
	  FROM missing_photos.derived_root AS root;
COMMENT ON VIEW missing_photos.derived_roots IS
	'folders below which derived files may be removed';
COMMENT ON COLUMN missing_photos.derived_roots.deletions IS 'files below it that are queued';

CREATE VIEW missing_photos.deletions WITH (security_barrier) AS
	SELECT d.job_id, d.owner, pg_catalog.rtrim(d.app_path, '/') || '/' || d.path AS path, d.size,
	       d.state, d.queued_at,
	       COALESCE(a.deleted_at + missing_photos.undo_retention(), d.queued_at) AS not_before,
	       d.tries, d.retry_at, d.error
	  FROM missing_photos.deletion AS d
	  LEFT JOIN missing_photos.archive AS a ON a.job_id = d.job_id
	 WHERE d.owner IN (SELECT missing_photos.seen_owners());
COMMENT ON VIEW missing_photos.deletions IS
	'derived files of deleted photos that are still to be removed';
COMMENT ON COLUMN missing_photos.deletions.path IS 'as the application names it';
COMMENT ON COLUMN missing_photos.deletions.state IS
	'queued; claimed, aside, dropping, returning: a drainer has it in hand; kept: another file has its name, or it is no regular file';
COMMENT ON COLUMN missing_photos.deletions.not_before IS 'until then the deletion can be undone';
COMMENT ON COLUMN missing_photos.deletions.error IS 'why it could not be removed';

CREATE PROCEDURE missing_photos.drain_deletions(batch_size integer DEFAULT 1000)
AS 'MODULE_PATHNAME', 'missing_photos_drain_deletions'
LANGUAGE c;
COMMENT ON PROCEDURE missing_photos.drain_deletions IS
	'removes queued files that no row uses and whose deletion can''t be undone any more (archives older than missing_photos.undo_retention are purged first); commits what it is about to do before it does it';
