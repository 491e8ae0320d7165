SQL_SURFACE = \
	sql/surface/roots.sql \
	sql/surface/verbs.sql \
	sql/surface/delete.sql \
	sql/surface/hashes.sql \
	sql/surface/moves.sql \
	sql/surface/media.sql \
	sql/surface/views.sql \
	sql/surface/relink.sql \
	sql/surface/deletion.sql \
	sql/surface/derived.sql \
	sql/surface/jobs.sql \
	sql/surface/report.sql \
	sql/surface/watch.sql \
	sql/surface/privileges.sql
