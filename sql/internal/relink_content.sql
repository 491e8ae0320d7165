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
