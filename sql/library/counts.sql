-- library_counts: photos, missing photos and missing files per owner.

CREATE FUNCTION missing_photos.generate_counts(names jsonb)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A photo is missing when no media file is linked to it or its main file is unknown. The two
	-- cases are counted apart: an OR around EXISTS would look up every single photo, while each on
	-- its own is an anti-join and an index scan. Nothing is joined that could count a photo twice.
	SELECT missing_photos.contract_define(names, 'library_counts', 'of_owner text',
		'TABLE (owner text, num_photos bigint, num_missing_photos bigint, num_missing_files bigint)',
		missing_photos.contract_reads(10),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT u.{owner.key}::pg_catalog.text, COALESCE(a.photos, 0)::pg_catalog.int8,
	       (COALESCE(e.photos, 0) OPERATOR(pg_catalog.+) COALESCE(n.photos, 0))::pg_catalog.int8,
	       COALESCE(m.files, 0)::pg_catalog.int8
	  FROM {owner} AS u
	  LEFT JOIN (SELECT p.{photo.owner} AS owner, pg_catalog.count(*) AS photos
	               FROM {photo} AS p
	              WHERE $1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type}
	              GROUP BY p.{photo.owner}) AS a ON a.owner {=} u.{owner.key}
	  LEFT JOIN (SELECT p.{photo.owner} AS owner, pg_catalog.count(*) AS photos
	               FROM {photo} AS p
	              WHERE {has_main}
	                AND ($1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type})
	                AND NOT EXISTS (
	                    SELECT FROM {link} AS l
	                      JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_is_links}
	                     WHERE l.{link.photo} {=} p.{photo.key}{and_link_is_owners} AND {media})
	              GROUP BY p.{photo.owner}) AS e ON e.owner {=} u.{owner.key}
	  LEFT JOIN (SELECT p.{photo.owner} AS owner, pg_catalog.count(*) AS photos
	               FROM {photo} AS p
	              WHERE NOT {has_main}
	                AND ($1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type})
	              GROUP BY p.{photo.owner}) AS n ON n.owner {=} u.{owner.key}
	  LEFT JOIN (SELECT q.owner, pg_catalog.count(DISTINCT q.file) AS files
	               FROM missing_photos.library_flagged_files($1) AS q
	              GROUP BY q.owner) AS m ON m.owner {=} u.{owner.key}::pg_catalog.text
	 WHERE $1 IS NULL OR u.{owner.key} {=} $1::{owner.key:type}
$body$ ELSE $body$
	SELECT u.{owner.key}::pg_catalog.text, COALESCE(a.photos, 0)::pg_catalog.int8,
	       COALESCE(a.missing, 0)::pg_catalog.int8, COALESCE(a.missing, 0)::pg_catalog.int8
	  FROM {owner} AS u
	  LEFT JOIN (SELECT p.{photo.owner} AS owner, pg_catalog.count(*) AS photos,
	                    pg_catalog.count(*) FILTER (WHERE p.{photo.offline}) AS missing
	               FROM {photo} AS p
	              WHERE {alive} AND ($1 IS NULL OR p.{photo.owner} {=} $1::{photo.owner:type})
	              GROUP BY p.{photo.owner}) AS a ON a.owner {=} u.{owner.key}
	 WHERE $1 IS NULL OR u.{owner.key} {=} $1::{owner.key:type}
$body$ END, 'photos, missing photos and missing files of one owner or (NULL) of each')
$$;
COMMENT ON FUNCTION missing_photos.generate_counts IS 'defines library_counts';
