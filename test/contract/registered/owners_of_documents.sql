-- The documents again, each its owner's, and where the tests' files are.
SELECT * FROM missing_photos.register_library('paperless', 'documents_document',
	owner_column => 'owner_id', owner_table => 'auth_user',
	path_column => 'filename', root => '/data/', digest_column => 'checksum', trash_column => 'deleted_at',
	derived_column => 'archive_filename', derived_root => '/data/archive');
