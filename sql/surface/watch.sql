-- Watching: changes arrive by themselves.

CREATE FUNCTION missing_photos.start_watching()
RETURNS void
AS 'MODULE_PATHNAME', 'missing_photos_start_watching'
LANGUAGE c VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.start_watching IS
	'watches all roots from this transaction''s commit on, in the background and as the calling role';

CREATE FUNCTION missing_photos.stop_watching()
RETURNS boolean
AS 'MODULE_PATHNAME', 'missing_photos_stop_watching'
LANGUAGE c VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.stop_watching IS
	'ends watching when this transaction commits; returns whether the roots were watched';

CREATE FUNCTION missing_photos.watcher_is_alive()
RETURNS boolean
AS 'MODULE_PATHNAME', 'missing_photos_watcher_is_alive'
LANGUAGE c VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION missing_photos.watcher_is_alive IS 'whether the watcher of this database runs';

CREATE VIEW missing_photos.watches WITH (security_barrier) AS
	SELECT w.app_path AS root, w.mode,
	       CASE WHEN missing_photos.watcher_is_alive() THEN w.state ELSE 'stopped' END AS state,
	       w.directories, w.watches, w.events, w.changes, w.lag, w.last_event_at, w.reason,
	       w.overflows
	  FROM missing_photos.watched_root AS w;
COMMENT ON VIEW missing_photos.watches IS 'how each root is watched';
COMMENT ON COLUMN missing_photos.watches.mode IS
	'events (all of it), mixed (some folders are polled) or polled';
COMMENT ON COLUMN missing_photos.watches.state IS
	'starting, watching, away (the root is out of reach) or stopped (no watcher runs)';
COMMENT ON COLUMN missing_photos.watches.directories IS 'folders below the root, excluded ones left out';
COMMENT ON COLUMN missing_photos.watches.watches IS 'folders that the kernel tells about';
COMMENT ON COLUMN missing_photos.watches.events IS 'events told since watching began';
COMMENT ON COLUMN missing_photos.watches.changes IS 'changes of the library made because of them';
COMMENT ON COLUMN missing_photos.watches.overflows IS
	'how often more happened at once than the kernel keeps (fs.inotify.max_queued_events), so that a scan had to look';
COMMENT ON COLUMN missing_photos.watches.lag IS
	'how long the last batch of events waited to be applied, and took';
COMMENT ON COLUMN missing_photos.watches.reason IS 'why not all of it is watched, or nothing is';

CREATE VIEW missing_photos.announced_files WITH (security_barrier) AS
	SELECT n.path, n.owner, n.size, n.announced_at FROM missing_photos.new_file AS n
	 WHERE n.owner IS NULL OR n.owner IN (SELECT missing_photos.seen_owners());
COMMENT ON VIEW missing_photos.announced_files IS
	'new files below the roots that are no photo''s yet: import them, or call add_file';
COMMENT ON COLUMN missing_photos.announced_files.owner IS 'in whose folder it lies; NULL: nobody''s';
