# What a user's own code does while a scan runs (policies, triggers, constraints) harms the scan no
# more than any statement's: an exception it catches, a verb it calls, an objection at commit.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Campaign;
use MissingPhotos::Sample;

# Enough files that requests are under way while the query still runs.
use constant FILES => 20000;

my $node = start_server('user_code');
create_library($node, 'library');
my $case = MissingPhotos::Campaign->new($node, 'library', 7, $node->basedir . '/root',
    map { 'album' . ($_ % 5) . "/$_.jpg" } 1 .. FILES)->register;
$node->safe_psql('library', q(
    CREATE ROLE application LOGIN;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO application;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO application;
    SELECT missing_photos.grant_application('application');
    ALTER ROLE application SET max_parallel_workers_per_gather = 0;
    CREATE FUNCTION may_see(id bigint) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
    ALTER TABLE api_photo_files ENABLE ROW LEVEL SECURITY;
    CREATE POLICY by_function ON api_photo_files TO application USING (may_see(id));
    ANALYZE));

exceptions_are_caught();
verbs_are_called();
commit_is_refused();
inside_an_exception_block();
$node->stop;
done_testing();

# As the application, with the policy's function doing this for each link.
sub scan_with_policy
{
    my ($body, $verb) = @_;
    $node->safe_psql('library', "CREATE OR REPLACE FUNCTION may_see(id bigint) RETURNS boolean
        LANGUAGE plpgsql AS \$\$ $body \$\$");
    my ($status, $out, $errors) = $node->psql('library', "SET statement_timeout = '60s'; $verb",
        extra_params => [ '-U', 'application', '-v', 'VERBOSITY=verbose' ]);
    return $errors =~ /ERROR/ ? $errors : $out;
}

sub exceptions_are_caught
{
    my $body = 'BEGIN
        IF id % 100 = 0 THEN PERFORM 1 / 0; END IF; RETURN true;
        EXCEPTION WHEN division_by_zero THEN RETURN true; END';
    is(scan_with_policy($body, 'SELECT files, missing, unreachable FROM scan_missing(7)'),
        FILES . '|0|0', 'a policy that catches exceptions: scan_missing');
    is(scan_with_policy($body, 'CALL scan_missing_photos(7, 1000)'), '', 'and scan_missing_photos');
}

sub verbs_are_called
{
    my $photo = $case->photo_of('album1/1.jpg');
    my $body = "BEGIN
        IF id > 16000 AND id % 10 = 0 THEN PERFORM check_files('$photo'); END IF; RETURN true; END";
    # Now and then the disk has answered before the policy's turn; then nothing is in its way.
    my $answer = '';
    for (1 .. 10)
    {
        $answer = scan_with_policy($body, 'SELECT FROM scan_missing(7)');
        last if $answer ne '';
    }
    like($answer, qr/ERROR:  55006: a scan of this session is reading the disk/,
        'a policy that calls a verb');
    (my $catching = $body) =~ s/RETURN true; END/RETURN true;
        EXCEPTION WHEN object_in_use THEN RETURN true; END/;
    is(scan_with_policy($catching, 'SELECT files, missing, unreachable FROM scan_missing(7)'),
        FILES . '|0|0', 'and catches the error: the scan goes on');
}

sub commit_is_refused
{
    $node->safe_psql('library', q(
        CREATE FUNCTION object() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.finished AND NOT NEW.failed THEN RAISE 'not today'; END IF; RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER object AFTER UPDATE ON api_longrunningjob
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION object()));
    my (undef, undef, $errors) = $node->psql('library', 'CALL scan_missing_photos(7)');
    like($errors, qr/ERROR:  not today/, 'a commit that is refused');
    is($case->sql('SELECT state, error FROM missing_photos.jobs ORDER BY started_at DESC LIMIT 1'),
        'failed|not today', 'ends the job as failed');
    is($case->sql('SELECT count(*) FROM api_longrunningjob WHERE NOT finished'), '0',
        'in the application\'s table too');
    $node->safe_psql('library', 'DROP TRIGGER object ON api_longrunningjob');
}

sub inside_an_exception_block
{
    my (undef, undef, $errors) = $node->psql('library',
        'DO $$ BEGIN CALL scan_missing_photos(7); EXCEPTION WHEN division_by_zero THEN END $$',
        extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    like($errors, qr/ERROR:  25001: .*\n.*commits after each batch/, 'CALL in a block that catches');
    is($case->sql("SELECT count(*) FROM missing_photos.jobs WHERE state = 'running'"), '0',
        'leaves no job behind');
}
