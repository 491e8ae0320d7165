-- The ways a deletion goes: from a table's rows to those that reference them, at any depth, and what
-- becomes of these. An edge is a foreign key, seen by what it says of deleting.

CREATE TYPE missing_photos.deletion_edge AS (
	parent         oid,
	child          oid,
	partitions     oid[],
	parent_columns name[],
	child_columns  name[],
	parent_types   text[],
	operators      text[],
	action         text,
	set_columns    name[],
	instead        text
);
COMMENT ON TYPE missing_photos.deletion_edge IS
	'a foreign key, and what becomes of the rows that reference deleted ones: delete, set null, set default or check (there must be none); instead: what a row t can reference instead, {keys} being what goes';

-- What is to be done with rows that reference deleted ones. A root's own rows never go along: a photo
-- that references a missing one stays.
CREATE FUNCTION missing_photos.edge_action(
	rule "char", told text, nullable name[], set_columns name[], match_full boolean,
	columns integer, stays boolean, OUT action text, OUT changed name[])
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH can AS (
		SELECT ARRAY(SELECT c FROM unnest(set_columns) AS c WHERE c = ANY (nullable)) AS chosen,
		       nullable IS NOT NULL AND (NOT match_full OR cardinality(nullable) = columns) AS null
	)
	SELECT CASE
	       WHEN told = 'delete' AND NOT stays THEN 'delete'
	       WHEN rule = 'd' AND told IS NULL THEN 'set default'
	       WHEN rule = 'c' AND told IS NULL AND NOT stays THEN 'delete'
	       WHEN can.null THEN 'set null'
	       WHEN stays THEN 'check'
	       ELSE 'delete' END,
	       CASE WHEN rule = 'd' AND told IS NULL THEN set_columns
	            WHEN rule = 'n' AND cardinality(can.chosen) > 0 THEN can.chosen
	            ELSE nullable END
	  FROM can
$$;
COMMENT ON FUNCTION missing_photos.edge_action IS
	'what becomes of rows that reference deleted ones, and the columns that are set';

CREATE FUNCTION missing_photos.deletion_edges(root oid, stay oid[], mapping jsonb)
RETURNS missing_photos.deletion_edge[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	seen oid[] := ARRAY[root];
	edges missing_photos.deletion_edge[] := '{}';
	found record;
	place integer := 1;
BEGIN
	WHILE place <= cardinality(seen) LOOP
		FOR found IN
			SELECT r.*, a.action, a.changed
			  FROM missing_photos.references_to(seen[place]) AS r
			  JOIN pg_class AS class ON class.oid = r.child
			  JOIN pg_namespace AS space ON space.oid = class.relnamespace
			 CROSS JOIN LATERAL missing_photos.edge_action(r.rule,
			           CASE WHEN space.nspname = mapping ->> 'schema'
			                THEN mapping #>> ARRAY['deletion', 'references', class.relname || '.'
			                     || array_to_string(r.child_columns, ',')] END,
			           r.nullable, r.set_columns, r.match_full, cardinality(r.child_columns),
			           r.child = ANY (stay)) AS a
		LOOP
			edges := edges || ROW(seen[place], found.child, found.partitions, found.parent_columns,
				found.child_columns, found.parent_types, found.operators, found.action,
				found.changed, CASE WHEN found.action = 'delete' THEN missing_photos.edge_instead(
					found.child, found.child_columns, mapping) END)::missing_photos.deletion_edge;
			IF found.action = 'delete' AND NOT found.child = ANY (seen) THEN
				seen := seen || found.child;
			END IF;
		END LOOP;
		place := place + 1;
	END LOOP;
	RETURN edges;
END
$$;
COMMENT ON FUNCTION missing_photos.deletion_edges IS
	'the foreign keys by which a deletion goes on from a table, at any depth';

CREATE FUNCTION missing_photos.deletion_depths(
	root oid, edges missing_photos.deletion_edge[], OUT relation oid, OUT depth integer)
RETURNS SETOF record
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	depths jsonb := jsonb_build_object(root::text, 0);
	edge missing_photos.deletion_edge;
	deeper boolean := true;
	rounds integer := 0;
BEGIN
	-- The longest way from the root. Tables that reference each other in a circle would never end;
	-- no way is longer than there are keys.
	WHILE deeper AND rounds <= cardinality(edges) LOOP
		deeper := false;
		FOREACH edge IN ARRAY edges LOOP
			CONTINUE WHEN edge.action <> 'delete' OR edge.child = edge.parent
				OR NOT depths ? edge.parent::text;
			IF COALESCE((depths ->> edge.child::text)::integer, -1)
				<= (depths ->> edge.parent::text)::integer
			THEN
				depths := depths || jsonb_build_object(edge.child::text,
					(depths ->> edge.parent::text)::integer + 1);
				deeper := true;
			END IF;
		END LOOP;
		rounds := rounds + 1;
	END LOOP;
	RETURN QUERY SELECT e.key::oid, e.value::integer FROM jsonb_each_text(depths) AS e;
END
$$;
COMMENT ON FUNCTION missing_photos.deletion_depths IS
	'the tables whose rows a deletion takes, and how far each is from its root';

-- "e(k1, k2) in these arrays, and what of t references them". parameter: the first one's number.
CREATE FUNCTION missing_photos.edge_keys(edge missing_photos.deletion_edge, parameter integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('ROWS FROM (%s) AS e (%s)',
	           string_agg(format('pg_catalog.unnest($%s::%s[])', parameter + part.place - 1,
	                             part.type), ', ' ORDER BY part.place),
	           string_agg('k' || part.place, ', ' ORDER BY part.place))
	  FROM unnest(edge.parent_types) WITH ORDINALITY AS part (type, place)
$$;
COMMENT ON FUNCTION missing_photos.edge_keys IS 'the keys of deleted rows as a FROM item';

-- What row t can reference instead, NULL where there is nothing.
CREATE FUNCTION missing_photos.edge_other(edge missing_photos.deletion_edge, parameter integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT '(' || replace(edge.instead, '{keys}',
	                      format('$%s::%s[]', parameter, edge.parent_types[1])) || ')'
$$;
COMMENT ON FUNCTION missing_photos.edge_other IS 'the value of what row t references instead';

CREATE FUNCTION missing_photos.edge_condition(
	edge missing_photos.deletion_edge, parameter integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('e.k%s %s t.%I', part.place, part.operator, part.name), ' AND '
	                  ORDER BY part.place)
	       || CASE WHEN edge.instead IS NULL THEN ''
	               ELSE ' AND ' || missing_photos.edge_other(edge, parameter) || ' IS NULL' END
	       || CASE WHEN edge.partitions IS NULL THEN ''
	               ELSE format(' AND t.tableoid OPERATOR(pg_catalog.=) ANY (%L::pg_catalog.oid[])',
	                           edge.partitions) END
	  FROM unnest(edge.child_columns, edge.operators) WITH ORDINALITY AS part (name, operator, place)
$$;
COMMENT ON FUNCTION missing_photos.edge_condition IS 'whether row t references one of the keys e';

CREATE FUNCTION missing_photos.edge_source(edge missing_photos.deletion_edge)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('FROM %s AS t, %s WHERE %s', missing_photos.relation_source(edge.child),
	              missing_photos.edge_keys(edge, 1), missing_photos.edge_condition(edge, 1))
$$;
COMMENT ON FUNCTION missing_photos.edge_source IS 'the rows t that reference deleted ones';
