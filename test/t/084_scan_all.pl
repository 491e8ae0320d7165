# Every owner at once: each gets its turn, one's failure isn't the others', and what was done can be
# seen by day and taken back. Two libraries in one cluster don't meet.
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

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('scan_all', 'missing_photos.probe_timeout = 600000');
my $base = $node->basedir;
mkdir "$base/disk";
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
my $jobs = MissingPhotos::Jobs->new($node, 'library', "$base/disk", "$base/mount");
my @owners = 1 .. 6;
$jobs->add_owner($_, 30) for @owners;
my $other = MissingPhotos::Jobs->new($node, 'other', "$base/other");
$other->add_owner($_, 30) for @owners;

two_libraries();
other_kinds();
one_fails();
cancelled();
fair();
history_and_undo();
old_rows();
$node->stop;
done_testing();

# Runs the CALL as app: (errors and notices).
sub scan_all
{
    my ($library, $arguments) = @_;
    my (undef, undef, $told) = $node->psql($library->{database},
        "CALL missing_photos.scan_all($arguments)", extra_params => [ '-U', 'app' ]);
    return $told;
}

# The same owners and paths in two databases, other files on disk.
sub two_libraries
{
    unlink map { $jobs->file($_, 1) } @owners;
    my $session = MissingPhotos::Session->new($node, 'other');
    $session->send('SET ROLE app; CALL missing_photos.scan_all()');
    like(scan_all($jobs, ''), qr/NOTICE: +6 of 6 owners are scanned/, 'every owner is scanned');
    like(($session->wait)[1], qr/NOTICE: +6 of 6 owners are scanned/, 'in the other database too, at the same time');
    $session->close;
    my $flagged = q(SELECT count(*), string_agg(DISTINCT substr(hash, 33), '') FROM api_file WHERE missing);
    is($jobs->sql($flagged), '6|123456', 'one library lost a file of each owner');
    is($other->sql($flagged), '0|', 'the other none');
    is($other->sql(q(SELECT count(*) FROM missing_jobs WHERE state = 'finished')), '6', 'each has its own jobs');
}

# A file that moved is found by relinking, in a scan or alone; a deletion runs in the background as well.
sub other_kinds
{
    make_file("$other->{disk}/1/moved/$_.jpg") for 3, 4;
    rename($other->file(1, $_), "$other->{disk}/1/moved/$_.jpg") or die for 3, 4;
    my $moved = q(SELECT count(*) FROM api_file WHERE path LIKE '/data/1/moved/%' AND NOT missing);
    like(scan_all($other, 'relink => true'), qr/6 of 6 owners/, 'scan_all with relinking');
    is($other->sql($moved), '2', 'the files that moved are linked at their new paths');
    rename("$other->{disk}/1/moved/3.jpg", $other->file(1, 3)) or die;
    my $id = $other->app(q(SELECT missing_photos.start_relink(1)));
    ok($other->wait_for_state($id, 'finished'), 'start_relink');
    is($other->job($id, q(kind, result ->> 'relinked')), 'relink|1', 'finds another');
    unlink $other->file(1, 7);
    $other->sql('SET ROLE app; SELECT missing FROM scan_missing(1)');
    $id = $other->app('SELECT missing_photos.start_delete(1)');
    ok($other->wait_for_state($id, 'finished|held|failed'), 'start_delete');
    is($other->job($id, q(kind, state, result ->> 'photos', error)), 'delete|finished|1|', 'deletes what is gone for good');
    is($other->sql("SELECT job_type, finished, failed FROM api_longrunningjob WHERE job_id = '$id'"), '5|t|f',
        'which the application shows as its own kind of job');
    is($other->app(q(SELECT relinked, deleted FROM missing_photos.history WHERE owner = '1')), '3|1', 'all of it in the history');
}

sub one_fails
{
    # A job that fails, one that is held, and an owner who has another job.
    $jobs->sql(q(CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'not today'; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON api_file FOR EACH ROW
            WHEN (substr(old.hash, 33) = '2') EXECUTE FUNCTION public.refuse()));
    unlink map { $jobs->file($_, 2) } @owners;
    unlink map { $jobs->file(4, $_) } 10 .. 25;
    $jobs->configure('missing_photos.max_missing_files = 5');
    my $told = scan_all($jobs, 'force => false');
    like($told, qr/WARNING: +the scan of owner "2" is failed\s+DETAIL: +not today/, 'one that fails is told of');
    like($told, qr/WARNING: +the scan of owner "4" is held/, 'and one that is held');
    like($told, qr/NOTICE: +4 of 6 owners are scanned/, 'the others are scanned');
    is($jobs->sql(q(SELECT count(*) FROM api_file WHERE missing AND path LIKE '%/2.jpg')), '4', 'and flagged');
    $jobs->sql('DROP TRIGGER refuse ON api_file');
    like(scan_all($jobs, 'force => true'), qr/NOTICE: +6 of 6 owners/, 'by force all of them');
    is($jobs->sql(q(SELECT count(*) FROM api_file WHERE missing AND path LIKE '/data/4/%')), '18', 'flagged');
    like(scan_all($jobs, '') . $node->psql('library', 'BEGIN; CALL missing_photos.scan_all()', extra_params => [ '-U', 'app' ]),
        qr/6 of 6/, 'once more');
    like($jobs->app('BEGIN; CALL missing_photos.scan_all()'), qr/ERROR: +25001/, 'not inside a transaction');
    like($jobs->app('CALL missing_photos.scan_all()', 'postgres'), qr/ERROR: +42501/, 'nor as a superuser');
}

