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
		WHEN 'linked' THEN missing_photos.mark_present_linked(names)
		ELSE missing_photos.mark_present_single(names) END,
		'records that files are back: flag, link and main file; outcome: changed or busy, no row where there was nothing to change')
$$;
COMMENT ON FUNCTION missing_photos.generate_mark_present IS 'defines library_mark_present';

CREATE FUNCTION missing_photos.mark_present_linked(names jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The main file is given back only where the photo still shows what our own loss left it with:
	-- what a user chose since stays. A photo that lost one main file after the other gets them back
	-- in one call by following the losses backwards, so many steps at most that losses which lead
	-- in a circle end too.
	SELECT $body$
#variable_conflict use_column
<<my>>
DECLARE
	photos pg_catalog.text[];
	files pg_catalog.text[];
	shown pg_catalog.text[];
	mains pg_catalog.bool[];
	flags pg_catalog.bool[];
	unlinked pg_catalog.bool[];
	free pg_catalog.bool[];
	lost pg_catalog.jsonb;
	shown_again pg_catalog.jsonb;
BEGIN
	SELECT pg_catalog.array_agg(k.photo), pg_catalog.array_agg(k.file),
	       pg_catalog.array_agg(k.main), pg_catalog.array_agg(k.was_main),
	       pg_catalog.array_agg(k.flagged), pg_catalog.array_agg(NOT k.linked),
	       pg_catalog.array_agg(k.locked),
	       pg_catalog.jsonb_object_agg(pg_catalog.concat(k.photo, ' ', k.main_after), k.file)
	           FILTER (WHERE k.locked AND k.was_main AND k.main_after {<>} k.file)
	  INTO photos, files, shown, mains, flags, unlinked, free, lost
	  -- Joined, not subscripted: a place in an array of texts is found by walking there.
	  FROM (SELECT j.photo, j.file, j.main, COALESCE(w.was_main, false) AS was_main,
	               w.main_after, j.flagged, j.linked, j.locked
	          FROM missing_photos.library_lock($1, $2, $3) AS j
	          LEFT JOIN ROWS FROM (pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6))
	               WITH ORDINALITY AS w(path, was_main, main_after, ordinal)
	            ON w.ordinal {=} j.ordinal
	         WHERE NOT j.locked OR COALESCE(w.path {=} j.path, w.path IS NULL AND j.path IS NULL)
	         ORDER BY j.ordinal) AS k;
	IF my.photos IS NULL THEN
		RETURN;
	END IF;
	WITH RECURSIVE chain AS (
		SELECT t.photo, pg_catalog.min(t.shown) AS shown, 0 AS step,
		       COALESCE(pg_catalog.min(t.shown), pg_catalog.min(t.file)) AS main
		  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
		                  pg_catalog.unnest(my.shown), pg_catalog.unnest(my.mains),
		                  pg_catalog.unnest(my.free)) AS t(photo, file, shown, main, free)
		 WHERE t.main AND t.free
		 GROUP BY t.photo
		UNION ALL
		SELECT c.photo, c.shown, c.step OPERATOR(pg_catalog.+) 1, n.file
		  FROM chain AS c
		 CROSS JOIN LATERAL (SELECT my.lost OPERATOR(pg_catalog.->>)
		                            pg_catalog.concat(c.photo, ' ', c.main)) AS n(file)
		 WHERE n.file IS NOT NULL AND c.step {<} 32
	)
	SELECT COALESCE(pg_catalog.jsonb_object_agg(w.photo, w.main),
	                pg_catalog.jsonb_build_object()) INTO shown_again
	  FROM (SELECT DISTINCT ON (c.photo) c.photo, c.main, c.shown
	          FROM chain AS c
	         ORDER BY c.photo, c.step DESC) AS w
	 WHERE w.shown IS NULL OR w.main {<>} w.shown;
	INSERT INTO {link} AS l ({link_columns}{more_link_columns})
	SELECT {link_values}{more_link_values}
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.unlinked), pg_catalog.unnest(my.free))
	    AS t(photo, file, unlinked, free)
	 WHERE t.free AND t.unlinked
	{on_conflict};
	$body$ || CASE names ->> 'flag' WHEN 'own' THEN '' ELSE $body$
	UPDATE {file} AS f SET {set_present}
	 WHERE f.{file.key} {=} ANY (ARRAY(
	           SELECT t.file::{file.key:type}
	             FROM ROWS FROM (pg_catalog.unnest(my.files), pg_catalog.unnest(my.free))
	               AS t(file, free)
	            WHERE t.free)){and_file_of_owner}
	   AND f.{file.missing};$body$ END
	|| CASE WHEN names ? 'photo.main:expression' THEN '' ELSE $body$
	UPDATE {photo} AS p SET {photo.main} = t.value::{file.key:type}
	  FROM pg_catalog.jsonb_each_text(my.shown_again) AS t
	 WHERE p.{photo.key} {=} t.key::{photo.key:type} AND p.{photo.owner} {=} $1::{photo.owner:type};$body$
	END || $body$
	RETURN QUERY
	SELECT t.photo, t.file, CASE WHEN t.free THEN 'changed' ELSE 'busy' END, t.free AND t.unlinked
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.files),
	                  pg_catalog.unnest(my.flags), pg_catalog.unnest(my.unlinked),
	                  pg_catalog.unnest(my.free)) AS t(photo, file, flag, unlinked, free)
	 WHERE NOT t.free OR t.flag OR t.unlinked
	    OR COALESCE((my.shown_again OPERATOR(pg_catalog.->>) t.photo) {=} t.file, false);
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.mark_present_linked IS 'the body for photos, files and links';

CREATE FUNCTION missing_photos.mark_present_single(names jsonb)
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
	  LEFT JOIN pg_catalog.unnest($4) WITH ORDINALITY AS w(path, ordinal)
	    ON w.ordinal {=} k.ordinal
	 WHERE k.flagged
	   AND (NOT k.locked OR COALESCE(w.path {=} k.path, w.path IS NULL AND k.path IS NULL));
	$body$ || CASE names ->> 'flag' WHEN 'own' THEN '' ELSE $body$
	UPDATE {photo} AS p
	   SET {set_present}
	 WHERE p.{photo.key} {=} ANY (ARRAY(
	           SELECT t.photo::{photo.key:type}
	             FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.free))
	               AS t(photo, free)
	            WHERE t.free));$body$ END || $body$
	RETURN QUERY
	SELECT t.photo, t.photo, CASE WHEN t.free THEN 'changed' ELSE 'busy' END, false
	  FROM ROWS FROM (pg_catalog.unnest(my.photos), pg_catalog.unnest(my.free)) AS t(photo, free);
END
$body$
$$;
COMMENT ON FUNCTION missing_photos.mark_present_single IS
	'the body where one row is the photo and its file';
