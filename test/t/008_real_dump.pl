# A loss of 30 files and their return on a real LibrePhotos database, compared row by row.
use strict;
use warnings;
use File::Path qw(make_path);
use File::Basename;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MissingPhotos::Sample;

use constant LOST => 30;

my $node = start_server('dump');
my $base = $node->basedir;
restore_library();

# Its files, under another folder than the application's.
my @paths = split /\n/, $node->safe_psql('dump',
    q(SELECT DISTINCT path FROM api_file JOIN api_photo_files ON file_id = hash
       WHERE path LIKE '/data/%' ORDER BY path));
cmp_ok(scalar @paths, '>', LOST, scalar @paths . ' files to look after');
make_file(on_disk($_)) for @paths;
$node->safe_psql('dump', qq(
    CREATE EXTENSION missing_photos;
    SELECT missing_photos.attach_library('librephotos');
    SELECT missing_photos.add_root('/data', '$base/disk')));

my @start = all_rows();
is(scan('missing, restored, unreachable, invalid, held'), '0|0|0|0|f', 'first scan: nothing missing');
is_deeply([ all_rows() ], \@start, 'first scan: nothing written');

# Every eighth file goes.
my @lost = @paths[ map { $_ * 8 } 0 .. LOST - 1 ];
@lost = @paths[ 0 .. LOST - 1 ] if @paths < LOST * 8;
for my $path (@lost)
{
    make_path(dirname("$base/aside$path"));
    rename(on_disk($path), "$base/aside$path") or die "$path: $!";
}
is(scan('missing, restored, unreachable, invalid, held'), LOST . '|0|0|0|f', '30 files newly missing');
is(scan('missing, restored'), '0|0', 'another scan finds nothing new');
is_deeply(
    [ split /\n/, $node->safe_psql('dump', 'SELECT path FROM missing_files WHERE owner = $$1$$ ORDER BY path COLLATE "C"') ],
    [ sort @lost ], 'missing_files lists exactly those');
is_deeply(
    [ split /\n/, $node->safe_psql('dump', 'SELECT path FROM api_file WHERE missing ORDER BY path COLLATE "C"') ],
    [ sort @lost ], 'the library flags exactly those');
is($node->safe_psql('dump',
        q(SELECT num_missing_photos, num_missing_files, num_unreachable_files FROM missing_counts
           WHERE owner = '1')),
    LOST . '|' . LOST . '|0', 'missing_counts agrees');
is($node->safe_psql('dump', q(SELECT s ->> 'num_missing_photos', s ->> 'num_missing_files'
                                FROM photo_stats(1) s)),
    LOST . '|' . LOST, 'photo_stats agrees');
nothing_else_written();

for my $path (@lost)
{
    rename("$base/aside$path", on_disk($path)) or die "$path: $!";
}
is(scan('missing, restored'), '0|' . LOST, 'the 30 files are back');
is_deeply([ all_rows() ], \@start, 'every row of the library is as at the start');
is($node->safe_psql('dump',
        q(SELECT num_missing_photos, num_missing_files FROM missing_counts WHERE owner = '1')),
    '0|0', 'and nothing counts as missing');
$node->stop;
done_testing();

sub restore_library
{
    my $dump = $ENV{MISSING_PHOTOS_DUMP};
    my $psql = $node->installed_command('psql') . " -Xq -v ON_ERROR_STOP=1 -o /dev/null -d '"
        . $node->connstr('dump') . "'";
    $node->safe_psql('postgres', 'CREATE DATABASE dump');
    if ($dump && -r $dump)
    {
        PostgreSQL::Test::Utils::system_or_bail("zcat '$dump' | $psql");
    }
    else
    {
        diag('*** no real dump (MISSING_PHOTOS_DUMP): the project\'s own fixture stands in');
        PostgreSQL::Test::Utils::system_or_bail(
            "$psql -f test/fixtures/librephotos_2024_03.sql -f test/fixtures/put.sql");
    }
    PostgreSQL::Test::Utils::system_or_bail("$psql -f test/tools/sample_library.sql");
    return if $dump && -r $dump;
    $node->safe_psql('dump', q(
        SELECT sample.add_owner(1, '/data')
         WHERE NOT EXISTS (SELECT FROM api_user WHERE id = 1);
        SELECT sample.add_photos(1, array_agg(format('/data/album%s/%s.jpg', n % 12, n)))
          FROM generate_series(1, 240) n));
}

sub on_disk
{
    my ($path) = @_;
    $path =~ s{^/data}{$base/disk};
    return $path;
}

sub scan
{
    my ($columns) = @_;
    return $node->safe_psql('dump', "SELECT $columns FROM scan_missing(1)");
}

sub all_rows
{
    return split /\n/, $node->safe_psql('dump',
        'SELECT * FROM sample.all_rows() ORDER BY table_name, row_text COLLATE "C"');
}

# Against the start: 30 link rows are gone, 30 file rows differ in their flag alone.
sub nothing_else_written
{
    my %before = map { $_ => 1 } @start;
    my %after = map { $_ => 1 } all_rows();
    my @gone = grep { !$after{$_} } @start;
    my @new = grep { !$before{$_} } sort keys %after;
    my @links = grep { /^api_photo_files\|/ } @gone;
    my @files = grep { /^api_file\|/ } @gone;
    is(scalar @links, LOST, '30 links are gone');
    s/"missing": false/"missing": true/ for @files;
    is_deeply([ sort @new ], [ sort @files ], '30 file rows changed, in their flag alone');
    is(scalar @gone, 2 * LOST, 'nothing else was written');
}
