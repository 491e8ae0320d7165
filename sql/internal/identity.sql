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
