# pg_ctl stop -m fast ends the server within two seconds while a scan waits for a dead mount.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time);
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('stop', 'missing_photos.probe_timeout = 600000');
my $base = $node->basedir;
make_file("$base/disk/album/photo.jpg");
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
create_library($node, 'library');
$node->safe_psql('library', qq(
    SELECT sample.add_owner(7, '/data');
    SELECT sample.add_photos(7, '{/data/album/photo.jpg}');
    SELECT missing_photos.add_root('/data', '$mount->{dir}')));

for my $mode ('fast', 'immediate')
{
    my @sessions = map { MissingPhotos::Session->new($node, 'library') } 1 .. 2;
    $mount->hang('*', '*');
    $sessions[0]->send('SELECT * FROM scan_missing(7)');
    ok($mount->wait_until_hanging(1), 'a scan hangs');
    $sessions[1]->send("SELECT file_hash('/data/album/photo.jpg')");
    ok($mount->wait_until_hanging(2), 'a hash hangs');
    my $before = time;
    $node->stop($mode);
    my $seconds = time - $before;
    cmp_ok($seconds, '<', 2, "stop -m $mode took " . milliseconds($seconds) . ' ms');
    cmp_ok($mount->hanging, '>=', 1, 'the mount still hangs');
    $_->close for @sessions;
    $mount->clear;
    $node->start;
}
$node->stop;
done_testing();
