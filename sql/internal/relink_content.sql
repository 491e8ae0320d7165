-- Finding rows' files by their content: what is to be read, in which order, and what it proves. Called by
-- the C code as the extension's owner; nobody else may. Without nested loops; relink.sql
-- tells why.

CREATE FUNCTION missing_photos.relink_plan_content(
	job_id uuid, most_files bigint, most_bytes bigint, OUT batches integer, OUT files bigint)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- All files of one size are read in one batch: whether a content is there once or twice is known
	-- at its end. The first sizes come first, so that work done is done for good.
	WITH of_size AS (
		SELECT f.size, count(*) AS n
		  FROM missing_photos.relink_file AS f
		 WHERE f.job_id = relink_plan_content.job_id AND NOT f.taken AND f.open
		   AND EXISTS (SELECT FROM missing_photos.relink_row AS r
		                WHERE r.job_id = relink_plan_content.job_id AND r.size = f.size
		                  AND r.place IS NULL AND NOT r.ambiguous AND r.digest IS NOT NULL
		                  AND (NOT r.displaced OR r.replaced))
		 GROUP BY f.size
	), before AS (
		SELECT size, sum(n) OVER by_size - n AS files, sum(n * size) OVER by_size - n * size AS bytes
		  FROM of_size
		WINDOW by_size AS (ORDER BY size)
	), batched AS (
		SELECT size, dense_rank() OVER (ORDER BY floor(files / most_files) + floor(bytes / most_bytes))::integer
		             AS batch
		  FROM before
	)
	UPDATE missing_photos.relink_file AS f SET batch = batched.batch
	  FROM batched
	 WHERE f.job_id = relink_plan_content.job_id AND f.size = batched.size AND NOT f.taken AND f.open;
	SELECT COALESCE(max(f.batch), 0), count(*) FILTER (WHERE f.batch > 0)
	  FROM missing_photos.relink_file AS f
	 WHERE f.job_id = relink_plan_content.job_id
$$;
COMMENT ON FUNCTION missing_photos.relink_plan_content IS
	'deals the files out that have to be read, by size';

CREATE FUNCTION missing_photos.relink_plan_unsized(
	job_id uuid, after integer, most_files bigint, OUT batches integer, OUT files bigint)
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- Of files that were never seen healthy not even the size is known: all of their kind are read.
	UPDATE missing_photos.relink_file AS f
	   SET batch = relink_plan_unsized.after + 1 + k.ordinal / most_files
	  FROM (SELECT u.number, row_number() OVER (ORDER BY u.number) - 1 AS ordinal
	          FROM missing_photos.relink_file AS u
	         WHERE u.job_id = relink_plan_unsized.job_id AND NOT u.taken AND u.open
	           AND EXISTS (SELECT FROM missing_photos.relink_row AS r
	                        WHERE r.job_id = relink_plan_unsized.job_id AND r.size IS NULL
	                          AND r.extension = u.extension AND r.place IS NULL
	                          AND r.digest IS NOT NULL AND NOT r.displaced)) AS k
	 WHERE f.job_id = relink_plan_unsized.job_id AND f.number = k.number;
	SELECT COALESCE(max(f.batch), 0), count(*) FILTER (WHERE f.batch > after)
	  FROM missing_photos.relink_file AS f
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
SET enable_nestloop = off
SET jit = off
AS $$
	-- Where the ends of all rows in question are known, a file's ends are read first.
	SELECT f.number, f.path, COALESCE(w.algorithm, u.algorithm),
	       COALESCE(w.ends_known, false) AND u.algorithm IS NULL AND f.ends IS NULL,
	       f.inode, f.size, f.mtime_ns
	  FROM missing_photos.relink_file AS f
	  LEFT JOIN (SELECT r.size, min(r.algorithm) AS algorithm, bool_and(r.ends IS NOT NULL) AS ends_known
	               FROM missing_photos.relink_row AS r
	              WHERE r.job_id = relink_to_read.job_id AND r.place IS NULL AND NOT r.ambiguous
	                AND r.digest IS NOT NULL AND r.size IS NOT NULL
	              GROUP BY r.size) AS w ON w.size = f.size
	  LEFT JOIN (SELECT r.extension, min(r.algorithm) AS algorithm
	               FROM missing_photos.relink_row AS r
	              WHERE r.job_id = relink_to_read.job_id AND r.place IS NULL AND r.digest IS NOT NULL
	                AND r.size IS NULL
	              GROUP BY r.extension) AS u ON u.extension = f.extension
	 WHERE f.job_id = relink_to_read.job_id AND f.batch = relink_to_read.batch
	   AND NOT f.taken AND NOT f.ruled_out
	   AND COALESCE(w.algorithm, u.algorithm) IS NOT NULL
	   AND (f.digest IS NULL OR f.algorithm <> COALESCE(w.algorithm, u.algorithm))
	 ORDER BY f.path
