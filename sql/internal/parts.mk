SQL_INTERNAL = \
	sql/internal/schema.sql \
	sql/internal/tables.sql \
	sql/internal/root.sql \
	sql/internal/identity.sql \
	sql/internal/twins.sql \
	sql/internal/record.sql \
	sql/internal/archive.sql \
	sql/internal/references.sql \
	sql/internal/deletion_edges.sql \
	sql/internal/deletion_plan.sql \
	sql/internal/deletion_rules.sql \
	sql/internal/deletion.sql \
	sql/internal/undo.sql \
	sql/internal/moves.sql \
	sql/internal/relink.sql \
	sql/internal/relink_stage.sql \
	sql/internal/relink_match.sql \
	sql/internal/relink_content.sql \
	sql/internal/contents.sql \
	sql/internal/merge.sql \
	sql/internal/history.sql \
	sql/internal/job.sql \
	sql/internal/queue.sql \
	sql/internal/derived.sql \
	sql/internal/drain.sql \
	sql/internal/delete.sql \
	sql/internal/watch.sql
