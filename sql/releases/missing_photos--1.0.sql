\echo Use "CREATE EXTENSION missing_photos" to load this file. \quit

-- sql/internal/schema.sql

-- Everything that isn't a verb or a view of the application lives in this schema, whatever schema
-- CREATE EXTENSION names: function bodies can then name it without knowing where they were put.
CREATE SCHEMA missing_photos;
COMMENT ON SCHEMA missing_photos IS
	'missing_photos: the attached library, its roots, findings and jobs';

CREATE TYPE missing_photos.file_state AS ENUM ('present', 'missing', 'unreachable', 'invalid');
COMMENT ON TYPE missing_photos.file_state IS
	'what the disk says of a file; only "missing" ever changes the library';

CREATE TYPE missing_photos.scan_result AS (
	job_id      uuid,
	photos      bigint,
	files       bigint,
	missing     bigint,
	restored    bigint,
	unreachable bigint,
	invalid     bigint,
	held        boolean,
	elapsed     interval
);
COMMENT ON TYPE missing_photos.scan_result IS
	'what a scan found: photos of the owner, files judged, newly flagged, restored, unreachable and invalid files, whether it was held for a person''s approval, and the time it took';

-- sql/internal/tables.sql

-- What the extension remembers. Only the extension writes here, as its owner: an application that
-- could forge a row of these tables could make a scan restore or forget what it likes.
-- pg_dump carries all of it (see the end), so a restored database goes on where the old one stood.

CREATE TABLE missing_photos.attached_library (
	preset         text        NOT NULL,
	library_schema name        NOT NULL,
	layout         text        NOT NULL,
	mapping        jsonb       NOT NULL,
	signature      text        NOT NULL,
	version        text        NOT NULL,
	attached_at    timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE UNIQUE INDEX attached_library_once ON missing_photos.attached_library ((true));
COMMENT ON TABLE missing_photos.attached_library IS
	'the library this database holds (attach_library), at most one';
COMMENT ON COLUMN missing_photos.attached_library.version IS
	'the version of the extension that made the library''s functions';

CREATE TABLE missing_photos.registered_root (
	app_path     text        PRIMARY KEY,
	server_path  text        NOT NULL,
	-- What the root was like when it was last known to be the library. The device number isn't
	-- kept: it changes when the machine starts again.
	fs_type      text        NOT NULL,
	fs_source    text        NOT NULL,
	fs_magic     bigint      NOT NULL,
	fsid         bigint      NOT NULL,
	inode        bigint      NOT NULL,
	mounts       text[]      NOT NULL,
	mounted      text[]      NOT NULL,
	marker       text,
	-- How it was last found.
	state        missing_photos.file_state NOT NULL DEFAULT 'present',
	reason       text,
	state_since  timestamptz NOT NULL DEFAULT pg_catalog.now(),
	last_healthy timestamptz NOT NULL DEFAULT pg_catalog.now(),
	last_outage  timestamptz,
	retry_at     timestamptz,
	added_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
	added_by     name        NOT NULL
);
COMMENT ON TABLE missing_photos.registered_root IS
	'folders below which files may be read (add_root)';
COMMENT ON COLUMN missing_photos.registered_root.mounts IS
	'mount points below the root, relative to it';
COMMENT ON COLUMN missing_photos.registered_root.mounted IS
	'what is mounted at each of mounts: file system type, source, and which folder of the source';
COMMENT ON COLUMN missing_photos.registered_root.retry_at IS
	'a root that gave no answer isn''t asked again before';

CREATE TABLE missing_photos.file_identity (
	file     text   PRIMARY KEY,
	fsid     bigint NOT NULL,
	inode    bigint NOT NULL,
	size     bigint NOT NULL,
	mtime_ns bigint NOT NULL,
	ctime_ns bigint NOT NULL
);
COMMENT ON TABLE missing_photos.file_identity IS
	'what each file looked like when it was last seen healthy';
CREATE INDEX file_identity_inode ON missing_photos.file_identity (inode);

CREATE TABLE missing_photos.known_folder (
	owner     text   NOT NULL,
	folder    text   NOT NULL,
	signature bigint NOT NULL,
	files     bigint NOT NULL,
	PRIMARY KEY (owner, folder)
);
COMMENT ON TABLE missing_photos.known_folder IS
	'folders all of whose files have their identity noted: a checksum over the rows that were noted, so that a later scan sees in one comparison that there is nothing new, and how many they are, so that it can have them read early';

CREATE TABLE missing_photos.file_doubt (
	owner  text        NOT NULL,
	photo  text        NOT NULL,
	file   text        NOT NULL,
	path   text,
	state  missing_photos.file_state NOT NULL,
	reason text        NOT NULL,
	errno  integer     NOT NULL,
	since  timestamptz NOT NULL DEFAULT pg_catalog.now(),
	job_id uuid,
	PRIMARY KEY (owner, photo, file)
);
COMMENT ON TABLE missing_photos.file_doubt IS
	'files that could not be judged or may not be changed, as long as that lasts';

CREATE TABLE missing_photos.root_doubt (
	owner    text        NOT NULL,
	app_path text        NOT NULL,
	files    bigint      NOT NULL,
	reason   text        NOT NULL,
	errno    integer     NOT NULL,
	since    timestamptz NOT NULL DEFAULT pg_catalog.now(),
	job_id   uuid,
	PRIMARY KEY (owner, app_path)
);
COMMENT ON TABLE missing_photos.root_doubt IS
	'roots below which none of an owner''s files could be judged, as long as that lasts';

CREATE TABLE missing_photos.root_files (
	owner    text   NOT NULL,
	app_path text   NOT NULL,
	files    bigint NOT NULL,
	PRIMARY KEY (owner, app_path)
);
COMMENT ON TABLE missing_photos.root_files IS
	'how many of an owner''s files its last scan saw below each root';

CREATE TABLE missing_photos.loss (
	photo      text        NOT NULL,
	file       text        NOT NULL,
	owner      text        NOT NULL,
	path       text,
	was_main   boolean     NOT NULL,
	main_after text,
	reason     text,
	job_id     uuid,
	lost_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (owner, photo, file)
);
CREATE INDEX loss_file ON missing_photos.loss (file);
COMMENT ON TABLE missing_photos.loss IS
	'links between photos and files that a scan took away, kept until the file is back';

CREATE TABLE missing_photos.suspect (
	job_id uuid NOT NULL,
	photo  text NOT NULL,
	file   text NOT NULL,
	path   text,
	flags  integer NOT NULL DEFAULT 0,
	PRIMARY KEY (job_id, photo, file)
);
COMMENT ON TABLE missing_photos.suspect IS
	'files a held scan would flag, until a person approves or cancels it; and what a scan that takes several batches has judged and not yet acted on, so that it can go on after a crash';
COMMENT ON COLUMN missing_photos.suspect.flags IS '1 held as missing, 2 read-only, 4 not linked';

CREATE TABLE missing_photos.absence (
	owner     text        NOT NULL,
	photo     text        NOT NULL,
	file      text        NOT NULL,
	path      text,
	scans     integer     NOT NULL DEFAULT 1,
	gone_for  interval    NOT NULL DEFAULT '0',
	last_seen timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	PRIMARY KEY (owner, photo, file)
);
COMMENT ON TABLE missing_photos.absence IS
	'files that were not found but are not flagged yet (confirm_scans, confirm_after): in how many scans, and for how long while their root was healthy';

CREATE TABLE missing_photos.job (
	job_id      uuid        PRIMARY KEY,
	kind        text        NOT NULL,
	owner       text        NOT NULL,
	role        name        NOT NULL,
	state       text        NOT NULL,
	arguments   jsonb       NOT NULL DEFAULT '{}',
	background  boolean     NOT NULL DEFAULT false,
	resumed     integer     NOT NULL DEFAULT 0,
	pid         integer,
	told        boolean     NOT NULL DEFAULT true,
	staged      boolean     NOT NULL DEFAULT false,
	queued_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	started_at  timestamptz,
	finished_at timestamptz,
	done        integer     NOT NULL DEFAULT 0,
	total       integer     NOT NULL DEFAULT 0,
	result      jsonb       NOT NULL DEFAULT '{}',
	counted     jsonb       NOT NULL DEFAULT '{}',
	error       text
);
CREATE INDEX job_owner ON missing_photos.job (owner, started_at);
CREATE INDEX job_open ON missing_photos.job (queued_at)
	WHERE state IN ('queued', 'running') OR NOT told;
COMMENT ON TABLE missing_photos.job IS 'scans, relinks, deletions and spells of watching, and what came of them';
COMMENT ON COLUMN missing_photos.job.arguments IS
	'what the job''s procedure is given besides the owner and the job''s id, by parameter';
COMMENT ON COLUMN missing_photos.job.background IS 'run by a background worker';
COMMENT ON COLUMN missing_photos.job.resumed IS
	'how often it went on by itself after its worker had ended';
COMMENT ON COLUMN missing_photos.job.pid IS 'the session that runs it, while it holds the job''s lock';
COMMENT ON COLUMN missing_photos.job.told IS
	'whether the application''s job table says how it ended';
COMMENT ON COLUMN missing_photos.job.staged IS
	'whether table suspect has all that the job has left to act on';
COMMENT ON COLUMN missing_photos.job.result IS 'what the job counted, by its kind';
COMMENT ON COLUMN missing_photos.job.counted IS 'what of the result is in the history';

CREATE TABLE missing_photos.cancel_request (
	job_id uuid PRIMARY KEY
);
COMMENT ON TABLE missing_photos.cancel_request IS
	'running jobs that somebody cancelled: kept apart from their rows, which they may hold locked';

CREATE TABLE missing_photos.day_count (
	owner       text   NOT NULL,
	day         date   NOT NULL,
	photos      bigint NOT NULL DEFAULT 0,
	missing     bigint NOT NULL DEFAULT 0,
	unreachable bigint NOT NULL DEFAULT 0,
	restored    bigint NOT NULL DEFAULT 0,
	relinked    bigint NOT NULL DEFAULT 0,
	deleted     bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (owner, day)
);
COMMENT ON TABLE missing_photos.day_count IS 'what jobs counted, per owner and day';

CREATE TABLE missing_photos.finding (
	id        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	job_id    uuid,
	owner     text        NOT NULL,
	photo     text        NOT NULL,
	file      text        NOT NULL,
	path      text,
	new_path  text,
	old_state missing_photos.file_state NOT NULL,
	new_state missing_photos.file_state NOT NULL,
	reason    text,
	found_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE INDEX finding_job ON missing_photos.finding (job_id);
COMMENT ON TABLE missing_photos.finding IS 'each change a job made to the library';
COMMENT ON COLUMN missing_photos.finding.new_path IS
	'where a file was found that had been at path; NULL where none moved';

CREATE TABLE missing_photos.candidate (
	owner    text        NOT NULL,
	file     text        NOT NULL,
	path     text        NOT NULL,
	photos   text[]      NOT NULL,
	old_path text,
	reason   text        NOT NULL,
	certain  boolean     NOT NULL,
	job_id   uuid        NOT NULL,
	found_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (file, owner, path)
);
COMMENT ON TABLE missing_photos.candidate IS
	'files that may be the missing ones, for a person to choose from';

SELECT pg_catalog.pg_extension_config_dump('missing_photos.attached_library', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.registered_root', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.file_identity', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.known_folder', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.candidate', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.file_doubt', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.root_doubt', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.root_files', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.loss', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.suspect', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.absence', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.job', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.day_count', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.finding', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.finding_id_seq', '');

-- sql/internal/root.sql

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

-- sql/internal/identity.sql

-- What a file looked like when it was last seen, and whether a file that is back is that file.
-- Called by the C code as the extension's owner; nobody else may.

-- What lies at a file's path now was another file's when it was last seen: the two were exchanged, or
-- one was moved over the other.  Its looks aren't learnt as this file's, or relinking could never tell.
CREATE FUNCTION missing_photos.is_anothers(
	file text, old_inode bigint, fsid bigint, inode bigint, size bigint, mtime_ns bigint)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT is_anothers.inode <> old_inode AND EXISTS (
		SELECT FROM missing_photos.file_identity AS other
		 WHERE other.inode = is_anothers.inode AND other.fsid = is_anothers.fsid
		   AND other.size = is_anothers.size AND other.mtime_ns = is_anothers.mtime_ns
		   AND other.file <> is_anothers.file)
$$;
COMMENT ON FUNCTION missing_photos.is_anothers IS
	'whether what lies at a file''s path is known to be another file of the library';

CREATE FUNCTION missing_photos.files_that_looked(
	fsids bigint[], inodes bigint[], sizes bigint[], mtimes bigint[])
RETURNS TABLE (ordinal bigint, file text)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT seen.ordinal, min(known.file)
	  FROM unnest(fsids, inodes, sizes, mtimes)
	       WITH ORDINALITY AS seen (fsid, inode, size, mtime_ns, ordinal)
	  JOIN missing_photos.file_identity AS known
	    ON known.inode = seen.inode AND known.fsid = seen.fsid AND known.size = seen.size
	   AND known.mtime_ns = seen.mtime_ns
	 GROUP BY seen.ordinal
	HAVING count(*) = 1
$$;
COMMENT ON FUNCTION missing_photos.files_that_looked IS
	'which file of the library looked like this when it was last seen, where it was one alone';

-- Nor is it learnt while a person is asked where the file is.
CREATE FUNCTION missing_photos.is_doubtful(
	file text, old_inode bigint, fsid bigint, inode bigint, size bigint, mtime_ns bigint)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.is_anothers(file, old_inode, fsid, inode, size, mtime_ns)
	    OR EXISTS (SELECT FROM missing_photos.candidate AS c WHERE c.file = is_doubtful.file)
$$;
COMMENT ON FUNCTION missing_photos.is_doubtful IS
	'whether what lies at a file''s path may be another file, so that its looks aren''t learnt';

CREATE FUNCTION missing_photos.note_identities(
	files text[], fsids bigint[], inodes bigint[], sizes bigint[], mtimes bigint[], ctimes bigint[],
	certain boolean)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.file_identity AS known (file, fsid, inode, size, mtime_ns, ctime_ns)
	-- One file may be linked to several photos; whichever of its rows comes first will do.
	SELECT DISTINCT ON (seen.file) seen.*
	  FROM unnest(files, fsids, inodes, sizes, mtimes, ctimes)
	    AS seen (file, fsid, inode, size, mtime_ns, ctime_ns)
	 ORDER BY seen.file
	ON CONFLICT (file) DO UPDATE
	   SET fsid = excluded.fsid, inode = excluded.inode, size = excluded.size,
	       mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns
	 WHERE (known.fsid, known.inode, known.size, known.mtime_ns, known.ctime_ns)
	    <> (excluded.fsid, excluded.inode, excluded.size, excluded.mtime_ns, excluded.ctime_ns)
	   AND (certain OR NOT missing_photos.is_doubtful(
	           known.file, known.inode, excluded.fsid, excluded.inode, excluded.size, excluded.mtime_ns))
$$;
COMMENT ON FUNCTION missing_photos.note_identities IS
	'notes what files look like on disk; rows that say so already aren''t written, nor, unless it is certain that these are the files, doubtful ones';

CREATE FUNCTION missing_photos.renew_identities(
	files text[], fsids bigint[], inodes bigint[], sizes bigint[], mtimes bigint[], ctimes bigint[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH seen AS (
		SELECT * FROM unnest(files, fsids, inodes, sizes, mtimes, ctimes)
		           AS s (file, fsid, inode, size, mtime_ns, ctime_ns)
	), changed AS (
		SELECT held.file
		  FROM missing_photos.file_identity AS held
		  JOIN seen ON seen.file = held.file
		 WHERE (held.fsid, held.inode, held.size, held.mtime_ns, held.ctime_ns)
		    <> (seen.fsid, seen.inode, seen.size, seen.mtime_ns, seen.ctime_ns)
		   AND NOT missing_photos.is_doubtful(held.file, held.inode, seen.fsid, seen.inode, seen.size,
		                                      seen.mtime_ns)
		 ORDER BY held.file
		   FOR NO KEY UPDATE OF held SKIP LOCKED
	)
	UPDATE missing_photos.file_identity AS known
	   SET fsid = seen.fsid, inode = seen.inode, size = seen.size,
	       mtime_ns = seen.mtime_ns, ctime_ns = seen.ctime_ns
	  FROM changed
	  JOIN seen ON seen.file = changed.file
	 WHERE known.file = changed.file
$$;
COMMENT ON FUNCTION missing_photos.renew_identities IS
	'brings up to date what is known of files, never waiting for another session';

CREATE FUNCTION missing_photos.note_folders(
	owner text, folders text[], signatures bigint[], files bigint[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.known_folder AS known (owner, folder, signature, files)
	SELECT note_folders.owner, seen.folder, seen.signature, seen.files
	  FROM unnest(folders, signatures, note_folders.files) AS seen (folder, signature, files)
	ON CONFLICT ON CONSTRAINT known_folder_pkey DO UPDATE SET signature = excluded.signature,
	                                                              files = excluded.files
	 WHERE (known.signature, known.files) <> (excluded.signature, excluded.files)
$$;
COMMENT ON FUNCTION missing_photos.note_folders IS
	'notes that all files of these folders have their identity noted';

CREATE FUNCTION missing_photos.belief(
	owner text, photos text[], files text[], sizes bigint[], mtimes bigint[])
RETURNS TABLE (ordinal integer, known boolean, same boolean, was_main boolean, main_after text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- An inode number alone proves nothing: file systems give it to the next file.
	SELECT back.ordinal::integer, known.file IS NOT NULL,
	       COALESCE(known.size = back.size AND known.mtime_ns = back.mtime_ns, false),
	       COALESCE(lost.was_main, false), lost.main_after
	  FROM unnest(photos, files, sizes, mtimes)
	       WITH ORDINALITY AS back (photo, file, size, mtime_ns, ordinal)
	  LEFT JOIN missing_photos.file_identity AS known ON known.file = back.file
	  LEFT JOIN missing_photos.loss AS lost
	    ON lost.owner = belief.owner AND lost.photo = back.photo AND lost.file = back.file
$$;
COMMENT ON FUNCTION missing_photos.belief IS
	'for files that are back: whether we knew what they looked like, whether they still do (size and modification time), and what their photo lost with them';

-- sql/internal/twins.sql

-- Without a SET clause, so that it is part of the query that calls it and not a statement per name.
-- Plain ASCII is its own normal form, and most names are nothing else.
CREATE FUNCTION missing_photos.twin_key(name text)
RETURNS text
LANGUAGE sql STABLE
AS $$
	SELECT CASE WHEN pg_catalog.octet_length(name) OPERATOR(pg_catalog.<>) pg_catalog.length(name)
	             AND pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.=) 'UTF8'
	            THEN pg_catalog.lower(pg_catalog.normalize(pg_catalog.rtrim(name), 'NFC'))
	            ELSE pg_catalog.lower(pg_catalog.rtrim(name)) END
$$;
COMMENT ON FUNCTION missing_photos.twin_key IS
	'what two names have in common that differ only by letter case, Unicode normalisation or blanks at the end';

CREATE FUNCTION missing_photos.twins(
	rows integer[], folders integer[], names text[], here_folders integer[], here_names text[])
RETURNS TABLE ("row" integer, twin text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT gone."row", min(here.name)
	  FROM unnest(rows, folders, names) AS gone ("row", folder, name)
	  JOIN unnest(here_folders, here_names) AS here (folder, name)
	    ON here.folder = gone.folder
	   AND missing_photos.twin_key(here.name) = missing_photos.twin_key(gone.name)
	   AND here.name <> gone.name
	 GROUP BY gone."row"
$$;
COMMENT ON FUNCTION missing_photos.twins IS
	'for names missing from folders, names there that differ only in spelling';

-- sql/internal/record.sql

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

-- sql/internal/archive.sql

-- What deletions took, by which undo_delete puts it back. Written by the extension as its owner with
-- rows that passed through C memory, so no application can forge a row; pg_dump carries all of it.
--
-- A row's values are kept as the texts their types write, with the columns' names, many rows of one
-- statement to a row here: that survives columns that are added later.

CREATE TABLE missing_photos.archive (
	job_id     uuid        PRIMARY KEY,
	owner      text        NOT NULL,
	role       name        NOT NULL,
	deleted_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	photos     bigint      NOT NULL DEFAULT 0,
	files      bigint      NOT NULL DEFAULT 0,
	rows       bigint      NOT NULL DEFAULT 0,
	undone_at  timestamptz
);
COMMENT ON TABLE missing_photos.archive IS 'deletions that can be undone';

CREATE TABLE missing_photos.archived_rows (
	id           bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	job_id       uuid    NOT NULL,
	table_schema name    NOT NULL,
	table_name   name    NOT NULL,
	action       text    NOT NULL CHECK (action IN ('delete', 'change', 'insert')),
	columns      name[]  NOT NULL,
	keys         integer,
	rule         text,
	row_count    integer NOT NULL,
	row_values   text[]  NOT NULL
);
-- Compressing takes longer than all else of archiving, but not so where the server has lz4.
DO $$
BEGIN
	ALTER TABLE missing_photos.archived_rows ALTER COLUMN row_values SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
	NULL;
END
$$;
CREATE INDEX archived_rows_job ON missing_photos.archived_rows (job_id, id);
COMMENT ON TABLE missing_photos.archived_rows IS
	'rows that a deletion took, changed or added, in the order in which it did';
COMMENT ON COLUMN missing_photos.archived_rows.columns IS
	'what row_values holds: of a changed row its key (keys columns), then what was changed, old values and then new ones';
COMMENT ON COLUMN missing_photos.archived_rows.rule IS
	'the preset''s rule that changed these rows; none: a foreign key';

CREATE TABLE missing_photos.archived_loss (
	archived_by uuid NOT NULL,
	loss        missing_photos.loss NOT NULL
);
CREATE INDEX archived_loss_job ON missing_photos.archived_loss (archived_by);
COMMENT ON TABLE missing_photos.archived_loss IS
	'what was known of the lost files of deleted photos';

-- Each batch notes its keys together: one by one they would take longer to note than to settle.
CREATE TABLE missing_photos.unsettled (
	owner  text   NOT NULL,
	job_id uuid   NOT NULL,
	rule   text   NOT NULL,
	keys   text[] NOT NULL
);
CREATE INDEX unsettled_rule ON missing_photos.unsettled (owner, job_id, rule);
COMMENT ON TABLE missing_photos.unsettled IS
	'rows from which a deletion took something and whose counters, covers and the like are yet to be brought in line';

SELECT pg_catalog.pg_extension_config_dump('missing_photos.archive', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.archived_rows', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.archived_rows_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.archived_loss', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.unsettled', '');

-- In PL/pgSQL, which keeps its plan: a batch calls this for each of its statements.
CREATE FUNCTION missing_photos.keep_rows(
	job_id uuid, relation oid, action text, columns text[], keys integer, rule text,
	row_count integer, row_values text[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO missing_photos.archived_rows
		(job_id, table_schema, table_name, action, columns, keys, rule, row_count, row_values)
	SELECT keep_rows.job_id, space.nspname, class.relname, keep_rows.action,
	       keep_rows.columns::name[], keep_rows.keys, keep_rows.rule, keep_rows.row_count,
	       keep_rows.row_values
	  FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
	 WHERE class.oid = keep_rows.relation;
END
$$;
COMMENT ON FUNCTION missing_photos.keep_rows IS 'archives rows that a statement took or changed';

CREATE FUNCTION missing_photos.keep_archive(
	job_id uuid, owner text, role name, photos bigint, files bigint, rows bigint)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.archive AS kept (job_id, owner, role, photos, files, rows)
	VALUES (keep_archive.job_id, keep_archive.owner, keep_archive.role, keep_archive.photos,
	        keep_archive.files, keep_archive.rows)
	ON CONFLICT ON CONSTRAINT archive_pkey DO UPDATE
	   SET photos = kept.photos + excluded.photos, files = kept.files + excluded.files,
	       rows = kept.rows + excluded.rows, deleted_at = excluded.deleted_at
$$;
COMMENT ON FUNCTION missing_photos.keep_archive IS 'counts what a job deleted';

CREATE FUNCTION missing_photos.note_touched(job_id uuid, owner text, rule text, keys text[])
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO missing_photos.unsettled (owner, job_id, rule, keys)
	VALUES (note_touched.owner, note_touched.job_id, note_touched.rule, note_touched.keys);
END
$$;
COMMENT ON FUNCTION missing_photos.note_touched IS
	'notes rows whose counters and the like a deletion touched';

CREATE FUNCTION missing_photos.forget_settled(
	job_id uuid, owner text, rule text, held text[], there text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What is there and could not be held waits for another time.
	DELETE FROM missing_photos.unsettled AS u
	 WHERE u.owner = forget_settled.owner AND u.job_id = forget_settled.job_id
	   AND u.rule = forget_settled.rule;
	INSERT INTO missing_photos.unsettled (owner, job_id, rule, keys)
	SELECT forget_settled.owner, forget_settled.job_id, forget_settled.rule, left_over.keys
	  FROM (SELECT ARRAY(SELECT unnest(there) EXCEPT SELECT unnest(held)) AS keys) AS left_over
	 WHERE cardinality(left_over.keys) > 0
$$;
COMMENT ON FUNCTION missing_photos.forget_settled IS 'forgets rows that are in line again';

CREATE FUNCTION missing_photos.forget_deleted(job_id uuid, photos text[], files text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A loss is kept with the archive: after undo_delete its file can still come back.
	WITH gone AS (
		DELETE FROM missing_photos.loss AS lost
		 WHERE lost.photo = ANY (photos) OR lost.file = ANY (files)
		RETURNING lost
	)
	INSERT INTO missing_photos.archived_loss (archived_by, loss)
	SELECT forget_deleted.job_id, gone.lost FROM gone;
	DELETE FROM missing_photos.absence AS a WHERE a.photo = ANY (photos) OR a.file = ANY (files);
	DELETE FROM missing_photos.file_doubt AS d WHERE d.photo = ANY (photos) OR d.file = ANY (files);
$$;
COMMENT ON FUNCTION missing_photos.forget_deleted IS
	'forgets what was noted of files and photos that are deleted now';

-- sql/internal/references.sql

-- What references a table's rows, read from the catalog each time: the application's migrations and
-- other people's tables are seen without attaching again.

CREATE FUNCTION missing_photos.type_name(type oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%I.%I', space.nspname, t.typname)
	  FROM pg_type AS t JOIN pg_namespace AS space ON space.oid = t.typnamespace
	 WHERE t.oid = type_name.type
$$;
COMMENT ON FUNCTION missing_photos.type_name IS
	'a type''s name with its schema and without a modifier, as a cast may use it whatever search_path is';

CREATE FUNCTION missing_photos.relation_name(relation oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%I.%I', space.nspname, class.relname)
	  FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
	 WHERE class.oid = relation_name.relation
$$;
COMMENT ON FUNCTION missing_photos.relation_name IS 'a table''s name with its schema, quoted';

CREATE FUNCTION missing_photos.relation_source(relation oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Foreign keys hold for a table's own rows, so tables that inherit have their own step.
	SELECT CASE class.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END
	       || missing_photos.relation_name(class.oid)
	  FROM pg_class AS class WHERE class.oid = relation_source.relation
$$;
COMMENT ON FUNCTION missing_photos.relation_source IS
	'a table in a FROM clause: with its partitions, without tables that inherit from it';

CREATE FUNCTION missing_photos.stored_columns(relation oid)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(attribute.attname ORDER BY attribute.attnum)
	  FROM pg_attribute AS attribute
	 WHERE attribute.attrelid = stored_columns.relation AND attribute.attnum > 0
	   AND NOT attribute.attisdropped AND attribute.attgenerated = ''
$$;
COMMENT ON FUNCTION missing_photos.stored_columns IS 'a table''s columns but for generated ones';

CREATE FUNCTION missing_photos.row_key(relation oid)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The primary key, else a unique index over columns that are never NULL, else the whole row.
	SELECT COALESCE(
		(SELECT (SELECT array_agg(attribute.attname ORDER BY part.place)
		           FROM unnest(index.indkey::smallint[]) WITH ORDINALITY AS part (attnum, place)
		           JOIN pg_attribute AS attribute
		             ON attribute.attrelid = index.indrelid AND attribute.attnum = part.attnum
		          WHERE part.place <= index.indnkeyatts)
		   FROM pg_index AS index
		  WHERE index.indrelid = row_key.relation AND index.indisunique AND index.indisvalid
		    AND index.indpred IS NULL AND index.indexprs IS NULL
		    AND NOT EXISTS (
		        SELECT FROM unnest(index.indkey::smallint[]) WITH ORDINALITY AS part (attnum, place)
		          JOIN pg_attribute AS attribute
		            ON attribute.attrelid = index.indrelid AND attribute.attnum = part.attnum
		         WHERE part.place <= index.indnkeyatts
		           AND (NOT attribute.attnotnull OR attribute.attgenerated <> ''))
		  ORDER BY index.indisprimary DESC, index.indnkeyatts, index.indexrelid
		  LIMIT 1),
		missing_photos.stored_columns(row_key.relation))
$$;
COMMENT ON FUNCTION missing_photos.row_key IS 'columns that tell a table''s rows apart';

-- The partitioned table a partition belongs to, else the table itself.
CREATE FUNCTION missing_photos.whole_table(relation oid)
RETURNS oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN class.relispartition THEN pg_partition_root(class.oid::regclass)::oid
	            ELSE class.oid END
	  FROM pg_class AS class WHERE class.oid = whole_table.relation
$$;
COMMENT ON FUNCTION missing_photos.whole_table IS
	'the partitioned table a partition belongs to, else the table itself';

CREATE FUNCTION missing_photos.inheriting_tables(relation oid)
RETURNS SETOF oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The table itself and those that inherit from it; partitions belong to their table.
	WITH RECURSIVE tree (relation) AS (
		SELECT inheriting_tables.relation
		UNION
		SELECT link.inhrelid
		  FROM tree
		  JOIN pg_inherits AS link ON link.inhparent = tree.relation
		  JOIN pg_class AS class ON class.oid = link.inhrelid AND NOT class.relispartition
	)
	SELECT tree.relation FROM tree
$$;
COMMENT ON FUNCTION missing_photos.inheriting_tables IS
	'a table and the tables that inherit from it';

CREATE FUNCTION missing_photos.references_to(relation oid)
RETURNS TABLE (
	con oid, child oid, partitions oid[], parent_columns name[], child_columns name[],
	parent_types text[], operators text[], nullable name[], rule "char", set_columns name[],
	match_full boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- A foreign key of a partition's own holds for that partition alone. What a partitioned table's
	-- foreign key made for its partitions (conparentid) is the same key again.
	RETURN QUERY
	WITH con AS MATERIALIZED (
		SELECT k.*
		  FROM pg_constraint AS k
		 WHERE k.contype = 'f' AND k.conparentid = 0
		   AND k.confrelid = ANY (ARRAY(
		       SELECT tree.relid::oid FROM pg_partition_tree(references_to.relation) AS tree
		       UNION SELECT references_to.relation))
	)
	SELECT con.oid, missing_photos.whole_table(holder.relation),
	       CASE WHEN class.relispartition
	            THEN ARRAY(SELECT leaf.relid::oid FROM pg_partition_tree(class.oid) AS leaf
	                        WHERE leaf.isleaf) END,
	       part.parent_columns, part.child_columns, part.parent_types, part.operators,
	       part.nullable, con.confdeltype,
	       -- PostgreSQL 15 can name the columns that SET NULL and SET DEFAULT mean.
	       COALESCE((SELECT array_agg(attribute.attname ORDER BY chosen.place)
	                   FROM jsonb_array_elements_text(
	                            CASE jsonb_typeof(to_jsonb(con) -> 'confdelsetcols')
	                            WHEN 'array' THEN to_jsonb(con) -> 'confdelsetcols' ELSE '[]' END)
	                        WITH ORDINALITY AS chosen (attnum, place)
	                   JOIN pg_attribute AS attribute
	                     ON attribute.attrelid = con.conrelid
	                    AND attribute.attnum = chosen.attnum::smallint),
	                part.child_columns),
	       con.confmatchtype = 'f'
	  FROM con
	  JOIN pg_class AS class ON class.oid = con.conrelid
	 CROSS JOIN LATERAL missing_photos.inheriting_tables(con.conrelid) AS holder (relation)
	 CROSS JOIN LATERAL (
		SELECT array_agg(parent.attname ORDER BY pair.place) AS parent_columns,
		       array_agg(child.attname ORDER BY pair.place) AS child_columns,
		       array_agg(missing_photos.type_name(parent.atttypid) ORDER BY pair.place)
		           AS parent_types,
		       array_agg(format('OPERATOR(%I.%s)', space.nspname, operator.oprname)
		                 ORDER BY pair.place) AS operators,
		       array_agg(child.attname ORDER BY pair.place)
		           FILTER (WHERE NOT child.attnotnull AND NOT type.typnotnull
		                     AND child.attgenerated = '') AS nullable
		  FROM unnest(con.confkey, con.conkey, con.conpfeqop)
		       WITH ORDINALITY AS pair (parent_attnum, child_attnum, operator, place)
		  JOIN pg_attribute AS parent
		    ON parent.attrelid = con.confrelid AND parent.attnum = pair.parent_attnum
		  JOIN pg_attribute AS child
		    ON child.attrelid = con.conrelid AND child.attnum = pair.child_attnum
		  JOIN pg_type AS type ON type.oid = child.atttypid
		  JOIN pg_operator AS operator ON operator.oid = pair.operator
		  JOIN pg_namespace AS space ON space.oid = operator.oprnamespace
	  ) AS part
	 ORDER BY 2, con.conname COLLATE "C", holder.relation;
END
$$;
COMMENT ON FUNCTION missing_photos.references_to IS
	'the foreign keys that reference a table or its partitions, with what they say of deleting';

-- sql/internal/deletion_edges.sql

-- The ways a deletion goes: from a table's rows to those that reference them, at any depth, and what
-- becomes of these. An edge is a foreign key, seen by what it says of deleting.

CREATE TYPE missing_photos.deletion_edge AS (
	parent         oid,
	child          oid,
	partitions     oid[],
	parent_columns name[],
	child_columns  name[],
	parent_types   text[],
	operators      text[],
	action         text,
	set_columns    name[],
	instead        text
);
COMMENT ON TYPE missing_photos.deletion_edge IS
	'a foreign key, and what becomes of the rows that reference deleted ones: delete, set null, set default or check (there must be none); instead: what a row t can reference instead, {keys} being what goes';

-- What is to be done with rows that reference deleted ones. A root's own rows never go along: a photo
-- that references a missing one stays.
CREATE FUNCTION missing_photos.edge_action(
	rule "char", told text, nullable name[], set_columns name[], match_full boolean,
	columns integer, stays boolean, OUT action text, OUT changed name[])
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH can AS (
		SELECT ARRAY(SELECT c FROM unnest(set_columns) AS c WHERE c = ANY (nullable)) AS chosen,
		       nullable IS NOT NULL AND (NOT match_full OR cardinality(nullable) = columns) AS null
	)
	SELECT CASE
	       WHEN told = 'delete' AND NOT stays THEN 'delete'
	       WHEN rule = 'd' AND told IS NULL THEN 'set default'
	       WHEN rule = 'c' AND told IS NULL AND NOT stays THEN 'delete'
	       WHEN can.null THEN 'set null'
	       WHEN stays THEN 'check'
	       ELSE 'delete' END,
	       CASE WHEN rule = 'd' AND told IS NULL THEN set_columns
	            WHEN rule = 'n' AND cardinality(can.chosen) > 0 THEN can.chosen
	            ELSE nullable END
	  FROM can
$$;
COMMENT ON FUNCTION missing_photos.edge_action IS
	'what becomes of rows that reference deleted ones, and the columns that are set';

CREATE FUNCTION missing_photos.deletion_edges(root oid, stay oid[], mapping jsonb)
RETURNS missing_photos.deletion_edge[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	seen oid[] := ARRAY[root];
	edges missing_photos.deletion_edge[] := '{}';
	found record;
	place integer := 1;
BEGIN
	WHILE place <= cardinality(seen) LOOP
		FOR found IN
			SELECT r.*, a.action, a.changed
			  FROM missing_photos.references_to(seen[place]) AS r
			  JOIN pg_class AS class ON class.oid = r.child
			  JOIN pg_namespace AS space ON space.oid = class.relnamespace
			 CROSS JOIN LATERAL missing_photos.edge_action(r.rule,
			           CASE WHEN space.nspname = mapping ->> 'schema'
			                THEN mapping #>> ARRAY['deletion', 'references', class.relname || '.'
			                     || array_to_string(r.child_columns, ',')] END,
			           r.nullable, r.set_columns, r.match_full, cardinality(r.child_columns),
			           r.child = ANY (stay)) AS a
		LOOP
			edges := edges || ROW(seen[place], found.child, found.partitions, found.parent_columns,
				found.child_columns, found.parent_types, found.operators, found.action,
				found.changed, CASE WHEN found.action = 'delete' THEN missing_photos.edge_instead(
					found.child, found.child_columns, mapping) END)::missing_photos.deletion_edge;
			IF found.action = 'delete' AND NOT found.child = ANY (seen) THEN
				seen := seen || found.child;
			END IF;
		END LOOP;
		place := place + 1;
	END LOOP;
	RETURN edges;
END
$$;
COMMENT ON FUNCTION missing_photos.deletion_edges IS
	'the foreign keys by which a deletion goes on from a table, at any depth';

CREATE FUNCTION missing_photos.deletion_depths(
	root oid, edges missing_photos.deletion_edge[], OUT relation oid, OUT depth integer)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	depths jsonb := jsonb_build_object(root::text, 0);
	edge missing_photos.deletion_edge;
	deeper boolean := true;
	rounds integer := 0;
BEGIN
	-- The longest way from the root. Tables that reference each other in a circle would never end;
	-- no way is longer than there are keys.
	WHILE deeper AND rounds <= cardinality(edges) LOOP
		deeper := false;
		FOREACH edge IN ARRAY edges LOOP
			CONTINUE WHEN edge.action <> 'delete' OR edge.child = edge.parent
				OR NOT depths ? edge.parent::text;
			IF COALESCE((depths ->> edge.child::text)::integer, -1)
				<= (depths ->> edge.parent::text)::integer
			THEN
				depths := depths || jsonb_build_object(edge.child::text,
					(depths ->> edge.parent::text)::integer + 1);
				deeper := true;
			END IF;
		END LOOP;
		rounds := rounds + 1;
	END LOOP;
	RETURN QUERY SELECT e.key::oid, e.value::integer FROM jsonb_each_text(depths) AS e;
END
$$;
COMMENT ON FUNCTION missing_photos.deletion_depths IS
	'the tables whose rows a deletion takes, and how far each is from its root';

-- "e(k1, k2) in these arrays, and what of t references them". parameter: the first one's number.
CREATE FUNCTION missing_photos.edge_keys(edge missing_photos.deletion_edge, parameter integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('ROWS FROM (%s) AS e (%s)',
	           string_agg(format('pg_catalog.unnest($%s::%s[])', parameter + part.place - 1,
	                             part.type), ', ' ORDER BY part.place),
	           string_agg('k' || part.place, ', ' ORDER BY part.place))
	  FROM unnest(edge.parent_types) WITH ORDINALITY AS part (type, place)
$$;
COMMENT ON FUNCTION missing_photos.edge_keys IS 'the keys of deleted rows as a FROM item';

-- What row t can reference instead, NULL where there is nothing.
CREATE FUNCTION missing_photos.edge_other(edge missing_photos.deletion_edge, parameter integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT '(' || replace(edge.instead, '{keys}',
	                      format('$%s::%s[]', parameter, edge.parent_types[1])) || ')'
$$;
COMMENT ON FUNCTION missing_photos.edge_other IS 'the value of what row t references instead';

CREATE FUNCTION missing_photos.edge_condition(
	edge missing_photos.deletion_edge, parameter integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('e.k%s %s t.%I', part.place, part.operator, part.name), ' AND '
	                  ORDER BY part.place)
	       || CASE WHEN edge.instead IS NULL THEN ''
	               ELSE ' AND ' || missing_photos.edge_other(edge, parameter) || ' IS NULL' END
	       || CASE WHEN edge.partitions IS NULL THEN ''
	               ELSE format(' AND t.tableoid OPERATOR(pg_catalog.=) ANY (%L::pg_catalog.oid[])',
	                           edge.partitions) END
	  FROM unnest(edge.child_columns, edge.operators) WITH ORDINALITY AS part (name, operator, place)
$$;
COMMENT ON FUNCTION missing_photos.edge_condition IS 'whether row t references one of the keys e';

CREATE FUNCTION missing_photos.edge_source(edge missing_photos.deletion_edge)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('FROM %s AS t, %s WHERE %s', missing_photos.relation_source(edge.child),
	              missing_photos.edge_keys(edge, 1), missing_photos.edge_condition(edge, 1))
$$;
COMMENT ON FUNCTION missing_photos.edge_source IS 'the rows t that reference deleted ones';

-- sql/internal/deletion_plan.sql

-- The plan of a deletion: which statements, in which order, take some rows of a table and all that
-- depends on them. It names no application: what a foreign key says is read from the catalog, and
-- where that can't tell, the preset's mapping does (key "deletion", see docs/deleting.md).
--
-- Keys travel as text arrays, cast in the statements, so that indexes are used. Statements run with
-- the caller's rights and search_path: every name in them has its schema.

CREATE TYPE missing_photos.deletion_step AS (
	kind         text,
	node         integer,
	relation     oid,
	columns      name[],
	keys         integer,
	param_nodes  integer[],
	param_keys   integer[],
	statement    text,
	action       text,
	touch_rules  text[],
	touch_places integer[],
	look         text
);
COMMENT ON TYPE missing_photos.deletion_step IS
	'a statement of a deletion; its parameters are columns of the keys collected for a node, or (node -1) the keys given, or (-2) the owner';

CREATE FUNCTION missing_photos.edge_statement(
	edge missing_photos.deletion_edge, columns name[])
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	source text := missing_photos.relation_source(edge.child);
	keys text := missing_photos.edge_keys(edge, 1);
	condition text := missing_photos.edge_condition(edge, 1);
BEGIN
	IF edge.action = 'check' THEN
		RETURN format('SELECT 1 %s LIMIT 1', missing_photos.edge_source(edge));
	ELSIF edge.action = 'delete' THEN
		RETURN format('DELETE FROM %s AS t USING %s WHERE %s RETURNING %s', source, keys, condition,
			(SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
			   FROM unnest(columns) WITH ORDINALITY AS c (c, n)));
	END IF;
	-- The rows are locked as they are, so that what is kept of them is what they lose.
	RETURN format('WITH old AS MATERIALIZED (SELECT t.tableoid AS home, t.ctid AS place, %s'
		|| ' FROM %s AS t, %s WHERE %s FOR NO KEY UPDATE OF t)'
		|| ' UPDATE %s AS t SET %s FROM old'
		|| ' WHERE t.ctid OPERATOR(pg_catalog.=) old.place'
		|| ' AND t.tableoid OPERATOR(pg_catalog.=) old.home RETURNING %s, %s, %s',
		(SELECT string_agg(format('t.%I AS o%s', c, n), ', ' ORDER BY n)
		   FROM unnest(edge.set_columns) WITH ORDINALITY AS c (c, n)),
		source, keys, condition, source,
		(SELECT string_agg(format('%I = %s', c,
		            CASE edge.action WHEN 'set null' THEN 'NULL' ELSE 'DEFAULT' END), ', ')
		   FROM unnest(edge.set_columns) AS c),
		(SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
		   FROM unnest(columns) WITH ORDINALITY AS c (c, n)),
		(SELECT string_agg(format('old.o%s', n), ', ' ORDER BY n)
		   FROM generate_subscripts(edge.set_columns, 1) AS n),
		(SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
		   FROM unnest(edge.set_columns) WITH ORDINALITY AS c (c, n)));
END
$$;
COMMENT ON FUNCTION missing_photos.edge_statement IS
	'deletes or changes the rows that reference deleted ones, and returns what they were';

-- Rows t that reference what goes and have something else to reference.
CREATE FUNCTION missing_photos.replace_source(edge missing_photos.deletion_edge)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('FROM %s AS t WHERE t.%I OPERATOR(pg_catalog.=) ANY ($1::%s[]) AND %s IS NOT NULL',
	              missing_photos.relation_source(edge.child), edge.child_columns[1],
	              edge.parent_types[1], missing_photos.edge_other(edge, 1))
$$;
COMMENT ON FUNCTION missing_photos.replace_source IS
	'the rows that reference something else from now on, as a FROM clause';

CREATE FUNCTION missing_photos.replace_statement(edge missing_photos.deletion_edge, row_key name[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('WITH old AS MATERIALIZED (SELECT t.tableoid AS home, t.ctid AS place, t.%1$I AS old,'
		|| ' %2$s AS new %3$s FOR UPDATE OF t)'
		|| ' UPDATE %4$s AS t SET %1$I = old.new FROM old'
		|| ' WHERE t.ctid OPERATOR(pg_catalog.=) old.place'
		|| ' AND t.tableoid OPERATOR(pg_catalog.=) old.home RETURNING %5$s, old.old, t.%1$I',
		edge.child_columns[1], missing_photos.edge_other(edge, 1),
		missing_photos.replace_source(edge), missing_photos.relation_source(edge.child),
		(SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
		   FROM unnest(row_key) WITH ORDINALITY AS c (c, n)))
$$;
COMMENT ON FUNCTION missing_photos.replace_statement IS
	'has rows reference something else instead of what goes, and returns what they were';

-- The root's keys are given as one column; what references it may want others.
CREATE FUNCTION missing_photos.deletion_plan(
	root oid, key_column name, owner_column name, stay oid[], mapping jsonb)
RETURNS SETOF missing_photos.deletion_step
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	edges missing_photos.deletion_edge[] :=
		missing_photos.deletion_edges(root, stay, mapping);
	tables oid[];
	node_keys jsonb := '{}';
	given text;
	types text[];
BEGIN
	SELECT array_agg(d.relation ORDER BY d.depth, d.relation) INTO tables
	  FROM missing_photos.deletion_depths(root, edges) AS d;
	SELECT COALESCE(jsonb_object_agg(k.parent, k.columns), '{}') INTO node_keys
	  FROM (SELECT c.parent, jsonb_agg(DISTINCT c.name) AS columns
	          FROM (SELECT e.parent, unnest(e.parent_columns) AS name FROM unnest(edges) AS e) AS c
	         GROUP BY c.parent) AS k;
	-- Where nothing but the keys given is wanted of the root, they are at hand.
	IF node_keys -> root::text = jsonb_build_array(key_column) THEN
		node_keys := node_keys - root::text;
	END IF;
	SELECT array_agg(missing_photos.type_name(a.atttypid) ORDER BY w.place) INTO types
	  FROM unnest(ARRAY[key_column, owner_column]) WITH ORDINALITY AS w (name, place)
	  JOIN pg_attribute AS a ON a.attrelid = root AND a.attname = w.name;
	given := format('t.%I OPERATOR(pg_catalog.=) ANY ($1::%s[])', key_column, types[1])
		|| CASE WHEN owner_column IS NULL THEN '' ELSE format(
			' AND t.%I OPERATOR(pg_catalog.=) $2::%s', owner_column, types[2]) END;

	-- First of all, rows let go of what goes where they have something else to reference.
	RETURN QUERY
	SELECT 'replace', NULL::integer, (f.e).child, r.columns || (f.e).child_columns,
	       cardinality(r.columns), '{-1}'::integer[], '{0}'::integer[],
	       missing_photos.replace_statement(f.e, r.columns),
	       format('set %s', (f.e).child_columns[1]), NULL::text[], NULL::integer[],
	       missing_photos.replace_source(f.e)
	  FROM (SELECT edges[n] AS e, n FROM generate_subscripts(edges, 1) AS n) AS f
	 CROSS JOIN LATERAL (SELECT missing_photos.row_key((f.e).child) AS columns) AS r
	 WHERE (f.e).instead IS NOT NULL AND (f.e).parent = root
	   AND (f.e).parent_columns = ARRAY[key_column]
	 ORDER BY f.n;

	-- Keys, from the root down.
	RETURN QUERY
	SELECT 'collect', (n.node - 1)::integer, n.relation,
	       ARRAY(SELECT jsonb_array_elements_text(node_keys -> n.relation::text))::name[],
	       NULL::integer, s.param_nodes, s.param_keys, s.statement, NULL::text, NULL::text[],
	       NULL::integer[], NULL::text
	  FROM unnest(tables) WITH ORDINALITY AS n (relation, node)
	 CROSS JOIN LATERAL missing_photos.collect_statement(
	           n.relation, root, edges, tables, node_keys, given, owner_column IS NOT NULL) AS s
	 WHERE node_keys ? n.relation::text
	 ORDER BY n.node;

	RETURN QUERY SELECT i.* FROM missing_photos.deletion_inserts(root, owner_column, mapping) AS i;

	-- References are let go first; then rows go, those furthest from the root before the others, so
	-- that each check finds nothing.
	RETURN QUERY
	SELECT CASE (f.e).action WHEN 'delete' THEN 'delete' WHEN 'check' THEN 'check' ELSE 'change' END,
	       array_position(tables, (f.e).child) - 1, (f.e).child,
	       CASE WHEN (f.e).action = 'delete' THEN c.columns ELSE c.columns || (f.e).set_columns END,
	       CASE WHEN (f.e).action LIKE 'set %' THEN cardinality(c.columns) END,
	       p.nodes, p.keys, missing_photos.edge_statement(f.e, c.columns), (f.e).action,
	       touch.rules, touch.places, NULL::text
	  FROM (SELECT edges[n] AS e, n FROM generate_subscripts(edges, 1) AS n) AS f
	 CROSS JOIN LATERAL (SELECT CASE (f.e).action
	           WHEN 'delete' THEN missing_photos.stored_columns((f.e).child)
	           ELSE missing_photos.row_key((f.e).child) END AS columns) AS c
	 CROSS JOIN LATERAL missing_photos.edge_parameters(
	           (f.e).parent, (f.e).parent_columns, tables, node_keys) AS p
	 CROSS JOIN LATERAL missing_photos.touched_by((f.e).child,
	           CASE WHEN (f.e).action = 'delete' THEN c.columns END, mapping) AS touch
	  LEFT JOIN missing_photos.deletion_depths(root, edges) AS d ON d.relation = (f.e).child
	 ORDER BY (f.e).action = 'delete', d.depth DESC, (f.e).child,
	          (f.e).parent = (f.e).child DESC, f.n;

	-- Where rows are, without the first words of a statement: what the caller can't see may still be
	-- there, and then nothing may go; the preview counts by the same.
	RETURN QUERY
	SELECT 'guard', NULL::integer, (f.e).child, touch.columns, NULL::integer, p.nodes, p.keys,
	       missing_photos.edge_source(f.e), (f.e).action, touch.labels, NULL::integer[],
	       NULL::text
	  FROM (SELECT edges[n] AS e, n FROM generate_subscripts(edges, 1) AS n) AS f
	 CROSS JOIN LATERAL missing_photos.edge_parameters(
	           (f.e).parent, (f.e).parent_columns, tables, node_keys) AS p
	 CROSS JOIN LATERAL missing_photos.preview_touched((f.e).child, (f.e).action, mapping) AS touch
	 ORDER BY f.n;

	RETURN QUERY
	SELECT 'delete', 0, root, s.columns, NULL::integer,
	       CASE WHEN owner_column IS NULL THEN '{-1}' ELSE '{-1,-2}' END::integer[],
	       CASE WHEN owner_column IS NULL THEN '{0}' ELSE '{0,0}' END::integer[],
	       format('DELETE FROM %s AS t WHERE %s RETURNING %s',
	              missing_photos.relation_source(root), given,
	              (SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
	                 FROM unnest(s.columns) WITH ORDINALITY AS c (c, n))),
	       'delete', touch.rules, touch.places,
	       format('FROM %s AS t WHERE %s', missing_photos.relation_source(root), given)
	  FROM (SELECT missing_photos.stored_columns(root) AS columns) AS s
	 CROSS JOIN LATERAL missing_photos.touched_by(root, s.columns, mapping) AS touch;
END
$$;
COMMENT ON FUNCTION missing_photos.deletion_plan IS
	'the statements that delete rows of a table and what depends on them, in order';

CREATE FUNCTION missing_photos.edge_parameters(
	parent oid, columns name[], tables oid[], node_keys jsonb,
	OUT nodes integer[], OUT keys integer[])
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(CASE WHEN node_keys ? parent::text THEN array_position(tables, parent) - 1
	                      ELSE -1 END),
	       array_agg(COALESCE((SELECT k.place - 1
	                    FROM jsonb_array_elements_text(node_keys -> parent::text)
	                         WITH ORDINALITY AS k (name, place)
	                   WHERE k.name = c.name), 0)::integer ORDER BY c.place)
	  FROM unnest(columns) WITH ORDINALITY AS c (name, place)
$$;
COMMENT ON FUNCTION missing_photos.edge_parameters IS
	'where a step finds the keys of the rows it follows';

CREATE FUNCTION missing_photos.collect_statement(
	relation oid, root oid, edges missing_photos.deletion_edge[], tables oid[], node_keys jsonb,
	given text, of_owner boolean,
	OUT statement text, OUT param_nodes integer[], OUT param_keys integer[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	columns text := (SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
	                   FROM jsonb_array_elements_text(node_keys -> relation::text)
	                        WITH ORDINALITY AS c (c, n));
	edge missing_photos.deletion_edge;
	more record;
BEGIN
	IF relation = root THEN
		statement := format('SELECT %s FROM %s AS t WHERE %s', columns,
			missing_photos.relation_source(relation), given);
		param_nodes := CASE WHEN of_owner THEN '{-1,-2}' ELSE '{-1}' END;
		param_keys := CASE WHEN of_owner THEN '{0,0}' ELSE '{0}' END;
		RETURN;
	END IF;
	FOREACH edge IN ARRAY edges LOOP
		CONTINUE WHEN edge.child <> relation OR edge.action <> 'delete';
		statement := concat_ws(' UNION ', statement, format('SELECT %s FROM %s AS t, %s WHERE %s',
			columns, missing_photos.relation_source(relation),
			missing_photos.edge_keys(edge, COALESCE(cardinality(param_nodes), 0) + 1),
			missing_photos.edge_condition(edge, COALESCE(cardinality(param_nodes), 0) + 1)));
		more := missing_photos.edge_parameters(edge.parent, edge.parent_columns, tables, node_keys);
		param_nodes := param_nodes || more.nodes;
		param_keys := param_keys || more.keys;
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.collect_statement IS
	'fetches the keys of the rows that go, for what references them';

-- sql/internal/deletion_rules.sql

-- A preset's rules in a deletion's plan: what is derived from rows that go, and what is left in their
-- place (see sql/library/deletion_librephotos.sql).

-- Done once for a plan: many steps ask for the rules, and for the names to fill in. Versions of an
-- application are told apart by the columns they have. "touched" gathers, for each "table.column", the
-- rules that look at it.
CREATE FUNCTION missing_photos.mapping_at_hand(mapping jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	deletion jsonb := COALESCE(mapping -> 'deletion', '{}');
	have text[];
BEGIN
	SELECT COALESCE(array_agg(wanted.name), '{}') INTO have
	  FROM (SELECT DISTINCT jsonb_array_elements_text(
	                   COALESCE(rule -> 'needs', '[]') || COALESCE(rule -> 'unless', '[]'))
	          FROM jsonb_path_query(deletion, '$.*[*] ? (exists(@.needs) || exists(@.unless))')
	               AS rule) AS wanted (name)
	 WHERE missing_photos.has_column(mapping ->> 'schema', wanted.name);
	SELECT deletion || COALESCE(jsonb_object_agg(kind.name, kind.rules), '{}') INTO deletion
	  FROM (SELECT kind.name, COALESCE(jsonb_agg(rule.value ORDER BY rule.ordinality), '[]') AS rules
	          FROM (VALUES ('rules'), ('traces'), ('instead')) AS kind (name)
	          LEFT JOIN LATERAL jsonb_array_elements(deletion -> kind.name) WITH ORDINALITY AS rule
	            ON ARRAY(SELECT jsonb_array_elements_text(rule.value -> 'needs')) <@ have
	           AND NOT ARRAY(SELECT jsonb_array_elements_text(rule.value -> 'unless')) && have
	         GROUP BY kind.name) AS kind;
	RETURN mapping || jsonb_build_object('names', missing_photos.table_names(mapping),
		'deletion', deletion || jsonb_build_object('touched', (
			SELECT COALESCE(jsonb_object_agg(t.place, t.rules), '{}')
			  FROM (SELECT touched.place, jsonb_agg(rule.value -> 'name' ORDER BY rule.ordinality) AS rules
			          FROM jsonb_array_elements(deletion -> 'rules') WITH ORDINALITY AS rule
			         CROSS JOIN LATERAL jsonb_array_elements_text(rule.value -> 'touched') AS touched (place)
			         GROUP BY touched.place) AS t)));
END
$$;
COMMENT ON FUNCTION missing_photos.mapping_at_hand IS
	'the mapping with the deletion''s rules and traces that are for the layout at hand, and the names that fill its templates';

-- Which of a table's columns tell whose counters, covers or albums need another look. In PL/pgSQL, as
-- all that a plan asks for each of its tables: its queries are planned once.
CREATE FUNCTION missing_photos.touched_by(
	relation oid, columns name[], mapping jsonb, OUT rules text[], OUT places integer[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT array_agg(rule.name), array_agg(c.place::integer - 1) INTO rules, places
	  FROM pg_class AS class
	  JOIN pg_namespace AS space
	    ON space.oid = class.relnamespace AND space.nspname = mapping ->> 'schema'
	 CROSS JOIN LATERAL unnest(columns) WITH ORDINALITY AS c ("column", place)
	 CROSS JOIN LATERAL jsonb_array_elements_text(
	           mapping #> ARRAY['deletion', 'touched', class.relname || '.' || c.column]) AS rule (name)
	 WHERE class.oid = touched_by.relation;
END
$$;
COMMENT ON FUNCTION missing_photos.touched_by IS
	'which rules of the preset look at rows that a deletion took from a table';

-- The same for the preview: columns to count by, and what it says of them.
CREATE FUNCTION missing_photos.preview_touched(
	relation oid, action text, mapping jsonb, OUT columns name[], OUT labels text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	stored name[] := missing_photos.stored_columns(preview_touched.relation);
BEGIN
	columns := '{}';
	labels := '{}';
	IF action = 'delete' THEN
		SELECT COALESCE(array_agg(stored[touch.place + 1] ORDER BY touch.n), '{}'),
		       COALESCE(array_agg(format(E'%I.%I\n%s', mapping ->> 'schema',
		                    COALESCE(rule.value ->> 'into', rule.value ->> 'table'),
		                    CASE WHEN rule.value ? 'into' THEN 'insert'
		                         WHEN rule.value ? 'column' THEN 'set ' || (rule.value ->> 'column')
		                         ELSE 'delete if empty' END) ORDER BY touch.n), '{}')
		  INTO columns, labels
		  FROM missing_photos.touched_by(preview_touched.relation, stored, mapping) AS t
		 CROSS JOIN LATERAL unnest(t.rules, t.places) WITH ORDINALITY AS touch (rule, place, n)
		  JOIN LATERAL jsonb_array_elements(mapping #> '{deletion,rules}') AS rule
		    ON rule.value ->> 'name' = touch.rule;
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.preview_touched IS
	'what the preset''s rules would look at when rows of a table go';

CREATE FUNCTION missing_photos.has_column(schema_name text, table_and_column text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM pg_attribute AS a
		  JOIN pg_class AS class ON class.oid = a.attrelid
		  JOIN pg_namespace AS space ON space.oid = class.relnamespace
		 WHERE space.nspname = schema_name
		   AND class.relname = split_part(table_and_column, '.', 1)
		   AND a.attname = split_part(table_and_column, '.', 2)
		   AND a.attnum > 0 AND NOT a.attisdropped)
$$;
COMMENT ON FUNCTION missing_photos.has_column IS 'whether a schema has this "table.column"';

CREATE FUNCTION missing_photos.rule_statement(template text, mapping jsonb, keys text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_fill(template, (mapping -> 'names')
		|| jsonb_build_object('schema', quote_ident(mapping ->> 'schema'), 'keys', keys))
	 WHERE template IS NOT NULL
$$;
COMMENT ON FUNCTION missing_photos.rule_statement IS
	'a statement of the preset''s; {keys} is the array of keys it is about';

CREATE FUNCTION missing_photos.rule_insert(relation oid, rule jsonb, mapping jsonb, keys text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('INSERT INTO %s (%s) %s ON CONFLICT DO NOTHING',
	              missing_photos.relation_name(relation),
	              (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.n)
	                 FROM jsonb_array_elements_text(rule -> 'columns') WITH ORDINALITY AS c (name, n)),
	              missing_photos.rule_statement(rule ->> 'select', mapping, keys))
$$;
COMMENT ON FUNCTION missing_photos.rule_insert IS 'adds the rows that a trace or rule selects';

CREATE FUNCTION missing_photos.deletion_inserts(root oid, owner_column name, mapping jsonb)
RETURNS SETOF missing_photos.deletion_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'insert', NULL::integer, class.oid, s.columns, NULL::integer, '{-1}'::integer[],
	       '{0}'::integer[],
	       missing_photos.rule_insert(class.oid, rule.value, mapping,
	           format('$1::%s[]', missing_photos.type_name(key.atttypid)))
	       || (SELECT ' RETURNING ' || string_agg(format('%I', c), ', ' ORDER BY n)
	             FROM unnest(s.columns) WITH ORDINALITY AS c (c, n)),
	       'insert', NULL::text[], NULL::integer[],
	       missing_photos.rule_statement(rule.value ->> 'select', mapping,
	           format('$1::%s[]', missing_photos.type_name(key.atttypid)))
	  FROM jsonb_array_elements(mapping #> '{deletion,traces}') AS rule
	  JOIN pg_namespace AS space ON space.nspname = mapping ->> 'schema'
	  JOIN pg_class AS class
	    ON class.relnamespace = space.oid AND class.relname = rule.value ->> 'table'
	  JOIN pg_class AS of_class
	    ON of_class.relnamespace = space.oid AND of_class.relname = rule.value ->> 'of'
	   AND of_class.oid = root
	  JOIN pg_attribute AS key
	    ON key.attrelid = root AND key.attname = rule.value ->> 'key'
	 CROSS JOIN LATERAL (SELECT missing_photos.stored_columns(class.oid) AS columns) AS s
$$;
COMMENT ON FUNCTION missing_photos.deletion_inserts IS
	'rows that the application leaves where photos were deleted';

-- What the preset has a row of this table reference instead, with names filled in but for {keys}.
CREATE FUNCTION missing_photos.edge_instead(relation oid, columns name[], mapping jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.rule_statement(rule.value ->> 'value', mapping, '{keys}')
	  FROM pg_class AS class
	  JOIN pg_namespace AS space
	    ON space.oid = class.relnamespace AND space.nspname = mapping ->> 'schema'
	 CROSS JOIN LATERAL jsonb_array_elements(mapping #> '{deletion,instead}') AS rule
	 WHERE class.oid = edge_instead.relation AND class.relname = rule.value ->> 'table'
	   AND columns = ARRAY[(rule.value ->> 'column')::name]
$$;
COMMENT ON FUNCTION missing_photos.edge_instead IS
	'what a row can reference instead of what goes, where the preset says';

-- sql/internal/deletion.sql

-- What the C code asks about a deletion, as the extension's owner. The planner thinks of these
-- queries over the catalog that they are long and worth compiling, which takes a thousand times
-- as long as running them; and asked for each of many tables, they are planned as often unless told
-- not to be.

CREATE FUNCTION missing_photos.deletion_steps(part text)
RETURNS SETOF missing_photos.deletion_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
	-- part: "photo", "file", or the name of a rule whose rows go when nothing is left in them.
	WITH attached AS MATERIALIZED (
		SELECT missing_photos.mapping_at_hand(a.mapping) AS mapping
		  FROM missing_photos.attached_library AS a
	), library AS (
		SELECT a.mapping, a.mapping ->> 'schema' AS schema,
		       a.mapping #> ARRAY['tables', deletion_steps.part] AS bound,
		       (SELECT rule.value
		          FROM jsonb_array_elements(a.mapping #> '{deletion,rules}') AS rule
		         WHERE rule.value ->> 'name' = deletion_steps.part) AS rule
		  FROM attached AS a
	)
	SELECT step.*
	  FROM library
	  JOIN pg_namespace AS space ON space.nspname = library.schema
	  JOIN pg_class AS class
	    ON class.relnamespace = space.oid
	   AND class.relname = COALESCE(library.bound ->> 'name', library.rule ->> 'table')
	 CROSS JOIN LATERAL missing_photos.deletion_plan(class.oid,
	           COALESCE(library.bound #>> '{columns,key}', library.rule ->> 'key')::name,
	           (library.bound #>> '{columns,owner}')::name,
	           ARRAY(SELECT stays.oid
	                   FROM pg_class AS stays
	                  WHERE stays.relnamespace = space.oid
	                    AND stays.relname IN (library.mapping #>> '{tables,photo,name}',
	                                          library.mapping #>> '{tables,file,name}')),
	           library.mapping) AS step
$$;
COMMENT ON FUNCTION missing_photos.deletion_steps IS
	'the statements that delete photos, files or what became empty';

CREATE FUNCTION missing_photos.unsettled_rules(of_owner text)
RETURNS TABLE (
	job_id uuid, rule text, kind text, relation oid, columns name[], row_keys integer,
	keys text[], hold text, look text, statement text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	mapping jsonb := (SELECT missing_photos.mapping_at_hand(a.mapping)
	                    FROM missing_photos.attached_library AS a);
BEGIN
	RETURN QUERY
	SELECT u.job_id, u.rule, r.kind, class.oid, s.columns, s.row_keys, u.keys,
	       h.statement || format(' ORDER BY t.%I FOR %s SKIP LOCKED', key.attname,
	           CASE r.kind WHEN 'empty' THEN 'UPDATE' ELSE 'NO KEY UPDATE' END),
	       h.statement, s.statement
	  FROM (SELECT p.job_id, p.rule, array_agg(DISTINCT k.key) AS keys
	          FROM missing_photos.unsettled AS p CROSS JOIN LATERAL unnest(p.keys) AS k (key)
	         WHERE p.owner = of_owner
	         GROUP BY p.job_id, p.rule) AS u
	  JOIN LATERAL (SELECT e.value AS rule, e.ordinality,
	                       CASE WHEN e.value ? 'into' THEN 'insert'
	                            WHEN e.value ? 'column' THEN 'change' ELSE 'empty' END AS kind
	                  FROM jsonb_array_elements(mapping #> '{deletion,rules}') WITH ORDINALITY AS e
	                 WHERE e.value ->> 'name' = u.rule) AS r ON true
	  JOIN pg_namespace AS space ON space.nspname = mapping ->> 'schema'
	  JOIN pg_class AS held
	    ON held.relnamespace = space.oid AND held.relname = r.rule ->> 'table'
	  JOIN pg_class AS class
	    ON class.relnamespace = space.oid
	   AND class.relname = COALESCE(r.rule ->> 'into', r.rule ->> 'table')
	  JOIN pg_attribute AS key
	    ON key.attrelid = held.oid AND key.attname = r.rule ->> 'key'
	 CROSS JOIN LATERAL (SELECT format('SELECT t.%I::pg_catalog.text FROM %s AS t'
	           || ' WHERE t.%I OPERATOR(pg_catalog.=) ANY ($1::%s[])', key.attname,
	           missing_photos.relation_source(held.oid), key.attname,
	           missing_photos.type_name(key.atttypid)) AS statement) AS h
	 CROSS JOIN LATERAL missing_photos.settling_statement(
	           class.oid, r.rule, r.kind, missing_photos.type_name(key.atttypid), mapping) AS s
	 ORDER BY r.ordinality, u.job_id;
END
$$;
COMMENT ON FUNCTION missing_photos.unsettled_rules IS
	'what is yet to be brought in line for an owner, and the statements that do it';

-- The rows are held first, in a statement of their own: the next one then sees everything that was
-- committed before, and nobody changes them meanwhile.
CREATE FUNCTION missing_photos.settling_statement(
	relation oid, rule jsonb, kind text, key_type text, mapping jsonb,
	OUT columns name[], OUT row_keys integer, OUT statement text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	keys text := format('$1::%s[]', key_type);
	source text := missing_photos.relation_source(relation);
	row_key name[] := missing_photos.row_key(relation);
BEGIN
	IF kind = 'insert' THEN
		columns := missing_photos.stored_columns(relation);
		statement := missing_photos.rule_insert(relation, rule, mapping, keys)
			|| (SELECT ' RETURNING ' || string_agg(format('%I', c), ', ' ORDER BY n)
			      FROM unnest(columns) WITH ORDINALITY AS c (c, n));
	ELSIF kind = 'empty' THEN
		columns := ARRAY[rule ->> 'key'];
		statement := format('SELECT t.%I::pg_catalog.text FROM %s AS t'
			|| ' WHERE t.%I OPERATOR(pg_catalog.=) ANY (%s) AND %s', rule ->> 'key', source,
			rule ->> 'key', keys, missing_photos.rule_statement(rule ->> 'when', mapping, keys));
	ELSE
		columns := row_key || (rule ->> 'column')::name;
		row_keys := cardinality(row_key);
		statement := format('UPDATE %s AS t SET %I = v.new FROM (SELECT o.tableoid AS home,'
			|| ' o.ctid AS place, o.%I AS old, %s AS new FROM %s AS o %s'
			|| ' WHERE o.%I OPERATOR(pg_catalog.=) ANY (%s) AND %s) AS v'
			|| ' WHERE t.ctid OPERATOR(pg_catalog.=) v.place'
			|| ' AND t.tableoid OPERATOR(pg_catalog.=) v.home'
			|| ' AND (v.new OPERATOR(pg_catalog.=) v.old) IS NOT TRUE RETURNING %s, v.old, t.%I',
			source, rule ->> 'column', rule ->> 'column',
			missing_photos.rule_statement(rule ->> 'value', mapping, keys), source,
			COALESCE('LEFT JOIN (' || missing_photos.rule_statement(rule ->> 'from', mapping, keys)
			         || ') AS f ON f.key OPERATOR(pg_catalog.=) o.' || quote_ident(rule ->> 'key'),
			         ''),
			rule ->> 'key', keys,
			COALESCE(missing_photos.rule_statement(rule ->> 'when', mapping, keys), 'true'),
			(SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
			   FROM unnest(row_key) WITH ORDINALITY AS c (c, n)),
			rule ->> 'column');
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.settling_statement IS
	'what brings held rows in line, and what it returns';

-- sql/internal/undo.sql

-- The statements that put archived rows back, made from the catalog as it is now: columns that were
-- added since get their defaults, generated ones are generated anew.
--
-- For each chunk of the archive there are two. One looks which of its rows can't be put back and
-- why; the other puts back those at given places. Both get the chunk's values as parameters, one
-- text array per column; in them g is a row of the archive, t one of the table.

CREATE FUNCTION missing_photos.equality(type oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The equality of the type's default index, for which there may be an index.
	SELECT format('OPERATOR(%I.%s)', space.nspname, operator.oprname)
	  FROM pg_type AS asked
	  JOIN pg_opclass AS class
	    ON class.opcdefault
	   AND class.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree')
	   AND class.opcintype = CASE
	       WHEN EXISTS (SELECT FROM pg_opclass AS own
	                     WHERE own.opcintype = asked.oid AND own.opcdefault
	                       AND own.opcmethod = class.opcmethod) THEN asked.oid
	       WHEN asked.oid = 'varchar'::regtype THEN 'text'::regtype
	       WHEN asked.typtype = 'd' THEN asked.typbasetype
	       WHEN asked.typtype = 'e' THEN 'anyenum'::regtype
	       WHEN asked.typtype = 'r' THEN 'anyrange'::regtype
	       WHEN asked.typcategory = 'A' THEN 'anyarray'::regtype END
	  JOIN pg_amop AS amop
	    ON amop.amopfamily = class.opcfamily AND amop.amopstrategy = 3
	   AND amop.amoplefttype = class.opcintype AND amop.amoprighttype = class.opcintype
	  JOIN pg_operator AS operator ON operator.oid = amop.amopopr
	  JOIN pg_namespace AS space ON space.oid = operator.oprnamespace
	 WHERE asked.oid = equality.type
$$;
COMMENT ON FUNCTION missing_photos.equality IS
	'the operator by which values of a type are equal, none where there is none';

-- The archived columns that the table still has: as it is in the archive (g), with its type.
CREATE FUNCTION missing_photos.archived_columns(relation oid, columns name[])
RETURNS TABLE (place bigint, name name, type oid, value text, equal text, key_equal text)
LANGUAGE sql STABLE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.place, c.name, a.atttypid, v.value,
	       CASE WHEN e.operator IS NULL
	            THEN format('((t.%I::pg_catalog.text OPERATOR(pg_catalog.=) %s::pg_catalog.text'
	                        || ' OR t.%I IS NULL AND %s IS NULL) IS TRUE)',
	                        c.name, v.value, c.name, v.value)
	            ELSE format('((t.%I %s %s OR t.%I IS NULL AND %s IS NULL) IS TRUE)',
	                        c.name, e.operator, v.value, c.name, v.value) END,
	       format('t.%I %s %s', c.name, COALESCE(e.operator, 'OPERATOR(pg_catalog.=)'), v.value)
	  FROM unnest(columns) WITH ORDINALITY AS c (name, place)
	  JOIN pg_attribute AS a
	    ON a.attrelid = archived_columns.relation AND a.attname = c.name AND a.attnum > 0
	   AND NOT a.attisdropped AND a.attgenerated = ''
	 CROSS JOIN LATERAL (SELECT format('g.c%s::%s', c.place,
	                                   missing_photos.type_name(a.atttypid)) AS value) AS v
	 CROSS JOIN LATERAL (SELECT missing_photos.equality(a.atttypid) AS operator) AS e
$$;
COMMENT ON FUNCTION missing_photos.archived_columns IS
	'archived columns that a table still has, and how to compare them';

CREATE FUNCTION missing_photos.archived_source(columns integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('ROWS FROM (%s) WITH ORDINALITY AS g (%s, place)',
	              string_agg(format('pg_catalog.unnest($%s)', n), ', ' ORDER BY n),
	              string_agg(format('c%s', n), ', ' ORDER BY n))
	  FROM generate_series(1, columns) AS n
$$;
COMMENT ON FUNCTION missing_photos.archived_source IS 'a chunk''s rows as a FROM item';

-- What a row references must be there, or be put back by the same statement. expressions: what the
-- row will hold, by column.
CREATE FUNCTION missing_photos.lost_references(relation oid, expressions jsonb, own_rows text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format(' WHEN %s AND NOT EXISTS (SELECT FROM %s AS r WHERE %s)%s THEN %L',
	           part.given, missing_photos.relation_name(con.confrelid), part.found,
	           CASE WHEN con.confrelid = con.conrelid AND part.own IS NOT NULL AND own_rows <> ''
	                THEN format(' AND NOT EXISTS (SELECT FROM %s WHERE %s)', own_rows, part.own)
	                ELSE '' END,
	           format('the row of %s that it references is gone',
	                  missing_photos.relation_name(con.confrelid))), '' ORDER BY con.conname)
	  FROM pg_constraint AS con
	 CROSS JOIN LATERAL (
		SELECT string_agg(format('%s IS NOT NULL', expressions ->> child.attname), ' AND ') AS given,
		       string_agg(format('r.%I OPERATOR(%I.%s) %s', parent.attname, space.nspname,
		                         operator.oprname, expressions ->> child.attname), ' AND ') AS found,
		       string_agg(format('s.%s OPERATOR(pg_catalog.=) %s::pg_catalog.text',
		                         substr(split_part(expressions ->> parent.attname, '::', 1), 3),
		                         expressions ->> child.attname), ' AND ') AS own,
		       bool_and(expressions ? child.attname) AS whole
		  FROM unnest(con.confkey, con.conkey, con.conpfeqop)
		       AS pair (parent_attnum, child_attnum, operator)
		  JOIN pg_attribute AS parent
		    ON parent.attrelid = con.confrelid AND parent.attnum = pair.parent_attnum
		  JOIN pg_attribute AS child
		    ON child.attrelid = con.conrelid AND child.attnum = pair.child_attnum
		  JOIN pg_operator AS operator ON operator.oid = pair.operator
		  JOIN pg_namespace AS space ON space.oid = operator.oprnamespace
	  ) AS part
	 WHERE con.contype = 'f' AND con.conparentid = 0
	   AND con.conrelid = lost_references.relation AND part.whole
$$;
COMMENT ON FUNCTION missing_photos.lost_references IS
	'the foreign keys that rows to be put back would break, as branches of a CASE';

-- Columns that get new values in rows put back, as the application's clients need it.
CREATE FUNCTION missing_photos.renewed_columns(relation oid)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT ARRAY(
		SELECT attribute.attname
		  FROM missing_photos.attached_library AS library
		 CROSS JOIN LATERAL jsonb_array_elements_text(library.mapping #> '{deletion,renewed}')
		    AS renewed (name)
		  JOIN pg_class AS class ON class.oid = renewed_columns.relation
		  JOIN pg_namespace AS space
		    ON space.oid = class.relnamespace AND space.nspname = library.mapping ->> 'schema'
		  JOIN pg_attribute AS attribute
		    ON attribute.attrelid = class.oid AND attribute.attname = renewed.name
		   AND attribute.atthasdef AND NOT attribute.attisdropped)
$$;
COMMENT ON FUNCTION missing_photos.renewed_columns IS
	'columns of a table that get their defaults in rows put back';

CREATE FUNCTION missing_photos.undo_delete_statements(
	relation oid, columns name[], OUT look text, OUT apply text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	source text := missing_photos.archived_source(cardinality(columns));
	key name[] := missing_photos.row_key(relation);
	stored name[] := missing_photos.stored_columns(relation);
	renewed name[] := missing_photos.renewed_columns(relation);
	expressions jsonb;
	matches text;
	same text;
	lost text;
BEGIN
	SELECT jsonb_object_agg(c.name, c.value), string_agg(c.key_equal, ' AND ')
	           FILTER (WHERE c.name = ANY (key)),
	       format('ROW(%s)::pg_catalog.text OPERATOR(pg_catalog.=) ROW(%s)::pg_catalog.text',
	              string_agg(format('t.%I', c.name), ', ' ORDER BY c.place)
	                  FILTER (WHERE c.name <> ALL (renewed)),
	              string_agg(c.value, ', ' ORDER BY c.place)
	                  FILTER (WHERE c.name <> ALL (renewed))),
	       format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s'
	              || ' WHERE g.place OPERATOR(pg_catalog.=) ANY ($%s) ORDER BY g.place%s',
	              missing_photos.relation_name(relation),
	              string_agg(quote_ident(c.name), ', ' ORDER BY c.place)
	                  FILTER (WHERE c.name <> ALL (renewed)),
	              string_agg(c.value, ', ' ORDER BY c.place)
	                  FILTER (WHERE c.name <> ALL (renewed)), source, cardinality(columns) + 1,
	              CASE WHEN EXISTS (SELECT FROM pg_index AS i
	                                 WHERE i.indrelid = undo_delete_statements.relation
	                                   AND i.indisunique AND NOT i.indimmediate)
	                   THEN '' ELSE ' ON CONFLICT DO NOTHING' END)
	  INTO expressions, matches, same, apply
	  FROM missing_photos.archived_columns(relation, columns) AS c;
	lost := missing_photos.lost_references(relation, expressions,
		replace(source, ' AS g (', ' AS s ('));
	look := format('SELECT v.place, v.reason FROM (SELECT g.place, CASE%s%s ELSE NULL END AS reason'
		|| ' FROM %s%s) AS v WHERE v.reason IS NOT NULL',
		-- Rows without a key of their own may come twice.
		CASE WHEN key = stored OR NOT key <@ columns THEN ''
		     ELSE format(' WHEN %s THEN '''' WHEN t.tableoid IS NOT NULL THEN %L', same,
		                 'a row with its key exists, with other content') END,
		COALESCE(lost, ' WHEN false THEN NULL'), source,
		CASE WHEN key = stored OR NOT key <@ columns THEN ''
		     ELSE format(' LEFT JOIN %s AS t ON %s', missing_photos.relation_name(relation), matches)
		END);
END
$$;
COMMENT ON FUNCTION missing_photos.undo_delete_statements IS
	'look at and put back deleted rows';

-- A changed row gets its old values back if it still holds what the deletion wrote.
CREATE FUNCTION missing_photos.undo_change_statements(
	relation oid, columns name[], keys integer, OUT look text, OUT apply text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	changes integer := cardinality(columns) - keys;
	-- The archive's columns: the key, the old values, the new ones.
	source text := missing_photos.archived_source(keys + 2 * changes);
	names name[] := columns || columns[keys + 1 : cardinality(columns)];
	expressions jsonb;
	matches text;
	is_old text;
	is_new text;
	assign text;
BEGIN
	-- A table without a key is searched for the whole row, as it was left.
	SELECT string_agg(CASE WHEN missing_photos.row_key(relation)
	                                = missing_photos.stored_columns(relation)
	                       THEN c.equal ELSE c.key_equal END, ' AND ')
	           FILTER (WHERE c.place <= keys),
	       string_agg(c.equal, ' AND ')
	           FILTER (WHERE c.place > keys AND c.place <= keys + changes),
	       string_agg(c.equal, ' AND ') FILTER (WHERE c.place > keys + changes),
	       string_agg(format('%I = %s', c.name, c.value), ', ')
	           FILTER (WHERE c.place > keys AND c.place <= keys + changes),
	       (SELECT jsonb_object_agg(s.name, 't.' || quote_ident(s.name))
	          FROM unnest(missing_photos.stored_columns(relation)) AS s (name))
	           || jsonb_object_agg(c.name, c.value)
	              FILTER (WHERE c.place > keys AND c.place <= keys + changes)
	  INTO matches, is_old, is_new, assign, expressions
	  FROM missing_photos.archived_columns(relation, names) AS c;
	look := format('SELECT v.place, v.reason FROM (SELECT g.place, CASE'
		|| ' WHEN t.tableoid IS NULL THEN %L WHEN %s THEN '''' WHEN NOT (%s) THEN %L%s'
		|| ' ELSE NULL END AS reason FROM %s LEFT JOIN %s AS t ON %s) AS v'
		|| ' WHERE v.reason IS NOT NULL',
		'the row is gone', is_old, is_new, 'the row was changed since',
		COALESCE(missing_photos.lost_references(relation, expressions, ''), ''), source,
		missing_photos.relation_name(relation), matches);
	apply := format('UPDATE %s AS t SET %s FROM %s WHERE g.place OPERATOR(pg_catalog.=) ANY ($%s)'
		|| ' AND %s AND %s', missing_photos.relation_name(relation), assign, source,
		keys + 2 * changes + 1, matches, is_new);
END
$$;
COMMENT ON FUNCTION missing_photos.undo_change_statements IS
	'look at and put back changed rows';

CREATE FUNCTION missing_photos.undo_insert_statements(
	relation oid, columns name[], OUT look text, OUT apply text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	source text := missing_photos.archived_source(cardinality(columns));
	matches text;
	same text;
BEGIN
	SELECT string_agg(c.key_equal, ' AND ')
	           FILTER (WHERE c.name = ANY (missing_photos.row_key(relation))),
	       format('ROW(%s)::pg_catalog.text OPERATOR(pg_catalog.=) ROW(%s)::pg_catalog.text',
	              string_agg(format('t.%I', c.name), ', ' ORDER BY c.place),
	              string_agg(c.value, ', ' ORDER BY c.place))
	  INTO matches, same
	  FROM missing_photos.archived_columns(relation, columns) AS c;
	look := format('SELECT g.place, CASE WHEN t.tableoid IS NULL THEN '''' ELSE %L END'
		|| ' FROM %s LEFT JOIN %s AS t ON %s WHERE t.tableoid IS NULL OR NOT %s',
		'the row was changed since', source, missing_photos.relation_name(relation), matches, same);
	apply := format('DELETE FROM %s AS t USING %s WHERE g.place OPERATOR(pg_catalog.=) ANY ($%s)'
		|| ' AND %s AND %s', missing_photos.relation_name(relation), source,
		cardinality(columns) + 1, matches, same);
END
$$;
COMMENT ON FUNCTION missing_photos.undo_insert_statements IS
	'look at and take away rows that a deletion added';

CREATE FUNCTION missing_photos.undo_chunks(of_job uuid)
RETURNS SETOF bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Last things first, so that each row meets the state it was taken from.
	SELECT kept.id FROM missing_photos.archived_rows AS kept
	 WHERE kept.job_id = of_job ORDER BY kept.id DESC
$$;
COMMENT ON FUNCTION missing_photos.undo_chunks IS 'an archive''s parts in the order of undoing';

CREATE FUNCTION missing_photos.undo_chunk(
	of_id bigint, OUT relation text, OUT action text, OUT columns text[], OUT key_places integer[],
	OUT rule text, OUT rule_place integer, OUT row_values text[], OUT look text, OUT apply text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	kept missing_photos.archived_rows;
	home oid;
BEGIN
	SELECT * INTO STRICT kept FROM missing_photos.archived_rows AS k WHERE k.id = of_id;
	relation := format('%I.%I', kept.table_schema, kept.table_name);
	action := kept.action;
	columns := kept.columns;
	rule := kept.rule;
	row_values := kept.row_values;
	-- A counter can be made anew, where the rule still says how.
	SELECT array_position(kept.columns, (r.value ->> 'key')::name) - 1 INTO rule_place
	  FROM missing_photos.attached_library AS a
	 CROSS JOIN LATERAL jsonb_array_elements(a.mapping #> '{deletion,rules}') AS r
	 WHERE r.value ->> 'name' = kept.rule AND r.value ? 'from';
	SELECT class.oid INTO home
	  FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
	 WHERE space.nspname = kept.table_schema AND class.relname = kept.table_name;
	IF home IS NULL THEN
		RETURN;
	END IF;
	key_places := ARRAY(
		SELECT c.place - 1 FROM unnest(kept.columns) WITH ORDINALITY AS c (name, place)
		 WHERE CASE kept.action WHEN 'change' THEN c.place <= kept.keys
		       ELSE c.name = ANY (missing_photos.row_key(home)) END);
	IF kept.action = 'delete' THEN
		SELECT s.look, s.apply INTO undo_chunk.look, undo_chunk.apply
		  FROM missing_photos.undo_delete_statements(home, kept.columns) AS s;
	ELSIF kept.action = 'change' THEN
		SELECT s.look, s.apply INTO undo_chunk.look, undo_chunk.apply
		  FROM missing_photos.undo_change_statements(home, kept.columns, kept.keys) AS s;
	ELSE
		SELECT s.look, s.apply INTO undo_chunk.look, undo_chunk.apply
		  FROM missing_photos.undo_insert_statements(home, kept.columns) AS s;
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.undo_chunk IS
	'a part of an archive and the statements that put it back; none where its table is gone';

-- What could not be put back stays in the archive, for another try.
CREATE FUNCTION missing_photos.keep_conflicts(of_id bigint, row_count integer, row_values text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.archived_rows AS kept
	 WHERE kept.id = of_id AND keep_conflicts.row_count = 0;
	UPDATE missing_photos.archived_rows AS kept
	   SET row_count = keep_conflicts.row_count, row_values = keep_conflicts.row_values
	 WHERE kept.id = of_id AND kept.row_count <> keep_conflicts.row_count;
$$;
COMMENT ON FUNCTION missing_photos.keep_conflicts IS
	'leaves in a part of an archive only what could not be put back';

CREATE FUNCTION missing_photos.end_undo(of_job uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH back AS (
		DELETE FROM missing_photos.archived_loss AS kept WHERE kept.archived_by = of_job
		RETURNING kept.loss
	)
	INSERT INTO missing_photos.loss SELECT (back.loss).* FROM back ON CONFLICT DO NOTHING;
	-- What was derived anew is no part of the deletion.
	DELETE FROM missing_photos.archived_rows AS kept
	 WHERE kept.job_id = of_job AND kept.rule IS NOT NULL;
	UPDATE missing_photos.archive AS a SET undone_at = clock_timestamp() WHERE a.job_id = of_job;
$$;
COMMENT ON FUNCTION missing_photos.end_undo IS
	'gives back what was known of lost files, and notes that a deletion was undone';

CREATE FUNCTION missing_photos.archive_owner(of_job uuid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT a.owner FROM missing_photos.archive AS a WHERE a.job_id = of_job
$$;
COMMENT ON FUNCTION missing_photos.archive_owner IS 'whose photos a job deleted';

-- sql/internal/moves.sql

-- What is remembered of files that moved, and of further copies of files. Called by the C code as the
-- extension's owner; nobody else may.

CREATE TABLE missing_photos.known_copy (
	owner    text        NOT NULL,
	file     text        NOT NULL,
	path     text        NOT NULL,
	size     bigint      NOT NULL,
	mtime_ns bigint      NOT NULL,
	noted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	PRIMARY KEY (owner, file, path)
);
COMMENT ON TABLE missing_photos.known_copy IS
	'paths at which a file''s content was found besides the one its row holds: looked at before the file is called missing';

SELECT pg_catalog.pg_extension_config_dump('missing_photos.known_copy', '');

CREATE FUNCTION missing_photos.record_moves(
	job_id uuid, owner text, photos text[], files text[], old_paths text[], new_paths text[],
	paths_only boolean[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH moved AS (
		SELECT m.photo, m.file, m.old_path, m.new_path, COALESCE(m.path_only, false) AS path_only
		  FROM unnest(photos, files, old_paths, new_paths, paths_only)
		    AS m (photo, file, old_path, new_path, path_only)
	), made_good AS (
		DELETE FROM missing_photos.loss AS lost
		 USING moved
		 WHERE lost.owner = record_moves.owner AND NOT moved.path_only
		   AND lost.photo = moved.photo AND lost.file = moved.file
		RETURNING lost.photo, lost.file
	), still_lost AS (
		UPDATE missing_photos.loss AS lost SET path = moved.new_path
		  FROM moved
		 WHERE lost.owner = record_moves.owner AND moved.path_only
		   AND lost.photo = moved.photo AND lost.file = moved.file
		RETURNING lost.photo, lost.file
	), doubted AS (
		DELETE FROM missing_photos.file_doubt AS doubt
		 USING moved
		 WHERE doubt.owner = record_moves.owner
		   AND doubt.photo = moved.photo AND doubt.file = moved.file
	), absent AS (
		DELETE FROM missing_photos.absence AS gone
		 USING moved
		 WHERE gone.owner = record_moves.owner
		   AND gone.photo = moved.photo AND gone.file = moved.file
	), copied AS (
		-- The place it has now is no further copy any more.
		DELETE FROM missing_photos.known_copy AS copy
		 USING moved
		 WHERE copy.owner = record_moves.owner
		   AND copy.file = moved.file AND copy.path = moved.new_path
	)
	INSERT INTO missing_photos.finding
		(job_id, owner, photo, file, path, new_path, old_state, new_state)
	SELECT record_moves.job_id, record_moves.owner, moved.photo, moved.file, moved.old_path,
	       moved.new_path,
	       CASE WHEN made_good.file IS NULL AND still_lost.file IS NULL THEN 'present'
	            ELSE 'missing' END::missing_photos.file_state,
	       CASE WHEN still_lost.file IS NULL THEN 'present'
	            ELSE 'missing' END::missing_photos.file_state
	  FROM moved
	  LEFT JOIN made_good ON made_good.photo = moved.photo AND made_good.file = moved.file
	  LEFT JOIN still_lost ON still_lost.photo = moved.photo AND still_lost.file = moved.file
$$;
COMMENT ON FUNCTION missing_photos.record_moves IS
	'keeps the findings of files that moved, and forgets what was noted of them as gone or in doubt';

-- A sidecar is told under its photo: it is no file of its own to the library.
CREATE FUNCTION missing_photos.record_beside(
	job_id uuid, owner text, photos text[], paths text[], places text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.finding
		(job_id, owner, photo, file, path, new_path, old_state, new_state, reason)
	SELECT record_beside.job_id, record_beside.owner, s.photo, s.photo, s.path, s.place, 'present',
	       'present', CASE WHEN s.place IS NULL THEN 'its sidecar was not found beside it'
	                       ELSE 'its sidecar' END
	  FROM unnest(photos, paths, places) AS s (photo, path, place)
$$;
COMMENT ON FUNCTION missing_photos.record_beside IS
	'keeps the findings of sidecars that moved with their photos (place), or didn''t (NULL)';

CREATE FUNCTION missing_photos.note_copies(
	owner text, files text[], paths text[], sizes bigint[], mtimes bigint[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.known_copy AS known (owner, file, path, size, mtime_ns)
	SELECT DISTINCT ON (seen.file, seen.path) note_copies.owner, seen.*
	  FROM unnest(files, paths, sizes, mtimes) AS seen (file, path, size, mtime_ns)
	 ORDER BY seen.file, seen.path
	ON CONFLICT ON CONSTRAINT known_copy_pkey DO UPDATE
	   SET size = excluded.size, mtime_ns = excluded.mtime_ns, noted_at = excluded.noted_at
	 WHERE (known.size, known.mtime_ns) <> (excluded.size, excluded.mtime_ns)
$$;
COMMENT ON FUNCTION missing_photos.note_copies IS
	'notes further paths at which the content of files was found';

CREATE FUNCTION missing_photos.lost_mains(
	owner text, photos text[], files text[], OUT mains boolean[], OUT mains_after text[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE(array_agg(COALESCE(lost.was_main, false) ORDER BY asked.ordinal), '{}'),
	       COALESCE(array_agg(lost.main_after ORDER BY asked.ordinal), '{}')
	  FROM unnest(photos, files) WITH ORDINALITY AS asked (photo, file, ordinal)
	  LEFT JOIN missing_photos.loss AS lost
	    ON lost.owner = lost_mains.owner AND lost.photo = asked.photo AND lost.file = asked.file
$$;
COMMENT ON FUNCTION missing_photos.lost_mains IS
	'for pairs of photo and file, as parallel arrays: whether the file was the main one when it was lost, and which took its place';

CREATE FUNCTION missing_photos.losers_of(owner text, file text)
RETURNS SETOF text
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT lost.photo FROM missing_photos.loss AS lost
	 WHERE lost.owner = losers_of.owner AND lost.file = losers_of.file
	 ORDER BY lost.was_main DESC, lost.photo
$$;
COMMENT ON FUNCTION missing_photos.losers_of IS 'photos that lost this file';

CREATE FUNCTION missing_photos.digest_algorithm()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE(min(a.mapping #>> '{digest,algorithm}'), 'md5')
	  FROM missing_photos.attached_library AS a
$$;
COMMENT ON FUNCTION missing_photos.digest_algorithm IS
	'with what the attached library digests the content of files';

CREATE FUNCTION missing_photos.kinds_of_names()
RETURNS TABLE (kind text, endings text[])
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	VALUES ('metadata', '{xmp}'::text[]),
	       ('raw', '{3fr,ari,arw,bay,cr2,cr3,crw,cs1,cxi,dcr,dng,eip,erf,fff,iiq,j6i,k25,kc2,kdc,mdc,mef,
	                 mfw,mos,mrw,nef,nrw,orf,pef,raf,raw,rw2,rwl,rwz,sr2,srf,srw,x3f}'),
	       ('video', '{3gp,avi,flv,m2ts,m4v,mkv,mov,mp4,mpeg,mpg,mts,ogv,ts,vob,webm,wmv}'),
	       ('image', '{avif,bmp,gif,heic,heif,jfif,jp2,jpe,jpeg,jpg,jxl,png,psd,svg,tif,tiff,webp}')
$$;
COMMENT ON FUNCTION missing_photos.kinds_of_names IS
	'how the names of files end, by what the files are: image, video, raw, metadata (a sidecar)';

CREATE FUNCTION missing_photos.file_kind(path text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE((SELECT k.kind FROM missing_photos.kinds_of_names() AS k
	                  WHERE lower(substring(path FROM '\.([^./]+)$')) = ANY (k.endings)), 'unknown')
$$;
COMMENT ON FUNCTION missing_photos.file_kind IS
	'what a file is by the ending of its name; unknown: neither an image nor a video nor what goes with them';

CREATE FUNCTION missing_photos.sibling_paths(path text)
RETURNS SETOF text
LANGUAGE sql IMMUTABLE ROWS 200
SET search_path = pg_catalog, pg_temp
AS $$
	-- a.jpg, a.cr2 and a.xmp; also a.jpg.xmp.
	SELECT name.stem || sibling.ending
	  FROM (SELECT substring(path FROM '^(.*)\.[^./]+$') AS stem) AS name
	 CROSS JOIN (SELECT '.' || e.ending AS ending
	               FROM missing_photos.kinds_of_names() AS k CROSS JOIN unnest(k.endings) AS e(ending)
	             UNION ALL
	             SELECT '.' || upper(e.ending)
	               FROM missing_photos.kinds_of_names() AS k CROSS JOIN unnest(k.endings) AS e(ending)
	             UNION ALL SELECT '') AS sibling
	 WHERE name.stem || sibling.ending <> path
$$;
COMMENT ON FUNCTION missing_photos.sibling_paths IS
	'paths of files that would belong to the same photo as this one';

CREATE FUNCTION missing_photos.changed_sizes(files text[], sizes bigint[])
RETURNS SETOF bigint
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT seen.ordinal
	  FROM unnest(files, sizes) WITH ORDINALITY AS seen (file, size, ordinal)
	  JOIN missing_photos.file_identity AS known ON known.file = seen.file
	 WHERE known.size <> seen.size
$$;
COMMENT ON FUNCTION missing_photos.changed_sizes IS
	'which of these files (by their place in the array) had another size when they were last seen';

CREATE FUNCTION missing_photos.taken_paths(old_paths text[], new_paths text[], claimed text[])
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Of the new paths, those that some row claims which won't move away itself; and then the old
	-- paths of those that can't move for it, and so on.
	WITH RECURSIVE moving AS MATERIALIZED (
		SELECT * FROM unnest(old_paths, new_paths) AS m (old_path, new_path)
	), taken AS (
		SELECT c.path FROM unnest(claimed) AS c (path)
		 WHERE NOT EXISTS (SELECT FROM moving WHERE moving.old_path = c.path)
		UNION
		SELECT moving.old_path FROM taken JOIN moving ON moving.new_path = taken.path
	)
	SELECT taken.path FROM taken
$$;
COMMENT ON FUNCTION missing_photos.taken_paths IS
	'paths that files can''t take because another file keeps them';

CREATE FUNCTION missing_photos.copies_of(owner text, files text[])
RETURNS TABLE (ordinal bigint, path text, size bigint, mtime_ns bigint)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT gone.ordinal, known.path, known.size, known.mtime_ns
	  FROM unnest(files) WITH ORDINALITY AS gone (file, ordinal)
	  JOIN missing_photos.known_copy AS known
	    ON known.owner = copies_of.owner AND known.file = gone.file
	 ORDER BY gone.ordinal, known.noted_at DESC, known.path
$$;
COMMENT ON FUNCTION missing_photos.copies_of IS
	'further paths at which these files'' content was found, the latest first';

CREATE FUNCTION missing_photos.owner_of_moves(of_job uuid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT min(f.owner) FROM missing_photos.finding AS f
	 WHERE f.job_id = of_job AND f.new_path IS NOT NULL
$$;
COMMENT ON FUNCTION missing_photos.owner_of_moves IS 'whose files a job moved; NULL: nobody''s';

CREATE FUNCTION missing_photos.moves_of(
	of_owner text, of_job uuid, since timestamptz, until timestamptz, after bigint, most integer)
RETURNS TABLE (id bigint, photo text, file text, path text, new_path text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A file may have moved on: from where it was first to where it was last.
	SELECT min(f.id), f.photo, f.file, (array_agg(f.path ORDER BY f.id))[1],
	       (array_agg(f.new_path ORDER BY f.id DESC))[1]
	  FROM missing_photos.finding AS f
	 WHERE f.owner = of_owner AND (of_job IS NULL OR f.job_id = of_job)
	   AND f.found_at BETWEEN since AND until
	   AND f.new_path IS NOT NULL AND f.path IS NOT NULL AND f.reason IS DISTINCT FROM 'its sidecar'
	 GROUP BY f.photo, f.file
	HAVING min(f.id) > after
	   AND (array_agg(f.path ORDER BY f.id))[1] <> (array_agg(f.new_path ORDER BY f.id DESC))[1]
	 ORDER BY 1
	 LIMIT most
$$;
COMMENT ON FUNCTION missing_photos.moves_of IS
	'which of an owner''s files a job (NULL: whoever) moved in some time, in parts';

CREATE FUNCTION missing_photos.photos_are_files()
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE(bool_and(a.mapping ->> 'shape' = 'single'), false)
	  FROM missing_photos.attached_library AS a
$$;
COMMENT ON FUNCTION missing_photos.photos_are_files IS
	'whether in the attached library one row is a photo and its file';

-- sql/internal/relink.sql

-- Files that moved: what a relinking run sets aside while it works, and what is kept of it. Called by
-- the C code as the extension's owner; nobody else may.

CREATE TYPE missing_photos.relink_result AS (
	job_id       uuid,
	files_seen   bigint,
	candidates   bigint,
	relinked     bigint,
	ambiguous    bigint,
	hashed_files bigint,
	hashed_bytes bigint,
	elapsed      interval
);
COMMENT ON TYPE missing_photos.relink_result IS
	'what relinking did: files found on disk, those of them that no row has, files given their new path, files left for a person to choose from, files and bytes read, and the time it took';

CREATE TABLE missing_photos.file_digest (
	file      text   PRIMARY KEY,
	size      bigint NOT NULL,
	mtime_ns  bigint NOT NULL,
	algorithm text   NOT NULL,
	digest    text   NOT NULL,
	ends      text,
	noted_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE missing_photos.file_digest IS
	'contents of the library''s files, as far as they were ever read; of use while size and time are the same';
COMMENT ON COLUMN missing_photos.file_digest.ends IS
	'digest of the first and last 64 KiB and the size: what a file that moved is compared by first';

CREATE TABLE missing_photos.read_digest (
	path      text   PRIMARY KEY,
	inode     bigint NOT NULL,
	size      bigint NOT NULL,
	mtime_ns  bigint NOT NULL,
	algorithm text   NOT NULL,
	digest    text,
	ends      text,
	noted_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE missing_photos.read_digest IS
	'contents of files that no row has, as far as they were read in search of one that moved: so that none is read twice';

SELECT pg_catalog.pg_extension_config_dump('missing_photos.file_digest', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.read_digest', '');

CREATE FUNCTION missing_photos.forget_candidates(owner text, files text[], paths text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.candidate AS old
	 WHERE old.owner = forget_candidates.owner
	   AND (old.file = ANY (SELECT unnest(files)) OR old.path = ANY (SELECT unnest(paths)));
	DELETE FROM missing_photos.read_digest AS old USING unnest(paths) AS p (path)
	 WHERE old.path = p.path
$$;
COMMENT ON FUNCTION missing_photos.forget_candidates IS
	'forgets what was offered for files that have a place now, or of a place that has a row';

CREATE FUNCTION missing_photos.note_other_candidates(owner text, file text, path text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.known_copy AS known (owner, file, path, size, mtime_ns)
	SELECT c.owner, c.file, c.path, other.size, other.mtime_ns
	  FROM missing_photos.candidate AS c
	  JOIN missing_photos.read_digest AS other ON other.path = c.path
	  JOIN missing_photos.read_digest AS chosen
	    ON chosen.path = note_other_candidates.path
	   AND chosen.algorithm = other.algorithm AND chosen.digest = other.digest
	 WHERE c.owner = note_other_candidates.owner AND c.file = note_other_candidates.file
	   AND c.path <> note_other_candidates.path
	ON CONFLICT ON CONSTRAINT known_copy_pkey DO NOTHING
$$;
COMMENT ON FUNCTION missing_photos.note_other_candidates IS
	'what was offered for a file besides the one chosen, and has the same content, is a further copy';

CREATE FUNCTION missing_photos.relink_note_copies(
	job_id uuid, owner text, files text[], paths text[], sizes bigint[], mtimes bigint[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Of a file that isn't at its path a copy is a candidate, and for a person to choose.
	INSERT INTO missing_photos.known_copy AS known (owner, file, path, size, mtime_ns)
	SELECT DISTINCT ON (seen.file, seen.path) relink_note_copies.owner, seen.*
	  FROM unnest(files, paths, sizes, mtimes) AS seen (file, path, size, mtime_ns)
	 WHERE NOT seen.file = ANY (ARRAY(SELECT r.file FROM missing_photos.relink_row AS r
	                                   WHERE r.job_id = relink_note_copies.job_id))
	 ORDER BY seen.file, seen.path
	ON CONFLICT ON CONSTRAINT known_copy_pkey DO UPDATE
	   SET size = excluded.size, mtime_ns = excluded.mtime_ns, noted_at = excluded.noted_at
	 WHERE (known.size, known.mtime_ns) <> (excluded.size, excluded.mtime_ns)
$$;
COMMENT ON FUNCTION missing_photos.relink_note_copies IS
	'notes files that were read and proved to be further copies of files that are there';

CREATE FUNCTION missing_photos.relink_note_alike(job_id uuid, owner text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- Equal ends prove nothing, but a copy's content is read before it is used.
	SELECT missing_photos.relink_note_copies(relink_note_alike.job_id, relink_note_alike.owner,
	           array_agg(known.file), array_agg(f.path), array_agg(f.size), array_agg(f.mtime_ns))
	  FROM missing_photos.relink_file AS f
	  JOIN missing_photos.file_digest AS known
	    ON known.ends = f.ends AND known.algorithm = f.algorithm
	 WHERE f.job_id = relink_note_alike.job_id AND NOT f.occupied AND f.digest IS NULL
	HAVING count(*) > 0
$$;
COMMENT ON FUNCTION missing_photos.relink_note_alike IS
	'the same for files of which only the ends were read';

CREATE FUNCTION missing_photos.relink_forget_read(minutes integer)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.read_digest AS old
	 WHERE minutes > 0 AND old.noted_at < now() - make_interval(mins => minutes)
$$;
COMMENT ON FUNCTION missing_photos.relink_forget_read IS
	'forgets what was read of files that no run has come across for so long';

CREATE FUNCTION missing_photos.relink_note_contents(
	files text[], sizes bigint[], mtimes bigint[], algorithms text[], digests text[], ends text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.file_digest AS known (file, size, mtime_ns, algorithm, digest, ends)
	SELECT DISTINCT ON (r.file) r.*
	  FROM unnest(files, sizes, mtimes, algorithms, digests, relink_note_contents.ends)
	    AS r (file, size, mtime_ns, algorithm, digest, ends)
	 ORDER BY r.file
	ON CONFLICT ON CONSTRAINT file_digest_pkey DO UPDATE
	   SET size = excluded.size, mtime_ns = excluded.mtime_ns, algorithm = excluded.algorithm,
	       digest = excluded.digest, ends = excluded.ends, noted_at = excluded.noted_at
$$;
COMMENT ON FUNCTION missing_photos.relink_note_contents IS
	'keeps what was read of files that were moved';

CREATE FUNCTION missing_photos.relink_put_off(
	job_id uuid, files text[], photos text[], old_paths text[], paths text[], claimed text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.relink_doubt (job_id, file, photos, old_path, path, reason)
	SELECT relink_put_off.job_id, r.file, array_agg(r.photo), min(r.old_path), r.path,
	       'it is the file, but another row has its path'
	  FROM unnest(files, relink_put_off.photos, old_paths, paths) AS r (file, photo, old_path, path)
	 WHERE r.path = ANY (SELECT unnest(claimed))
	 GROUP BY r.file, r.path
$$;
COMMENT ON FUNCTION missing_photos.relink_put_off IS
	'leaves files to a person that could not be moved because a row has the path';

CREATE FUNCTION missing_photos.relink_learn(job_id uuid, owner text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- A file that isn't what it was, at its path, and no other row's either: it was written anew.
	WITH written AS (
		SELECT r.file, f.fsid, f.inode, f.size, f.mtime_ns, f.ctime_ns
		  FROM missing_photos.relink_row AS r
		  JOIN missing_photos.relink_file AS f
		    ON f.job_id = relink_learn.job_id AND f.path = r.path AND f.occupied
		 WHERE r.job_id = relink_learn.job_id AND r.displaced AND NOT r.ambiguous
		   AND NOT EXISTS (SELECT FROM missing_photos.loss AS lost
		                    WHERE lost.owner = relink_learn.owner AND lost.file = r.file)
	)
	SELECT missing_photos.note_identities(
	           array_agg(w.file), array_agg(w.fsid), array_agg(w.inode), array_agg(w.size),
	           array_agg(w.mtime_ns), array_agg(w.ctime_ns), true)
	  FROM written AS w
	 WHERE NOT EXISTS (SELECT FROM missing_photos.file_identity AS known
	                    WHERE known.inode = w.inode AND known.fsid = w.fsid AND known.size = w.size
	                      AND known.mtime_ns = w.mtime_ns)
	HAVING count(*) > 0
$$;
COMMENT ON FUNCTION missing_photos.relink_learn IS
	'notes what files look like that were written anew where they are';

CREATE FUNCTION missing_photos.relink_keep_candidates(job_id uuid, owner text, dry_run boolean)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	DELETE FROM missing_photos.candidate AS old WHERE old.owner = relink_keep_candidates.owner;
	INSERT INTO missing_photos.candidate (owner, file, path, photos, old_path, reason, certain, job_id)
	SELECT DISTINCT ON (fits.file, fits.path)
	       relink_keep_candidates.owner, fits.file, fits.path, fits.photos, fits.old_path, fits.reason,
	       fits.certain, relink_keep_candidates.job_id
	  FROM (SELECT d.file, d.path, d.photos, d.old_path, d.reason, false AS certain
	          FROM missing_photos.relink_doubt AS d
	         WHERE d.job_id = relink_keep_candidates.job_id
	        UNION ALL
	        SELECT m.file, m.new_path, m.photos, m.old_path, m.reason, true
	          FROM missing_photos.relink_move AS m
	         WHERE m.job_id = relink_keep_candidates.job_id AND dry_run) AS fits
	 ORDER BY fits.file, fits.path, fits.certain DESC;
	SELECT count(DISTINCT c.file) FROM missing_photos.candidate AS c
	 WHERE c.owner = relink_keep_candidates.owner AND NOT c.certain
$$;
COMMENT ON FUNCTION missing_photos.relink_keep_candidates IS
	'keeps what a person has to decide, in place of what the last run kept; returns of how many files';

CREATE FUNCTION missing_photos.take_candidate(file text, path text)
RETURNS TABLE (owner text, photos text[], old_path text, algorithm text, digest text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.owner, ARRAY(SELECT DISTINCT p.id FROM unnest(c.photos) AS p (id) ORDER BY p.id),
	       c.old_path, content.algorithm, content.digest
	  FROM missing_photos.candidate AS c
	  LEFT JOIN missing_photos.file_identity AS seen ON seen.file = c.file
	  LEFT JOIN missing_photos.file_digest AS content
	    ON content.file = c.file AND content.size = seen.size AND content.mtime_ns = seen.mtime_ns
	 WHERE c.file = take_candidate.file AND c.path = take_candidate.path
$$;
COMMENT ON FUNCTION missing_photos.take_candidate IS 'a candidate, with what is known of its file';

-- sql/internal/relink_stage.sql

-- What a relinking run sets aside while it works. Called by the C code as the extension's owner; nobody
-- else may.
--
-- The tables aren't logged: after a crash of the server they are empty, and the next run begins anew.
-- They are filled a moment before they are read, so the planner may take them for empty and loop over
-- two of them; functions that join them forbid that, and every join is a hash or a merge: linear. (What
-- is forbidden costs so much on paper that the planner would think of compiling.) Where a few rows of
-- many are wanted, each is looked up: by its place in the table (ctid), or by its batch.

CREATE UNLOGGED TABLE missing_photos.relink_row (
	job_id    uuid    NOT NULL,
	file      text    NOT NULL,
	photos    text[]  NOT NULL,
	path      text,
	displaced boolean NOT NULL,
	replaced  boolean NOT NULL DEFAULT false,
	fsid      bigint,
	inode     bigint,
	size      bigint,
	mtime_ns  bigint,
	algorithm text,
	digest    text,
	ends      text,
	guess     integer,
	batch     integer,
	ambiguous boolean NOT NULL DEFAULT false,
	PRIMARY KEY (job_id, file)
) WITH (fillfactor = 70);
CREATE INDEX relink_row_batch ON missing_photos.relink_row (job_id, batch) WHERE batch IS NOT NULL;
COMMENT ON TABLE missing_photos.relink_row IS 'files of the library that aren''t at their paths';
COMMENT ON COLUMN missing_photos.relink_row.displaced IS
	'another file lies at its path, or may do; replaced: it surely is another one';
COMMENT ON COLUMN missing_photos.relink_row.batch IS 'when files of its size are read';

CREATE UNLOGGED TABLE missing_photos.relink_file (
	job_id    uuid    NOT NULL,
	number    integer NOT NULL,
	path      text    NOT NULL,
	fsid      bigint  NOT NULL,
	inode     bigint  NOT NULL,
	size      bigint  NOT NULL,
	mtime_ns  bigint  NOT NULL,
	ctime_ns  bigint  NOT NULL,
	linked    boolean NOT NULL,
	occupied  boolean NOT NULL,
	freed     boolean NOT NULL DEFAULT false,
	open      boolean NOT NULL DEFAULT true,
	batch     integer,
	wanted    text,
	ends_only boolean,
	algorithm text,
	digest    text,
	ends      text,
	ruled_out boolean NOT NULL DEFAULT false,
	PRIMARY KEY (job_id, number)
) WITH (fillfactor = 70);
CREATE INDEX relink_file_batch ON missing_photos.relink_file (job_id, batch) WHERE batch IS NOT NULL;
COMMENT ON TABLE missing_photos.relink_file IS 'files on disk that may be one of those';
COMMENT ON COLUMN missing_photos.relink_file.number IS 'negative when it is occupied';
COMMENT ON COLUMN missing_photos.relink_file.occupied IS
	'its path is that of a displaced row; freed: whose file was found elsewhere; open: it may be another row''s for its content';
COMMENT ON COLUMN missing_photos.relink_file.batch IS 'when it is read; 0: as a sample of its folder';
COMMENT ON COLUMN missing_photos.relink_file.wanted IS
	'the algorithm of the digest; ends_only: its ends are read first, which are known of all it may be';

CREATE UNLOGGED TABLE missing_photos.relink_folder (
	job_id     uuid   NOT NULL,
	old_folder text   NOT NULL,
	new_folder text   NOT NULL,
	PRIMARY KEY (job_id, old_folder)
);
COMMENT ON TABLE missing_photos.relink_folder IS 'folders that probably moved';

CREATE UNLOGGED TABLE missing_photos.relink_pair (
	job_id  uuid NOT NULL,
	row_at  tid  NOT NULL,
	file_at tid  NOT NULL
);
COMMENT ON TABLE missing_photos.relink_pair IS
	'rows and files that fit by the rule in hand, by their places in the tables';

CREATE UNLOGGED TABLE missing_photos.relink_move (
	job_id       uuid    NOT NULL,
	number       integer NOT NULL,
	file         text    NOT NULL,
	photos       text[]  NOT NULL,
	old_path     text,
	new_path     text    NOT NULL,
	reason       text    NOT NULL,
	displaced    boolean NOT NULL,
	old_inode    bigint,
	old_size     bigint,
	old_mtime_ns bigint,
	fsid         bigint  NOT NULL,
	inode        bigint  NOT NULL,
	size         bigint  NOT NULL,
	mtime_ns     bigint  NOT NULL,
	ctime_ns     bigint  NOT NULL,
	algorithm    text,
	digest       text,
	ends         text,
	PRIMARY KEY (job_id, number)
);
COMMENT ON TABLE missing_photos.relink_move IS
	'rows that have found their file, one to one, and wait for its path; they leave the tables above';

CREATE UNLOGGED TABLE missing_photos.relink_doubt (
	job_id   uuid   NOT NULL,
	file     text   NOT NULL,
	photos   text[] NOT NULL,
	old_path text,
	path     text   NOT NULL,
	reason   text   NOT NULL
);
COMMENT ON TABLE missing_photos.relink_doubt IS 'rows and files that fit, but not one to one';

CREATE FUNCTION missing_photos.folder_of(path text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE WHEN pg_catalog.strpos(path, '/') > 0
	            THEN pg_catalog."left"(path, -1 - pg_catalog.length(pg_catalog.split_part(path, '/', -1)))
	            ELSE path END
$$;
COMMENT ON FUNCTION missing_photos.folder_of IS 'the folder of a path';

CREATE FUNCTION missing_photos.name_of(path text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT pg_catalog.split_part(path, '/', -1) $$;
COMMENT ON FUNCTION missing_photos.name_of IS 'the last part of a path';

CREATE FUNCTION missing_photos.extension_of(path text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE WHEN pg_catalog.strpos(pg_catalog.split_part(path, '/', -1), '.') > 0
	            THEN pg_catalog.lower(pg_catalog.split_part(path, '.', -1)) END
$$;
COMMENT ON FUNCTION missing_photos.extension_of IS 'what follows the last point of a path';

CREATE FUNCTION missing_photos.relink_clear(job_id uuid, abandoned boolean)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Abandoned: also what runs left behind that didn't come to their end.
	WITH over AS (
		SELECT relink_clear.job_id AS id
		UNION
		SELECT staged.job_id
		  FROM (SELECT f.job_id FROM missing_photos.relink_file AS f
		        UNION
		        SELECT r.job_id FROM missing_photos.relink_row AS r
		        UNION
		        SELECT m.job_id FROM missing_photos.relink_move AS m
		        UNION
		        SELECT d.job_id FROM missing_photos.relink_doubt AS d) AS staged
		 WHERE abandoned AND NOT EXISTS (SELECT FROM missing_photos.job AS j
		                                  WHERE j.job_id = staged.job_id AND j.state = 'running')
	), of_rows AS (
		DELETE FROM missing_photos.relink_row AS old USING over WHERE old.job_id = over.id
	), of_files AS (
		DELETE FROM missing_photos.relink_file AS old USING over WHERE old.job_id = over.id
	), of_folders AS (
		DELETE FROM missing_photos.relink_folder AS old USING over WHERE old.job_id = over.id
	), of_pairs AS (
		DELETE FROM missing_photos.relink_pair AS old USING over WHERE old.job_id = over.id
	), of_moves AS (
		DELETE FROM missing_photos.relink_move AS old USING over WHERE old.job_id = over.id
	)
	DELETE FROM missing_photos.relink_doubt AS old USING over WHERE old.job_id = over.id
$$;
COMMENT ON FUNCTION missing_photos.relink_clear IS 'empties what a run set aside';

CREATE FUNCTION missing_photos.relink_add_rows(
	job_id uuid, displaced boolean, photos text[], files text[], paths text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_hashagg = off
AS $$
	-- Sorted: an index takes rows in its own order most quickly.
	INSERT INTO missing_photos.relink_row AS known
		(job_id, displaced, file, photos, path, fsid, inode, size, mtime_ns, algorithm, digest, ends)
	SELECT relink_add_rows.job_id, relink_add_rows.displaced, gone.file, gone.photos, gone.path,
	       seen.fsid, seen.inode, seen.size, seen.mtime_ns, content.algorithm, content.digest,
	       content.ends
	  FROM (SELECT g.file, min(g.path) AS path, array_agg(g.photo) AS photos
	          FROM unnest(photos, files, paths) AS g (photo, file, path)
	         GROUP BY g.file) AS gone
	  LEFT JOIN missing_photos.file_identity AS seen ON seen.file = gone.file
	  LEFT JOIN missing_photos.file_digest AS content
	    ON content.file = gone.file AND content.size = seen.size
	   AND content.mtime_ns = seen.mtime_ns
	ON CONFLICT ON CONSTRAINT relink_row_pkey DO UPDATE SET photos = known.photos || excluded.photos
$$;
COMMENT ON FUNCTION missing_photos.relink_add_rows IS
	'sets files of the library aside that aren''t at their paths, with what is known of them';

CREATE FUNCTION missing_photos.relink_add_content(
	job_id uuid, after text, last text, files text[], algorithms text[], digests text[], sizes bigint[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- What we saw of the file goes before what the library was once told. Its digests are of no use
	-- with those of another kind.
	UPDATE missing_photos.relink_row AS r
	   SET size = COALESCE(r.size, NULLIF(content.size, 0)),
	       algorithm = COALESCE(content.algorithm, r.algorithm),
	       digest = COALESCE(content.digest, r.digest),
	       ends = CASE WHEN content.algorithm = r.algorithm OR content.algorithm IS NULL
	                   THEN r.ends END
	  FROM unnest(files, algorithms, digests, sizes) AS content (file, algorithm, digest, size)
	 WHERE r.job_id = relink_add_content.job_id AND r.file = content.file
	   AND r.file > relink_add_content.after AND r.file <= relink_add_content.last
$$;
COMMENT ON FUNCTION missing_photos.relink_add_content IS
	'adds what the library knows of the contents of files, all of which lie between two keys';

CREATE FUNCTION missing_photos.relink_add_files(
	job_id uuid, numbers integer[], paths text[], fsids bigint[], inodes bigint[], sizes bigint[],
	mtimes bigint[], ctimes bigint[], linked boolean[], occupied boolean[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.relink_file
		(job_id, number, path, fsid, inode, size, mtime_ns, ctime_ns, linked, occupied)
	SELECT relink_add_files.job_id, f.*
	  FROM unnest(numbers, paths, fsids, inodes, sizes, mtimes, ctimes, linked, occupied)
	    AS f (number, path, fsid, inode, size, mtime_ns, ctime_ns, linked, occupied)
$$;
COMMENT ON FUNCTION missing_photos.relink_add_files IS
	'sets files aside that were found on disk and that no row of the owner accounts for';

CREATE FUNCTION missing_photos.relink_drop_claimed(job_id uuid, paths text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	DELETE FROM missing_photos.relink_file AS f
	 WHERE f.job_id = relink_drop_claimed.job_id AND NOT f.occupied
	   AND f.path = ANY (SELECT unnest(paths))
$$;
COMMENT ON FUNCTION missing_photos.relink_drop_claimed IS
	'drops files that somebody''s row has';

CREATE FUNCTION missing_photos.relink_take(
	job_id uuid, chained boolean, after integer, most integer)
RETURNS TABLE (
	number integer, photo text, file text, old_path text, new_path text, displaced boolean,
	old_inode bigint, old_size bigint, old_mtime_ns bigint, fsid bigint, inode bigint, size bigint,
	mtime_ns bigint, ctime_ns bigint, algorithm text, digest text, ends text)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Rows that exchange their paths, in a chain or a circle, are wanted all at once.
	WITH next AS (
		DELETE FROM missing_photos.relink_move AS m
		 WHERE m.ctid = ANY (ARRAY(
		           SELECT n.ctid FROM missing_photos.relink_move AS n
		            WHERE n.job_id = relink_take.job_id AND n.number > after
		              AND (NOT chained OR n.displaced OR n.number < 0)
		            ORDER BY n.number
		            LIMIT CASE WHEN NOT chained THEN most END))
		RETURNING m.*
	)
	SELECT next.number, photo.id, next.file, next.old_path, next.new_path, next.displaced,
	       next.old_inode, next.old_size, next.old_mtime_ns, next.fsid, next.inode, next.size,
	       next.mtime_ns, next.ctime_ns, next.algorithm, next.digest, next.ends
	  FROM next
	 CROSS JOIN LATERAL (SELECT DISTINCT p.id FROM unnest(next.photos) AS p (id)) AS photo
$$;
COMMENT ON FUNCTION missing_photos.relink_take IS
	'takes the next files that are to be given their new paths, a row for each of their photos';

-- sql/internal/relink_match.sql

-- Which file on disk is which row's: the rules, strictest first, each over all rows at once. Called by
-- the C code as the extension's owner; nobody else may.
--
-- Without nested loops; relink_stage.sql tells why.

CREATE FUNCTION missing_photos.relink_count_files(job_id uuid)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- A link beside the file itself is no second place.
	DELETE FROM missing_photos.relink_file AS f
	 WHERE f.job_id = relink_count_files.job_id AND f.linked
	   AND EXISTS (SELECT FROM missing_photos.relink_file AS itself
	                WHERE itself.job_id = relink_count_files.job_id AND NOT itself.linked
	                  AND itself.fsid = f.fsid AND itself.inode = f.inode);
	SELECT count(*) FROM missing_photos.relink_file AS f
	 WHERE f.job_id = relink_count_files.job_id AND NOT f.occupied
$$;
COMMENT ON FUNCTION missing_photos.relink_count_files IS
	'how many files were found that no row has; a symbolic link to another of them isn''t one';

CREATE FUNCTION missing_photos.relink_settle(job_id uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- Another size at its path, or a file that is known to be another row's: its own surely isn't there.
	UPDATE missing_photos.relink_row AS r SET replaced = true
	  FROM missing_photos.relink_file AS f
	 WHERE r.job_id = relink_settle.job_id AND r.displaced AND f.job_id = relink_settle.job_id
	   AND f.path = r.path
	   AND (f.size <> r.size OR missing_photos.is_anothers(r.file, r.inode, f.fsid, f.inode, f.size,
	                                                       f.mtime_ns));
	-- So far doubts are about identities: it is another row's very file that lies there.
	UPDATE missing_photos.relink_row AS r SET replaced = true
	  FROM missing_photos.relink_doubt AS d
	 WHERE r.job_id = relink_settle.job_id AND r.displaced AND d.job_id = relink_settle.job_id
	   AND d.path = r.path AND d.file <> r.file;
	UPDATE missing_photos.relink_file AS f SET open = false
	 WHERE f.job_id = relink_settle.job_id AND f.occupied AND NOT f.freed
	   AND NOT EXISTS (SELECT FROM missing_photos.relink_row AS r
	                    WHERE r.job_id = relink_settle.job_id AND r.replaced AND r.path = f.path);
	-- What can't be any row's file needs no further thought.
	DELETE FROM missing_photos.relink_file AS f
	 WHERE f.job_id = relink_settle.job_id AND NOT f.occupied
	   AND NOT EXISTS (SELECT FROM missing_photos.relink_row AS r
	                    WHERE r.job_id = relink_settle.job_id AND r.size = f.size)
	   AND NOT EXISTS (SELECT FROM missing_photos.relink_row AS r
	                    WHERE r.job_id = relink_settle.job_id AND r.size IS NULL
	                      AND missing_photos.extension_of(r.path) = missing_photos.extension_of(f.path));
	-- What earlier runs read needn't be read again.
	UPDATE missing_photos.relink_file AS f
	   SET algorithm = known.algorithm, digest = known.digest, ends = known.ends
	  FROM missing_photos.read_digest AS known
	 WHERE f.job_id = relink_settle.job_id AND known.path = f.path AND known.inode = f.inode
	   AND known.size = f.size AND known.mtime_ns = f.mtime_ns;
	UPDATE missing_photos.read_digest AS known SET noted_at = now()
	  FROM missing_photos.relink_file AS f
	 WHERE f.job_id = relink_settle.job_id AND f.algorithm IS NOT NULL AND known.path = f.path
	   AND known.noted_at < now() - interval '1 day';
	UPDATE missing_photos.relink_file AS f SET ruled_out = true
	 WHERE f.job_id = relink_settle.job_id AND f.digest IS NULL AND f.ends IS NOT NULL
	   AND NOT EXISTS (SELECT FROM missing_photos.relink_row AS r
	                    WHERE r.job_id = relink_settle.job_id AND r.size = f.size
	                      AND (r.ends IS NULL OR r.ends = f.ends));
$$;
COMMENT ON FUNCTION missing_photos.relink_settle IS
	'draws the first conclusions of what was set aside, and drops what can''t be of use';

CREATE FUNCTION missing_photos.relink_decide(job_id uuid, reason text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
	-- OFFSET 0 makes the planner fetch each row from its place; there may be few pairs and many rows.
	WITH pair AS (
		DELETE FROM missing_photos.relink_pair AS p
		 WHERE p.job_id = relink_decide.job_id
		RETURNING p.row_at, p.file_at
	), counted AS MATERIALIZED (
		SELECT pair.row_at, pair.file_at, row_number() OVER by_row AS ordinal,
		       count(*) OVER (PARTITION BY pair.row_at) = 1
		       AND count(*) OVER (PARTITION BY pair.file_at) = 1 AS sure
		  FROM pair
		WINDOW by_row AS (PARTITION BY pair.row_at)
	), settled AS (
		INSERT INTO missing_photos.relink_move
			(job_id, number, file, photos, old_path, new_path, reason, displaced, old_inode, old_size,
			 old_mtime_ns, fsid, inode, size, mtime_ns, ctime_ns, algorithm, digest, ends)
		SELECT relink_decide.job_id, f.number, r.file, r.photos, r.path, f.path, relink_decide.reason,
		       r.displaced, r.inode, r.size, r.mtime_ns, f.fsid, f.inode, f.size, f.mtime_ns,
		       f.ctime_ns, f.algorithm, f.digest, f.ends
		  FROM counted AS c
		 CROSS JOIN LATERAL (SELECT k.* FROM missing_photos.relink_row AS k
		                      WHERE k.ctid = c.row_at OFFSET 0) AS r
		 CROSS JOIN LATERAL (SELECT k.* FROM missing_photos.relink_file AS k
		                      WHERE k.ctid = c.file_at OFFSET 0) AS f
		 WHERE c.sure
		 ORDER BY f.number
	), of_rows AS (
		DELETE FROM missing_photos.relink_row AS r
		 WHERE r.ctid = ANY (ARRAY(SELECT c.row_at FROM counted AS c WHERE c.sure))
	), of_files AS (
		DELETE FROM missing_photos.relink_file AS f
		 WHERE f.ctid = ANY (ARRAY(SELECT c.file_at FROM counted AS c WHERE c.sure))
	), doubted AS (
		UPDATE missing_photos.relink_row AS r SET ambiguous = true
		 WHERE r.ctid = ANY (ARRAY(SELECT c.row_at FROM counted AS c WHERE NOT c.sure))
	)
	INSERT INTO missing_photos.relink_doubt (job_id, file, photos, old_path, path, reason)
	SELECT relink_decide.job_id, r.file, r.photos, r.path, f.path,
	       relink_decide.reason || ', but not of this one alone'
	  FROM counted AS c
	 CROSS JOIN LATERAL (SELECT k.* FROM missing_photos.relink_row AS k
	                      WHERE k.ctid = c.row_at OFFSET 0) AS r
	 CROSS JOIN LATERAL (SELECT k.* FROM missing_photos.relink_file AS k
	                      WHERE k.ctid = c.file_at OFFSET 0) AS f
	 WHERE NOT c.sure AND c.ordinal <= 20
$$;
COMMENT ON FUNCTION missing_photos.relink_decide IS
	'gives rows the files that fit one to one, and sets the others aside for a person';

CREATE FUNCTION missing_photos.relink_by_identity(job_id uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- A rename leaves all of this as it was, and ctime alone changes.
	INSERT INTO missing_photos.relink_pair (job_id, row_at, file_at)
	SELECT r.job_id, r.ctid, f.ctid
	  FROM missing_photos.relink_row AS r
	  JOIN missing_photos.relink_file AS f
	    ON f.inode = r.inode AND f.fsid = r.fsid AND f.size = r.size AND f.mtime_ns = r.mtime_ns
	 WHERE r.job_id = relink_by_identity.job_id AND f.job_id = relink_by_identity.job_id
	   AND f.path IS DISTINCT FROM r.path;
	SELECT missing_photos.relink_decide(job_id, 'same identity');
	UPDATE missing_photos.relink_file AS f SET freed = true
	  FROM missing_photos.relink_move AS m
	 WHERE f.job_id = relink_by_identity.job_id AND f.occupied
	   AND m.job_id = relink_by_identity.job_id AND m.displaced AND m.old_path = f.path
$$;
COMMENT ON FUNCTION missing_photos.relink_by_identity IS 'rows whose very file lies elsewhere';

CREATE FUNCTION missing_photos.relink_guess_folders(job_id uuid)
RETURNS bigint
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- A folder moved to where most of its missing files have one of their name and size, and nowhere
	-- else as many. Names that are common with their size tell nothing, and would cost a square.
	WITH gone AS MATERIALIZED (
		SELECT missing_photos.folder_of(r.path) AS folder, missing_photos.name_of(r.path) AS name, r.size
		  FROM missing_photos.relink_row AS r
		 WHERE r.job_id = relink_guess_folders.job_id AND NOT r.ambiguous
		   AND NOT r.displaced AND r.size IS NOT NULL AND r.path IS NOT NULL
	), here AS MATERIALIZED (
		SELECT missing_photos.folder_of(f.path) AS folder, missing_photos.name_of(f.path) AS name, f.size
		  FROM missing_photos.relink_file AS f
		 WHERE f.job_id = relink_guess_folders.job_id AND NOT f.occupied
	), telling AS (
		SELECT name, size
		  FROM (SELECT name, size, count(*) AS n FROM gone GROUP BY name, size) AS a
		  JOIN (SELECT name, size, count(*) AS n FROM here GROUP BY name, size) AS b
		 USING (name, size)
		 WHERE a.n * b.n <= 64
	), vote AS (
		SELECT gone.folder AS old_folder, here.folder AS new_folder, count(*) AS agreed
		  FROM telling
		  JOIN gone USING (name, size)
		  JOIN here USING (name, size)
		 GROUP BY gone.folder, here.folder
	), ranked AS (
		SELECT vote.*, rank() OVER of_old AS place_of_old, rank() OVER of_new AS place_of_new,
		       count(*) OVER (PARTITION BY old_folder, agreed) AS equal_of_old,
		       count(*) OVER (PARTITION BY new_folder, agreed) AS equal_of_new
		  FROM vote
		WINDOW of_old AS (PARTITION BY old_folder ORDER BY agreed DESC),
		       of_new AS (PARTITION BY new_folder ORDER BY agreed DESC)
	)
	INSERT INTO missing_photos.relink_folder (job_id, old_folder, new_folder)
	SELECT relink_guess_folders.job_id, ranked.old_folder, ranked.new_folder
	  FROM ranked
	  JOIN (SELECT folder, count(*) AS n FROM gone GROUP BY folder) AS whole
	    ON whole.folder = ranked.old_folder
	 WHERE place_of_old = 1 AND place_of_new = 1 AND equal_of_old = 1 AND equal_of_new = 1
	   AND ranked.agreed > 1 AND ranked.agreed * 2 > whole.n;
	UPDATE missing_photos.relink_row AS r SET guess = f.number
	  FROM missing_photos.relink_folder AS moved
	  JOIN missing_photos.relink_file AS f
	    ON f.job_id = relink_guess_folders.job_id
	   AND missing_photos.folder_of(f.path) = moved.new_folder
	 WHERE moved.job_id = relink_guess_folders.job_id AND r.job_id = relink_guess_folders.job_id
	   AND missing_photos.folder_of(r.path) = moved.old_folder
	   AND missing_photos.name_of(r.path) = missing_photos.name_of(f.path) AND r.size = f.size
	   AND NOT r.ambiguous AND NOT r.displaced AND NOT f.occupied;
	-- A sample of each is read: three files, or one in a hundred.
	UPDATE missing_photos.relink_file AS f
	   SET batch = 0, wanted = sample.algorithm, ends_only = sample.ends IS NOT NULL
	  FROM (SELECT r.*, row_number() OVER (PARTITION BY r.folder ORDER BY md5(r.path)) AS ordinal,
	               count(*) OVER (PARTITION BY r.folder) AS n
	          FROM (SELECT k.guess, k.path, k.algorithm, k.ends,
	                       missing_photos.folder_of(k.path) AS folder
	                  FROM missing_photos.relink_row AS k
	                 WHERE k.job_id = relink_guess_folders.job_id AND k.guess IS NOT NULL
	                   AND k.digest IS NOT NULL) AS r) AS sample
	 WHERE f.job_id = relink_guess_folders.job_id AND f.number = sample.guess
	   AND sample.ordinal <= greatest(3, sample.n / 100);
	SELECT count(*) FROM missing_photos.relink_folder AS moved
	 WHERE moved.job_id = relink_guess_folders.job_id
$$;
COMMENT ON FUNCTION missing_photos.relink_guess_folders IS
	'folders that probably moved, and which of their files are to be read to make sure';

CREATE FUNCTION missing_photos.relink_by_folder(job_id uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- One file of the sample that can't be shown to be the same, and the folder is no such folder. Where
	-- no content is known at all, times have to agree as well, file by file and for most of them.
	WITH guessed AS MATERIALIZED (
		SELECT r.ctid AS row_at, f.ctid AS file_at, missing_photos.folder_of(r.path) AS folder,
		       r.digest IS NULL AS unknown, f.mtime_ns = r.mtime_ns AS same_time,
		       f.batch = 0 AS sampled, f.algorithm = r.algorithm AND f.digest = r.digest AS same_content,
		       f.algorithm = r.algorithm AND (f.digest <> r.digest OR f.ends <> r.ends) AS other_content
		  FROM missing_photos.relink_row AS r
		  JOIN missing_photos.relink_file AS f
		    ON f.job_id = relink_by_folder.job_id AND f.number = r.guess
		 WHERE r.job_id = relink_by_folder.job_id AND r.guess IS NOT NULL
	), sample AS (
		SELECT folder, count(*) FILTER (WHERE same_content) AS same,
		       count(*) FILTER (WHERE sampled AND same_content IS NOT TRUE) AS other,
		       count(*) FILTER (WHERE unknown AND same_time) * 2 > count(*) FILTER (WHERE unknown) AS in_time
		  FROM guessed
		 GROUP BY folder
	)
	INSERT INTO missing_photos.relink_pair (job_id, row_at, file_at)
	SELECT relink_by_folder.job_id, guessed.row_at, guessed.file_at
	  FROM guessed
	  JOIN sample USING (folder)
	 WHERE sample.other = 0 AND other_content IS NOT TRUE
	   AND (sample.same > 0 OR guessed.unknown AND guessed.same_time AND sample.in_time);
	SELECT missing_photos.relink_decide(job_id, 'moved folder')
$$;
COMMENT ON FUNCTION missing_photos.relink_by_folder IS
	'rows of folders that moved, once the samples are read';

CREATE FUNCTION missing_photos.relink_by_time(job_id uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- Only where nothing at all is known of the content.
	INSERT INTO missing_photos.relink_pair (job_id, row_at, file_at)
	SELECT r.job_id, r.ctid, f.ctid
	  FROM missing_photos.relink_row AS r
	  JOIN missing_photos.relink_file AS f
	    ON f.size = r.size AND f.mtime_ns = r.mtime_ns
	   AND missing_photos.name_of(f.path) = missing_photos.name_of(r.path)
	 WHERE r.job_id = relink_by_time.job_id AND f.job_id = relink_by_time.job_id
	   AND NOT r.ambiguous AND r.digest IS NULL AND NOT r.displaced AND NOT f.occupied;
	SELECT missing_photos.relink_decide(job_id, 'same name, size and time');
	-- Less than that is for a person to look at.
	INSERT INTO missing_photos.relink_doubt (job_id, file, photos, old_path, path, reason)
	SELECT relink_by_time.job_id, fits.file, fits.photos, fits.old_path, fits.path,
	       'size and ' || CASE WHEN fits.same_name THEN 'name' ELSE 'time' END
	       || ' agree, but nothing is known of the content'
	  FROM (SELECT alike.*, row_number() OVER (PARTITION BY alike.file ORDER BY same_name DESC, path) AS ordinal
	          FROM (SELECT r.file, r.photos, r.path AS old_path, f.path, f.mtime_ns = r.mtime_ns AS same_time,
	                       missing_photos.name_of(f.path) = missing_photos.name_of(r.path) AS same_name
	                  FROM missing_photos.relink_row AS r
	                  JOIN missing_photos.relink_file AS f ON f.size = r.size
	                 WHERE r.job_id = relink_by_time.job_id AND f.job_id = relink_by_time.job_id
	                   AND NOT r.ambiguous AND r.digest IS NULL AND NOT r.displaced
	                   AND NOT f.occupied AND r.size > 0) AS alike
	         WHERE same_name OR same_time) AS fits
	 WHERE fits.ordinal <= 20
$$;
COMMENT ON FUNCTION missing_photos.relink_by_time IS
	'rows whose name, size and time are found elsewhere';

-- sql/internal/relink_content.sql

-- Finding rows' files by their content: what is to be read, in which order, and what it proves. Called by
-- the C code as the extension's owner; nobody else may. Without nested loops;
-- relink_stage.sql tells why.

CREATE FUNCTION missing_photos.relink_plan_content(
	job_id uuid, most_files bigint, most_bytes bigint)
RETURNS integer
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- All files of one size are read in one batch: whether a content is there once or twice is known
	-- at its end. The first sizes come first, so that work done is done for good.
	WITH wanted AS MATERIALIZED (
		SELECT r.size, min(r.algorithm) AS algorithm, bool_and(r.ends IS NOT NULL) AS ends_known
		  FROM missing_photos.relink_row AS r
		 WHERE r.job_id = relink_plan_content.job_id AND NOT r.ambiguous AND r.digest IS NOT NULL
		   AND (NOT r.displaced OR r.replaced)
		 GROUP BY r.size
	), of_size AS (
		SELECT f.size, count(*) AS n
		  FROM missing_photos.relink_file AS f
		  JOIN wanted USING (size)
		 WHERE f.job_id = relink_plan_content.job_id AND f.open
		 GROUP BY f.size
	), before AS (
		SELECT size, sum(n) OVER by_size - n AS files, sum(n * size) OVER by_size - n * size AS bytes
		  FROM of_size
		WINDOW by_size AS (ORDER BY size)
	), batched AS MATERIALIZED (
		SELECT wanted.*,
		       dense_rank() OVER (ORDER BY floor(files / most_files) + floor(bytes / most_bytes))::integer
		       AS batch
		  FROM before
		  JOIN wanted USING (size)
	), of_rows AS (
		UPDATE missing_photos.relink_row AS r SET batch = batched.batch
		  FROM batched
		 WHERE r.job_id = relink_plan_content.job_id AND r.size = batched.size AND NOT r.ambiguous
		   AND r.digest IS NOT NULL AND (NOT r.displaced OR r.replaced)
	)
	UPDATE missing_photos.relink_file AS f
	   SET batch = batched.batch, wanted = batched.algorithm, ends_only = batched.ends_known
	  FROM batched
	 WHERE f.job_id = relink_plan_content.job_id AND f.size = batched.size AND f.open;
	SELECT COALESCE(max(f.batch), 0) FROM missing_photos.relink_file AS f
	 WHERE f.job_id = relink_plan_content.job_id
$$;
COMMENT ON FUNCTION missing_photos.relink_plan_content IS
	'deals the files out that have to be read, by size; returns the last batch';

CREATE FUNCTION missing_photos.relink_plan_unsized(
	job_id uuid, after integer, most_files bigint)
RETURNS integer
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- Of files that were never seen healthy not even the size is known: all of their kind are read.
	UPDATE missing_photos.relink_file AS f
	   SET batch = relink_plan_unsized.after + 1 + k.ordinal / most_files, wanted = k.algorithm,
	       ends_only = false
	  FROM (SELECT u.number, of_kind.algorithm, row_number() OVER (ORDER BY u.number) - 1 AS ordinal
	          FROM missing_photos.relink_file AS u
	          JOIN (SELECT missing_photos.extension_of(r.path) AS extension, min(r.algorithm) AS algorithm
	                  FROM missing_photos.relink_row AS r
	                 WHERE r.job_id = relink_plan_unsized.job_id AND r.size IS NULL
	                   AND r.digest IS NOT NULL AND NOT r.displaced
	                 GROUP BY 1) AS of_kind
	            ON of_kind.extension = missing_photos.extension_of(u.path)
	         WHERE u.job_id = relink_plan_unsized.job_id AND u.open) AS k
	 WHERE f.job_id = relink_plan_unsized.job_id AND f.number = k.number;
	SELECT COALESCE(max(f.batch), 0) FROM missing_photos.relink_file AS f
	 WHERE f.job_id = relink_plan_unsized.job_id
$$;
COMMENT ON FUNCTION missing_photos.relink_plan_unsized IS
	'the same for rows of which no size is known';

CREATE FUNCTION missing_photos.relink_to_read(job_id uuid, batch integer)
RETURNS TABLE (
	number integer, path text, algorithm text, ends_only boolean, inode bigint, size bigint,
	mtime_ns bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT f.number, f.path, f.wanted, f.ends_only AND f.ends IS NULL, f.inode, f.size, f.mtime_ns
	  FROM missing_photos.relink_file AS f
	 WHERE f.job_id = relink_to_read.job_id AND f.batch = relink_to_read.batch AND NOT f.ruled_out
	   AND (f.digest IS NULL OR f.algorithm <> f.wanted)
	 ORDER BY f.path
$$;
COMMENT ON FUNCTION missing_photos.relink_to_read IS
	'files of a batch whose content, or ends, have to be read';

CREATE FUNCTION missing_photos.relink_note_digests(
	job_id uuid, batch integer, numbers integer[], algorithms text[], digests text[], ends text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- Neither: the file couldn't be read, or isn't what it was when it was found. Ends tell the size
	-- too. A sample whose ends are others may still be another row's file.
	UPDATE missing_photos.relink_file AS f
	   SET algorithm = seen.algorithm, digest = seen.digest, ends = COALESCE(seen.ends, f.ends),
	       ruled_out = seen.digest IS NULL
	                   AND (seen.ends IS NULL OR f.batch > 0 AND fits.ends IS NULL)
	  FROM unnest(numbers, algorithms, digests, relink_note_digests.ends)
	    AS seen (number, algorithm, digest, ends)
	  LEFT JOIN (SELECT DISTINCT r.algorithm, r.ends FROM missing_photos.relink_row AS r
	              WHERE r.job_id = relink_note_digests.job_id AND r.batch = relink_note_digests.batch
	                AND r.ends IS NOT NULL) AS fits
	    ON fits.algorithm = seen.algorithm AND fits.ends = seen.ends
	 WHERE f.job_id = relink_note_digests.job_id AND f.batch = relink_note_digests.batch
	   AND f.number = seen.number;
	INSERT INTO missing_photos.read_digest AS known
		(path, inode, size, mtime_ns, algorithm, digest, ends)
	SELECT f.path, f.inode, f.size, f.mtime_ns, f.algorithm, f.digest, f.ends
	  FROM missing_photos.relink_file AS f
	 WHERE f.job_id = relink_note_digests.job_id AND f.batch = relink_note_digests.batch
	   AND f.number = ANY (SELECT unnest(numbers)) AND COALESCE(f.digest, f.ends) IS NOT NULL
	 ORDER BY f.path
	ON CONFLICT ON CONSTRAINT read_digest_pkey DO UPDATE
	   SET inode = excluded.inode, size = excluded.size, mtime_ns = excluded.mtime_ns,
	       algorithm = excluded.algorithm, digest = excluded.digest, ends = excluded.ends,
	       noted_at = excluded.noted_at
$$;
COMMENT ON FUNCTION missing_photos.relink_note_digests IS 'keeps what was read';

CREATE FUNCTION missing_photos.relink_by_content(job_id uuid, batch integer)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	INSERT INTO missing_photos.relink_pair (job_id, row_at, file_at)
	SELECT r.job_id, r.ctid, f.ctid
	  FROM missing_photos.relink_file AS f
	  JOIN missing_photos.relink_row AS r
	    ON r.size = f.size AND r.digest = f.digest AND r.algorithm = f.algorithm
	 WHERE f.job_id = relink_by_content.job_id AND f.batch = relink_by_content.batch AND f.open
	   AND r.job_id = relink_by_content.job_id AND r.batch = relink_by_content.batch
	   AND NOT r.ambiguous;
	SELECT missing_photos.relink_decide(job_id, 'same content')
$$;
COMMENT ON FUNCTION missing_photos.relink_by_content IS
	'rows whose content lies elsewhere, among the sizes of one batch';

CREATE FUNCTION missing_photos.relink_by_content_alone(job_id uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	INSERT INTO missing_photos.relink_pair (job_id, row_at, file_at)
	SELECT r.job_id, r.ctid, f.ctid
	  FROM missing_photos.relink_file AS f
	  JOIN missing_photos.relink_row AS r ON r.digest = f.digest AND r.algorithm = f.algorithm
	 WHERE f.job_id = relink_by_content_alone.job_id AND f.open
	   AND r.job_id = relink_by_content_alone.job_id AND NOT r.ambiguous
	   AND r.size IS NULL AND NOT r.displaced;
	SELECT missing_photos.relink_decide(job_id, 'same content')
$$;
COMMENT ON FUNCTION missing_photos.relink_by_content_alone IS
	'the same for rows of which no size is known';

-- sql/internal/contents.sql

-- What the content of files is, as far as add_file read it. Called by the C code as the extension's
-- owner; nobody else may.

CREATE FUNCTION missing_photos.note_content(
	file text, size bigint, mtime_ns bigint, algorithm text, digest text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.file_digest AS known (file, size, mtime_ns, algorithm, digest)
	VALUES (note_content.file, note_content.size, note_content.mtime_ns, note_content.algorithm,
	        note_content.digest)
	ON CONFLICT ON CONSTRAINT file_digest_pkey DO UPDATE
	   SET size = excluded.size, mtime_ns = excluded.mtime_ns, algorithm = excluded.algorithm,
	       digest = excluded.digest, noted_at = excluded.noted_at,
	       ends = CASE WHEN known.digest = excluded.digest THEN known.ends END
	 WHERE (known.size, known.mtime_ns, known.algorithm, known.digest)
	    <> (excluded.size, excluded.mtime_ns, excluded.algorithm, excluded.digest)
$$;
COMMENT ON FUNCTION missing_photos.note_content IS 'notes what was read of a file';

CREATE INDEX file_digest_content ON missing_photos.file_digest (digest);

CREATE FUNCTION missing_photos.files_of_content(of_algorithm text, of_digest text)
RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A digest is of use while the file is as it was when it was read.
	SELECT COALESCE(array_agg(known.file ORDER BY known.file), '{}')
	  FROM missing_photos.file_digest AS known
	  JOIN missing_photos.file_identity AS seen
	    ON seen.file = known.file AND seen.size = known.size AND seen.mtime_ns = known.mtime_ns
	 WHERE known.digest = of_digest AND known.algorithm = of_algorithm
$$;
COMMENT ON FUNCTION missing_photos.files_of_content IS 'files that had this content when last seen';

-- sql/internal/merge.sql

-- The statements that fold photos into others: everything that references the one then references the
-- other. They are made from the catalog each time, so that tables nobody foresaw come along, and run
-- with the caller's rights and search_path: every name in them has its schema. $1: the photos that
-- stay, $2: beside them those that go, both as text.

-- Whether row c, which references a photo that goes, has its like among those of the one that stays.
CREATE FUNCTION missing_photos.merge_likeness(relation oid, key_column name, same_columns name[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH kept AS (
		SELECT format('SELECT FROM %s AS o WHERE o.%I OPERATOR(pg_catalog.=) k.stays::%s',
		              missing_photos.relation_source(relation), key_column,
		              missing_photos.type_name(a.atttypid)) AS rows
		  FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = key_column
	), unique_index AS (
		-- An index's condition is left aside: better a row too many that goes than an error.
		SELECT index.indexrelid,
		       (SELECT string_agg(format(' AND o.%I OPERATOR(pg_catalog.=) c.%1$I', a.attname), ''
		                          ORDER BY part.place)
		          FROM unnest(index.indkey::smallint[]) WITH ORDINALITY AS part (attnum, place)
		          JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = part.attnum
		         WHERE part.place <= index.indnkeyatts AND a.attname <> key_column) AS others
		  FROM pg_index AS index
		 WHERE index.indrelid = relation AND index.indisunique
		   AND EXISTS (SELECT FROM unnest(index.indkey::smallint[]) WITH ORDINALITY AS part (attnum, place)
		                 JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = part.attnum
		                WHERE part.place <= index.indnkeyatts AND a.attname = key_column)
	), plain AS (
		-- Without such an index, a row that says the same in every column but its own key.
		SELECT string_agg(format(' AND (o.%I::pg_catalog.text OPERATOR(pg_catalog.=) c.%1$I::pg_catalog.text'
		                         || ' OR o.%1$I IS NULL AND c.%1$I IS NULL)', column_name), '') AS others
		  FROM unnest(missing_photos.stored_columns(relation)) AS column_name
		 WHERE column_name <> key_column
		   AND (NOT column_name = ANY (missing_photos.row_key(relation))
		        OR missing_photos.row_key(relation) = missing_photos.stored_columns(relation))
	), told AS (
		SELECT string_agg(format(' AND o.%I OPERATOR(pg_catalog.=) c.%1$I', column_name), '') AS others,
		       string_agg(format('c.%I IS NULL', column_name), ' OR ') AS unknown
		  FROM unnest(same_columns) AS column_name
	)
	SELECT concat_ws(' OR ',
		(SELECT string_agg(format('EXISTS (%s%s)', kept.rows, unique_index.others), ' OR '
		                   ORDER BY unique_index.indexrelid) FROM unique_index, kept),
		CASE WHEN NOT EXISTS (SELECT FROM unique_index)
		     THEN (SELECT format('EXISTS (%s%s)', kept.rows, plain.others) FROM plain, kept) END,
		(SELECT format('EXISTS (%s%s) OR (%s) AND EXISTS (%1$s)', kept.rows, told.others, told.unknown)
		   FROM told, kept WHERE cardinality(same_columns) > 0))
$$;
COMMENT ON FUNCTION missing_photos.merge_likeness IS
	'a condition: the photo that stays has a row like row c already';

CREATE FUNCTION missing_photos.merge_reference(
	relation oid, key_column name, same_columns name[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Returns the row's key as it is now, and what the column was and is: the archive's form of a
	-- change.
	SELECT format(
		'UPDATE %s AS c SET %I = k.stays::%s'
		|| ' FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS k(stays, goes)'
		|| ' WHERE c.%2$I OPERATOR(pg_catalog.=) k.goes::%3$s AND NOT (%4$s)'
		|| ' RETURNING %5$s, k.goes::%3$s, k.stays::%3$s',
		missing_photos.relation_source(relation), key_column, missing_photos.type_name(a.atttypid),
		missing_photos.merge_likeness(relation, key_column, same_columns),
		(SELECT string_agg(format('c.%I', key.name), ', ' ORDER BY key.place)
		   FROM unnest(missing_photos.row_key(relation)) WITH ORDINALITY AS key (name, place)))
	  FROM pg_attribute AS a
	 WHERE a.attrelid = merge_reference.relation AND a.attname = key_column
$$;
COMMENT ON FUNCTION missing_photos.merge_reference IS
	'the statement that makes a table''s rows reference the photo that stays';

-- What the photo's own row takes over: a rating, where it has a lower one.
CREATE FUNCTION missing_photos.merge_own(relation oid, key_column name, photo jsonb)
RETURNS TABLE (columns name[], statement text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT ARRAY[key_column, taken.name],
	       format('UPDATE %1$s AS p SET %2$I = k.now FROM (SELECT o.%3$I AS key, o.%2$I AS was, %4$s AS now'
	              || ' FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS w(stays, goes)'
	              || ' JOIN %1$s AS o ON o.%3$I OPERATOR(pg_catalog.=) w.stays::%5$s'
	              || ' JOIN %1$s AS n ON n.%3$I OPERATOR(pg_catalog.=) w.goes::%5$s WHERE %6$s) AS k'
	              || ' WHERE p.%3$I OPERATOR(pg_catalog.=) k.key RETURNING p.%3$I, k.was, k.now',
	              missing_photos.relation_source(relation), taken.name, key_column,
	              CASE taken.role WHEN 'rating' THEN format('n.%I', taken.name) ELSE 'false' END,
	              photo #>> '{types,key}',
	              CASE taken.role
	              WHEN 'rating' THEN format('n.%I OPERATOR(pg_catalog.>) o.%1$I', taken.name)
	              WHEN 'removed' THEN format('o.%I', taken.name)
	              ELSE format('o.%I AND o.%I', taken.name, photo #>> '{columns,removed}') END)
	  FROM (SELECT used.key AS role, used.value::name AS name
	          FROM jsonb_each_text(photo -> 'columns') AS used
	         WHERE used.key IN ('rating', 'removed')
	            OR used.key = 'trashed' AND photo -> 'columns' ? 'removed') AS taken
	 ORDER BY taken.role DESC
$$;
COMMENT ON FUNCTION missing_photos.merge_own IS
	'the statements that bring the rating over, and take a photo whose files had been removed out of the trash';

CREATE FUNCTION missing_photos.merge_steps()
RETURNS TABLE (relation oid, columns text[], keys integer, statement text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
	WITH photo AS (
		SELECT class.oid AS relation, (bound #>> '{columns,key}')::name AS key_column, bound, mapping,
		       space.nspname AS schema
		  FROM (SELECT a.mapping, a.mapping #> '{tables,photo}' AS bound
		          FROM missing_photos.attached_library AS a) AS library
		  JOIN pg_namespace AS space ON space.nspname = library.mapping ->> 'schema'
		  JOIN pg_class AS class
		    ON class.relnamespace = space.oid AND class.relname = library.bound ->> 'name'
	), reference AS (
		SELECT DISTINCT r.child, pair.child_column
		  FROM photo
		 CROSS JOIN LATERAL missing_photos.references_to(photo.relation) AS r
		 CROSS JOIN LATERAL unnest(r.parent_columns, r.child_columns)
		         AS pair (parent_column, child_column)
		 WHERE pair.parent_column = photo.key_column
	)
	SELECT photo.relation, o.columns::text[], 1, o.statement
	  FROM photo
	 CROSS JOIN LATERAL missing_photos.merge_own(photo.relation, photo.key_column, photo.bound) AS o
	UNION ALL
	SELECT reference.child, (missing_photos.row_key(reference.child) || reference.child_column)::text[],
	       cardinality(missing_photos.row_key(reference.child)),
	       missing_photos.merge_reference(reference.child, reference.child_column, told.columns)
	  FROM photo
	 CROSS JOIN reference
	  JOIN pg_class AS class ON class.oid = reference.child
	 CROSS JOIN LATERAL (
		SELECT ARRAY(SELECT jsonb_array_elements_text(photo.mapping #> ARRAY['same_rows', class.relname])
		              WHERE class.relnamespace = photo.schema::regnamespace)::name[] AS columns) AS told
$$;
COMMENT ON FUNCTION missing_photos.merge_steps IS
	'the statements that fold photos into others, with what they return: a row''s key (keys columns), a column''s old value and its new one';

CREATE FUNCTION missing_photos.merge_lock()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('SELECT FROM %I.%I AS p WHERE p.%I OPERATOR(pg_catalog.=) ANY'
	              || ' (pg_catalog.array_cat($1, $2)::%s[]) ORDER BY p.%3$I FOR UPDATE',
	              a.mapping ->> 'schema', bound ->> 'name', bound #>> '{columns,key}',
	              bound #>> '{types,key}')
	  FROM missing_photos.attached_library AS a
	 CROSS JOIN LATERAL (SELECT a.mapping #> '{tables,photo}' AS bound) AS photo
$$;
COMMENT ON FUNCTION missing_photos.merge_lock IS
	'the statement that locks the photos of a merge, in the order of their keys';

-- sql/internal/history.sql

-- What jobs counted, day by day, and how long all of it is kept.

CREATE FUNCTION missing_photos.today()
RETURNS date
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The server's own time zone: every session has the same day.
	SELECT (clock_timestamp() AT TIME ZONE current_setting('log_timezone'))::date
$$;
COMMENT ON FUNCTION missing_photos.today IS 'the day of the history that it is now';

CREATE FUNCTION missing_photos.note_day(job missing_photos.job)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	now_counted jsonb := (note_day.job).result;
	earlier jsonb := (note_day.job).counted;
	of_kind text := (note_day.job).kind;
	-- Photos and files out of reach are as a finished scan last found them; the rest is added up.
	looked boolean := of_kind = 'scan' AND (note_day.job).state = 'finished';
BEGIN
	INSERT INTO missing_photos.day_count AS d
		(owner, day, photos, missing, unreachable, restored, relinked, deleted)
	SELECT (note_day.job).owner, missing_photos.today(),
	       CASE WHEN looked THEN n.photos ELSE 0 END,
	       CASE WHEN of_kind IN ('scan', 'relink', 'watch') THEN n.missing - e.missing ELSE 0 END,
	       CASE WHEN looked THEN n.unreachable ELSE 0 END,
	       CASE WHEN of_kind IN ('scan', 'relink', 'watch') THEN n.restored - e.restored ELSE 0 END,
	       CASE WHEN of_kind IN ('scan', 'relink', 'watch') THEN n.relinked - e.relinked ELSE 0 END,
	       CASE WHEN of_kind = 'delete' THEN n.photos - e.photos ELSE 0 END
	  FROM missing_photos.counts_of(now_counted) AS n,
	       missing_photos.counts_of(earlier) AS e
	ON CONFLICT ON CONSTRAINT day_count_pkey DO UPDATE
	   SET photos = CASE WHEN looked THEN excluded.photos ELSE d.photos END,
	       unreachable = CASE WHEN looked THEN excluded.unreachable ELSE d.unreachable END,
	       missing = d.missing + excluded.missing, restored = d.restored + excluded.restored,
	       relinked = d.relinked + excluded.relinked, deleted = d.deleted + excluded.deleted;
	UPDATE missing_photos.job AS j SET counted = j.result
	 WHERE j.job_id = (note_day.job).job_id;
END
$$;
COMMENT ON FUNCTION missing_photos.note_day IS 'adds to the history what a job has counted since';

CREATE FUNCTION missing_photos.counts_of(
	result jsonb, OUT photos bigint, OUT missing bigint, OUT unreachable bigint,
	OUT restored bigint, OUT relinked bigint)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE((result ->> 'photos')::bigint, 0), COALESCE((result ->> 'missing')::bigint, 0),
	       COALESCE((result ->> 'unreachable')::bigint, 0),
	       COALESCE((result ->> 'restored')::bigint, 0), COALESCE((result ->> 'relinked')::bigint, 0)
$$;
COMMENT ON FUNCTION missing_photos.counts_of IS 'the counts of a job that the history has';

CREATE FUNCTION missing_photos.forget_old(job_minutes integer, history_minutes integer)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH old AS (
		DELETE FROM missing_photos.job AS j
		 WHERE job_minutes > 0 AND j.told AND j.state IN ('finished', 'failed', 'cancelled')
		   AND j.finished_at < clock_timestamp() - make_interval(mins => job_minutes)
		RETURNING j.job_id
	), suspects AS (
		DELETE FROM missing_photos.suspect AS s USING old WHERE s.job_id = old.job_id
	)
	DELETE FROM missing_photos.finding AS f USING old WHERE f.job_id = old.job_id;
	-- Findings of checks belong to no job.
	DELETE FROM missing_photos.finding AS f
	 WHERE job_minutes > 0 AND f.job_id IS NULL
	   AND f.found_at < clock_timestamp() - make_interval(mins => job_minutes);
	DELETE FROM missing_photos.day_count AS d
	 WHERE history_minutes > 0
	   AND d.day < missing_photos.today() - history_minutes / (24 * 60)
$$;
COMMENT ON FUNCTION missing_photos.forget_old IS
	'removes ended jobs with their findings, and days of the history, that are old enough';

CREATE FUNCTION missing_photos.losses_of(
	of_owner text, of_job uuid, since timestamptz, until timestamptz)
RETURNS TABLE (
	photo text, file text, path text, was_main boolean, main_after text, was_flagged boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT l.photo, l.file, l.path, l.was_main, l.main_after,
	       EXISTS (SELECT FROM missing_photos.finding AS f
	                WHERE f.photo = l.photo AND f.file = l.file AND f.found_at = l.lost_at
	                  AND f.old_state = 'missing' AND f.new_state = 'missing')
	  FROM missing_photos.loss AS l
	 WHERE l.owner = of_owner AND (of_job IS NULL OR l.job_id = of_job)
	   AND l.lost_at BETWEEN since AND until
	 ORDER BY l.photo, l.file
$$;
COMMENT ON FUNCTION missing_photos.losses_of IS
	'links that a job (NULL: whoever) took away in some time and that were not put back; whether the file was flagged before';

CREATE FUNCTION missing_photos.note_undone(of_job uuid, files bigint)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE missing_photos.job AS j
	   SET result = j.result || jsonb_build_object('undone',
	                COALESCE((j.result ->> 'undone')::bigint, 0) + files)
	 WHERE j.job_id = of_job AND files > 0
$$;
COMMENT ON FUNCTION missing_photos.note_undone IS 'adds to a scan''s result what was taken back';

-- sql/internal/job.sql

-- The extension's own job rows; the application's job table is kept in step by library_job.

CREATE FUNCTION missing_photos.tell(job_id uuid, owner text, kind text, state text, counts jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- A listener that never listens must not make jobs fail by a full queue.
	IF current_setting('missing_photos.notify')::boolean AND pg_notification_queue_usage() < 0.9 THEN
		PERFORM pg_notify('missing_photos', jsonb_build_object(
			'job', job_id, 'owner', left(owner, 1000), 'kind', kind, 'state', state,
			'counts', counts)::text);
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.tell IS
	'notifies channel missing_photos of a job''s or some files'' new state; tells no paths';

CREATE FUNCTION missing_photos.require_same_job(old missing_photos.job, kind text, owner text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF old.kind <> require_same_job.kind OR old.owner <> require_same_job.owner THEN
		RAISE EXCEPTION 'job % is a % of owner "%"', old.job_id, old.kind, old.owner
			USING ERRCODE = 'invalid_parameter_value',
			      HINT = 'Leave job_id out, or give the id of a job of this kind and owner.';
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.require_same_job IS
	'an error when a given job id is of another kind or owner';

CREATE FUNCTION missing_photos.begin_job(
	job_id uuid, kind text, owner text, role name, session integer,
	OUT goes_on boolean, OUT result jsonb)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	old missing_photos.job;
BEGIN
	goes_on := false;
	result := '{}';
	SELECT * INTO old FROM missing_photos.job AS j
	 WHERE j.job_id = begin_job.job_id FOR UPDATE;
	IF NOT FOUND THEN
		INSERT INTO missing_photos.job (job_id, kind, owner, role, state, pid, started_at)
		VALUES (begin_job.job_id, begin_job.kind, begin_job.owner, begin_job.role, 'running',
		        session, clock_timestamp());
	ELSE
		PERFORM missing_photos.require_same_job(old, begin_job.kind, begin_job.owner);
		-- One that was broken off counts on, and goes on with what it has left to do. It isn't
		-- running: its owner's lock is ours.
		IF old.state IN ('running', 'failed') THEN
			result := old.result;
			goes_on := old.staged;
		END IF;
		IF NOT goes_on THEN
			DELETE FROM missing_photos.suspect AS s WHERE s.job_id = begin_job.job_id;
		END IF;
		UPDATE missing_photos.job AS j
		   SET role = begin_job.role, state = 'running', pid = session, told = true,
		       staged = goes_on,
		       started_at = clock_timestamp(), finished_at = NULL, done = 0, total = 0,
		       error = NULL, result = begin_job.result,
		       counted = CASE WHEN old.state IN ('running', 'failed') THEN j.counted ELSE '{}' END
		 WHERE j.job_id = begin_job.job_id;
	END IF;
	PERFORM missing_photos.tell(job_id, owner, kind, 'running', result);
END
$$;
COMMENT ON FUNCTION missing_photos.begin_job IS
	'creates a job''s row or takes an earlier one up: whether it has work staged, and what it has counted';

CREATE FUNCTION missing_photos.fail_abandoned_jobs(
	of_job uuid, of_kind text, of_owner text, reason text)
RETURNS TABLE (job_id uuid, kind text, state text, error text)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Whoever calls this holds the owner's lock, so whoever ran them is gone.
	WITH lost AS (
		UPDATE missing_photos.job AS j
		   SET state = 'failed', error = reason, finished_at = clock_timestamp()
		 WHERE j.owner = of_owner AND j.kind = of_kind AND j.state = 'running'
		   AND j.job_id <> of_job
		RETURNING j.job_id, j.kind, j.state, j.error
	), untold AS (
		UPDATE missing_photos.job AS j
		   SET told = true
		 WHERE j.owner = of_owner AND NOT j.told AND j.job_id <> of_job
		RETURNING j.job_id, j.kind, j.state, j.error
	), dropped AS (
		DELETE FROM missing_photos.suspect AS s USING lost WHERE s.job_id = lost.job_id
	)
	SELECT * FROM lost UNION ALL SELECT * FROM untold
$$;
COMMENT ON FUNCTION missing_photos.fail_abandoned_jobs IS
	'ends jobs of an owner and kind whose sessions ended before they did, and lists all that the application wasn''t told of';

CREATE FUNCTION missing_photos.progress_job(job_id uuid, done integer, total integer)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE missing_photos.job AS j
	   SET done = progress_job.done, total = progress_job.total
	 WHERE j.job_id = progress_job.job_id
$$;
COMMENT ON FUNCTION missing_photos.progress_job IS 'notes how far a job is';

CREATE FUNCTION missing_photos.note_result(job_id uuid, result jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE missing_photos.job AS j
	   SET result = note_result.result
	 WHERE j.job_id = note_result.job_id;
	SELECT missing_photos.tell(j.job_id, j.owner, j.kind, j.state, j.result)
	  FROM missing_photos.job AS j WHERE j.job_id = note_result.job_id
$$;
COMMENT ON FUNCTION missing_photos.note_result IS
	'notes what a job has counted so far, and tells whoever listens';

CREATE FUNCTION missing_photos.end_job(
	of_job uuid, of_owner text, new_state text, reason text, counts jsonb)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ended missing_photos.job;
BEGIN
	-- The id may be of another owner's job: then that is why this one failed.
	UPDATE missing_photos.job AS j
	   SET state = CASE WHEN new_state = 'failed' AND c.job_id IS NOT NULL THEN 'cancelled'
	                    ELSE new_state END,
	       error = reason, finished_at = clock_timestamp(), pid = NULL,
	       staged = j.staged AND new_state = 'failed',
	       done = CASE WHEN new_state = 'finished' THEN j.total ELSE j.done END,
	       result = COALESCE(counts, j.result)
	  FROM (SELECT of_job AS id) AS me
	  LEFT JOIN missing_photos.cancel_request AS c ON c.job_id = me.id
	 WHERE j.job_id = me.id AND j.owner = of_owner
	RETURNING j.* INTO ended;
	IF NOT FOUND THEN
		RETURN new_state;
	END IF;
	DELETE FROM missing_photos.cancel_request AS c WHERE c.job_id = of_job;
	IF ended.state IN ('finished', 'cancelled') THEN
		DELETE FROM missing_photos.suspect AS s WHERE s.job_id = of_job;
	END IF;
	PERFORM missing_photos.note_day(ended);
	PERFORM missing_photos.tell(of_job, of_owner, ended.kind, ended.state, ended.result);
	RETURN ended.state;
END
$$;
COMMENT ON FUNCTION missing_photos.end_job IS
	'notes how a job ended: as "cancelled" where somebody asked for that';

CREATE FUNCTION missing_photos.keep_suspects(
	job_id uuid, photos text[], files text[], paths text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.suspect (job_id, photo, file, path)
	SELECT DISTINCT keep_suspects.job_id, s.photo, s.file, s.path
	  FROM unnest(photos, files, paths) AS s (photo, file, path)
	ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION missing_photos.keep_suspects IS 'keeps what a held scan would flag';

CREATE FUNCTION missing_photos.supersede_jobs(job_id uuid, owner text, kind text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH older AS (
		UPDATE missing_photos.job AS j
		   SET state = 'cancelled',
		       error = format('a later %s took its place',
		                      CASE j.kind WHEN 'delete' THEN 'deletion' ELSE j.kind END)
		 WHERE j.owner = supersede_jobs.owner AND j.kind = supersede_jobs.kind AND j.state = 'held'
		   AND j.job_id <> supersede_jobs.job_id
		RETURNING j.job_id
	)
	DELETE FROM missing_photos.suspect AS s USING older WHERE s.job_id = older.job_id
$$;
COMMENT ON FUNCTION missing_photos.supersede_jobs IS
	'cancels an owner''s held jobs of a kind when a later one has looked anew';

CREATE FUNCTION missing_photos.take_up_job(job_id uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE missing_photos.job AS j
	   SET state = 'running', error = NULL, finished_at = NULL
	 WHERE j.job_id = take_up_job.job_id
$$;
COMMENT ON FUNCTION missing_photos.take_up_job IS 'goes on with a held job that was approved';

CREATE FUNCTION missing_photos.drop_suspects(job_id uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.suspect AS s WHERE s.job_id = drop_suspects.job_id
$$;
COMMENT ON FUNCTION missing_photos.drop_suspects IS 'forgets what a held job would have flagged';

CREATE FUNCTION missing_photos.cancel_idle_job(of_job uuid)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	idle missing_photos.job;
BEGIN
	SELECT j.* INTO idle FROM missing_photos.job AS j
	 WHERE j.job_id = of_job AND j.state IN ('queued', 'running', 'held') FOR UPDATE;
	IF NOT FOUND OR idle.state = 'running' AND missing_photos.job_is_alive(of_job) THEN
		RETURN false;
	END IF;
	PERFORM missing_photos.end_job(of_job, idle.owner, 'cancelled', NULL, NULL);
	RETURN true;
END
$$;
COMMENT ON FUNCTION missing_photos.cancel_idle_job IS
	'cancel_job for one that nobody runs, once the caller was let; false when it isn''t that any more';

CREATE FUNCTION missing_photos.stage(
	of_job uuid, photos text[], files text[], paths text[], flags integer[], complete boolean)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.suspect (job_id, photo, file, path, flags)
	SELECT of_job, s.photo, s.file, s.path, s.flags
	  FROM unnest(photos, files, paths, flags) AS s (photo, file, path, flags)
	ON CONFLICT DO NOTHING;
	UPDATE missing_photos.job AS j SET staged = complete WHERE j.job_id = of_job
$$;
COMMENT ON FUNCTION missing_photos.stage IS
	'keeps what a scan is about to act on, for the day it is broken off';

CREATE FUNCTION missing_photos.unstage(of_job uuid, photos text[], files text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.suspect AS s
	 USING unnest(photos, files) AS done (photo, file)
	 WHERE s.job_id = of_job AND s.photo = done.photo AND s.file = done.file
$$;
COMMENT ON FUNCTION missing_photos.unstage IS 'forgets what a scan has acted on';

-- sql/internal/queue.sql

-- Jobs that wait for a background worker, and those whose worker ended before they did.

CREATE FUNCTION missing_photos.job_is_alive(job_id uuid)
RETURNS boolean
AS 'MODULE_PATHNAME', 'missing_photos_job_is_alive'
LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED COST 10;
COMMENT ON FUNCTION missing_photos.job_is_alive IS
	'whether a session holds the job''s lock; on a standby, where that can''t be seen, true';

CREATE FUNCTION missing_photos.job_statement(job missing_photos.job)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('CALL %I.%I(%L, %sjob_id => %L)', space.nspname,
	              CASE (job_statement.job).kind WHEN 'scan' THEN 'scan_missing_photos'
	                                            WHEN 'relink' THEN 'relink_missing_photos'
	                                            WHEN 'delete' THEN 'delete_missing_photos' END,
	              (job_statement.job).owner,
	              (SELECT string_agg(format('%I => %L, ', a.key, a.value), '' ORDER BY a.key)
	                 FROM jsonb_each_text((job_statement.job).arguments) AS a),
	              (job_statement.job).job_id)
	  FROM pg_extension AS extension
	  JOIN pg_namespace AS space ON space.oid = extension.extnamespace
	 WHERE extension.extname = 'missing_photos'
$$;
COMMENT ON FUNCTION missing_photos.job_statement IS
	'the CALL that does a queued job, as a client could have made it';

CREATE FUNCTION missing_photos.queue_job(
	of_job uuid, of_kind text, of_owner text, of_role name, given jsonb)
RETURNS uuid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id uuid := COALESCE(of_job, gen_random_uuid());
	old missing_photos.job;
BEGIN
	IF of_job IS NULL THEN
		-- Who asks again for what waits already gets that.
		SELECT j.* INTO old FROM missing_photos.job AS j
		 WHERE j.state = 'queued' AND j.owner = of_owner AND j.kind = of_kind
		   AND j.role = of_role AND j.arguments = given
		 ORDER BY j.queued_at LIMIT 1;
	ELSE
		SELECT j.* INTO old FROM missing_photos.job AS j WHERE j.job_id = of_job FOR UPDATE;
	END IF;
	IF old.job_id IS NOT NULL THEN
		PERFORM missing_photos.require_same_job(old, of_kind, of_owner);
	END IF;
	IF old.state = 'queued' THEN
		RETURN old.job_id;
	ELSIF old.state = 'running' AND missing_photos.job_is_alive(old.job_id) THEN
		RAISE EXCEPTION 'job % is running', old.job_id
			USING ERRCODE = 'object_in_use', HINT = 'Wait for it to end, or cancel it.';
	ELSIF old.state = 'held' THEN
		RAISE EXCEPTION 'job % is held', old.job_id
			USING ERRCODE = 'object_not_in_prerequisite_state',
			      HINT = 'Approve or cancel it, or leave job_id out.';
	ELSIF old.state IN ('finished', 'cancelled') THEN
		DELETE FROM missing_photos.suspect AS s WHERE s.job_id = of_job;
		DELETE FROM missing_photos.job AS j WHERE j.job_id = of_job;
	END IF;
	INSERT INTO missing_photos.job AS j (job_id, kind, owner, role, state, arguments, background, error)
	VALUES (id, of_kind, of_owner, of_role, 'queued', given, true, missing_photos.waiting())
	ON CONFLICT ON CONSTRAINT job_pkey DO UPDATE
	   SET role = of_role, state = 'queued', arguments = given, background = true, resumed = 0,
	       queued_at = clock_timestamp(), finished_at = NULL, pid = NULL, told = true,
	       error = missing_photos.waiting();
	PERFORM missing_photos.tell(id, of_owner, of_kind, 'queued', '{}');
	RETURN id;
END
$$;
COMMENT ON FUNCTION missing_photos.queue_job IS
	'writes the row of a job for the background; one that was broken off keeps what it has';

CREATE FUNCTION missing_photos.waiting()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'waiting for a background worker; missing_photos.run_pending_jobs() asks for one again'
$$;
COMMENT ON FUNCTION missing_photos.waiting IS 'why a queued job isn''t running';

CREATE FUNCTION missing_photos.requeue_job(of_job uuid, of_role name, automatic boolean)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- begin_job takes a failed job's work and counts up again; what has none begins anew.
	UPDATE missing_photos.job AS j
	   SET state = 'queued', role = of_role, background = true, finished_at = NULL, pid = NULL,
	       told = true, queued_at = clock_timestamp(), error = missing_photos.waiting(),
	       resumed = CASE WHEN automatic THEN j.resumed + 1 ELSE 0 END
	 WHERE j.job_id = of_job;
	SELECT missing_photos.tell(j.job_id, j.owner, j.kind, j.state, j.result)
	  FROM missing_photos.job AS j WHERE j.job_id = of_job
$$;
COMMENT ON FUNCTION missing_photos.requeue_job IS 'lets a job go on that was broken off';

CREATE FUNCTION missing_photos.queued_jobs(of_role name)
RETURNS TABLE (job_id uuid, kind text, owner text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT j.job_id, j.kind, j.owner
	  FROM missing_photos.job AS j
	 WHERE j.state = 'queued' AND j.role = of_role
	 ORDER BY j.queued_at, j.job_id
$$;
COMMENT ON FUNCTION missing_photos.queued_jobs IS 'a role''s queued jobs, the oldest first';

CREATE FUNCTION missing_photos.claim_job(of_job uuid, session integer)
RETURNS text
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	UPDATE missing_photos.job AS j
	   SET state = 'running', pid = session, started_at = clock_timestamp(), error = NULL
	 WHERE j.job_id = of_job AND j.state = 'queued'
	RETURNING missing_photos.job_statement(j)
$$;
COMMENT ON FUNCTION missing_photos.claim_job IS
	'a worker takes a queued job: the statement to run, or NULL when it isn''t queued any more';

CREATE FUNCTION missing_photos.break_job_off(of_job uuid, new_state text, reason text)
RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	open missing_photos.job;
BEGIN
	SELECT j.* INTO open FROM missing_photos.job AS j
	 WHERE j.job_id = of_job AND j.state IN ('queued', 'running') FOR UPDATE;
	IF FOUND THEN
		UPDATE missing_photos.job AS j SET told = false WHERE j.job_id = of_job;
		RETURN missing_photos.end_job(of_job, open.owner, new_state, reason, NULL);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION missing_photos.break_job_off IS
	'ends a job that couldn''t say itself how it ended; the application is told later';

CREATE FUNCTION missing_photos.job_was_told(of_job uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$ UPDATE missing_photos.job AS j SET told = true WHERE j.job_id = of_job $$;
COMMENT ON FUNCTION missing_photos.job_was_told IS 'the application knows how the job ended';

CREATE FUNCTION missing_photos.role_obstacle(of_role name, superusers boolean)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
	       WHEN r.oid IS NULL THEN format('role "%s" does not exist any more', of_role)
	       WHEN NOT r.rolcanlogin THEN
	            format('role "%s" may not log in, and a worker connects as the role that asked', of_role)
	       WHEN r.rolsuper AND NOT superusers THEN
	            format('role "%s" is a superuser, and missing_photos.allow_superuser_jobs is off', of_role)
	       WHEN NOT has_database_privilege(r.oid, current_database(), 'CONNECT') THEN
	            format('role "%s" may not connect to database "%s"', of_role, current_database())
	       END
	  FROM (SELECT of_role AS name) AS asked
	  LEFT JOIN pg_roles AS r ON r.rolname = asked.name
$$;
COMMENT ON FUNCTION missing_photos.role_obstacle IS
	'why a role''s jobs can''t run in the background, or NULL';

-- A server that crashes with the same job again and again must come to rest.
CREATE FUNCTION missing_photos.revive_jobs()
RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lost missing_photos.job;
	revived bigint := 0;
BEGIN
	FOR lost IN
		SELECT j.* FROM missing_photos.job AS j
		 WHERE j.state = 'running' AND NOT missing_photos.job_is_alive(j.job_id)
		 ORDER BY j.queued_at
		   FOR UPDATE SKIP LOCKED
	LOOP
		IF NOT lost.background THEN
			PERFORM missing_photos.break_job_off(lost.job_id, 'failed',
				'the session that ran it ended before it did; missing_photos.resume_job() lets it go on');
		ELSIF lost.resumed >= 5 THEN
			PERFORM missing_photos.break_job_off(lost.job_id, 'failed',
				'its worker ended before it did, five times in a row; missing_photos.resume_job() tries again');
		ELSE
			PERFORM missing_photos.requeue_job(lost.job_id, lost.role, true);
			revived := revived + 1;
		END IF;
	END LOOP;
	RETURN revived;
END
$$;
COMMENT ON FUNCTION missing_photos.revive_jobs IS
	'queues jobs again whose workers ended before they did, and ends those whose sessions did; returns how many go on';

CREATE FUNCTION missing_photos.fail_queued(of_role name, reason text)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.break_job_off(j.job_id, 'failed', reason)
	  FROM missing_photos.job AS j
	 WHERE j.state = 'queued' AND j.role = of_role
$$;
COMMENT ON FUNCTION missing_photos.fail_queued IS 'ends the queued jobs of a role that can''t do them';

CREATE FUNCTION missing_photos.queued_roles(superusers boolean)
RETURNS TABLE (role name, oid oid, jobs bigint, obstacle text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT q.role, r.oid, q.jobs, missing_photos.role_obstacle(q.role, superusers)
	  FROM (SELECT j.role, count(*) AS jobs, min(j.queued_at) AS since
	          FROM missing_photos.job AS j WHERE j.state = 'queued' GROUP BY j.role) AS q
	  LEFT JOIN pg_roles AS r ON r.rolname = q.role
	 ORDER BY q.since
$$;
COMMENT ON FUNCTION missing_photos.queued_roles IS
	'roles whose jobs are queued, whose have waited longest first';

CREATE FUNCTION missing_photos.imports_to_follow(owners text[], imported_at timestamptz[])
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT i.owner
	  FROM unnest(owners, imported_at) AS i (owner, finished_at)
	 WHERE NOT EXISTS (SELECT FROM missing_photos.job AS j
	                    WHERE j.owner = i.owner AND j.kind = 'scan'
	                      AND (j.state IN ('queued', 'running') OR j.started_at > i.finished_at))
$$;
COMMENT ON FUNCTION missing_photos.imports_to_follow IS
	'owners for whom no scan was started since the application''s own ended';

CREATE FUNCTION missing_photos.others_turn(of_role name)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM missing_photos.job AS j
		 WHERE j.state = 'queued' AND j.role <> of_role
		   AND j.queued_at < ALL (SELECT mine.queued_at FROM missing_photos.job AS mine
		                           WHERE mine.state = 'queued' AND mine.role = of_role))
$$;
COMMENT ON FUNCTION missing_photos.others_turn IS
	'whether another role''s job has waited longer than any of this role''s';

CREATE FUNCTION missing_photos.open_jobs(ids uuid[])
RETURNS SETOF uuid
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT j.job_id FROM missing_photos.job AS j
	 WHERE j.job_id = ANY (ids) AND j.state IN ('queued', 'running')
$$;
COMMENT ON FUNCTION missing_photos.open_jobs IS 'which of these jobs have not ended';

CREATE FUNCTION missing_photos.cancel_jobs(ids uuid[])
RETURNS SETOF integer
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	id uuid;
BEGIN
	FOREACH id IN ARRAY ids LOOP
		PERFORM FROM missing_photos.job AS j WHERE j.job_id = id AND j.state = 'queued' FOR UPDATE;
		IF FOUND THEN
			PERFORM missing_photos.break_job_off(id, 'cancelled', NULL);
		END IF;
	END LOOP;
	RETURN QUERY
		SELECT j.pid FROM missing_photos.job AS j
		 WHERE j.job_id = ANY (ids) AND j.state = 'running'
		   AND missing_photos.job_is_alive(j.job_id);
END
$$;
COMMENT ON FUNCTION missing_photos.cancel_jobs IS
	'cancels those of these jobs that are queued, and returns the sessions of those that run';

-- sql/internal/derived.sql

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

-- sql/internal/drain.sql

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

-- sql/internal/delete.sql

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

-- sql/internal/watch.sql

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

-- sql/library/introspect.sql

-- Looking at the catalog: which tables and columns a schema really has. Presets say what they look
-- for; nothing here knows an application, its version or the name of a constraint.

CREATE FUNCTION missing_photos.contract_relation(library_schema name, candidates jsonb)
RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Candidates: one name or an array of names, the first that exists counts.
	SELECT class.relname
	  FROM jsonb_array_elements_text(
	           CASE jsonb_typeof(candidates) WHEN 'array' THEN candidates
	                ELSE jsonb_build_array(candidates) END)
	       WITH ORDINALITY AS wanted (name, rank)
	  JOIN pg_class AS class ON class.relname = wanted.name AND class.relkind IN ('r', 'p', 'f', 'v', 'm')
	  JOIN pg_namespace AS space ON space.oid = class.relnamespace
	 WHERE space.nspname = library_schema
	 ORDER BY wanted.rank
	 LIMIT 1
$$;
COMMENT ON FUNCTION missing_photos.contract_relation IS
	'the first of these tables that the schema holds';

CREATE FUNCTION missing_photos.contract_is_table(library_schema name, relation name)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM pg_class AS class
		  JOIN pg_namespace AS space ON space.oid = class.relnamespace
		 WHERE space.nspname = library_schema AND class.relname = relation
		   AND class.relkind IN ('r', 'p'))
$$;
COMMENT ON FUNCTION missing_photos.contract_is_table IS
	'whether this is a table of the server''s own, whose rows have places';

CREATE FUNCTION missing_photos.contract_column(
	library_schema name, relation name, candidates jsonb, OUT name name, OUT type text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The type is written with its schema, so that generated bodies may cast to it whatever the
	-- caller's search_path is; without its modifier, or a cast would cut values off.
	SELECT attribute.attname,
	       CASE WHEN element.oid IS NULL THEN format('%I.%I', space.nspname, type.typname)
	            ELSE format('%I.%I[]', element_space.nspname, element.typname) END
	  FROM jsonb_array_elements_text(
	           CASE jsonb_typeof(candidates) WHEN 'array' THEN candidates
	                ELSE jsonb_build_array(candidates) END)
	       WITH ORDINALITY AS wanted (name, rank)
	  JOIN pg_attribute AS attribute
	    ON attribute.attname = wanted.name AND attribute.attnum > 0 AND NOT attribute.attisdropped
	  JOIN pg_class AS class ON class.oid = attribute.attrelid AND class.relname = relation
	  JOIN pg_namespace AS home
	    ON home.oid = class.relnamespace AND home.nspname = library_schema
	  JOIN pg_type AS type ON type.oid = attribute.atttypid
	  JOIN pg_namespace AS space ON space.oid = type.typnamespace
	  LEFT JOIN pg_type AS element ON element.oid = type.typelem AND element.typarray = type.oid
	  LEFT JOIN pg_namespace AS element_space ON element_space.oid = element.typnamespace
	 ORDER BY wanted.rank
	 LIMIT 1
$$;
COMMENT ON FUNCTION missing_photos.contract_column IS
	'the first of these columns that the table has, and its type';

CREATE FUNCTION missing_photos.contract_key(
	library_schema name, relation name, from_relation name, from_column name)
RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What the link table points at is the key we must join by; a primary key elsewhere in the row
	-- (an application half-way through a migration) doesn't count. Without a foreign key the
	-- primary key has to do.
	SELECT target.attname
	  FROM pg_constraint AS con
	  JOIN pg_class AS class
	    ON class.oid = CASE con.contype WHEN 'f' THEN con.confrelid ELSE con.conrelid END
	  JOIN pg_namespace AS space ON space.oid = class.relnamespace
	  JOIN pg_attribute AS target
	    ON target.attrelid = class.oid
	   AND target.attnum = CASE con.contype WHEN 'f' THEN con.confkey[1] ELSE con.conkey[1] END
	  LEFT JOIN pg_class AS origin ON con.contype = 'f' AND origin.oid = con.conrelid
	  LEFT JOIN pg_attribute AS source
	    ON source.attrelid = origin.oid AND source.attnum = con.conkey[1]
	 WHERE space.nspname = library_schema AND class.relname = relation
	   AND cardinality(con.conkey) = 1
	   AND (con.contype = 'p'
	        OR con.contype = 'f' AND origin.relname = from_relation
	           AND origin.relnamespace = space.oid AND source.attname = from_column)
	 ORDER BY con.contype = 'f' DESC
	 LIMIT 1
$$;
COMMENT ON FUNCTION missing_photos.contract_key IS
	'the column of a table that another table''s column references, else its primary key';

CREATE FUNCTION missing_photos.contract_unique(
	library_schema name, relation name, columns name[])
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM pg_index AS index
		  JOIN pg_class AS class ON class.oid = index.indrelid AND class.relname = relation
		  JOIN pg_namespace AS space
		    ON space.oid = class.relnamespace AND space.nspname = library_schema
		 WHERE index.indisunique AND index.indisvalid AND index.indimmediate
		   AND index.indpred IS NULL AND index.indexprs IS NULL
		   AND (SELECT array_agg(attribute.attname ORDER BY attribute.attname)
		          FROM unnest(index.indkey::smallint[]) WITH ORDINALITY AS part (attnum, place)
		          JOIN pg_attribute AS attribute
		            ON attribute.attrelid = index.indrelid AND attribute.attnum = part.attnum
		         WHERE part.place <= index.indnkeyatts)
		       = (SELECT array_agg(wanted ORDER BY wanted) FROM unnest(columns) AS wanted))
$$;
COMMENT ON FUNCTION missing_photos.contract_unique IS
	'whether a unique index on exactly these columns can settle an INSERT ... ON CONFLICT';

CREATE FUNCTION missing_photos.contract_demands(library_schema name, relation name)
RETURNS TABLE (name name, type text, category "char")
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT attribute.attname, format('%I.%I', type_space.nspname, type.typname), type.typcategory
	  FROM pg_attribute AS attribute
	  JOIN pg_class AS class ON class.oid = attribute.attrelid AND class.relname = relation
	  JOIN pg_namespace AS space
	    ON space.oid = class.relnamespace AND space.nspname = library_schema
	  JOIN pg_type AS type ON type.oid = attribute.atttypid
	  JOIN pg_namespace AS type_space ON type_space.oid = type.typnamespace
	 WHERE attribute.attnum > 0 AND NOT attribute.attisdropped AND attribute.attnotnull
	   AND NOT attribute.atthasdef AND attribute.attidentity = ''
$$;
COMMENT ON FUNCTION missing_photos.contract_demands IS
	'columns that an INSERT must supply';

-- sql/library/bind.sql

-- From what a preset looks for to what the catalog holds.
--
-- A preset returns a mapping:
--
--     application  how people call it
--     shape        "linked": photos, files and links between them are three tables
--                  "single": one row is the photo and its file
--     tables       role -> {name, columns, optional, if_present}. The roles are owner, photo, file,
--                  link and job; name and each column are one name or an array of names of which
--                  the first that exists counts. Columns under "optional" may be missing. A table
--                  with if_present may be missing as a whole.
--     file_types, digest, owner_in_key, job_types, states    codes; see the generators
--
-- contract_bind returns the same with one name each, the columns' types, and the schema.

CREATE FUNCTION missing_photos.contract_bind(mapping jsonb, library_schema name)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bound jsonb := '{}';
	part record;
	relation name;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = library_schema) THEN
		RAISE EXCEPTION 'schema "%" does not exist', library_schema
			USING ERRCODE = 'invalid_schema_name',
			      HINT = 'Name the schema that holds the library''s tables.';
	END IF;
	FOR part IN SELECT key AS role, value AS wanted FROM jsonb_each(mapping -> 'tables') LOOP
		relation := missing_photos.contract_relation(library_schema, part.wanted -> 'name');
		IF relation IS NOT NULL THEN
			bound := bound || jsonb_build_object(part.role, missing_photos.contract_bind_columns(
				mapping ->> 'application', library_schema, relation, part.wanted));
		ELSIF NOT COALESCE((part.wanted ->> 'if_present')::boolean, false) THEN
			RAISE EXCEPTION 'schema "%" holds no % library: there is no table "%"', library_schema,
					mapping ->> 'application',
					COALESCE(part.wanted -> 'name' ->> 0, part.wanted ->> 'name')
				USING ERRCODE = 'undefined_table',
				      HINT = 'Connect to the application''s database, and name the preset and the schema that fit it.';
		END IF;
	END LOOP;
	RETURN mapping || jsonb_build_object('schema', library_schema, 'tables', bound);
END
$$;
COMMENT ON FUNCTION missing_photos.contract_bind IS
	'resolves a preset''s mapping against the catalog, or says what is missing';

CREATE FUNCTION missing_photos.contract_bind_columns(
	application text, library_schema name, relation name, wanted jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	columns jsonb := '{}';
	types jsonb := '{}';
	part record;
	found_name name;
	found_type text;
BEGIN
	FOR part IN
		SELECT key AS role, value AS candidates, true AS needed
		  FROM jsonb_each(wanted -> 'columns')
		UNION ALL
		SELECT key, value, false FROM jsonb_each(COALESCE(wanted -> 'optional', '{}'))
	LOOP
		SELECT c.name, c.type INTO found_name, found_type
		  FROM missing_photos.contract_column(library_schema, relation, part.candidates) AS c;
		IF found_name IS NOT NULL THEN
			columns := columns || jsonb_build_object(part.role, found_name);
			types := types || jsonb_build_object(part.role, found_type);
		ELSIF part.needed THEN
			RAISE EXCEPTION 'table "%.%" is not one of a % library: there is no column "%"',
					library_schema, relation, application,
					COALESCE(part.candidates ->> 0, part.candidates #>> '{}', part.role)
				USING ERRCODE = 'undefined_column',
				      HINT = 'Name the preset and the schema that fit this database; a newer version of the application may need a newer missing_photos.';
		END IF;
	END LOOP;
	RETURN jsonb_build_object('name', relation, 'columns', columns, 'types', types);
END
$$;
COMMENT ON FUNCTION missing_photos.contract_bind_columns IS
	'resolves one table of a mapping';

-- What the generated functions rest on, as text without any oid, so that it is the same after dump
-- and restore: the columns they name with their types; for tables they insert into also the columns
-- an INSERT must supply and whether the link's pair is unique.
CREATE FUNCTION missing_photos.contract_signature(mapping jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH bound AS (
		SELECT part.key AS role, part.value ->> 'name' AS relation, part.value AS bound
		  FROM jsonb_each(mapping -> 'tables') AS part
	), found AS (
		SELECT bound.role, bound.relation, attribute.attname,
		       format_type(attribute.atttypid, NULL) AS type,
		       EXISTS (SELECT FROM jsonb_each_text(bound.bound -> 'columns') AS used
		                WHERE used.value = attribute.attname) AS used,
		       bound.role IN ('link', 'file', 'job') AND attribute.attnotnull
		       AND NOT attribute.atthasdef AND attribute.attidentity = '' AS demanded
		  FROM bound
		  JOIN pg_namespace AS space ON space.nspname = mapping ->> 'schema'
		  JOIN pg_class AS class
		    ON class.relnamespace = space.oid AND class.relname = bound.relation
		  JOIN pg_attribute AS attribute
		    ON attribute.attrelid = class.oid AND attribute.attnum > 0
		   AND NOT attribute.attisdropped
	), line AS (
		SELECT format('%s.%s %s%s', relation, attname, type,
		              CASE WHEN demanded THEN ' demanded' END) AS line
		  FROM found
		 WHERE used OR demanded
		UNION ALL
		SELECT format('%s pairs %s', bound.relation,
		              CASE WHEN missing_photos.contract_pairs_unique(mapping) THEN 'unique'
		                   ELSE 'not unique' END)
		  FROM bound
		 WHERE bound.role = 'link'
		UNION ALL
		SELECT format('%s is no table', bound.relation)
		  FROM bound
		 WHERE NOT missing_photos.contract_is_table((mapping ->> 'schema')::name, bound.relation::name)
	)
	SELECT string_agg(line.line, E'\n' ORDER BY line.line COLLATE "C") FROM line
$$;
COMMENT ON FUNCTION missing_photos.contract_signature IS
	'what of the library the generated functions rest on';

CREATE FUNCTION missing_photos.contract_pairs_unique(mapping jsonb)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_unique(
		(mapping ->> 'schema')::name, (link ->> 'name')::name,
		array_remove(ARRAY[link #>> '{columns,owner}', link #>> '{columns,photo}',
		                   link #>> '{columns,file}'], NULL)::name[])
	  FROM (SELECT mapping #> '{tables,link}' AS link) AS part
$$;
COMMENT ON FUNCTION missing_photos.contract_pairs_unique IS
	'whether the link table allows a photo and file only once';

-- sql/library/generate.sql

-- Writing the contract's functions.
--
-- A generator is a function missing_photos.generate_NAME(names jsonb): it defines one contract
-- function, or a tight family, for each shape it knows. Bodies are templates: {photo} is the photo
-- table, {photo.key} its key column, {photo.key:type} that column's type, {=} and the like the
-- operators of pg_catalog. Names and types are quoted before they get there, the finished body is
-- quoted as a whole, and a value is never looked at twice, so that a column named like a
-- placeholder, or worse, is only a strange name. Where a library has no such column but something
-- that says the same (a path in pieces), the names hold {photo.path:expression}, a template in which
-- {a} is the row's alias; then p.{photo.path} is that expression.
--
-- The generated functions run as the caller with the caller's search_path (triggers on the
-- library's tables may need it, so no SET), which may hold anything. So bodies name the schema of
-- every table, function, type and operator, and avoid what looks an operator up by its bare name:
-- IN, BETWEEN, LIKE, IS DISTINCT FROM, NULLIF, CASE x WHEN, USING, NATURAL.

CREATE FUNCTION missing_photos.contract_fill(template text, names jsonb)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	filled text := '';
	piece text;
	alias text;
BEGIN
	FOR piece IN
		SELECT m[1] FROM regexp_matches(template, '(\{[a-z][a-z_.:]*\}|\{[=<>]+\}|[^{]+|\{)', 'g') AS m
	LOOP
		IF piece ~ '^\{.+\}$' THEN
			piece := substr(piece, 2, length(piece) - 2);
			alias := CASE WHEN names ? (piece || ':expression') THEN substring(filled FROM '\m([a-z])\.$') END;
			IF alias IS NOT NULL THEN
				filled := left(filled, -2) || missing_photos.contract_fill(
					names ->> (piece || ':expression'), names || jsonb_build_object('a', alias));
				CONTINUE;
			ELSIF NOT names ? piece THEN
				RAISE EXCEPTION 'the library contract names "%", which the preset does not give', piece
					USING ERRCODE = 'internal_error';
			END IF;
			piece := names ->> piece;
		END IF;
		filled := filled || piece;
	END LOOP;
	RETURN filled;
END
$$;
COMMENT ON FUNCTION missing_photos.contract_fill IS 'puts names in the place of {placeholders}';

CREATE FUNCTION missing_photos.contract_define(
	names jsonb, function_name text, arguments text, result text, properties text, body text,
	comment text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	signature text := format('missing_photos.%I(%s)', function_name, arguments);
BEGIN
	EXECUTE format('CREATE FUNCTION %s RETURNS %s %s AS %L', signature, result, properties,
		missing_photos.contract_fill(body, names));
	-- Not a member of the extension, so that pg_dump writes it out; gone with it all the same.
	EXECUTE format('ALTER FUNCTION %s DEPENDS ON EXTENSION missing_photos', signature);
	EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
	EXECUTE format('COMMENT ON FUNCTION %s IS %L', signature, comment);
END
$$;
COMMENT ON FUNCTION missing_photos.contract_define IS 'defines one function of the contract';

CREATE FUNCTION missing_photos.contract_reads(rows integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Not STRICT and without SET, or the planner could not inline it.
	SELECT format('LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS %s', rows)
$$;
COMMENT ON FUNCTION missing_photos.contract_reads IS 'properties of a reading contract function';

CREATE FUNCTION missing_photos.contract_writes(rows integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Their statements look thousands of rows up by key, which the planner takes for costly enough to
	-- be compiled: at each batch that would take longer than running them.
	SELECT format('LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000 ROWS %s '
	              || 'SET jit = off', rows)
$$;
COMMENT ON FUNCTION missing_photos.contract_writes IS 'properties of a writing contract function';

CREATE FUNCTION missing_photos.contract_zero(type text, category "char")
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What to supply for a column that we know nothing of and that must not be NULL.
	SELECT format('%s::%s', CASE
		WHEN category = 'B' THEN 'false'
		WHEN category = 'N' THEN '0'
		WHEN category = 'D' THEN 'pg_catalog.clock_timestamp()'
		WHEN category = 'S' THEN ''''''
		WHEN category = 'A' THEN '''{}'''
		WHEN type = 'pg_catalog.uuid' THEN 'pg_catalog.gen_random_uuid()'
		WHEN type IN ('pg_catalog.json', 'pg_catalog.jsonb') THEN '''{}'''
		ELSE 'NULL' END, type)
$$;
COMMENT ON FUNCTION missing_photos.contract_zero IS
	'an empty value of a type, for columns an INSERT must supply';

-- sql/library/path.sql

-- Where a row's path is. Mostly in one column, but some applications keep a relative path below a
-- folder of their own, or the number of a directory and a name. Each such layout is a few columns, and
-- for each column what it holds of a path {it}; all that templates say of paths follows from these.

CREATE FUNCTION missing_photos.path_columns(mapping jsonb)
RETURNS TABLE (place integer, "column" text, value text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT part.place, replace(part.name, 'row.', kind.role || '.'),
	       replace(part.value, 'row.', kind.role || '.')
	  FROM (SELECT missing_photos.path_role(mapping) AS role, columns,
	               CASE WHEN columns ? 'leaf' THEN 'directory'
	                    WHEN columns ? 'relative' THEN 'relative' ELSE 'plain' END AS layout
	          FROM (SELECT mapping #> ARRAY['tables', missing_photos.path_role(mapping), 'columns']
	                       AS columns) AS bound) AS kind
	  JOIN (VALUES
		('plain', 1, '{row.path}', '{it}::{row.path:type}'),
		('relative', 1, '{row.relative}',
		 'CASE WHEN pg_catalog.starts_with({it}, {prefix}) THEN pg_catalog.substr({it}, {after_prefix}) '
		 || 'ELSE {it} END::{row.relative:type}'),
		('directory', 1, '{row.directory}',
		 '(SELECT d.{directory.key} FROM {directory} AS d WHERE {directory_of_it} '
		 || 'ORDER BY d.{directory.key} LIMIT 1)'),
		('directory', 2, '{row.leaf}',
		 'pg_catalog.regexp_replace({it}, ''^.*/'', '''')::{row.leaf:type}')
	  ) AS part (layout, place, name, value) ON part.layout = kind.layout
$$;
COMMENT ON FUNCTION missing_photos.path_columns IS
	'the columns that make up a path, and what each holds of it';

CREATE FUNCTION missing_photos.path_role(mapping jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE mapping ->> 'shape' WHEN 'linked' THEN 'file' ELSE 'photo' END $$;
COMMENT ON FUNCTION missing_photos.path_role IS 'which table has the paths';

-- What several values need: the folder that relative paths start from, and the directory of a path,
-- which applications write with or without a slash at either end.
CREATE FUNCTION missing_photos.path_terms(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT terms || CASE WHEN names ? 'directory' THEN jsonb_build_object('directory_of_it',
		'd.{directory.path} {=} ANY (ARRAY(SELECT v.path::{directory.path:type} FROM (SELECT '
		|| CASE WHEN mapping ? 'root' THEN
			'CASE WHEN pg_catalog.starts_with({it}, {prefix}) '
			|| 'THEN pg_catalog.substr({it}, {before_name}) END'
		   ELSE '{it}' END
		|| ') AS i(path) CROSS JOIN LATERAL (SELECT pg_catalog.regexp_replace(i.path, ''/[^/]*$'', '''')) '
		|| 'AS c(path) CROSS JOIN LATERAL (VALUES (c.path), (pg_catalog.concat(c.path, ''/''))'
		|| CASE WHEN mapping ? 'root' THEN
			', (pg_catalog.substr(c.path, 2)), (pg_catalog.substr(pg_catalog.concat(c.path, ''/''), 2))'
		   ELSE '' END || ') AS v(path) WHERE i.path IS NOT NULL))')
		ELSE '{}' END
	  FROM (SELECT jsonb_build_object(
	               'prefix', quote_nullable((mapping ->> 'root') || '/'),
	               'after_prefix', length(mapping ->> 'root') + 2,
	               'before_name', length(mapping ->> 'root') + 1) AS terms) AS t
$$;
COMMENT ON FUNCTION missing_photos.path_terms IS 'what path_columns'' values are made of';

-- The expression for a path, where it is more than a column.
CREATE FUNCTION missing_photos.path_expression(mapping jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT replace(CASE
	       WHEN columns ? 'leaf' THEN
	           '(SELECT ' || CASE WHEN mapping ? 'root' THEN
	               '{start} OPERATOR(pg_catalog.||) CASE WHEN pg_catalog.btrim(d.{directory.path}::pg_catalog.text, ''/'') {=} '''' '
	               || 'THEN '''' ELSE ''/'' OPERATOR(pg_catalog.||) pg_catalog.btrim(d.{directory.path}::pg_catalog.text, ''/'') END'
	             ELSE 'pg_catalog.rtrim(d.{directory.path}::pg_catalog.text, ''/'')' END
	           || ' OPERATOR(pg_catalog.||) ''/'' OPERATOR(pg_catalog.||) {a}.{row.leaf}::pg_catalog.text'
	           || ' FROM {directory} AS d WHERE d.{directory.key} {=} {a}.{row.directory})'
	       WHEN columns ? 'relative' THEN
	           '(CASE WHEN {a}.{row.relative}::pg_catalog.text {=} '''' '
	           || 'OR pg_catalog.starts_with({a}.{row.relative}::pg_catalog.text, ''/'') '
	           || 'THEN {a}.{row.relative}::pg_catalog.text '
	           || 'ELSE {prefix} OPERATOR(pg_catalog.||) {a}.{row.relative}::pg_catalog.text END)'
	       END, 'row.', missing_photos.path_role(mapping) || '.')
	  FROM (SELECT mapping #> ARRAY['tables', missing_photos.path_role(mapping), 'columns'] AS columns)
	       AS bound
$$;
COMMENT ON FUNCTION missing_photos.path_expression IS
	'a path that is kept in pieces, put together; NULL where it is a column';

-- The placeholders. g.path is a path asked for, k.place one to be written, r the row written to.
CREATE FUNCTION missing_photos.path_names(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	role text := missing_photos.path_role(mapping);
	alias text := CASE role WHEN 'file' THEN 'f' ELSE 'p' END;
	expression text := missing_photos.path_expression(mapping);
	terms jsonb := names || missing_photos.path_terms(mapping, names);
	columns text[];
	at_path text[];
	taken text[];
	written text[];
BEGIN
	terms := terms || jsonb_build_object('start', quote_nullable(mapping ->> 'root'));
	IF expression IS NOT NULL THEN
		names := names || jsonb_build_object(role || '.path:expression', expression,
			role || '.path:type', 'pg_catalog.text') || (terms - ARRAY(SELECT jsonb_object_keys(names)));
	END IF;
	SELECT array_agg(missing_photos.contract_fill(c.column, names) ORDER BY c.place),
	       array_agg(missing_photos.path_value(c.value, terms, 'g.path') ORDER BY c.place),
	       array_agg(missing_photos.path_value(c.value, terms, 't.path') ORDER BY c.place),
	       array_agg(missing_photos.path_value(c.value, terms, 'k.place') ORDER BY c.place)
	  INTO columns, at_path, taken, written
	  FROM missing_photos.path_columns(mapping) AS c;
	RETURN names || jsonb_build_object(
		'at_path', (SELECT string_agg(format('%s.%s OPERATOR(pg_catalog.=) %s', alias, u.name, u.value), ' AND ')
		              FROM unnest(columns, at_path) AS u (name, value)),
		'row_path', missing_photos.contract_fill(format('r.{%s.path}::pg_catalog.text', role), names),
		'row_is_taken', format('%s OPERATOR(pg_catalog.=) ANY (SELECT %s FROM pg_catalog.unnest(my.taking) AS t(path))',
			CASE cardinality(columns) WHEN 1 THEN 'r.' || columns[1]
				ELSE format('ROW(r.%s, r.%s)', columns[1], columns[2]) END,
			array_to_string(taken, ', ')),
		'set_path', array_to_string(ARRAY(SELECT format('%s = %s', u.name, u.value)
		                                    FROM unnest(columns, written) AS u (name, value)), ', ')
			|| missing_photos.path_followers(mapping, names, terms, true),
		-- To a name that no file has; in the directory it is in.
		'set_aside', format('%s = k.place::%s', columns[cardinality(columns)],
			names ->> format('%s.%s:type', role, CASE WHEN cardinality(columns) = 2 THEN 'leaf'
				WHEN expression IS NOT NULL THEN 'relative' ELSE 'path' END))
			|| missing_photos.path_followers(mapping, names, terms, false),
		'and_can_hold', CASE
			WHEN cardinality(columns) = 2 THEN ' AND EXISTS (SELECT FROM '
				|| missing_photos.path_value('{directory} AS d WHERE {directory_of_it})', terms, 'w.new_path')
			WHEN expression IS NOT NULL THEN ' AND '
				|| missing_photos.path_value('pg_catalog.starts_with({it}, {prefix})', terms, 'w.new_path')
			ELSE '' END);
END
$$;
COMMENT ON FUNCTION missing_photos.path_names IS 'what the templates'' placeholders for paths stand for';

CREATE FUNCTION missing_photos.path_value(template text, terms jsonb, it text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_fill(template, terms || jsonb_build_object('it', it,
		'directory_of_it', missing_photos.contract_fill(
			COALESCE(terms ->> 'directory_of_it', ''), terms || jsonb_build_object('it', it))))
$$;
COMMENT ON FUNCTION missing_photos.path_value IS 'a template about a path {it}, filled';

-- Columns that say something of the path besides: the name alone, a digest of the path, the album that
-- stands for its folder. An album that doesn't exist can't be told, so the old one stays.
CREATE FUNCTION missing_photos.path_followers(mapping jsonb, names jsonb, terms jsonb, at_home boolean)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE(string_agg(', ' || missing_photos.path_value(follower.template, terms, 'k.place'), ''
	                           ORDER BY follower.place), '')
	  FROM (VALUES
		(1, names ? 'photo.name' AND at_home,
		 '{photo.name} = pg_catalog.regexp_replace({it}, ''^.*/'', '''')::{photo.name:type}'),
		(2, names ? 'photo.path_hash',
		 '{photo.path_hash} = pg_catalog.md5({it})::{photo.path_hash:type}'),
		(3, names ? 'photo.directory' AND NOT names ? 'photo.leaf' AND at_home,
		 '{photo.directory} = COALESCE((SELECT d.{directory.key} FROM {directory} AS d '
		 || 'WHERE {directory_of_it} ORDER BY d.{directory.key} LIMIT 1), r.{photo.directory})')
	  ) AS follower (place, wanted, template)
	 WHERE follower.wanted AND missing_photos.path_role(mapping) = 'photo'
$$;
COMMENT ON FUNCTION missing_photos.path_followers IS
	'what else is written when a row''s path changes';

-- sql/library/registered.sql

-- What the templates' placeholders stand for in a library that register_library described: whatever
-- such a library has no column for is an expression, or isn't done at all.

CREATE FUNCTION missing_photos.registered_names(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
	       WHEN NOT mapping ? 'registered' AND mapping ->> 'shape' = 'linked' THEN jsonb_build_object(
		'set_missing', missing_photos.contract_fill('{file.missing} = true', names),
		'set_present', missing_photos.contract_fill('{file.missing} = false', names))
	       -- A row already in the trash keeps the time it was put there. What is back must lose the
	       -- time of deletion, or the application's nightly job deletes it all the same; what its user
	       -- put in the trash stays there.
	       WHEN NOT mapping ? 'registered' THEN jsonb_build_object(
		'set_missing', missing_photos.contract_fill('{photo.offline} = true, {photo.deleted_at} = '
			|| 'COALESCE(p.{photo.deleted_at}, pg_catalog.now())', names),
		'set_present', missing_photos.contract_fill('{photo.offline} = false, {photo.deleted_at} = '
			|| CASE WHEN names ? 'photo.status' THEN format(
				'CASE WHEN p.{photo.status} {=} %L::{photo.status:type} THEN NULL '
				|| 'ELSE p.{photo.deleted_at} END', mapping #>> '{states,active}')
			   ELSE 'NULL' END, names))
	       ELSE jsonb_build_object('flag', mapping -> 'flag')
	            || missing_photos.registered_flag(mapping, names)
	            || missing_photos.registered_owner(mapping, names)
	            || CASE mapping ->> 'shape'
	               WHEN 'single' THEN '{"photo.external:expression": "true"}'::jsonb
	               ELSE jsonb_build_object('photo.video:expression', 'false') END
	            || CASE WHEN mapping ->> 'shape' = 'single' OR names ? 'photo.main' THEN '{}'
	               ELSE jsonb_build_object('photo.main:expression',
	                        format('NULL::%s', names ->> 'file.key:type')) END
	       END
$$;
COMMENT ON FUNCTION missing_photos.registered_names IS
	'how a flag is read and set, whose a photo is, and what a registered library has no column for';

CREATE FUNCTION missing_photos.registered_flag(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A flag of our own is a loss that scans recorded of this file at this path: a row that the
	-- application gave another path since isn't flagged any more. Of all rows only those whose key has
	-- the hash of a lost one's are looked at.
	SELECT jsonb_build_object(
	           CASE role WHEN 'file' THEN 'file.missing' ELSE 'photo.offline' END || ':expression',
	           replace(CASE mapping ->> 'flag'
	           WHEN 'own' THEN
	               '(CASE WHEN pg_catalog.hashtext({a}.{row.key}::pg_catalog.text) {=} ANY '
	               || '(SELECT w.hash FROM missing_photos.lost_hashes() AS w(hash)) '
	               || 'THEN missing_photos.is_lost({a}.{row.key}::pg_catalog.text, '
	               || '{a}.{row.path}::pg_catalog.text) ELSE false END)'
	           WHEN 'time' THEN '({a}.{row.flag} IS NOT NULL)'
	           ELSE '({a}.{row.flag} IS TRUE)' END, 'row.', role || '.'),
	           'set_missing', (names ->> (role || '.flag')) || CASE mapping ->> 'flag'
	               WHEN 'time' THEN ' = pg_catalog.now()' ELSE ' = true' END,
	           'set_present', (names ->> (role || '.flag')) || CASE mapping ->> 'flag'
	               WHEN 'time' THEN ' = NULL' ELSE ' = false' END)
	  FROM (SELECT missing_photos.path_role(mapping) AS role) AS kind
$$;
COMMENT ON FUNCTION missing_photos.registered_flag IS
	'how a registered library''s files are flagged';

CREATE FUNCTION missing_photos.registered_owner(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
	       WHEN mapping ? 'single_owner' THEN jsonb_build_object(
	           'owner', format('(SELECT %L::pg_catalog.text AS key)', mapping ->> 'single_owner'),
	           'owner.key', 'key', 'owner.key:type', 'pg_catalog.text',
	           'photo.owner:type', 'pg_catalog.text',
	           'photo.owner:expression', format('(%L::pg_catalog.text)', mapping ->> 'single_owner'))
	       WHEN names ? 'owner' THEN '{}'
	       ELSE jsonb_build_object(
	           'owner', missing_photos.contract_fill('(SELECT DISTINCT q.{photo.owner} AS key FROM {photo} AS q '
	               || 'WHERE q.{photo.owner} IS NOT NULL)', names),
	           'owner.key', 'key', 'owner.key:type', names -> 'photo.owner:type') END
$$;
COMMENT ON FUNCTION missing_photos.registered_owner IS
	'whose photos are in a registered library: those of one owner, of a table of owners, or whoever has any';

-- The flags kept here. A caller learns of them only what it asks of files whose key and path it knows,
-- and hashes, from which nothing can be told.
CREATE FUNCTION missing_photos.lost_hashes()
RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$ SELECT DISTINCT hashtext(lost.file) FROM missing_photos.loss AS lost $$;
COMMENT ON FUNCTION missing_photos.lost_hashes IS 'hashes of the keys of files held as missing';

CREATE FUNCTION missing_photos.is_lost(of_file text, of_path text)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM missing_photos.loss AS lost
	                WHERE lost.file = of_file AND lost.path IS NOT DISTINCT FROM of_path);
END
$$;
COMMENT ON FUNCTION missing_photos.is_lost IS
	'whether a scan found this file gone from this path, and none has found it since';

CREATE FUNCTION missing_photos.loser_of(of_file text, of_path text)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE COST 10000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT min(lost.owner) FROM missing_photos.loss AS lost
	         WHERE lost.file = of_file AND lost.path IS NOT DISTINCT FROM of_path);
END
$$;
COMMENT ON FUNCTION missing_photos.loser_of IS 'the owner whose photo lost this file';

-- sql/library/names.sql

-- The names generators use, from a bound mapping.

-- Operators, tables and their columns, which is all that the rules of a deletion name.
CREATE FUNCTION missing_photos.table_names(mapping jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object(
	           '=', 'OPERATOR(pg_catalog.=)', '<>', 'OPERATOR(pg_catalog.<>)',
	           '>', 'OPERATOR(pg_catalog.>)', '<', 'OPERATOR(pg_catalog.<)')
	       || COALESCE((SELECT jsonb_object_agg(part.key,
	                               format('%I.%I', mapping ->> 'schema', part.value ->> 'name'))
	                      FROM jsonb_each(mapping -> 'tables') AS part), '{}')
	       || (SELECT jsonb_object_agg(part.key || '.' || used.key, quote_ident(used.value))
	                  || jsonb_object_agg(part.key || '.' || used.key || ':type',
	                                      part.value -> 'types' ->> used.key)
	             FROM jsonb_each(mapping -> 'tables') AS part
	            CROSS JOIN jsonb_each_text(part.value -> 'columns') AS used)
$$;
COMMENT ON FUNCTION missing_photos.table_names IS
	'what placeholders for operators, tables and columns stand for';

CREATE FUNCTION missing_photos.contract_names(mapping jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	names jsonb;
BEGIN
	names := missing_photos.table_names(mapping) || jsonb_build_object(
		'shape', mapping -> 'shape', 'derived', mapping -> 'derived', 'text', 'pg_catalog.text',
		'job_scan', quote_nullable(mapping #>> '{job_types,scan}'),
		'job_delete', quote_nullable(mapping #>> '{job_types,delete}'),
		'job_import', quote_nullable(mapping #>> '{job_types,import}'),
		'more_job_columns', missing_photos.contract_more(mapping, 'job', 'columns'),
		'more_job_values', missing_photos.contract_more(mapping, 'job', 'values'));
	names := names || missing_photos.contract_places(mapping, names);
	names := names || missing_photos.registered_names(mapping, names);
	names := names || missing_photos.path_names(mapping, names);
	RETURN names || CASE mapping ->> 'shape'
		WHEN 'linked' THEN missing_photos.contract_names_linked(mapping, names)
		ELSE missing_photos.contract_names_single(mapping, names) END;
END
$$;
COMMENT ON FUNCTION missing_photos.contract_names IS
	'what the placeholders of the generators'' templates stand for';

-- What finds a row again that was just locked: its place in the table, or in a view, which has none,
-- its key; of a link, which has no key, the photo's.
CREATE FUNCTION missing_photos.contract_places(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE(jsonb_object_agg(at.role || '.place', at.name)
	                || jsonb_object_agg(at.role || '.place:type', at.type), '{}')
	  FROM (VALUES ('file', 'file.key'), ('link', 'link.photo')) AS found (role, by_key)
	 CROSS JOIN LATERAL (SELECT missing_photos.contract_is_table(
	           (mapping ->> 'schema')::name,
	           (mapping #>> ARRAY['tables', found.role, 'name'])::name) AS is_table) AS kind
	 CROSS JOIN LATERAL (SELECT found.role,
	           CASE WHEN is_table THEN 'ctid' ELSE names ->> by_key END AS name,
	           CASE WHEN is_table THEN 'pg_catalog.tid' ELSE names ->> (by_key || ':type') END AS type) AS at
	 WHERE names ? found.role
$$;
COMMENT ON FUNCTION missing_photos.contract_places IS
	'by what rows are found again that were just locked';

-- Conditions that only some layouts need. In all templates p is the photo, l the link, f the file,
-- u the owner, and $1 the owner asked for where one is.
CREATE FUNCTION missing_photos.contract_names_linked(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object(
	           'more_link_columns', missing_photos.contract_more(mapping, 'link', 'columns'),
	           'more_link_values', missing_photos.contract_more(mapping, 'link', 'values'),
	           'more_file_columns', missing_photos.contract_more(mapping, 'file', 'columns'),
	           'more_file_values', missing_photos.contract_more(mapping, 'file', 'values'),
	           'makes_photos', COALESCE(mapping -> 'makes_photos', 'false'))
	       || jsonb_object_agg(condition.key, missing_photos.contract_fill(condition.value,
	                                                                          names || codes))
	  FROM jsonb_each_text(jsonb_build_object(
		-- Where every key is led by the owner, so is every join.
		'and_link_is_owners', CASE WHEN names ? 'link.owner'
			THEN ' AND l.{link.owner} {=} p.{photo.owner}' ELSE '' END,
		'and_file_is_owners', CASE WHEN names ? 'file.owner'
			THEN ' AND f.{file.owner} {=} p.{photo.owner}' ELSE '' END,
		'and_link_of_owner', CASE WHEN names ? 'link.owner'
			THEN ' AND l.{link.owner} {=} $1::{photo.owner:type}' ELSE '' END,
		'and_file_of_owner', CASE WHEN names ? 'file.owner'
			THEN ' AND f.{file.owner} {=} $1::{photo.owner:type}' ELSE '' END,
		'and_file_is_links', CASE WHEN names ? 'file.owner' AND names ? 'link.owner'
			THEN ' AND f.{file.owner} {=} l.{link.owner}' ELSE '' END,
		-- The same of two more aliases: n a photo, k a link.
		'and_link_is_new', CASE WHEN names ? 'link.owner'
			THEN ' AND l.{link.owner} {=} n.{photo.owner}' ELSE '' END,
		'and_file_is_k', CASE WHEN names ? 'file.owner' AND names ? 'link.owner'
			THEN ' AND f.{file.owner} {=} k.{link.owner}' ELSE '' END,
		'and_k_of_owner', CASE WHEN names ? 'link.owner'
			THEN ' AND k.{link.owner} {=} $1::{photo.owner:type}' ELSE '' END,
		-- A place that is none may hold several links.
		'links_of_place', CASE names ->> 'link.place:type' WHEN 'pg_catalog.tid' THEN '1'
			ELSE 'pg_catalog.count(*)' END,
		'by_place', CASE names ->> 'link.place:type' WHEN 'pg_catalog.tid' THEN ''
			ELSE ' GROUP BY g.ordinal, g.photo, g.file, g.path, l.{link.place}, l.{link.file}' END,
		'new_is_content', CASE WHEN names ? 'photo.hash'
			THEN 'n.{photo.hash}::{file.key:type} {=} f.{file.key}'
			ELSE 'n.{photo.main} {=} f.{file.key}' END,
		'folders', CASE
			WHEN names ? 'owner.folders' THEN 'u.{owner.folders}::pg_catalog.text[]'
			WHEN names ? 'owner.folder' THEN 'CASE WHEN u.{owner.folder} {<>} '''' '
				|| 'THEN ARRAY[u.{owner.folder}::pg_catalog.text] ELSE ARRAY[]::pg_catalog.text[] END'
			ELSE 'ARRAY[]::pg_catalog.text[]' END,
		'has_main', CASE WHEN names ? 'photo.main:expression' THEN 'true'
			ELSE '(p.{photo.main} IS NOT NULL)' END,
		'media', CASE WHEN mapping #> '{file_types,metadata}' IS NULL THEN 'true'
			ELSE 'f.{file.type} {<>} {type_metadata}::{file.type:type}' END,
		-- Which file a photo shows when there is a choice.
		'rank', CASE WHEN NOT names ? 'file.type' THEN '1' ELSE
			'CASE WHEN f.{file.type} {=} {type_image}::{file.type:type} THEN 1 '
			|| 'WHEN f.{file.type} {=} {type_video}::{file.type:type} THEN 2 '
			|| 'WHEN f.{file.type} {=} {type_raw}::{file.type:type} THEN 3 ELSE 4 END' END,
		'file_owner', CASE
			WHEN mapping ? 'registered' THEN
				'missing_photos.loser_of(f.{file.key}::pg_catalog.text, f.{file.path}::pg_catalog.text)'
			WHEN names ? 'file.owner' THEN 'f.{file.owner}::pg_catalog.text'
			WHEN mapping ? 'owner_in_key' THEN format(
				'pg_catalog.substr(f.{file.key}, %s)', (mapping ->> 'owner_in_key')::integer)
			ELSE 'NULL::pg_catalog.text' END,
		'size', CASE WHEN names ? 'file.size' THEN 'f.{file.size}::pg_catalog.int8'
			ELSE 'NULL::pg_catalog.int8' END,
		'algorithm', COALESCE(quote_literal(mapping #>> '{digest,algorithm}'), 'NULL'),
		'digest_length', COALESCE((mapping #>> '{digest,length}')::integer::text, '0'),
		-- The key of a file with digest d.digest, where keys are made of the digest and the owner.
		'key_of_digest', CASE WHEN (mapping ->> 'owner_in_key')::integer
		                           = (mapping #>> '{digest,length}')::integer + 1
			THEN 'pg_catalog.concat(d.digest, $1)::{file.key:type}' ELSE '' END,
		'type_of_kind', CASE WHEN NOT names ? 'file.type' THEN '' ELSE
			'COALESCE(CASE WHEN $6 {=} ''metadata'' THEN {type_metadata} WHEN $6 {=} ''raw'' THEN {type_raw} '
			|| 'WHEN $6 {=} ''video'' THEN {type_video} END, {type_image})::{file.type:type}' END,
		'add_file_columns', CASE WHEN names ? 'file.owner' THEN ', {file.owner}' ELSE '' END
			|| CASE WHEN names ? 'file.size' THEN ', {file.size}' ELSE '' END,
		'add_file_values', CASE WHEN names ? 'file.owner' THEN ', $1::{file.owner:type}' ELSE '' END
			|| CASE WHEN names ? 'file.size' THEN ', $5::{file.size:type}' ELSE '' END,
		'on_conflict', CASE WHEN missing_photos.contract_pairs_unique(mapping)
			THEN 'ON CONFLICT (' || CASE WHEN names ? 'link.owner' THEN '{link.owner}, ' ELSE '' END
				|| '{link.photo}, {link.file}) DO NOTHING' ELSE '' END,
		'link_columns', '{link.photo}, {link.file}'
			|| CASE WHEN names ? 'link.owner' THEN ', {link.owner}' ELSE '' END,
		'link_values', 't.photo::{photo.key:type}, t.file::{file.key:type}'
			|| CASE WHEN names ? 'link.owner' THEN ', $1::{link.owner:type}' ELSE '' END
	)) AS condition
	 -- Values of the mapping's stay out of the templates, or what they hold could be a placeholder.
	 CROSS JOIN (SELECT jsonb_object_agg('type_' || kind, quote_nullable(
	                                              mapping #>> ARRAY['file_types', kind]))
	                    AS codes
	               FROM unnest('{image,video,raw,metadata}'::text[]) AS kind) AS literal
$$;
COMMENT ON FUNCTION missing_photos.contract_names_linked IS
	'conditions for libraries of photos, files and links';

CREATE FUNCTION missing_photos.contract_names_single(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_object_agg(condition.key, missing_photos.contract_fill(condition.value, names))
	  FROM jsonb_each_text(jsonb_build_object(
		'folders', CASE WHEN names ? 'folder'
			THEN 'ARRAY(SELECT i.path FROM {folder} AS b '
				|| 'CROSS JOIN LATERAL pg_catalog.unnest(b.{folder.paths}) AS i(path) '
				|| 'WHERE b.{folder.owner} {=} u.{owner.key}'
				|| CASE WHEN names ? 'folder.deleted_at' THEN ' AND b.{folder.deleted_at} IS NULL'
					ELSE '' END || ')::pg_catalog.text[]'
			WHEN names ? 'owner.folder' THEN 'CASE WHEN u.{owner.folder} {<>} '''' '
				|| 'THEN ARRAY[u.{owner.folder}::pg_catalog.text] ELSE ARRAY[]::pg_catalog.text[] END'
			ELSE 'ARRAY[]::pg_catalog.text[]' END,
		-- Rows the application is about to delete aren't ours to judge.
		'alive', CASE WHEN names ? 'photo.trash'
			THEN CASE names ->> 'photo.trash:type' WHEN 'pg_catalog.bool'
				THEN '(p.{photo.trash} IS NOT TRUE)' ELSE 'p.{photo.trash} IS NULL' END
			WHEN names ? 'photo.status'
			THEN format('p.{photo.status} {<>} %L::{photo.status:type}',
			            mapping #>> '{states,deleting}') ELSE 'true' END,
		'sidecar_kind', quote_nullable(mapping #>> '{states,sidecar}'),
		-- Nor are those whose files the application is moving right now: judged, they would be
		-- missing at the one place or unknown at the other.
		'and_settled', CASE WHEN names ? 'flight' THEN format(
			' AND NOT p.{photo.key} {=} ANY (SELECT v.{flight.photo}::{photo.key:type} '
			|| 'FROM {flight} AS v WHERE v.{flight.photo} IS NOT NULL '
			|| 'AND v.{flight.kind}::pg_catalog.text {=} %L)', mapping #>> '{states,flying}')
			ELSE '' END,
		'or_in_flight', CASE WHEN names ? 'flight' THEN ' UNION ALL '
			|| 'SELECT x.path FROM {flight} AS v '
			|| 'CROSS JOIN LATERAL (VALUES (v.{flight.old}::pg_catalog.text), '
			|| '(v.{flight.new}::pg_catalog.text)) AS x(path) '
			|| 'WHERE x.path {=} ANY ($1) AND NOT EXISTS (SELECT FROM {photo} AS p '
			|| 'WHERE p.{photo.path} {=} x.path::{photo.path:type})' ELSE '' END,
		'active', CASE WHEN names ? 'photo.status'
			THEN format('p.{photo.status} {=} %L::{photo.status:type}',
			            mapping #>> '{states,active}') ELSE 'true' END,
		'video', CASE WHEN names ? 'photo.kind'
			THEN format('p.{photo.kind}::pg_catalog.text {=} %L', mapping #>> '{file_types,video}')
			ELSE 'false' END,
		'has_digest', CASE
			WHEN mapping ? 'registered'
			THEN CASE WHEN names ? 'photo.checksum' THEN 'p.{photo.checksum} IS NOT NULL' ELSE 'false' END
			WHEN names ? 'photo.algorithm'
			THEN format('p.{photo.algorithm}::pg_catalog.text {=} %L', mapping #>> '{digest,algorithm}')
			ELSE 'NOT p.{photo.external}' END,
		'algorithm', quote_nullable(mapping #>> '{digest,algorithm}'),
		'digest_hex', CASE
			WHEN NOT names ? 'photo.checksum' THEN 'NULL::pg_catalog.text'
			WHEN names ->> 'photo.checksum:type' = 'pg_catalog.bytea'
			THEN 'pg_catalog.encode(p.{photo.checksum}, ''hex'')'
			ELSE 'pg_catalog.lower(p.{photo.checksum}::pg_catalog.text)' END,
		'is_digest', CASE
			WHEN NOT names ? 'photo.checksum' THEN 'false'
			WHEN names ->> 'photo.checksum:type' = 'pg_catalog.bytea'
			THEN 'p.{photo.checksum} {=} pg_catalog.decode(d.digest, ''hex'')'
			ELSE 'p.{photo.checksum} {=} d.digest::{photo.checksum:type}' END,
		-- A digest of the path itself follows the path.
		'and_path_digest', CASE WHEN mapping ? 'path_digest' THEN format(
			', {photo.checksum} = CASE WHEN %s THEN missing_photos.sha1(pg_catalog.convert_to('
			|| 'pg_catalog.concat(%L, k.place), ''UTF8'')) ELSE r.{photo.checksum} END',
			CASE WHEN names ? 'photo.algorithm'
				THEN format('r.{photo.algorithm}::pg_catalog.text {=} %L',
				            mapping #>> '{path_digest,algorithm}')
				ELSE 'r.{photo.external}' END,
			mapping #>> '{path_digest,prefix}') ELSE '' END,
		'size', CASE WHEN names ? 'photo.size' THEN 'p.{photo.size}::pg_catalog.int8'
			WHEN names ? 'extra'
			THEN '(SELECT e.{extra.size}::pg_catalog.int8 FROM {extra} AS e '
				|| 'WHERE e.{extra.photo} {=} p.{photo.key})'
			ELSE 'NULL::pg_catalog.int8' END
	)) AS condition
$$;
COMMENT ON FUNCTION missing_photos.contract_names_single IS
	'conditions for libraries whose one row is the photo and its file';

CREATE FUNCTION missing_photos.contract_more(mapping jsonb, role text, part text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Each with a comma before it, to be put behind the columns and values we know.
	SELECT COALESCE(string_agg(', ' || CASE part
	           WHEN 'columns' THEN quote_ident(demand.name)
	           ELSE missing_photos.contract_zero(demand.type, demand.category) END,
	           '' ORDER BY demand.name), '')
	  FROM (SELECT mapping #> ARRAY['tables', role] AS bound) AS found
	 CROSS JOIN missing_photos.contract_demands(
	           (mapping ->> 'schema')::name, (bound ->> 'name')::name) AS demand
	 WHERE NOT EXISTS (SELECT FROM jsonb_each_text(bound -> 'columns') AS used
	                    WHERE used.value = demand.name)
$$;
COMMENT ON FUNCTION missing_photos.contract_more IS
	'columns, or values, that an INSERT must supply besides those of the mapping';

-- sql/library/owners.sql

-- library_owners: every user of the application, and the folders that are theirs.

CREATE FUNCTION missing_photos.generate_owners(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_owners', '',
		'TABLE (owner text, folders text[])', missing_photos.contract_reads(10), $body$
	SELECT u.{owner.key}::pg_catalog.text, {folders}
	  FROM {owner} AS u
$body$, 'every user of the application, those without photos too, and the folders that are theirs')
$$;
COMMENT ON FUNCTION missing_photos.generate_owners IS 'defines library_owners';

-- sql/library/files.sql

-- library_files, library_photo_files and library_file_rows: photos and their files.

CREATE FUNCTION missing_photos.generate_files(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The statement of a scan: nothing but the joins, so that a plan may be parallel and the first
	-- rows come at once.
	SELECT missing_photos.contract_define(names, 'library_files', 'of_owner text',
		'TABLE (photo text, file text, path text, flagged boolean, readonly boolean)',
		missing_photos.contract_reads(100000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT l.{link.photo}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text, f.{file.missing}, false
	  FROM {photo} AS p
	  JOIN {link} AS l ON l.{link.photo} {=} p.{photo.key}{and_link_is_owners}
	  JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_is_owners}
	 WHERE p.{photo.owner} {=} $1::{photo.owner:type}
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.path}::pg_catalog.text, p.{photo.offline}, NOT p.{photo.external}
	  FROM {photo} AS p
	 WHERE p.{photo.owner} {=} $1::{photo.owner:type} AND {alive}{and_settled}
$body$ END, 'files linked to an owner''s photos, one row per link; flagged: held as missing, readonly: never to be changed')
$$;
COMMENT ON FUNCTION missing_photos.generate_files IS 'defines library_files';

CREATE FUNCTION missing_photos.generate_photo_files(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_photo_files', 'of_photo text',
		'TABLE (photo text, file text, path text, flagged boolean, readonly boolean, '
		|| 'main boolean, media boolean)',
		missing_photos.contract_reads(3),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text, f.{file.missing}, false,
	       COALESCE(p.{photo.main} {=} f.{file.key}, false), {media}
	  FROM {photo} AS p
	  JOIN {link} AS l ON l.{link.photo} {=} p.{photo.key}{and_link_is_owners}
	  JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_is_owners}
	 WHERE p.{photo.key} {=} $1::{photo.key:type}
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.path}::pg_catalog.text, p.{photo.offline}, NOT p.{photo.external}, true, true
	  FROM {photo} AS p
	 WHERE p.{photo.key} {=} $1::{photo.key:type} AND {alive}{and_settled}
$body$ END, 'the files linked to one photo; main: the photo''s main file, media: not a metadata sidecar')
$$;
COMMENT ON FUNCTION missing_photos.generate_photo_files IS 'defines library_photo_files';

CREATE FUNCTION missing_photos.generate_file_rows(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_file_rows',
		'of_photos text[], of_files text[]',
		'TABLE (photo text, file text, path text, linked boolean, flagged boolean)',
		missing_photos.contract_reads(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text,
	       EXISTS (SELECT FROM {link} AS l
	                WHERE l.{link.photo} {=} p.{photo.key} AND l.{link.file} {=} f.{file.key}{and_link_is_owners}),
	       f.{file.missing}
	  FROM ROWS FROM (pg_catalog.unnest($1::{photo.key:type}[]), pg_catalog.unnest($2::{file.key:type}[]))
	    AS g(photo, file)
	  JOIN {photo} AS p ON p.{photo.key} {=} g.photo
	  JOIN {file} AS f ON f.{file.key} {=} g.file{and_file_is_owners}
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.path}::pg_catalog.text, true, p.{photo.offline}
	  FROM ROWS FROM (pg_catalog.unnest($1::{photo.key:type}[]), pg_catalog.unnest($2::{photo.key:type}[]))
	    AS g(photo, file)
	  JOIN {photo} AS p ON p.{photo.key} {=} g.photo
	 WHERE g.file {=} g.photo AND {alive}
$body$ END, 'the present state of these pairs of photo and file, as far as both still exist')
$$;
COMMENT ON FUNCTION missing_photos.generate_file_rows IS 'defines library_file_rows';

-- sql/library/photo.sql

-- library_photo, library_photo_count and library_pointed_files: photos and their main files.

CREATE FUNCTION missing_photos.generate_photo(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_photo', 'of_photo text',
		'TABLE (photo text, owner text, main text, video boolean)',
		missing_photos.contract_reads(1),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.owner}::pg_catalog.text,
	       p.{photo.main}::pg_catalog.text, p.{photo.video}
	  FROM {photo} AS p
	 WHERE p.{photo.key} {=} $1::{photo.key:type}
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.owner}::pg_catalog.text,
	       p.{photo.key}::pg_catalog.text, {video}
	  FROM {photo} AS p
	 WHERE p.{photo.key} {=} $1::{photo.key:type} AND {alive}
$body$ END, 'a photo, its owner, its main file (NULL: none) and whether it is a video')
$$;
COMMENT ON FUNCTION missing_photos.generate_photo IS 'defines library_photo';

CREATE FUNCTION missing_photos.generate_photo_count(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_photo_count', 'of_owner text',
		'TABLE (photos bigint)', missing_photos.contract_reads(1),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT pg_catalog.count(*) FROM {photo} AS p
	 WHERE p.{photo.owner} {=} $1::{photo.owner:type}
$body$ ELSE $body$
	SELECT pg_catalog.count(*) FROM {photo} AS p
	 WHERE p.{photo.owner} {=} $1::{photo.owner:type} AND {alive}
$body$ END, 'how many photos an owner has')
$$;
COMMENT ON FUNCTION missing_photos.generate_photo_count IS 'defines library_photo_count';

CREATE FUNCTION missing_photos.generate_pointed_files(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A main file that was lost stays pointed at, because applications look for it there. Few files
	-- are flagged, so the search begins with them.
	SELECT missing_photos.contract_define(names, 'library_pointed_files', 'of_owner text',
		'TABLE (photo text, file text)', missing_photos.contract_reads(100),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.main}::pg_catalog.text
	  FROM {file} AS f
	  JOIN {photo} AS p ON p.{photo.main} {=} f.{file.key}{and_file_is_owners}
	 WHERE f.{file.missing} AND p.{photo.owner} {=} $1::{photo.owner:type}
	   AND NOT EXISTS (SELECT FROM {link} AS l
	                    WHERE l.{link.photo} {=} p.{photo.key}
	                      AND l.{link.file} {=} p.{photo.main}{and_link_is_owners})
$body$ ELSE $body$
	SELECT NULL::pg_catalog.text, NULL::pg_catalog.text WHERE false
$body$ END, 'photos whose main file is flagged and not linked to them')
$$;
COMMENT ON FUNCTION missing_photos.generate_pointed_files IS 'defines library_pointed_files';

-- sql/library/flagged.sql

-- library_flagged_files: files the library holds as missing, and whose they are.

CREATE FUNCTION missing_photos.generate_flagged_files(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A file is its owner's through a photo: linked, or pointed at as the main file. Only a file
	-- that no photo knows any more is told by its key, whose tail is the owner's id: the whole tail,
	-- or owner 2 would get the files of owner 12.
	SELECT missing_photos.contract_define(names, 'library_flagged_files', 'of_owner text',
		'TABLE (owner text, photo text, file text, path text)',
		missing_photos.contract_reads(100),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.owner}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       f.{file.key}::pg_catalog.text, f.{file.path}::pg_catalog.text
	  FROM {file} AS f
	  JOIN {link} AS l ON l.{link.file} {=} f.{file.key}{and_file_is_links}
	  JOIN {photo} AS p ON p.{photo.key} {=} l.{link.photo}{and_link_is_owners}
	 WHERE f.{file.missing} AND ($1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type})
	UNION
	SELECT p.{photo.owner}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       f.{file.key}::pg_catalog.text, f.{file.path}::pg_catalog.text
	  FROM {file} AS f
	  JOIN {photo} AS p ON p.{photo.main} {=} f.{file.key}{and_file_is_owners}
	 WHERE f.{file.missing} AND ($1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type})
	UNION ALL
	SELECT {file_owner}, NULL::pg_catalog.text,
	       f.{file.key}::pg_catalog.text, f.{file.path}::pg_catalog.text
	  FROM {file} AS f
	 WHERE f.{file.missing} AND {file_owner} {<>} ''
	   AND ($1 IS NULL OR {file_owner} {=} $1)
	   AND NOT EXISTS (SELECT FROM {link} AS l
	                     JOIN {photo} AS p ON p.{photo.key} {=} l.{link.photo}{and_link_is_owners}
	                    WHERE l.{link.file} {=} f.{file.key}{and_file_is_links})
	   AND NOT EXISTS (SELECT FROM {photo} AS p
	                    WHERE p.{photo.main} {=} f.{file.key}{and_file_is_owners})
$body$ ELSE $body$
	SELECT p.{photo.owner}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.key}::pg_catalog.text, p.{photo.path}::pg_catalog.text
	  FROM {photo} AS p
	 WHERE p.{photo.offline} AND {alive}
	   AND ($1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type})
$body$ END, 'files held as missing, of one owner or (NULL) all; photo is NULL where no photo knows the file any more')
$$;
COMMENT ON FUNCTION missing_photos.generate_flagged_files IS 'defines library_flagged_files';

-- sql/library/counts.sql

-- library_counts: photos, missing photos and missing files per owner.

CREATE FUNCTION missing_photos.generate_counts(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A photo is missing when no media file is linked to it or its main file is unknown. The two
	-- cases are counted apart: an OR around EXISTS would look up every single photo, while each on
	-- its own is an anti-join and an index scan. Nothing is joined that could count a photo twice.
	SELECT missing_photos.contract_define(names, 'library_counts', 'of_owner text',
		'TABLE (owner text, num_photos bigint, num_missing_photos bigint, num_missing_files bigint)',
		missing_photos.contract_reads(10),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT u.{owner.key}::pg_catalog.text, COALESCE(a.photos, 0)::pg_catalog.int8,
	       (COALESCE(e.photos, 0) OPERATOR(pg_catalog.+) COALESCE(n.photos, 0))::pg_catalog.int8,
	       COALESCE(m.files, 0)::pg_catalog.int8
	  FROM {owner} AS u
	  LEFT JOIN (SELECT p.{photo.owner} AS owner, pg_catalog.count(*) AS photos
	               FROM {photo} AS p
	              WHERE $1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type}
	              GROUP BY p.{photo.owner}) AS a ON a.owner {=} u.{owner.key}
	  LEFT JOIN (SELECT p.{photo.owner} AS owner, pg_catalog.count(*) AS photos
	               FROM {photo} AS p
	              WHERE {has_main}
	                AND ($1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type})
	                AND NOT EXISTS (
	                    SELECT FROM {link} AS l
	                      JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_is_links}
	                     WHERE l.{link.photo} {=} p.{photo.key}{and_link_is_owners} AND {media})
	              GROUP BY p.{photo.owner}) AS e ON e.owner {=} u.{owner.key}
	  LEFT JOIN (SELECT p.{photo.owner} AS owner, pg_catalog.count(*) AS photos
	               FROM {photo} AS p
	              WHERE NOT {has_main}
	                AND ($1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type})
	              GROUP BY p.{photo.owner}) AS n ON n.owner {=} u.{owner.key}
	  LEFT JOIN (SELECT q.owner, pg_catalog.count(DISTINCT q.file) AS files
	               FROM missing_photos.library_flagged_files($1) AS q
	              GROUP BY q.owner) AS m ON m.owner {=} u.{owner.key}::pg_catalog.text
	 WHERE $1 IS NULL OR u.{owner.key} {=} $1::{owner.key:type}
$body$ ELSE $body$
	SELECT u.{owner.key}::pg_catalog.text, COALESCE(a.photos, 0)::pg_catalog.int8,
	       COALESCE(a.missing, 0)::pg_catalog.int8, COALESCE(a.missing, 0)::pg_catalog.int8
	  FROM {owner} AS u
	  LEFT JOIN (SELECT p.{photo.owner} AS owner, pg_catalog.count(*) AS photos,
	                    pg_catalog.count(*) FILTER (WHERE p.{photo.offline}) AS missing
	               FROM {photo} AS p
	              WHERE {alive} AND ($1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type})
	              GROUP BY p.{photo.owner}) AS a ON a.owner {=} u.{owner.key}
	 WHERE $1 IS NULL OR u.{owner.key} {=} $1::{owner.key:type}
$body$ END, 'photos, missing photos and missing files of one owner or (NULL) of each')
$$;
COMMENT ON FUNCTION missing_photos.generate_counts IS 'defines library_counts';

-- sql/library/content.sql

-- library_content: what the library itself knows of a file's content.

CREATE FUNCTION missing_photos.generate_content(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A size is given only where the file's own row has one: a photo's size belongs to whichever
	-- file was its main file when it was read.
	SELECT missing_photos.contract_define(names, 'library_content', 'of_files text[]',
		'TABLE (file text, algorithm text, digest text, size bigint)',
		missing_photos.contract_reads(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT f.{file.key}::pg_catalog.text,
	       CASE WHEN d.known THEN {algorithm}::pg_catalog.text END,
	       CASE WHEN d.known
	            THEN pg_catalog.left(f.{file.key}::pg_catalog.text, {digest_length}) END,
	       {size}
	  FROM {file} AS f
	 CROSS JOIN LATERAL (SELECT pg_catalog.left(f.{file.key}::pg_catalog.text, {digest_length})
	                            OPERATOR(pg_catalog.~) '^[0-9a-f]+$'
	                            AND pg_catalog.length(f.{file.key}::pg_catalog.text)
	                                OPERATOR(pg_catalog.>=) {digest_length}
	                            AND {digest_length} {>} 0) AS d(known)
	 WHERE f.{file.key} {=} ANY ($1::{file.key:type}[])
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text,
	       CASE WHEN {has_digest} THEN {algorithm}::pg_catalog.text END,
	       CASE WHEN {has_digest} THEN {digest_hex} END,
	       {size}
	  FROM {photo} AS p
	 WHERE p.{photo.key} {=} ANY ($1::{photo.key:type}[])
$body$ END, 'digest and size of these files as the library has them; NULL: it doesn''t know')
$$;
COMMENT ON FUNCTION missing_photos.generate_content IS 'defines library_content';

-- sql/library/lock.sql

-- library_lock: takes what the marking functions are about to write, without ever waiting.
--
-- An application writes the same rows in whatever order its code has. Whoever waits for it while
-- holding rows can deadlock with it; so nothing here waits. Rows are locked with SKIP LOCKED, and a
-- pair of which anything is locked by another session is left alone and reported as busy.
-- The locks leave foreign keys alone (FOR NO KEY UPDATE): an application that adds a link to a
-- photo we hold need not wait for us.
--
-- Each statement of a volatile function sees what was committed before it began. So what is read
-- after the locks is the latest state, and stays so until our transaction ends.
--
-- The planner can't know how long an array is, in a plan kept for later calls least of all, and may
-- loop over two arrays to join them, which takes minutes for some ten thousand pairs. So here and in
-- the marking functions arrays are joined with tables only, never with each other: they go side by
-- side (ROWS FROM), or membership is asked with = ANY (SELECT ...), which is always hashed, or a
-- JSON object maps one to the other.

CREATE FUNCTION missing_photos.generate_lock(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_lock',
		'of_owner text, of_photos text[], of_files text[]',
		'TABLE (ordinal bigint, photo text, file text, path text, flagged boolean, main text, '
		|| 'linked boolean, locked boolean)',
		missing_photos.contract_writes(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
#variable_conflict use_column
<<my>>
DECLARE
	free_photos {photo.key:type}[];
	free_files {file.key:type}[];
	free_links pg_catalog.int8[];
	held_links pg_catalog.int8[];
	photos {photo.key:type}[];
	files {file.key:type}[];
	ordinals pg_catalog.int8[];
BEGIN
	free_photos := ARRAY(
		SELECT p.{photo.key} FROM {photo} AS p
		 WHERE p.{photo.key} {=} ANY ($2::{photo.key:type}[])
		   AND p.{photo.owner} {=} $1::{photo.owner:type}
		 ORDER BY p.{photo.key}
		   FOR NO KEY UPDATE SKIP LOCKED);
	SELECT pg_catalog.array_agg(k.photo) FILTER (WHERE k.free),
	       pg_catalog.array_agg(k.file) FILTER (WHERE k.free),
	       pg_catalog.array_agg(k.ordinal) FILTER (WHERE k.free)
	  INTO photos, files, ordinals
	  FROM (SELECT g.*, g.photo {=} ANY (SELECT pg_catalog.unnest(my.free_photos)) AS free
	          FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
	                          pg_catalog.unnest($3::{file.key:type}[]))
	               WITH ORDINALITY AS g(photo, file, ordinal)) AS k;
	free_files := ARRAY(
		SELECT f.{file.key} FROM {file} AS f
		 WHERE f.{file.key} {=} ANY (my.files){and_file_of_owner}
		 ORDER BY f.{file.key}
		   FOR NO KEY UPDATE SKIP LOCKED);
	-- One entry for each row locked: a pair may be linked more than once.
	free_links := ARRAY(
		SELECT g.ordinal
		  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
		                  pg_catalog.unnest(my.ordinals)) AS g(photo, file, ordinal)
		  JOIN {link} AS l ON l.{link.photo} {=} g.photo AND l.{link.file} {=} g.file{and_link_of_owner}
		 ORDER BY l.{link.photo}, l.{link.file}
		   FOR UPDATE OF l SKIP LOCKED);
	held_links := ARRAY(
		SELECT e.ordinal
		  FROM (SELECT h.ordinal, 1 AS sign FROM pg_catalog.unnest(my.free_links) AS h(ordinal)
		        UNION ALL
		        SELECT g.ordinal, -1
		          FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
		                          pg_catalog.unnest(my.ordinals)) AS g(photo, file, ordinal)
		          JOIN {link} AS l ON l.{link.photo} {=} g.photo AND l.{link.file} {=} g.file{and_link_of_owner}
		       ) AS e
		 GROUP BY e.ordinal
		HAVING pg_catalog.sum(e.sign) {<>} 0);
	RETURN QUERY
	SELECT DISTINCT ON (g.photo, g.file)
	       g.ordinal, p.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text, f.{file.missing}, p.{photo.main}::pg_catalog.text,
	       h.linked,
	       g.photo {=} ANY (SELECT pg_catalog.unnest(my.free_photos))
	       AND g.file {=} ANY (SELECT pg_catalog.unnest(my.free_files))
	       AND NOT g.ordinal {=} ANY (SELECT pg_catalog.unnest(my.held_links))
	  FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
	                  pg_catalog.unnest($3::{file.key:type}[]))
	       WITH ORDINALITY AS g(photo, file, ordinal)
	  JOIN {photo} AS p
	    ON p.{photo.key} {=} g.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
	  JOIN {file} AS f ON f.{file.key} {=} g.file{and_file_of_owner}
	 CROSS JOIN LATERAL (SELECT pg_catalog.count(*) {>} 0 AS linked FROM {link} AS l
	                      WHERE l.{link.photo} {=} g.photo AND l.{link.file} {=} g.file{and_link_of_owner}) AS h
	 ORDER BY g.photo, g.file, g.ordinal;
END
$body$ ELSE $body$
#variable_conflict use_column
<<my>>
DECLARE
	free {photo.key:type}[];
BEGIN
	free := ARRAY(
		SELECT p.{photo.key} FROM {photo} AS p
		 WHERE p.{photo.key} {=} ANY ($2::{photo.key:type}[])
		   AND p.{photo.owner} {=} $1::{photo.owner:type}
		 ORDER BY p.{photo.key}
		   FOR NO KEY UPDATE SKIP LOCKED);
	RETURN QUERY
	SELECT DISTINCT ON (g.photo)
	       g.ordinal, p.{photo.key}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.path}::pg_catalog.text, p.{photo.offline}, p.{photo.key}::pg_catalog.text,
	       true, g.photo {=} ANY (SELECT pg_catalog.unnest(my.free))
	  FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
	                  pg_catalog.unnest($3::{photo.key:type}[]))
	       WITH ORDINALITY AS g(photo, file, ordinal)
	  JOIN {photo} AS p
	    ON p.{photo.key} {=} g.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
	 WHERE g.file {=} g.photo AND {alive}{and_settled} AND p.{photo.external}
	 ORDER BY g.photo, g.ordinal;
END
$body$ END, 'locks these pairs of photo and file without waiting, and says what they are now and which could be locked')
$$;
COMMENT ON FUNCTION missing_photos.generate_lock IS 'defines library_lock';

-- sql/library/mark_missing.sql

-- library_mark_missing: takes the links of vanished files away and flags the files.

CREATE FUNCTION missing_photos.generate_mark_missing(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What was judged may have changed since: only what still says what was judged is written, and
	-- of that only the columns that change. A photo that loses its main file shows the best of its
	-- remaining ones; where none remains the pointer stays, because the application's own way of
	-- linking a returned file looks there.
	SELECT missing_photos.contract_define(names, 'library_mark_missing',
		'of_owner text, of_photos text[], of_files text[], of_paths text[]',
		'TABLE (photo text, file text, outcome text, was_main boolean, main_after text, '
		|| 'was_flagged boolean)',
		missing_photos.contract_writes(1000),
		CASE names ->> 'shape'
		WHEN 'linked' THEN missing_photos.mark_missing_linked(names)
		ELSE missing_photos.mark_missing_single(names) END,
		'records that files are gone, where the library still says what was judged; outcome: changed or busy, no row where there was nothing to change')
$$;
COMMENT ON FUNCTION missing_photos.generate_mark_missing IS 'defines library_mark_missing';

-- The two statements that write many rows, where the lock has told which. With a place (ctid) no
-- index is asked again. A trigger of the library's may have written the same rows since, which then
-- lie elsewhere: whoever wrote fewer than were locked asks once more, by the keys alone.
CREATE FUNCTION missing_photos.mark_missing_writes(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE names ->> 'flag' WHEN 'own' THEN '' ELSE
		flag || ' AND f.{file.place} {=} t.place' || $body$;
	GET DIAGNOSTICS written = ROW_COUNT;
	IF my.written {<>} (SELECT pg_catalog.count(*)
	                      FROM (SELECT DISTINCT t.key
	                              FROM ROWS FROM (pg_catalog.unnest(my.gone), pg_catalog.unnest(my.flags),
	                                              pg_catalog.unnest(my.free)) AS t(key, flag, free)
	                             WHERE t.free AND NOT t.flag) AS d) THEN$body$
		|| flag || $body$;
	END IF;$body$ END
		|| unlink || ' AND l.{link.place} {=} t.place' || $body$;
	GET DIAGNOSTICS written = ROW_COUNT;
	IF my.written {<>} (SELECT pg_catalog.count(*) FROM pg_catalog.unnest(my.free) AS t(free)
	                     WHERE t.free) THEN$body$
		|| unlink || $body$;
	END IF;$body$
	  FROM (SELECT $body$
	UPDATE {file} AS f SET {set_missing}
	  FROM ROWS FROM (pg_catalog.unnest(my.gone), pg_catalog.unnest(my.file_places),
	                  pg_catalog.unnest(my.free)) AS t(key, place, free)
	 WHERE t.free AND f.{file.key} {=} t.key{and_file_of_owner} AND NOT f.{file.missing}$body$ AS flag,
	$body$
	DELETE FROM {link} AS l
	 USING ROWS FROM (pg_catalog.unnest(my.photo_keys), pg_catalog.unnest(my.gone),
	                  pg_catalog.unnest(my.link_places), pg_catalog.unnest(my.free))
	    AS t(photo, file, place, free)
	 WHERE t.free AND l.{link.photo} {=} t.photo
	   AND COALESCE(l.{link.file} {=} t.file, false){and_link_of_owner}$body$ AS unlink) AS piece
$$;
COMMENT ON FUNCTION missing_photos.mark_missing_writes IS
	'the part of the body that flags files and takes links away';

CREATE FUNCTION missing_photos.mark_missing_linked(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	held_ordinals pg_catalog.int8[];
	held_files {file.key:type}[];
	others pg_catalog.bool;		-- whether any of the photos has another link
	photos pg_catalog.text[];
	files pg_catalog.text[];
	mains pg_catalog.bool[];
	flags pg_catalog.bool[];
	free pg_catalog.bool[];
	afters pg_catalog.text[];
	photo_keys {photo.key:type}[];
	gone {file.key:type}[];
	link_places {link.place:type}[];
	file_places {file.place:type}[];
	written pg_catalog.int8;
	best pg_catalog.jsonb := pg_catalog.jsonb_build_object();
	held pg_catalog.jsonb := pg_catalog.jsonb_build_object();
BEGIN
	-- What comes back is locked, and is what the rows say now. One statement for the three tables:
	-- each row is found once, by its keys. It waits for nobody, so its order can't lead to a
	-- deadlock (library_lock tells more). COALESCE: a link is to be found by its photo, which has few;
	-- an index on files would serve as well, but texts compare slowly. A pair of which anything is
	-- locked by another session has links that were seen and not locked.
	WITH seen AS MATERIALIZED (
		SELECT g.ordinal, g.photo, g.file, g.path, l.{link.place} AS place,
		       COALESCE(l.{link.file} {=} g.file, false) AS asked, {links_of_place} AS links
		  FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
		                  pg_catalog.unnest($3::{file.key:type}[]), pg_catalog.unnest($4))
		       WITH ORDINALITY AS g(photo, file, path, ordinal)
		  JOIN {link} AS l ON l.{link.photo} {=} g.photo{and_link_of_owner}{by_place}
	), held AS MATERIALIZED (
		SELECT s.ordinal, p.{photo.key}::pg_catalog.text AS photo, p.{photo.key} AS photo_key,
		       f.{file.key}::pg_catalog.text AS file, f.{file.key} AS file_key,
		       COALESCE(p.{photo.main} {=} f.{file.key}, false) AS was_main,
		       f.{file.missing} AS flagged,
		       COALESCE(s.path {=} f.{file.path}::pg_catalog.text,
		                s.path IS NULL AND f.{file.path} IS NULL) AS same,
		       l.{link.place} AS link_place, f.{file.place} AS file_place
		  FROM seen AS s
		  JOIN {link} AS l
		    ON l.{link.place} {=} s.place AND l.{link.photo} {=} s.photo
		   AND COALESCE(l.{link.file} {=} s.file, false){and_link_of_owner}
		  JOIN {photo} AS p
		    ON p.{photo.key} {=} s.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
		  JOIN {file} AS f ON f.{file.key} {=} s.file{and_file_of_owner}
		 WHERE s.asked
		 ORDER BY l.{link.photo}, l.{link.file}
		   FOR NO KEY UPDATE OF p, f SKIP LOCKED
		   FOR UPDATE OF l SKIP LOCKED
	), busy AS MATERIALIZED (
		SELECT e.ordinal
		  FROM (SELECT s.ordinal, s.links FROM seen AS s WHERE s.asked
		        UNION ALL
		        SELECT h.ordinal, -1 FROM held AS h) AS e
		 GROUP BY e.ordinal
		HAVING pg_catalog.sum(e.links) {<>} 0
	)
	SELECT (SELECT COALESCE(pg_catalog.array_agg(b.ordinal), '{}') FROM busy AS b),
	       (SELECT pg_catalog.bool_or(NOT s.asked) FROM seen AS s),
	       pg_catalog.array_agg(h.photo), pg_catalog.array_agg(h.file),
	       pg_catalog.array_agg(h.was_main), pg_catalog.array_agg(h.flagged),
	       pg_catalog.array_agg(h.same), pg_catalog.array_agg(h.photo_key),
	       pg_catalog.array_agg(h.file_key), pg_catalog.array_agg(h.link_place),
	       pg_catalog.array_agg(h.file_place)
	  INTO held_ordinals, others, photos, files, mains, flags, free, photo_keys, gone, link_places,
	       file_places
	  FROM held AS h
	 WHERE h.same AND NOT h.ordinal {=} ANY (SELECT b.ordinal FROM busy AS b);
	IF pg_catalog.cardinality(my.held_ordinals) {>} 0 THEN
		held_files := ARRAY(SELECT g.file
		                      FROM pg_catalog.unnest($3::{file.key:type}[])
		                           WITH ORDINALITY AS g(file, ordinal)
		                     WHERE g.ordinal {=} ANY (SELECT pg_catalog.unnest(my.held_ordinals)));
		RETURN QUERY
		SELECT DISTINCT p.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text, 'busy',
		       COALESCE(p.{photo.main} {=} f.{file.key}, false), NULL::pg_catalog.text, f.{file.missing}
		  FROM ROWS FROM (pg_catalog.unnest($2::{photo.key:type}[]),
		                  pg_catalog.unnest($3::{file.key:type}[]))
		       WITH ORDINALITY AS g(photo, file, ordinal)
		  JOIN {photo} AS p
		    ON p.{photo.key} {=} g.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
		  JOIN {file} AS f ON f.{file.key} {=} g.file{and_file_of_owner}
		 WHERE g.ordinal {=} ANY (SELECT pg_catalog.unnest(my.held_ordinals));
	END IF;
	IF my.photos IS NULL THEN
		RETURN;
	END IF;
	IF my.others AND true {=} ANY (my.mains) THEN
		-- The file each photo shows from now on. Its row and its link are locked too, so that it is
		-- still there when we commit.
		SELECT COALESCE(pg_catalog.jsonb_object_agg(b.photo, b.file), my.best) INTO best
		  FROM (SELECT DISTINCT ON (l.{link.photo}) t.photo, k.key::pg_catalog.text AS file
		          FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.mains),
		                          pg_catalog.unnest(my.free)) AS t(photo, main, free)
		         -- Few links are left here. OFFSET 0 keeps the planner, which can't know that, from
		         -- reading the whole link or file table.
		         CROSS JOIN LATERAL (SELECT l.{link.photo}, l.{link.file} FROM {link} AS l
		                              WHERE l.{link.photo} {=} t.photo::{photo.key:type}{and_link_of_owner}
		                             OFFSET 0) AS l
		         CROSS JOIN LATERAL (SELECT f.{file.key} AS key, {rank} AS rank FROM {file} AS f
		                              WHERE f.{file.key} {=} l.{link.file}{and_file_of_owner}
		                                AND {media} AND NOT f.{file.missing} OFFSET 0) AS k
		         WHERE t.main AND t.free
		           -- Not a file that is gone too, be it that its own turn is later.
		           AND NOT l.{link.file} {=} ANY (SELECT pg_catalog.unnest(my.gone)
		                                          UNION ALL SELECT pg_catalog.unnest(my.held_files))
		         ORDER BY l.{link.photo}, k.rank, k.key) AS b;
		SELECT COALESCE(pg_catalog.jsonb_object_agg(k.photo, k.file), my.held) INTO held
		  FROM (SELECT b.key AS photo, b.value AS file
		          FROM pg_catalog.jsonb_each_text(my.best) AS b
		          JOIN {link} AS l ON l.{link.photo} {=} b.key::{photo.key:type}
		                          AND l.{link.file} {=} b.value::{file.key:type}{and_link_of_owner}
		          JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_of_owner}
		         WHERE NOT f.{file.missing}
		         ORDER BY f.{file.key}
		           FOR KEY SHARE OF l, f SKIP LOCKED) AS k;
	END IF;
	SELECT pg_catalog.array_agg(CASE WHEN t.main AND k.free
	                                 THEN COALESCE(my.held OPERATOR(pg_catalog.->>) t.photo, t.file) END
	                            ORDER BY t.ordinal),
	       pg_catalog.array_agg(k.free ORDER BY t.ordinal)
	  INTO afters, free
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.mains), pg_catalog.unnest(my.free))
	       WITH ORDINALITY AS t(photo, file, main, free, ordinal)
	 CROSS JOIN LATERAL (SELECT t.free AND (NOT t.main
	                            OR NOT my.best OPERATOR(pg_catalog.?) t.photo
	                            OR my.held OPERATOR(pg_catalog.?) t.photo)) AS k(free);
	$body$ || CASE WHEN names ? 'photo.main:expression' THEN '' ELSE $body$
	UPDATE {photo} AS p SET {photo.main} = t.after::{file.key:type}
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.afters)) AS t(photo, file, after)
	 WHERE t.after {<>} t.file AND p.{photo.key} {=} t.photo::{photo.key:type}
	   AND p.{photo.owner} {=} $1::{photo.owner:type};$body$ END
	|| missing_photos.mark_missing_writes(names) || $body$
	-- A pair that was given twice is told once.
	RETURN QUERY
	SELECT DISTINCT t.photo, t.file, CASE WHEN t.free THEN 'changed' ELSE 'busy' END, t.main,
	       t.after, t.flag
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.free), pg_catalog.unnest(my.mains),
	                  pg_catalog.unnest(my.afters), pg_catalog.unnest(my.flags))
	    AS t(photo, file, free, main, after, flag);
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.mark_missing_linked IS 'the body for photos, files and links';

CREATE FUNCTION missing_photos.mark_missing_single(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The row stays the user's: one already in the trash keeps the time it was put there.
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	photos pg_catalog.text[];
	free pg_catalog.bool[];
BEGIN
	SELECT pg_catalog.array_agg(k.photo ORDER BY k.ordinal),
	       pg_catalog.array_agg(k.locked ORDER BY k.ordinal)
	  INTO photos, free
	  FROM missing_photos.library_lock($1, $2, $3) AS k
	 WHERE NOT k.flagged
	   AND (NOT k.locked OR COALESCE(($4)[k.ordinal] {=} k.path,
	                                 ($4)[k.ordinal] IS NULL AND k.path IS NULL));
	$body$ || CASE names ->> 'flag' WHEN 'own' THEN '' ELSE $body$
	UPDATE {photo} AS p
	   SET {set_missing}
	 WHERE p.{photo.key} {=} ANY (ARRAY(
	           SELECT t.photo::{photo.key:type}
	             FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.free))
	               AS t(photo, free)
	            WHERE t.free));$body$ END || $body$
	RETURN QUERY
	SELECT t.photo, t.photo, CASE WHEN t.free THEN 'changed' ELSE 'busy' END, true,
	       CASE WHEN t.free THEN t.photo END, false
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.free)) AS t(photo, free);
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.mark_missing_single IS
	'the body where one row is the photo and its file';

-- sql/library/mark_present.sql

-- library_mark_present: gives photos the files back that were lost to them.

CREATE FUNCTION missing_photos.generate_mark_present(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_mark_present',
		'of_owner text, of_photos text[], of_files text[], of_paths text[], of_mains boolean[], '
		|| 'of_mains_after text[]',
		'TABLE (photo text, file text, outcome text, linked boolean)',
		missing_photos.contract_writes(1000),
		CASE names ->> 'shape'
		WHEN 'linked' THEN missing_photos.mark_present_linked(names)
		ELSE missing_photos.mark_present_single(names) END,
		'records that files are back: flag, link and main file; outcome: changed or busy, no row where there was nothing to change')
$$;
COMMENT ON FUNCTION missing_photos.generate_mark_present IS 'defines library_mark_present';

CREATE FUNCTION missing_photos.mark_present_linked(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The main file is given back only where the photo still shows what our own loss left it with:
	-- what a user chose since stays. A photo that lost one main file after the other gets them back
	-- in one call by following the losses backwards, so many steps at most that losses which lead
	-- in a circle end too.
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	photos pg_catalog.text[];
	files pg_catalog.text[];
	shown pg_catalog.text[];
	mains pg_catalog.bool[];
	flags pg_catalog.bool[];
	unlinked pg_catalog.bool[];
	free pg_catalog.bool[];
	lost pg_catalog.jsonb;
	shown_again pg_catalog.jsonb;
BEGIN
	SELECT pg_catalog.array_agg(k.photo), pg_catalog.array_agg(k.file),
	       pg_catalog.array_agg(k.main), pg_catalog.array_agg(k.was_main),
	       pg_catalog.array_agg(k.flagged), pg_catalog.array_agg(NOT k.linked),
	       pg_catalog.array_agg(k.locked),
	       pg_catalog.jsonb_object_agg(pg_catalog.concat(k.photo, ' ', k.main_after), k.file)
	           FILTER (WHERE k.locked AND k.was_main AND k.main_after {<>} k.file)
	  INTO photos, files, shown, mains, flags, unlinked, free, lost
	  -- Joined, not subscripted: a place in an array of texts is found by walking there.
	  FROM (SELECT j.photo, j.file, j.main, COALESCE(w.was_main, false) AS was_main,
	               w.main_after, j.flagged, j.linked, j.locked
	          FROM missing_photos.library_lock($1, $2, $3) AS j
	          LEFT JOIN ROWS FROM (pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6))
	               WITH ORDINALITY AS w(path, was_main, main_after, ordinal)
	            ON w.ordinal {=} j.ordinal
	         WHERE NOT j.locked OR COALESCE(w.path {=} j.path, w.path IS NULL AND j.path IS NULL)
	         ORDER BY j.ordinal) AS k;
	IF my.photos IS NULL THEN
		RETURN;
	END IF;
	WITH RECURSIVE chain AS (
		SELECT t.photo, pg_catalog.min(t.shown) AS shown, 0 AS step,
		       COALESCE(pg_catalog.min(t.shown), pg_catalog.min(t.file)) AS main
		  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
		                  pg_catalog.unnest(my.shown), pg_catalog.unnest(my.mains),
		                  pg_catalog.unnest(my.free)) AS t(photo, file, shown, main, free)
		 WHERE t.main AND t.free
		 GROUP BY t.photo
		UNION ALL
		SELECT c.photo, c.shown, c.step OPERATOR(pg_catalog.+) 1, n.file
		  FROM chain AS c
		 CROSS JOIN LATERAL (SELECT my.lost OPERATOR(pg_catalog.->>)
		                            pg_catalog.concat(c.photo, ' ', c.main)) AS n(file)
		 WHERE n.file IS NOT NULL AND c.step {<} 32
	)
	SELECT COALESCE(pg_catalog.jsonb_object_agg(w.photo, w.main),
	                pg_catalog.jsonb_build_object()) INTO shown_again
	  FROM (SELECT DISTINCT ON (c.photo) c.photo, c.main, c.shown
	          FROM chain AS c
	         ORDER BY c.photo, c.step DESC) AS w
	 WHERE w.shown IS NULL OR w.main {<>} w.shown;
	INSERT INTO {link} AS l ({link_columns}{more_link_columns})
	SELECT {link_values}{more_link_values}
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.unlinked), pg_catalog.unnest(my.free))
	    AS t(photo, file, unlinked, free)
	 WHERE t.free AND t.unlinked
	{on_conflict};
	$body$ || CASE names ->> 'flag' WHEN 'own' THEN '' ELSE $body$
	UPDATE {file} AS f SET {set_present}
	 WHERE f.{file.key} {=} ANY (ARRAY(
	           SELECT t.file::{file.key:type}
	             FROM ROWS FROM (pg_catalog.unnest(my.files), pg_catalog.unnest(my.free))
	               AS t(file, free)
	            WHERE t.free)){and_file_of_owner}
	   AND f.{file.missing};$body$ END
	|| CASE WHEN names ? 'photo.main:expression' THEN '' ELSE $body$
	UPDATE {photo} AS p SET {photo.main} = t.value::{file.key:type}
	  FROM pg_catalog.jsonb_each_text(my.shown_again) AS t
	 WHERE p.{photo.key} {=} t.key::{photo.key:type} AND p.{photo.owner} {=} $1::{photo.owner:type};$body$
	END || $body$
	RETURN QUERY
	SELECT t.photo, t.file, CASE WHEN t.free THEN 'changed' ELSE 'busy' END, t.free AND t.unlinked
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.flags), pg_catalog.unnest(my.unlinked),
	                  pg_catalog.unnest(my.free)) AS t(photo, file, flag, unlinked, free)
	 WHERE NOT t.free OR t.flag OR t.unlinked
	    OR COALESCE((my.shown_again OPERATOR(pg_catalog.->>) t.photo) {=} t.file, false);
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.mark_present_linked IS 'the body for photos, files and links';

CREATE FUNCTION missing_photos.mark_present_single(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What its user put in the trash stays there; everything else must lose the time of deletion, or
	-- the application's nightly job deletes it although the file is back.
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	photos pg_catalog.text[];
	free pg_catalog.bool[];
BEGIN
	SELECT pg_catalog.array_agg(k.photo ORDER BY k.ordinal),
	       pg_catalog.array_agg(k.locked ORDER BY k.ordinal)
	  INTO photos, free
	  FROM missing_photos.library_lock($1, $2, $3) AS k
	  LEFT JOIN pg_catalog.unnest($4) WITH ORDINALITY AS w(path, ordinal)
	    ON w.ordinal {=} k.ordinal
	 WHERE k.flagged
	   AND (NOT k.locked OR COALESCE(w.path {=} k.path, w.path IS NULL AND k.path IS NULL));
	$body$ || CASE names ->> 'flag' WHEN 'own' THEN '' ELSE $body$
	UPDATE {photo} AS p
	   SET {set_present}
	 WHERE p.{photo.key} {=} ANY (ARRAY(
	           SELECT t.photo::{photo.key:type}
	             FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.free))
	               AS t(photo, free)
	            WHERE t.free));$body$ END || $body$
	RETURN QUERY
	SELECT t.photo, t.photo, CASE WHEN t.free THEN 'changed' ELSE 'busy' END, false
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.free)) AS t(photo, free);
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.mark_present_single IS
	'the body where one row is the photo and its file';

-- sql/library/move.sql

-- library_move: gives files that were found elsewhere their new paths.

-- The names its template needs besides those of all generators. r is the row that holds the path.
CREATE FUNCTION missing_photos.move_names(names jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT names || jsonb_object_agg(part.key, missing_photos.contract_fill(part.value, names)) || w.written
	  FROM jsonb_each_text(CASE names ->> 'shape' WHEN 'linked' THEN jsonb_build_object(
		'row', '{file}', 'row.key', '{file.key}', 'row.key:type', '{file.key:type}',
		'and_row_of_owner', CASE WHEN names ? 'file.owner'
			THEN ' AND r.{file.owner} {=} $1::{photo.owner:type}' ELSE '' END,
		'choose_mains', missing_photos.move_mains(),
		'put_back', CASE WHEN names ? 'photo.removed' THEN missing_photos.move_put_back(
			names ? 'photo.trashed') ELSE '' END)
	ELSE jsonb_build_object(
		'row', '{photo}', 'row.key', '{photo.key}', 'row.key:type', '{photo.key:type}',
		'and_row_of_owner', '',
		'choose_mains', '', 'put_back', '') END) AS part
	 CROSS JOIN (SELECT jsonb_build_object(
	           'set_path', names ->> 'set_path' || COALESCE(names ->> 'and_path_digest', ''),
	           'set_aside', names ->> 'set_aside' || COALESCE(names ->> 'and_path_digest', '')) AS written) AS w
	 GROUP BY w.written
$$;
COMMENT ON FUNCTION missing_photos.move_names IS 'what the placeholders of library_move stand for';

CREATE FUNCTION missing_photos.generate_move(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(missing_photos.move_names(names), 'library_move',
		'of_owner text, of_photos text[], of_files text[], of_old_paths text[], '
		|| 'of_new_paths text[], of_mains boolean[], of_mains_after text[], '
		|| 'of_paths_only boolean[]',
		'TABLE (photo text, file text, path text, moved boolean, busy boolean)',
		missing_photos.contract_writes(1000), missing_photos.move_body(),
		'gives files their new paths where the library still says the old ones, and their photos back what they lost, unless only paths are wanted; moved: done, busy: held by another session; neither: another row has that path, or there was nothing to do')
$$;
COMMENT ON FUNCTION missing_photos.generate_move IS 'defines library_move';

-- Names may be exchanged or passed on in one call (a takes b's, b takes a's or c's), and a unique
-- index looks at each row as it is written. So a row in the way of another steps aside first, to a
-- path nobody can have. A path that a row outside this call holds, or one that can't move, is
-- refused to whoever wants it; then their own old paths stay taken too, and so on down the chain.
CREATE FUNCTION missing_photos.move_body()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	photos pg_catalog.text[];
	files pg_catalog.text[];
	paths pg_catalog.text[];
	wanted pg_catalog.text[];
	mains pg_catalog.bool[];
	afters pg_catalog.text[];
	unshown pg_catalog.bool[];
	found pg_catalog.bool[];
	lost pg_catalog.bool[];
	busy pg_catalog.bool[];
	moving pg_catalog.text[];
	leaving pg_catalog.text[];
	taking pg_catalog.text[];
	old_of pg_catalog.jsonb;
	taken pg_catalog.text[];
	taken_for_now pg_catalog.text[];
	shown pg_catalog.jsonb := pg_catalog.jsonb_build_object();
	patience pg_catalog.text := pg_catalog.current_setting('lock_timeout');
	collided pg_catalog.bool := false;
BEGIN
	WITH found AS MATERIALIZED (
		SELECT l.* FROM missing_photos.library_lock($1, $2, $3) AS l
	)
	SELECT pg_catalog.array_agg(k.photo), pg_catalog.array_agg(k.file),
	       pg_catalog.array_agg(k.path), pg_catalog.array_agg(k.target),
	       pg_catalog.array_agg(k.was_main), pg_catalog.array_agg(k.main_after),
	       pg_catalog.array_agg(k.found AND k.main IS NULL AND NOT k.was_main),
	       pg_catalog.array_agg(k.found), pg_catalog.array_agg(k.held),
	       pg_catalog.array_agg(k.found AND (k.was_main OR k.main IS NULL OR k.lacking))
	  INTO photos, files, paths, wanted, mains, afters, unshown, found, busy, lost
	  -- Joined, not subscripted: a place in an array of texts is found by walking there.
	  FROM (SELECT j.photo, j.file, j.path, j.main, COALESCE(w.main, false) AS was_main,
	               w.main_after, NOT COALESCE(w.path_only, false) AS found,
	               COALESCE(j.flagged, true) OR NOT j.linked AS lacking,
	               j.file {=} ANY (SELECT h.file FROM found AS h WHERE NOT h.locked) AS held,
	               CASE WHEN COALESCE(w.old_path {=} j.path, w.old_path IS NULL AND j.path IS NULL){and_can_hold}
	                    THEN w.new_path END AS target
	          FROM found AS j
	          JOIN ROWS FROM (pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6),
	                          pg_catalog.unnest($7), pg_catalog.unnest($8))
	               WITH ORDINALITY AS w(old_path, new_path, main, main_after, path_only, ordinal)
	            ON w.ordinal {=} j.ordinal
	         ORDER BY j.ordinal) AS k;
	IF my.photos IS NULL THEN
		RETURN;
	END IF;
	SELECT pg_catalog.array_agg(k.file), pg_catalog.array_agg(k.path),
	       pg_catalog.array_agg(k.target), pg_catalog.jsonb_object_agg(k.target, k.path)
	  INTO moving, leaving, taking, old_of
	  FROM (SELECT DISTINCT ON (g.target) g.file, g.path, g.target
	          FROM (SELECT t.file, pg_catalog.min(t.path) AS path,
	                       pg_catalog.min(t.target) AS target
	                  FROM ROWS FROM (pg_catalog.unnest(my.files), pg_catalog.unnest(my.paths),
	                                  pg_catalog.unnest(my.wanted), pg_catalog.unnest(my.busy))
	                    AS t(file, path, target, busy)
	                 GROUP BY t.file
	                HAVING NOT pg_catalog.bool_or(t.busy) AND pg_catalog.bool_and(t.target {<>} '')
	                   AND pg_catalog.min(t.target) {=} pg_catalog.max(t.target)) AS g
	         WHERE NOT COALESCE(g.target {=} g.path, false)
	         ORDER BY g.target, g.file) AS k;
	WITH RECURSIVE held AS (
		SELECT {row_path} AS path,
		       r.{row.key} {=} ANY (SELECT t.file::{row.key:type}
		                              FROM ROWS FROM (pg_catalog.unnest(my.files),
		                                              pg_catalog.unnest(my.busy)) AS t(file, busy)
		                             WHERE t.busy) AS for_now
		  FROM {row} AS r
		 WHERE {row_is_taken}
		   AND NOT r.{row.key} {=} ANY (SELECT t.file::{row.key:type}
		                                  FROM pg_catalog.unnest(my.moving) AS t(file))
		UNION
		SELECT n.path, h.for_now
		  FROM held AS h
		 CROSS JOIN LATERAL (SELECT my.old_of OPERATOR(pg_catalog.->>) h.path) AS n(path)
		 WHERE n.path IS NOT NULL
	)
	SELECT pg_catalog.array_agg(h.path), pg_catalog.array_agg(h.path) FILTER (WHERE h.for_now)
	  INTO taken, taken_for_now
	  FROM held AS h;
	SELECT pg_catalog.array_agg(t.file), pg_catalog.array_agg(t.old), pg_catalog.array_agg(t.target)
	  INTO moving, leaving, taking
	  FROM ROWS FROM (pg_catalog.unnest(my.moving), pg_catalog.unnest(my.leaving),
	                  pg_catalog.unnest(my.taking)) AS t(file, old, target)
	 WHERE NOT t.target {=} ANY (SELECT pg_catalog.unnest(my.taken));
	BEGIN
		-- Another session may be about to commit a row with one of these paths. A unique index
		-- waits for it; not for long, or we could deadlock.
		PERFORM pg_catalog.set_config('lock_timeout', '100ms', true);
		UPDATE {row} AS r SET {set_aside}
		  FROM (SELECT t.file, pg_catalog.concat('missing_photos ', pg_catalog.gen_random_uuid()) AS place
		          FROM ROWS FROM (pg_catalog.unnest(my.moving), pg_catalog.unnest(my.leaving))
		            AS t(file, old)
		         WHERE t.old {=} ANY (SELECT pg_catalog.unnest(my.taking))) AS k
		 WHERE r.{row.key} {=} k.file::{row.key:type}{and_row_of_owner};
		UPDATE {row} AS r SET {set_path}
		  FROM ROWS FROM (pg_catalog.unnest(my.moving), pg_catalog.unnest(my.taking))
		    AS k(file, place)
		 WHERE r.{row.key} {=} k.file::{row.key:type}{and_row_of_owner};
		PERFORM pg_catalog.set_config('lock_timeout', my.patience, true);
	EXCEPTION WHEN unique_violation OR lock_not_available OR deadlock_detected THEN
		collided := true;
		moving := NULL;
	END;
	{choose_mains}
	-- Most files that moved were never missed: only what lacks something is given it back.
	PERFORM
	  FROM (SELECT pg_catalog.array_agg(t.photo) AS photos, pg_catalog.array_agg(t.file) AS files,
	               pg_catalog.array_agg(t.target) AS paths,
	               pg_catalog.array_agg(t.main OR COALESCE(
	                   (my.shown OPERATOR(pg_catalog.->>) t.photo) {=} t.file, false)) AS mains,
	               pg_catalog.array_agg(t.after) AS afters
	          FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                          pg_catalog.unnest(my.wanted), pg_catalog.unnest(my.mains),
	                          pg_catalog.unnest(my.afters), pg_catalog.unnest(my.lost))
	            AS t(photo, file, target, main, after, lost)
	         WHERE t.lost AND t.file {=} ANY (SELECT pg_catalog.unnest(my.moving))
	        HAVING pg_catalog.count(*) {>} 0) AS k
	 CROSS JOIN LATERAL missing_photos.library_mark_present($1, k.photos, k.files, k.paths, k.mains,
	                                                        k.afters);
	{put_back}
	RETURN QUERY
	SELECT t.photo, t.file, CASE WHEN k.moved THEN t.target ELSE t.path END, k.moved,
	       NOT k.moved AND (t.busy OR my.collided AND t.target IS NOT NULL
	                        OR COALESCE(t.target {=} ANY (SELECT pg_catalog.unnest(my.taken_for_now)), false))
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.paths), pg_catalog.unnest(my.wanted),
	                  pg_catalog.unnest(my.busy)) AS t(photo, file, path, target, busy)
	 CROSS JOIN LATERAL (SELECT t.file {=} ANY (SELECT pg_catalog.unnest(my.moving))) AS k(moved);
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.move_body IS 'the body of library_move';

CREATE FUNCTION missing_photos.move_mains()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A photo without a main file shows the best of those it gets back; never a sidecar.
	SELECT $body$
	SELECT COALESCE(pg_catalog.jsonb_object_agg(k.photo, k.file), my.shown) INTO shown
	  FROM (SELECT DISTINCT ON (t.photo) t.photo, t.file
	          FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                          pg_catalog.unnest(my.unshown)) AS t(photo, file, unshown)
	          JOIN {file} AS f ON f.{file.key} {=} t.file::{file.key:type}{and_file_of_owner}
	         WHERE t.unshown AND {media} AND t.file {=} ANY (SELECT pg_catalog.unnest(my.moving))
	         ORDER BY t.photo, {rank}, t.file) AS k;
$body$
$$;
COMMENT ON FUNCTION missing_photos.move_mains IS 'the part of library_move that chooses main files';

CREATE FUNCTION missing_photos.move_put_back(from_trash boolean)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A photo whose files its user had removed is a photo again when one is there; one that is only in
	-- the trash stays there.
	SELECT format($body$
	UPDATE {photo} AS p SET {photo.removed} = false%s
	 WHERE p.{photo.key} {=} ANY (ARRAY(
	           SELECT t.photo::{photo.key:type}
	             FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                             pg_catalog.unnest(my.found)) AS t(photo, file, found)
	             JOIN {file} AS f ON f.{file.key} {=} t.file::{file.key:type}{and_file_of_owner}
	            WHERE t.found AND {media} AND t.file {=} ANY (SELECT pg_catalog.unnest(my.moving))))
	   AND p.{photo.owner} {=} $1::{photo.owner:type} AND p.{photo.removed};
$body$, CASE WHEN from_trash THEN ', {photo.trashed} = false' ELSE '' END)
$$;
COMMENT ON FUNCTION missing_photos.move_put_back IS
	'the part of library_move that takes photos out of the trash';

-- sql/library/beside.sql

-- library_beside, library_astray and library_move_beside: sidecars that the library names in rows of
-- their own without judging them, and that go where their photo goes. Where a sidecar is a file like
-- any other there are none.
--
-- In a mapping of the single shape: table "sidecar" (rows of state "sidecar" in its column "kind"), or
-- the photo's own column "sidecar".

-- s is a sidecar, with key, photo and path; m.old and m.new are the paths of its photo. A sidecar is
-- called like the photo's file with an ending more, or with its ending exchanged; one of another name
-- keeps its name. Where it is expected:
CREATE FUNCTION missing_photos.beside_names(names jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT names || jsonb_object_agg(part.key, missing_photos.contract_fill(part.value, names))
	  FROM jsonb_each_text(jsonb_build_object(
		'sidecars', CASE WHEN names ? 'sidecar'
			THEN 'SELECT c.{sidecar.key}::pg_catalog.text AS key, c.{sidecar.photo} AS photo, '
				|| 'c.{sidecar.path}::pg_catalog.text AS path FROM {sidecar} AS c '
				|| 'WHERE c.{sidecar.kind}::pg_catalog.text {=} {sidecar_kind}'
			ELSE 'SELECT c.{photo.key}::pg_catalog.text AS key, c.{photo.key} AS photo, '
				|| 'c.{photo.sidecar}::pg_catalog.text AS path FROM {photo} AS c '
				|| 'WHERE c.{photo.sidecar} {<>} ''''' END,
		'place', $p$CASE
			WHEN pg_catalog.starts_with(s.path, m.old)
			THEN pg_catalog.concat(m.new, pg_catalog.substr(s.path, pg_catalog.length(m.old) OPERATOR(pg_catalog.+) 1))
			WHEN pg_catalog.starts_with(s.path, pg_catalog.concat(o.stem, '.'))
			THEN pg_catalog.concat(pg_catalog.regexp_replace(m.new, '\.[^./]*$', ''),
			                       pg_catalog.substr(s.path, pg_catalog.length(o.stem) OPERATOR(pg_catalog.+) 1))
			ELSE pg_catalog.concat(pg_catalog.regexp_replace(m.new, '[^/]*$', ''),
			                       pg_catalog.regexp_replace(s.path, '^.*/', '')) END$p$,
		'folder_of_path', $p$pg_catalog.regexp_replace(s.path, '[^/]*$', '')$p$,
		'folder_of_old', $p$pg_catalog.regexp_replace(m.old, '[^/]*$', '')$p$,
		'stem_of_old', $p$pg_catalog.regexp_replace(m.old, '\.[^./]*$', '')$p$,
		'target', CASE WHEN names ? 'sidecar' THEN '{sidecar}' ELSE '{photo}' END,
		'target.key', CASE WHEN names ? 'sidecar' THEN '{sidecar.key}' ELSE '{photo.key}' END,
		'target.key:type', CASE WHEN names ? 'sidecar' THEN '{sidecar.key:type}' ELSE '{photo.key:type}' END,
		'target.path', CASE WHEN names ? 'sidecar' THEN '{sidecar.path}' ELSE '{photo.sidecar}' END,
		'target.path:type', CASE WHEN names ? 'sidecar' THEN '{sidecar.path:type}' ELSE '{photo.sidecar:type}' END
	)) AS part
$$;
COMMENT ON FUNCTION missing_photos.beside_names IS
	'what these templates say of sidecars and their places';

CREATE FUNCTION missing_photos.generate_beside(names jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	has_sidecars boolean := names ? 'sidecar' OR names ? 'photo.sidecar';
	all_names jsonb := CASE WHEN has_sidecars THEN missing_photos.beside_names(names) ELSE names END;
	rows text := 'TABLE (photo text, file text, path text, place text)';
	none text := 'SELECT NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text, '
		|| 'NULL::pg_catalog.text WHERE false';
BEGIN
	PERFORM missing_photos.contract_define(all_names, 'library_beside',
		'of_photos text[], of_old_paths text[], of_new_paths text[]', rows,
		missing_photos.contract_reads(100), CASE WHEN has_sidecars THEN $body$
	SELECT m.photo, s.key, s.path, p.place
	  FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3))
	    AS m(photo, old, new)
	  JOIN ({sidecars}) AS s ON s.photo {=} m.photo::{photo.key:type}
	 CROSS JOIN LATERAL (SELECT {stem_of_old} AS stem) AS o
	 CROSS JOIN LATERAL (SELECT {place} AS place) AS p
	 WHERE {folder_of_path} {=} {folder_of_old} AND p.place {<>} s.path
$body$ ELSE none END, 'sidecars that lay beside photos'' files at their old paths, and where they belong now that the files have new ones');
	PERFORM missing_photos.contract_define(all_names, 'library_astray', 'of_owner text', rows,
		missing_photos.contract_reads(100), CASE WHEN has_sidecars THEN $body$
	SELECT p.{photo.key}::pg_catalog.text, s.key, s.path, w.place
	  FROM {photo} AS p
	  JOIN ({sidecars}) AS s ON s.photo {=} p.{photo.key}
	 CROSS JOIN LATERAL (SELECT p.{photo.path}::pg_catalog.text AS old) AS m
	 CROSS JOIN LATERAL (VALUES (pg_catalog.concat(m.old, '.xmp')),
	                            (pg_catalog.concat({stem_of_old}, '.xmp'))) AS w(place)
	 WHERE NOT pg_catalog.starts_with(s.path, p.{photo.path}::pg_catalog.text)
	   AND p.{photo.owner} {=} $1::{photo.owner:type} AND {alive}{and_settled} AND p.{photo.external}
	   AND NOT p.{photo.offline} AND {folder_of_path} {<>} {folder_of_old}
	 ORDER BY s.key, pg_catalog.length(w.place) OPERATOR(pg_catalog.>) pg_catalog.length(m.old) DESC
$body$ ELSE none END, 'sidecars named elsewhere than beside an owner''s photos, and where they may be');
	PERFORM missing_photos.contract_define(all_names, 'library_move_beside',
		'of_files text[], of_paths text[], of_places text[]', 'TABLE (file text)',
		missing_photos.contract_writes(1000), CASE WHEN has_sidecars THEN $body$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	UPDATE {target} AS r SET {target.path} = g.place::{target.path:type}
	  FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3))
	    AS g(file, path, place)
	 WHERE r.{target.key} {=} g.file::{target.key:type} AND r.{target.path} {=} g.path::{target.path:type}
	RETURNING r.{target.key}::pg_catalog.text;
END
$body$ ELSE $body$
BEGIN
	RETURN;
END
$body$ END, 'gives sidecars their new paths where the library still says the old ones');
END
$$;
COMMENT ON FUNCTION missing_photos.generate_beside IS
	'defines library_beside, library_astray and library_move_beside';

-- sql/library/claimed.sql

-- library_claimed and library_photos_by_content: who has this path, and who this content.

CREATE FUNCTION missing_photos.generate_claimed(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Any row of any owner counts, one about to be deleted too, and so do both places of a file that
	-- the application is moving. The planner sees how many paths are
	-- asked for: few are looked up, many are hashed.
	SELECT missing_photos.contract_define(names, 'library_claimed', 'of_paths text[]',
		'TABLE (path text)', missing_photos.contract_reads(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT g.path
	  FROM pg_catalog.unnest($1) AS g(path)
	 WHERE EXISTS (SELECT FROM {file} AS f WHERE {at_path})
$body$ ELSE $body$
	SELECT g.path
	  FROM pg_catalog.unnest($1) AS g(path)
	 WHERE EXISTS (SELECT FROM {photo} AS p WHERE {at_path}){or_in_flight}
$body$ END, 'which of these paths a file of anybody''s has')
$$;
COMMENT ON FUNCTION missing_photos.generate_claimed IS 'defines library_claimed';

CREATE FUNCTION missing_photos.generate_photos_by_content(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A photo has a content when a file of it is linked, or pointed at as the main file, or when it
	-- remembers the digest itself, as photos do whose files were removed.
	SELECT missing_photos.contract_define(names, 'library_photos_by_content',
		'of_owner text, of_digests text[]',
		'TABLE (photo text, file text, path text, digest text, linked boolean, flagged boolean, '
		|| 'removed boolean)',
		missing_photos.contract_reads(1000),
		CASE WHEN names ->> 'shape' = 'linked' AND names ->> 'key_of_digest' <> '' THEN
			missing_photos.by_content_linked(names)
		WHEN names ->> 'shape' = 'linked' THEN $body$
	SELECT NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text,
	       NULL::pg_catalog.text, false, false, false
	 WHERE false
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.path}::pg_catalog.text, d.digest, true, p.{photo.offline}, NOT ({active})
	  FROM pg_catalog.unnest($2) AS d(digest)
	  JOIN {photo} AS p
	    ON p.{photo.owner} {=} $1::{photo.owner:type} AND {alive} AND {has_digest}
	   AND {is_digest}
$body$ END, 'photos of an owner, removed ones too, that have a file of this content; file and path are NULL where only the photo knows its content, photo is NULL where no photo knows the file any more')
$$;
COMMENT ON FUNCTION missing_photos.generate_photos_by_content IS
	'defines library_photos_by_content';

CREATE FUNCTION missing_photos.by_content_linked(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format($body$
	SELECT p.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text, d.digest,
	       EXISTS (SELECT FROM {link} AS l
	                WHERE l.{link.photo} {=} p.{photo.key} AND l.{link.file} {=} f.{file.key}{and_link_is_owners}),
	       COALESCE(f.{file.missing}, false), %s
	  FROM pg_catalog.unnest($2) AS d(digest)
	  LEFT JOIN {file} AS f ON f.{file.key} {=} {key_of_digest}{and_file_of_owner}
	  LEFT JOIN LATERAL (
	       SELECT l.{link.photo} FROM {link} AS l
	        WHERE l.{link.file} {=} {key_of_digest}{and_link_of_owner}
	       UNION
	       SELECT q.{photo.key} FROM {photo} AS q
	        WHERE q.{photo.main} {=} {key_of_digest} AND q.{photo.owner} {=} $1::{photo.owner:type}%s
	       ) AS c(photo) ON true
	  LEFT JOIN {photo} AS p
	    ON p.{photo.key} {=} c.photo AND p.{photo.owner} {=} $1::{photo.owner:type}
	 WHERE p.{photo.key} IS NOT NULL OR f.{file.key} IS NOT NULL
$body$, CASE WHEN names ? 'photo.removed' THEN 'COALESCE(p.{photo.removed}, false)' ELSE 'false' END,
		CASE WHEN names ? 'photo.hash' THEN '
	       UNION
	       SELECT q.{photo.key} FROM {photo} AS q
	        WHERE q.{photo.hash} {=} {key_of_digest}::{photo.hash:type}' ELSE '' END)
$$;
COMMENT ON FUNCTION missing_photos.by_content_linked IS
	'the body of library_photos_by_content where a file''s key is its digest';

-- sql/library/at.sql

-- library_at and library_owners_below: whose files have these paths, or lie below this folder.

CREATE FUNCTION missing_photos.generate_at(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_at', 'of_paths text[]',
		'TABLE (owner text, photo text, file text, path text, flagged boolean, readonly boolean)',
		missing_photos.contract_reads(100),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.owner}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       f.{file.key}::pg_catalog.text, f.{file.path}::pg_catalog.text, f.{file.missing}, false
	  FROM pg_catalog.unnest($1) AS g(path)
	  JOIN {file} AS f ON {at_path}
	  JOIN {link} AS l ON l.{link.file} {=} f.{file.key}{and_file_is_links}
	  JOIN {photo} AS p ON p.{photo.key} {=} l.{link.photo}{and_link_is_owners}{and_file_is_owners}
$body$ ELSE $body$
	SELECT p.{photo.owner}::pg_catalog.text, p.{photo.key}::pg_catalog.text,
	       p.{photo.key}::pg_catalog.text, p.{photo.path}::pg_catalog.text, p.{photo.offline},
	       NOT p.{photo.external}
	  FROM pg_catalog.unnest($1) AS g(path)
	  JOIN {photo} AS p ON {at_path}
	 WHERE {alive}{and_settled}
$body$ END, 'the files that have these paths and the photos they are linked to, of any owner')
$$;
COMMENT ON FUNCTION missing_photos.generate_at IS 'defines library_at';

CREATE FUNCTION missing_photos.generate_owners_below(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_owners_below', 'of_folder text',
		'TABLE (owner text)', missing_photos.contract_reads(3),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT DISTINCT p.{photo.owner}::pg_catalog.text
	  FROM {file} AS f
	  JOIN {link} AS l ON l.{link.file} {=} f.{file.key}{and_file_is_links}
	  JOIN {photo} AS p ON p.{photo.key} {=} l.{link.photo}{and_link_is_owners}{and_file_is_owners}
	 WHERE pg_catalog.starts_with(f.{file.path}::pg_catalog.text, pg_catalog.concat($1, '/'))
$body$ ELSE $body$
	SELECT DISTINCT p.{photo.owner}::pg_catalog.text
	  FROM {photo} AS p
	 WHERE pg_catalog.starts_with(p.{photo.path}::pg_catalog.text, pg_catalog.concat($1, '/'))
	   AND {alive}
$body$ END, 'the owners who have files below this folder')
$$;
COMMENT ON FUNCTION missing_photos.generate_owners_below IS 'defines library_owners_below';

-- sql/library/add.sql

-- library_add: a new file, of a photo that is there or of a new one.

CREATE FUNCTION missing_photos.generate_add(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_add',
		'of_owner text, of_photo text, of_path text, of_digest text, of_size bigint, of_kind text',
		'TABLE (photo text, file text, action text)', missing_photos.contract_writes(1),
		CASE WHEN COALESCE(names ->> 'key_of_digest', '') <> ''
		     THEN missing_photos.add_body(names)
		     ELSE $body$
BEGIN
	RETURN QUERY SELECT NULL::pg_catalog.text, NULL::pg_catalog.text, 'new'::pg_catalog.text;
END
$body$ END, 'adds a file to a photo (added), or where the library is ours to fill makes a photo of it (created); new: the application''s own importer has to')
$$;
COMMENT ON FUNCTION missing_photos.generate_add IS 'defines library_add';

-- The file's row may be there already, without a photo or held as missing: then it is this one. One
-- that is there at another path isn't ours to take; the caller moves it.
CREATE FUNCTION missing_photos.add_body(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	key pg_catalog.text := pg_catalog.concat($4, $1);
	photo pg_catalog.text := $2;
BEGIN
	$body$ || CASE WHEN names ->> 'makes_photos' = 'true' THEN missing_photos.add_find_sibling()
		ELSE $body$IF my.photo IS NULL THEN
		RETURN QUERY SELECT NULL::pg_catalog.text, NULL::pg_catalog.text, 'new';
		RETURN;
	END IF;$body$ END || $body$
	IF my.photo IS NOT NULL THEN
		PERFORM FROM {photo} AS p
		  WHERE p.{photo.key} {=} my.photo::{photo.key:type} AND p.{photo.owner} {=} $1::{photo.owner:type}
		    FOR NO KEY UPDATE;
		IF NOT FOUND THEN
			RETURN;
		END IF;
	END IF;
	INSERT INTO {file} ({file.key}, {file.path}, {file.type}, {file.missing}{add_file_columns}{more_file_columns})
	VALUES (my.key, $3, {type_of_kind}, false{add_file_values}{more_file_values})
	ON CONFLICT DO NOTHING;
	PERFORM FROM {file} AS f
	  WHERE f.{file.key} {=} my.key::{file.key:type}{and_file_of_owner}
	    AND f.{file.path} {=} $3::{file.path:type};
	IF NOT FOUND THEN
		RETURN;
	END IF;
	$body$ || CASE WHEN names ->> 'makes_photos' = 'true' THEN missing_photos.add_make_photo()
		ELSE '' END || $body$
	INSERT INTO {link} AS l ({link_columns}{more_link_columns})
	SELECT {link_values}{more_link_values}
	  FROM (SELECT my.photo AS photo, my.key AS file) AS t
	 WHERE NOT EXISTS (SELECT FROM {link} AS l
	                    WHERE l.{link.photo} {=} t.photo::{photo.key:type}
	                      AND l.{link.file} {=} t.file::{file.key:type}{and_link_of_owner})
	{on_conflict};
	UPDATE {file} AS f SET {file.missing} = false
	 WHERE f.{file.key} {=} my.key::{file.key:type}{and_file_of_owner} AND f.{file.missing};
	UPDATE {photo} AS p SET {photo.main} = f.{file.key}
	  FROM {file} AS f
	 WHERE p.{photo.key} {=} my.photo::{photo.key:type} AND p.{photo.owner} {=} $1::{photo.owner:type}
	   AND f.{file.key} {=} my.key::{file.key:type}{and_file_of_owner}
	   AND p.{photo.main} IS NULL AND {media};
	$body$ || CASE WHEN names ? 'photo.removed' THEN format($body$
	UPDATE {photo} AS p SET {photo.removed} = false%s
	  FROM {file} AS f
	 WHERE p.{photo.key} {=} my.photo::{photo.key:type} AND p.{photo.owner} {=} $1::{photo.owner:type}
	   AND f.{file.key} {=} my.key::{file.key:type}{and_file_of_owner}
	   AND p.{photo.removed} AND {media};$body$,
		CASE WHEN names ? 'photo.trashed' THEN ', {photo.trashed} = false' ELSE '' END)
		ELSE '' END || $body$
	RETURN QUERY SELECT my.photo, my.key, 'added';
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.add_body IS 'the body of library_add where a file''s key is its digest';

CREATE FUNCTION missing_photos.add_find_sibling()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A raw file and the jpeg beside it are one photo, and a sidecar belongs to what it describes. A
	-- sidecar without that, and a file of no known kind, make no photo.
	SELECT $body$IF my.photo IS NULL THEN
		SELECT l.{link.photo}::pg_catalog.text INTO photo
		  FROM {file} AS f
		  JOIN {link} AS l ON l.{link.file} {=} f.{file.key}{and_file_is_links}
		 WHERE f.{file.path} {=} ANY (ARRAY(SELECT s.path::{file.path:type}
		                                      FROM missing_photos.sibling_paths($3) AS s(path))){and_file_of_owner}
		   AND ($6 {=} 'metadata' OR $6 {=} 'raw' AND {rank} {=} 1 OR $6 {=} 'image' AND {rank} {=} 3)
		   AND {media}
		 ORDER BY l.{link.photo}
		 LIMIT 1;
		IF my.photo IS NULL AND ($6 {=} 'metadata' OR $6 {=} 'unknown') THEN
			RETURN QUERY SELECT NULL::pg_catalog.text, NULL::pg_catalog.text, 'new';
			RETURN;
		END IF;
	END IF;$body$
$$;
COMMENT ON FUNCTION missing_photos.add_find_sibling IS
	'the part of library_add that looks for the photo a new file belongs to';

CREATE FUNCTION missing_photos.add_make_photo()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Another session may have added the same file just now.
	SELECT $body$IF my.photo IS NULL THEN
		SELECT l.{link.photo}::pg_catalog.text INTO photo FROM {link} AS l
		 WHERE l.{link.file} {=} my.key::{file.key:type}{and_link_of_owner}
		 ORDER BY l.{link.photo}
		 LIMIT 1;
		IF my.photo IS NOT NULL THEN
			RETURN QUERY SELECT my.photo, my.key, 'known';
			RETURN;
		END IF;
		INSERT INTO {photo} AS p ({photo.owner}, {photo.main}, {photo.video})
		VALUES ($1::{photo.owner:type}, my.key::{file.key:type}, $6 {=} 'video')
		RETURNING p.{photo.key}::pg_catalog.text INTO photo;
		INSERT INTO {link} AS l ({link_columns}{more_link_columns})
		SELECT {link_values}{more_link_values} FROM (SELECT my.photo AS photo, my.key AS file) AS t;
		RETURN QUERY SELECT my.photo, my.key, 'created';
		RETURN;
	END IF;$body$
$$;
COMMENT ON FUNCTION missing_photos.add_make_photo IS
	'the part of library_add that makes a photo of a new file';

-- sql/library/reimported.sql

-- library_reimported: photos whose file moved and was imported again as a photo of its own.

CREATE FUNCTION missing_photos.generate_reimported(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The old photo has no media file linked; its content is what it says itself, or its main file's,
	-- or that of a file it lost ($2, $3). The new one came later and has this content as its own.
	-- Where a photo's key is its content's digest there can't be two.
	SELECT missing_photos.contract_define(names, 'library_reimported',
		'of_owner text, of_lost_photos text[], of_lost_files text[], of_photos text[]',
		'TABLE (photo text, reimported text, file text, path text)',
		missing_photos.contract_reads(100),
		CASE WHEN names ->> 'shape' = 'linked' AND names ->> 'key_of_digest' <> ''
		          AND names ? 'photo.added' THEN $body$
	WITH known AS (
		SELECT o.{photo.key} AS photo, o.{photo.added} AS added, w.file
		  FROM {photo} AS o
		 CROSS JOIN LATERAL (VALUES (o.{photo.main}$body$
		|| CASE WHEN names ? 'photo.hash' THEN '), (o.{photo.hash}::{file.key:type}' ELSE '' END
		|| $body$)) AS w(file)
		 WHERE o.{photo.owner} {=} $1::{photo.owner:type}
		UNION
		SELECT o.{photo.key}, o.{photo.added}, l.file::{file.key:type}
		  FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS l(photo, file)
		  JOIN {photo} AS o ON o.{photo.key} {=} l.photo::{photo.key:type}
		                   AND o.{photo.owner} {=} $1::{photo.owner:type}
	)
	SELECT o.photo::pg_catalog.text, n.{photo.key}::pg_catalog.text, f.{file.key}::pg_catalog.text,
	       f.{file.path}::pg_catalog.text
	  FROM known AS o
	  JOIN {file} AS f ON f.{file.key} {=} o.file{and_file_of_owner}
	  JOIN {link} AS l ON l.{link.file} {=} f.{file.key}{and_file_is_links}
	  JOIN {photo} AS n ON n.{photo.key} {=} l.{link.photo}{and_link_is_new}
	 WHERE n.{photo.owner} {=} $1::{photo.owner:type} AND n.{photo.key} {<>} o.photo
	   AND n.{photo.added} {>} o.added AND {new_is_content}
	   AND {media} AND NOT f.{file.missing}
	   AND ($4 IS NULL OR o.photo {=} ANY ($4::{photo.key:type}[]))
	   AND NOT EXISTS (SELECT FROM {link} AS k
	                     JOIN {file} AS f ON f.{file.key} {=} k.{link.file}{and_file_is_k}
	                    WHERE k.{link.photo} {=} o.photo{and_k_of_owner} AND {media})
$body$ ELSE $body$
	SELECT NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text
	 WHERE false
$body$ END, 'photos without media whose content a later photo of the same owner has')
$$;
COMMENT ON FUNCTION missing_photos.generate_reimported IS 'defines library_reimported';

-- sql/library/job.sql

-- library_job: keeps the application's own job table in step, so that its page shows our work.

CREATE FUNCTION missing_photos.generate_job(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_job',
		'of_job uuid, of_owner text, kind text, state text, done integer, total integer, '
		|| 'error text',
		'void', 'LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE',
		CASE WHEN names ? 'job'
		     THEN missing_photos.job_body(names) ELSE $body$
BEGIN
	-- This library keeps no jobs.
END
$body$ END, 'writes a job''s state into the application''s own job table, where it has one')
$$;
COMMENT ON FUNCTION missing_photos.generate_job IS 'defines library_job';

-- Layouts differ in where progress goes and how an ending is told. A cell is the column, the value
-- when a job starts, while it runs, and when it ends; a NULL leaves the column as it is.
CREATE FUNCTION missing_photos.job_cells(names jsonb)
RETURNS TABLE (place integer, name text, at_start text, under_way text, at_end text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT cell.place, '{job.' || cell.name || '}', cell.at_start, cell.under_way, cell.at_end
	  FROM (VALUES
		(1, 'finished', 'false', NULL, 'true'),
		(2, 'failed', 'false', NULL, CASE WHEN names ? 'job.cancelled'
			THEN '$4 {=} ''failed''' ELSE '$4 {<>} ''finished''' END),
		(3, 'cancelled', 'false', NULL, '$4 {=} ''cancelled'''),
		(4, 'started', 'CASE WHEN $4 {=} ''started'' THEN pg_catalog.clock_timestamp() END', NULL, NULL),
		(5, 'ended', 'NULL', NULL, 'pg_catalog.clock_timestamp()'),
		(6, 'current', 'COALESCE($5, 0)', 'COALESCE($5, j.{job.current})',
		 'COALESCE($5, j.{job.current})'),
		(7, 'target', 'COALESCE($6, 0)', 'COALESCE($6, j.{job.target})',
		 'COALESCE($6, j.{job.target})'),
		(8, 'step', 'my.step', NULL, 'NULL'),
		(9, 'result',
		 CASE WHEN names ? 'job.current' THEN 'NULL' ELSE 'my.progress' END,
		 CASE WHEN names ? 'job.current' THEN NULL ELSE 'my.progress' END,
		 CASE WHEN names ? 'job.current'
		      THEN 'CASE WHEN $4 {=} ''finished'' THEN j.{job.result} ELSE my.ending END'
		      ELSE 'my.progress OPERATOR(pg_catalog.||) my.ending' END)
	) AS cell(place, name, at_start, under_way, at_end)
	 WHERE names ? ('job.' || cell.name)
$$;
COMMENT ON FUNCTION missing_photos.job_cells IS
	'which columns of the application''s job table change when, and to what';

CREATE FUNCTION missing_photos.job_body(names jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT replace(replace(replace(replace(replace($body$
#variable_conflict use_column
<<my>>
DECLARE
	code {job.type:type} := CASE WHEN $3 {=} 'scan' THEN {job_scan}::{job.type:type}
	                             WHEN $3 {=} 'delete' THEN {job_delete}::{job.type:type} END;
	step pg_catalog.text := CASE WHEN $3 {=} 'scan' THEN 'Looking for missing photos'
	                             ELSE 'Removing missing photos' END;
	progress pg_catalog.jsonb := pg_catalog.jsonb_build_object('progress',
		pg_catalog.jsonb_build_object('current', COALESCE($5, 0), 'target', COALESCE($6, 0)));
	ending pg_catalog.jsonb := CASE
		WHEN $4 {=} 'failed' THEN pg_catalog.jsonb_build_object('status', $4, 'error', $7)
		WHEN $4 {=} 'cancelled' THEN pg_catalog.jsonb_build_object('status', $4)
		ELSE pg_catalog.jsonb_build_object() END;
	ours pg_catalog.bool;
BEGIN
	IF $3 {=} ANY (ARRAY['relink', 'remap', 'merge']) THEN
		RETURN;  -- no application has a code for it
	ELSIF my.code IS NULL THEN
		RAISE EXCEPTION 'there is no job of kind "%"', $3 USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT j.{job.owner} {=} $2::{job.owner:type} AND j.{job.type} {=} my.code INTO ours
	  FROM {job} AS j
	 WHERE j.{job.key} {=} $1::{job.key:type}
	   FOR NO KEY UPDATE;
	IF FOUND AND my.ours IS NOT TRUE THEN
		RAISE EXCEPTION 'job % of the application belongs to another owner or is of another kind', $1
			USING ERRCODE = 'invalid_parameter_value',
			      HINT = 'Leave job_id out, or give the id of a job of this owner and kind.';
	ELSIF FOUND AND $4 {=} ANY (ARRAY['queued', 'started']) THEN
		UPDATE {job} AS j SET @start WHERE j.{job.key} {=} $1::{job.key:type};
	ELSIF $4 {=} ANY (ARRAY['queued', 'started']) THEN
		INSERT INTO {job} ({job.key}, {job.type}, {job.owner}, {job.queued}@columns)
		VALUES ($1::{job.key:type}, my.code, $2::{job.owner:type}, pg_catalog.clock_timestamp()@values);
	ELSIF FOUND AND $4 {=} 'running' THEN
		UPDATE {job} AS j SET @running WHERE j.{job.key} {=} $1::{job.key:type};
	ELSIF FOUND AND $4 {=} ANY (ARRAY['finished', 'failed', 'cancelled']) THEN
		UPDATE {job} AS j SET @end WHERE j.{job.key} {=} $1::{job.key:type};
	ELSIF FOUND THEN
		RAISE EXCEPTION 'there is no job state "%"', $4 USING ERRCODE = 'invalid_parameter_value';
	END IF;
END
$body$,
	'@start', string_agg(cell.name || ' = ' || cell.at_start, ', ' ORDER BY cell.place)),
	'@running', string_agg(cell.name || ' = ' || cell.under_way, ', ' ORDER BY cell.place)),
	'@end', string_agg(cell.name || ' = ' || cell.at_end, ', ' ORDER BY cell.place)),
	'@columns', string_agg(', ' || cell.name, '' ORDER BY cell.place)
	            || '{more_job_columns}'),
	'@values', string_agg(', ' || cell.at_start, '' ORDER BY cell.place)
	           || '{more_job_values}')
	  FROM missing_photos.job_cells(names) AS cell
$$;
COMMENT ON FUNCTION missing_photos.job_body IS
	'the body of library_job for an application with a job table';

-- sql/library/last_import.sql

-- library_last_import: when the application last looked for new files itself.

CREATE FUNCTION missing_photos.generate_last_import(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_last_import', 'of_owner text',
		'TABLE (finished_at timestamptz)', missing_photos.contract_reads(1),
		CASE WHEN names ? 'job' AND names ->> 'job_import' <> 'NULL' THEN $body$
	SELECT pg_catalog.max(j.{job.ended})::pg_catalog.timestamptz
	  FROM {job} AS j
	 WHERE j.{job.owner} {=} $1::{job.owner:type} AND j.{job.type} {=} {job_import}::{job.type:type}
	   AND j.{job.finished} AND NOT j.{job.failed}$body$
			|| CASE WHEN names ? 'job.cancelled' THEN ' AND NOT j.{job.cancelled}' ELSE '' END || E'\n'
		ELSE $body$
	SELECT NULL::pg_catalog.timestamptz
$body$ END,
		'when an owner''s last scan by the application itself ended; NULL where it keeps no such jobs')
$$;
COMMENT ON FUNCTION missing_photos.generate_last_import IS 'defines library_last_import';

-- sql/library/missing.sql

-- library_missing_photos and library_missing_files: what a deletion may take.
-- library_lock_photos and library_lock_files: the same, of some of them, held.

-- Conditions of these templates; p is the photo, f the file, k one of its links.
CREATE FUNCTION missing_photos.missing_names(names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT names || jsonb_object_agg(condition.key,
	                                 missing_photos.contract_fill(condition.value, names))
	  FROM jsonb_each_text(CASE names ->> 'shape' WHEN 'linked' THEN jsonb_build_object(
		'without_media', $body$NOT EXISTS (
	           SELECT FROM {link} AS l
	             JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_is_links}
	            WHERE l.{link.photo} {=} p.{photo.key}{and_link_is_owners} AND {media})$body$,
		'may_go', $body$NOT EXISTS (
	           SELECT FROM {link} AS l
	             JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_is_links}
	            WHERE l.{link.photo} {=} p.{photo.key}{and_link_is_owners} AND {media})$body$,
		'has_another', $body$EXISTS (
	           SELECT FROM {link} AS l
	             JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_is_links}
	            WHERE l.{link.photo} {=} p.{photo.key}{and_link_is_owners} AND {media}
	              AND NOT f.{file.missing})$body$,
		'and_k_is_owners', CASE WHEN names ? 'link.owner'
			THEN ' AND p.{photo.owner} {=} k.{link.owner}' ELSE '' END,
		'and_k_is_files', CASE WHEN names ? 'link.owner' AND names ? 'file.owner'
			THEN ' AND k.{link.owner} {=} f.{file.owner}' ELSE '' END)
	  ELSE jsonb_build_object('may_go', 'p.{photo.offline} AND p.{photo.external} AND {alive}{and_settled}')
	  END) AS condition
$$;
COMMENT ON FUNCTION missing_photos.missing_names IS 'what these templates say of photos and files';

CREATE FUNCTION missing_photos.generate_missing(names jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- A photo without a main file but with a media file linked counts as missing, but never goes.
	PERFORM missing_photos.contract_define(missing_photos.missing_names(names), 'library_missing_photos', 'of_owner text',
		'TABLE (photo text)', missing_photos.contract_reads(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.key}::pg_catalog.text
	  FROM {photo} AS p
	 WHERE p.{photo.owner} {=} $1::{photo.owner:type} AND {without_media}
	 ORDER BY p.{photo.key}
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text
	  FROM {photo} AS p
	 WHERE p.{photo.owner} {=} $1::{photo.owner:type} AND p.{photo.offline} AND p.{photo.external}
	   AND {alive}{and_settled}
	 ORDER BY p.{photo.key}
$body$ END, 'an owner''s photos that no media file is linked to, in key order');
	-- A file goes only if every photo that knows it is the owner's and going too, or has another
	-- file to show.
	PERFORM missing_photos.contract_define(missing_photos.missing_names(names), 'library_missing_files', 'of_owner text',
		'TABLE (file text, path text)', missing_photos.contract_reads(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT f.{file.key}::pg_catalog.text, f.{file.path}::pg_catalog.text
	  FROM {file} AS f
	 WHERE f.{file.missing}
	   AND f.{file.key} {=} ANY (SELECT q.file::{file.key:type}
	                               FROM missing_photos.library_flagged_files($1) AS q)
	   AND NOT EXISTS (SELECT FROM {photo} AS p
	                    WHERE p.{photo.main} {=} f.{file.key}{and_file_is_owners}
	                      AND (p.{photo.owner} {<>} $1::{photo.owner:type} OR NOT {without_media}))
	   AND NOT EXISTS (SELECT FROM {link} AS k
	                     JOIN {photo} AS p ON p.{photo.key} {=} k.{link.photo}{and_k_is_owners}
	                    WHERE k.{link.file} {=} f.{file.key}{and_k_is_files}
	                      AND (p.{photo.owner} {<>} $1::{photo.owner:type}
	                           OR {media} AND NOT {has_another}))
	 ORDER BY f.{file.key}
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.path}::pg_catalog.text
	  FROM {photo} AS p WHERE false AND $1 IS NULL
$body$ END, 'an owner''s files held as missing that no photo that stays has as its main or only file, in key order');
END
$$;
COMMENT ON FUNCTION missing_photos.generate_missing IS
	'defines library_missing_photos and library_missing_files';

CREATE FUNCTION missing_photos.generate_lock_missing(names jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Locked first, then looked at in a statement of its own, which sees what was committed before.
	PERFORM missing_photos.contract_define(missing_photos.missing_names(names), 'library_lock_photos',
		'of_owner text, of_photos text[]', 'TABLE (photo text, locked boolean)',
		missing_photos.contract_writes(1000), $body$
#variable_conflict use_column
<<my>>
DECLARE
	free {photo.key:type}[];
BEGIN
	free := ARRAY(
		SELECT p.{photo.key} FROM {photo} AS p
		 WHERE p.{photo.key} {=} ANY ($2::{photo.key:type}[])
		   AND p.{photo.owner} {=} $1::{photo.owner:type}
		 ORDER BY p.{photo.key}
		   FOR UPDATE SKIP LOCKED);
	RETURN QUERY
	SELECT p.{photo.key}::pg_catalog.text,
	       p.{photo.key} {=} ANY (SELECT pg_catalog.unnest(my.free))
	  FROM {photo} AS p
	 WHERE p.{photo.key} {=} ANY ($2::{photo.key:type}[])
	   AND p.{photo.owner} {=} $1::{photo.owner:type} AND {may_go}
	 ORDER BY p.{photo.key};
END
$body$, 'locks those of these photos that may be deleted, without waiting, and says which it got');
	PERFORM missing_photos.contract_define(missing_photos.missing_names(names), 'library_lock_files',
		'of_owner text, of_files text[]', 'TABLE (file text, locked boolean)',
		missing_photos.contract_writes(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
#variable_conflict use_column
<<my>>
DECLARE
	free {file.key:type}[];
BEGIN
	free := ARRAY(
		SELECT f.{file.key} FROM {file} AS f
		 WHERE f.{file.key} {=} ANY ($2::{file.key:type}[]){and_file_of_owner} AND f.{file.missing}
		 ORDER BY f.{file.key}
		   FOR UPDATE SKIP LOCKED);
	RETURN QUERY
	SELECT f.{file.key}::pg_catalog.text,
	       f.{file.key} {=} ANY (SELECT pg_catalog.unnest(my.free))
	  FROM {file} AS f
	 CROSS JOIN LATERAL (SELECT {file_owner} AS owner) AS o
	 WHERE f.{file.key} {=} ANY ($2::{file.key:type}[]){and_file_of_owner}
	   AND f.{file.missing}
	   AND (o.owner {=} $1 OR o.owner {=} '' OR o.owner IS NULL
	        OR EXISTS (SELECT FROM {link} AS k WHERE k.{link.file} {=} f.{file.key}{and_k_is_files}))
	   AND NOT EXISTS (SELECT FROM {photo} AS p
	                    WHERE p.{photo.main} {=} f.{file.key}{and_file_is_owners})
	   AND NOT EXISTS (SELECT FROM {link} AS k
	                     JOIN {photo} AS p ON p.{photo.key} {=} k.{link.photo}{and_k_is_owners}
	                    WHERE k.{link.file} {=} f.{file.key}{and_k_is_files}
	                      AND (p.{photo.owner} {<>} $1::{photo.owner:type}
	                           OR {media} AND NOT {has_another}))
	 ORDER BY f.{file.key};
END
$body$ ELSE $body$
BEGIN
	RETURN;
END
$body$ END, 'locks those of these files that may be deleted, without waiting, and says which it got');
END
$$;
COMMENT ON FUNCTION missing_photos.generate_lock_missing IS
	'defines library_lock_photos and library_lock_files';

-- sql/library/deletion_librephotos.sql

-- What a deletion means for LibrePhotos beyond its foreign keys.
--
-- references   what becomes of rows where the catalog can't tell, by "table.column": Django deletes a
--              photo's faces although the column may be NULL
-- traces       rows to be left behind when rows of the table "of" are deleted ({keys}: their "key"):
--              table, columns, select
-- rules        what is derived from rows that may go. A rule looks again at rows of "table", by its
--              column "key", when a row with that key went from a table under "touched":
--                  column, value, from, when   set the column where it differs; f is a row of "from"
--                                              that has the same key, o the row itself
--                  into, columns, select       add rows
--                  when alone                  delete the row t, and all that depends on it
--
-- The queries are written for many albums at once: what doesn't count is joined, not what counts (it
-- is little), and covers are looked for one by one until there are enough.
--
-- A trace or rule applies where all columns under "needs" exist and none of those under "unless":
-- that is how versions are told apart. They are carried out in this order.

CREATE FUNCTION missing_photos.deletion_librephotos()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object(
		'references', '{"api_face.photo_id": "delete"}'::jsonb,
		'traces', missing_photos.deletion_librephotos_traces(),
		'rules', missing_photos.deletion_librephotos_albums()
			|| missing_photos.deletion_librephotos_people())
$$;
COMMENT ON FUNCTION missing_photos.deletion_librephotos IS
	'what LibrePhotos does beside its foreign keys when photos are deleted';

CREATE FUNCTION missing_photos.deletion_librephotos_traces()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- For the owner and for each user the photo was shared with. Stamped with the clock, so that a
	-- client that has already seen what changed before sees this too.
	SELECT $json$[
		{"table": "api_deletionlog", "of": "api_photo", "key": "id",
		 "needs": ["api_photo.id", "api_photo_shared_to.user_id", "api_deletionlog.entity_id"],
		 "columns": ["entity", "entity_id", "deleted_at", "owner_id"],
		 "select": "SELECT 'photo', d.photo::pg_catalog.text, pg_catalog.clock_timestamp(), d.viewer FROM (SELECT p.id AS photo, p.owner_id AS viewer FROM {schema}.api_photo AS p WHERE p.id {=} ANY ({keys}) UNION SELECT s.photo_id, s.user_id FROM {schema}.api_photo_shared_to AS s WHERE s.photo_id {=} ANY ({keys})) AS d ORDER BY d.photo, d.viewer"}
	]$json$::jsonb
$$;
COMMENT ON FUNCTION missing_photos.deletion_librephotos_traces IS
	'what tells LibrePhotos''s clients that photos are gone';

CREATE FUNCTION missing_photos.deletion_librephotos_albums()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $json$[
		{"name": "thing_count", "table": "api_albumthing", "key": "id", "column": "photo_count",
		 "needs": ["api_albumthing.photo_count"], "unless": ["api_albumthing.last_modified"],
		 "touched": ["api_albumthing_photos.albumthing_id"],
		 "value": "COALESCE(f.photos, 0)",
		 "from": "SELECT l.albumthing_id AS key, pg_catalog.count(*)::pg_catalog.int4 AS photos FROM {schema}.api_albumthing_photos AS l WHERE l.albumthing_id {=} ANY ({keys}) AND l.photo_id IS NOT NULL AND NOT EXISTS (SELECT FROM {photo} AS p WHERE p.{photo.key} {=} l.photo_id AND (p.hidden)) GROUP BY l.albumthing_id"},
		{"name": "thing_count_visible", "table": "api_albumthing", "key": "id",
		 "column": "photo_count",
		 "needs": ["api_albumthing.photo_count", "api_albumthing.last_modified"],
		 "touched": ["api_albumthing_photos.albumthing_id"],
		 "value": "COALESCE(f.photos, 0)",
		 "from": "SELECT l.albumthing_id AS key, pg_catalog.count(*)::pg_catalog.int4 AS photos FROM {schema}.api_albumthing_photos AS l WHERE l.albumthing_id {=} ANY ({keys}) AND l.photo_id IS NOT NULL AND NOT EXISTS (SELECT FROM {photo} AS p WHERE p.{photo.key} {=} l.photo_id AND (p.hidden OR p.in_trashcan OR p.removed)) GROUP BY l.albumthing_id"},
		{"name": "thing_covers", "table": "api_albumthing", "key": "id",
		 "into": "api_albumthing_cover_photos",
		 "needs": ["api_albumthing_cover_photos.albumthing_id"],
		 "unless": ["api_albumthing.last_modified"],
		 "touched": ["api_albumthing_photos.albumthing_id", "api_albumthing_cover_photos.albumthing_id"],
		 "columns": ["albumthing_id", "photo_id"],
		 "select": "SELECT a.id, n.photo_id FROM (SELECT b.id, (SELECT pg_catalog.count(*) FROM {schema}.api_albumthing_cover_photos AS c WHERE c.albumthing_id {=} b.id) AS covers FROM {schema}.api_albumthing AS b WHERE b.id {=} ANY ({keys})) AS a CROSS JOIN LATERAL (SELECT s.photo_id FROM (SELECT l.photo_id FROM {schema}.api_albumthing_photos AS l WHERE l.albumthing_id {=} a.id OFFSET 0) AS s WHERE (SELECT NOT p.hidden FROM {photo} AS p WHERE p.{photo.key} {=} s.photo_id) AND (SELECT pg_catalog.count(*) FROM {schema}.api_albumthing_cover_photos AS c WHERE c.albumthing_id {=} a.id AND c.photo_id {=} s.photo_id) {=} 0 LIMIT 4 OPERATOR(pg_catalog.-) a.covers) AS n WHERE a.covers {<} 4"},
		{"name": "thing_covers_visible", "table": "api_albumthing", "key": "id",
		 "into": "api_albumthing_cover_photos",
		 "needs": ["api_albumthing_cover_photos.albumthing_id", "api_albumthing.last_modified"],
		 "touched": ["api_albumthing_photos.albumthing_id", "api_albumthing_cover_photos.albumthing_id"],
		 "columns": ["albumthing_id", "photo_id"],
		 "select": "SELECT a.id, n.photo_id FROM (SELECT b.id, (SELECT pg_catalog.count(*) FROM {schema}.api_albumthing_cover_photos AS c WHERE c.albumthing_id {=} b.id) AS covers FROM {schema}.api_albumthing AS b WHERE b.id {=} ANY ({keys})) AS a CROSS JOIN LATERAL (SELECT s.photo_id FROM (SELECT l.photo_id FROM {schema}.api_albumthing_photos AS l WHERE l.albumthing_id {=} a.id OFFSET 0) AS s WHERE (SELECT NOT p.hidden AND NOT p.in_trashcan AND NOT p.removed FROM {photo} AS p WHERE p.{photo.key} {=} s.photo_id) AND (SELECT pg_catalog.count(*) FROM {schema}.api_albumthing_cover_photos AS c WHERE c.albumthing_id {=} a.id AND c.photo_id {=} s.photo_id) {=} 0 LIMIT 4 OPERATOR(pg_catalog.-) a.covers) AS n WHERE a.covers {<} 4"},
		{"name": "tag_count", "table": "api_tag", "key": "id", "column": "photo_count",
		 "needs": ["api_tag.photo_count", "api_tag_photos.tag_id"],
		 "touched": ["api_tag_photos.tag_id"],
		 "value": "COALESCE(f.photos, 0)",
		 "from": "SELECT l.tag_id AS key, pg_catalog.count(*)::pg_catalog.int4 AS photos FROM {schema}.api_tag_photos AS l WHERE l.tag_id {=} ANY ({keys}) AND l.photo_id IS NOT NULL AND NOT EXISTS (SELECT FROM {photo} AS p WHERE p.{photo.key} {=} l.photo_id AND (p.hidden OR p.in_trashcan OR p.removed)) GROUP BY l.tag_id"},
		{"name": "thing_modified", "table": "api_albumthing", "key": "id", "column": "last_modified",
		 "needs": ["api_albumthing.last_modified"],
		 "touched": ["api_albumthing_photos.albumthing_id"],
		 "value": "pg_catalog.clock_timestamp()"},
		{"name": "place_modified", "table": "api_albumplace", "key": "id", "column": "last_modified",
		 "needs": ["api_albumplace.last_modified"],
		 "touched": ["api_albumplace_photos.albumplace_id"],
		 "value": "pg_catalog.clock_timestamp()"},
		{"name": "user_modified", "table": "api_albumuser", "key": "id", "column": "last_modified",
		 "needs": ["api_albumuser.last_modified"],
		 "touched": ["api_albumuser_photos.albumuser_id"],
		 "value": "pg_catalog.clock_timestamp()"},
		{"name": "auto_modified", "table": "api_albumauto", "key": "id", "column": "last_modified",
		 "needs": ["api_albumauto.last_modified"],
		 "touched": ["api_albumauto_photos.albumauto_id"],
		 "value": "pg_catalog.clock_timestamp()"},
		{"name": "empty_date_album", "table": "api_albumdate", "key": "id",
		 "touched": ["api_albumdate_photos.albumdate_id"],
		 "when": "NOT EXISTS (SELECT FROM {schema}.api_albumdate_photos AS l WHERE l.albumdate_id {=} t.id)"}
	]$json$::jsonb
$$;
COMMENT ON FUNCTION missing_photos.deletion_librephotos_albums IS
	'what LibrePhotos derives from the photos of its albums and tags';

CREATE FUNCTION missing_photos.deletion_librephotos_people()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Who has no owner is never counted. The trash had another name in early 2024.
	SELECT $json$[
		{"name": "face_count_2024", "table": "api_person", "key": "id", "column": "face_count",
		 "needs": ["api_person.face_count", "api_face.person_label_probability", "api_photo.in_trashcan"],
		 "touched": ["api_face.person_id"],
		 "value": "COALESCE(f.faces, 0)", "when": "o.cluster_owner_id IS NOT NULL",
		 "from": "SELECT c.person_id AS key, pg_catalog.count(*)::pg_catalog.int4 AS faces FROM {schema}.api_face AS c JOIN {schema}.api_person AS q ON q.id {=} c.person_id JOIN {owner} AS u ON u.{owner.key} {=} q.cluster_owner_id JOIN {photo} AS p ON p.{photo.key} {=} c.photo_id AND p.{photo.owner} {=} q.cluster_owner_id WHERE c.person_id {=} ANY ({keys}) AND NOT p.hidden AND NOT p.in_trashcan AND c.person_label_probability OPERATOR(pg_catalog.>=) u.confidence_person GROUP BY c.person_id"},
		{"name": "face_count_early", "table": "api_person", "key": "id", "column": "face_count",
		 "needs": ["api_person.face_count", "api_face.person_label_probability", "api_photo.deleted"],
		 "unless": ["api_photo.in_trashcan"],
		 "touched": ["api_face.person_id"],
		 "value": "COALESCE(f.faces, 0)", "when": "o.cluster_owner_id IS NOT NULL",
		 "from": "SELECT c.person_id AS key, pg_catalog.count(*)::pg_catalog.int4 AS faces FROM {schema}.api_face AS c JOIN {schema}.api_person AS q ON q.id {=} c.person_id JOIN {owner} AS u ON u.{owner.key} {=} q.cluster_owner_id JOIN {photo} AS p ON p.{photo.key} {=} c.photo_id AND p.{photo.owner} {=} q.cluster_owner_id WHERE c.person_id {=} ANY ({keys}) AND NOT p.hidden AND NOT p.deleted AND c.person_label_probability OPERATOR(pg_catalog.>=) u.confidence_person GROUP BY c.person_id"},
		{"name": "face_count", "table": "api_person", "key": "id", "column": "face_count",
		 "needs": ["api_person.face_count", "api_photo.in_trashcan"],
		 "unless": ["api_face.person_label_probability"],
		 "touched": ["api_face.person_id"],
		 "value": "COALESCE(f.faces, 0)", "when": "o.cluster_owner_id IS NOT NULL",
		 "from": "SELECT c.person_id AS key, pg_catalog.count(*)::pg_catalog.int4 AS faces FROM {schema}.api_face AS c JOIN {schema}.api_person AS q ON q.id {=} c.person_id JOIN {photo} AS p ON p.{photo.key} {=} c.photo_id AND p.{photo.owner} {=} q.cluster_owner_id WHERE c.person_id {=} ANY ({keys}) AND NOT p.hidden AND NOT p.in_trashcan GROUP BY c.person_id"}
	]$json$::jsonb
$$;
COMMENT ON FUNCTION missing_photos.deletion_librephotos_people IS
	'the faces that LibrePhotos counts for each person';

-- sql/library/deletion_immich.sql

-- What a deletion means for Immich beyond its foreign keys; see deletion_librephotos.sql for what the
-- parts mean. Two more are used here:
--
-- instead      a row that would go with what it references references another row instead, where there
--              is one: {"table", "column", "value"}; t is the row, {keys} what goes
-- renewed      columns of which rows put back get new values, by their defaults: clients tell by them
--              what they have yet to fetch, and have been told meanwhile that the rows are gone
--
-- A stack shows its primary asset, which must be there. When that goes, another one of the stack takes
-- its place; a stack of which only one is left is none any more. A live photo's video is hidden; one
-- that outlives its photo is shown.

CREATE FUNCTION missing_photos.deletion_immich()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $json${
		"renewed": ["updateId", "updatedAt"],
		"instead": [
			{"table": "stack", "column": "primaryAssetId",
			 "needs": ["stack.primaryAssetId", "asset.stackId", "asset.visibility"],
			 "value": "SELECT m.id FROM {photo} AS m WHERE m.\"stackId\" {=} t.id AND m.visibility::pg_catalog.text {=} 'timeline' AND NOT m.id {=} ANY ({keys}) AND (SELECT pg_catalog.count(*) FROM {photo} AS n WHERE n.\"stackId\" {=} t.id AND NOT n.id {=} ANY ({keys})) {>} 1 ORDER BY m.{photo.offline}, m.{photo.deleted_at} IS NOT NULL, m.id LIMIT 1"}
		],
		"rules": [
			{"name": "stack_of_one", "table": "stack", "key": "id",
			 "needs": ["stack.primaryAssetId", "asset.stackId"],
			 "touched": ["asset.stackId"],
			 "when": "(SELECT pg_catalog.count(*) FROM {photo} AS m WHERE m.\"stackId\" {=} t.id) {<} 2"},
			{"name": "video_alone", "table": "asset", "key": "id", "column": "visibility",
			 "needs": ["asset.livePhotoVideoId", "asset.visibility"],
			 "touched": ["asset.livePhotoVideoId"],
			 "value": "COALESCE('timeline', o.visibility)",
			 "when": "o.visibility::pg_catalog.text {=} 'hidden' AND NOT EXISTS (SELECT FROM {photo} AS p WHERE p.\"livePhotoVideoId\" {=} o.id)"}
		]
	}$json$::jsonb
$$;
COMMENT ON FUNCTION missing_photos.deletion_immich IS
	'what Immich does beside its foreign keys when assets are deleted';

-- sql/library/deletion_standalone.sql

-- What a deletion means for the standalone tables; see deletion_librephotos.sql.

CREATE FUNCTION missing_photos.deletion_standalone()
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $json${
		"rules": [
			{"name": "album_count", "table": "albums", "key": "id", "column": "photo_count",
			 "touched": ["album_photos.album"],
			 "value": "COALESCE(f.photos, 0)",
			 "from": "SELECT l.album AS key, pg_catalog.count(*)::pg_catalog.int4 AS photos FROM {schema}.album_photos AS l WHERE l.album {=} ANY ({keys}) GROUP BY l.album"},
			{"name": "face_count", "table": "people", "key": "id", "column": "face_count",
			 "touched": ["faces.person"],
			 "value": "COALESCE(f.faces, 0)",
			 "from": "SELECT l.person AS key, pg_catalog.count(*)::pg_catalog.int4 AS faces FROM {schema}.faces AS l WHERE l.person {=} ANY ({keys}) GROUP BY l.person"},
			{"name": "empty_date_album", "table": "albums", "key": "id",
			 "touched": ["album_photos.album"],
			 "when": "t.kind {=} 'date' AND NOT EXISTS (SELECT FROM {schema}.album_photos AS l WHERE l.owner {=} t.owner AND l.album {=} t.id)"}
		]
	}$json$::jsonb
$$;
COMMENT ON FUNCTION missing_photos.deletion_standalone IS
	'counters and albums of the standalone tables that follow a deletion';

-- sql/library/derived.sql

-- library_derived, library_derived_in_use: the files an application made of its photos.
--
-- In a mapping, each table whose role begins with "derived_" names such files in all its columns
-- but three: "photo" is the photo they were made of (without it the table only tells what is in use),
-- "hash" what a photo's content is called, "kind" what a row is about. "derived" in the mapping gives
-- the folder that relative names start from, places that no column names, with %s for the hash, and
-- which kinds of rows name files that were made ("kinds"; the others' are in use all the same).

CREATE FUNCTION missing_photos.derived_columns(names jsonb)
RETURNS TABLE (role text, col text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT part[1], part[2]
	  FROM jsonb_object_keys(names) AS name
	 CROSS JOIN LATERAL regexp_match(name, '^(derived_[a-z_]+)\.([a-z_]+)$') AS part
	 WHERE part[2] NOT IN ('photo', 'hash', 'kind')
	 ORDER BY part[1], part[2]
$$;
COMMENT ON FUNCTION missing_photos.derived_columns IS
	'columns of the library that name derived files, as roles';

CREATE FUNCTION missing_photos.generate_derived(names jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- A value, which may hold what looks like a placeholder.
	terms jsonb := names || jsonb_build_object('derived_base', quote_nullable(names #>> '{derived,base}'));
	hashed boolean := names ? 'derived_photo.hash';
	named text;
	used text;
BEGIN
	-- One pass over each table, whatever the number of its columns.
	SELECT string_agg(format($q$
		SELECT d.{%1$s.photo}::pg_catalog.text AS photo, v.name, v.hash
		  FROM {%1$s} AS d
		 CROSS JOIN LATERAL (VALUES %2$s) AS v(name, hash)
		 WHERE d.{%1$s.photo} {=} ANY ($1::{%1$s.photo:type}[]) AND v.name {<>} ''%3$s$q$,
	           c.role, c.made, CASE WHEN names ? (c.role || '.kind') THEN format(
	               ' AND d.{%s.kind}::pg_catalog.text {=} ANY (ARRAY(SELECT '
	               || 'pg_catalog.jsonb_array_elements_text(%L)))', c.role,
	               names #> '{derived,kinds}') ELSE '' END), ' UNION ALL ')
	  INTO named
	  FROM (SELECT one.role, string_agg(one.made, ', ') AS made
	          FROM (SELECT role, format('(d.{%s.%s}::pg_catalog.text, NULL::pg_catalog.text)', role, col)
	                  FROM missing_photos.derived_columns(names)
	                UNION ALL
	                SELECT 'derived_photo', format('(pg_catalog.replace(%L, ''%%s'', '
	                       || 'd.{derived_photo.hash}::pg_catalog.text), '
	                       || 'd.{derived_photo.hash}::pg_catalog.text)', pattern)
	                  FROM jsonb_array_elements_text(names #> '{derived,patterns}') AS pattern
	                 WHERE hashed) AS one (role, made)
	         WHERE names ? (one.role || '.photo')
	         GROUP BY one.role) AS c;
	SELECT string_agg(format($q$
		SELECT n.path FROM names AS n
		  JOIN {%1$s} AS d ON d.{%1$s.%2$s} {=} n.name::{%1$s.%2$s:type}$q$,
	           c.role, c.col), ' UNION ALL ')
	  INTO used
	  FROM missing_photos.derived_columns(names) AS c;
	IF hashed THEN
		used := concat_ws(' UNION ALL ', used, $q$
		SELECT n.path FROM names AS n
		  JOIN {derived_photo} AS d
		    ON d.{derived_photo.hash} {=} n.hash::{derived_photo.hash:type}$q$);
	END IF;
	PERFORM missing_photos.contract_define(terms, 'library_derived',
		'of_photos text[]', 'TABLE (photo text, path text, hash text)',
		missing_photos.contract_reads(1000),
		CASE WHEN named IS NULL THEN 'SELECT NULL, NULL, NULL WHERE false' ELSE format($body$
		SELECT f.photo, CASE WHEN pg_catalog.starts_with(f.name, '/') THEN f.name
		                     ELSE {derived_base} OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||) f.name END,
		       f.hash
		  FROM (%s) AS f$body$, named) END,
		'the files that were made of these photos, as the application names them');
	PERFORM missing_photos.contract_define(terms, 'library_derived_in_use',
		'of_paths text[], of_hashes text[]', 'TABLE (path text)',
		missing_photos.contract_reads(100),
		CASE WHEN used IS NULL THEN 'SELECT NULL::pg_catalog.text WHERE false' ELSE format($body$
		WITH names AS (
			SELECT f.path, f.path AS name, f.hash
			  FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS f(path, hash)
			UNION ALL
			SELECT f.path, pg_catalog.substr(f.path, pg_catalog.length({derived_base}) OPERATOR(pg_catalog.+) 2),
			       NULL
			  FROM pg_catalog.unnest($1) AS f(path)
			 WHERE pg_catalog.starts_with(f.path, {derived_base} OPERATOR(pg_catalog.||) '/')
		) %s$body$, used) END,
		'of these files those that a row names, or whose content (by its hash) a photo has');
END
$$;
COMMENT ON FUNCTION missing_photos.generate_derived IS
	'defines library_derived and library_derived_in_use';

-- sql/library/preset_librephotos.sql

-- LibrePhotos. Its layouts differ in the photo's key, in uniqueness and in the job table; all of
-- that is looked up.

CREATE FUNCTION missing_photos.preset_librephotos(library_schema name)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object(
		'application', 'LibrePhotos',
		'shape', 'linked',
		'tables', jsonb_build_object(
			'owner', '{"name": "api_user", "columns": {"key": "id"},
			           "optional": {"folder": "scan_directory"}}'::jsonb,
			'photo', jsonb_build_object('name', 'api_photo', 'columns', jsonb_build_object(
				'key', COALESCE(missing_photos.contract_key(
					library_schema, 'api_photo', 'api_photo_files', 'photo_id'), 'id'),
				'owner', 'owner_id', 'main', 'main_file_id', 'video', 'video'),
				'optional', '{"hash": "image_hash", "removed": "removed",
				              "trashed": "in_trashcan", "added": "added_on",
				              "rating": "rating"}'::jsonb),
			'file', '{"name": "api_file", "columns": {"key": "hash", "path": "path",
			          "type": "type", "missing": "missing"}}'::jsonb,
			'link', '{"name": "api_photo_files",
			          "columns": {"photo": "photo_id", "file": "file_id"}}'::jsonb,
			-- Thumbnails have a table of their own since 2026.
			'derived_photo', jsonb_build_object('name', 'api_photo', 'columns', jsonb_build_object(
				'photo', COALESCE(missing_photos.contract_key(
					library_schema, 'api_photo', 'api_photo_files', 'photo_id'), 'id'),
				'hash', 'image_hash'), 'optional', thumbnails),
			'derived_thumbnail', jsonb_build_object('name', 'api_thumbnail', 'if_present', true,
				'columns', '{"photo": "photo_id"}'::jsonb, 'optional', thumbnails),
			'derived_face', '{"name": "api_face", "if_present": true,
			                  "columns": {"photo": "photo_id", "image": "image"}}'::jsonb,
			'derived_file', '{"name": "api_file", "columns": {"path": "path"}}'::jsonb,
			'job', '{"name": "api_longrunningjob", "if_present": true,
			         "columns": {"key": "job_id", "type": "job_type", "owner": "started_by_id",
			                     "finished": "finished", "failed": "failed", "queued": "queued_at",
			                     "started": "started_at", "ended": "finished_at"},
			         "optional": {"current": "progress_current", "target": "progress_target",
			                      "step": "progress_step", "result": "result",
			                      "cancelled": "cancelled"}}'::jsonb),
		'file_types', '{"image": "1", "video": "2", "metadata": "3", "raw": "4"}'::jsonb,
		'job_types', '{"scan": "14", "delete": "5", "import": "1"}'::jsonb,
		-- A file's key is the MD5 of its content and then its owner's id.
		'digest', '{"algorithm": "md5", "length": 32}'::jsonb,
		'owner_in_key', 33,
		'deletion', missing_photos.deletion_librephotos(),
		-- Found again on a photo imported again, a person is no other face of that person.
		'same_rows', '{"api_face": ["person_id"]}'::jsonb,
		-- What lies in MEDIA_ROOT under a name made of image_hash.
		'derived', '{"base": "/protected_media", "patterns": [
			"thumbnails_big/%s.webp",
			"square_thumbnails/%s.webp", "square_thumbnails/%s.mp4",
			"square_thumbnails_small/%s.webp", "square_thumbnails_small/%s.mp4",
			"embedded_media/%s_1.mp4", "embedded_media/%s_motion.mp4",
			"transcoded/%s.mp4"]}'::jsonb)
	  FROM (SELECT '{"big": "thumbnail_big", "square": "square_thumbnail",
	                 "small": "square_thumbnail_small"}'::jsonb AS thumbnails) AS columns
$$;
COMMENT ON FUNCTION missing_photos.preset_librephotos IS
	'what a LibrePhotos library looks like';

-- sql/library/preset_immich.sql

-- Immich. One row of its asset table is a photo and its file. Its tables were plural until 2025,
-- and columns come and go; what we need is looked up.

CREATE FUNCTION missing_photos.preset_immich(library_schema name)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object('deletion', missing_photos.deletion_immich()) || '{
		"application": "Immich",
		"shape": "single",
		"tables": {
			"owner": {"name": ["user", "users"], "columns": {"key": "id"}},
			"photo": {"name": ["asset", "assets"],
			          "columns": {"key": "id", "owner": "ownerId", "path": "originalPath",
			                      "kind": "type", "offline": "isOffline", "external": "isExternal",
			                      "deleted_at": "deletedAt", "checksum": "checksum"},
			          "optional": {"status": "status", "algorithm": "checksumAlgorithm",
			                       "name": "originalFileName", "sidecar": "sidecarPath"}},
			"folder": {"name": ["library", "libraries"], "if_present": true,
			           "columns": {"owner": "ownerId", "paths": "importPaths"},
			           "optional": {"deleted_at": "deletedAt"}},
			"extra": {"name": ["asset_exif", "exif"], "if_present": true,
			          "columns": {"photo": "assetId", "size": "fileSizeInByte"}},
			"flight": {"name": "move_history", "if_present": true,
			           "columns": {"photo": "entityId", "kind": "pathType",
			                       "old": "oldPath", "new": "newPath"}},
			"sidecar": {"name": ["asset_file", "asset_files"], "if_present": true,
			            "columns": {"key": "id", "photo": "assetId", "path": "path",
			                        "kind": "type"}},
			"derived_photo": {"name": ["asset", "assets"], "columns": {"photo": "id"},
			                  "optional": {"encoded": "encodedVideoPath",
			                               "preview": "previewPath", "small": "thumbnailPath"}},
			"derived_file": {"name": ["asset_file", "asset_files"], "if_present": true,
			                 "columns": {"photo": "assetId", "path": "path", "kind": "type"}},
			"derived_person": {"name": ["person", "persons"], "if_present": true,
			                   "columns": {"face": "thumbnailPath"}}
		},
		"file_types": {"video": "VIDEO"},
		"states": {"active": "active", "deleting": "deleted", "flying": "original",
		           "sidecar": "sidecar"},
		"derived": {"base": "/usr/src/app",
		            "kinds": ["preview", "thumbnail", "fullsize", "encoded_video"]},
		"digest": {"algorithm": "sha1"},
		"path_digest": {"algorithm": "sha1-path", "prefix": "path:"}
	}'::jsonb
$$;
COMMENT ON FUNCTION missing_photos.preset_immich IS 'what an Immich library looks like';

-- sql/library/preset_standalone.sql

-- Standalone: tables of our own (standalone_tables.sql), for those who have none. Every key is led
-- by the owner, so every join is too.

CREATE FUNCTION missing_photos.preset_standalone(library_schema name)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT '{
		"application": "standalone",
		"shape": "linked",
		"tables": {
			"owner": {"name": "owners", "columns": {"key": "owner", "folders": "folders"}},
			"photo": {"name": "photos", "columns": {"key": "id", "owner": "owner",
			          "main": "main_file", "video": "video", "removed": "removed",
			          "trashed": "in_trash", "added": "added_at"}},
			"file": {"name": "files", "columns": {"key": "hash", "owner": "owner", "path": "path",
			         "type": "type", "missing": "missing", "size": "size"}},
			"link": {"name": "photo_files",
			         "columns": {"owner": "owner", "photo": "photo", "file": "file"}},
			"derived_photo": {"name": "photos", "columns": {"photo": "id", "hash": "id"}},
			"derived_face": {"name": "faces", "if_present": true,
			                 "columns": {"photo": "photo", "image": "image"}},
			"job": {"name": "jobs",
			        "columns": {"key": "id", "type": "kind", "owner": "owner",
			                    "finished": "finished", "failed": "failed",
			                    "cancelled": "cancelled", "queued": "queued_at",
			                    "started": "started_at", "ended": "finished_at", "current": "done",
			                    "target": "total", "step": "step", "result": "result"}}
		},
		"file_types": {"image": "image", "video": "video", "metadata": "metadata", "raw": "raw"},
		"job_types": {"scan": "scan", "delete": "delete"},
		"digest": {"algorithm": "md5", "length": 32},
		"owner_in_key": 33,
		"makes_photos": true,
		"same_rows": {"faces": ["person"]},
		"derived": {"base": "/derived", "patterns": ["thumbnails/%s.webp"]}
	}'::jsonb || jsonb_build_object('deletion', missing_photos.deletion_standalone())
$$;
COMMENT ON FUNCTION missing_photos.preset_standalone IS 'what our own tables look like';

-- sql/library/standalone_tables.sql

-- The tables of the preset standalone, made by attach_library in a schema that holds none of them.
--
-- Every key is led by the owner and every foreign key too, so the tables can be distributed by owner
-- as they are. An id is unique by construction (a uuid, or a digest with the owner's id behind it),
-- not by an index of its own, which a distributed table couldn't have; a plain index finds it.

CREATE FUNCTION missing_photos.prepare_standalone(library_schema name)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_class
	            WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = library_schema)
	              AND relname IN ('owners', 'photos', 'files', 'photo_files', 'jobs'))
		OR NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = library_schema)
	THEN
		RETURN;
	END IF;
	IF NOT has_schema_privilege(library_schema, 'CREATE') THEN
		RAISE EXCEPTION 'permission denied to create tables in schema "%"', library_schema
			USING ERRCODE = 'insufficient_privilege',
			      HINT = format('GRANT CREATE, USAGE ON SCHEMA %I TO %I lets you.',
			                    library_schema, current_user);
	END IF;
	-- As the caller: the tables are the caller's, made with the caller's rights.
	EXECUTE missing_photos.contract_fill(missing_photos.standalone_tables()
		|| missing_photos.standalone_albums(),
		jsonb_build_object('schema', quote_ident(library_schema)));
END
$$;
COMMENT ON FUNCTION missing_photos.prepare_standalone IS
	'makes the standalone tables where the schema holds none of them';

CREATE FUNCTION missing_photos.standalone_tables()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $ddl$
CREATE TABLE {schema}.owners (
	owner   text   PRIMARY KEY CHECK (owner <> ''),
	name    text   NOT NULL DEFAULT '',
	folders text[] NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE {schema}.owners IS 'whose photos these are';
CREATE TABLE {schema}.files (
	owner   text    NOT NULL REFERENCES {schema}.owners,
	hash    text    NOT NULL,
	path    text,
	type    text    NOT NULL DEFAULT 'image'
		CHECK (type IN ('image', 'video', 'metadata', 'raw', 'unknown')),
	size    bigint,
	missing boolean NOT NULL DEFAULT false,
	PRIMARY KEY (owner, hash),
	CHECK (substr(hash, 33) = owner)
);
CREATE INDEX files_hash ON {schema}.files (hash);
CREATE INDEX files_path ON {schema}.files (path);
COMMENT ON TABLE {schema}.files IS 'files on disk; hash: MD5 of the content followed by the owner';
CREATE TABLE {schema}.photos (
	owner     text        NOT NULL REFERENCES {schema}.owners,
	id        uuid        NOT NULL DEFAULT gen_random_uuid(),
	main_file text,
	video     boolean     NOT NULL DEFAULT false,
	hidden    boolean     NOT NULL DEFAULT false,
	removed   boolean     NOT NULL DEFAULT false,
	in_trash  boolean     NOT NULL DEFAULT false,
	taken_at  timestamptz,
	added_at  timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (owner, id),
	FOREIGN KEY (owner, main_file) REFERENCES {schema}.files DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX photos_id ON {schema}.photos (id);
CREATE INDEX photos_main_file ON {schema}.photos (owner, main_file);
COMMENT ON TABLE {schema}.photos IS 'photos; main_file: the file that is shown';
CREATE TABLE {schema}.photo_files (
	owner text NOT NULL,
	photo uuid NOT NULL,
	file  text NOT NULL,
	PRIMARY KEY (owner, photo, file),
	FOREIGN KEY (owner, photo) REFERENCES {schema}.photos ON DELETE CASCADE,
	FOREIGN KEY (owner, file) REFERENCES {schema}.files
);
CREATE INDEX photo_files_file ON {schema}.photo_files (owner, file);
COMMENT ON TABLE {schema}.photo_files IS 'the files of each photo that are there';
CREATE TABLE {schema}.embedded_media (
	owner     text NOT NULL,
	from_file text NOT NULL,
	to_file   text NOT NULL,
	PRIMARY KEY (owner, from_file, to_file),
	FOREIGN KEY (owner, from_file) REFERENCES {schema}.files,
	FOREIGN KEY (owner, to_file) REFERENCES {schema}.files
);
CREATE INDEX embedded_media_to ON {schema}.embedded_media (owner, to_file);
COMMENT ON TABLE {schema}.embedded_media IS 'media inside other files, such as motion photos';
CREATE TABLE {schema}.jobs (
	owner       text        NOT NULL REFERENCES {schema}.owners,
	id          uuid        NOT NULL DEFAULT gen_random_uuid(),
	kind        text        NOT NULL,
	finished    boolean     NOT NULL DEFAULT false,
	failed      boolean     NOT NULL DEFAULT false,
	cancelled   boolean     NOT NULL DEFAULT false,
	queued_at   timestamptz NOT NULL DEFAULT now(),
	started_at  timestamptz,
	finished_at timestamptz,
	done        integer     NOT NULL DEFAULT 0,
	total       integer     NOT NULL DEFAULT 0,
	step        text,
	result      jsonb,
	PRIMARY KEY (owner, id)
);
CREATE INDEX jobs_id ON {schema}.jobs (id);
COMMENT ON TABLE {schema}.jobs IS 'long-running jobs and how far they are';
$ddl$
$$;
COMMENT ON FUNCTION missing_photos.standalone_tables IS 'owners, photos, files and jobs';

CREATE FUNCTION missing_photos.standalone_albums()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $ddl$
CREATE TABLE {schema}.albums (
	owner       text    NOT NULL REFERENCES {schema}.owners,
	id          uuid    NOT NULL DEFAULT gen_random_uuid(),
	kind        text    NOT NULL CHECK (kind IN ('date', 'thing', 'place', 'user', 'auto')),
	title       text    NOT NULL DEFAULT '',
	day         date,
	cover_photo uuid,
	photo_count integer NOT NULL DEFAULT 0,
	PRIMARY KEY (owner, id),
	FOREIGN KEY (owner, cover_photo) REFERENCES {schema}.photos DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX albums_cover_photo ON {schema}.albums (owner, cover_photo);
COMMENT ON TABLE {schema}.albums IS 'albums by date, thing or place, and those made by users or automatically';
CREATE TABLE {schema}.album_photos (
	owner text NOT NULL,
	album uuid NOT NULL,
	photo uuid NOT NULL,
	PRIMARY KEY (owner, album, photo),
	FOREIGN KEY (owner, album) REFERENCES {schema}.albums ON DELETE CASCADE,
	FOREIGN KEY (owner, photo) REFERENCES {schema}.photos ON DELETE CASCADE
);
CREATE INDEX album_photos_photo ON {schema}.album_photos (owner, photo);
COMMENT ON TABLE {schema}.album_photos IS 'the photos of each album';
CREATE TABLE {schema}.people (
	owner       text    NOT NULL REFERENCES {schema}.owners,
	id          uuid    NOT NULL DEFAULT gen_random_uuid(),
	name        text    NOT NULL DEFAULT '',
	cover_photo uuid,
	cover_face  uuid,
	face_count  integer NOT NULL DEFAULT 0,
	PRIMARY KEY (owner, id),
	FOREIGN KEY (owner, cover_photo) REFERENCES {schema}.photos DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX people_cover_photo ON {schema}.people (owner, cover_photo);
COMMENT ON TABLE {schema}.people IS 'people on photos';
CREATE TABLE {schema}.faces (
	owner  text NOT NULL,
	id     uuid NOT NULL DEFAULT gen_random_uuid(),
	photo  uuid NOT NULL,
	person uuid,
	image  text,
	PRIMARY KEY (owner, id),
	FOREIGN KEY (owner, photo) REFERENCES {schema}.photos ON DELETE CASCADE,
	FOREIGN KEY (owner, person) REFERENCES {schema}.people DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX faces_photo ON {schema}.faces (owner, photo);
CREATE INDEX faces_person ON {schema}.faces (owner, person);
COMMENT ON TABLE {schema}.faces IS 'faces found on photos';
ALTER TABLE {schema}.people
	ADD FOREIGN KEY (owner, cover_face) REFERENCES {schema}.faces DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX people_cover_face ON {schema}.people (owner, cover_face);
CREATE TABLE {schema}.photo_shares (
	owner       text NOT NULL,
	photo       uuid NOT NULL,
	shared_with text NOT NULL,
	PRIMARY KEY (owner, photo, shared_with),
	FOREIGN KEY (owner, photo) REFERENCES {schema}.photos ON DELETE CASCADE
);
COMMENT ON TABLE {schema}.photo_shares IS 'photos that other owners may see';
CREATE TABLE {schema}.album_shares (
	owner       text NOT NULL,
	album       uuid NOT NULL,
	shared_with text NOT NULL,
	PRIMARY KEY (owner, album, shared_with),
	FOREIGN KEY (owner, album) REFERENCES {schema}.albums ON DELETE CASCADE
);
COMMENT ON TABLE {schema}.album_shares IS 'albums that other owners may see';
$ddl$
$$;
COMMENT ON FUNCTION missing_photos.standalone_albums IS 'albums, people, faces and shares';

-- sql/library/register_checks.sql

-- What register_library says before it does anything. Each check raises an error that names the
-- parameter, and a hint that says what would do.

CREATE FUNCTION missing_photos.register_check_name(name text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	preset oid;
BEGIN
	IF register_check_name.name IS NULL OR register_check_name.name !~ '^[a-z][a-z0-9_]{0,55}$' THEN
		RAISE EXCEPTION 'a library can''t be called "%"', register_check_name.name
			USING ERRCODE = 'invalid_name',
			      HINT = 'Choose a name of lower-case letters, digits and underscores, for example ''gallery''.';
	END IF;
	preset := to_regprocedure(format('missing_photos.%I(name)', 'preset_' || register_check_name.name));
	IF preset IS NOT NULL AND NOT COALESCE(obj_description(preset, 'pg_proc') ^@ 'registered:', false) THEN
		RAISE EXCEPTION 'there is a preset called "%" already', register_check_name.name
			USING ERRCODE = 'duplicate_object',
			      HINT = format('Choose another name, or use it: SELECT missing_photos.attach_library(%L);',
			                    register_check_name.name);
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.register_check_name IS
	'an error where a registered library can''t have this name';

CREATE FUNCTION missing_photos.register_check_form(wanted jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wrong record;
BEGIN
	SELECT c.problem, c.hint INTO wrong
	  FROM (VALUES
		(NOT wanted ? 'photo_table', 'photo_table must not be null', 'Name the table whose rows are photos.'),
		(wanted ? 'file_table' <> (wanted ? 'link_table'), 'file_table and link_table go together',
		 'Where a file''s own row says whose photo it is, register the file table as photo_table.'),
		(wanted ? 'link_table' AND NOT (wanted ? 'link_photo' AND wanted ? 'link_file'),
		 'a link table needs link_photo and link_file', 'Name its columns that hold the photo''s and the file''s key.'),
		(NOT wanted ? 'link_table' AND wanted ?| '{link_photo,link_file,main_column,type_column,file_key}',
		 'link_photo, link_file, main_column, type_column and file_key need a link table',
		 'Name file_table and link_table, or leave these out.'),
		(wanted ? 'link_table' AND wanted ?| '{trash_column,digest_column,path_hash_column,derived_column}',
		 'trash_column, digest_column, path_hash_column and derived_column are for libraries without a link table',
		 'Leave them out, or write a preset (docs/contract.md).'),
		(NOT wanted ? 'path_column' AND NOT (wanted ? 'directory_column' AND wanted ? 'name_column'),
		 'nothing says where a file is',
		 'Name path_column, or directory_column with directory_table, directory_path and name_column.'),
		(wanted ? 'directory_column' AND NOT (wanted ? 'directory_table' AND wanted ? 'directory_path'),
		 'directory_column needs directory_table and directory_path',
		 'Name the table of directories and its column with their paths.'),
		(NOT wanted ? 'directory_column' AND wanted ?| '{directory_table,directory_key,directory_path}',
		 'directory_table needs directory_column', 'Name the column that holds a directory''s key.'),
		(wanted ? 'path_column' AND wanted ? 'root' AND wanted ? 'directory_column',
		 'root, path_column and directory_column don''t go together', 'Leave one of them out.'),
		(NOT (wanted ->> 'root') ~ '^(/[^/]+)+/?$' OR wanted ->> 'root' ~ '/\.\.?(/|$)',
		 'root must be the absolute path of a folder', 'Give it as the application does, for example ''/media/originals''.'),
		(wanted ? 'derived_column' AND NOT COALESCE((wanted ->> 'derived_root') ~ '^/', false),
		 'derived_column needs derived_root', 'Give the absolute folder that its relative names start from.'),
		(wanted ? 'owner_table' AND NOT wanted ? 'owner_column', 'owner_table needs owner_column',
		 'Name the photo table''s column that holds an owner''s key, or leave owner_table out: then all photos are one owner''s.'),
		(NOT wanted ? 'owner_table' AND wanted ?| '{owner_key,owner_folder}',
		 'owner_key and owner_folder need owner_table', 'Name the table of owners, or leave these out.'),
		(wanted ? 'type_column' <> (wanted ? 'file_types'), 'type_column and file_types go together',
		 'Say which values mean what, for example {"image": "1", "video": "2", "raw": "4", "metadata": "3"}.'),
		(wanted ? 'file_types' AND (jsonb_typeof(wanted -> 'file_types') <> 'object'
		     OR NOT wanted -> 'file_types' <@ (SELECT jsonb_object_agg(k.kind, wanted -> 'file_types' -> k.kind)
		                                         FROM unnest('{image,video,raw,metadata}'::text[]) AS k (kind))),
		 'file_types must be an object of image, video, raw and metadata',
		 'Say which values mean what, for example {"image": "1", "video": "2", "raw": "4", "metadata": "3"}.'),
		(wanted ? 'digest_column' AND NOT wanted ->> 'digest_algorithm' IN ('md5', 'sha1'),
		 'digest_algorithm must be md5 or sha1', 'Leave digest_column out where it holds another digest.')
	  ) AS c (wrong, problem, hint)
	 WHERE c.wrong
	 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION '%', wrong.problem
			USING ERRCODE = 'invalid_parameter_value', HINT = wrong.hint;
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.register_check_form IS
	'an error where parameters of register_library don''t go together';

CREATE FUNCTION missing_photos.register_check_tables(wanted jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part record;
BEGIN
	FOR part IN
		SELECT p.parameter, class.relname, class.relpersistence, class.relnamespace,
		       home.relnamespace AS library, class.relkind = ANY (p.kinds) AS fits
		  FROM (VALUES ('photo_table', '{r,p}'::"char"[]), ('file_table', '{r,p}'), ('link_table', '{r,p}'),
		               ('owner_table', '{r,p,v,m,f}'), ('directory_table', '{r,p,v,m,f}')) AS p (parameter, kinds)
		  JOIN pg_class AS class ON class.oid = (wanted ->> p.parameter)::oid
		  JOIN pg_class AS home ON home.oid = (wanted ->> 'photo_table')::oid
	LOOP
		IF part.relpersistence = 't' THEN
			RAISE EXCEPTION '"%" is temporary', part.relname
				USING ERRCODE = 'wrong_object_type',
				      HINT = format('No other session sees it. %s must be permanent.', part.parameter);
		ELSIF NOT part.fits THEN
			RAISE EXCEPTION '"%" is not a table', part.relname
				USING ERRCODE = 'wrong_object_type',
				      HINT = format('%s must be a table: scans lock and change its rows. A view will do for owner_table and directory_table.', part.parameter);
		ELSIF part.relnamespace <> part.library THEN
			RAISE EXCEPTION 'table "%" is in another schema than the photos', part.relname
				USING ERRCODE = 'invalid_parameter_value',
				      HINT = 'All tables of a library are in one schema; put a view of it there.';
		ELSIF part.relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace,
			'missing_photos'::regnamespace)
		THEN
			RAISE EXCEPTION 'table "%" is not an application''s', part.relname
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Name the application''s own tables.';
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.register_check_tables IS
	'an error where a library can''t be made of these tables';

CREATE FUNCTION missing_photos.register_check_columns(wanted jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part record;
BEGIN
	FOR part IN
		SELECT c.*, class.relname, class.relkind, space.nspname, a.attnum, a.attnotnull, a.attgenerated,
		       format_type(a.atttypid, a.atttypmod) AS type, k.types, k.hint,
		       k.types IS NULL OR a.atttypid::regtype::text = ANY (k.types) AS fits
		  FROM missing_photos.register_columns(wanted) AS c
		  JOIN pg_class AS class ON class.oid = c.relation
		  JOIN pg_namespace AS space ON space.oid = class.relnamespace
		  JOIN (VALUES
			('key', '{smallint,integer,bigint,uuid,text,character varying}'::text[],
			 'A key is an integer, a uuid or a text.'),
			('text', '{text,character varying}', 'A column with paths or names is text or varchar.'),
			('flag', '{boolean,timestamp with time zone,timestamp without time zone}',
			 'A flag is a boolean, or a timestamp that is NULL as long as it isn''t set.'),
			('number', '{integer,bigint}', 'A size is an integer or a bigint.'),
			('digest', '{text,character varying,character,bytea}', 'A digest is hexadecimal text or bytea.'),
			('any', NULL, NULL)) AS k (kind, types, hint) ON k.kind = c.kind
		  LEFT JOIN pg_attribute AS a
		    ON a.attrelid = c.relation AND a.attname = c.col AND a.attnum > 0 AND NOT a.attisdropped
	LOOP
		IF part.col IS NULL THEN
			RAISE EXCEPTION 'table "%" has no primary key of one column', part.relname
				USING ERRCODE = 'undefined_column', HINT = format('Name the column that tells its rows apart: %s.', part.parameter);
		ELSIF part.attnum IS NULL THEN
			RAISE EXCEPTION 'table "%" has no column "%" (%)', part.relname, part.col, part.parameter
				USING ERRCODE = 'undefined_column', HINT = format('Its columns are %s.', (
					SELECT string_agg(quote_ident(o.attname), ', ' ORDER BY o.attnum) FROM pg_attribute AS o
					 WHERE o.attrelid = part.relation AND o.attnum > 0 AND NOT o.attisdropped));
		ELSIF NOT part.fits THEN
			RAISE EXCEPTION 'column "%" of table "%" is of type %, which doesn''t fit %', part.col, part.relname,
					part.type, part.parameter
				USING ERRCODE = 'datatype_mismatch', HINT = part.hint;
		ELSIF part.written AND part.attgenerated <> '' THEN
			RAISE EXCEPTION 'column "%" of table "%" is generated and can''t be written (%)', part.col,
					part.relname, part.parameter
				USING ERRCODE = 'generated_always', HINT = 'Name the column it is made from.';
		ELSIF part.parameter = 'missing_column' AND part.attnotnull AND part.type LIKE 'timestamp%' THEN
			RAISE EXCEPTION 'column "%" of table "%" can''t be NULL, so it can''t say that a file is there',
					part.col, part.relname
				USING ERRCODE = 'invalid_parameter_value', HINT = 'Name another column, or none: then missing_photos keeps the flags itself.';
		ELSIF part.identity AND part.relkind IN ('r', 'p') AND NOT (part.attnotnull
			AND missing_photos.contract_unique(part.nspname, part.relname, ARRAY[part.col]))
		THEN
			RAISE EXCEPTION 'column "%" doesn''t tell the rows of table "%" apart', part.col, part.relname
				USING ERRCODE = 'invalid_table_definition',
				      HINT = 'It needs to be NOT NULL and to have a unique index of its own.';
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.register_check_columns IS
	'an error where a column doesn''t exist, or can''t be what it is named for';

CREATE FUNCTION missing_photos.register_check_references(wanted jsonb)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	pair record;
BEGIN
	-- A flag that says two things is worst: what is flagged as missing would be in the trash, never to
	-- be looked for again.
	FOR pair IN
		SELECT c.col, class.relname, string_agg(c.parameter, ', ' ORDER BY c.parameter) AS parameters
		  FROM missing_photos.register_columns(wanted) AS c
		  JOIN pg_class AS class ON class.oid = c.relation
		 GROUP BY c.col, c.of_table, class.relname
		HAVING count(*) > 1 AND (count(*) FILTER (WHERE c.written) > 1
		                         OR bool_or(c.parameter = 'missing_column'))
	LOOP
		RAISE EXCEPTION 'column "%" of table "%" can''t be all of this: %', pair.col, pair.relname,
				pair.parameters
			USING ERRCODE = 'invalid_parameter_value', HINT = 'Name one column for each, or leave all but one out.';
	END LOOP;
	FOR pair IN
		WITH typed AS (
			SELECT c.parameter, format_type(a.atttypid, NULL) AS type,
			       CASE WHEN a.atttypid = ANY ('{smallint,integer,bigint}'::regtype[]) THEN 'integer'
			            WHEN a.atttypid = ANY ('{text,character varying}'::regtype[]) THEN 'text'
			            ELSE format_type(a.atttypid, NULL) END AS family
			  FROM missing_photos.register_columns(wanted) AS c
			  JOIN pg_attribute AS a ON a.attrelid = c.relation AND a.attname = c.col
		)
		SELECT one.parameter AS one, one.type AS one_type, other.parameter AS other, other.type AS other_type
		  FROM (VALUES ('owner_column', 'owner_key'), ('directory_column', 'directory_key'),
		               ('link_photo', 'photo_key'), ('link_file', 'file_key'), ('main_column', 'file_key'))
		       AS p (one, other)
		  JOIN typed AS one ON one.parameter = p.one
		  JOIN typed AS other ON other.parameter = p.other
		 WHERE one.family <> other.family
	LOOP
		RAISE EXCEPTION '% is of type %, but % of type %', pair.one, pair.one_type, pair.other, pair.other_type
			USING ERRCODE = 'datatype_mismatch', HINT = 'Name columns of which one holds the values of the other.';
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.register_check_references IS
	'an error where a column can''t hold the keys of the table it is said to point at';

-- A table's keys are unique by its index; a view's are looked at, as the caller, who may not be allowed
-- to read it. What it may hold later can't be told.
CREATE FUNCTION missing_photos.register_check_rows(wanted jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part record;
	key text;
	times bigint;
BEGIN
	FOR part IN
		SELECT c.parameter, c.col, c.relation::regclass AS relation, class.relname
		  FROM missing_photos.register_columns(wanted) AS c
		  JOIN pg_class AS class ON class.oid = c.relation
		 WHERE c.identity AND class.relkind NOT IN ('r', 'p')
	LOOP
		BEGIN
			EXECUTE format('SELECT v.%1$I::text, count(*) FROM %2$s AS v GROUP BY v.%1$I '
				'HAVING count(*) > 1 OR v.%1$I IS NULL LIMIT 1', part.col, part.relation) INTO key, times;
		EXCEPTION WHEN insufficient_privilege THEN
			CONTINUE;
		END;
		IF times IS NOT NULL THEN
			RAISE EXCEPTION 'column "%" doesn''t tell the rows of "%" apart: % of them % %', part.col,
					part.relname, times, CASE WHEN times = 1 THEN 'has' ELSE 'have' END,
					COALESCE('"' || key || '"', 'NULL')
				USING ERRCODE = 'invalid_table_definition',
				      HINT = format('Each value may stand in one row, and none may be NULL. Name another %s, or change the view.',
				                    part.parameter);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.register_check_rows IS
	'an error where a view that stands for a table has a key twice, or none';

-- sql/library/register.sql

-- register_library: attaches a schema that no preset knows, by the names of its tables and columns.
--
-- The names are checked against the catalog and become a mapping like a preset's, kept as a preset
-- function of the name given, so that attach_library(NAME, schema) binds again after the application
-- changed its tables. All that is made of them is quoted names and literals: whoever may attach can put
-- no SQL of their own into functions that others call.

CREATE FUNCTION missing_photos.register_library(
	name text,
	photo_table regclass,
	photo_key name DEFAULT NULL,
	owner_column name DEFAULT NULL,
	owner_table regclass DEFAULT NULL,
	owner_key name DEFAULT NULL,
	owner_folder name DEFAULT NULL,
	path_column name DEFAULT NULL,
	root text DEFAULT NULL,
	name_column name DEFAULT NULL,
	directory_column name DEFAULT NULL,
	directory_table regclass DEFAULT NULL,
	directory_key name DEFAULT NULL,
	directory_path name DEFAULT NULL,
	missing_column name DEFAULT NULL,
	trash_column name DEFAULT NULL,
	file_table regclass DEFAULT NULL,
	file_key name DEFAULT NULL,
	link_table regclass DEFAULT NULL,
	link_photo name DEFAULT NULL,
	link_file name DEFAULT NULL,
	main_column name DEFAULT NULL,
	type_column name DEFAULT NULL,
	file_types jsonb DEFAULT NULL,
	size_column name DEFAULT NULL,
	digest_column name DEFAULT NULL,
	digest_algorithm text DEFAULT 'md5',
	path_hash_column name DEFAULT NULL,
	derived_column name DEFAULT NULL,
	derived_root text DEFAULT NULL,
	preview boolean DEFAULT false)
RETURNS TABLE (part text, detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wanted CONSTANT jsonb := jsonb_strip_nulls(jsonb_build_object(
		'name', register_library.name, 'photo_table', photo_table::oid, 'photo_key', photo_key,
		'owner_column', owner_column, 'owner_table', owner_table::oid, 'owner_key', owner_key,
		'owner_folder', owner_folder, 'path_column', path_column, 'root', root,
		'name_column', name_column, 'directory_column', directory_column,
		'directory_table', directory_table::oid, 'directory_key', directory_key,
		'directory_path', directory_path, 'missing_column', missing_column,
		'trash_column', trash_column, 'file_table', file_table::oid, 'file_key', file_key,
		'link_table', link_table::oid, 'link_photo', link_photo, 'link_file', link_file,
		'main_column', main_column, 'type_column', type_column, 'file_types', file_types,
		'size_column', size_column, 'digest_column', digest_column,
		'path_hash_column', path_hash_column, 'derived_column', derived_column))
		|| jsonb_strip_nulls(jsonb_build_object('derived_root', derived_root,
			'digest_algorithm', digest_algorithm));
	sample text;
BEGIN
	FOR part, detail, sample IN
	SELECT r.* FROM missing_photos.contract_register(wanted, COALESCE(preview, false)) AS r
	LOOP
		IF sample IS NOT NULL THEN
			PERFORM missing_photos.register_check_rows(wanted);
			-- Read as the caller, who may not be allowed to see any.
			BEGIN
				EXECUTE sample INTO detail;
			EXCEPTION WHEN insufficient_privilege THEN
				detail := 'not readable for you';
			END;
			detail := COALESCE(detail, 'there is none yet');
		END IF;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.register_library IS
	'attaches a library of any schema by the names of its tables and columns; preview: only says what it would be';

CREATE FUNCTION missing_photos.contract_register(
	wanted jsonb, preview boolean, OUT part text, OUT detail text, OUT sample text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	preset name := 'preset_' || (wanted ->> 'name');
	library_schema name;
	mapping jsonb;
BEGIN
	PERFORM missing_photos.register_check_name(wanted ->> 'name');
	PERFORM missing_photos.register_check_form(wanted);
	PERFORM missing_photos.register_check_tables(wanted);
	PERFORM missing_photos.register_check_columns(wanted);
	PERFORM missing_photos.register_check_references(wanted);
	SELECT space.nspname INTO library_schema
	  FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
	 WHERE class.oid = (wanted ->> 'photo_table')::oid;
	mapping := missing_photos.contract_bind(missing_photos.registered_mapping(wanted), library_schema);
	RETURN QUERY SELECT d.part, d.detail, NULL::text FROM missing_photos.registered_parts(mapping) AS d;
	RETURN QUERY SELECT 'one of the paths', NULL::text, missing_photos.contract_fill(CASE mapping ->> 'shape'
		WHEN 'linked' THEN 'SELECT f.{file.path}::pg_catalog.text FROM {file} AS f WHERE f.{file.path} IS NOT NULL LIMIT 1'
		ELSE 'SELECT p.{photo.path}::pg_catalog.text FROM {photo} AS p WHERE p.{photo.path} IS NOT NULL LIMIT 1' END,
		missing_photos.contract_names(mapping));
	IF NOT preview THEN
		IF to_regprocedure(format('missing_photos.%I(name)', preset)) IS NOT NULL THEN
			EXECUTE format('DROP FUNCTION missing_photos.%I(name)', preset);
		END IF;
		EXECUTE format('CREATE FUNCTION missing_photos.%I(library_schema name) RETURNS jsonb '
			'LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS %L', preset,
			format('SELECT %L::pg_catalog.jsonb', missing_photos.registered_mapping(wanted)));
		EXECUTE format('ALTER FUNCTION missing_photos.%I(name) DEPENDS ON EXTENSION missing_photos', preset);
		EXECUTE format('REVOKE ALL ON FUNCTION missing_photos.%I(name) FROM PUBLIC', preset);
		EXECUTE format('COMMENT ON FUNCTION missing_photos.%I(name) IS %L', preset,
			'registered: what this library looks like');
		PERFORM missing_photos.contract_attach(wanted ->> 'name', library_schema);
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.contract_register IS
	'checks what register_library was told, and makes a preset of it';

-- Each name that register_library takes: where it belongs and what it must be. identity: tells rows
-- apart; written: changed by scans or relinking.
CREATE FUNCTION missing_photos.register_columns(wanted jsonb)
RETURNS TABLE (
	parameter text, of_table text, relation oid, col name, role text, column_role text, kind text,
	identity boolean, written boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT p.parameter, p.of_table, (wanted ->> p.of_table)::oid,
	       COALESCE(wanted ->> p.parameter, CASE WHEN p.identity THEN missing_photos.register_key(
	           (wanted ->> p.of_table)::oid) END)::name,
	       p.role, p.column_role, p.kind, p.identity, p.written
	  FROM (SELECT CASE WHEN wanted ? 'file_table' THEN 'file_table' ELSE 'photo_table' END AS rows,
	               CASE WHEN wanted ? 'file_table' THEN 'file' ELSE 'photo' END AS row,
	               wanted ? 'directory_column' AND NOT wanted ? 'path_column' AS pieces) AS at
	 CROSS JOIN LATERAL (VALUES
		('photo_key', 'photo_table', 'photo', 'key', 'key', true, false),
		('owner_column', 'photo_table', 'photo', 'owner', 'key', false, false),
		('owner_key', 'owner_table', 'owner', 'key', 'key', true, false),
		('owner_folder', 'owner_table', 'owner', 'folder', 'text', false, false),
		('path_column', at.rows, at.row, CASE WHEN wanted ? 'root' THEN 'relative' ELSE 'path' END,
		 'text', false, true),
		('name_column', at.rows, at.row, CASE WHEN at.pieces THEN 'leaf' ELSE 'name' END, 'text',
		 false, true),
		('directory_column', at.rows, at.row, 'directory', 'key', false, true),
		('directory_key', 'directory_table', 'directory', 'key', 'key', true, false),
		('directory_path', 'directory_table', 'directory', 'path', 'text', false, false),
		('missing_column', at.rows, at.row, 'flag', 'flag', false, true),
		('trash_column', 'photo_table', 'photo', 'trash', 'flag', false, false),
		('file_key', 'file_table', 'file', 'key', 'key', true, false),
		('link_photo', 'link_table', 'link', 'photo', 'key', false, true),
		('link_file', 'link_table', 'link', 'file', 'key', false, true),
		('main_column', 'photo_table', 'photo', 'main', 'key', false, true),
		('type_column', 'file_table', 'file', 'type', 'any', false, false),
		('size_column', at.rows, at.row, 'size', 'number', false, false),
		('digest_column', 'photo_table', 'photo', 'checksum', 'digest', false, false),
		('path_hash_column', 'photo_table', 'photo', 'path_hash', 'text', false, true),
		('derived_column', 'photo_table', 'derived_photo', 'made', 'text', false, false)
	  ) AS p (parameter, of_table, role, column_role, kind, identity, written)
	 WHERE wanted ? p.parameter OR p.identity AND wanted ? p.of_table
$$;
COMMENT ON FUNCTION missing_photos.register_columns IS
	'the columns that register_library was told of, keys it need not be told of among them';

CREATE FUNCTION missing_photos.register_key(relation oid)
RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT attribute.attname
	  FROM pg_index AS index
	  JOIN pg_attribute AS attribute
	    ON attribute.attrelid = index.indrelid AND attribute.attnum = index.indkey[0]
	 WHERE index.indrelid = register_key.relation AND index.indisprimary AND index.indnkeyatts = 1
$$;
COMMENT ON FUNCTION missing_photos.register_key IS 'a table''s primary key, if it is one column';

CREATE FUNCTION missing_photos.registered_mapping(wanted jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object(
		'application', wanted -> 'name', 'registered', true,
		'shape', CASE WHEN wanted ? 'file_table' THEN 'linked' ELSE 'single' END,
		'flag', CASE WHEN NOT wanted ? 'missing_column' THEN 'own'
		             WHEN (SELECT a.atttypid = 'boolean'::regtype FROM pg_attribute AS a
		                     JOIN missing_photos.register_columns(wanted) AS c
		                       ON c.relation = a.attrelid AND c.col = a.attname
		                    WHERE c.parameter = 'missing_column') THEN 'truth' ELSE 'time' END,
		'root', rtrim(wanted ->> 'root', '/'),
		'single_owner', CASE WHEN NOT wanted ? 'owner_column' THEN 'library' END,
		'file_types', wanted -> 'file_types',
		'digest', CASE WHEN wanted ? 'digest_column'
		          THEN jsonb_build_object('algorithm', wanted -> 'digest_algorithm') END,
		'derived', CASE WHEN wanted ? 'derived_column'
		           THEN jsonb_build_object('base', rtrim(wanted ->> 'derived_root', '/'), 'patterns', '[]'::jsonb) END,
		'tables', (SELECT jsonb_object_agg(t.role, jsonb_build_object('name', t.name, 'columns', t.columns))
		             FROM (SELECT c.role, class.relname AS name, jsonb_object_agg(c.column_role, c.col)
		                          || CASE WHEN c.role = 'derived_photo' THEN jsonb_build_object('photo',
		                             (SELECT k.col FROM missing_photos.register_columns(wanted) AS k
		                               WHERE k.parameter = 'photo_key')) ELSE '{}' END AS columns
		                     FROM missing_photos.register_columns(wanted) AS c
		                     JOIN pg_class AS class ON class.oid = c.relation
		                    GROUP BY c.role, class.relname) AS t)))
$$;
COMMENT ON FUNCTION missing_photos.registered_mapping IS
	'a preset''s mapping from what register_library was told';

CREATE FUNCTION missing_photos.registered_parts(mapping jsonb)
RETURNS TABLE (part text, detail text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT d.part, d.detail
	  FROM (SELECT mapping ->> 'schema' AS schema, mapping -> 'tables' AS tables,
	               missing_photos.path_role(mapping) AS role,
	               mapping #> ARRAY['tables', missing_photos.path_role(mapping), 'columns'] AS cols) AS m
	 CROSS JOIN LATERAL (VALUES
		(1, 'photos', format('%I.%I by %I', m.schema, m.tables #>> '{photo,name}',
		                     m.tables #>> '{photo,columns,key}')),
		(2, 'files', CASE m.role WHEN 'photo' THEN 'each photo is a file'
		             ELSE format('%I.%I by %I, linked by %I.%I', m.schema, m.tables #>> '{file,name}',
		                         m.tables #>> '{file,columns,key}', m.schema, m.tables #>> '{link,name}') END),
		(3, 'owners', CASE WHEN mapping ? 'single_owner' THEN format('one: "%s"', mapping ->> 'single_owner')
		              WHEN m.tables ? 'owner' THEN format('%I.%I by %I', m.schema, m.tables #>> '{owner,name}',
		                                                  m.tables #>> '{owner,columns,key}')
		              ELSE format('whoever %I names', m.tables #>> '{photo,columns,owner}') END),
		(4, 'paths', CASE WHEN m.cols ? 'leaf' THEN format('%I of %I.%I, and %I', m.tables #>> '{directory,columns,path}',
		                       m.schema, m.tables #>> '{directory,name}', m.cols ->> 'leaf')
		             ELSE quote_ident(COALESCE(m.cols ->> 'relative', m.cols ->> 'path')) END
		             || COALESCE(' below ' || (mapping ->> 'root'), '')),
		(5, 'missing', CASE mapping ->> 'flag' WHEN 'own' THEN 'kept by missing_photos'
		               ELSE format('column %I', m.cols ->> 'flag') END),
		(6, 'content', COALESCE((mapping #>> '{digest,algorithm}') || ' in ' || quote_ident(m.cols ->> 'checksum'),
		                        'not known'))
	  ) AS d (place, part, detail)
	 ORDER BY d.place
$$;
COMMENT ON FUNCTION missing_photos.registered_parts IS 'a registered library in words';

-- sql/library/attach.sql

-- attach_library, detach_library and check_library.

CREATE FUNCTION missing_photos.contract_generators()
RETURNS text[]
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- In an order in which each function finds those it calls.
	SELECT ARRAY['owners', 'files', 'photo_files', 'file_rows', 'photo', 'photo_count',
	             'pointed_files', 'flagged_files', 'counts', 'content', 'lock', 'mark_missing',
	             'mark_present', 'missing', 'lock_missing', 'move', 'claimed',
	             'photos_by_content', 'add', 'reimported', 'job', 'last_import', 'derived', 'at',
	             'owners_below', 'beside']
$$;
COMMENT ON FUNCTION missing_photos.contract_generators IS
	'the families of functions a library answers with';

CREATE FUNCTION missing_photos.contract_functions()
RETURNS TABLE (function oid, name text, owner oid, acl aclitem[])
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What depends on the extension without being a member of it is what was generated.
	SELECT proc.oid, proc.oid::regprocedure::text, proc.proowner, proc.proacl
	  FROM pg_proc AS proc
	  JOIN pg_depend AS tie
	    ON tie.classid = 'pg_proc'::regclass AND tie.objid = proc.oid AND tie.deptype = 'x'
	   AND tie.refclassid = 'pg_extension'::regclass
	  JOIN pg_extension AS extension
	    ON extension.oid = tie.refobjid AND extension.extname = 'missing_photos'
	 WHERE proc.pronamespace = 'missing_photos'::regnamespace
	   AND proc.proname ^@ 'library_'
$$;
COMMENT ON FUNCTION missing_photos.contract_functions IS 'the functions generated so far';

CREATE FUNCTION missing_photos.contract_drop()
RETURNS regrole[]
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	grantees regrole[];
	generated text;
BEGIN
	SELECT array_agg(DISTINCT privilege.grantee)::regrole[] INTO grantees
	  FROM missing_photos.contract_functions() AS f
	 CROSS JOIN LATERAL aclexplode(f.acl) AS privilege
	 WHERE privilege.grantee NOT IN (0, f.owner);
	FOR generated IN SELECT f.name FROM missing_photos.contract_functions() AS f LOOP
		EXECUTE format('DROP FUNCTION %s', generated);
	END LOOP;
	RETURN grantees;
END
$$;
COMMENT ON FUNCTION missing_photos.contract_drop IS
	'drops the generated functions and returns the roles that could call them';

-- The only part that runs with the extension's rights. What it executes are the generated functions'
-- definitions, made of names quoted from the catalog; it calls nothing of the library's schema.
CREATE FUNCTION missing_photos.contract_attach(preset text, library_schema name)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	mapping jsonb;
	names jsonb;
	part text;
	grantee regrole;
	grantees regrole[];
	granted text;
BEGIN
	LOCK TABLE missing_photos.attached_library IN EXCLUSIVE MODE;
	EXECUTE format('SELECT missing_photos.%I($1)', 'preset_' || preset)
		INTO mapping USING library_schema;
	mapping := missing_photos.contract_bind(mapping, library_schema);
	names := missing_photos.contract_names(mapping);
	grantees := missing_photos.contract_drop();
	FOREACH part IN ARRAY missing_photos.contract_generators() LOOP
		EXECUTE format('SELECT missing_photos.%I($1)', 'generate_' || part) USING names;
	END LOOP;
	FOREACH grantee IN ARRAY COALESCE(grantees, '{}') LOOP
		FOR granted IN SELECT f.name FROM missing_photos.contract_functions() AS f LOOP
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', granted, grantee);
		END LOOP;
	END LOOP;
	PERFORM missing_photos.contract_forget(
		names ->> 'photo.key:type', COALESCE(names ->> 'file.key:type', names ->> 'photo.key:type'));
	DELETE FROM missing_photos.attached_library;
	INSERT INTO missing_photos.attached_library
		(preset, library_schema, layout, mapping, signature, version)
	VALUES (contract_attach.preset, contract_attach.library_schema,
		missing_photos.contract_layout(mapping), mapping,
		missing_photos.contract_signature(mapping), missing_photos.installed_version());
END
$$;
COMMENT ON FUNCTION missing_photos.contract_attach IS
	'generates the library contract for an existing library; called by attach_library';

CREATE FUNCTION missing_photos.contract_is_key(value text, type text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- By how it is written: a cast could run what a domain of the library's checks.
	SELECT CASE type
	       WHEN 'pg_catalog.uuid' THEN value ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
	       WHEN 'pg_catalog.int8' THEN value ~ '^-?[0-9]{1,19}$'
	       WHEN 'pg_catalog.int4' THEN value ~ '^-?[0-9]{1,10}$'
	       ELSE true END
$$;
COMMENT ON FUNCTION missing_photos.contract_is_key IS 'whether a value looks like a key of this type';

-- An application may have given its photos keys of another type: what was noted by the old ones names
-- nothing any more, and could not even be looked up.
CREATE FUNCTION missing_photos.contract_forget(photo_type text, file_type text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	forgotten bigint;
BEGIN
	DELETE FROM missing_photos.file_doubt AS doubt
	 WHERE NOT missing_photos.contract_is_key(doubt.photo, photo_type)
	    OR NOT missing_photos.contract_is_key(doubt.file, file_type);
	DELETE FROM missing_photos.loss AS lost
	 WHERE NOT missing_photos.contract_is_key(lost.photo, photo_type)
	    OR NOT missing_photos.contract_is_key(lost.file, file_type);
	GET DIAGNOSTICS forgotten = ROW_COUNT;
	DELETE FROM missing_photos.absence AS gone
	 WHERE NOT missing_photos.contract_is_key(gone.photo, photo_type)
	    OR NOT missing_photos.contract_is_key(gone.file, file_type);
	DELETE FROM missing_photos.suspect AS suspect
	 WHERE NOT missing_photos.contract_is_key(suspect.photo, photo_type)
	    OR NOT missing_photos.contract_is_key(suspect.file, file_type);
	IF forgotten > 0 THEN
		RAISE WARNING 'links that scans took away are forgotten: %', forgotten
			USING DETAIL = 'The library''s photos or files have keys of another type now.',
			      HINT = 'Main files that come back are still found; let the application''s own scan link the others.';
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.contract_forget IS
	'forgets what was noted by keys that the library no longer has';

CREATE FUNCTION missing_photos.contract_layout(mapping jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%s in schema %I: photos in %I by %I (%s)%s%s',
		mapping ->> 'application', mapping ->> 'schema', photo ->> 'name',
		photo #>> '{columns,key}',
		(SELECT format_type(to_regtype(photo #>> '{types,key}'), NULL)),
		CASE WHEN mapping ->> 'shape' <> 'linked' THEN ', each row with its file'
		     WHEN missing_photos.contract_pairs_unique(mapping) THEN ', unique links to files'
		     ELSE ', links to files not unique' END,
		CASE WHEN job IS NULL THEN ', no job table'
		     WHEN job #> '{columns,current}' IS NULL THEN ', job progress in the result'
		     ELSE ', job progress in columns of its own' END)
	  FROM (SELECT mapping #> '{tables,photo}' AS photo, mapping #> '{tables,job}' AS job) AS part
$$;
COMMENT ON FUNCTION missing_photos.contract_layout IS 'a mapping in words';

CREATE FUNCTION missing_photos.installed_version()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT extension.extversion FROM pg_extension AS extension WHERE extension.extname = 'missing_photos' $$;
COMMENT ON FUNCTION missing_photos.installed_version IS 'the version of the extension in this database';

CREATE FUNCTION missing_photos.attach_library(preset text, schema_name text DEFAULT 'public')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF preset IS NULL OR schema_name IS NULL OR NOT EXISTS (
		SELECT FROM pg_proc AS proc
		 WHERE proc.pronamespace = 'missing_photos'::regnamespace
		   AND proc.proname = 'preset_' || preset)
	THEN
		RAISE EXCEPTION 'unknown kind of photo library: "%"', preset
			USING ERRCODE = 'invalid_parameter_value',
			      HINT = format('Known are %s.', (
			          SELECT string_agg(substr(proc.proname, 8), ', ' ORDER BY proc.proname)
			            FROM pg_proc AS proc
			           WHERE proc.pronamespace = 'missing_photos'::regnamespace
			             AND proc.proname ^@ 'preset_'));
	END IF;
	IF to_regprocedure(format('missing_photos.%I(name)', 'prepare_' || preset)) IS NOT NULL THEN
		EXECUTE format('SELECT missing_photos.%I($1)', 'prepare_' || preset)
			USING schema_name::name;
	END IF;
	PERFORM missing_photos.contract_attach(preset, schema_name::name);
END
$$;
COMMENT ON FUNCTION missing_photos.attach_library IS
	'finds out how the photo library in this schema is laid out and makes it the one this database''s scans work on; again after the application changed its tables';

CREATE FUNCTION missing_photos.detach_library()
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	LOCK TABLE missing_photos.attached_library IN EXCLUSIVE MODE;
	PERFORM missing_photos.contract_drop();
	DELETE FROM missing_photos.attached_library;
END
$$;
COMMENT ON FUNCTION missing_photos.detach_library IS
	'forgets the attached library, which stays as it is';

CREATE FUNCTION missing_photos.check_library()
RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	library missing_photos.attached_library;
	now_signature text;
BEGIN
	SELECT * INTO library FROM missing_photos.attached_library;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'no photo library is attached to this database'
			USING ERRCODE = 'object_not_in_prerequisite_state',
			      HINT = 'Call missing_photos.attach_library(preset), for example attach_library(''librephotos'').';
	END IF;
	-- An update brings new generators; what the old ones made stays until it is made anew.
	IF library.version <> missing_photos.installed_version() THEN
		RAISE EXCEPTION 'the photo library was attached by version % of missing_photos, and this is %',
				library.version, missing_photos.installed_version()
			USING ERRCODE = 'object_not_in_prerequisite_state',
			      HINT = format('Attach it again: SELECT missing_photos.attach_library(%L, %L);',
			                    library.preset, library.library_schema);
	END IF;
	now_signature := missing_photos.contract_signature(library.mapping);
	IF now_signature IS DISTINCT FROM library.signature THEN
		RAISE EXCEPTION 'the photo library in schema "%" has changed since it was attached',
				library.library_schema
			USING ERRCODE = 'object_not_in_prerequisite_state',
			      DETAIL = missing_photos.contract_difference(library.signature, now_signature),
			      HINT = format('Attach it again: SELECT missing_photos.attach_library(%L, %L);',
			                    library.preset, library.library_schema);
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.check_library IS
	'an error where no library is attached, or it is no longer laid out as it was when attached';

CREATE FUNCTION missing_photos.contract_difference(attached text, found text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH old AS (
		SELECT unnest(string_to_array(attached, E'\n')) AS line
	), new AS (
		SELECT unnest(string_to_array(found, E'\n')) AS line
	), gone AS (
		SELECT string_agg(line, '; ') AS lines FROM (SELECT * FROM old EXCEPT SELECT * FROM new ORDER BY 1) AS g
	), come AS (
		SELECT string_agg(line, '; ') AS lines FROM (SELECT * FROM new EXCEPT SELECT * FROM old ORDER BY 1) AS c
	)
	SELECT concat_ws(' ', 'Then: ' || gone.lines || '.', 'Now: ' || come.lines || '.') FROM gone, come
$$;
COMMENT ON FUNCTION missing_photos.contract_difference IS
	'the lines by which two signatures differ';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA missing_photos FROM PUBLIC;
GRANT EXECUTE ON FUNCTION missing_photos.attach_library(text, text) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.contract_attach(text, name) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.prepare_standalone(name) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.standalone_tables() TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.standalone_albums() TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.contract_fill(text, jsonb) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.detach_library() TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.contract_register(jsonb, boolean),
	missing_photos.register_check_rows(jsonb), missing_photos.register_columns(jsonb),
	missing_photos.register_key(oid) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.register_library TO pg_read_server_files;

-- sql/surface/roots.sql

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

-- sql/surface/verbs.sql

-- The verbs applications call. Owner and photo are anycompatible: 42, '42', a uuid or numeric
-- column and an untyped parameter all reach the one function.

CREATE FUNCTION check_files(
	photo anycompatible,
	OUT file text, OUT path text, OUT state missing_photos.file_state, OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'missing_photos_check_files'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000 ROWS 3;
COMMENT ON FUNCTION check_files IS
	'looks at one photo''s files on disk and brings the library in line with what it finds';

CREATE FUNCTION scan_missing(
	owner anycompatible, force boolean DEFAULT false, job_id uuid DEFAULT NULL,
	relink boolean DEFAULT NULL)
RETURNS missing_photos.scan_result
AS 'MODULE_PATHNAME', 'missing_photos_scan_missing'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION scan_missing IS
	'looks for all files of an owner''s photos, flags those that are gone and restores those that are back, all in the caller''s transaction; with relink (not given: the setting missing_photos.relink) files that moved are found first';

CREATE PROCEDURE scan_missing_photos(
	owner anycompatible, batch_size integer DEFAULT 5000, force boolean DEFAULT false,
	job_id uuid DEFAULT NULL, relink boolean DEFAULT NULL)
AS 'MODULE_PATHNAME', 'missing_photos_scan_missing_photos'
LANGUAGE c;
COMMENT ON PROCEDURE scan_missing_photos IS
	'scan_missing with a commit after each batch, so that progress shows and no transaction stays open while the disk is read';

-- sql/surface/delete.sql

-- Deleting what is gone for good.

CREATE FUNCTION delete_missing(
	owner anycompatible, force boolean DEFAULT false, job_id uuid DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'missing_photos_delete_missing'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION delete_missing IS
	'deletes an owner''s missing photos and all that depends on them, after looking for their files once more; {"status": true, "job_id": …}, or {"status": false, "job_id": …, "error": …} with nothing changed';

CREATE PROCEDURE delete_missing_photos(
	owner anycompatible, batch_size integer DEFAULT 1000, force boolean DEFAULT false,
	job_id uuid DEFAULT NULL)
AS 'MODULE_PATHNAME', 'missing_photos_delete_missing_photos'
LANGUAGE c;
COMMENT ON PROCEDURE delete_missing_photos IS
	'delete_missing with a commit after each batch; called again it goes on with what is left';

-- sql/surface/hashes.sql

CREATE FUNCTION file_hash(path text)
RETURNS text
AS 'MODULE_PATHNAME', 'missing_photos_file_hash'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION file_hash(text) IS
	'MD5 of a file''s content, 32 hexadecimal digits';

CREATE FUNCTION file_hash(path text, owner anycompatible)
RETURNS text
AS 'MODULE_PATHNAME', 'missing_photos_file_hash'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION file_hash(text, anycompatible) IS
	'the key LibrePhotos gives a file: MD5 of its content followed by the owner''s id';

CREATE FUNCTION file_hashes(paths text[])
RETURNS TABLE (path text, hash text, state missing_photos.file_state)
AS 'MODULE_PATHNAME', 'missing_photos_file_hashes'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION file_hashes(text[]) IS
	'MD5 of many files'' contents: a row for each path, in the array''s order; no hash where the file isn''t present';

-- sql/surface/moves.sql

-- Files that moved: what applications and administrators call about them.

CREATE FUNCTION missing_photos.sha1(data bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'missing_photos_sha1'
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION missing_photos.sha1 IS 'SHA-1 digest, which Immich makes of paths';

CREATE FUNCTION add_file(owner anycompatible, path text, OUT photo text, OUT action text)
RETURNS record
AS 'MODULE_PATHNAME', 'missing_photos_add_file'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION add_file IS
	'for an importer: links a discovered file to the photo that has its content; action says what was done: known, restored, relinked, added, copy, created, new or conflict';

CREATE FUNCTION missing_photos.remap_paths(
	owner anycompatible, old_prefix text, new_prefix text, dry_run boolean DEFAULT true,
	force boolean DEFAULT false,
	OUT photo text, OUT file text, OUT old_path text, OUT new_path text, OUT state text,
	OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'missing_photos_remap_paths'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 10000;
COMMENT ON FUNCTION missing_photos.remap_paths IS
	'for a folder that moved as a whole: gives an owner''s files below old_prefix their paths below new_prefix where they are found there; by default only shows what it would do (ready, absent, different, unreachable, invalid, readonly, collision)';

CREATE FUNCTION missing_photos.merge_reimported(
	owner anycompatible, dry_run boolean DEFAULT true,
	OUT photo text, OUT reimported text, OUT path text, OUT state text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'missing_photos_merge_reimported'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 100;
COMMENT ON FUNCTION missing_photos.merge_reimported IS
	'folds photos that were imported again after their file moved into the ones they were; by default only shows which (ready, ambiguous)';

CREATE FUNCTION missing_photos.undo_moves(job_id uuid)
RETURNS bigint
AS 'MODULE_PATHNAME', 'missing_photos_undo_moves'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION missing_photos.undo_moves IS
	'gives the files that a job moved their old paths back, where they still have those it gave them, and nothing else; returns how many';

-- sql/surface/media.sql

-- What a page shows of a photo.

CREATE FUNCTION missing_photos.paths_of(photo text)
RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	paths text[];
BEGIN
	IF paths_of.photo IS NULL THEN
		RAISE EXCEPTION 'photo must not be null'
			USING ERRCODE = 'null_value_not_allowed',
			      HINT = 'Give the id as the library holds it.';
	END IF;
	PERFORM missing_photos.check_library();
	PERFORM FROM missing_photos.library_photo(paths_of.photo);
	IF NOT FOUND THEN
		RAISE EXCEPTION 'photo "%" does not exist', paths_of.photo
			USING ERRCODE = 'no_data_found',
			      HINT = 'Give a photo''s key as the library holds it, and one your role may see.';
	END IF;
	SELECT array_agg(f.path ORDER BY f.main DESC, f.media DESC, f.path) INTO paths
	  FROM missing_photos.library_photo_files(paths_of.photo) AS f
	 WHERE NOT f.flagged AND f.path <> '';
	RETURN COALESCE(paths, ARRAY['Missing']);
END
$$;
COMMENT ON FUNCTION missing_photos.paths_of IS 'photo_paths for a photo''s key as text';

CREATE FUNCTION photo_paths(photo anycompatible)
RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT missing_photos.paths_of($1::pg_catalog.text) $$;
COMMENT ON FUNCTION photo_paths IS
	'paths of the files linked to a photo, its main file first; {Missing} when none is left';

CREATE FUNCTION missing_photos.media_is_gone(photo text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'missing_photos_media_is_gone'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION missing_photos.media_is_gone IS
	'whether no media file of a photo is left, by the library and by the disk; a file that can''t be judged counts as there';

CREATE FUNCTION missing_photos.media_error_of(photo text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	kind text;
BEGIN
	IF NOT missing_photos.media_is_gone(media_error_of.photo) THEN
		RETURN NULL;
	END IF;
	SELECT CASE WHEN p.video THEN 'Video' ELSE 'Image' END INTO kind
	  FROM missing_photos.library_photo(media_error_of.photo) AS p;
	RETURN jsonb_build_object(
		'title', kind || ' Not Found',
		'message', 'The ' || lower(kind) || ' file is missing or has been moved. '
		           || 'Scan for missing photos, or put the file back.');
END
$$;
COMMENT ON FUNCTION missing_photos.media_error_of IS 'media_error for a photo''s key as text';

CREATE FUNCTION media_error(photo anycompatible)
RETURNS jsonb
LANGUAGE sql VOLATILE
AS $$ SELECT missing_photos.media_error_of($1::pg_catalog.text) $$;
COMMENT ON FUNCTION media_error IS
	'title and message for a page when a photo''s media is gone, NULL when it is there';

-- sql/surface/views.sql

-- The views applications read. What they take from the library comes through functions that run as
-- the reader, so that its grants and row-level security hold; the extension's own tables are read
-- with the view's rights, and shown only beside rows of the library the reader may see. The views are
-- security barriers, or a reader's own condition could be asked about a row before that is known.

CREATE FUNCTION missing_photos.counts(
	owner text,
	OUT owner_id text, OUT num_photos bigint, OUT num_missing_photos bigint,
	OUT num_missing_files bigint)
RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM missing_photos.check_library();
	RETURN QUERY SELECT c.owner, c.num_photos, c.num_missing_photos, c.num_missing_files
	               FROM missing_photos.library_counts(counts.owner) AS c;
END
$$;
COMMENT ON FUNCTION missing_photos.counts IS
	'counts per owner (all owners when NULL) as the library has them';

CREATE FUNCTION missing_photos.flagged_files(
	OUT owner text, OUT photo text, OUT file text, OUT path text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM missing_photos.check_library();
	RETURN QUERY SELECT f.owner, f.photo, f.file, f.path
	               FROM missing_photos.library_flagged_files(NULL) AS f;
END
$$;
COMMENT ON FUNCTION missing_photos.flagged_files IS
	'files the library holds as missing, of all owners the caller may see';

CREATE FUNCTION missing_photos.sees_pair(photo text, file text)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM FROM missing_photos.library_file_rows(ARRAY[sees_pair.photo], ARRAY[sees_pair.file]);
	RETURN FOUND;
EXCEPTION WHEN invalid_text_representation THEN
	-- A finding outlives a change of the library's key types.
	RETURN false;
END
$$;
COMMENT ON FUNCTION missing_photos.sees_pair IS
	'whether the caller may see this photo and this file';

CREATE FUNCTION missing_photos.files_below(
	owner text, app_path text, OUT photo text, OUT file text, OUT path text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT f.photo, f.file, f.path
	               FROM missing_photos.library_files(files_below.owner) AS f
	              WHERE NOT f.flagged
	                AND starts_with(f.path, rtrim(files_below.app_path, '/') || '/');
END
$$;
COMMENT ON FUNCTION missing_photos.files_below IS
	'an owner''s files below a root, as far as the caller may see them';

CREATE FUNCTION missing_photos.seen_owners()
RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM missing_photos.check_library();
	RETURN QUERY SELECT o.owner FROM missing_photos.library_owners() AS o;
END
$$;
COMMENT ON FUNCTION missing_photos.seen_owners IS 'the owners that the caller may see';

CREATE VIEW missing_photos.owner_state WITH (security_barrier) AS
	SELECT COALESCE(doubts.owner, scans.owner) AS owner,
	       COALESCE(doubts.files, 0)::bigint AS num_unreachable_files,
	       scans.last_scan_at
	  FROM (SELECT d.owner, sum(d.files) AS files
	          FROM (SELECT f.owner, count(*) AS files
	                  FROM missing_photos.file_doubt AS f
	                 WHERE f.state = 'unreachable'
	                 GROUP BY f.owner
	                UNION ALL
	                SELECT r.owner, sum(r.files) FROM missing_photos.root_doubt AS r GROUP BY r.owner
	               ) AS d
	         GROUP BY d.owner) AS doubts
	  FULL JOIN (SELECT j.owner, max(j.finished_at) AS last_scan_at
	               FROM missing_photos.job AS j
	              WHERE j.kind = 'scan' AND j.state = 'finished'
	              GROUP BY j.owner) AS scans
	    ON scans.owner = doubts.owner
	 WHERE COALESCE(doubts.owner, scans.owner) IN (SELECT missing_photos.seen_owners());
COMMENT ON VIEW missing_photos.owner_state IS
	'files out of reach and the last finished scan, per owner';

CREATE VIEW missing_counts WITH (security_barrier) AS
	SELECT c.owner_id AS owner, c.num_photos, c.num_missing_photos, c.num_missing_files,
	       COALESCE(s.num_unreachable_files, 0) AS num_unreachable_files, s.last_scan_at
	  FROM missing_photos.counts(NULL) AS c
	  LEFT JOIN missing_photos.owner_state AS s ON s.owner = c.owner_id;
COMMENT ON VIEW missing_counts IS 'photos and missing ones, per owner';
COMMENT ON COLUMN missing_counts.num_missing_photos IS
	'photos with no media file linked or no main file known';
COMMENT ON COLUMN missing_counts.num_missing_files IS 'files the library holds as missing';
COMMENT ON COLUMN missing_counts.num_unreachable_files IS
	'files the last scan could not judge';
COMMENT ON COLUMN missing_counts.last_scan_at IS 'when the last finished scan ended';

-- The planner takes a UNION ALL apart, and its barrier with it, unless it stands one level down.
CREATE VIEW missing_files WITH (security_barrier) AS
	WITH flagged AS MATERIALIZED (SELECT * FROM missing_photos.flagged_files())
	SELECT u.owner, u.photo, u.file, u.path, u.state, u.reason, u.since, u.job_id
	  FROM (
		-- A lost file is shown with each photo that lost it; one that the application flagged
		-- itself with the photo it knows, if any.
		SELECT l.owner, l.photo, l.file, f.path, 'missing'::missing_photos.file_state AS state,
		       COALESCE(d.reason, l.reason) AS reason, l.lost_at AS since, l.job_id
		  FROM (SELECT DISTINCT owner, file, path FROM flagged) AS f
		  JOIN missing_photos.loss AS l ON l.file = f.file AND l.owner = f.owner
		  LEFT JOIN missing_photos.file_doubt AS d
		    ON d.owner = l.owner AND d.photo = l.photo AND d.file = l.file
		   AND d.state = 'missing'
		UNION ALL
		SELECT f.owner, f.photo, f.file, f.path, 'missing', NULL, NULL, NULL
		  FROM flagged AS f
		 WHERE NOT EXISTS (SELECT FROM missing_photos.loss AS l
		                    WHERE l.file = f.file AND l.owner = f.owner
		                      AND (f.photo IS NULL OR l.photo = f.photo))
		UNION ALL
		SELECT d.owner, d.photo, d.file, d.path, d.state, d.reason, d.since, d.job_id
		  FROM missing_photos.file_doubt AS d
		 WHERE missing_photos.sees_pair(d.photo, d.file)
		   AND NOT EXISTS (SELECT FROM missing_photos.loss AS l
		                    WHERE l.owner = d.owner AND l.photo = d.photo AND l.file = d.file)
		UNION ALL
		SELECT r.owner, b.photo, b.file, b.path, 'unreachable', r.reason, r.since, r.job_id
		  FROM missing_photos.root_doubt AS r
		 CROSS JOIN LATERAL missing_photos.files_below(r.owner, r.app_path) AS b
	  ) AS u;
COMMENT ON VIEW missing_files IS
	'files that are missing, and those that could not be judged, with the reason';
COMMENT ON COLUMN missing_files.state IS 'missing, unreachable or invalid';
COMMENT ON COLUMN missing_files.since IS
	'when this was found; NULL, like reason and job_id, when the application itself flagged it';
COMMENT ON COLUMN missing_files.job_id IS 'the scan that found it';

CREATE VIEW missing_photos.findings WITH (security_barrier) AS
	SELECT f.job_id, f.owner, f.photo, f.file, f.path, f.new_path, f.old_state, f.new_state,
	       f.reason, f.found_at
	  FROM missing_photos.finding AS f
	 WHERE missing_photos.sees_pair(f.photo, f.file);
COMMENT ON VIEW missing_photos.findings IS 'each change a job made to the library';
COMMENT ON COLUMN missing_photos.findings.new_path IS
	'where a file was found that had been at path; NULL where none moved';

CREATE FUNCTION missing_photos.stats_of(owner text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	stats jsonb;
BEGIN
	IF stats_of.owner IS NULL THEN
		RAISE EXCEPTION 'owner must not be null'
			USING ERRCODE = 'null_value_not_allowed',
			      HINT = 'Give the id as the library holds it; missing_counts has all owners.';
	END IF;
	SELECT jsonb_build_object(
	           'owner', c.owner_id, 'num_photos', c.num_photos,
	           'num_missing_photos', c.num_missing_photos,
	           'num_missing_files', c.num_missing_files,
	           'num_unreachable_files', COALESCE(s.num_unreachable_files, 0),
	           'last_scan_at', s.last_scan_at)
	  INTO stats
	  FROM missing_photos.counts(stats_of.owner) AS c
	  LEFT JOIN missing_photos.owner_state AS s ON s.owner = c.owner_id;
	IF stats IS NULL THEN
		RAISE EXCEPTION 'owner "%" does not exist', stats_of.owner
			USING ERRCODE = 'no_data_found',
			      HINT = 'Give an owner''s id as the library holds it.';
	END IF;
	RETURN stats;
END
$$;
COMMENT ON FUNCTION missing_photos.stats_of IS 'photo_stats for an owner''s id as text';

CREATE FUNCTION photo_stats(owner anycompatible)
RETURNS jsonb
LANGUAGE sql STABLE
AS $$ SELECT missing_photos.stats_of($1::pg_catalog.text) $$;
COMMENT ON FUNCTION photo_stats IS
	'one owner''s counts as a JSON object with the keys of missing_counts';

CREATE VIEW missing_photos.jobs WITH (security_barrier) AS
	SELECT j.job_id, j.kind, j.owner, j.role, j.state, j.started_at, j.finished_at, j.done, j.total,
	       c.photos, c.files, c.missing, c.restored, c.unreachable, c.invalid,
	       (SELECT pg_catalog.count(*) FROM missing_photos.suspect AS s
	         WHERE s.job_id = j.job_id) AS suspects,
	       j.error
	  FROM missing_photos.job AS j
	 CROSS JOIN LATERAL pg_catalog.jsonb_to_record(j.result)
	       AS c (photos bigint, files bigint, missing bigint, restored bigint, unreachable bigint,
	             invalid bigint)
	 WHERE j.owner IN (SELECT missing_photos.seen_owners());
COMMENT ON VIEW missing_photos.jobs IS 'scans and what came of them';
COMMENT ON COLUMN missing_photos.jobs.state IS
	'queued, running, finished, failed, held or cancelled';
COMMENT ON COLUMN missing_photos.jobs.done IS 'files judged (a deletion: photos), of total';
COMMENT ON COLUMN missing_photos.jobs.missing IS
	'files newly flagged; NULL, like the other counts, until the job has ended';
COMMENT ON COLUMN missing_photos.jobs.suspects IS 'files a held scan would flag';

-- sql/surface/relink.sql

-- Files that moved are found and linked again.

CREATE FUNCTION relink_missing(
	owner anycompatible, under text DEFAULT NULL, dry_run boolean DEFAULT false)
RETURNS missing_photos.relink_result
AS 'MODULE_PATHNAME', 'missing_photos_relink_missing'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION relink_missing IS
	'looks for an owner''s missing files in the owner''s folders, or below one, and gives their rows the paths where they are now; a dry run only tells, in missing_photos.candidates';

CREATE PROCEDURE relink_missing_photos(
	owner anycompatible, under text DEFAULT NULL, batch_size integer DEFAULT 5000,
	job_id uuid DEFAULT NULL)
AS 'MODULE_PATHNAME', 'missing_photos_relink_missing_photos'
LANGUAGE c;
COMMENT ON PROCEDURE relink_missing_photos IS
	'relink_missing with a commit after each batch, so that no transaction stays open while the disk is read';

CREATE FUNCTION missing_photos.choose_candidate(file anycompatible, path text)
RETURNS void
AS 'MODULE_PATHNAME', 'missing_photos_choose_candidate'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION missing_photos.choose_candidate IS
	'gives a missing file the path that missing_photos.candidates offers for it';

CREATE VIEW missing_photos.candidates WITH (security_barrier) AS
	SELECT c.owner, photo.id AS photo, c.file, c.old_path, c.path, c.reason, c.certain, c.found_at,
	       c.job_id
	  FROM missing_photos.candidate AS c
	 CROSS JOIN LATERAL (SELECT DISTINCT p.id FROM pg_catalog.unnest(c.photos) AS p (id)) AS photo
	 WHERE missing_photos.sees_pair(photo.id, c.file);
COMMENT ON VIEW missing_photos.candidates IS
	'files that may be the missing ones; choose_candidate(file, path) links one';
COMMENT ON COLUMN missing_photos.candidates.old_path IS 'where the file was';
COMMENT ON COLUMN missing_photos.candidates.path IS 'a file that may be it';
COMMENT ON COLUMN missing_photos.candidates.certain IS
	'a dry run found it; relink_missing would link it by itself';

-- sql/surface/deletion.sql

-- What a deletion would take, what it took, and the way back.

CREATE FUNCTION missing_photos.undo_delete(
	job_id uuid, OUT relation text, OUT outcome text, OUT rows bigint, OUT key jsonb)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'missing_photos_undo_delete'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 30;
COMMENT ON FUNCTION missing_photos.undo_delete IS
	'puts back what a deletion took, where nothing is in its way; first a row for each one that could not be put back, with the reason and its key, then per table how many were restored';

CREATE FUNCTION missing_photos.delete_preview(
	owner anycompatible, OUT relation text, OUT action text, OUT rows bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'missing_photos_delete_preview'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000 ROWS 30;
COMMENT ON FUNCTION missing_photos.delete_preview IS
	'what deleting an owner''s missing photos and files would do: per table, what happens to how many rows';

CREATE FUNCTION missing_photos.undo_retention()
RETURNS interval
AS 'MODULE_PATHNAME', 'missing_photos_undo_retention'
LANGUAGE c STABLE PARALLEL SAFE;
COMMENT ON FUNCTION missing_photos.undo_retention IS
	'for how long a deletion can be undone (setting missing_photos.undo_retention)';

CREATE FUNCTION missing_photos.purge_archive()
RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH due AS (
		DELETE FROM missing_photos.archive AS a
		 WHERE a.deleted_at + missing_photos.undo_retention() <= clock_timestamp()
		RETURNING a.job_id
	), rows AS (
		DELETE FROM missing_photos.archived_rows AS kept USING due WHERE kept.job_id = due.job_id
	), losses AS (
		DELETE FROM missing_photos.archived_loss AS kept USING due WHERE kept.archived_by = due.job_id
	)
	SELECT count(*) FROM due
$$;
COMMENT ON FUNCTION missing_photos.purge_archive IS
	'forgets deletions that are older than missing_photos.undo_retention, and returns how many; they can''t be undone any more';

CREATE VIEW missing_photos.archives WITH (security_barrier) AS
	SELECT a.job_id, a.owner, a.role, a.deleted_at, a.photos, a.files, a.rows,
	       COALESCE(kept.rows, 0) AS rows_kept,
	       COALESCE(kept.bytes, 0) AS bytes,
	       a.undone_at, a.deleted_at + missing_photos.undo_retention() AS purge_after
	  FROM missing_photos.archive AS a
	  LEFT JOIN LATERAL (SELECT pg_catalog.sum(r.row_count) AS rows,
	                            pg_catalog.sum(pg_catalog.pg_column_size(r.row_values)) AS bytes
	                       FROM missing_photos.archived_rows AS r
	                      WHERE r.job_id = a.job_id) AS kept ON true
	 WHERE a.owner IN (SELECT missing_photos.seen_owners());
COMMENT ON VIEW missing_photos.archives IS 'deletions that can be undone';
COMMENT ON COLUMN missing_photos.archives.rows IS 'rows that were deleted';
COMMENT ON COLUMN missing_photos.archives.rows_kept IS
	'rows in the archive: deleted, changed and added ones; after undo_delete, those that could not be put back';
COMMENT ON COLUMN missing_photos.archives.bytes IS 'what the archive takes on disk';
COMMENT ON COLUMN missing_photos.archives.purge_after IS
	'from when on missing_photos.purge_archive() forgets it';

-- sql/surface/derived.sql

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

-- sql/surface/jobs.sql

-- Jobs in the background: starting, watching, deciding, going on; and what became of them.

CREATE FUNCTION missing_photos.start_scan(
	owner anycompatible, force boolean DEFAULT false, job_id uuid DEFAULT NULL)
RETURNS uuid
AS 'MODULE_PATHNAME', 'missing_photos_start_scan'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.start_scan IS
	'queues scan_missing_photos for a background worker, which starts when this transaction commits; returns the job''s id';

CREATE FUNCTION missing_photos.start_relink(
	owner anycompatible, under text DEFAULT NULL, job_id uuid DEFAULT NULL)
RETURNS uuid
AS 'MODULE_PATHNAME', 'missing_photos_start_relink'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.start_relink IS
	'queues relink_missing_photos for a background worker; returns the job''s id';

CREATE FUNCTION missing_photos.start_delete(
	owner anycompatible, force boolean DEFAULT false, job_id uuid DEFAULT NULL)
RETURNS uuid
AS 'MODULE_PATHNAME', 'missing_photos_start_delete'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.start_delete IS
	'queues delete_missing_photos for a background worker; returns the job''s id';

CREATE FUNCTION missing_photos.approve_job(job_id uuid)
RETURNS missing_photos.scan_result
AS 'MODULE_PATHNAME', 'missing_photos_approve_job'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE COST 1000000;
COMMENT ON FUNCTION missing_photos.approve_job IS
	'flags what a held scan found, after looking for each file once more';

CREATE FUNCTION missing_photos.cancel_job(job_id uuid)
RETURNS void
AS 'MODULE_PATHNAME', 'missing_photos_cancel_job'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.cancel_job IS
	'cancels a queued or running job, and drops what a held one found; what was committed stays';

CREATE FUNCTION missing_photos.resume_job(job_id uuid)
RETURNS void
AS 'MODULE_PATHNAME', 'missing_photos_resume_job'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.resume_job IS
	'lets a job that failed or whose session ended go on in the background, from its last committed batch';

CREATE FUNCTION missing_photos.run_pending_jobs()
RETURNS integer
AS 'MODULE_PATHNAME', 'missing_photos_run_pending_jobs'
LANGUAGE c VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.run_pending_jobs IS
	'what a scheduler calls: jobs whose worker ended go on, queued ones get a worker, scans follow the application''s own (scan_after_import), and old rows go; returns how many jobs wait for a worker';

CREATE PROCEDURE missing_photos.scan_all(force boolean DEFAULT false, relink boolean DEFAULT NULL)
AS 'MODULE_PATHNAME', 'missing_photos_scan_all'
LANGUAGE c;
COMMENT ON PROCEDURE missing_photos.scan_all IS
	'scans every owner the caller may see, in up to missing_photos.max_workers background workers; relink as in scan_missing_photos; one owner''s failure doesn''t stop the others';

CREATE FUNCTION missing_photos.undo_scan(job_id uuid, OUT undone bigint, OUT conflicts bigint)
AS 'MODULE_PATHNAME', 'missing_photos_undo_scan'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.undo_scan IS
	'puts links and flags back that a scan, or a watch, took away, where the rows still say what it wrote';

CREATE FUNCTION missing_photos.undo_changes(
	owner anycompatible, since timestamptz, until timestamptz DEFAULT pg_catalog.now(),
	OUT undone bigint, OUT conflicts bigint)
AS 'MODULE_PATHNAME', 'missing_photos_undo_changes'
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION missing_photos.undo_changes IS
	'takes back what scans, relinks and watches changed of an owner''s files in some time: links, flags and paths, where the rows still say what was written then';

-- A role sees its own jobs: those asked for by a role it is a member of. A superuser sees all, also
-- those of roles that are gone.
CREATE FUNCTION missing_photos.seen_roles()
RETURNS SETOF name
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.rolname FROM pg_roles AS r WHERE pg_has_role(r.oid, 'USAGE')
$$;
COMMENT ON FUNCTION missing_photos.seen_roles IS 'the roles that the caller is a member of';

CREATE FUNCTION missing_photos.sees_all_roles()
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user $$;
COMMENT ON FUNCTION missing_photos.sees_all_roles IS 'whether the caller is a superuser';

CREATE FUNCTION missing_photos.job_bar(percent numeric)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT '[' || rpad(repeat('#', trunc(percent / 5)::integer), 20, '.') || '] '
	       || lpad(trunc(percent)::text, 3) || ' %'
$$;
COMMENT ON FUNCTION missing_photos.job_bar IS 'progress as a line of text';

CREATE VIEW missing_jobs WITH (security_barrier) AS
	SELECT w.job_id, w.kind, w.owner, w.state, w.queued_at, w.started_at, w.finished_at, w.done,
	       w.total, w.percent,
	       CASE WHEN w.seconds > 0 THEN pg_catalog.round(w.done / w.seconds, 1) END AS rate,
	       CASE WHEN w.state = 'running' AND w.done > 0
	            THEN pg_catalog.make_interval(
	                     secs => (w.seconds * (w.total - w.done) / w.done)::double precision)
	       END AS eta,
	       missing_photos.job_bar(w.percent) AS bar, w.result, w.error
	  FROM (SELECT j.job_id, j.kind, j.owner,
	               CASE WHEN j.state = 'running' AND NOT missing_photos.job_is_alive(j.job_id)
	                    THEN 'lost' ELSE j.state END AS state,
	               j.queued_at, j.started_at, j.finished_at, j.done, j.total,
	               CASE WHEN j.state = 'finished' THEN 100.0
	                    WHEN j.total > 0 THEN pg_catalog.round(100.0 * j.done / j.total, 1)
	                    ELSE 0.0 END AS percent,
	               EXTRACT(epoch FROM COALESCE(j.finished_at, pg_catalog.clock_timestamp())
	                                  - j.started_at) AS seconds,
	               j.result, j.error
	          FROM missing_photos.job AS j
	         WHERE j.role = ANY (ARRAY(SELECT missing_photos.seen_roles()))
	            OR (SELECT missing_photos.sees_all_roles())) AS w;
COMMENT ON VIEW missing_jobs IS 'the jobs of the roles one is a member of, and how far they are';
COMMENT ON COLUMN missing_jobs.state IS
	'queued, running, lost (its session ended before it did), held, finished, failed or cancelled';
COMMENT ON COLUMN missing_jobs.done IS 'files judged, and those then acted on in several batches (a deletion: photos), of total';
COMMENT ON COLUMN missing_jobs.rate IS 'per second';
COMMENT ON COLUMN missing_jobs.eta IS 'time left';
COMMENT ON COLUMN missing_jobs.result IS 'what was counted so far';
COMMENT ON COLUMN missing_jobs.error IS 'why it failed, is held, or waits';

CREATE VIEW missing_photos.history WITH (security_barrier) AS
	SELECT d.owner, d.day, d.photos, d.missing, d.unreachable, d.relinked, d.deleted, d.restored
	  FROM missing_photos.day_count AS d
	 WHERE d.owner IN (SELECT missing_photos.seen_owners());
COMMENT ON VIEW missing_photos.history IS 'what jobs found and did, per owner and day';
COMMENT ON COLUMN missing_photos.history.photos IS
	'photos of the owner at the day''s last finished scan; 0 without one';
COMMENT ON COLUMN missing_photos.history.missing IS 'files newly flagged on that day';
COMMENT ON COLUMN missing_photos.history.unreachable IS
	'files that the day''s last finished scan could not judge';
COMMENT ON COLUMN missing_photos.history.relinked IS 'files linked again at another path';
COMMENT ON COLUMN missing_photos.history.restored IS 'files that were back at their own path';
COMMENT ON COLUMN missing_photos.history.deleted IS 'photos deleted';

-- sql/surface/report.sql

-- missing_photos.report: one page of HTML that tells how a library stands. No script, nothing loaded
-- from elsewhere, light and dark by the reader's own setting. Each part is a function that reads the
-- views, so that a reader sees what he may see and no more.

CREATE FUNCTION missing_photos.html(content text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT replace(replace(replace(replace(replace(COALESCE(content, ''),
	       '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;')
$$;
COMMENT ON FUNCTION missing_photos.html IS 'a text as HTML shows it literally';

CREATE FUNCTION missing_photos.report_number(value numeric)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN value IS NULL THEN '–'
	            ELSE btrim(to_char(value, 'FM999G999G999G999G990')) END
$$;
COMMENT ON FUNCTION missing_photos.report_number IS 'a number as a report shows it';

CREATE FUNCTION missing_photos.report_time(value timestamptz)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT to_char(value, 'YYYY-MM-DD HH24:MI') $$;
COMMENT ON FUNCTION missing_photos.report_time IS 'a time as a report shows it';

CREATE FUNCTION missing_photos.report_style()
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $style$
:root { color-scheme: light dark; --page: #fafaf8; --card: #fff; --ink: #1d1d1b; --soft: #66655f;
  --line: #dddcd6; --bad: #b3261e; --good: #1b6e53; --warn: #8a5a00; --bar: #d9d8d2; }
@media (prefers-color-scheme: dark) { :root { --page: #161614; --card: #20201d; --ink: #eeede8;
  --soft: #a3a199; --line: #3a3933; --bad: #f2a199; --good: #7fd1b0; --warn: #e5b765;
  --bar: #3a3933; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p, caption { color: var(--soft); margin: .25rem 0 1rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
  margin: 1.25rem 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .75rem 1rem; }
.tile b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .85rem; }
.bad { color: var(--bad); } .good { color: var(--good); } .warn { color: var(--warn); }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .75rem; border-top: 1px solid var(--line);
  vertical-align: top; }
thead th { border-top: 0; color: var(--soft); font-weight: 500; font-size: .85rem; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.path { overflow-wrap: anywhere; font-family: ui-monospace, monospace; font-size: .85rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .missing { fill: var(--bad); } svg .back { fill: var(--good); }
svg .rule { stroke: var(--line); } svg .whole { fill: var(--bar); }
td svg { width: 8rem; height: .6rem; margin-top: .45rem; }
.key { display: inline-block; width: .7rem; height: .7rem; border-radius: .15rem;
  margin: 0 .35rem 0 1rem; }
.key.missing { background: var(--bad); } .key.back { background: var(--good); }
$style$
$$;
COMMENT ON FUNCTION missing_photos.report_style IS 'the report''s style sheet';

CREATE FUNCTION missing_photos.report_table(title text, note text, head text, body text, empty text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT '<section><h2>' || title || '</h2>' || COALESCE('<p>' || note || '</p>', '')
	       || CASE WHEN body IS NULL THEN '<p>' || empty || '</p>'
	               ELSE '<div class="wide"><table><thead><tr>' || head || '</tr></thead><tbody>'
	                    || body || '</tbody></table></div>' END
	       || E'</section>\n'
$$;
COMMENT ON FUNCTION missing_photos.report_table IS
	'a section with a table; everything given is HTML already';

CREATE FUNCTION missing_photos.report_tiles(owner text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	stats jsonb := missing_photos.stats_of(owner);
BEGIN
	RETURN '<div class="tiles">' || (
		SELECT string_agg('<div class="tile"><b class="' || CASE WHEN tile.number > 0 THEN tile.mood
		                  ELSE 'good' END || '">' || missing_photos.report_number(tile.number)
		                  || '</b><span>' || tile.name || '</span></div>', '' ORDER BY tile.place)
		  FROM (VALUES (1, (stats ->> 'num_photos')::numeric, '', 'photos'),
		               (2, (stats ->> 'num_missing_photos')::numeric, 'bad', 'missing photos'),
		               (3, (stats ->> 'num_missing_files')::numeric, 'bad', 'missing files'),
		               (4, (stats ->> 'num_unreachable_files')::numeric, 'warn', 'files out of reach')
		       ) AS tile (place, number, mood, name))
		|| '</div><p>Last scan: '
		|| COALESCE(missing_photos.report_time((stats ->> 'last_scan_at')::timestamptz), 'never')
		|| E'</p>\n';
END
$$;
COMMENT ON FUNCTION missing_photos.report_tiles IS 'the report''s totals';

-- Days without a job have no bars; the scale is that of the tallest bar.
CREATE FUNCTION missing_photos.report_chart(owner text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	days CONSTANT integer := 90;
	top numeric;
	bars text;
BEGIN
	SELECT max(greatest(h.missing, h.back)),
	       string_agg(format('<g><title>%s: %s missing, %s back or linked again</title>'
	           '<rect class="missing" x="%s" y="%s" width="3" height="%s"/>'
	           '<rect class="back" x="%s" y="%s" width="3" height="%s"/></g>',
	           h.day, missing_photos.report_number(h.missing), missing_photos.report_number(h.back),
	           h.x, 140 - h.missing_height, h.missing_height,
	           h.x + 3, 140 - h.back_height, h.back_height), '' ORDER BY h.day)
	  INTO top, bars
	  FROM (SELECT d.day, d.missing, d.back, 48 + 7.4 * (d.day - (current_date - days + 1)) AS x,
	               round(120.0 * d.missing / greatest(d.top, 1), 1) AS missing_height,
	               round(120.0 * d.back / greatest(d.top, 1), 1) AS back_height
	          FROM (SELECT s.day, s.missing, s.relinked + s.restored AS back,
	                       max(greatest(s.missing, s.relinked + s.restored)) OVER () AS top
	                  FROM missing_photos.history AS s
	                 WHERE s.owner = report_chart.owner AND s.day > current_date - days) AS d) AS h;
	IF bars IS NULL THEN
		RETURN '<section><h2>The last ' || days || E' days</h2><p>No job has run.</p></section>\n';
	END IF;
	RETURN '<section><h2>The last ' || days || ' days</h2><p>Files found missing and files that came '
		'back or were linked again, by day.<span class="key missing"></span>missing'
		'<span class="key back"></span>back</p><div class="wide">'
		'<svg viewBox="0 0 730 165" role="img" aria-label="Files found missing and back, by day">'
		'<line class="rule" x1="44" x2="724" y1="20" y2="20"/>'
		'<line class="rule" x1="44" x2="724" y1="140" y2="140"/>'
		'<text x="38" y="24" text-anchor="end">' || missing_photos.report_number(top)
		|| '</text><text x="38" y="144" text-anchor="end">0</text><text x="48" y="158">'
		|| (current_date - days + 1) || '</text><text x="720" y="158" text-anchor="end">'
		|| current_date || '</text>' || bars || E'</svg></div></section>\n';
END
$$;
COMMENT ON FUNCTION missing_photos.report_chart IS 'the report''s history';

CREATE FUNCTION missing_photos.report_folders(owner text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	most CONSTANT integer := 20;
	body text;
	folders bigint;
BEGIN
	WITH lost AS MATERIALIZED (
		SELECT missing_photos.folder_of(f.path) AS folder, count(DISTINCT f.file) AS files
		  FROM missing_photos.flagged_files() AS f
		 WHERE f.owner = report_folders.owner AND f.path IS NOT NULL
		 GROUP BY 1
	), here AS (
		SELECT missing_photos.folder_of(f.path) AS folder, count(DISTINCT f.file) AS files
		  FROM missing_photos.library_files(report_folders.owner) AS f
		 WHERE NOT f.flagged AND EXISTS (SELECT FROM lost)
		   AND missing_photos.folder_of(f.path) IN (SELECT l.folder FROM lost AS l)
		 GROUP BY 1
	), share AS (
		SELECT l.folder, l.files, l.files + COALESCE(h.files, 0) AS of_files
		  FROM lost AS l LEFT JOIN here AS h USING (folder)
	)
	SELECT (SELECT count(*) FROM share),
	       string_agg('<tr><td class="path">' || missing_photos.html(s.folder) || '</td><td>'
	           || '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
	           || '<rect class="whole" width="100" height="8"/><rect class="missing" height="8" width="'
	           || round(100.0 * s.files / s.of_files, 1) || '"/></svg></td><td class="n">'
	           || missing_photos.report_number(s.files) || ' of '
	           || missing_photos.report_number(s.of_files) || '</td></tr>', ''
	           ORDER BY s.files::numeric / s.of_files DESC, s.files DESC, s.folder)
	  INTO folders, body
	  FROM (SELECT * FROM share
	         ORDER BY files::numeric / of_files DESC, files DESC, folder LIMIT most) AS s;
	RETURN missing_photos.report_table('Folders with missing files',
		CASE WHEN folders > most THEN 'The ' || most || ' of '
		     || missing_photos.report_number(folders) || ' that miss the largest share.' END,
		'<th>Folder</th><th>Share missing</th><th class="n">Files</th>', body, 'None.');
END
$$;
COMMENT ON FUNCTION missing_photos.report_folders IS
	'the report''s folders, those that miss the largest share of their files first';

CREATE FUNCTION missing_photos.report_roots()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.report_table('Roots', NULL,
		'<th>Root</th><th>State</th><th class="n">Files</th><th>Last healthy</th>',
		string_agg('<tr><td class="path">' || missing_photos.html(r.app_path)
			|| CASE WHEN r.server_path <> r.app_path
			        THEN '<br>' || missing_photos.html(r.server_path) ELSE '' END
			|| '</td><td class="' || CASE r.state WHEN 'present' THEN 'good' ELSE 'warn' END || '">'
			|| CASE r.state WHEN 'present' THEN 'healthy' ELSE missing_photos.html(
			        'out of reach since ' || missing_photos.report_time(r.state_since)
			        || COALESCE(': ' || r.reason, '')) END
			|| '</td><td class="n">' || missing_photos.report_number(r.files) || '</td><td>'
			|| COALESCE(missing_photos.report_time(r.last_healthy), '') || '</td></tr>', '' ORDER BY r.app_path),
		'No root is registered (missing_photos.add_root).')
	  FROM missing_photos.roots AS r
$$;
COMMENT ON FUNCTION missing_photos.report_roots IS 'the report''s roots and their health';

CREATE FUNCTION missing_photos.report_deletion(owner text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.report_table('What deleting the missing photos would take',
		'As the database stands; each file is looked for once more before anything goes, and '
		'undo_delete puts it back.',
		'<th>Table</th><th>What happens</th><th class="n">Rows</th>',
		string_agg('<tr><td class="path">' || missing_photos.html(d.relation) || '</td><td>'
			|| missing_photos.html(d.action) || '</td><td class="n">'
			|| missing_photos.report_number(d.rows) || '</td></tr>', ''
			ORDER BY d.rows DESC, d.relation), 'Nothing.')
	  FROM missing_photos.delete_preview(owner) AS d
	 WHERE d.rows > 0
$$;
COMMENT ON FUNCTION missing_photos.report_deletion IS 'the report''s preview of a deletion';

CREATE FUNCTION missing_photos.report_jobs(owner text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.report_table('Jobs', 'Running ones first, then the last ten.',
		'<th>Job</th><th>State</th><th>Progress</th><th>Begun</th><th>Ended</th>',
		string_agg('<tr><td>' || missing_photos.html(j.kind) || '</td><td class="'
			|| CASE WHEN j.state IN ('failed', 'held', 'cancelled', 'lost') THEN 'warn' ELSE 'good' END
			|| '">' || missing_photos.html(j.state || COALESCE(': ' || j.error, '')) || '</td><td>'
			|| '<svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="'
			|| j.percent || ' %"><rect class="whole" width="100" height="8"/>'
			|| '<rect class="back" height="8" width="' || j.percent || '"/></svg></td><td>'
			|| COALESCE(missing_photos.report_time(j.started_at), '') || '</td><td>'
			|| COALESCE(missing_photos.report_time(j.finished_at), '') || '</td></tr>', ''
			ORDER BY j.open DESC, j.queued_at DESC), 'None yet.')
	  FROM (SELECT job.*, job.state IN ('queued', 'running') AS open
	          FROM @extschema@.missing_jobs AS job
	         WHERE job.owner = report_jobs.owner
	         ORDER BY open DESC, job.queued_at DESC LIMIT 10) AS j
$$;
COMMENT ON FUNCTION missing_photos.report_jobs IS 'the report''s jobs';

CREATE FUNCTION missing_photos.report_files(owner text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.report_table('Missing files',
		CASE WHEN max(f.files) > 100 THEN 'The first 100 of ' || missing_photos.report_number(max(f.files))
		     || '; view missing_files has them all.' END,
		'<th>File</th><th>Why</th><th>Since</th>',
		string_agg('<tr><td class="path">' || missing_photos.html(COALESCE(f.path, '(no path)'))
			|| '</td><td>' || missing_photos.html(f.reason) || '</td><td>'
			|| COALESCE(missing_photos.report_time(f.since), '')
			|| '</td></tr>', '' ORDER BY f.path), 'None.')
	  FROM (SELECT m.path, m.reason, m.since, count(*) OVER () AS files
	          FROM @extschema@.missing_files AS m
	         WHERE m.owner = report_files.owner AND m.state = 'missing'
	         ORDER BY m.path LIMIT 100) AS f
$$;
COMMENT ON FUNCTION missing_photos.report_files IS 'the report''s first missing files';

CREATE FUNCTION missing_photos.report_of(owner text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM missing_photos.check_library();
	IF owner IS NULL THEN
		RAISE EXCEPTION 'owner must not be null' USING ERRCODE = 'null_value_not_allowed',
			HINT = 'Give the id as the library holds it.';
	END IF;
	PERFORM FROM missing_photos.library_owners() AS o WHERE o.owner = report_of.owner;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'owner "%" does not exist', owner USING ERRCODE = 'no_data_found',
			HINT = 'Give an owner''s id as the library holds it.';
	END IF;
	RETURN E'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
		'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
		-- Should anything ever get past the escaping, the page still runs and loads nothing.
		'<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; '
		'style-src &#39;unsafe-inline&#39;">'
		|| E'\n<title>Missing photos of owner ' || missing_photos.html(owner)
		|| E'</title>\n<style>' || missing_photos.report_style() || E'</style></head>\n<body><main>\n'
		|| '<h1>Missing photos</h1><p>Owner ' || missing_photos.html(owner) || ', '
		|| missing_photos.report_time(now()) || E'</p>\n'
		|| missing_photos.report_tiles(owner)
		|| missing_photos.report_chart(owner)
		|| missing_photos.report_folders(owner)
		|| missing_photos.report_roots()
		|| missing_photos.report_deletion(owner)
		|| missing_photos.report_jobs(owner)
		|| missing_photos.report_files(owner)
		|| E'</main></body></html>\n';
END
$$;
COMMENT ON FUNCTION missing_photos.report_of IS 'the report of an owner given as text';

CREATE FUNCTION missing_photos.report(owner anycompatible)
RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT missing_photos.report_of($1::pg_catalog.text) $$;
COMMENT ON FUNCTION missing_photos.report IS
	'one self-contained HTML page about an owner''s library: totals, history, folders, roots, jobs';

-- sql/surface/watch.sql

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

-- sql/surface/privileges.sql

-- Who may do what. Nothing is PUBLIC's; an administrator (superuser or pg_read_server_files) sets
-- up, and an application gets the verbs and views by grant_application.

CREATE FUNCTION missing_photos.grant_application(role regrole)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	object record;
BEGIN
	EXECUTE format('GRANT USAGE ON SCHEMA missing_photos TO %s', role);
	FOR object IN
		SELECT kind, name FROM missing_photos.application_object
	LOOP
		EXECUTE format('GRANT %s ON %s %s TO %s',
			CASE object.kind WHEN 'TABLE' THEN 'SELECT' ELSE 'EXECUTE' END,
			object.kind, object.name, role);
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.grant_application IS
	'lets an application''s role call the verbs and read the views; what it may do to the library''s own tables stays as it is';

-- Everything an application may use: what the extension put outside schema missing_photos, the
-- contract that attach_library generated, and what those call.
CREATE VIEW missing_photos.application_object AS
	SELECT CASE proc.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS kind,
	       proc.oid::regprocedure::text AS name
	  FROM pg_catalog.pg_proc AS proc
	  JOIN pg_catalog.pg_namespace AS space ON space.oid = proc.pronamespace
	  JOIN pg_catalog.pg_depend AS member
	    ON member.classid = 'pg_catalog.pg_proc'::regclass AND member.objid = proc.oid
	   AND member.refclassid = 'pg_catalog.pg_extension'::regclass
	   AND member.deptype IN ('e', 'x')
	  JOIN pg_catalog.pg_extension AS extension
	    ON extension.oid = member.refobjid AND extension.extname = 'missing_photos'
	 WHERE space.nspname <> 'missing_photos'
	    OR proc.proname LIKE 'library\_%'
	    OR proc.proname ^@ 'report'
	    OR proc.proname IN ('html', 'folder_of', 'check_library', 'paths_of', 'media_is_gone', 'media_error_of',
	                        'counts', 'flagged_files', 'sees_pair', 'seen_owners', 'files_below',
	                        'lost_hashes', 'is_lost', 'loser_of',
	                        'stats_of', 'approve_job', 'cancel_job', 'resume_job',
	                        'choose_candidate',
	                        'start_scan', 'start_relink', 'start_delete', 'run_pending_jobs',
	                        'scan_all', 'undo_scan', 'undo_changes',
	                        'job_is_alive', 'seen_roles', 'sees_all_roles', 'job_bar', 'sha1',
	                        'sibling_paths', 'kinds_of_names', 'remap_paths', 'undo_delete',
	                        'delete_preview', 'undo_retention', 'merge_reimported', 'undo_moves',
	                        'start_watching', 'stop_watching', 'watcher_is_alive')
	UNION ALL
	SELECT 'TABLE', class.oid::regclass::text
	  FROM pg_catalog.pg_class AS class
	  JOIN pg_catalog.pg_depend AS member
	    ON member.classid = 'pg_catalog.pg_class'::regclass AND member.objid = class.oid
	   AND member.refclassid = 'pg_catalog.pg_extension'::regclass AND member.deptype = 'e'
	  JOIN pg_catalog.pg_extension AS extension
	    ON extension.oid = member.refobjid AND extension.extname = 'missing_photos'
	 WHERE class.relkind = 'v' AND class.relname <> 'application_object';
COMMENT ON VIEW missing_photos.application_object IS
	'what grant_application grants';

DO $$
DECLARE
	object record;
BEGIN
	FOR object IN
		SELECT CASE proc.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS kind,
		       proc.oid::pg_catalog.regprocedure::pg_catalog.text AS name
		  FROM pg_catalog.pg_proc AS proc
		  JOIN pg_catalog.pg_depend AS member
		    ON member.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
		   AND member.objid = proc.oid AND member.deptype = 'e'
		  JOIN pg_catalog.pg_extension AS extension
		    ON extension.oid = member.refobjid AND extension.extname = 'missing_photos'
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM PUBLIC', object.kind, object.name);
	END LOOP;
END
$$;

GRANT USAGE ON SCHEMA missing_photos TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.attach_library(text, text) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.detach_library() TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.add_root(text, text, text) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.accept_root(text) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.drop_root(text) TO pg_read_server_files;
GRANT SELECT ON missing_photos.roots TO pg_read_server_files;
GRANT USAGE ON SCHEMA missing_photos TO pg_write_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.add_derived_root(text, text, text) TO pg_write_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.remove_derived_root(text) TO pg_write_server_files;
GRANT EXECUTE ON PROCEDURE missing_photos.drain_deletions(integer) TO pg_write_server_files;
GRANT SELECT ON missing_photos.derived_roots, missing_photos.deletions TO pg_write_server_files;
