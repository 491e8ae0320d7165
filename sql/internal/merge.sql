-- The statements that fold photos into others: everything that references the one then references the
-- other. They are made from the catalog each time, so that tables nobody foresaw come along, and run
-- with the caller's rights and search_path: every name in them has its schema. $1: the photos that
-- stay, $2: beside them those that go, both as text.

-- Whether row c, which references a photo that goes, has its like among those of the one that stays.
CREATE FUNCTION missing_photos.merge_likeness(relation oid, key_column name, same_columns name[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH kept AS (
		SELECT format('SELECT FROM %s AS o WHERE o.%I OPERATOR(pg_catalog.=) k.stays::%s',
		              missing_photos.relation_source(relation), key_column,
		              missing_photos.type_name(a.atttypid)) AS rows
		  FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = key_column
	), unique_index AS (
		-- An index's condition is left aside: better a row too many that goes than an error.
		SELECT index.indexrelid,
		       (SELECT string_agg(format(' AND o.%I OPERATOR(pg_catalog.=) c.%1$I', a.attname), ''
		                          ORDER BY part.place)
		          FROM unnest(index.indkey::smallint[]) WITH ORDINALITY AS part (attnum, place)
		          JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = part.attnum
		         WHERE part.place <= index.indnkeyatts AND a.attname <> key_column) AS others
		  FROM pg_index AS index
		 WHERE index.indrelid = relation AND index.indisunique
		   AND EXISTS (SELECT FROM unnest(index.indkey::smallint[]) WITH ORDINALITY AS part (attnum, place)
		                 JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = part.attnum
		                WHERE part.place <= index.indnkeyatts AND a.attname = key_column)
	), plain AS (
		-- Without such an index, a row that says the same in every column but its own key.
		SELECT string_agg(format(' AND (o.%I::pg_catalog.text OPERATOR(pg_catalog.=) c.%1$I::pg_catalog.text'
		                         || ' OR o.%1$I IS NULL AND c.%1$I IS NULL)', column_name), '') AS others
		  FROM unnest(missing_photos.stored_columns(relation)) AS column_name
		 WHERE column_name <> key_column
		   AND (NOT column_name = ANY (missing_photos.row_key(relation))
		        OR missing_photos.row_key(relation) = missing_photos.stored_columns(relation))
	), told AS (
		SELECT string_agg(format(' AND o.%I OPERATOR(pg_catalog.=) c.%1$I', column_name), '') AS others,
		       string_agg(format('c.%I IS NULL', column_name), ' OR ') AS unknown
		  FROM unnest(same_columns) AS column_name
	)
	SELECT concat_ws(' OR ',
		(SELECT string_agg(format('EXISTS (%s%s)', kept.rows, unique_index.others), ' OR '
		                   ORDER BY unique_index.indexrelid) FROM unique_index, kept),
		CASE WHEN NOT EXISTS (SELECT FROM unique_index)
		     THEN (SELECT format('EXISTS (%s%s)', kept.rows, plain.others) FROM plain, kept) END,
		(SELECT format('EXISTS (%s%s) OR (%s) AND EXISTS (%1$s)', kept.rows, told.others, told.unknown)
		   FROM told, kept WHERE cardinality(same_columns) > 0))
$$;
COMMENT ON FUNCTION missing_photos.merge_likeness IS
	'a condition: the photo that stays has a row like row c already';

CREATE FUNCTION missing_photos.merge_reference(
	relation oid, key_column name, same_columns name[])
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Returns the row's key as it is now, and what the column was and is: the archive's form of a
	-- change.
	SELECT format(
		'UPDATE %s AS c SET %I = k.stays::%s'
		|| ' FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS k(stays, goes)'
		|| ' WHERE c.%2$I OPERATOR(pg_catalog.=) k.goes::%3$s AND NOT (%4$s)'
		|| ' RETURNING %5$s, k.goes::%3$s, k.stays::%3$s',
		missing_photos.relation_source(relation), key_column, missing_photos.type_name(a.atttypid),
		missing_photos.merge_likeness(relation, key_column, same_columns),
		(SELECT string_agg(format('c.%I', key.name), ', ' ORDER BY key.place)
		   FROM unnest(missing_photos.row_key(relation)) WITH ORDINALITY AS key (name, place)))
	  FROM pg_attribute AS a
	 WHERE a.attrelid = merge_reference.relation AND a.attname = key_column
$$;
COMMENT ON FUNCTION missing_photos.merge_reference IS
	'the statement that makes a table''s rows reference the photo that stays';

-- What the photo's own row takes over: a rating, where it has a lower one.
CREATE FUNCTION missing_photos.merge_own(relation oid, key_column name, photo jsonb)
RETURNS TABLE (columns name[], statement text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT ARRAY[key_column, taken.name],
	       format('UPDATE %1$s AS p SET %2$I = k.now FROM (SELECT o.%3$I AS key, o.%2$I AS was, %4$s AS now'
	              || ' FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS w(stays, goes)'
	              || ' JOIN %1$s AS o ON o.%3$I OPERATOR(pg_catalog.=) w.stays::%5$s'
	              || ' JOIN %1$s AS n ON n.%3$I OPERATOR(pg_catalog.=) w.goes::%5$s WHERE %6$s) AS k'
	              || ' WHERE p.%3$I OPERATOR(pg_catalog.=) k.key RETURNING p.%3$I, k.was, k.now',
	              missing_photos.relation_source(relation), taken.name, key_column,
	              CASE taken.role WHEN 'rating' THEN format('n.%I', taken.name) ELSE 'false' END,
	              photo #>> '{types,key}',
	              CASE taken.role
	              WHEN 'rating' THEN format('n.%I OPERATOR(pg_catalog.>) o.%1$I', taken.name)
	              WHEN 'removed' THEN format('o.%I', taken.name)
	              ELSE format('o.%I AND o.%I', taken.name, photo #>> '{columns,removed}') END)
	  FROM (SELECT used.key AS role, used.value::name AS name
	          FROM jsonb_each_text(photo -> 'columns') AS used
	         WHERE used.key IN ('rating', 'removed')
	            OR used.key = 'trashed' AND photo -> 'columns' ? 'removed') AS taken
	 ORDER BY taken.role DESC
$$;
COMMENT ON FUNCTION missing_photos.merge_own IS
	'the statements that bring the rating over, and take a photo whose files had been removed out of the trash';

CREATE FUNCTION missing_photos.merge_steps()
RETURNS TABLE (relation oid, columns text[], keys integer, statement text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
	WITH photo AS (
		SELECT class.oid AS relation, (bound #>> '{columns,key}')::name AS key_column, bound, mapping,
		       space.nspname AS schema
		  FROM (SELECT a.mapping, a.mapping #> '{tables,photo}' AS bound
		          FROM missing_photos.attached_library AS a) AS library
		  JOIN pg_namespace AS space ON space.nspname = library.mapping ->> 'schema'
		  JOIN pg_class AS class
		    ON class.relnamespace = space.oid AND class.relname = library.bound ->> 'name'
	), reference AS (
		SELECT DISTINCT r.child, pair.child_column
		  FROM photo
		 CROSS JOIN LATERAL missing_photos.references_to(photo.relation) AS r
		 CROSS JOIN LATERAL unnest(r.parent_columns, r.child_columns)
		         AS pair (parent_column, child_column)
		 WHERE pair.parent_column = photo.key_column
	)
	SELECT photo.relation, o.columns::text[], 1, o.statement
	  FROM photo
	 CROSS JOIN LATERAL missing_photos.merge_own(photo.relation, photo.key_column, photo.bound) AS o
	UNION ALL
	SELECT reference.child, (missing_photos.row_key(reference.child) || reference.child_column)::text[],
	       cardinality(missing_photos.row_key(reference.child)),
	       missing_photos.merge_reference(reference.child, reference.child_column, told.columns)
	  FROM photo
	 CROSS JOIN reference
	  JOIN pg_class AS class ON class.oid = reference.child
	 CROSS JOIN LATERAL (
		SELECT ARRAY(SELECT jsonb_array_elements_text(photo.mapping #> ARRAY['same_rows', class.relname])
		              WHERE class.relnamespace = photo.schema::regnamespace)::name[] AS columns) AS told
$$;
COMMENT ON FUNCTION missing_photos.merge_steps IS
	'the statements that fold photos into others, with what they return: a row''s key (keys columns), a column''s old value and its new one';

CREATE FUNCTION missing_photos.merge_lock()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('SELECT FROM %I.%I AS p WHERE p.%I OPERATOR(pg_catalog.=) ANY'
	              || ' (pg_catalog.array_cat($1, $2)::%s[]) ORDER BY p.%3$I FOR UPDATE',
	              a.mapping ->> 'schema', bound ->> 'name', bound #>> '{columns,key}',
	              bound #>> '{types,key}')
	  FROM missing_photos.attached_library AS a
	 CROSS JOIN LATERAL (SELECT a.mapping #> '{tables,photo}' AS bound) AS photo
$$;
COMMENT ON FUNCTION missing_photos.merge_lock IS
	'the statement that locks the photos of a merge, in the order of their keys';
