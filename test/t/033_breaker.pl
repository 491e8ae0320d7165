# Too much gone at once waits for a person: nothing is changed until somebody who may approves, and
# then exactly what is still gone is flagged.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use File::Basename;
use File::Path qw(make_path);
use MissingPhotos::Campaign;
use MissingPhotos::Sample;

my $node = start_server('breaker');
my $base = $node->basedir;
create_library($node, 'library');
my @files = map { my $album = $_; map { "album$album/$_.jpg" } 1 .. 200 } 1 .. 50;
my @most = grep { m{album(\d+)/} && $1 <= 30 } @files;    # 60 %
my $case = MissingPhotos::Campaign->new($node, 'library', 7, "$base/root", @files)->register;
$node->safe_psql('library', q(
    CREATE ROLE application LOGIN;
    CREATE ROLE tenant LOGIN;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO application, tenant;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO application, tenant;
    SELECT missing_photos.grant_application('application'),
           missing_photos.grant_application('tenant');
    SELECT sample.add_owner(8, '/data8');
    ALTER TABLE api_user ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_users ON api_user TO application USING (true);
    CREATE POLICY own_user ON api_user TO tenant USING (id = 8);
    ALTER TABLE api_photo ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_photos ON api_photo TO application USING (true);
    CREATE POLICY own_photos ON api_photo TO tenant USING (owner_id = 8)));
$case->keep;

held();
approved();
cancelled();
forced();
edges();
only_superusers_set_it();
not_stuck();
$node->stop;
done_testing();

sub lose
{
    my ($root, @lost) = @_;
    make_path(map { dirname("$base/aside/$_") } @lost);
    rename("$root/$_", "$base/aside/$_") or die "$_: $!" for @lost;
}

sub give_back
{
    my ($root, @lost) = @_;
    rename("$base/aside/$_", "$root/$_") or die "$_: $!" for @lost;
}

sub held_job
{
    return $case->sql("SELECT job_id FROM missing_photos.jobs WHERE state = 'held'");
}

sub as_role
{
    my ($role, $sql) = @_;
    my ($status, $out, $errors) = $node->psql('library', $sql,
        extra_params => [ '-U', $role, '-v', 'VERBOSITY=verbose' ]);
    return $status == 0 && $errors !~ /ERROR/ ? $out : $errors;
}

sub held
{
    lose($case->{folder}, @most);
    my (undef, $row, $messages) = $node->psql('library',
        'SELECT missing, unreachable, held FROM scan_missing(7)');
    is($row, '0|0|t', 'scan_missing: held');
    like($messages, qr/WARNING:  the scan is held: 6000 of 10000 files below "\/data7"/, 'and says why');
    like($messages, qr/approve_job\('[0-9a-f-]{36}'\)/, 'and what to do');
    is($case->changed, 0, 'no row of the library changed');
    my $first = held_job();
    is($case->sql("SELECT suspects FROM missing_photos.jobs WHERE job_id = '$first'"), '6000',
        'jobs shows the suspects');
    is($case->sql("SELECT finished, failed FROM api_longrunningjob WHERE job_id = '$first'"), 't|t',
        'to the application the job failed');
    like($case->sql("SELECT error FROM missing_photos.jobs WHERE job_id = '$first'"),
        qr/^held: more files would be flagged/, 'the reason is kept');
    is($case->call(1000), '0 missing, 0 unreachable, 0 invalid, held', 'scan_missing_photos: held');
    is($case->changed, 0, 'no row of the library changed');
    is($case->sql("SELECT state, suspects, error FROM missing_photos.jobs WHERE job_id = '$first'"),
        'cancelled|0|a later scan took its place', 'the earlier one is superseded');
    is($case->told, '', 'nothing is told missing');
}

sub approved
{
    my $job = held_job();
    like(as_role('tenant', "SELECT missing_photos.approve_job('$job')"), qr/ERROR/,
        'another owner\'s application can\'t approve it');
    like(as_role('tenant', "SELECT missing_photos.cancel_job('$job')"), qr/ERROR/, 'nor cancel it');
    is(as_role('tenant', 'SELECT count(*) FROM missing_photos.jobs'), '0', 'nor see it');
    is($case->changed, 0, 'nothing changed by that');
    is(held_job(), $job, 'and it is still held');
    my ($returned, @gone) = @most;
    give_back($case->{folder}, $returned);
    is(as_role('application', "SELECT missing, restored FROM missing_photos.approve_job('$job')"),
        '5999|0', 'an application approves it');
    is($case->sql(q(SELECT string_agg(path, ',' ORDER BY path COLLATE "C")
                      FROM api_file WHERE missing)),
        join(',', sort map { "/data7/$_" } @gone), 'exactly what is still gone is flagged');
    is($case->sql("SELECT state, suspects FROM missing_photos.jobs WHERE job_id = '$job'"),
        'finished|0', 'the job is finished');
    is($case->sql("SELECT finished, failed FROM api_longrunningjob WHERE job_id = '$job'"), 't|f',
        'to the application too');
    like(as_role('application', "SELECT missing_photos.approve_job('$job')"), qr/ERROR:  55000/,
        'it can\'t be approved twice');
    give_back($case->{folder}, @gone);
    is($case->sql('SELECT missing, restored FROM scan_missing(7)'), '0|5999', 'all come back');
    is($case->changed, 0, 'row by row');
}

