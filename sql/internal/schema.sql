-- Everything that isn't a verb or a view of the application lives in this schema, whatever schema
-- CREATE EXTENSION names: function bodies can then name it without knowing where they were put.
CREATE SCHEMA missing_photos;
COMMENT ON SCHEMA missing_photos IS
	'missing_photos: the attached library, its roots, findings and jobs';

CREATE TYPE missing_photos.file_state AS ENUM ('present', 'missing', 'unreachable', 'invalid');
COMMENT ON TYPE missing_photos.file_state IS
	'what the disk says of a file; only "missing" ever changes the library';

CREATE TYPE missing_photos.scan_result AS (
	job_id      uuid,
	photos      bigint,
	files       bigint,
	missing     bigint,
	restored    bigint,
	unreachable bigint,
	invalid     bigint,
	held        boolean,
	elapsed     interval
);
COMMENT ON TYPE missing_photos.scan_result IS
	'what a scan found: photos of the owner, files judged, newly flagged, restored, unreachable and invalid files, whether it was held for a person''s approval, and the time it took';
