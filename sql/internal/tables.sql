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
