-- A preset's rules in a deletion's plan: what is derived from rows that go, and what is left in their
-- place (see sql/library/deletion_librephotos.sql).

-- Done once for a plan: many steps ask for the rules, and for the names to fill in. Versions of an
-- application are told apart by the columns they have. "touched" gathers, for each "table.column", the
-- rules that look at it.
CREATE FUNCTION missing_photos.mapping_at_hand(mapping jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	deletion jsonb := COALESCE(mapping -> 'deletion', '{}');
	have text[];
BEGIN
	SELECT COALESCE(array_agg(wanted.name), '{}') INTO have
	  FROM (SELECT DISTINCT jsonb_array_elements_text(
	                   COALESCE(rule -> 'needs', '[]') || COALESCE(rule -> 'unless', '[]'))
	          FROM jsonb_path_query(deletion, '$.*[*] ? (exists(@.needs) || exists(@.unless))')
	               AS rule) AS wanted (name)
	 WHERE missing_photos.has_column(mapping ->> 'schema', wanted.name);
	SELECT deletion || COALESCE(jsonb_object_agg(kind.name, kind.rules), '{}') INTO deletion
	  FROM (SELECT kind.name, COALESCE(jsonb_agg(rule.value ORDER BY rule.ordinality), '[]') AS rules
	          FROM (VALUES ('rules'), ('traces'), ('instead')) AS kind (name)
	          LEFT JOIN LATERAL jsonb_array_elements(deletion -> kind.name) WITH ORDINALITY AS rule
	            ON ARRAY(SELECT jsonb_array_elements_text(rule.value -> 'needs')) <@ have
	           AND NOT ARRAY(SELECT jsonb_array_elements_text(rule.value -> 'unless')) && have
	         GROUP BY kind.name) AS kind;
	RETURN mapping || jsonb_build_object('names', missing_photos.table_names(mapping),
		'deletion', deletion || jsonb_build_object('touched', (
			SELECT COALESCE(jsonb_object_agg(t.place, t.rules), '{}')
			  FROM (SELECT touched.place, jsonb_agg(rule.value -> 'name' ORDER BY rule.ordinality) AS rules
			          FROM jsonb_array_elements(deletion -> 'rules') WITH ORDINALITY AS rule
			         CROSS JOIN LATERAL jsonb_array_elements_text(rule.value -> 'touched') AS touched (place)
			         GROUP BY touched.place) AS t)));
END
$$;
COMMENT ON FUNCTION missing_photos.mapping_at_hand IS
	'the mapping with the deletion''s rules and traces that are for the layout at hand, and the names that fill its templates';

-- Which of a table's columns tell whose counters, covers or albums need another look. In PL/pgSQL, as
-- all that a plan asks for each of its tables: its queries are planned once.
CREATE FUNCTION missing_photos.touched_by(
	relation oid, columns name[], mapping jsonb, OUT rules text[], OUT places integer[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	SELECT array_agg(rule.name), array_agg(c.place::integer - 1) INTO rules, places
	  FROM pg_class AS class
	  JOIN pg_namespace AS space
	    ON space.oid = class.relnamespace AND space.nspname = mapping ->> 'schema'
	 CROSS JOIN LATERAL unnest(columns) WITH ORDINALITY AS c ("column", place)
	 CROSS JOIN LATERAL jsonb_array_elements_text(
	           mapping #> ARRAY['deletion', 'touched', class.relname || '.' || c.column]) AS rule (name)
	 WHERE class.oid = touched_by.relation;
END
$$;
COMMENT ON FUNCTION missing_photos.touched_by IS
	'which rules of the preset look at rows that a deletion took from a table';

-- The same for the preview: columns to count by, and what it says of them.
CREATE FUNCTION missing_photos.preview_touched(
	relation oid, action text, mapping jsonb, OUT columns name[], OUT labels text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	stored name[] := missing_photos.stored_columns(preview_touched.relation);
BEGIN
	columns := '{}';
	labels := '{}';
	IF action = 'delete' THEN
		SELECT COALESCE(array_agg(stored[touch.place + 1] ORDER BY touch.n), '{}'),
		       COALESCE(array_agg(format(E'%I.%I\n%s', mapping ->> 'schema',
		                    COALESCE(rule.value ->> 'into', rule.value ->> 'table'),
		                    CASE WHEN rule.value ? 'into' THEN 'insert'
		                         WHEN rule.value ? 'column' THEN 'set ' || (rule.value ->> 'column')
		                         ELSE 'delete if empty' END) ORDER BY touch.n), '{}')
		  INTO columns, labels
		  FROM missing_photos.touched_by(preview_touched.relation, stored, mapping) AS t
		 CROSS JOIN LATERAL unnest(t.rules, t.places) WITH ORDINALITY AS touch (rule, place, n)
		  JOIN LATERAL jsonb_array_elements(mapping #> '{deletion,rules}') AS rule
		    ON rule.value ->> 'name' = touch.rule;
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.preview_touched IS
	'what the preset''s rules would look at when rows of a table go';

CREATE FUNCTION missing_photos.has_column(schema_name text, table_and_column text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT EXISTS (
		SELECT FROM pg_attribute AS a
		  JOIN pg_class AS class ON class.oid = a.attrelid
		  JOIN pg_namespace AS space ON space.oid = class.relnamespace
		 WHERE space.nspname = schema_name
		   AND class.relname = split_part(table_and_column, '.', 1)
		   AND a.attname = split_part(table_and_column, '.', 2)
		   AND a.attnum > 0 AND NOT a.attisdropped)
$$;
COMMENT ON FUNCTION missing_photos.has_column IS 'whether a schema has this "table.column"';

CREATE FUNCTION missing_photos.rule_statement(template text, mapping jsonb, keys text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.contract_fill(template, (mapping -> 'names')
		|| jsonb_build_object('schema', quote_ident(mapping ->> 'schema'), 'keys', keys))
	 WHERE template IS NOT NULL
$$;
COMMENT ON FUNCTION missing_photos.rule_statement IS
	'a statement of the preset''s; {keys} is the array of keys it is about';

CREATE FUNCTION missing_photos.rule_insert(relation oid, rule jsonb, mapping jsonb, keys text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('INSERT INTO %s (%s) %s ON CONFLICT DO NOTHING',
	              missing_photos.relation_name(relation),
	              (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.n)
	                 FROM jsonb_array_elements_text(rule -> 'columns') WITH ORDINALITY AS c (name, n)),
	              missing_photos.rule_statement(rule ->> 'select', mapping, keys))
$$;
COMMENT ON FUNCTION missing_photos.rule_insert IS 'adds the rows that a trace or rule selects';

CREATE FUNCTION missing_photos.deletion_inserts(root oid, owner_column name, mapping jsonb)
RETURNS SETOF missing_photos.deletion_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'insert', NULL::integer, class.oid, s.columns, NULL::integer, '{-1}'::integer[],
	       '{0}'::integer[],
	       missing_photos.rule_insert(class.oid, rule.value, mapping,
	           format('$1::%s[]', missing_photos.type_name(key.atttypid)))
	       || (SELECT ' RETURNING ' || string_agg(format('%I', c), ', ' ORDER BY n)
	             FROM unnest(s.columns) WITH ORDINALITY AS c (c, n)),
	       'insert', NULL::text[], NULL::integer[],
	       missing_photos.rule_statement(rule.value ->> 'select', mapping,
	           format('$1::%s[]', missing_photos.type_name(key.atttypid)))
	  FROM jsonb_array_elements(mapping #> '{deletion,traces}') AS rule
	  JOIN pg_namespace AS space ON space.nspname = mapping ->> 'schema'
	  JOIN pg_class AS class
	    ON class.relnamespace = space.oid AND class.relname = rule.value ->> 'table'
	  JOIN pg_class AS of_class
	    ON of_class.relnamespace = space.oid AND of_class.relname = rule.value ->> 'of'
	   AND of_class.oid = root
	  JOIN pg_attribute AS key
	    ON key.attrelid = root AND key.attname = rule.value ->> 'key'
	 CROSS JOIN LATERAL (SELECT missing_photos.stored_columns(class.oid) AS columns) AS s
$$;
COMMENT ON FUNCTION missing_photos.deletion_inserts IS
	'rows that the application leaves where photos were deleted';

-- What the preset has a row of this table reference instead, with names filled in but for {keys}.
CREATE FUNCTION missing_photos.edge_instead(relation oid, columns name[], mapping jsonb)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT missing_photos.rule_statement(rule.value ->> 'value', mapping, '{keys}')
	  FROM pg_class AS class
	  JOIN pg_namespace AS space
	    ON space.oid = class.relnamespace AND space.nspname = mapping ->> 'schema'
	 CROSS JOIN LATERAL jsonb_array_elements(mapping #> '{deletion,instead}') AS rule
	 WHERE class.oid = edge_instead.relation AND class.relname = rule.value ->> 'table'
	   AND columns = ARRAY[(rule.value ->> 'column')::name]
$$;
COMMENT ON FUNCTION missing_photos.edge_instead IS
	'what a row can reference instead of what goes, where the preset says';
