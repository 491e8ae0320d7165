-- library_missing_photos and library_missing_files: what a deletion may take.
-- library_lock_photos and library_lock_files: the same, of some of them, held.

-- Conditions of these templates; p is the photo, f the file, k one of its links.
CREATE FUNCTION missing_photos.missing_names(names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT names || jsonb_object_agg(condition.key,
	                                 missing_photos.contract_fill(condition.value, names))
	  FROM jsonb_each_text(CASE names ->> 'shape' WHEN 'linked' THEN jsonb_build_object(
		'without_media', $body$NOT EXISTS (
	           SELECT FROM {link} AS l
	             JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_is_links}
	            WHERE l.{link.photo} {=} p.{photo.key}{and_link_is_owners} AND {media})$body$,
		'may_go', $body$NOT EXISTS (
	           SELECT FROM {link} AS l
	             JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_is_links}
	            WHERE l.{link.photo} {=} p.{photo.key}{and_link_is_owners} AND {media})$body$,
		'has_another', $body$EXISTS (
	           SELECT FROM {link} AS l
	             JOIN {file} AS f ON f.{file.key} {=} l.{link.file}{and_file_is_links}
	            WHERE l.{link.photo} {=} p.{photo.key}{and_link_is_owners} AND {media}
	              AND NOT f.{file.missing})$body$,
		'and_k_is_owners', CASE WHEN names ? 'link.owner'
			THEN ' AND p.{photo.owner} {=} k.{link.owner}' ELSE '' END,
		'and_k_is_files', CASE WHEN names ? 'link.owner' AND names ? 'file.owner'
			THEN ' AND k.{link.owner} {=} f.{file.owner}' ELSE '' END)
	  ELSE jsonb_build_object('may_go', 'p.{photo.offline} AND p.{photo.external} AND {alive}{and_settled}')
	  END) AS condition
$$;
COMMENT ON FUNCTION missing_photos.missing_names IS 'what these templates say of photos and files';