$$;
COMMENT ON FUNCTION missing_photos.relink_to_read IS
	'files of a batch whose content, or ends, have to be read';

CREATE FUNCTION missing_photos.relink_note_digests(
	job_id uuid, numbers integer[], algorithms text[], digests text[], ends text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET jit = off
AS $$
	-- Neither: the file couldn't be read, or isn't what it was when it was found.
	UPDATE missing_photos.relink_file AS f
	   SET algorithm = seen.algorithm, digest = seen.digest, ends = COALESCE(seen.ends, f.ends),
	       ruled_out = seen.digest IS NULL
	                   AND (seen.ends IS NULL OR NOT EXISTS (
	                            SELECT FROM missing_photos.relink_row AS r
	                             WHERE r.job_id = relink_note_digests.job_id AND r.size = f.size
	                               AND r.ends = seen.ends AND r.algorithm = seen.algorithm))
	  FROM unnest(numbers, algorithms, digests, relink_note_digests.ends)
	    AS seen (number, algorithm, digest, ends)
	 WHERE f.job_id = relink_note_digests.job_id AND f.number = seen.number;
	INSERT INTO missing_photos.read_digest AS known
		(path, inode, size, mtime_ns, algorithm, digest, ends)
	SELECT f.path, f.inode, f.size, f.mtime_ns, f.algorithm, f.digest, f.ends
	  FROM missing_photos.relink_file AS f
	 WHERE f.job_id = relink_note_digests.job_id AND f.number = ANY (SELECT unnest(numbers))
	   AND COALESCE(f.digest, f.ends) IS NOT NULL
	 ORDER BY f.path
	ON CONFLICT (path) DO UPDATE
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
	INSERT INTO missing_photos.relink_pair (job_id, file, number)
	SELECT r.job_id, r.file, f.number
	  FROM missing_photos.relink_file AS f
	  JOIN missing_photos.relink_row AS r
	    ON r.size = f.size AND r.digest = f.digest AND r.algorithm = f.algorithm
	 WHERE f.job_id = relink_by_content.job_id AND f.batch = relink_by_content.batch
	   AND NOT f.taken AND f.open
	   AND r.job_id = relink_by_content.job_id AND r.place IS NULL AND NOT r.ambiguous
	   AND (NOT r.displaced OR r.replaced);
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
	INSERT INTO missing_photos.relink_pair (job_id, file, number)
	SELECT r.job_id, r.file, f.number
	  FROM missing_photos.relink_file AS f
	  JOIN missing_photos.relink_row AS r ON r.digest = f.digest AND r.algorithm = f.algorithm
	 WHERE f.job_id = relink_by_content_alone.job_id AND NOT f.taken AND f.open
	   AND r.job_id = relink_by_content_alone.job_id AND r.place IS NULL AND NOT r.ambiguous
	   AND r.size IS NULL AND NOT r.displaced;
	SELECT missing_photos.relink_decide(job_id, 'same content')
$$;
COMMENT ON FUNCTION missing_photos.relink_by_content_alone IS
	'the same for rows of which no size is known';
