-- Every object of the extension, one line for each thing that can be said of it. Two installations
-- with the same lines behave the same: names, definitions, columns in their order, rights, comments,
-- and what pg_dump carries.
WITH member AS (
	SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS object
	  FROM pg_depend AS d
	  JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'missing_photos'
	 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
), class AS (
	SELECT c.*, c.oid::regclass::text AS name
	  FROM member AS m JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
)
SELECT line FROM (
	SELECT 'member ' || m.object || ': ' || COALESCE(obj_description(m.objid, c.relname), 'no comment')
	  FROM member AS m JOIN pg_class AS c ON c.oid = m.classid
	UNION ALL
	SELECT format('function %s owner %s acl %s: %s', p.oid::regprocedure, p.proowner::regrole,
	              array(SELECT a::text FROM unnest(COALESCE(p.proacl, acldefault('f', p.proowner))) AS a ORDER BY a::text), pg_get_functiondef(p.oid))
	  FROM member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
	UNION ALL
	SELECT format('relation %s kind %s owner %s options %s acl %s rls %s', c.name, c.relkind, c.relowner::regrole,
	              c.reloptions, array(SELECT a::text FROM unnest(COALESCE(c.relacl, acldefault(
	                  CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) AS a ORDER BY a::text), c.relrowsecurity)
	  FROM class AS c
	UNION ALL
	SELECT format('column %s.%s %s: %s %s %s %s %s storage %s %s: %s', c.name,
	              row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
	              format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
	              pg_get_expr(d.adbin, d.adrelid), a.attstorage, a.attcompression, col_description(c.oid, a.attnum))
	  FROM class AS c
	  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	  LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
	 WHERE c.relkind <> 'S'
	UNION ALL
	SELECT format('view %s: %s', c.name, pg_get_viewdef(c.oid)) FROM class AS c WHERE c.relkind = 'v'
	UNION ALL
	SELECT format('index %s: %s', c.name, pg_get_indexdef(i.indexrelid))
	  FROM class AS c JOIN pg_index AS i ON i.indrelid = c.oid
	UNION ALL
	SELECT format('constraint %s %s: %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
	  FROM class AS c JOIN pg_constraint AS k ON k.conrelid = c.oid
	UNION ALL
	SELECT format('trigger %s: %s', c.name, pg_get_triggerdef(t.oid))
	  FROM class AS c JOIN pg_trigger AS t ON t.tgrelid = c.oid AND NOT t.tgisinternal
	UNION ALL
	SELECT format('policy %s %s: %s %s %s', c.name, p.polname, p.polcmd,
	              pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid))
	  FROM class AS c JOIN pg_policy AS p ON p.polrelid = c.oid
	UNION ALL
	SELECT format('type %s: %s', t.oid::regtype,
	              (SELECT string_agg(l.enumlabel, ' ' ORDER BY l.enumsortorder) FROM pg_enum AS l WHERE l.enumtypid = t.oid))
	  FROM member AS m JOIN pg_type AS t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
	UNION ALL
	SELECT format('attribute %s.%s %s', t.oid::regtype, a.attname, format_type(a.atttypid, a.atttypmod))
	  FROM member AS m
	  JOIN pg_type AS t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
	  JOIN pg_class AS c ON c.oid = t.typrelid AND c.relkind = 'c'
	  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	UNION ALL
	SELECT format('schema %s acl %s', n.nspname, array(SELECT a::text FROM unnest(COALESCE(n.nspacl, acldefault('n', n.nspowner))) AS a ORDER BY a::text))
	  FROM member AS m JOIN pg_namespace AS n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
	UNION ALL
	SELECT format('dumped %s where "%s"', x.relation::regclass, x.condition)
	  FROM pg_extension AS e CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) AS x (relation, condition)
	 WHERE e.extname = 'missing_photos'
) AS s (line)
 ORDER BY line COLLATE "C";
