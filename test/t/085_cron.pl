# pg_cron runs scans on schedule, lets broken-off jobs go on, and scans after the application's own.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep time);
use MissingPhotos::Jobs;
use MissingPhotos::Sample;

my $extensions = `$ENV{PG_CONFIG} --sharedir`;
chomp $extensions;
plan(skip_all => 'this server has no pg_cron') unless -e "$extensions/extension/pg_cron.control";
my $node = PostgreSQL::Test::Cluster->new('cron');
$node->init;
$node->append_conf('postgresql.conf', q(
    shared_preload_libraries = 'pg_cron'
    cron.database_name = 'library'
    cron.use_background_workers = on
    max_worker_processes = 12
    log_timezone = 'UTC'));
$node->start;
my $jobs = MissingPhotos::Jobs->new($node, 'library', $node->basedir . '/photos');
$jobs->add_owner($_, 20) for 1 .. 4;
unlink $jobs->file(1, 5);
$jobs->sql('CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO app');

# A worker that died, as if the server had crashed with it.
my $lost = $jobs->sql(q(
    INSERT INTO missing_photos.job (job_id, kind, owner, role, state, background, started_at)
    VALUES (gen_random_uuid(), 'scan', '3', 'app', 'running', true, now()) RETURNING job_id));
is($jobs->state($lost), 'lost', 'a job whose worker died');
# The application's own scan of owner 2 ended after ours; owner 4's failed.
$jobs->sql(q(
    SELECT missing FROM scan_missing(2);
    SELECT missing FROM scan_missing(4);
    SELECT fixture.put('public.api_longrunningjob', $$SELECT gen_random_uuid()::text AS job_id, 1 AS job_type,
        now() AS queued_at, now() AS started_at, now() + interval '1 second' AS finished_at, true AS finished,
        o = 4 AS failed, o AS started_by_id FROM unnest('{2,4}'::int[]) AS o$$);
    ALTER ROLE app SET missing_photos.scan_after_import = on));
# pg_cron's finest grain is a minute. What a person schedules is what docs/jobs.md says.
$jobs->app(q(SELECT cron.schedule('nightly', '* * * * *', 'CALL missing_photos.scan_all()')));
$jobs->app(q(SELECT cron.schedule('pending', '* * * * *', 'SELECT missing_photos.run_pending_jobs()')));
my $start = time;
ok(wait_for(130, sub {
        $jobs->sql(q(SELECT count(*) FROM cron.job_run_details WHERE status = 'succeeded')) >= 2 }),
    'pg_cron has run both: ' . $jobs->sql(q(SELECT string_agg(status || ' ' || COALESCE(return_message, ''), '; ') FROM cron.job_run_details)));
ok($jobs->wait_for_state($lost, 'finished'), 'the lost job went on');
is($jobs->sql(q(SELECT count(DISTINCT owner) FROM missing_jobs WHERE state = 'finished' AND kind = 'scan'
    AND started_at > (SELECT min(start_time) FROM cron.job_run_details))), '4', 'every owner was scanned');
is($jobs->sql('SELECT count(*) FROM api_file WHERE missing'), '1', 'and what is missing was flagged');
$jobs->sql('DELETE FROM cron.job');

after_import();
$node->stop;
done_testing();

sub after_import
{
    $jobs->sql(q(UPDATE api_longrunningjob SET finished_at = now() + interval '1 second' WHERE job_type = 1));
    is($jobs->app('RESET missing_photos.scan_after_import; SET missing_photos.scan_after_import = off; SELECT missing_photos.run_pending_jobs()'), '0',
        'nothing follows the application\'s scan unless asked for');
    my $n = $jobs->sql('SELECT count(*) FROM missing_photos.job');
    sleep 1.2;
    is($jobs->app('SELECT missing_photos.run_pending_jobs()'), '1', 'a scan follows the application\'s own');
    ok(wait_for(30, sub { $jobs->sql(q(SELECT string_agg(DISTINCT state, ',') FROM missing_photos.job)) eq 'finished' }), 'done');
    is($jobs->sql("SELECT count(*) - $n FROM missing_photos.job"), '1', 'of the one owner whose scan didn\'t fail');
    sleep 0.1;
    is($jobs->app('SELECT missing_photos.run_pending_jobs()'), '0', 'once');
}
