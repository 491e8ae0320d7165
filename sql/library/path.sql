-- Where a row's path is. Mostly in one column, but some applications keep a relative path below a
-- folder of their own, or the number of a directory and a name. Each such layout is a few columns, and
-- for each column what it holds of a path {it}; all that templates say of paths follows from these.

CREATE FUNCTION missing_photos.path_columns(mapping jsonb)
RETURNS TABLE (place integer, "column" text, value text)
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT part.place, replace(part.name, 'row.', kind.role || '.'),
	       replace(part.value, 'row.', kind.role || '.')
	  FROM (SELECT missing_photos.path_role(mapping) AS role, columns,
	               CASE WHEN columns ? 'leaf' THEN 'directory'
	                    WHEN columns ? 'relative' THEN 'relative' ELSE 'plain' END AS layout
	          FROM (SELECT mapping #> ARRAY['tables', missing_photos.path_role(mapping), 'columns']
	                       AS columns) AS bound) AS kind
	  JOIN (VALUES
		('plain', 1, '{row.path}', '{it}::{row.path:type}'),
		('relative', 1, '{row.relative}',
		 'CASE WHEN pg_catalog.starts_with({it}, {prefix}) THEN pg_catalog.substr({it}, {after_prefix}) '
		 || 'ELSE {it} END::{row.relative:type}'),
		('directory', 1, '{row.directory}',
		 '(SELECT d.{directory.key} FROM {directory} AS d WHERE {directory_of_it} '
		 || 'ORDER BY d.{directory.key} LIMIT 1)'),
		('directory', 2, '{row.leaf}',
		 'pg_catalog.regexp_replace({it}, ''^.*/'', '''')::{row.leaf:type}')
	  ) AS part (layout, place, name, value) ON part.layout = kind.layout
$$;
COMMENT ON FUNCTION missing_photos.path_columns IS
	'the columns that make up a path, and what each holds of it';

CREATE FUNCTION missing_photos.path_role(mapping jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE mapping ->> 'shape' WHEN 'linked' THEN 'file' ELSE 'photo' END $$;
COMMENT ON FUNCTION missing_photos.path_role IS 'which table has the paths';

-- What several values need: the folder that relative paths start from, and the directory of a path,
-- which applications write with or without a slash at either end.
CREATE FUNCTION missing_photos.path_terms(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT terms || CASE WHEN names ? 'directory' THEN jsonb_build_object('directory_of_it',
		'd.{directory.path} {=} ANY (ARRAY(SELECT v.path::{directory.path:type} FROM (SELECT '
		|| CASE WHEN mapping ? 'root' THEN
			'CASE WHEN pg_catalog.starts_with({it}, {prefix}) '
			|| 'THEN pg_catalog.substr({it}, {before_name}) END'
		   ELSE '{it}' END
		|| ') AS i(path) CROSS JOIN LATERAL (SELECT pg_catalog.regexp_replace(i.path, ''/[^/]*$'', '''')) '
		|| 'AS c(path) CROSS JOIN LATERAL (VALUES (c.path), (pg_catalog.concat(c.path, ''/''))'
		|| CASE WHEN mapping ? 'root' THEN
			', (pg_catalog.substr(c.path, 2)), (pg_catalog.substr(pg_catalog.concat(c.path, ''/''), 2))'
		   ELSE '' END || ') AS v(path) WHERE i.path IS NOT NULL))')
		ELSE '{}' END
	  FROM (SELECT jsonb_build_object(
	               'prefix', quote_nullable((mapping ->> 'root') || '/'),
	               'after_prefix', length(mapping ->> 'root') + 2,
	               'before_name', length(mapping ->> 'root') + 1) AS terms) AS t
$$;
COMMENT ON FUNCTION missing_photos.path_terms IS 'what path_columns'' values are made of';

-- The expression for a path, where it is more than a column.
CREATE FUNCTION missing_photos.path_expression(mapping jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT replace(CASE
	       WHEN columns ? 'leaf' THEN
	           '(SELECT ' || CASE WHEN mapping ? 'root' THEN
	               '{start} OPERATOR(pg_catalog.||) CASE WHEN pg_catalog.btrim(d.{directory.path}::pg_catalog.text, ''/'') {=} '''' '
	               || 'THEN '''' ELSE ''/'' OPERATOR(pg_catalog.||) pg_catalog.btrim(d.{directory.path}::pg_catalog.text, ''/'') END'
	             ELSE 'pg_catalog.rtrim(d.{directory.path}::pg_catalog.text, ''/'')' END
	           || ' OPERATOR(pg_catalog.||) ''/'' OPERATOR(pg_catalog.||) {a}.{row.leaf}::pg_catalog.text'
	           || ' FROM {directory} AS d WHERE d.{directory.key} {=} {a}.{row.directory})'
	       WHEN columns ? 'relative' THEN
	           '(CASE WHEN {a}.{row.relative}::pg_catalog.text {=} '''' '
	           || 'OR pg_catalog.starts_with({a}.{row.relative}::pg_catalog.text, ''/'') '
	           || 'THEN {a}.{row.relative}::pg_catalog.text '
	           || 'ELSE {prefix} OPERATOR(pg_catalog.||) {a}.{row.relative}::pg_catalog.text END)'
	       END, 'row.', missing_photos.path_role(mapping) || '.')
	  FROM (SELECT mapping #> ARRAY['tables', missing_photos.path_role(mapping), 'columns'] AS columns)
	       AS bound
$$;
COMMENT ON FUNCTION missing_photos.path_expression IS
	'a path that is kept in pieces, put together; NULL where it is a column';

-- The placeholders. g.path is a path asked for, k.place one to be written, r the row written to.
CREATE FUNCTION missing_photos.path_names(mapping jsonb, names jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	role text := missing_photos.path_role(mapping);
	alias text := CASE role WHEN 'file' THEN 'f' ELSE 'p' END;
	expression text := missing_photos.path_expression(mapping);
	terms jsonb := names || missing_photos.path_terms(mapping, names);
	columns text[];
	at_path text[];
	taken text[];
	written text[];
BEGIN
	terms := terms || jsonb_build_object('start', quote_nullable(mapping ->> 'root'));
	IF expression IS NOT NULL THEN
		names := names || jsonb_build_object(role || '.path:expression', expression,
			role || '.path:type', 'pg_catalog.text') || (terms - ARRAY(SELECT jsonb_object_keys(names)));
	END IF;
	SELECT array_agg(missing_photos.contract_fill(c.column, names) ORDER BY c.place),
	       array_agg(missing_photos.path_value(c.value, terms, 'g.path') ORDER BY c.place),
	       array_agg(missing_photos.path_value(c.value, terms, 't.path') ORDER BY c.place),
	       array_agg(missing_photos.path_value(c.value, terms, 'k.place') ORDER BY c.place)
	  INTO columns, at_path, taken, written
	  FROM missing_photos.path_columns(mapping) AS c;
	RETURN names || jsonb_build_object(
		'at_path', (SELECT string_agg(format('%s.%s OPERATOR(pg_catalog.=) %s', alias, u.name, u.value), ' AND ')
		              FROM unnest(columns, at_path) AS u (name, value)),
		'row_path', missing_photos.contract_fill(format('r.{%s.path}::pg_catalog.text', role), names),
		'row_is_taken', format('%s OPERATOR(pg_catalog.=) ANY (SELECT %s FROM pg_catalog.unnest(my.taking) AS t(path))',
			CASE cardinality(columns) WHEN 1 THEN 'r.' || columns[1]
				ELSE format('ROW(r.%s, r.%s)', columns[1], columns[2]) END,
			array_to_string(taken, ', ')),
		'set_path', array_to_string(ARRAY(SELECT format('%s = %s', u.name, u.value)
		                                    FROM unnest(columns, written) AS u (name, value)), ', ')
			|| missing_photos.path_followers(mapping, names, terms, true),
		-- To a name that no file has; in the directory it is in.
		'set_aside', format('%s = k.place::%s', columns[cardinality(columns)],
			names ->> format('%s.%s:type', role, CASE WHEN cardinality(columns) = 2 THEN 'leaf'
				WHEN expression IS NOT NULL THEN 'relative' ELSE 'path' END))
			|| missing_photos.path_followers(mapping, names, terms, false),
		'and_can_hold', CASE
			WHEN cardinality(columns) = 2 THEN ' AND EXISTS (SELECT FROM '
				|| missing_photos.path_value('{directory} AS d WHERE {directory_of_it})', terms, 'w.new_path')
			WHEN expression IS NOT NULL THEN ' AND '
				|| missing_photos.path_value('pg_catalog.starts_with({it}, {prefix})', terms, 'w.new_path')
			ELSE '' END);
END
$$;
COMMENT ON FUNCTION missing_photos.path_names IS 'what the templates'' placeholders for paths stand for';

CREATE FUNCTION missing_photos.path_value(template text, terms jsonb, it text)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_fill(template, terms || jsonb_build_object('it', it,
		'directory_of_it', missing_photos.contract_fill(
			COALESCE(terms ->> 'directory_of_it', ''), terms || jsonb_build_object('it', it))))
$$;
COMMENT ON FUNCTION missing_photos.path_value IS 'a template about a path {it}, filled';

-- Columns that say something of the path besides: the name alone, a digest of the path, the album that
-- stands for its folder. An album that doesn't exist can't be told, so the old one stays.
CREATE FUNCTION missing_photos.path_followers(mapping jsonb, names jsonb, terms jsonb, at_home boolean)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT COALESCE(string_agg(', ' || missing_photos.path_value(follower.template, terms, 'k.place'), ''
	                           ORDER BY follower.place), '')
	  FROM (VALUES
		(1, names ? 'photo.name' AND at_home,
		 '{photo.name} = pg_catalog.regexp_replace({it}, ''^.*/'', '''')::{photo.name:type}'),
		(2, names ? 'photo.path_hash',
		 '{photo.path_hash} = pg_catalog.md5({it})::{photo.path_hash:type}'),
		(3, names ? 'photo.directory' AND NOT names ? 'photo.leaf' AND at_home,
		 '{photo.directory} = COALESCE((SELECT d.{directory.key} FROM {directory} AS d '
		 || 'WHERE {directory_of_it} ORDER BY d.{directory.key} LIMIT 1), r.{photo.directory})')
	  ) AS follower (place, wanted, template)
	 WHERE follower.wanted AND missing_photos.path_role(mapping) = 'photo'
$$;
COMMENT ON FUNCTION missing_photos.path_followers IS
	'what else is written when a row''s path changes';
