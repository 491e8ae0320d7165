-- Roots: the folders below which files may be read, and where the server finds them.

CREATE FUNCTION missing_photos.add_root(
	app_path text, server_path text DEFAULT NULL, marker text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'missing_photos_add_root'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.add_root IS
	'lets files below app_path be read, which the server finds below server_path (the same path when not given), and notes what that folder is; with a marker, a file of that name must lie in it for anything below to be judged; adding a root again renews it';

CREATE FUNCTION missing_photos.accept_root(app_path text)
RETURNS void
AS 'MODULE_PATHNAME', 'missing_photos_accept_root'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.accept_root IS
	'says that what is in a root''s place now is the library: another disk, another file system, other mounts below it';

CREATE FUNCTION missing_photos.drop_root(app_path text)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM missing_photos.registered_root AS root WHERE root.app_path = drop_root.app_path;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no root "%" is registered', drop_root.app_path
			USING ERRCODE = 'undefined_object',
			      HINT = 'SELECT app_path FROM missing_photos.roots lists them.';
	END IF;
	DELETE FROM missing_photos.root_doubt AS doubt WHERE doubt.app_path = drop_root.app_path;
	DELETE FROM missing_photos.root_files AS seen WHERE seen.app_path = drop_root.app_path;
END
$$;
COMMENT ON FUNCTION missing_photos.drop_root IS
	'forgets a root: files below it are no longer read, and not called missing either';

CREATE VIEW missing_photos.roots AS
	SELECT root.app_path, root.server_path, root.state, root.reason, root.state_since,
	       root.fs_type AS file_system, root.fs_source AS source, root.mounts, root.marker,
	       (SELECT pg_catalog.sum(seen.files)::bigint FROM missing_photos.root_files AS seen
	         WHERE seen.app_path = root.app_path) AS files,
	       (SELECT pg_catalog.sum(doubt.files)::bigint FROM missing_photos.root_doubt AS doubt
	         WHERE doubt.app_path = root.app_path) AS unreachable_files,
	       root.last_healthy, root.last_outage, root.retry_at, root.added_at, root.added_by
	  FROM missing_photos.registered_root AS root;
COMMENT ON VIEW missing_photos.roots IS 'the registered roots and how they were last found';
COMMENT ON COLUMN missing_photos.roots.app_path IS 'the folder as the application names it';
COMMENT ON COLUMN missing_photos.roots.server_path IS 'the same folder as the database server sees it';
COMMENT ON COLUMN missing_photos.roots.state IS 'present, or unreachable: then nothing below it is judged';
COMMENT ON COLUMN missing_photos.roots.reason IS 'why it is unreachable';
COMMENT ON COLUMN missing_photos.roots.mounts IS 'file systems mounted below it, which must be there for files below them to be judged';
COMMENT ON COLUMN missing_photos.roots.files IS 'files of all owners below it, as their last scans saw them';
COMMENT ON COLUMN missing_photos.roots.unreachable_files IS 'files below it that could not be judged for its sake';
COMMENT ON COLUMN missing_photos.roots.last_healthy IS 'when a scan last found it healthy';
COMMENT ON COLUMN missing_photos.roots.last_outage IS 'when it was last found unreachable';
COMMENT ON COLUMN missing_photos.roots.retry_at IS 'it gave no answer, and isn''t asked again before';
