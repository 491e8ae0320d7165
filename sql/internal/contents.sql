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