sub cancelled
{
    $mount->hang('*', '*');
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->query('SET ROLE app');
    $session->send('CALL missing_photos.scan_all()');
    $mount->wait_until_hanging(2);
    $jobs->sql('SELECT pg_cancel_backend(' . $session->pid . ')');
    like(($session->wait)[1], qr/canceling statement/, 'scan_all is cancelled');
    ok(wait_for(10, sub { $jobs->sql(q(SELECT count(*) FROM missing_jobs WHERE state = 'cancelled'
            AND error IS DISTINCT FROM 'a later scan took its place')) eq '6' }),
        'and all its jobs with it');
    $mount->clear;
    $session->close;
}

# One role's many jobs leave places to another role's one.
sub fair
{
    $jobs->sql('CREATE ROLE second LOGIN');
    $jobs->grant('second');
    $jobs->configure('missing_photos.max_workers = 1');
    $mount->latency(3000);
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->query('SET ROLE app');
    $session->send('CALL missing_photos.scan_all()');
    wait_for(10, sub { $jobs->sql(q(SELECT count(*) FROM missing_jobs WHERE state = 'queued')) eq '5' });
    my $id = $jobs->app('SELECT missing_photos.start_scan(1)', 'second');
    $jobs->sql("UPDATE missing_photos.job SET queued_at = queued_at - interval '1 hour' WHERE job_id = '$id'");
    $jobs->wait_for_state($id, 'finished');
    like(($session->wait)[1], qr/6 of 6/, 'the rest gets done');
    cmp_ok($jobs->sql(qq(SELECT count(*) FROM missing_jobs WHERE started_at > (
            SELECT started_at FROM missing_photos.job WHERE job_id = '$id'))), '>=', 1,
        'after another role\'s job that has waited longer');
    $mount->clear;
    $jobs->configure('missing_photos.max_workers = 2');
    $session->close;
}

sub history_and_undo
{
    my $before = $jobs->sql(q(SELECT md5(string_agg(row_text, '' ORDER BY row_text)) FROM sample.all_rows()));
    unlink map { $jobs->file(5, $_) } 10 .. 14;
    my $id = $jobs->start(5);
    $jobs->wait_for_state($id, 'finished');
    is($jobs->sql("SELECT count(*), min(old_state), max(new_state) FROM missing_photos.findings WHERE job_id = '$id'"),
        '5|present|missing', 'findings have each file');
    is($jobs->app(q(SELECT photos, missing, unreachable, relinked, deleted, restored, day = current_date
        FROM missing_photos.history WHERE owner = '5')), '30|7|0|0|0|0|t', 'history has the day');
    # Somebody has linked one of the files again meanwhile, and somebody else has moved one.
    $jobs->sql(q(UPDATE api_file SET path = path || '.moved' WHERE path = '/data/5/0/10.jpg'));
    my (undef, $undone, $told) = $node->psql('library', "SELECT * FROM missing_photos.undo_scan('$id')",
        extra_params => [ '-U', 'app' ]);
    is($undone, '4|1', 'undone, but for a file whose row has changed');
    like($told, qr/WARNING: +1 files could not be put back/, 'which is told');
    $jobs->sql(q(UPDATE api_file SET path = '/data/5/0/10.jpg' WHERE path = '/data/5/0/10.jpg.moved'));
    is($jobs->app("SELECT * FROM missing_photos.undo_scan('$id')"), '1|0', 'the rest when the row is as it was');
    is($jobs->app("SELECT * FROM missing_photos.undo_scan('$id')"), '0|0', 'and nothing twice');
    is($jobs->sql(q(SELECT md5(string_agg(row_text, '' ORDER BY row_text)) FROM sample.all_rows())), $before,
        'all rows of the library are what they were');
    is($jobs->job($id, q(result ->> 'undone')), '5', 'the job says that it was undone');
    is($jobs->sql("SELECT count(*) FROM missing_photos.findings WHERE job_id = '$id' AND new_state = 'present'"), '5',
        'and so do the findings');
    like($jobs->app('SELECT missing_photos.undo_scan(gen_random_uuid())'), qr/ERROR: +55000/, 'no such scan');
}

sub old_rows
{
    my $id = $jobs->sql(q(SELECT job_id FROM missing_jobs WHERE state = 'finished' AND owner = '5' ORDER BY finished_at DESC LIMIT 1));
    $jobs->sql(q(UPDATE missing_photos.job SET finished_at = finished_at - interval '91 days';
        UPDATE missing_photos.job SET finished_at = now() WHERE job_id = '$id';
        UPDATE missing_photos.day_count SET day = day - 1200 WHERE owner = '1';
        UPDATE missing_photos.loss SET lost_at = lost_at - interval '1 year') =~ s/\$id/$id/r);
    my $losses = $jobs->sql('SELECT count(*) FROM missing_photos.loss');
    $jobs->sql('SET missing_photos.job_retention = 0; SET missing_photos.history_retention = 0;
        SELECT missing_photos.run_pending_jobs()');
    cmp_ok($jobs->sql('SELECT count(*) FROM missing_photos.job'), '>', 10, '0 keeps jobs for ever');
    like($jobs->app('SELECT missing_photos.job_is_alive(gen_random_uuid()); SET missing_photos.job_retention = 1'), qr/ERROR: +42501/, 'an application doesn\'t say for how long');
    $jobs->app('SELECT missing_photos.run_pending_jobs()');
    is($jobs->sql(q(SELECT string_agg(job_id::text, ',') FROM missing_photos.job WHERE state <> 'held')), $id,
        'old jobs go, a young one stays');
    is($jobs->sql("SELECT count(*) FROM missing_photos.finding WHERE job_id <> '$id'"), '0', 'findings go with them');
    is($jobs->sql(q(SELECT count(*) FROM missing_photos.history WHERE owner = '1')), '0', 'old days go');
    is($jobs->sql('SELECT count(*) FROM missing_photos.loss'), $losses, 'what restores files stays');
}
