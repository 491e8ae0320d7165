# What becomes of a job when something goes from under it: the server, its database, the extension, its
# tables, its role, its place. Each time the row says so, and nothing is tried for ever.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use MissingPhotos::Faultfs;
use MissingPhotos::Jobs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('restarts', 'missing_photos.probe_timeout = 600000', 'max_worker_processes = 6');
my $base = $node->basedir;
mkdir "$base/disk";
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
my $jobs = MissingPhotos::Jobs->new($node, 'library', "$base/disk", "$base/mount");
$jobs->add_owner(7, 20);
$jobs->add_owner(8, 20);
$node->safe_psql('postgres', 'CREATE DATABASE spare TEMPLATE library');

without_preload();
with_preload();
at_rest();
no_places();
role_gone();
owned_gone();
extension_gone();
database_gone();
$node->stop;
done_testing();

# A job that hangs on the disk.
sub hanging
{
    my ($library) = @_;
    $mount->hang('*', '*');
    my $id = $library->start(7);
    $mount->wait_until_hanging or BAIL_OUT('no scan hangs');
    return $id;
}

sub crash
{
    my ($pid) = @_;
    $jobs->crash($pid);
    workers_come_back(sub { $jobs->sql($_[0]) })
        or $jobs->app('SELECT missing_photos.run_pending_jobs()');
}

sub without_preload
{
    my $id = hanging($jobs);
    $node->stop('fast');
    $mount->clear;
    $node->start;
    is($jobs->state($id), 'lost', 'after a restart its worker is gone, and that is seen');
    like($jobs->app("SELECT missing_photos.approve_job('$id')"), qr/ERROR: +55000/, 'it isn\'t held');
    is($jobs->app('SELECT missing_photos.run_pending_jobs()'), '1', 'run_pending_jobs takes it up');
    ok($jobs->wait_for_state($id, 'finished'), 'it goes on');
    $id = hanging($jobs);
    $node->stop('immediate');
    $mount->clear;
    $node->start;
    is($jobs->app("SELECT missing_photos.resume_job('$id')"), '', 'by hand, too');
    ok($jobs->wait_for_state($id, 'finished'), 'it goes on');
    like($jobs->app("SELECT missing_photos.resume_job('$id')"), qr/ERROR: +55000/, 'what is finished doesn\'t');
    # A session's own job isn't taken up by itself.
    $mount->hang('*', '*');
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->send('SET ROLE app; CALL scan_missing_photos(8)');
    $mount->wait_until_hanging;
    $id = $jobs->sql(q(SELECT job_id FROM missing_jobs WHERE state = 'running'));
    $jobs->sql('SELECT pg_terminate_backend(' . $session->pid . ', 10000)');
    $session->close;
    $mount->clear;
    is($jobs->state($id), 'lost', 'a terminated session\'s job');
    is($jobs->app('SELECT missing_photos.run_pending_jobs()'), '0', 'is not run again');
    like($jobs->job($id, 'state, error'), qr/^failed\|the session that ran it ended/, 'but ended');
    $jobs->app("SELECT missing_photos.resume_job('$id')");
    ok($jobs->wait_for_state($id, 'finished'), 'unless somebody wants it to go on');
}

sub with_preload
{
    $jobs->configure(q(shared_preload_libraries = 'missing_photos'));
    my $id = hanging($jobs);
    $node->stop('fast');
    $mount->clear;
    $node->start;
    ok($jobs->wait_for_state($id, 'finished'), 'preloaded, a job goes on by itself after a restart');
    is($jobs->sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'missing_photos launcher')), '1',
        'the launcher sleeps');
    $id = hanging($jobs);
    my ($pid) = $jobs->workers;
    $mount->clear;
    crash($pid);
    ok($jobs->wait_for_state($id, 'finished'), 'and after a crash');
    $jobs->configure(q(missing_photos.databases = 'spare, postgres'));
    $id = hanging($jobs);
    $node->stop('fast');
    $mount->clear;
    $node->start;
    sleep 1;
    is($jobs->state($id), 'lost', 'not in a database that the settings leave out');
    $jobs->configure(q(missing_photos.databases = ''));
    $jobs->app('SELECT missing_photos.run_pending_jobs()');
    $jobs->wait_for_state($id, 'finished');
}

# A job during which the server crashes again and again.
sub at_rest
{
    my $id = hanging($jobs);
    for (1 .. 8)
    {
        my @pids;
        wait_for(3, sub { @pids = grep { $mount->hanging } $jobs->workers }) or last;
        crash($pids[0]);
    }
    $mount->clear;
    ok($jobs->wait_for_state($id, 'failed'), 'a job with which the server crashes comes to rest');
    is($jobs->job($id, q(error ~ 'five times in a row')), 't', 'and says so');
    is($jobs->sql("SELECT finished AND failed FROM api_longrunningjob WHERE job_id = '$id'"), 'f',
        'the application doesn\'t know yet');
    $jobs->sql('SET ROLE app; SELECT missing FROM scan_missing(7)');
    is($jobs->sql("SELECT finished AND failed FROM api_longrunningjob WHERE job_id = '$id'"), 't',
        'the owner\'s next job tells it');
}

