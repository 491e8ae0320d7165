-- The plan of a deletion: which statements, in which order, take some rows of a table and all that
-- depends on them. It names no application: what a foreign key says is read from the catalog, and
-- where that can't tell, the preset's mapping does (key "deletion", see docs/deleting.md).
--
-- Keys travel as text arrays, cast in the statements, so that indexes are used. Statements run with
-- the caller's rights and search_path: every name in them has its schema.

CREATE TYPE missing_photos.deletion_step AS (
	kind         text,
	node         integer,
	relation     oid,
	columns      name[],
	keys         integer,
	param_nodes  integer[],
	param_keys   integer[],
	statement    text,
	action       text,
	touch_rules  text[],
	touch_places integer[],
	look         text
);
COMMENT ON TYPE missing_photos.deletion_step IS
	'a statement of a deletion; its parameters are columns of the keys collected for a node, or (node -1) the keys given, or (-2) the owner';

CREATE FUNCTION missing_photos.edge_statement(
	edge missing_photos.deletion_edge, columns name[])
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	source text := missing_photos.relation_source(edge.child);
	keys text := missing_photos.edge_keys(edge, 1);
	condition text := missing_photos.edge_condition(edge, 1);
BEGIN
	IF edge.action = 'check' THEN
		RETURN format('SELECT 1 %s LIMIT 1', missing_photos.edge_source(edge));
	ELSIF edge.action = 'delete' THEN
		RETURN format('DELETE FROM %s AS t USING %s WHERE %s RETURNING %s', source, keys, condition,
			(SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
			   FROM unnest(columns) WITH ORDINALITY AS c (c, n)));
	END IF;
	-- The rows are locked as they are, so that what is kept of them is what they lose.
	RETURN format('WITH old AS MATERIALIZED (SELECT t.tableoid AS home, t.ctid AS place, %s'
		|| ' FROM %s AS t, %s WHERE %s FOR NO KEY UPDATE OF t)'
		|| ' UPDATE %s AS t SET %s FROM old'
		|| ' WHERE t.ctid OPERATOR(pg_catalog.=) old.place'
		|| ' AND t.tableoid OPERATOR(pg_catalog.=) old.home RETURNING %s, %s, %s',
		(SELECT string_agg(format('t.%I AS o%s', c, n), ', ' ORDER BY n)
		   FROM unnest(edge.set_columns) WITH ORDINALITY AS c (c, n)),
		source, keys, condition, source,
		(SELECT string_agg(format('%I = %s', c,
		            CASE edge.action WHEN 'set null' THEN 'NULL' ELSE 'DEFAULT' END), ', ')
		   FROM unnest(edge.set_columns) AS c),
		(SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
		   FROM unnest(columns) WITH ORDINALITY AS c (c, n)),
		(SELECT string_agg(format('old.o%s', n), ', ' ORDER BY n)
		   FROM generate_subscripts(edge.set_columns, 1) AS n),
		(SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
		   FROM unnest(edge.set_columns) WITH ORDINALITY AS c (c, n)));
END
$$;
COMMENT ON FUNCTION missing_photos.edge_statement IS
	'deletes or changes the rows that reference deleted ones, and returns what they were';

-- Rows t that reference what goes and have something else to reference.
CREATE FUNCTION missing_photos.replace_source(edge missing_photos.deletion_edge)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('FROM %s AS t WHERE t.%I OPERATOR(pg_catalog.=) ANY ($1::%s[]) AND %s IS NOT NULL',
	              missing_photos.relation_source(edge.child), edge.child_columns[1],
	              edge.parent_types[1], missing_photos.edge_other(edge, 1))
$$;
COMMENT ON FUNCTION missing_photos.replace_source IS
	'the rows that reference something else from now on, as a FROM clause';

