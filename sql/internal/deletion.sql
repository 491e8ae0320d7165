-- What the C code asks about a deletion, as the extension's owner. The planner thinks of these
-- queries over the catalog that they are long and worth compiling, which takes a thousand times
-- as long as running them; and asked for each of many tables, they are planned as often unless told
-- not to be.

CREATE FUNCTION missing_photos.deletion_steps(part text)
RETURNS SETOF missing_photos.deletion_step
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
	-- part: "photo", "file", or the name of a rule whose rows go when nothing is left in them.
	WITH attached AS MATERIALIZED (
		SELECT missing_photos.mapping_at_hand(a.mapping) AS mapping
		  FROM missing_photos.attached_library AS a
	), library AS (
		SELECT a.mapping, a.mapping ->> 'schema' AS schema,
		       a.mapping #> ARRAY['tables', deletion_steps.part] AS bound,
		       (SELECT rule.value
		          FROM jsonb_array_elements(a.mapping #> '{deletion,rules}') AS rule
		         WHERE rule.value ->> 'name' = deletion_steps.part) AS rule
		  FROM attached AS a
	)
	SELECT step.*
	  FROM library
	  JOIN pg_namespace AS space ON space.nspname = library.schema
	  JOIN pg_class AS class
	    ON class.relnamespace = space.oid
	   AND class.relname = COALESCE(library.bound ->> 'name', library.rule ->> 'table')
	 CROSS JOIN LATERAL missing_photos.deletion_plan(class.oid,
	           COALESCE(library.bound #>> '{columns,key}', library.rule ->> 'key')::name,
	           (library.bound #>> '{columns,owner}')::name,
	           ARRAY(SELECT stays.oid
	                   FROM pg_class AS stays
	                  WHERE stays.relnamespace = space.oid
	                    AND stays.relname IN (library.mapping #>> '{tables,photo,name}',
	                                          library.mapping #>> '{tables,file,name}')),
	           library.mapping) AS step
$$;
COMMENT ON FUNCTION missing_photos.deletion_steps IS
	'the statements that delete photos, files or what became empty';

CREATE FUNCTION missing_photos.unsettled_rules(of_owner text)
RETURNS TABLE (
	job_id uuid, rule text, kind text, relation oid, columns name[], row_keys integer,
	keys text[], hold text, look text, statement text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	mapping jsonb := (SELECT missing_photos.mapping_at_hand(a.mapping)
	                    FROM missing_photos.attached_library AS a);
BEGIN
	RETURN QUERY
	SELECT u.job_id, u.rule, r.kind, class.oid, s.columns, s.row_keys, u.keys,
	       h.statement || format(' ORDER BY t.%I FOR %s SKIP LOCKED', key.attname,
	           CASE r.kind WHEN 'empty' THEN 'UPDATE' ELSE 'NO KEY UPDATE' END),
	       h.statement, s.statement
	  FROM (SELECT p.job_id, p.rule, array_agg(DISTINCT k.key) AS keys
	          FROM missing_photos.unsettled AS p CROSS JOIN LATERAL unnest(p.keys) AS k (key)
	         WHERE p.owner = of_owner
	         GROUP BY p.job_id, p.rule) AS u
	  JOIN LATERAL (SELECT e.value AS rule, e.ordinality,
	                       CASE WHEN e.value ? 'into' THEN 'insert'
	                            WHEN e.value ? 'column' THEN 'change' ELSE 'empty' END AS kind
	                  FROM jsonb_array_elements(mapping #> '{deletion,rules}') WITH ORDINALITY AS e
	                 WHERE e.value ->> 'name' = u.rule) AS r ON true
	  JOIN pg_namespace AS space ON space.nspname = mapping ->> 'schema'
	  JOIN pg_class AS held
	    ON held.relnamespace = space.oid AND held.relname = r.rule ->> 'table'
	  JOIN pg_class AS class
	    ON class.relnamespace = space.oid
	   AND class.relname = COALESCE(r.rule ->> 'into', r.rule ->> 'table')
	  JOIN pg_attribute AS key
	    ON key.attrelid = held.oid AND key.attname = r.rule ->> 'key'
	 CROSS JOIN LATERAL (SELECT format('SELECT t.%I::pg_catalog.text FROM %s AS t'
	           || ' WHERE t.%I OPERATOR(pg_catalog.=) ANY ($1::%s[])', key.attname,
	           missing_photos.relation_source(held.oid), key.attname,
	           missing_photos.type_name(key.atttypid)) AS statement) AS h
	 CROSS JOIN LATERAL missing_photos.settling_statement(
	           class.oid, r.rule, r.kind, missing_photos.type_name(key.atttypid), mapping) AS s
	 ORDER BY r.ordinality, u.job_id;
END
$$;
COMMENT ON FUNCTION missing_photos.unsettled_rules IS
	'what is yet to be brought in line for an owner, and the statements that do it';

-- The rows are held first, in a statement of their own: the next one then sees everything that was
-- committed before, and nobody changes them meanwhile.
CREATE FUNCTION missing_photos.settling_statement(
	relation oid, rule jsonb, kind text, key_type text, mapping jsonb,
	OUT columns name[], OUT row_keys integer, OUT statement text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	keys text := format('$1::%s[]', key_type);
	source text := missing_photos.relation_source(relation);
	row_key name[] := missing_photos.row_key(relation);
BEGIN
	IF kind = 'insert' THEN
		columns := missing_photos.stored_columns(relation);
		statement := missing_photos.rule_insert(relation, rule, mapping, keys)
			|| (SELECT ' RETURNING ' || string_agg(format('%I', c), ', ' ORDER BY n)
			      FROM unnest(columns) WITH ORDINALITY AS c (c, n));
	ELSIF kind = 'empty' THEN
		columns := ARRAY[rule ->> 'key'];
		statement := format('SELECT t.%I::pg_catalog.text FROM %s AS t'
			|| ' WHERE t.%I OPERATOR(pg_catalog.=) ANY (%s) AND %s', rule ->> 'key', source,
			rule ->> 'key', keys, missing_photos.rule_statement(rule ->> 'when', mapping, keys));
	ELSE
		columns := row_key || (rule ->> 'column')::name;
		row_keys := cardinality(row_key);
		statement := format('UPDATE %s AS t SET %I = v.new FROM (SELECT o.tableoid AS home,'
			|| ' o.ctid AS place, o.%I AS old, %s AS new FROM %s AS o %s'
			|| ' WHERE o.%I OPERATOR(pg_catalog.=) ANY (%s) AND %s) AS v'
			|| ' WHERE t.ctid OPERATOR(pg_catalog.=) v.place'
			|| ' AND t.tableoid OPERATOR(pg_catalog.=) v.home'
			|| ' AND (v.new OPERATOR(pg_catalog.=) v.old) IS NOT TRUE RETURNING %s, v.old, t.%I',
			source, rule ->> 'column', rule ->> 'column',
			missing_photos.rule_statement(rule ->> 'value', mapping, keys), source,
			COALESCE('LEFT JOIN (' || missing_photos.rule_statement(rule ->> 'from', mapping, keys)
			         || ') AS f ON f.key OPERATOR(pg_catalog.=) o.' || quote_ident(rule ->> 'key'),
			         ''),
			rule ->> 'key', keys,
			COALESCE(missing_photos.rule_statement(rule ->> 'when', mapping, keys), 'true'),
			(SELECT string_agg(format('t.%I', c), ', ' ORDER BY n)
			   FROM unnest(row_key) WITH ORDINALITY AS c (c, n)),
			rule ->> 'column');
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.settling_statement IS
	'what brings held rows in line, and what it returns';
