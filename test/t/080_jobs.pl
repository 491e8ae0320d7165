# A job in the background: it starts with the commit that queued it and not without, shows its
# progress, can be cancelled whatever it waits for, and tells everyone whom it concerns.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep time);
use MissingPhotos::Faultfs;
use MissingPhotos::Jobs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

use constant LATE => 0.250;    # seconds a cancel may take

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('jobs', 'missing_photos.probe_timeout = 600000', 'max_prepared_transactions = 2');
my $base = $node->basedir;
mkdir "$base/disk";
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
my $jobs = MissingPhotos::Jobs->new($node, 'library', "$base/disk", "$base/mount");
$jobs->add_owner(7, 3000);
$jobs->add_owner(8, 20);

starts_with_the_commit();
progress();
cancelled();
refused();
whose();
notified();
notices();
$node->stop;
done_testing();

sub application_row
{
    my ($id) = @_;
    return $jobs->sql("SELECT concat_ws(' ', job_type, started_at IS NOT NULL, finished, failed)
                         FROM api_longrunningjob WHERE job_id = '$id'");
}

sub starts_with_the_commit
{
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->query('SET ROLE app; BEGIN');
    my ($id) = $session->query('SELECT missing_photos.start_scan(8)');
    $session->query('ROLLBACK');
    $session->query('BEGIN');
    my ($second) = $session->query('SELECT missing_photos.start_scan(8)');
    sleep 0.3;
    is($jobs->sql('SELECT count(*) FROM missing_photos.job'), '0', 'not started before the commit');
    is(scalar($jobs->workers), 0, 'nor is a worker there');
    $session->query('COMMIT');
    ok($jobs->wait_for_state($second, 'finished'), 'started by the commit');
    is($jobs->sql("SELECT count(*) FROM missing_photos.job WHERE job_id = '$id'"), '0',
        'and what was rolled back never was');
    is(application_row($second), '14 t t f', 'the application has it finished');
    is($jobs->sql("SELECT role, background FROM missing_photos.job WHERE job_id = '$second'"),
        'app|t', 'run as the role that asked');
    my ($first) = $session->query('BEGIN; SELECT missing_photos.start_scan(7)');
    my ($same) = $session->query('SELECT missing_photos.start_scan(7)');
    is($same, $first, 'who asks twice gets one job');
    like(($session->query(q(PREPARE TRANSACTION 'x')))[1], qr/cannot PREPARE/, 'two-phase commit is refused');
    my $given = '11111111-2222-3333-4444-555555555555';
    $jobs->app("SELECT missing_photos.start_scan(8, job_id => '$given')");
    ok($jobs->wait_for_state($given, 'finished'), 'a given id is kept');
    is(application_row($given), '14 t t f', 'by the application too');
    $session->query('ROLLBACK');
    $session->close;
}

sub progress
{
    unlink map { $jobs->file(7, $_) } 0 .. 499;
    $mount->latency(2000);
    my $id = $jobs->start(7, 20);
    my (%seen, $bar, $unfinished);
    wait_for(60, sub {
        my ($state, $done, $more) = split /\|/, $jobs->job($id, 'state, done, bar');
        $seen{$done} = 1 if $state eq 'running';
        if ($state eq 'running' && $done > 3000 && $done < 3400)
        {
            $bar = $more;
            $unfinished //= application_row($id);
        }
        return $state eq 'finished';
    });
    $mount->clear;
    cmp_ok(scalar keys %seen, '>', 5, 'another session sees it move');
    like($bar, qr/^\[#+\.+\] +\d+ %$/, 'as a bar too');
    is($unfinished, '14 t f f', 'the application sees it running');
    is($jobs->job($id, q(done, total, percent, rate > 0, eta, bar, result ->> 'files', result ->> 'missing', error)),
        '3500|3500|100.0|t||[####################] 100 %|3000|500|', 'and done');
    make_file($jobs->file(7, $_)) for 0 .. 499;
    $jobs->sql('SELECT restored FROM scan_missing(7)');
}

sub cancelled
{
    $mount->hang('*', '*');
    my $id = $jobs->start(7);
    ok($mount->wait_until_hanging, 'a scan hangs');
    is($jobs->sql(q(SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity
            WHERE backend_type = 'missing_photos worker')), 't', 'with no transaction open');
    my $queued = $jobs->start(7);
    is($jobs->state($queued), 'queued', 'the owner\'s next one waits');
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->query('SET ROLE app');
    my $before = time;
    $session->query("SELECT missing_photos.cancel_job('$id')");
    ok(wait_for(5, sub { ($session->query("SELECT state FROM missing_jobs WHERE job_id = '$id'"))[0] eq 'cancelled' }),
        'cancelled');
    cmp_ok(time - $before, '<', LATE, 'within 250 ms, on a hung mount');
    like($jobs->job($id, 'error'), qr/^canceling statement/, 'the reason is told');
    is(application_row($id), '14 t t t', 'the application has it ended');
    ok($mount->wait_until_hanging(1), 'the next one has begun, and hangs');
    $jobs->app("SELECT missing_photos.cancel_job('$queued')");
    ok($jobs->wait_for_state($queued, 'cancelled'), 'cancelled as well');
    $mount->clear;
    $jobs->configure('missing_photos.max_workers = 1');
    $mount->hang('*', '*');
    ($id, my $waits) = map { $jobs->start($_) } 7, 8;
    ok($mount->wait_until_hanging, 'one place for workers');
    is($jobs->job($waits, 'state, error ~ $$^waiting for a background worker$$'), 'queued|t', 'one job waits, and tells why');
    is($jobs->app("SELECT missing_photos.cancel_job('$waits')"), '', 'cancelled before it began');
    is($jobs->state($waits), 'cancelled', 'so it says');
    is(application_row($waits), '14 f t t', 'to the application too');
    like($jobs->app("SELECT missing_photos.cancel_job('$waits')"), qr/ERROR: +55000/, 'not twice');
    # A cancel in a transaction that is rolled back is none.
    $session->query("BEGIN; SELECT missing_photos.cancel_job('$id'); ROLLBACK");
    sleep 0.2;
    is($jobs->state($id), 'running', 'a cancel that was rolled back is none');
    $jobs->app("SELECT missing_photos.cancel_job('$id')");
    $jobs->wait_for_state($id, 'cancelled');
    $mount->clear;
    $jobs->configure('missing_photos.max_workers = 2');
    # A client's own call, too.
    $mount->hang('*', '*');
    $session->send('CALL scan_missing_photos(7)');
    $mount->wait_until_hanging;
    $id = $jobs->sql(q(SELECT job_id FROM missing_jobs WHERE state = 'running'));
    $jobs->app("SELECT missing_photos.cancel_job('$id')");
    like(($session->wait)[1], qr/canceling statement/, 'a client\'s CALL is cancelled by its job');
    is($jobs->state($id), 'cancelled', 'and its job says so');
    $mount->clear;
    $session->close;
}

sub refused
{
    like($jobs->app('SELECT missing_photos.start_scan(8)', 'postgres'),
        qr/ERROR: +42501: .*superuser/, 'no superuser\'s jobs');
    my $id = $jobs->sql('SET missing_photos.allow_superuser_jobs = on; SELECT missing_photos.start_scan(8)');
    ok($jobs->wait_for_state($id, 'failed|finished'), 'unless they are allowed');
    like($jobs->app('SELECT missing_photos.start_scan(99)'), qr/ERROR: +P0002/, 'no such owner');
    like($jobs->app('SELECT missing_photos.start_scan(NULL::int)'), qr/ERROR: +22004/, 'no owner');
    $jobs->sql('CREATE ROLE team; GRANT team TO app');
    $jobs->grant('team');
    like($jobs->app('SET ROLE team; SELECT missing_photos.start_scan(8)'),
        qr/ERROR: +42501: .*may not log in/, 'a role that may not log in');
    is($jobs->sql('SELECT count(*) FROM missing_photos.job WHERE role = $$team$$'), '0', 'leaves no job behind');
    # An owner that is gone when the worker comes: the row tells.
    $id = $jobs->sql(q(BEGIN; SET LOCAL ROLE app; SELECT missing_photos.start_scan(8) AS id \gset
        RESET ROLE; UPDATE missing_photos.job SET owner = '99' WHERE job_id = :'id'; COMMIT; SELECT :'id'));
    ok($jobs->wait_for_state($id, 'failed'), 'a job that can\'t begin');
    like($jobs->job($id, 'error'), qr/owner "99" does not exist/, 'says why');
}

sub whose
{
    $jobs->sql('CREATE ROLE other LOGIN');
    $jobs->grant('other');
    my $id = $jobs->start(8);
    $jobs->wait_for_state($id, 'finished');
    is($jobs->app("SELECT count(*) FROM missing_jobs WHERE job_id = '$id'"), '1', 'the role that asked sees its job');
    is($jobs->app("SELECT count(*) FROM missing_jobs", 'other'), '0', 'another doesn\'t');
    $mount->hang('*', '*');
    $id = $jobs->start(8);
    $mount->wait_until_hanging;
    like($jobs->app("SELECT missing_photos.cancel_job('$id')", 'other'), qr/ERROR: +42501/, 'nor may it cancel it');
    $jobs->sql('GRANT app TO other');
    is($jobs->app("SELECT state FROM missing_jobs WHERE job_id = '$id'", 'other'), 'running', 'a member sees it');
    is($jobs->app("SELECT missing_photos.cancel_job('$id')", 'other'), '', 'and may cancel it');
    ok($jobs->wait_for_state($id, 'cancelled'), 'it is');
    $mount->clear;
}

sub notified
{
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->query('LISTEN missing_photos');
    unlink $jobs->file(8, 3);
    my $id = $jobs->start(8);
    $jobs->wait_for_state($id, 'finished');
    my ($told) = $session->query('SELECT 1');
    my @states = $told =~ /"job": "$id".*?"state": "(\w+)"/g;
    is("@states", 'queued running running finished', 'listeners are told of each state, and of a batch of files');
    my ($last) = $told =~ /.*"(\{"job": "$id".*?\})" received/s;
    is(join(' ', $last =~ /[{,] ?"(job|kind|owner|state|counts)":/g), 'job kind owner state counts', 'as JSON');
    like($last, qr/"missing": 1[,}]/, 'with counts');
    unlike($told, qr/jpg/, 'and no paths');
    make_file($jobs->file(8, 3));
    $session->query('SET missing_photos.notify = off; SELECT restored FROM scan_missing(8)');
    unlike(($session->query('SELECT 1'))[0], qr/notification/, 'nobody is told when nobody is to be');
    $session->close;
}

sub notices
{
    my (undef, undef, $notices) = $node->psql('library',
        'SET missing_photos.progress = on; CALL scan_missing_photos(7, batch_size => 1000)');
    like($notices, qr/NOTICE: +scan of owner "7": 3000 of 3000 \(100 %\)/, 'a client\'s CALL tells its progress');
}
