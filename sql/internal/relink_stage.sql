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
