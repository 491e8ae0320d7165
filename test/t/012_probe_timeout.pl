# A disk that gives no sign of life for missing_photos.probe_timeout makes its files unreachable, not
# missing; a slow one that does answer isn't given up.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('timeout', 'missing_photos.probe_timeout = 500',
    'missing_photos.probe_retry = 0');
my $base = $node->basedir;
make_file("$base/disk/album$_/photo.jpg") for 1 .. 30;
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
create_library($node, 'library');
$node->safe_psql('library', qq(
    SELECT sample.add_owner(7, '/data');
    SELECT sample.add_photos(7, array_agg('/data/album' || n || '/photo.jpg'))
      FROM generate_series(1, 30) n;
    SELECT missing_photos.add_root('/data', '$mount->{dir}');
    SELECT scan_missing(7)));
unlink("$base/disk/album1/photo.jpg") or die $!;

my $session = MissingPhotos::Session->new($node, 'library');
$mount->hang('*', '*');
my ($row, $messages, $seconds) =
    $session->query('SELECT missing, unreachable FROM scan_missing(7)');
is($row, '0|30', 'everything is unreachable, nothing is missing');
cmp_ok($seconds, '<', 3, 'after ' . milliseconds($seconds) . ' ms');
is($node->safe_psql('library', 'SELECT count(*) FROM api_file WHERE missing'), '0',
    'nothing is flagged');
is($node->safe_psql('library',
        q(SELECT num_unreachable_files FROM missing_counts WHERE owner = '7')), '30',
    'missing_counts says so');
$mount->clear;

# 30 folders at 40 ms a request take longer than the timeout altogether.
$mount->latency(40_000);
($row, $messages, $seconds) = $session->query(
    'SET missing_photos.probe_threads = 1; SELECT missing, unreachable FROM scan_missing(7)');
is($row, '1|0', 'a slow disk is waited for');
cmp_ok($seconds, '>', 0.5, 'longer than the timeout: ' . milliseconds($seconds) . ' ms');
$mount->clear;
$session->close;
$node->stop;
done_testing();