sub no_places
{
    # One beside our launcher and the one for logical replication.
    $node->append_conf('postgresql.conf', 'max_worker_processes = 3');
    $node->restart;
    # The launcher's visitors come first.
    sleep 1;
    my $hangs = hanging($jobs);
    my (undef, $id, $warning) = $node->psql('library', 'SELECT missing_photos.start_scan(8)',
        extra_params => [ '-U', 'app' ]);
    like($warning, qr/WARNING: +no background worker is free; the job stays queued/, 'without a free worker');
    is($jobs->state($id), 'queued', 'it does');
    like($jobs->job($id, 'error'), qr/^waiting for a background worker/, 'and says what for');
    $jobs->app('SELECT missing_photos.run_pending_jobs()');
    is($jobs->state($id), 'queued', 'as long as there is none');
    $jobs->app("SELECT missing_photos.cancel_job('$hangs')");
    $mount->clear;
    ok($jobs->wait_for_state($id, 'finished'), 'the worker that becomes free takes it');
    $node->append_conf('postgresql.conf', 'max_worker_processes = 6');
    $node->restart;
}

sub role_gone
{
    $jobs->sql('CREATE ROLE leaving LOGIN');
    $jobs->grant('leaving');
    $jobs->configure('missing_photos.max_workers = 1');
    my $hangs = hanging($jobs);
    my $id = $jobs->app('SELECT missing_photos.start_scan(8)', 'leaving');
    $jobs->sql('ALTER ROLE leaving NOLOGIN');
    $jobs->app('SELECT missing_photos.run_pending_jobs()');
    like($jobs->job($id, 'state, error'), qr/^failed\|role "leaving" may not log in/, 'a role that may not log in any more');
    $jobs->sql('ALTER ROLE leaving LOGIN');
    $id = $jobs->app('SELECT missing_photos.start_scan(8)', 'leaving');
    $jobs->sql('DROP OWNED BY leaving; DROP ROLE leaving');
    $jobs->app('SELECT missing_photos.run_pending_jobs()');
    like($jobs->job($id, 'state, error'), qr/^failed\|role "leaving" does not exist any more/, 'a role that is gone');
    $jobs->app("SELECT missing_photos.cancel_job('$hangs')");
    $jobs->wait_for_state($hangs, 'cancelled');
    $mount->clear;
    $jobs->sql('CREATE ROLE leaving LOGIN');
    $jobs->grant('leaving');
    $mount->hang('*', '*');
    $id = $jobs->app('SELECT missing_photos.start_scan(8)', 'leaving');
    $mount->wait_until_hanging;
    $jobs->sql('DROP OWNED BY leaving; DROP ROLE leaving');
    $mount->clear;
    ok($jobs->wait_for_state($id, 'failed'), 'a role that goes while its job runs');
    isnt($jobs->job($id, 'error'), '', 'the reason is told: ' . $jobs->job($id, 'error'));
    $jobs->configure('missing_photos.max_workers = 2');
}

sub owned_gone
{
    $node->safe_psql('postgres', 'CREATE DATABASE owned TEMPLATE library');
    my $owned = bless { %$jobs, database => 'owned' }, ref $jobs;
    $owned->sql('CREATE ROLE holder; DO $$ DECLARE t record; BEGIN
        FOR t IN SELECT oid::regclass AS name FROM pg_class WHERE relnamespace = $s$public$s$::regnamespace AND relkind = $s$r$s$
        LOOP EXECUTE format($s$ALTER TABLE %s OWNER TO holder$s$, t.name); END LOOP; END $$');
    my $id = hanging($owned);
    $owned->sql('DROP OWNED BY holder CASCADE');
    $mount->clear;
    ok($owned->wait_for_state($id, 'failed'), 'DROP OWNED takes the library\'s tables');
    isnt($owned->job($id, 'error'), '', 'the reason is told: ' . $owned->job($id, 'error'));
}

sub extension_gone
{
    my $spare = bless { %$jobs, database => 'spare' }, ref $jobs;
    my $id = hanging($spare);
    my $log = -s $node->logfile;
    $spare->sql('DROP EXTENSION missing_photos');
    $mount->clear;
    ok(wait_for(20, sub { !$spare->workers }), 'DROP EXTENSION while a job runs: the worker ends');
    like(slurp_file($node->logfile, $log), qr/LOG: +how job $id of owner "7" ended could not be written down/,
        'and the server\'s log says so');
    sleep 0.3;
    is(scalar($spare->workers), 0, 'none is started again');
}

sub database_gone
{
    $node->safe_psql('postgres', 'CREATE DATABASE doomed TEMPLATE library');
    my $doomed = bless { %$jobs, database => 'doomed' }, ref $jobs;
    my $id = hanging($doomed);
    my ($status, undef, $error) = $node->psql('postgres', 'DROP DATABASE doomed');
    like($error, qr/being accessed by other users/, 'DROP DATABASE waits for nobody');
    my $start = time;
    $node->safe_psql('postgres', 'DROP DATABASE doomed WITH (FORCE)');
    cmp_ok(time - $start, '<', 5, 'WITH (FORCE) ends the job, on a hung mount');
    $mount->clear;
    is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'missing_photos worker')),
        '0', 'no worker is left');
    is($jobs->app('SELECT missing FROM scan_missing(7)'), '0', 'other databases don\'t notice');
}
