# An owner may be given as any type; what can't be right is a clear error.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Sample;

my $node = start_server('owner');
my $disk = $node->basedir . '/disk';
my $hash = "SELECT md5('/data/a.jpg') || '2'";
make_file("$disk/a.jpg");
create_library($node, 'library');
$node->safe_psql('library', qq(
    SELECT sample.add_owner(id, '/data') FROM unnest('{1,2,12,21,112}'::int[]) id;
    SELECT sample.add_photos(id, ARRAY['/data/a.jpg', '/data/gone' || id || '.jpg'])
      FROM unnest('{1,2,12,21,112}'::int[]) id;
    SELECT missing_photos.add_root('/data', '$disk')));

# Each owner sees its own files only, however it is named.
my %calls = (
    1 => 'SELECT (scan_missing(1)).missing',
    2 => q(SELECT missing FROM scan_missing('2')),
    12 => 'SELECT (s).missing FROM (SELECT scan_missing(id) AS s FROM api_user WHERE id = 12 OFFSET 0) x',
    21 => 'PREPARE untyped AS SELECT missing FROM scan_missing($1); EXECUTE untyped(21)',
    112 => 'SELECT missing FROM scan_missing(112::numeric)',
);
my $flagged = 0;
for my $owner (2, 12, 1, 112, 21)
{
    is($node->safe_psql('library', $calls{$owner}), '1', "$calls{$owner}: one file is missing");
    is($node->safe_psql('library', 'SELECT count(*) FROM api_file WHERE missing'), ++$flagged,
        "owner $owner alone was judged");
}
is($node->safe_psql('library', 'SELECT missing FROM scan_missing(2::bigint)'), '0', 'bigint works');
is($node->safe_psql('library', 'CALL scan_missing_photos(2::smallint)'), '', 'CALL with smallint works');
is($node->safe_psql('library', "SELECT state FROM check_files(($hash))"), 'present',
    'check_files takes a text key');
is($node->safe_psql('library',
        'SELECT string_agg(owner || num_missing_files, $$ $$ ORDER BY owner::int) FROM missing_counts'),
    '11 21 121 211 1121', 'missing_counts counts each owner for itself');

# What can't be right.
fails('SELECT scan_missing(NULL)', '22004', qr/null/i);
fails('SELECT scan_missing(NULL::integer)', '22004', qr/null/i);
fails('CALL scan_missing_photos(NULL)', '22004', qr/null/i);
fails('SELECT * FROM check_files(NULL)', '22004', qr/null/i);
fails('SELECT file_hash(NULL)', '22004', qr/null/i);
fails('SELECT scan_missing(3)', undef, qr/owner.*3|3.*owner/);
fails(q(SELECT scan_missing('nobody')), undef, qr/nobody/);
fails(q(SELECT * FROM check_files('no such photo')), undef, qr/no such photo/);
fails('BEGIN; CALL scan_missing_photos(2)', undef, qr/transaction/, qr/HINT/);

# A database where nothing is attached.
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$node->safe_psql('bare', 'CREATE EXTENSION missing_photos');
for my $call ('SELECT scan_missing(1)', 'CALL scan_missing_photos(1)',
    q(SELECT * FROM check_files('x')), q(SELECT photo_paths('x')), q(SELECT media_error('x')),
    'SELECT photo_stats(1)', 'SELECT * FROM missing_counts', 'SELECT * FROM missing_files')
{
    fails($call, '55000', qr/no photo library is attached/, qr/attach_library/, 'bare');
}
$node->stop;
done_testing();

# The statement fails with this SQLSTATE (any when undefined; never an internal error) and says so.
sub fails
{
    my ($sql, $state, $message, $hint, $database) = @_;
    my ($status, $out, $errors) = $node->psql($database // 'library', "\\set VERBOSITY verbose\n$sql;");
    my ($seen) = $errors =~ /ERROR:\s+(\w{5}):/;
    isnt($status, 0, "$sql fails");
    if ($state)
    {
        is($seen, $state, "$sql: SQLSTATE");
    }
    else
    {
        unlike($seen // 'XX000', qr/^XX/, "$sql: not an internal error");
    }
    like($errors, $message, "$sql: message");
    like($errors, $hint, "$sql: hint") if $hint;
}
