# A probe that dies in the middle of a scan is replaced once, with a message, and the result is the
# same; when its successor dies as well, the scan fails and changes nothing.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

use constant FOLDERS => 40;

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('killed');
my $base = $node->basedir;
make_file("$base/disk/album$_/photo.jpg") for 1 .. FOLDERS;
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
create_library($node, 'library');
$node->safe_psql('library', qq(
    SELECT sample.add_owner(7, '/data');
    SELECT sample.add_photos(7, array_agg('/data/album' || n || '/photo.jpg'))
      FROM generate_series(1, ${\FOLDERS}) n;
    SELECT missing_photos.add_root('/data', '$mount->{dir}')));
unlink("$base/disk/album3/photo.jpg") or die $!;

# Every request takes 15 ms, so that there is a middle.
my $session = MissingPhotos::Session->new($node, 'library');
$session->query('SET missing_photos.probe_threads = 1');
$mount->latency(15_000);
$session->send('SELECT missing, unreachable FROM scan_missing(7)');
my $first = next_probe($session, 0);
sleep 0.2;
kill('SEGV', $first);
my ($row, $messages) = $session->wait;
is($row, '1|0', 'the scan ends with the right result');
like($messages, qr/^(WARNING|NOTICE):.*probe/m, 'and says that the probe died');

rename_back();
$node->safe_psql('library', 'SELECT scan_missing(7)');
unlink("$base/disk/album5/photo.jpg") or die $!;
my $before = $node->safe_psql('library', 'SELECT count(*) FROM api_photo_files');
$mount->latency(15_000);
$session->send('SELECT missing, unreachable FROM scan_missing(7)');
my $last = 0;
for (1 .. 2)
{
    $last = next_probe($session, $last);
    sleep 0.2;
    kill('KILL', $last);
}
($row, $messages) = $session->wait;
like($messages, qr/^ERROR:.*probe/m, 'a scan whose second probe dies as well fails');
is($node->safe_psql('library', 'SELECT count(*) FROM api_photo_files'), $before,
    'and changes nothing');
$mount->clear;
($row) = $session->query('SELECT missing FROM scan_missing(7)');
is($row, '1', 'the session is as good as before');
$session->close;
unlike(slurp_file($node->logfile), qr/terminating any other active server processes/,
    'no other session took notice');
$node->stop;
done_testing();

sub rename_back
{
    $mount->clear;
    make_file("$base/disk/album3/photo.jpg");
}

# Waits for the session's probe to be another than the given one.
sub next_probe
{
    my ($session, $known) = @_;
    my $probe = 0;
    wait_for(10, sub { $probe = (probe_of($session->pid))[1] // 0; $probe && $probe != $known });
    return $probe;
}
