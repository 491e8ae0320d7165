# A probe goes after missing_photos.probe_idle, comes back when it is needed, and goes with its
# session.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Sample;
use MissingPhotos::Session;

my $node = start_server('idle', 'missing_photos.probe_idle = 300');
my $disk = $node->basedir . '/disk';
make_file("$disk/photo.jpg");
create_library($node, 'library');
$node->safe_psql('library', "SELECT missing_photos.add_root('/data', '$disk')");

my $session = MissingPhotos::Session->new($node, 'library');
is_deeply([ probe_of($session->pid) ], [], 'a session starts without a probe');
my $hash = "SELECT file_hash('/data/photo.jpg')";
my ($first) = $session->query($hash);
like($first, qr/^[0-9a-f]{32}$/, 'a hash is computed');
my ($keeper, $probe) = probe_of($session->pid);
ok($probe, 'a probe runs');

my ($second) = $session->query($hash);
is((probe_of($session->pid))[1], $probe, 'the next request uses the same probe');
ok(wait_for(3, sub { !is_alive($probe) && !is_alive($keeper) }), 'idle, it goes');

my ($third, $errors) = $session->query($hash);
is($third, $first, 'a request after that is answered');
is($errors, '', 'and nothing is said about it');
my ($next) = (probe_of($session->pid))[1];
isnt($next, $probe, 'by another probe');

$session->query('SET missing_photos.probe_idle = 60000');
wait_for(3, sub { !is_alive($next) });
$session->query($hash);
($keeper, $probe) = probe_of($session->pid);
$session->close;
ok(wait_for(3, sub { !is_alive($probe) && !is_alive($keeper) }),
    'at the end of the session probe and keeper go at once');
$node->stop;
done_testing();
