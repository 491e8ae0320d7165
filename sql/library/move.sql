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