CREATE FUNCTION missing_photos.generate_missing(names jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- A photo without a main file but with a media file linked counts as missing, but never goes.
	PERFORM missing_photos.contract_define(missing_photos.missing_names(names), 'library_missing_photos', 'of_owner text',
		'TABLE (photo text)', missing_photos.contract_reads(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT p.{photo.key}::pg_catalog.text
	  FROM {photo} AS p
	 WHERE p.{photo.owner} {=} $1::{photo.owner:type} AND {without_media}
	 ORDER BY p.{photo.key}
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text
	  FROM {photo} AS p
	 WHERE p.{photo.owner} {=} $1::{photo.owner:type} AND p.{photo.offline} AND p.{photo.external}
	   AND {alive}{and_settled}
	 ORDER BY p.{photo.key}
$body$ END, 'an owner''s photos that no media file is linked to, in key order');
	-- A file goes only if every photo that knows it is the owner's and going too, or has another
	-- file to show.
	PERFORM missing_photos.contract_define(missing_photos.missing_names(names), 'library_missing_files', 'of_owner text',
		'TABLE (file text, path text)', missing_photos.contract_reads(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
	SELECT f.{file.key}::pg_catalog.text, f.{file.path}::pg_catalog.text
	  FROM {file} AS f
	 WHERE f.{file.missing}
	   AND f.{file.key} {=} ANY (SELECT q.file::{file.key:type}
	                               FROM missing_photos.library_flagged_files($1) AS q)
	   AND NOT EXISTS (SELECT FROM {photo} AS p
	                    WHERE p.{photo.main} {=} f.{file.key}{and_file_is_owners}
	                      AND (p.{photo.owner} {<>} $1::{photo.owner:type} OR NOT {without_media}))
	   AND NOT EXISTS (SELECT FROM {link} AS k
	                     JOIN {photo} AS p ON p.{photo.key} {=} k.{link.photo}{and_k_is_owners}
	                    WHERE k.{link.file} {=} f.{file.key}{and_k_is_files}
	                      AND (p.{photo.owner} {<>} $1::{photo.owner:type}
	                           OR {media} AND NOT {has_another}))
	 ORDER BY f.{file.key}
$body$ ELSE $body$
	SELECT p.{photo.key}::pg_catalog.text, p.{photo.path}::pg_catalog.text
	  FROM {photo} AS p WHERE false AND $1 IS NULL
$body$ END, 'an owner''s files held as missing that no photo that stays has as its main or only file, in key order');
END
$$;
COMMENT ON FUNCTION missing_photos.generate_missing IS
	'defines library_missing_photos and library_missing_files';

CREATE FUNCTION missing_photos.generate_lock_missing(names jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Locked first, then looked at in a statement of its own, which sees what was committed before.
	PERFORM missing_photos.contract_define(missing_photos.missing_names(names), 'library_lock_photos',
		'of_owner text, of_photos text[]', 'TABLE (photo text, locked boolean)',
		missing_photos.contract_writes(1000), $body$
#variable_conflict use_column
<<my>>
DECLARE
	free {photo.key:type}[];
BEGIN
	free := ARRAY(
		SELECT p.{photo.key} FROM {photo} AS p
		 WHERE p.{photo.key} {=} ANY ($2::{photo.key:type}[])
		   AND p.{photo.owner} {=} $1::{photo.owner:type}
		 ORDER BY p.{photo.key}
		   FOR UPDATE SKIP LOCKED);
	RETURN QUERY
	SELECT p.{photo.key}::pg_catalog.text,
	       p.{photo.key} {=} ANY (SELECT pg_catalog.unnest(my.free))
	  FROM {photo} AS p
	 WHERE p.{photo.key} {=} ANY ($2::{photo.key:type}[])
	   AND p.{photo.owner} {=} $1::{photo.owner:type} AND {may_go}
	 ORDER BY p.{photo.key};
END
$body$, 'locks those of these photos that may be deleted, without waiting, and says which it got');
	PERFORM missing_photos.contract_define(missing_photos.missing_names(names), 'library_lock_files',
		'of_owner text, of_files text[]', 'TABLE (file text, locked boolean)',
		missing_photos.contract_writes(1000),
		CASE names ->> 'shape' WHEN 'linked' THEN $body$
#variable_conflict use_column
<<my>>
DECLARE
	free {file.key:type}[];
BEGIN
	free := ARRAY(
		SELECT f.{file.key} FROM {file} AS f
		 WHERE f.{file.key} {=} ANY ($2::{file.key:type}[]){and_file_of_owner} AND f.{file.missing}
		 ORDER BY f.{file.key}
		   FOR UPDATE SKIP LOCKED);
	RETURN QUERY
	SELECT f.{file.key}::pg_catalog.text,
	       f.{file.key} {=} ANY (SELECT pg_catalog.unnest(my.free))
	  FROM {file} AS f
	 CROSS JOIN LATERAL (SELECT {file_owner} AS owner) AS o
	 WHERE f.{file.key} {=} ANY ($2::{file.key:type}[]){and_file_of_owner}
	   AND f.{file.missing}
	   AND (o.owner {=} $1 OR o.owner {=} '' OR o.owner IS NULL
	        OR EXISTS (SELECT FROM {link} AS k WHERE k.{link.file} {=} f.{file.key}{and_k_is_files}))
	   AND NOT EXISTS (SELECT FROM {photo} AS p
	                    WHERE p.{photo.main} {=} f.{file.key}{and_file_is_owners})
	   AND NOT EXISTS (SELECT FROM {link} AS k
	                     JOIN {photo} AS p ON p.{photo.key} {=} k.{link.photo}{and_k_is_owners}
	                    WHERE k.{link.file} {=} f.{file.key}{and_k_is_files}
	                      AND (p.{photo.owner} {<>} $1::{photo.owner:type}
	                           OR {media} AND NOT {has_another}))
	 ORDER BY f.{file.key};
END
$body$ ELSE $body$
BEGIN
	RETURN;
END
$body$ END, 'locks those of these files that may be deleted, without waiting, and says which it got');
END
$$;
COMMENT ON FUNCTION missing_photos.generate_lock_missing IS
	'defines library_lock_photos and library_lock_files';
