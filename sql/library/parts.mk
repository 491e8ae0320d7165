SQL_LIBRARY = \
	sql/library/introspect.sql \
	sql/library/bind.sql \
	sql/library/generate.sql \
	sql/library/names.sql \
	sql/library/owners.sql \
	sql/library/files.sql \
	sql/library/photo.sql \
	sql/library/flagged.sql \
	sql/library/counts.sql \
	sql/library/content.sql \
	sql/library/lock.sql \
	sql/library/mark_missing.sql \
	sql/library/mark_present.sql \
	sql/library/move.sql \
	sql/library/claimed.sql \
	sql/library/add.sql \
	sql/library/job.sql \
	sql/library/last_import.sql \
	sql/library/missing.sql \
	sql/library/deletion_librephotos.sql \
	sql/library/deletion_standalone.sql \
	sql/library/derived.sql \
	sql/library/preset_librephotos.sql \
	sql/library/preset_immich.sql \
	sql/library/preset_standalone.sql \
	sql/library/standalone_tables.sql \
	sql/library/attach.sql
