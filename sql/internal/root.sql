CREATE FUNCTION missing_photos.store_root(
	app_path text, server_path text, fs_type text, fs_source text, fs_magic bigint, fsid bigint,
	inode bigint, added_by text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.registered_root
		(app_path, server_path, fs_type, fs_source, fs_magic, fsid, inode, added_by)
	VALUES (store_root.app_path, store_root.server_path, store_root.fs_type, store_root.fs_source,
	        store_root.fs_magic, store_root.fsid, store_root.inode, store_root.added_by)
	ON CONFLICT ON CONSTRAINT registered_root_pkey DO UPDATE
	   SET server_path = excluded.server_path, fs_type = excluded.fs_type,
	       fs_source = excluded.fs_source, fs_magic = excluded.fs_magic, fsid = excluded.fsid,
	       inode = excluded.inode, added_by = excluded.added_by, added_at = excluded.added_at,
	       state = 'present', reason = NULL, state_since = excluded.state_since,
	       last_healthy = excluded.last_healthy
$$;
COMMENT ON FUNCTION missing_photos.store_root IS 'keeps a root that add_root has looked at';