sub cancelled
{
    lose($case->{folder}, @most);
    $case->scan;
    my $job = held_job();
    is(as_role('application', "SELECT missing_photos.cancel_job('$job')"), '', 'cancelled');
    is($case->sql("SELECT state, suspects FROM missing_photos.jobs WHERE job_id = '$job'"),
        'cancelled|0', 'and its suspects are dropped');
    like(as_role('application', "SELECT missing_photos.approve_job('$job')"), qr/ERROR:  55000/,
        'it can\'t be approved any more');
    is($case->changed, 0, 'no row of the library changed');
}

# The breaker is skipped, the guard isn't.
sub forced
{
    rename($case->{folder}, "$case->{folder}.away") or die $!;
    is($case->sql('SELECT missing, unreachable, held FROM scan_missing(7, force => true)'),
        '0|10000|f', 'force doesn\'t skip the guard');
    rename("$case->{folder}.away", $case->{folder}) or die $!;
    is($case->sql('SELECT missing, held FROM scan_missing(7, force => true)'), '6000|f', 'force');
    give_back($case->{folder}, @most);
    $case->scan;
    is($case->changed, 0, 'and back');
    lose($case->{folder}, @most);
    $case->sql('CALL scan_missing_photos(7, force => true)');
    is($case->flagged, 6000, 'force, by the procedure');
    is($case->scan, '0 missing, 0 unreachable, 0 invalid',
        'files flagged before don\'t count against a scan');
    give_back($case->{folder}, @most);
    $case->scan;
    is($case->changed, 0, 'and back');
}

sub edges
{
    my $root = "$base/edges";
    my @some = map { "e$_.jpg" } 1 .. 200;
    my $edge = MissingPhotos::Campaign->new($node, 'library', 9, $root, @some)->register;
    for my $row (
        # lost, percent, files -> held
        [ 50, 20, 50, 'f' ],    # not more than the floor
        [ 51, 20, 50, 't' ],
        [ 60, 30, 0,  'f' ],    # not more than the share
        [ 61, 30, 0,  't' ],
        [ 1,  0,  0,  't' ],
        [ 200, 100, 0, 'f' ],
        [ 200, 99, 199, 't' ],
        [ 200, 99, 200, 'f' ])
    {
        my ($lost, $percent, $floor, $held) = @$row;
        my @lost = @some[ 0 .. $lost - 1 ];
        lose($root, @lost);
        is($edge->sql("SET missing_photos.max_missing_percent = $percent;
                       SET missing_photos.max_missing_files = $floor;
                       SELECT held, missing FROM scan_missing(9)"),
            "$held|" . ($held eq 't' ? 0 : $lost),
            "$lost of 200 lost, $percent % and $floor files allowed");
        give_back($root, @lost);
        $edge->scan;
        is($edge->changed, 0, 'as before');
    }
}

# Neither once the extension's library is loaded, nor before, when the setting is a mere name.
sub only_superusers_set_it
{
    my $photo = $case->photo_of($files[-1]);
    my %defaults = (max_missing_percent => '20', max_missing_files => '50', confirm_scans => '1',
        confirm_after => '0', probe_retry => '1min');
    for my $setting (sort keys %defaults)
    {
        like(as_role('application', "SELECT state FROM check_files('$photo');
                                     SET missing_photos.$setting = 77"),
            qr/permission denied to set parameter/, "an ordinary role can't set $setting");
        my (undef, $out, $errors) = $node->psql('library',
            "SET missing_photos.$setting = 77; SELECT state FROM check_files('$photo');
             SHOW missing_photos.$setting", extra_params => [ '-U', 'application' ]);
        is($out, "present\n$defaults{$setting}", "nor before it is loaded: $setting");
    }
}

# Someone who empties a folder on purpose, or a small root, isn't asked.
sub not_stuck
{
    my @folder = grep { m{^album9/} } @files;
    lose($case->{folder}, @folder);
    is($case->scan, '200 missing, 0 unreachable, 0 invalid', 'a folder emptied on purpose');
    my @small = map { "s$_.jpg" } 1 .. 50;
    my $other = MissingPhotos::Campaign->new($node, 'library', 10, "$base/small", @small)->register;
    lose($other->{folder}, @small);
    is($other->scan, '50 missing, 0 unreachable, 0 invalid', 'all of a small root');
}
