-- Who may do what. Nothing is PUBLIC's; an administrator (superuser or pg_read_server_files) sets
-- up, and an application gets the verbs and views by grant_application.

CREATE FUNCTION missing_photos.grant_application(role regrole)
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	object record;
BEGIN
	EXECUTE format('GRANT USAGE ON SCHEMA missing_photos TO %s', role);
	FOR object IN
		SELECT kind, name FROM missing_photos.application_object
	LOOP
		EXECUTE format('GRANT %s ON %s %s TO %s',
			CASE object.kind WHEN 'TABLE' THEN 'SELECT' ELSE 'EXECUTE' END,
			object.kind, object.name, role);
	END LOOP;
END
$$;
COMMENT ON FUNCTION missing_photos.grant_application IS
	'lets an application''s role call the verbs and read the views; what it may do to the library''s own tables stays as it is';

-- Everything an application may use: what the extension put outside schema missing_photos, the
-- contract that attach_library generated, and what those call.
CREATE VIEW missing_photos.application_object AS
	SELECT CASE proc.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS kind,
	       proc.oid::regprocedure::text AS name
	  FROM pg_catalog.pg_proc AS proc
	  JOIN pg_catalog.pg_namespace AS space ON space.oid = proc.pronamespace
	  JOIN pg_catalog.pg_depend AS member
	    ON member.classid = 'pg_catalog.pg_proc'::regclass AND member.objid = proc.oid
	   AND member.refclassid = 'pg_catalog.pg_extension'::regclass
	   AND member.deptype IN ('e', 'x')
	  JOIN pg_catalog.pg_extension AS extension
	    ON extension.oid = member.refobjid AND extension.extname = 'missing_photos'
	 WHERE space.nspname <> 'missing_photos'
	    OR proc.proname LIKE 'library\_%'
	    OR proc.proname ^@ 'report'
	    OR proc.proname IN ('html', 'folder_of', 'check_library', 'paths_of', 'media_is_gone', 'media_error_of',
	                        'counts', 'flagged_files', 'sees_pair', 'seen_owners', 'files_below',
	                        'lost_hashes', 'is_lost', 'loser_of',
	                        'stats_of', 'approve_job', 'cancel_job', 'resume_job',
	                        'choose_candidate',
	                        'start_scan', 'start_relink', 'start_delete', 'run_pending_jobs',
	                        'scan_all', 'undo_scan', 'undo_changes',
	                        'job_is_alive', 'seen_roles', 'sees_all_roles', 'job_bar', 'sha1',
	                        'sibling_paths', 'kinds_of_names', 'remap_paths', 'undo_delete',
	                        'delete_preview', 'undo_retention', 'merge_reimported', 'undo_moves',
	                        'start_watching', 'stop_watching', 'watcher_is_alive')
	UNION ALL
	SELECT 'TABLE', class.oid::regclass::text
	  FROM pg_catalog.pg_class AS class
	  JOIN pg_catalog.pg_depend AS member
	    ON member.classid = 'pg_catalog.pg_class'::regclass AND member.objid = class.oid
	   AND member.refclassid = 'pg_catalog.pg_extension'::regclass AND member.deptype = 'e'
	  JOIN pg_catalog.pg_extension AS extension
	    ON extension.oid = member.refobjid AND extension.extname = 'missing_photos'
	 WHERE class.relkind = 'v' AND class.relname <> 'application_object';
COMMENT ON VIEW missing_photos.application_object IS
	'what grant_application grants';

DO $$
DECLARE
	object record;
BEGIN
	FOR object IN
		SELECT CASE proc.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS kind,
		       proc.oid::pg_catalog.regprocedure::pg_catalog.text AS name
		  FROM pg_catalog.pg_proc AS proc
		  JOIN pg_catalog.pg_depend AS member
		    ON member.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
		   AND member.objid = proc.oid AND member.deptype = 'e'
		  JOIN pg_catalog.pg_extension AS extension
		    ON extension.oid = member.refobjid AND extension.extname = 'missing_photos'
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM PUBLIC', object.kind, object.name);
	END LOOP;
END
$$;

GRANT USAGE ON SCHEMA missing_photos TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.attach_library(text, text) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.detach_library() TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.add_root(text, text, text) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.accept_root(text) TO pg_read_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.drop_root(text) TO pg_read_server_files;
GRANT SELECT ON missing_photos.roots TO pg_read_server_files;
GRANT USAGE ON SCHEMA missing_photos TO pg_write_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.add_derived_root(text, text, text) TO pg_write_server_files;
GRANT EXECUTE ON FUNCTION missing_photos.remove_derived_root(text) TO pg_write_server_files;
GRANT EXECUTE ON PROCEDURE missing_photos.drain_deletions(integer) TO pg_write_server_files;
GRANT SELECT ON missing_photos.derived_roots, missing_photos.deletions TO pg_write_server_files;
