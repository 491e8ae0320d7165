-- The names generators use, from a bound mapping.

-- Operators, tables and their columns, which is all that the rules of a deletion name.
CREATE FUNCTION missing_photos.table_names(mapping jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object(
	           '=', 'OPERATOR(pg_catalog.=)', '<>', 'OPERATOR(pg_catalog.<>)',
	           '>', 'OPERATOR(pg_catalog.>)', '<', 'OPERATOR(pg_catalog.<)')
	       || COALESCE((SELECT jsonb_object_agg(part.key,
	                               format('%I.%I', mapping ->> 'schema', part.value ->> 'name'))
	                      FROM jsonb_each(mapping -> 'tables') AS part), '{}')
	       || (SELECT jsonb_object_agg(part.key || '.' || used.key, quote_ident(used.value))
	                  || jsonb_object_agg(part.key || '.' || used.key || ':type',
	                                      part.value -> 'types' ->> used.key)
	             FROM jsonb_each(mapping -> 'tables') AS part
	            CROSS JOIN jsonb_each_text(part.value -> 'columns') AS used)
$$;
COMMENT ON FUNCTION missing_photos.table_names IS
	'what placeholders for operators, tables and columns stand for';

CREATE FUNCTION missing_photos.contract_names(mapping jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	names jsonb;
BEGIN
	names := missing_photos.table_names(mapping) || jsonb_build_object(
		'shape', mapping -> 'shape', 'derived', mapping -> 'derived', 'text', 'pg_catalog.text',
		'job_scan', quote_nullable(mapping #>> '{job_types,scan}'),
		'job_delete', quote_nullable(mapping #>> '{job_types,delete}'),
		'job_import', quote_nullable(mapping #>> '{job_types,import}'),
		'more_job_columns', missing_photos.contract_more(mapping, 'job', 'columns'),
		'more_job_values', missing_photos.contract_more(mapping, 'job', 'values'));
	names := names || missing_photos.contract_places(mapping, names);
	names := names || missing_photos.registered_names(mapping, names);
	names := names || missing_photos.path_names(mapping, names);
	RETURN names || CASE mapping ->> 'shape'
		WHEN 'linked' THEN missing_photos.contract_names_linked(mapping, names)
		ELSE missing_photos.contract_names_single(mapping, names) END;
END
$$;
COMMENT ON FUNCTION missing_photos.contract_names IS
	'what the placeholders of the generators'' templates stand for';

-- What finds a row again that was just locked: its place in the table, or in a view, which has none,
-- its key; of a link, which has no key, the photo's.
CREATE FUNCTION missing_photos.contract_places(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE(jsonb_object_agg(at.role || '.place', at.name)
	                || jsonb_object_agg(at.role || '.place:type', at.type), '{}')
	  FROM (VALUES ('file', 'file.key'), ('link', 'link.photo')) AS found (role, by_key)
	 CROSS JOIN LATERAL (SELECT missing_photos.contract_is_table(
	           (mapping ->> 'schema')::name,
	           (mapping #>> ARRAY['tables', found.role, 'name'])::name) AS is_table) AS kind
	 CROSS JOIN LATERAL (SELECT found.role,
	           CASE WHEN is_table THEN 'ctid' ELSE names ->> by_key END AS name,
	           CASE WHEN is_table THEN 'pg_catalog.tid' ELSE names ->> (by_key || ':type') END AS type) AS at
	 WHERE names ? found.role
$$;
COMMENT ON FUNCTION missing_photos.contract_places IS
	'by what rows are found again that were just locked';

-- Conditions that only some layouts need. In all templates p is the photo, l the link, f the file,
-- u the owner, and $1 the owner asked for where one is.
CREATE FUNCTION missing_photos.contract_names_linked(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object(
	           'more_link_columns', missing_photos.contract_more(mapping, 'link', 'columns'),
	           'more_link_values', missing_photos.contract_more(mapping, 'link', 'values'),
	           'more_file_columns', missing_photos.contract_more(mapping, 'file', 'columns'),
	           'more_file_values', missing_photos.contract_more(mapping, 'file', 'values'),
	           'makes_photos', COALESCE(mapping -> 'makes_photos', 'false'))
	       || jsonb_object_agg(condition.key, missing_photos.contract_fill(condition.value,
	                                                                          names || codes))
	  FROM jsonb_each_text(jsonb_build_object(
		-- Where every key is led by the owner, so is every join.
		'and_link_is_owners', CASE WHEN names ? 'link.owner'
			THEN ' AND l.{link.owner} {=} p.{photo.owner}' ELSE '' END,
		'and_file_is_owners', CASE WHEN names ? 'file.owner'
			THEN ' AND f.{file.owner} {=} p.{photo.owner}' ELSE '' END,
		'and_link_of_owner', CASE WHEN names ? 'link.owner'
			THEN ' AND l.{link.owner} {=} $1::{photo.owner:type}' ELSE '' END,
		'and_file_of_owner', CASE WHEN names ? 'file.owner'
			THEN ' AND f.{file.owner} {=} $1::{photo.owner:type}' ELSE '' END,
		'and_file_is_links', CASE WHEN names ? 'file.owner' AND names ? 'link.owner'
			THEN ' AND f.{file.owner} {=} l.{link.owner}' ELSE '' END,
		-- The same of two more aliases: n a photo, k a link.
		'and_link_is_new', CASE WHEN names ? 'link.owner'
			THEN ' AND l.{link.owner} {=} n.{photo.owner}' ELSE '' END,
		'and_file_is_k', CASE WHEN names ? 'file.owner' AND names ? 'link.owner'
			THEN ' AND f.{file.owner} {=} k.{link.owner}' ELSE '' END,
		'and_k_of_owner', CASE WHEN names ? 'link.owner'
			THEN ' AND k.{link.owner} {=} $1::{photo.owner:type}' ELSE '' END,
		-- A place that is none may hold several links.
		'links_of_place', CASE names ->> 'link.place:type' WHEN 'pg_catalog.tid' THEN '1'
			ELSE 'pg_catalog.count(*)' END,
		'by_place', CASE names ->> 'link.place:type' WHEN 'pg_catalog.tid' THEN ''
			ELSE ' GROUP BY g.ordinal, g.photo, g.file, g.path, l.{link.place}, l.{link.file}' END,
		'new_is_content', CASE WHEN names ? 'photo.hash'
			THEN 'n.{photo.hash}::{file.key:type} {=} f.{file.key}'
			ELSE 'n.{photo.main} {=} f.{file.key}' END,
		'folders', CASE
			WHEN names ? 'owner.folders' THEN 'u.{owner.folders}::pg_catalog.text[]'
			WHEN names ? 'owner.folder' THEN 'CASE WHEN u.{owner.folder} {<>} '''' '
				|| 'THEN ARRAY[u.{owner.folder}::pg_catalog.text] ELSE ARRAY[]::pg_catalog.text[] END'
			ELSE 'ARRAY[]::pg_catalog.text[]' END,
		'has_main', CASE WHEN names ? 'photo.main:expression' THEN 'true'
			ELSE '(p.{photo.main} IS NOT NULL)' END,
		'media', CASE WHEN mapping #> '{file_types,metadata}' IS NULL THEN 'true'
			ELSE 'f.{file.type} {<>} {type_metadata}::{file.type:type}' END,
		-- Which file a photo shows when there is a choice.
		'rank', CASE WHEN NOT names ? 'file.type' THEN '1' ELSE
			'CASE WHEN f.{file.type} {=} {type_image}::{file.type:type} THEN 1 '
			|| 'WHEN f.{file.type} {=} {type_video}::{file.type:type} THEN 2 '
			|| 'WHEN f.{file.type} {=} {type_raw}::{file.type:type} THEN 3 ELSE 4 END' END,
		'file_owner', CASE
			WHEN mapping ? 'registered' THEN
				'missing_photos.loser_of(f.{file.key}::pg_catalog.text, f.{file.path}::pg_catalog.text)'
			WHEN names ? 'file.owner' THEN 'f.{file.owner}::pg_catalog.text'
			WHEN mapping ? 'owner_in_key' THEN format(
				'pg_catalog.substr(f.{file.key}, %s)', (mapping ->> 'owner_in_key')::integer)
			ELSE 'NULL::pg_catalog.text' END,
		'size', CASE WHEN names ? 'file.size' THEN 'f.{file.size}::pg_catalog.int8'
			ELSE 'NULL::pg_catalog.int8' END,
		'algorithm', COALESCE(quote_literal(mapping #>> '{digest,algorithm}'), 'NULL'),
		'digest_length', COALESCE((mapping #>> '{digest,length}')::integer::text, '0'),
		-- The key of a file with digest d.digest, where keys are made of the digest and the owner.
		'key_of_digest', CASE WHEN (mapping ->> 'owner_in_key')::integer
		                           = (mapping #>> '{digest,length}')::integer + 1
			THEN 'pg_catalog.concat(d.digest, $1)::{file.key:type}' ELSE '' END,
		'type_of_kind', CASE WHEN NOT names ? 'file.type' THEN '' ELSE
			'COALESCE(CASE WHEN $6 {=} ''metadata'' THEN {type_metadata} WHEN $6 {=} ''raw'' THEN {type_raw} '
			|| 'WHEN $6 {=} ''video'' THEN {type_video} END, {type_image})::{file.type:type}' END,
		'add_file_columns', CASE WHEN names ? 'file.owner' THEN ', {file.owner}' ELSE '' END
			|| CASE WHEN names ? 'file.size' THEN ', {file.size}' ELSE '' END,
		'add_file_values', CASE WHEN names ? 'file.owner' THEN ', $1::{file.owner:type}' ELSE '' END
			|| CASE WHEN names ? 'file.size' THEN ', $5::{file.size:type}' ELSE '' END,
		'on_conflict', CASE WHEN missing_photos.contract_pairs_unique(mapping)
			THEN 'ON CONFLICT (' || CASE WHEN names ? 'link.owner' THEN '{link.owner}, ' ELSE '' END
				|| '{link.photo}, {link.file}) DO NOTHING' ELSE '' END,
		'link_columns', '{link.photo}, {link.file}'
			|| CASE WHEN names ? 'link.owner' THEN ', {link.owner}' ELSE '' END,
		'link_values', 't.photo::{photo.key:type}, t.file::{file.key:type}'
			|| CASE WHEN names ? 'link.owner' THEN ', $1::{link.owner:type}' ELSE '' END
	)) AS condition
	 -- Values of the mapping's stay out of the templates, or what they hold could be a placeholder.
	 CROSS JOIN (SELECT jsonb_object_agg('type_' || kind, quote_nullable(
	                                              mapping #>> ARRAY['file_types', kind]))
	                    AS codes
	               FROM unnest('{image,video,raw,metadata}'::text[]) AS kind) AS literal
$$;
COMMENT ON FUNCTION missing_photos.contract_names_linked IS
	'conditions for libraries of photos, files and links';

CREATE FUNCTION missing_photos.contract_names_single(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_object_agg(condition.key, missing_photos.contract_fill(condition.value, names))
	  FROM jsonb_each_text(jsonb_build_object(
		'folders', CASE WHEN names ? 'folder'
			THEN 'ARRAY(SELECT i.path FROM {folder} AS b '
				|| 'CROSS JOIN LATERAL pg_catalog.unnest(b.{folder.paths}) AS i(path) '
				|| 'WHERE b.{folder.owner} {=} u.{owner.key}'
				|| CASE WHEN names ? 'folder.deleted_at' THEN ' AND b.{folder.deleted_at} IS NULL'
					ELSE '' END || ')::pg_catalog.text[]'
			WHEN names ? 'owner.folder' THEN 'CASE WHEN u.{owner.folder} {<>} '''' '
				|| 'THEN ARRAY[u.{owner.folder}::pg_catalog.text] ELSE ARRAY[]::pg_catalog.text[] END'
			ELSE 'ARRAY[]::pg_catalog.text[]' END,
		-- Rows the application is about to delete aren't ours to judge.
		'alive', CASE WHEN names ? 'photo.trash'
			THEN CASE names ->> 'photo.trash:type' WHEN 'pg_catalog.bool'
				THEN '(p.{photo.trash} IS NOT TRUE)' ELSE 'p.{photo.trash} IS NULL' END
			WHEN names ? 'photo.status'
			THEN format('p.{photo.status} {<>} %L::{photo.status:type}',
			            mapping #>> '{states,deleting}') ELSE 'true' END,
		'sidecar_kind', quote_nullable(mapping #>> '{states,sidecar}'),
		-- Nor are those whose files the application is moving right now: judged, they would be
		-- missing at the one place or unknown at the other.
		'and_settled', CASE WHEN names ? 'flight' THEN format(
			' AND NOT p.{photo.key} {=} ANY (SELECT v.{flight.photo}::{photo.key:type} '
			|| 'FROM {flight} AS v WHERE v.{flight.photo} IS NOT NULL '
			|| 'AND v.{flight.kind}::pg_catalog.text {=} %L)', mapping #>> '{states,flying}')
			ELSE '' END,
		'or_in_flight', CASE WHEN names ? 'flight' THEN ' UNION ALL '
			|| 'SELECT x.path FROM {flight} AS v '
			|| 'CROSS JOIN LATERAL (VALUES (v.{flight.old}::pg_catalog.text), '
			|| '(v.{flight.new}::pg_catalog.text)) AS x(path) '
			|| 'WHERE x.path {=} ANY ($1) AND NOT EXISTS (SELECT FROM {photo} AS p '
			|| 'WHERE p.{photo.path} {=} x.path::{photo.path:type})' ELSE '' END,
		'active', CASE WHEN names ? 'photo.status'
			THEN format('p.{photo.status} {=} %L::{photo.status:type}',
			            mapping #>> '{states,active}') ELSE 'true' END,
		'video', CASE WHEN names ? 'photo.kind'
			THEN format('p.{photo.kind}::pg_catalog.text {=} %L', mapping #>> '{file_types,video}')
			ELSE 'false' END,
		'has_digest', CASE
			WHEN mapping ? 'registered'
			THEN CASE WHEN names ? 'photo.checksum' THEN 'p.{photo.checksum} IS NOT NULL' ELSE 'false' END
			WHEN names ? 'photo.algorithm'
			THEN format('p.{photo.algorithm}::pg_catalog.text {=} %L', mapping #>> '{digest,algorithm}')
			ELSE 'NOT p.{photo.external}' END,
		'algorithm', quote_nullable(mapping #>> '{digest,algorithm}'),
		'digest_hex', CASE
			WHEN NOT names ? 'photo.checksum' THEN 'NULL::pg_catalog.text'
			WHEN names ->> 'photo.checksum:type' = 'pg_catalog.bytea'
			THEN 'pg_catalog.encode(p.{photo.checksum}, ''hex'')'
			ELSE 'pg_catalog.lower(p.{photo.checksum}::pg_catalog.text)' END,
		'is_digest', CASE
			WHEN NOT names ? 'photo.checksum' THEN 'false'
			WHEN names ->> 'photo.checksum:type' = 'pg_catalog.bytea'
			THEN 'p.{photo.checksum} {=} pg_catalog.decode(d.digest, ''hex'')'
			ELSE 'p.{photo.checksum} {=} d.digest::{photo.checksum:type}' END,
		-- A digest of the path itself follows the path.
		'and_path_digest', CASE WHEN mapping ? 'path_digest' THEN format(
			', {photo.checksum} = CASE WHEN %s THEN missing_photos.sha1(pg_catalog.convert_to('
			|| 'pg_catalog.concat(%L, k.place), ''UTF8'')) ELSE r.{photo.checksum} END',
			CASE WHEN names ? 'photo.algorithm'
				THEN format('r.{photo.algorithm}::pg_catalog.text {=} %L',
				            mapping #>> '{path_digest,algorithm}')
				ELSE 'r.{photo.external}' END,
			mapping #>> '{path_digest,prefix}') ELSE '' END,
		'size', CASE WHEN names ? 'photo.size' THEN 'p.{photo.size}::pg_catalog.int8'
			WHEN names ? 'extra'
			THEN '(SELECT e.{extra.size}::pg_catalog.int8 FROM {extra} AS e '
				|| 'WHERE e.{extra.photo} {=} p.{photo.key})'
			ELSE 'NULL::pg_catalog.int8' END
	)) AS condition
$$;
COMMENT ON FUNCTION missing_photos.contract_names_single IS
	'conditions for libraries whose one row is the photo and its file';

CREATE FUNCTION missing_photos.contract_more(mapping jsonb, role text, part text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Each with a comma before it, to be put behind the columns and values we know.
	SELECT COALESCE(string_agg(', ' || CASE part
	           WHEN 'columns' THEN quote_ident(demand.name)
	           ELSE missing_photos.contract_zero(demand.type, demand.category) END,
	           '' ORDER BY demand.name), '')
	  FROM (SELECT mapping #> ARRAY['tables', role] AS bound) AS found
	 CROSS JOIN missing_photos.contract_demands(
	           (mapping ->> 'schema')::name, (bound ->> 'name')::name) AS demand
	 WHERE NOT EXISTS (SELECT FROM jsonb_each_text(bound -> 'columns') AS used
	                    WHERE used.value = demand.name)
$$;
COMMENT ON FUNCTION missing_photos.contract_more IS
	'columns, or values, that an INSERT must supply besides those of the mapping';
