# An ordinary role can call nothing, read nothing and learn nothing; the application's role, granted
# what the README says, can scan.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Sample;

my $node = start_server('rights');
my $disk = $node->basedir . '/disk';
make_file("$disk/a.jpg");
create_library($node, 'library');
$node->safe_psql('library', qq(
    SELECT sample.add_owner(7, '/data');
    SELECT sample.add_photos(7, '{/data/a.jpg,/data/gone.jpg}');
    SELECT missing_photos.add_root('/data', '$disk');
    CREATE ROLE nobody LOGIN;
    CREATE ROLE application LOGIN;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO nobody, application;
    REVOKE ALL ON missing_counts, missing_files, missing_jobs FROM nobody, application;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO nobody, application;
    SELECT missing_photos.grant_application('application')));
my $photo = $node->safe_psql('library', "SELECT md5('/data/a.jpg') || '7'");

# Every function of the extension is refused, and whether a file exists makes no difference.
my @calls = (
    'SELECT scan_missing(7)', 'CALL scan_missing_photos(7)', "SELECT * FROM check_files('$photo')",
    q(SELECT file_hash('/data/a.jpg')), q(SELECT file_hash('/data/gone.jpg')),
    q(SELECT file_hash('/data/a.jpg', 7)), "SELECT photo_paths('$photo')",
    "SELECT media_error('$photo')", 'SELECT photo_stats(7)', 'SELECT * FROM missing_counts',
    'SELECT * FROM missing_files');
my @administration = (
    q(SELECT missing_photos.attach_library('librephotos')), 'SELECT missing_photos.detach_library()',
    q(SELECT missing_photos.add_root('/etc')), q(SELECT missing_photos.drop_root('/data')),
    q(SELECT missing_photos.grant_application('nobody')));
refused('nobody', $_) for @calls, @administration, 'SELECT * FROM missing_photos.roots';
is($node->safe_psql('library', q(
        SELECT string_agg(p.oid::regprocedure::text, ', ')
          FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
          JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
         WHERE e.extname = 'missing_photos' AND p.prorettype <> 'trigger'::regtype
           AND (has_function_privilege('nobody', p.oid, 'EXECUTE')
                AND (has_schema_privilege('nobody', p.pronamespace, 'USAGE'))))),
    '', 'no function of the extension can be called by just anybody');
is($node->safe_psql('library', q(
        SELECT string_agg(c.oid::regclass::text, ', ')
          FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass
          JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
         WHERE e.extname = 'missing_photos' AND c.relkind IN ('r', 'v')
           AND has_table_privilege('nobody', c.oid, 'SELECT, INSERT, UPDATE, DELETE'))),
    '', 'no table or view either');

# The application's role works, and administers nothing.
is(as_role('application', 'SELECT missing, unreachable FROM scan_missing(7)'), '1|0',
    'the application can scan');
as_role('application', 'CALL scan_missing_photos(7)');
is(as_role('application', "SELECT state FROM check_files('$photo')"), 'present',
    'and check a photo');
like(as_role('application', q(SELECT file_hash('/data/a.jpg'))), qr/^[0-9a-f]{32}$/, 'and hash');
is(as_role('application', 'SELECT path FROM missing_files'), '/data/gone.jpg', 'and list');
is(as_role('application', q(SELECT num_missing_files FROM missing_counts WHERE owner = '7')), '1',
    'and count');
refused('application', $_) for @administration;
is($node->safe_psql('library', q(
        SELECT string_agg(c.oid::regclass::text, ', ')
          FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass
          JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
         WHERE e.extname = 'missing_photos' AND c.relkind = 'r'
           AND has_table_privilege('application', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))),
    '', 'the application can write no table of the extension');
$node->stop;
done_testing();

sub refused
{
    my ($role, $sql) = @_;
    my ($status, $out, $errors) = $node->psql('library', $sql,
        extra_params => [ '-U', $role ], on_error_stop => 1);
    isnt($status, 0, "$role: $sql fails");
    like($errors, qr/permission denied/, "$role: $sql: permission denied");
    unlike($errors, qr/a\.jpg|gone\.jpg/, "$role: $sql names no file");
}

sub as_role
{
    my ($role, $sql) = @_;
    return $node->safe_psql('library', $sql, extra_params => [ '-U', $role ]);
}
