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
