-- The marker that docs/nas.md tells its reader to make, in the library's root.
SELECT format('COPY (SELECT 1) TO %L', server_path || '/.library')
  FROM missing_photos.registered_root WHERE app_path = '/data' \gexec
