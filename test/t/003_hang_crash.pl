# The server recovers from the crash of another backend within five seconds, a probe still stuck.
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
my $node = start_server('crash', 'missing_photos.probe_timeout = 600000');
my $base = $node->basedir;
make_file("$base/disk/album/photo.jpg");
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
create_library($node, 'library');
$node->safe_psql('library', qq(
    SELECT sample.add_owner(7, '/data');
    SELECT sample.add_photos(7, '{/data/album/photo.jpg}');
    SELECT missing_photos.add_root('/data', '$mount->{dir}')));

my $scan = MissingPhotos::Session->new($node, 'library');
my $victim = MissingPhotos::Session->new($node, 'library');
$mount->hang('*', '*');
$scan->send('SELECT * FROM scan_missing(7)');
ok($mount->wait_until_hanging, 'a scan hangs');

my $log = -s $node->logfile;
my $before = time;
kill('KILL', $victim->pid);
ok($node->wait_for_log(qr/database system is ready to accept connections/, $log),
    'the server is ready again');
my $seconds = time - $before;
cmp_ok($seconds, '<', 5, 'recovered in ' . milliseconds($seconds) . ' ms');
is($node->safe_psql('library', 'SELECT 1'), '1', 'and answers');
cmp_ok($mount->hanging, '>=', 1, 'the mount still hangs');

$_->close for $scan, $victim;
$mount->clear;
is($node->safe_psql('library', 'SELECT missing FROM scan_missing(7)'), '0',
    'a scan works when the mount answers again');
$node->stop;
done_testing();
