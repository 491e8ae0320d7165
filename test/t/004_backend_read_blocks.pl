# The danger the probe guards against is real: a backend that reads a dead mount itself can't be
# stopped. If this test fails, the hang tests prove nothing.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time sleep);
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('blocked');
my $base = $node->basedir;
make_file("$base/disk/photo.jpg");
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");

my $session = MissingPhotos::Session->new($node, 'postgres');
$mount->hang('getattr', '*');
$session->send("SELECT pg_stat_file('$mount->{dir}/photo.jpg')");
ok($mount->wait_until_hanging, 'pg_stat_file hangs in the backend');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
sleep 0.5;
ok(is_alive($session->pid), 'it is not cancelled');
is($node->safe_psql('postgres',
        "SELECT state FROM pg_stat_activity WHERE pid = " . $session->pid),
    'active', 'and still busy');
isnt(system($node->installed_command('pg_ctl'), '-D', $node->data_dir, '-m', 'fast', '-t', '3',
        '-s', 'stop'), 0, 'the fast stop does not get through in three seconds');
$mount->clear;
ok(wait_for(10, sub { !-e $node->data_dir . '/postmaster.pid' }),
    'the server ends once the mount answers');
$session->close;
$node->_update_pid(0);
done_testing();
