-- Roots, as the C code keeps them. Called as the extension's owner; nobody else may.

CREATE FUNCTION missing_photos.store_root(
	app_path text, server_path text, marker text, fs_type text, fs_source text, fs_magic bigint,
	fsid bigint, inode bigint, mounts text[], mounted text[], added_by text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.registered_root
		(app_path, server_path, marker, fs_type, fs_source, fs_magic, fsid, inode, mounts, mounted,
		 added_by)
	VALUES (store_root.app_path, store_root.server_path, store_root.marker, store_root.fs_type,
	        store_root.fs_source, store_root.fs_magic, store_root.fsid, store_root.inode,
	        store_root.mounts, store_root.mounted, store_root.added_by)
	ON CONFLICT ON CONSTRAINT registered_root_pkey DO UPDATE
	   SET server_path = excluded.server_path, marker = excluded.marker,
	       fs_type = excluded.fs_type, fs_source = excluded.fs_source,
	       fs_magic = excluded.fs_magic, fsid = excluded.fsid, inode = excluded.inode,
	       mounts = excluded.mounts, mounted = excluded.mounted,
	       added_by = excluded.added_by, added_at = excluded.added_at,
	       state = 'present', reason = NULL, state_since = excluded.state_since,
	       last_healthy = excluded.last_healthy, retry_at = NULL
$$;
COMMENT ON FUNCTION missing_photos.store_root IS 'keeps a root that add_root has looked at';

CREATE FUNCTION missing_photos.renew_root(
	app_path text, fs_type text, fs_source text, fs_magic bigint, fsid bigint, inode bigint)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE missing_photos.registered_root AS root
	   SET fs_type = renew_root.fs_type, fs_source = renew_root.fs_source,
	       fs_magic = renew_root.fs_magic, fsid = renew_root.fsid, inode = renew_root.inode
	 WHERE root.app_path = renew_root.app_path
$$;
COMMENT ON FUNCTION missing_photos.renew_root IS
	'keeps what a root is like now that its known files were found there';

CREATE FUNCTION missing_photos.record_root_state(
	app_path text, state text, reason text, after_scan boolean, retry_seconds bigint, mounts text[],
	mounted text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Another session's open transaction may hold the row; what it found is as good as ours.
	UPDATE missing_photos.registered_root AS root
	   SET state = record_root_state.state::missing_photos.file_state,
	       reason = record_root_state.reason,
	       state_since = CASE WHEN root.state = record_root_state.state::missing_photos.file_state
	                          THEN root.state_since ELSE now() END,
	       last_healthy = CASE WHEN record_root_state.state = 'present'
	                           THEN now() ELSE root.last_healthy END,
	       last_outage = CASE WHEN record_root_state.state = 'present'
	                          THEN root.last_outage ELSE now() END,
	       retry_at = CASE WHEN retry_seconds > 0
	                       THEN clock_timestamp() + make_interval(secs => retry_seconds) END,
	       mounts = COALESCE(record_root_state.mounts, root.mounts),
	       mounted = COALESCE(record_root_state.mounted, root.mounted)
	 WHERE root.app_path IN (
	           SELECT held.app_path FROM missing_photos.registered_root AS held
	            WHERE held.app_path = record_root_state.app_path
	              AND (after_scan
	                   OR held.state <> record_root_state.state::missing_photos.file_state
	                   OR held.reason IS DISTINCT FROM record_root_state.reason)
	              FOR NO KEY UPDATE SKIP LOCKED)
$$;
COMMENT ON FUNCTION missing_photos.record_root_state IS
	'notes how a root was found; a root as it was before is written only after a scan';

CREATE FUNCTION missing_photos.sample_identities(files text[])
RETURNS TABLE (file text, size bigint, mtime_ns bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT known.file, known.size, known.mtime_ns
	  FROM missing_photos.file_identity AS known
	 WHERE known.file = ANY (files)
$$;
COMMENT ON FUNCTION missing_photos.sample_identities IS 'what is known of a sample of files';

CREATE FUNCTION missing_photos.others_know_folder(owner text, folder text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM missing_photos.known_folder AS known
	                WHERE known.owner <> others_know_folder.owner
	                  AND starts_with(known.folder || '/', others_know_folder.folder))
$$;
COMMENT ON FUNCTION missing_photos.others_know_folder IS
	'whether scans of other owners found files in this folder (given with a slash at its end) or below';
