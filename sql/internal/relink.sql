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
	PRIMARY KEY (owner, file, path)
);
COMMENT ON TABLE missing_photos.candidate IS
	'files that may be the missing ones, for a person to choose from';

SELECT pg_catalog.pg_extension_config_dump('missing_photos.file_digest', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.read_digest', '');
SELECT pg_catalog.pg_extension_config_dump('missing_photos.candidate', '');

-- The following belong to runs under way. They aren't logged: after a crash of the server they are
-- empty, and the next run begins anew. They are filled a moment before they are read, so the planner
-- may take them for empty and loop over two of them; functions that join them forbid that, and every
-- join is a hash or a merge: linear. Where a few rows of many are wanted, OFFSET 0 has each looked up by
-- its key. (What is forbidden costs so much on paper that the planner would
-- think of compiling.) Rows are changed a few times, on the page where they are.

CREATE UNLOGGED TABLE missing_photos.relink_row (
	job_id    uuid    NOT NULL,
	file      text    NOT NULL,
	photos    text[]  NOT NULL,
	path      text,
	folder    text,
	name      text,
	extension text,
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
	ambiguous boolean NOT NULL DEFAULT false,
	place     integer,
	reason    text,
	done      boolean NOT NULL DEFAULT false,
	PRIMARY KEY (job_id, file)
) WITH (fillfactor = 40);
CREATE INDEX relink_row_to_do ON missing_photos.relink_row (job_id, place)
 WHERE place IS NOT NULL AND NOT done;
COMMENT ON TABLE missing_photos.relink_row IS 'files of the library that aren''t at their paths';
COMMENT ON COLUMN missing_photos.relink_row.displaced IS
	'another file lies at its path, or may do; replaced: it surely is another one';
COMMENT ON COLUMN missing_photos.relink_row.place IS 'number of the file on disk that it is';

CREATE UNLOGGED TABLE missing_photos.relink_file (
	job_id    uuid    NOT NULL,
	number    integer NOT NULL,
	path      text    NOT NULL,
	folder    text,
	name      text,
	extension text,
	fsid      bigint  NOT NULL,
	inode     bigint  NOT NULL,
	size      bigint  NOT NULL,
	mtime_ns  bigint  NOT NULL,
	ctime_ns  bigint  NOT NULL,
	linked    boolean NOT NULL,
	occupied  boolean NOT NULL,
	open      boolean NOT NULL DEFAULT true,
	taken     boolean NOT NULL DEFAULT false,
	batch     integer,
	algorithm text,
	digest    text,
	ends      text,
	ruled_out boolean NOT NULL DEFAULT false,
	PRIMARY KEY (job_id, number)
) WITH (fillfactor = 40);
COMMENT ON TABLE missing_photos.relink_file IS 'files on disk that may be one of those';
COMMENT ON COLUMN missing_photos.relink_file.number IS 'negative when it is occupied';
COMMENT ON COLUMN missing_photos.relink_file.occupied IS
	'its path is that of a displaced row; open: it may be another row''s for its content';

CREATE UNLOGGED TABLE missing_photos.relink_folder (
	job_id     uuid   NOT NULL,
	old_folder text   NOT NULL,
	new_folder text   NOT NULL,
	PRIMARY KEY (job_id, old_folder)
);
COMMENT ON TABLE missing_photos.relink_folder IS 'folders that probably moved';

CREATE UNLOGGED TABLE missing_photos.relink_pair (
	job_id uuid    NOT NULL,
	file   text    NOT NULL,
	number integer NOT NULL
);
COMMENT ON TABLE missing_photos.relink_pair IS 'rows and files that fit by the rule in hand';

CREATE UNLOGGED TABLE missing_photos.relink_doubt (
	job_id uuid    NOT NULL,
	file   text    NOT NULL,
	number integer NOT NULL,
	reason text    NOT NULL
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

CREATE FUNCTION missing_photos.relink_clear(job_id uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Also what runs left behind that didn't come to their end.
	WITH over AS (
		SELECT relink_clear.job_id AS id
		UNION
		SELECT DISTINCT staged.job_id FROM missing_photos.relink_file AS staged
		 WHERE NOT EXISTS (SELECT FROM missing_photos.job AS j
		                    WHERE j.job_id = staged.job_id AND j.state = 'running')
		UNION
		SELECT DISTINCT staged.job_id FROM missing_photos.relink_row AS staged
		 WHERE NOT EXISTS (SELECT FROM missing_photos.job AS j
		                    WHERE j.job_id = staged.job_id AND j.state = 'running')
	), of_rows AS (
		DELETE FROM missing_photos.relink_row AS old USING over WHERE old.job_id = over.id
	), of_files AS (
		DELETE FROM missing_photos.relink_file AS old USING over WHERE old.job_id = over.id
	), of_folders AS (
		DELETE FROM missing_photos.relink_folder AS old USING over WHERE old.job_id = over.id
	), of_pairs AS (
		DELETE FROM missing_photos.relink_pair AS old USING over WHERE old.job_id = over.id
	)
	DELETE FROM missing_photos.relink_doubt AS old USING over WHERE old.job_id = over.id
$$;
COMMENT ON FUNCTION missing_photos.relink_clear IS 'empties what a run set aside';

CREATE FUNCTION missing_photos.relink_add_rows(
	job_id uuid, displaced boolean, photos text[], files text[], paths text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.relink_row AS known
		(job_id, displaced, file, photos, path, folder, name, extension, fsid, inode, size, mtime_ns,
		 algorithm, digest, ends)
	SELECT relink_add_rows.job_id, relink_add_rows.displaced, gone.file, gone.photos, gone.path,
	       missing_photos.folder_of(gone.path), missing_photos.name_of(gone.path),
	       missing_photos.extension_of(gone.path), seen.fsid, seen.inode, seen.size, seen.mtime_ns,
	       content.algorithm, content.digest, content.ends
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
	job_id uuid, files text[], algorithms text[], digests text[], sizes bigint[])
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
$$;
COMMENT ON FUNCTION missing_photos.relink_add_content IS
	'adds what the library knows of the contents of files';

CREATE FUNCTION missing_photos.relink_add_files(
	job_id uuid, numbers integer[], paths text[], fsids bigint[], inodes bigint[], sizes bigint[],
	mtimes bigint[], ctimes bigint[], linked boolean[], occupied boolean[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.relink_file
		(job_id, number, path, folder, name, extension, fsid, inode, size, mtime_ns, ctime_ns,
		 linked, occupied)
	SELECT relink_add_files.job_id, f.number, f.path, missing_photos.folder_of(f.path),
	       missing_photos.name_of(f.path), missing_photos.extension_of(f.path), f.fsid, f.inode,
	       f.size, f.mtime_ns, f.ctime_ns, f.linked, f.occupied
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

CREATE FUNCTION missing_photos.relink_note_moved(job_id uuid, owner text, files text[], paths text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO missing_photos.file_digest AS known (file, size, mtime_ns, algorithm, digest, ends)
	SELECT r.file, f.size, f.mtime_ns, f.algorithm, f.digest, f.ends
	  FROM (SELECT DISTINCT w.file FROM unnest(relink_note_moved.files) AS w (file)) AS moved
	 CROSS JOIN LATERAL (SELECT k.* FROM missing_photos.relink_row AS k
	                      WHERE k.job_id = relink_note_moved.job_id AND k.file = moved.file
	                     OFFSET 0) AS r
	 CROSS JOIN LATERAL (SELECT g.* FROM missing_photos.relink_file AS g
	                      WHERE g.job_id = relink_note_moved.job_id AND g.number = r.place
	                     OFFSET 0) AS f
	 WHERE f.digest IS NOT NULL
	 ORDER BY r.file
	ON CONFLICT (file) DO UPDATE
	   SET size = excluded.size, mtime_ns = excluded.mtime_ns, algorithm = excluded.algorithm,
	       digest = excluded.digest, ends = excluded.ends, noted_at = excluded.noted_at;
	SELECT missing_photos.forget_candidates(owner, files, paths);
	UPDATE missing_photos.relink_row AS r SET done = true
	 WHERE r.ctid = ANY (ARRAY(
	           SELECT k.ctid
	             FROM unnest(files) AS w (file)
	            CROSS JOIN LATERAL (SELECT g.ctid FROM missing_photos.relink_row AS g
	                                 WHERE g.job_id = relink_note_moved.job_id AND g.file = w.file
	                                OFFSET 0) AS k))
$$;
COMMENT ON FUNCTION missing_photos.relink_note_moved IS 'keeps what was learnt of files that were moved';

CREATE FUNCTION missing_photos.relink_put_off(job_id uuid, files text[], claimed text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	INSERT INTO missing_photos.relink_doubt (job_id, file, number, reason)
	SELECT r.job_id, r.file, r.place, 'it is the file, but another row has its path'
	  FROM missing_photos.relink_row AS r
	  JOIN missing_photos.relink_file AS f ON f.job_id = r.job_id AND f.number = r.place
	 WHERE r.job_id = relink_put_off.job_id AND NOT r.done
	   AND r.file = ANY (SELECT unnest(files)) AND f.path = ANY (SELECT unnest(claimed));
	UPDATE missing_photos.relink_row AS r SET done = true, place = NULL, ambiguous = true
	 WHERE r.job_id = relink_put_off.job_id AND NOT r.done AND r.file = ANY (SELECT unnest(files))
$$;
COMMENT ON FUNCTION missing_photos.relink_put_off IS
	'leaves files that could not be moved for a later run, or for a person where a row has the path';

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
		    ON f.job_id = relink_learn.job_id AND f.path = r.path AND f.occupied AND NOT f.taken
		 WHERE r.job_id = relink_learn.job_id AND r.displaced AND r.place IS NULL AND NOT r.ambiguous
		   AND NOT EXISTS (SELECT FROM missing_photos.loss AS lost
		                    WHERE lost.owner = relink_learn.owner AND lost.file = r.file)
	)
	SELECT missing_photos.note_identities(
	           array_agg(w.file), array_agg(w.fsid), array_agg(w.inode), array_agg(w.size),
	           array_agg(w.mtime_ns), array_agg(w.ctime_ns))
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
	SELECT DISTINCT ON (r.file, f.path)
	       relink_keep_candidates.owner, r.file, f.path, r.photos, r.path, fits.reason, fits.certain,
	       relink_keep_candidates.job_id
	  FROM (SELECT d.file, d.number, d.reason, false AS certain
	          FROM missing_photos.relink_doubt AS d
	         WHERE d.job_id = relink_keep_candidates.job_id
	        UNION ALL
	        SELECT p.file, p.place, p.reason, true
	          FROM missing_photos.relink_row AS p
	         WHERE p.job_id = relink_keep_candidates.job_id AND p.place IS NOT NULL AND dry_run
	       ) AS fits
	  JOIN missing_photos.relink_row AS r
	    ON r.job_id = relink_keep_candidates.job_id AND r.file = fits.file
	   AND (r.place IS NULL OR fits.certain)
	  JOIN missing_photos.relink_file AS f
	    ON f.job_id = relink_keep_candidates.job_id AND f.number = fits.number
	 ORDER BY r.file, f.path, fits.certain DESC;
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
