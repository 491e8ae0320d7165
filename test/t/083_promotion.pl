# A standby shows the primary's jobs and starts none; promoted, it lets the one go on that the primary
# was at.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MissingPhotos::Faultfs;
use MissingPhotos::Jobs;
use MissingPhotos::Sample;

MissingPhotos::Faultfs::need_faultfs();
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', 'missing_photos.probe_timeout = 600000');
$primary->start;
my $base = $primary->basedir;
mkdir "$base/disk";
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
my $jobs = MissingPhotos::Jobs->new($primary, 'library', "$base/disk", "$base/mount");
$jobs->add_owner(7, 200);
$primary->backup('copy');
my ($by_itself, $by_hand) = map { standby($_) } 1, 0;

unlink map { $jobs->file(7, $_) } 0 .. 9;
$mount->hang('*', '*');
my $id = $jobs->start(7);
ok($mount->wait_until_hanging, 'a job runs on the primary');
my $position = $primary->lsn('insert');
for my $there ($by_itself, $by_hand)
{
    $primary->wait_for_catchup($there->{node}, 'replay', $position);
    is($there->state($id), 'running', 'the standby shows it running, not lost');
    like($there->app($_), qr/ERROR: +25006/, "$_ is refused there")
        for 'SELECT missing_photos.start_scan(7)', 'SELECT missing_photos.run_pending_jobs()',
        "SELECT missing_photos.cancel_job('$id')", "SELECT missing_photos.resume_job('$id')";
}
$primary->stop('immediate');
$mount->clear;

$by_itself->{node}->promote;
ok($by_itself->wait_for_state($id, 'finished'), 'promoted and preloaded, it goes on by itself');
is($by_itself->job($id, q(result ->> 'missing')), '10', 'and finds what is missing');
$by_hand->{node}->promote;
is($by_hand->state($id), 'lost', 'without that it is lost');
is($by_hand->app('SELECT missing_photos.run_pending_jobs()'), '1', 'until somebody looks after it');
ok($by_hand->wait_for_state($id, 'finished'), 'and goes on');
$_->{node}->stop for $by_itself, $by_hand;
done_testing();

sub standby
{
    my ($preloaded) = @_;
    my $node = PostgreSQL::Test::Cluster->new("standby_$preloaded");
    $node->init_from_backup($primary, 'copy', has_streaming => 1);
    $node->append_conf('postgresql.conf', q(shared_preload_libraries = 'missing_photos')) if $preloaded;
    $node->start;
    return bless { %$jobs, node => $node }, ref $jobs;
}
