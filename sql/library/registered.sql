-- What the templates' placeholders stand for in a library that register_library described: whatever
-- such a library has no column for is an expression, or isn't done at all.

CREATE FUNCTION missing_photos.registered_names(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
	       WHEN NOT mapping ? 'registered' AND mapping ->> 'shape' = 'linked' THEN jsonb_build_object(
		'set_missing', missing_photos.contract_fill('{file.missing} = true', names),
		'set_present', missing_photos.contract_fill('{file.missing} = false', names))
	       -- A row already in the trash keeps the time it was put there. What is back must lose the
	       -- time of deletion, or the application's nightly job deletes it all the same; what its user
	       -- put in the trash stays there.
	       WHEN NOT mapping ? 'registered' THEN jsonb_build_object(
		'set_missing', missing_photos.contract_fill('{photo.offline} = true, {photo.deleted_at} = '
			|| 'COALESCE(p.{photo.deleted_at}, pg_catalog.now())', names),
		'set_present', missing_photos.contract_fill('{photo.offline} = false, {photo.deleted_at} = '
			|| CASE WHEN names ? 'photo.status' THEN format(
				'CASE WHEN p.{photo.status} {=} %L::{photo.status:type} THEN NULL '
				|| 'ELSE p.{photo.deleted_at} END', mapping #>> '{states,active}')
			   ELSE 'NULL' END, names))
	       ELSE jsonb_build_object('flag', mapping -> 'flag')
	            || missing_photos.registered_flag(mapping, names)
	            || missing_photos.registered_owner(mapping, names)
	            || CASE mapping ->> 'shape'
	               WHEN 'single' THEN '{"photo.external:expression": "true"}'::jsonb
	               ELSE jsonb_build_object('photo.video:expression', 'false') END
	            || CASE WHEN mapping ->> 'shape' = 'single' OR names ? 'photo.main' THEN '{}'
	               ELSE jsonb_build_object('photo.main:expression',
	                        format('NULL::%s', names ->> 'file.key:type')) END
	       END
$$;
COMMENT ON FUNCTION missing_photos.registered_names IS
	'how a flag is read and set, whose a photo is, and what a registered library has no column for';

CREATE FUNCTION missing_photos.registered_flag(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A flag of our own is a loss that scans recorded of this file at this path: a row that the
	-- application gave another path since isn't flagged any more. Of all rows only those whose key has
	-- the hash of a lost one's are looked at.
	SELECT jsonb_build_object(
	           CASE role WHEN 'file' THEN 'file.missing' ELSE 'photo.offline' END || ':expression',
	           replace(CASE mapping ->> 'flag'
	           WHEN 'own' THEN
	               '(CASE WHEN pg_catalog.hashtext({a}.{row.key}::pg_catalog.text) {=} ANY '
	               || '(SELECT w.hash FROM missing_photos.lost_hashes() AS w(hash)) '
	               || 'THEN missing_photos.is_lost({a}.{row.key}::pg_catalog.text, '
	               || '{a}.{row.path}::pg_catalog.text) ELSE false END)'
	           WHEN 'time' THEN '({a}.{row.flag} IS NOT NULL)'
	           ELSE '({a}.{row.flag} IS TRUE)' END, 'row.', role || '.'),
	           'set_missing', (names ->> (role || '.flag')) || CASE mapping ->> 'flag'
	               WHEN 'time' THEN ' = pg_catalog.now()' ELSE ' = true' END,
	           'set_present', (names ->> (role || '.flag')) || CASE mapping ->> 'flag'
	               WHEN 'time' THEN ' = NULL' ELSE ' = false' END)
	  FROM (SELECT missing_photos.path_role(mapping) AS role) AS kind
$$;
COMMENT ON FUNCTION missing_photos.registered_flag IS
	'how a registered library''s files are flagged';

CREATE FUNCTION missing_photos.registered_owner(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
	       WHEN mapping ? 'single_owner' THEN jsonb_build_object(
	           'owner', format('(SELECT %L::pg_catalog.text AS key)', mapping ->> 'single_owner'),
	           'owner.key', 'key', 'owner.key:type', 'pg_catalog.text',
	           'photo.owner:type', 'pg_catalog.text',
	           'photo.owner:expression', format('(%L::pg_catalog.text)', mapping ->> 'single_owner'))
	       WHEN names ? 'owner' THEN '{}'
	       ELSE jsonb_build_object(
	           'owner', missing_photos.contract_fill('(SELECT DISTINCT q.{photo.owner} AS key FROM {photo} AS q '
	               || 'WHERE q.{photo.owner} IS NOT NULL)', names),
	           'owner.key', 'key', 'owner.key:type', names -> 'photo.owner:type') END
$$;
COMMENT ON FUNCTION missing_photos.registered_owner IS
	'whose photos are in a registered library: those of one owner, of a table of owners, or whoever has any';

-- The flags kept here. A caller learns of them only what it asks of files whose key and path it knows,
-- and hashes, from which nothing can be told.
CREATE FUNCTION missing_photos.lost_hashes()
RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$ SELECT DISTINCT hashtext(lost.file) FROM missing_photos.loss AS lost $$;
COMMENT ON FUNCTION missing_photos.lost_hashes IS 'hashes of the keys of files held as missing';

CREATE FUNCTION missing_photos.is_lost(of_file text, of_path text)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN EXISTS (SELECT FROM missing_photos.loss AS lost
	                WHERE lost.file = of_file AND lost.path IS NOT DISTINCT FROM of_path);
END
$$;
COMMENT ON FUNCTION missing_photos.is_lost IS
	'whether a scan found this file gone from this path, and none has found it since';

CREATE FUNCTION missing_photos.loser_of(of_file text, of_path text)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE COST 10000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT min(lost.owner) FROM missing_photos.loss AS lost
	         WHERE lost.file = of_file AND lost.path IS NOT DISTINCT FROM of_path);
END
$$;
COMMENT ON FUNCTION missing_photos.loser_of IS 'the owner whose photo lost this file';
