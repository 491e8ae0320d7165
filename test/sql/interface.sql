-- What the extension consists of: every object says what it is, and nothing is just anybody's.
SET client_min_messages = warning;
CREATE EXTENSION missing_photos;
CREATE SCHEMA library;
SELECT missing_photos.attach_library('standalone', 'library');

CREATE VIEW member AS
	SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, d.objsubid) AS object
	  FROM pg_depend AS d
	 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype IN ('e', 'x')
	   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'missing_photos');

-- Without a comment. An identity column's sequence belongs to its table, as do a table's row type and
-- the arrays of any type, which are members of their own from version 17 on.
SELECT m.object FROM member AS m
 WHERE m.object NOT LIKE 'sequence %'
   AND NOT EXISTS (
       SELECT FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid
        WHERE m.classid = 'pg_type'::regclass AND t.oid = m.objid
          AND (t.typcategory = 'A' OR c.relkind IN ('r', 'v')))
   AND obj_description(m.objid, (SELECT relname FROM pg_class WHERE oid = m.classid)) IS NULL
 ORDER BY m.object COLLATE "C";

-- PUBLIC's. USAGE of a type is everybody's by PostgreSQL's default and gives nothing away.
SELECT m.object, a.privilege_type
  FROM member AS m
  LEFT JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
  LEFT JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
  LEFT JOIN pg_namespace AS n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
 CROSS JOIN LATERAL aclexplode(CASE m.classid
           WHEN 'pg_proc'::regclass THEN COALESCE(p.proacl, acldefault('f', p.proowner))
           WHEN 'pg_class'::regclass THEN COALESCE(c.relacl, acldefault('r', c.relowner))
           WHEN 'pg_namespace'::regclass THEN COALESCE(n.nspacl, acldefault('n', n.nspowner))
           END) AS a
 WHERE a.grantee = 0 AND m.classid <> 'pg_type'::regclass
 ORDER BY m.object COLLATE "C", a.privilege_type;

-- Who runs with the extension's rights pins what names mean.
SELECT p.oid::regprocedure, p.proconfig
  FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
 WHERE p.prosecdef
 ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure
  FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
 WHERE p.prosecdef AND p.proconfig IS DISTINCT FROM '{"search_path=pg_catalog, pg_temp"}';

-- A procedure that commits can have neither SECURITY DEFINER nor SET, nor can its parts.
SELECT p.oid::regprocedure FROM pg_proc AS p JOIN member AS m ON m.objid = p.oid
 WHERE p.prokind = 'p' AND (p.prosecdef OR p.proconfig IS NOT NULL);

-- What people call, and what administrators call.
SELECT p.oid::regprocedure, pg_get_function_result(p.oid) AS result, p.provolatile AS volatile
  FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
 WHERE p.pronamespace <> 'missing_photos'::regnamespace
 ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT regexp_replace(m.object, '(register_library\(text,regclass,).*', '\1...)') AS object, a.privilege_type
  FROM member AS m
  LEFT JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
  LEFT JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
 CROSS JOIN LATERAL aclexplode(COALESCE(p.proacl, c.relacl)) AS a
 WHERE a.grantee = 'pg_read_server_files'::regrole
 ORDER BY m.object COLLATE "C", a.privilege_type;
\d missing_counts
\d missing_files
\d missing_jobs
\d missing_photos.history
\d missing_photos.roots
\d missing_photos.findings

-- Everything of the extension goes with it, what attach_library made too; the library stays.
DROP VIEW member;
DROP EXTENSION missing_photos;
SELECT count(*) FROM pg_proc WHERE proname LIKE 'library\_%';
SELECT count(*) FROM pg_namespace WHERE nspname = 'missing_photos';
SELECT relname FROM pg_class WHERE relnamespace = 'library'::regnamespace AND relkind = 'r'
 ORDER BY relname COLLATE "C";
SET client_min_messages = error;
DROP SCHEMA library CASCADE;
