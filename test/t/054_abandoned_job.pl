# A job whose session was terminated doesn't stay "running" for ever: the owner's next scan ends it as
# failed, in the application's job table too.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Campaign;
use MissingPhotos::Sample;
use MissingPhotos::Session;

my $node = start_server('abandoned');
create_library($node, 'library');
my $case = MissingPhotos::Campaign->new($node, 'library', 7, $node->basedir . '/root',
    map { "album/$_.jpg" } 1 .. 20)->register;
my $states = q(SELECT string_agg(state, ',' ORDER BY started_at) FROM missing_photos.jobs);
my $theirs = q(SELECT string_agg(CASE WHEN failed THEN 'failed' WHEN finished THEN 'finished'
                                      ELSE 'running' END, ',' ORDER BY id) FROM api_longrunningjob);

# The scan stops where it notes its progress.
$case->sql('CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(60); RETURN new; END $$;
            CREATE TRIGGER wait BEFORE UPDATE ON api_longrunningjob
            FOR EACH ROW EXECUTE FUNCTION public.wait()');
my $session = MissingPhotos::Session->new($node, 'library');
$session->send('CALL scan_missing_photos(7)');
ok(wait_for(30, sub { $case->sql($states) eq 'finished,running' }), 'a scan is running');
$case->sql('SELECT pg_terminate_backend(' . $session->pid . ', 10000)');
$session->close;
$case->sql('DROP TRIGGER wait ON api_longrunningjob');
is($case->sql($theirs), 'finished,running', 'terminated, it could not say so');

is($case->scan, '0 missing, 0 unreachable, 0 invalid', 'the owner\'s lock is free');
is($case->sql($states), 'finished,failed,finished', 'the next scan ends it as failed');
is($case->sql($theirs), 'finished,failed,finished', 'for the application too');
like($case->sql(q(SELECT error FROM missing_photos.jobs WHERE state = 'failed')), qr/^the session/,
    'the reason is told');
$node->stop;
done_testing();
