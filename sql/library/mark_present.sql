-- library_mark_present: gives photos the files back that were lost to them.

CREATE FUNCTION missing_photos.generate_mark_present(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_define(names, 'library_mark_present',
		'of_owner text, of_photos text[], of_files text[], of_paths text[], of_mains boolean[], '
		|| 'of_mains_after text[]',
		'TABLE (photo text, file text, outcome text, linked boolean)',
		missing_photos.contract_writes(1000),
		CASE names ->> 'shape'
		WHEN 'linked' THEN missing_photos.mark_present_linked()
		ELSE missing_photos.mark_present_single() END,
		'records that files are back: flag, link and main file; outcome: changed or busy, no row where there was nothing to change')
$$;
COMMENT ON FUNCTION missing_photos.generate_mark_present IS 'defines library_mark_present';

CREATE FUNCTION missing_photos.mark_present_linked()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The main file is given back only where the photo still shows what our own loss left it with:
	-- what a user chose since stays. A photo that lost one main file after the other gets them back
	-- in one call by following the losses backwards. Two losses can't lead in a circle for longer
	-- than there are pairs, which bounds the walk.
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	photos pg_catalog.text[];
	files pg_catalog.text[];
	shown pg_catalog.text[];
	mains pg_catalog.bool[];
	afters pg_catalog.text[];
	flags pg_catalog.bool[];
	unlinked pg_catalog.bool[];
	free pg_catalog.bool[];
	main_photos pg_catalog.text[];
	main_files pg_catalog.text[];
BEGIN
	SELECT pg_catalog.array_agg(k.photo), pg_catalog.array_agg(k.file),
	       pg_catalog.array_agg(k.main), pg_catalog.array_agg(k.was_main),
	       pg_catalog.array_agg(k.main_after), pg_catalog.array_agg(k.flagged),
	       pg_catalog.array_agg(k.links {=} 0), pg_catalog.array_agg(k.locked)
	  INTO photos, files, shown, mains, afters, flags, unlinked, free
	  FROM (SELECT j.photo, j.file, j.main, COALESCE(g.was_main, false) AS was_main, g.main_after,
	               j.flagged, j.links, j.locked
	          FROM missing_photos.library_lock($1, $2, $3) AS j
	          JOIN ROWS FROM (pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6))
	               WITH ORDINALITY AS g(path, was_main, main_after, ordinal)
	            ON g.ordinal {=} j.ordinal
	         WHERE NOT j.locked
	            OR COALESCE(g.path {=} j.path, g.path IS NULL AND j.path IS NULL)
	         ORDER BY j.ordinal) AS k;
	IF my.photos IS NULL THEN
		RETURN;
	END IF;
	WITH RECURSIVE back AS (
		SELECT t.photo, t.file, t.shown, t.after
		  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
		                  pg_catalog.unnest(my.shown), pg_catalog.unnest(my.mains),
		                  pg_catalog.unnest(my.afters), pg_catalog.unnest(my.free))
		    AS t(photo, file, shown, main, after, free)
		 WHERE t.main AND t.free
	), chain AS (
		SELECT b.photo, b.file, 1 AS step
		  FROM back AS b
		 WHERE b.shown IS NULL OR b.shown {=} b.after
		UNION
		SELECT b.photo, b.file, c.step OPERATOR(pg_catalog.+) 1
		  FROM chain AS c
		  JOIN back AS b ON b.photo {=} c.photo AND b.after {=} c.file AND b.file {<>} c.file
		 WHERE c.step {<} 32
	)
	SELECT pg_catalog.array_agg(w.photo), pg_catalog.array_agg(w.file)
	  INTO main_photos, main_files
	  FROM (SELECT DISTINCT ON (c.photo) c.photo, c.file
	          FROM chain AS c
	          JOIN {file} AS f ON f.{file.key} {=} c.file::{file.key:type}{and_file_of_owner}
	         ORDER BY c.photo, c.step DESC, {rank}, c.file) AS w;
	INSERT INTO {link} AS l ({link_columns}{more_link_columns})
	SELECT {link_values}{more_link_values}
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.unlinked), pg_catalog.unnest(my.free))
	    AS t(photo, file, unlinked, free)
	 WHERE t.free AND t.unlinked
	{on_conflict};
	UPDATE {file} AS f SET {file.missing} = false
	 WHERE f.{file.key} {=} ANY (ARRAY(
	           SELECT t.file::{file.key:type}
	             FROM ROWS FROM (pg_catalog.unnest(my.files), pg_catalog.unnest(my.free))
	               AS t(file, free)
	            WHERE t.free)){and_file_of_owner}
	   AND f.{file.missing};
	UPDATE {photo} AS p SET {photo.main} = t.file::{file.key:type}
	  FROM ROWS FROM (pg_catalog.unnest(my.main_photos), pg_catalog.unnest(my.main_files))
	    AS t(photo, file)
	 WHERE p.{photo.key} {=} t.photo::{photo.key:type} AND p.{photo.owner} {=} $1::{photo.owner:type}
	   AND (p.{photo.main} IS NULL OR p.{photo.main} {<>} t.file::{file.key:type});
	RETURN QUERY
	SELECT t.photo, t.file, CASE WHEN t.free THEN 'changed' ELSE 'busy' END, t.free AND t.unlinked
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.shown), pg_catalog.unnest(my.flags),
	                  pg_catalog.unnest(my.unlinked), pg_catalog.unnest(my.free))
	    AS t(photo, file, shown, flag, unlinked, free)
	  LEFT JOIN ROWS FROM (pg_catalog.unnest(my.main_photos), pg_catalog.unnest(my.main_files))
	    AS m(photo, file) ON m.photo {=} t.photo AND m.file {=} t.file
	 WHERE NOT t.free OR t.flag OR t.unlinked
	    OR (m.file IS NOT NULL AND (t.shown IS NULL OR t.shown {<>} m.file));
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.mark_present_linked IS 'the body for photos, files and links';

CREATE FUNCTION missing_photos.mark_present_single()
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What its user put in the trash stays there; everything else must lose the time of deletion, or
	-- the application's nightly job deletes it although the file is back.
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	photos pg_catalog.text[];
	free pg_catalog.bool[];
BEGIN
	SELECT pg_catalog.array_agg(k.photo ORDER BY k.ordinal),
	       pg_catalog.array_agg(k.locked ORDER BY k.ordinal)
	  INTO photos, free
	  FROM missing_photos.library_lock($1, $2, $3) AS k
	  JOIN ROWS FROM (pg_catalog.unnest($4)) WITH ORDINALITY AS g(path, ordinal)
	    ON g.ordinal {=} k.ordinal
	 WHERE k.flagged
	   AND (NOT k.locked OR COALESCE(g.path {=} k.path, g.path IS NULL AND k.path IS NULL));
	UPDATE {photo} AS p
	   SET {photo.offline} = false,
	       {photo.deleted_at} = CASE WHEN {active} THEN NULL ELSE p.{photo.deleted_at} END
	 WHERE p.{photo.key} {=} ANY (ARRAY(
	           SELECT t.photo::{photo.key:type}
	             FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.free))
	               AS t(photo, free)
	            WHERE t.free));
	RETURN QUERY
	SELECT t.photo, t.photo, CASE WHEN t.free THEN 'changed' ELSE 'busy' END, false
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.free)) AS t(photo, free);
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.mark_present_single IS
	'the body where one row is the photo and its file';
