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
