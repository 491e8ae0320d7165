-- The statements that put archived rows back, made from the catalog as it is now: columns that were
-- added since get their defaults, generated ones are generated anew.
--
-- For each chunk of the archive there are two. One looks which of its rows can't be put back and
-- why; the other puts back those at given places. Both get the chunk's values as parameters, one
-- text array per column; in them g is a row of the archive, t one of the table.

CREATE FUNCTION missing_photos.equality(type oid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The equality of the type's default index, for which there may be an index.
	SELECT format('OPERATOR(%I.%s)', space.nspname, operator.oprname)
	  FROM pg_type AS asked
	  JOIN pg_opclass AS class
	    ON class.opcdefault
	   AND class.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree')
	   AND class.opcintype = CASE
	       WHEN EXISTS (SELECT FROM pg_opclass AS own
	                     WHERE own.opcintype = asked.oid AND own.opcdefault
	                       AND own.opcmethod = class.opcmethod) THEN asked.oid
	       WHEN asked.oid = 'varchar'::regtype THEN 'text'::regtype
	       WHEN asked.typtype = 'd' THEN asked.typbasetype
	       WHEN asked.typtype = 'e' THEN 'anyenum'::regtype
	       WHEN asked.typtype = 'r' THEN 'anyrange'::regtype
	       WHEN asked.typcategory = 'A' THEN 'anyarray'::regtype END
	  JOIN pg_amop AS amop
	    ON amop.amopfamily = class.opcfamily AND amop.amopstrategy = 3
	   AND amop.amoplefttype = class.opcintype AND amop.amoprighttype = class.opcintype
	  JOIN pg_operator AS operator ON operator.oid = amop.amopopr
	  JOIN pg_namespace AS space ON space.oid = operator.oprnamespace
	 WHERE asked.oid = equality.type
$$;
COMMENT ON FUNCTION missing_photos.equality IS
	'the operator by which values of a type are equal, none where there is none';

-- The archived columns that the table still has: as it is in the archive (g), with its type.
CREATE FUNCTION missing_photos.archived_columns(relation oid, columns name[])
RETURNS TABLE (place bigint, name name, type oid, value text, equal text, key_equal text)
LANGUAGE sql STABLE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.place, c.name, a.atttypid, v.value,
	       CASE WHEN e.operator IS NULL
	            THEN format('((t.%I::pg_catalog.text OPERATOR(pg_catalog.=) %s::pg_catalog.text'
	                        || ' OR t.%I IS NULL AND %s IS NULL) IS TRUE)',
	                        c.name, v.value, c.name, v.value)
	            ELSE format('((t.%I %s %s OR t.%I IS NULL AND %s IS NULL) IS TRUE)',
	                        c.name, e.operator, v.value, c.name, v.value) END,
	       format('t.%I %s %s', c.name, COALESCE(e.operator, 'OPERATOR(pg_catalog.=)'), v.value)
	  FROM unnest(columns) WITH ORDINALITY AS c (name, place)
	  JOIN pg_attribute AS a
	    ON a.attrelid = archived_columns.relation AND a.attname = c.name AND a.attnum > 0
	   AND NOT a.attisdropped AND a.attgenerated = ''
	 CROSS JOIN LATERAL (SELECT format('g.c%s::%s', c.place,
	                                   missing_photos.type_name(a.atttypid)) AS value) AS v
	 CROSS JOIN LATERAL (SELECT missing_photos.equality(a.atttypid) AS operator) AS e
$$;
COMMENT ON FUNCTION missing_photos.archived_columns IS
	'archived columns that a table still has, and how to compare them';

CREATE FUNCTION missing_photos.archived_source(columns integer)
RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('ROWS FROM (%s) WITH ORDINALITY AS g (%s, place)',
	              string_agg(format('pg_catalog.unnest($%s)', n), ', ' ORDER BY n),
	              string_agg(format('c%s', n), ', ' ORDER BY n))
	  FROM generate_series(1, columns) AS n
$$;
COMMENT ON FUNCTION missing_photos.archived_source IS 'a chunk''s rows as a FROM item';

-- What a row references must be there, or be put back by the same statement. expressions: what the
-- row will hold, by column.
CREATE FUNCTION missing_photos.lost_references(relation oid, expressions jsonb, own_rows text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format(' WHEN %s AND NOT EXISTS (SELECT FROM %s AS r WHERE %s)%s THEN %L',
	           part.given, missing_photos.relation_name(con.confrelid), part.found,
	           CASE WHEN con.confrelid = con.conrelid AND part.own IS NOT NULL AND own_rows <> ''
	                THEN format(' AND NOT EXISTS (SELECT FROM %s WHERE %s)', own_rows, part.own)
	                ELSE '' END,
	           format('the row of %s that it references is gone',
	                  missing_photos.relation_name(con.confrelid))), '' ORDER BY con.conname)
	  FROM pg_constraint AS con
	 CROSS JOIN LATERAL (
		SELECT string_agg(format('%s IS NOT NULL', expressions ->> child.attname), ' AND ') AS given,
		       string_agg(format('r.%I OPERATOR(%I.%s) %s', parent.attname, space.nspname,
		                         operator.oprname, expressions ->> child.attname), ' AND ') AS found,
		       string_agg(format('s.%s OPERATOR(pg_catalog.=) %s::pg_catalog.text',
		                         substr(split_part(expressions ->> parent.attname, '::', 1), 3),
		                         expressions ->> child.attname), ' AND ') AS own,
		       bool_and(expressions ? child.attname) AS whole
		  FROM unnest(con.confkey, con.conkey, con.conpfeqop)
		       AS pair (parent_attnum, child_attnum, operator)
		  JOIN pg_attribute AS parent
		    ON parent.attrelid = con.confrelid AND parent.attnum = pair.parent_attnum
		  JOIN pg_attribute AS child
		    ON child.attrelid = con.conrelid AND child.attnum = pair.child_attnum
		  JOIN pg_operator AS operator ON operator.oid = pair.operator
		  JOIN pg_namespace AS space ON space.oid = operator.oprnamespace
	  ) AS part
	 WHERE con.contype = 'f' AND con.conparentid = 0
	   AND con.conrelid = lost_references.relation AND part.whole
$$;
COMMENT ON FUNCTION missing_photos.lost_references IS
	'the foreign keys that rows to be put back would break, as branches of a CASE';

-- Columns that get new values in rows put back, as the application's clients need it.
CREATE FUNCTION missing_photos.renewed_columns(relation oid)
RETURNS name[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT ARRAY(
		SELECT attribute.attname
		  FROM missing_photos.attached_library AS library
		 CROSS JOIN LATERAL jsonb_array_elements_text(library.mapping #> '{deletion,renewed}')
		    AS renewed (name)
		  JOIN pg_class AS class ON class.oid = renewed_columns.relation
		  JOIN pg_namespace AS space
		    ON space.oid = class.relnamespace AND space.nspname = library.mapping ->> 'schema'
		  JOIN pg_attribute AS attribute
		    ON attribute.attrelid = class.oid AND attribute.attname = renewed.name
		   AND attribute.atthasdef AND NOT attribute.attisdropped)
$$;
COMMENT ON FUNCTION missing_photos.renewed_columns IS
	'columns of a table that get their defaults in rows put back';

CREATE FUNCTION missing_photos.undo_delete_statements(
	relation oid, columns name[], OUT look text, OUT apply text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	source text := missing_photos.archived_source(cardinality(columns));
	key name[] := missing_photos.row_key(relation);
	stored name[] := missing_photos.stored_columns(relation);
	renewed name[] := missing_photos.renewed_columns(relation);
	expressions jsonb;
	matches text;
	same text;
	lost text;
BEGIN
	SELECT jsonb_object_agg(c.name, c.value), string_agg(c.key_equal, ' AND ')
	           FILTER (WHERE c.name = ANY (key)),
	       format('ROW(%s)::pg_catalog.text OPERATOR(pg_catalog.=) ROW(%s)::pg_catalog.text',
	              string_agg(format('t.%I', c.name), ', ' ORDER BY c.place)
	                  FILTER (WHERE c.name <> ALL (renewed)),
	              string_agg(c.value, ', ' ORDER BY c.place)
	                  FILTER (WHERE c.name <> ALL (renewed))),
	       format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s'
	              || ' WHERE g.place OPERATOR(pg_catalog.=) ANY ($%s) ORDER BY g.place%s',
	              missing_photos.relation_name(relation),
	              string_agg(quote_ident(c.name), ', ' ORDER BY c.place)
	                  FILTER (WHERE c.name <> ALL (renewed)),
	              string_agg(c.value, ', ' ORDER BY c.place)
	                  FILTER (WHERE c.name <> ALL (renewed)), source, cardinality(columns) + 1,
	              CASE WHEN EXISTS (SELECT FROM pg_index AS i
	                                 WHERE i.indrelid = undo_delete_statements.relation
	                                   AND i.indisunique AND NOT i.indimmediate)
	                   THEN '' ELSE ' ON CONFLICT DO NOTHING' END)
	  INTO expressions, matches, same, apply
	  FROM missing_photos.archived_columns(relation, columns) AS c;
	lost := missing_photos.lost_references(relation, expressions,
		replace(source, ' AS g (', ' AS s ('));
	look := format('SELECT v.place, v.reason FROM (SELECT g.place, CASE%s%s ELSE NULL END AS reason'
		|| ' FROM %s%s) AS v WHERE v.reason IS NOT NULL',
		-- Rows without a key of their own may come twice.
		CASE WHEN key = stored OR NOT key <@ columns THEN ''
		     ELSE format(' WHEN %s THEN '''' WHEN t.tableoid IS NOT NULL THEN %L', same,
		                 'a row with its key exists, with other content') END,
		COALESCE(lost, ' WHEN false THEN NULL'), source,
		CASE WHEN key = stored OR NOT key <@ columns THEN ''
		     ELSE format(' LEFT JOIN %s AS t ON %s', missing_photos.relation_name(relation), matches)
		END);
END
$$;
COMMENT ON FUNCTION missing_photos.undo_delete_statements IS
	'look at and put back deleted rows';

-- A changed row gets its old values back if it still holds what the deletion wrote.
CREATE FUNCTION missing_photos.undo_change_statements(
	relation oid, columns name[], keys integer, OUT look text, OUT apply text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	changes integer := cardinality(columns) - keys;
	-- The archive's columns: the key, the old values, the new ones.
	source text := missing_photos.archived_source(keys + 2 * changes);
	names name[] := columns || columns[keys + 1 : cardinality(columns)];
	expressions jsonb;
	matches text;
	is_old text;
	is_new text;
	assign text;
BEGIN
	-- A table without a key is searched for the whole row, as it was left.
	SELECT string_agg(CASE WHEN missing_photos.row_key(relation)
	                                = missing_photos.stored_columns(relation)
	                       THEN c.equal ELSE c.key_equal END, ' AND ')
	           FILTER (WHERE c.place <= keys),
	       string_agg(c.equal, ' AND ')
	           FILTER (WHERE c.place > keys AND c.place <= keys + changes),
	       string_agg(c.equal, ' AND ') FILTER (WHERE c.place > keys + changes),
	       string_agg(format('%I = %s', c.name, c.value), ', ')
	           FILTER (WHERE c.place > keys AND c.place <= keys + changes),
	       (SELECT jsonb_object_agg(s.name, 't.' || quote_ident(s.name))
	          FROM unnest(missing_photos.stored_columns(relation)) AS s (name))
	           || jsonb_object_agg(c.name, c.value)
	              FILTER (WHERE c.place > keys AND c.place <= keys + changes)
	  INTO matches, is_old, is_new, assign, expressions
	  FROM missing_photos.archived_columns(relation, names) AS c;
	look := format('SELECT v.place, v.reason FROM (SELECT g.place, CASE'
		|| ' WHEN t.tableoid IS NULL THEN %L WHEN %s THEN '''' WHEN NOT (%s) THEN %L%s'
		|| ' ELSE NULL END AS reason FROM %s LEFT JOIN %s AS t ON %s) AS v'
		|| ' WHERE v.reason IS NOT NULL',
		'the row is gone', is_old, is_new, 'the row was changed since',
		COALESCE(missing_photos.lost_references(relation, expressions, ''), ''), source,
		missing_photos.relation_name(relation), matches);
	apply := format('UPDATE %s AS t SET %s FROM %s WHERE g.place OPERATOR(pg_catalog.=) ANY ($%s)'
		|| ' AND %s AND %s', missing_photos.relation_name(relation), assign, source,
		keys + 2 * changes + 1, matches, is_new);
END
$$;
COMMENT ON FUNCTION missing_photos.undo_change_statements IS
	'look at and put back changed rows';

CREATE FUNCTION missing_photos.undo_insert_statements(
	relation oid, columns name[], OUT look text, OUT apply text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	source text := missing_photos.archived_source(cardinality(columns));
	matches text;
	same text;
BEGIN
	SELECT string_agg(c.key_equal, ' AND ')
	           FILTER (WHERE c.name = ANY (missing_photos.row_key(relation))),
	       format('ROW(%s)::pg_catalog.text OPERATOR(pg_catalog.=) ROW(%s)::pg_catalog.text',
	              string_agg(format('t.%I', c.name), ', ' ORDER BY c.place),
	              string_agg(c.value, ', ' ORDER BY c.place))
	  INTO matches, same
	  FROM missing_photos.archived_columns(relation, columns) AS c;
	look := format('SELECT g.place, CASE WHEN t.tableoid IS NULL THEN '''' ELSE %L END'
		|| ' FROM %s LEFT JOIN %s AS t ON %s WHERE t.tableoid IS NULL OR NOT %s',
		'the row was changed since', source, missing_photos.relation_name(relation), matches, same);
	apply := format('DELETE FROM %s AS t USING %s WHERE g.place OPERATOR(pg_catalog.=) ANY ($%s)'
		|| ' AND %s AND %s', missing_photos.relation_name(relation), source,
		cardinality(columns) + 1, matches, same);
END
$$;
COMMENT ON FUNCTION missing_photos.undo_insert_statements IS
	'look at and take away rows that a deletion added';

CREATE FUNCTION missing_photos.undo_chunks(of_job uuid)
RETURNS SETOF bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Last things first, so that each row meets the state it was taken from.
	SELECT kept.id FROM missing_photos.archived_rows AS kept
	 WHERE kept.job_id = of_job ORDER BY kept.id DESC
$$;
COMMENT ON FUNCTION missing_photos.undo_chunks IS 'an archive''s parts in the order of undoing';

CREATE FUNCTION missing_photos.undo_chunk(
	of_id bigint, OUT relation text, OUT action text, OUT columns text[], OUT key_places integer[],
	OUT rule text, OUT rule_place integer, OUT row_values text[], OUT look text, OUT apply text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	kept missing_photos.archived_rows;
	home oid;
BEGIN
	SELECT * INTO STRICT kept FROM missing_photos.archived_rows AS k WHERE k.id = of_id;
	relation := format('%I.%I', kept.table_schema, kept.table_name);
	action := kept.action;
	columns := kept.columns;
	rule := kept.rule;
	row_values := kept.row_values;
	-- A counter can be made anew, where the rule still says how.
	SELECT array_position(kept.columns, (r.value ->> 'key')::name) - 1 INTO rule_place
	  FROM missing_photos.attached_library AS a
	 CROSS JOIN LATERAL jsonb_array_elements(a.mapping #> '{deletion,rules}') AS r
	 WHERE r.value ->> 'name' = kept.rule AND r.value ? 'from';
	SELECT class.oid INTO home
	  FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
	 WHERE space.nspname = kept.table_schema AND class.relname = kept.table_name;
	IF home IS NULL THEN
		RETURN;
	END IF;
	key_places := ARRAY(
		SELECT c.place - 1 FROM unnest(kept.columns) WITH ORDINALITY AS c (name, place)
		 WHERE CASE kept.action WHEN 'change' THEN c.place <= kept.keys
		       ELSE c.name = ANY (missing_photos.row_key(home)) END);
	IF kept.action = 'delete' THEN
		SELECT s.look, s.apply INTO undo_chunk.look, undo_chunk.apply
		  FROM missing_photos.undo_delete_statements(home, kept.columns) AS s;
	ELSIF kept.action = 'change' THEN
		SELECT s.look, s.apply INTO undo_chunk.look, undo_chunk.apply
		  FROM missing_photos.undo_change_statements(home, kept.columns, kept.keys) AS s;
	ELSE
		SELECT s.look, s.apply INTO undo_chunk.look, undo_chunk.apply
		  FROM missing_photos.undo_insert_statements(home, kept.columns) AS s;
	END IF;
END
$$;
COMMENT ON FUNCTION missing_photos.undo_chunk IS
	'a part of an archive and the statements that put it back; none where its table is gone';

-- What could not be put back stays in the archive, for another try.
CREATE FUNCTION missing_photos.keep_conflicts(of_id bigint, row_count integer, row_values text[])
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	DELETE FROM missing_photos.archived_rows AS kept
	 WHERE kept.id = of_id AND keep_conflicts.row_count = 0;
	UPDATE missing_photos.archived_rows AS kept
	   SET row_count = keep_conflicts.row_count, row_values = keep_conflicts.row_values
	 WHERE kept.id = of_id AND kept.row_count <> keep_conflicts.row_count;
$$;
COMMENT ON FUNCTION missing_photos.keep_conflicts IS
	'leaves in a part of an archive only what could not be put back';

CREATE FUNCTION missing_photos.end_undo(of_job uuid)
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH back AS (
		DELETE FROM missing_photos.archived_loss AS kept WHERE kept.archived_by = of_job
		RETURNING kept.loss
	)
	INSERT INTO missing_photos.loss SELECT (back.loss).* FROM back ON CONFLICT DO NOTHING;
	-- What was derived anew is no part of the deletion.
	DELETE FROM missing_photos.archived_rows AS kept
	 WHERE kept.job_id = of_job AND kept.rule IS NOT NULL;
	UPDATE missing_photos.archive AS a SET undone_at = clock_timestamp() WHERE a.job_id = of_job;
$$;
COMMENT ON FUNCTION missing_photos.end_undo IS
	'gives back what was known of lost files, and notes that a deletion was undone';

CREATE FUNCTION missing_photos.archive_owner(of_job uuid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT a.owner FROM missing_photos.archive AS a WHERE a.job_id = of_job
$$;
COMMENT ON FUNCTION missing_photos.archive_owner IS 'whose photos a job deleted';
