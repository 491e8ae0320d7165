# Whatever error the disk answers with, only "no such file" and "not a folder", on the file or on its
# folder, make a file missing.
use strict;
use warnings;
use Errno qw(ENOENT ENOTDIR);
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

use constant LAST_ERRNO => 133;

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('errno');
my $base = $node->basedir;
make_file("$base/disk/album$_/photo.jpg") for 1 .. 3;
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
create_library($node, 'library');
my $photo = $node->safe_psql('library', qq(
    SELECT sample.add_owner(7, '/data');
    SELECT sample.add_photos(7, array_agg('/data/album' || n || '/photo.jpg'))
      FROM generate_series(1, 3) n;
    SELECT missing_photos.add_root('/data', '$mount->{dir}');
    SELECT md5('/data/album1/photo.jpg') || '7'));
$photo =~ s/\s//g;
my $session = MissingPhotos::Session->new($node, 'library');
my $scan = 'SELECT missing FROM scan_missing(7)';
my $check = "SELECT count(*) FROM check_files('$photo') WHERE state = 'missing'";

is_deeply(missing_for($check, 'getattr', '/album1/photo.jpg'), [ ENOENT, ENOTDIR ],
    'check_files, error on the file');
is_deeply(missing_for($scan, 'getattr', '/album1/photo.jpg'), [ ENOENT, ENOTDIR ],
    'scan_missing, error on the file');
is_deeply(missing_for($scan, 'getattr', '/album1'), [ ENOENT, ENOTDIR ],
    'scan_missing, error on its folder');
is_deeply(missing_for($scan, 'opendir', '/album1'), [], 'scan_missing, the folder can\'t be listed');
is_deeply(missing_for($scan, 'readdir', '/album1'), [], 'scan_missing, its listing breaks off');
is_deeply(missing_for($scan, '*', '/'), [], 'scan_missing, error on the root');
is_deeply(missing_for($scan, 'statfs', '*'), [], 'scan_missing, error on asking for the file system');

# What the usual test for existence makes of it.
my @gone;
for my $errno (1 .. LAST_ERRNO)
{
    $mount->fail_with($errno, 'getattr', '/album1/photo.jpg');
    push @gone, $errno unless -e "$mount->{dir}/album1/photo.jpg";
    $mount->clear;
}
cmp_ok(scalar @gone, '>', 100,
    'an ordinary test for existence calls the file gone for ' . @gone . ' errors');

is($node->safe_psql('library', "$scan"), '0', 'at the end nothing is missing');
$session->close;
$node->stop;
done_testing();

# The error numbers for which the statement, rolled back, finds a file missing.
sub missing_for
{
    my ($statement, $operation, $pattern) = @_;
    my @missing;
    for my $errno (1 .. LAST_ERRNO)
    {
        $mount->fail_with($errno, $operation, $pattern);
        my ($count) = $session->query("BEGIN; $statement; ROLLBACK");
        $mount->clear;
        push @missing, $errno if $count =~ /^[1-9]/;
    }
    return \@missing;
}