CREATE FUNCTION missing_photos.replace_statement(edge missing_photos.deletion_edge, row_key name[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('WITH old AS MATERIALIZED (SELECT t.tableoid AS home, t.ctid AS place, t.%1$I AS old,'
		|| ' %2$s AS new %3$s FOR UPDATE OF t)'
		|| ' UPDATE %4$s AS t SET %1$I = old.new FROM old'
		|| ' WHERE t.ctid OPERATOR(pg_catalog.=) old.place'
		|| ' AND t.tableoid OPERATOR(pg_catalog.=) old.home RETURNING %5$s, old.old, t.%1$I',
		edge.child_columns[1], missing_photos.edge_other(edge, 1),
		missing_photos.replace_source(edge), missing_photos.relation_source(edge.child),
		(SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
		   FROM unnest(row_key) WITH ORDINALITY AS c (c, n)))
$$;
COMMENT ON FUNCTION missing_photos.replace_statement IS
	'has rows reference something else instead of what goes, and returns what they were';

-- The root's keys are given as one column; what references it may want others.
CREATE FUNCTION missing_photos.deletion_plan(
	root oid, key_column name, owner_column name, stay oid[], mapping jsonb)
RETURNS SETOF missing_photos.deletion_step
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	edges missing_photos.deletion_edge[] :=
		missing_photos.deletion_edges(root, stay, mapping);
	tables oid[];
	node_keys jsonb := '{}';
	given text;
	types text[];
BEGIN
	SELECT array_agg(d.relation ORDER BY d.depth, d.relation) INTO tables
	  FROM missing_photos.deletion_depths(root, edges) AS d;
	SELECT COALESCE(jsonb_object_agg(k.parent, k.columns), '{}') INTO node_keys
	  FROM (SELECT c.parent, jsonb_agg(DISTINCT c.name) AS columns
	          FROM (SELECT e.parent, unnest(e.parent_columns) AS name FROM unnest(edges) AS e) AS c
	         GROUP BY c.parent) AS k;
	-- Where nothing but the keys given is wanted of the root, they are at hand.
	IF node_keys -> root::text = jsonb_build_array(key_column) THEN
		node_keys := node_keys - root::text;
	END IF;
	SELECT array_agg(missing_photos.type_name(a.atttypid) ORDER BY w.place) INTO types
	  FROM unnest(ARRAY[key_column, owner_column]) WITH ORDINALITY AS w (name, place)
	  JOIN pg_attribute AS a ON a.attrelid = root AND a.attname = w.name;
	given := format('t.%I OPERATOR(pg_catalog.=) ANY ($1::%s[])', key_column, types[1])
		|| CASE WHEN owner_column IS NULL THEN '' ELSE format(
			' AND t.%I OPERATOR(pg_catalog.=) $2::%s', owner_column, types[2]) END;

	-- First of all, rows let go of what goes where they have something else to reference.
	RETURN QUERY
	SELECT 'replace', NULL::integer, (f.e).child, r.columns || (f.e).child_columns,
	       cardinality(r.columns), '{-1}'::integer[], '{0}'::integer[],
	       missing_photos.replace_statement(f.e, r.columns),
	       format('set %s', (f.e).child_columns[1]), NULL::text[], NULL::integer[],
	       missing_photos.replace_source(f.e)
	  FROM (SELECT edges[n] AS e, n FROM generate_subscripts(edges, 1) AS n) AS f
	 CROSS JOIN LATERAL (SELECT missing_photos.row_key((f.e).child) AS columns) AS r
	 WHERE (f.e).instead IS NOT NULL AND (f.e).parent = root
	   AND (f.e).parent_columns = ARRAY[key_column]
	 ORDER BY f.n;

	-- Keys, from the root down.
	RETURN QUERY
	SELECT 'collect', (n.node - 1)::integer, n.relation,
	       ARRAY(SELECT jsonb_array_elements_text(node_keys -> n.relation::text))::name[],
	       NULL::integer, s.param_nodes, s.param_keys, s.statement, NULL::text, NULL::text[],
	       NULL::integer[], NULL::text
	  FROM unnest(tables) WITH ORDINALITY AS n (relation, node)
	 CROSS JOIN LATERAL missing_photos.collect_statement(
	           n.relation, root, edges, tables, node_keys, given, owner_column IS NOT NULL) AS s
	 WHERE node_keys ? n.relation::text
	 ORDER BY n.node;

	RETURN QUERY SELECT i.* FROM missing_photos.deletion_inserts(root, owner_column, mapping) AS i;

	-- References are let go first; then rows go, those furthest from the root before the others, so
	-- that each check finds nothing.
	RETURN QUERY
	SELECT CASE (f.e).action WHEN 'delete' THEN 'delete' WHEN 'check' THEN 'check' ELSE 'change' END,
	       array_position(tables, (f.e).child) - 1, (f.e).child,
	       CASE WHEN (f.e).action = 'delete' THEN c.columns ELSE c.columns || (f.e).set_columns END,
	       CASE WHEN (f.e).action LIKE 'set %' THEN cardinality(c.columns) END,
	       p.nodes, p.keys, missing_photos.edge_statement(f.e, c.columns), (f.e).action,
	       touch.rules, touch.places, NULL::text
	  FROM (SELECT edges[n] AS e, n FROM generate_subscripts(edges, 1) AS n) AS f
	 CROSS JOIN LATERAL (SELECT CASE (f.e).action
	           WHEN 'delete' THEN missing_photos.stored_columns((f.e).child)
	           ELSE missing_photos.row_key((f.e).child) END AS columns) AS c
	 CROSS JOIN LATERAL missing_photos.edge_parameters(
	           (f.e).parent, (f.e).parent_columns, tables, node_keys) AS p
	 CROSS JOIN LATERAL missing_photos.touched_by((f.e).child,
	           CASE WHEN (f.e).action = 'delete' THEN c.columns END, mapping) AS touch
	  LEFT JOIN missing_photos.deletion_depths(root, edges) AS d ON d.relation = (f.e).child
	 ORDER BY (f.e).action = 'delete', d.depth DESC, (f.e).child,
	          (f.e).parent = (f.e).child DESC, f.n;

	-- Where rows are, without the first words of a statement: what the caller can't see may still be
	-- there, and then nothing may go; the preview counts by the same.
	RETURN QUERY
	SELECT 'guard', NULL::integer, (f.e).child, touch.columns, NULL::integer, p.nodes, p.keys,
	       missing_photos.edge_source(f.e), (f.e).action, touch.labels, NULL::integer[],
	       NULL::text
	  FROM (SELECT edges[n] AS e, n FROM generate_subscripts(edges, 1) AS n) AS f
	 CROSS JOIN LATERAL missing_photos.edge_parameters(
	           (f.e).parent, (f.e).parent_columns, tables, node_keys) AS p
	 CROSS JOIN LATERAL missing_photos.preview_touched((f.e).child, (f.e).action, mapping) AS touch
	 ORDER BY f.n;

	RETURN QUERY
	SELECT 'delete', 0, root, s.columns, NULL::integer,
	       CASE WHEN owner_column IS NULL THEN '{-1}' ELSE '{-1,-2}' END::integer[],
	       CASE WHEN owner_column IS NULL THEN '{0}' ELSE '{0,0}' END::integer[],
	       format('DELETE FROM %s AS t WHERE %s RETURNING %s',
	              missing_photos.relation_source(root), given,
	              (SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
	                 FROM unnest(s.columns) WITH ORDINALITY AS c (c, n))),
	       'delete', touch.rules, touch.places,
	       format('FROM %s AS t WHERE %s', missing_photos.relation_source(root), given)
	  FROM (SELECT missing_photos.stored_columns(root) AS columns) AS s
	 CROSS JOIN LATERAL missing_photos.touched_by(root, s.columns, mapping) AS touch;
END
$$;
COMMENT ON FUNCTION missing_photos.deletion_plan IS
	'the statements that delete rows of a table and what depends on them, in order';

CREATE FUNCTION missing_photos.edge_parameters(
	parent oid, columns name[], tables oid[], node_keys jsonb,
	OUT nodes integer[], OUT keys integer[])
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT array_agg(CASE WHEN node_keys ? parent::text THEN array_position(tables, parent) - 1
	                      ELSE -1 END),
	       array_agg(COALESCE((SELECT k.place - 1
	                    FROM jsonb_array_elements_text(node_keys -> parent::text)
	                         WITH ORDINALITY AS k (name, place)
	                   WHERE k.name = c.name), 0)::integer ORDER BY c.place)
	  FROM unnest(columns) WITH ORDINALITY AS c (name, place)
$$;
COMMENT ON FUNCTION missing_photos.edge_parameters IS
	'where a step finds the keys of the rows it follows';

CREATE FUNCTION missing_photos.collect_statement(
	relation oid, root oid, edges missing_photos.deletion_edge[], tables oid[], node_keys jsonb,
	given text, of_owner boolean,
	OUT statement text, OUT param_nodes integer[], OUT param_keys integer[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	columns text := (SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
	                   FROM jsonb_array_elements_text(node_keys -> relation::text)
	                        WITH ORDINALITY AS c (c, n));
	edge missing_photos.deletion_edge;
	more record;
BEGIN
	IF relation = root THEN
		statement := format('SELECT %s FROM %s AS t WHERE %s', columns,
			missing_photos.relation_source(relation), given);
		param_nodes := CASE WHEN of_owner THEN '{-1,-2}' ELSE '{-1}' END;
		param_keys := CASE WHEN of_owner THEN '{0,0}' ELSE '{0}' END;
		RETURN;
	END IF;
	FOREACH edge IN ARRAY edges LOOP
		CONTINUE WHEN edge.child <> relation OR edge.action <> 'delete';
		statement := concat_ws(' UNION ', statement, format('SELECT %s FROM %s AS t, %s WHERE %s',
			columns, missing_photos.relation_source(relation),
			missing_photos.edge_keys(edge, COALESCE(cardinality(param_nodes), 0) + 1),
			missing_photos.edge_condition(edge, COALESCE(cardinality(param_nodes), 0) + 1)));
		more := missing_photos.edge_parameters(edge.parent, edge.parent_columns, tables, node_keys);
		param_nodes := param_nodes || more.nodes;
		param_keys := param_keys || more.keys;
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.collect_statement IS
	'fetches the keys of the rows that go, for what references them';
