# A scan's statements grow with its batches, never with its files; a scan that finds nothing new
# writes nothing; and the procedure holds no snapshot while the disk is read.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Campaign;
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

use constant BATCH => 100;

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('statements', MissingPhotos::Campaign::NO_BREAKER,
    'shared_preload_libraries = pg_stat_statements', 'pg_stat_statements.track = all',
    'pg_stat_statements.max = 10000');
my $base = $node->basedir;
create_library($node, 'library');
$node->safe_psql('library', 'CREATE EXTENSION pg_stat_statements');
my $few = make_case(7, 300);
my $many = make_case(8, 3000);
make_file("$base/disk/$_/1.jpg") for 1 .. 3;
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
my $slow = MissingPhotos::Campaign->new($node, 'library', 9, "$base/mount", map { "$_/1.jpg" } 1 .. 3);
$slow->register;

statements();
writes();
no_snapshot();
$node->stop;
done_testing();

sub make_case
{
    my ($owner, $n) = @_;
    return MissingPhotos::Campaign->new($node, 'library', $owner, "$base/root$owner",
        map { 'album' . int($_ / 100) . "/$_.jpg" } 1 .. $n)->register;
}

# How many statements ran meanwhile, those within functions too, but for those of the library's own
# foreign keys.
sub statements_of
{
    my ($sql) = @_;
    $node->safe_psql('library', 'SELECT pg_stat_statements_reset()');
    $node->safe_psql('library', $sql);
    return $node->safe_psql('library', q(
        SELECT sum(calls) FROM pg_stat_statements 
         WHERE query NOT LIKE '%pg_stat_statements%' AND query NOT LIKE 'SELECT % FROM ONLY %'));
}

# Ten times the files: as many statements for the function (one batch), and ten times the batches,
# hence at most ten times the statements, for the procedure; a loss and a return alike.
sub statements
{
    for my $step ('nothing is gone', 'half is gone', 'half is back')
    {
        if ($step ne 'nothing is gone')
        {
            for my $case ($few, $many)
            {
                for my $file (grep { /[02468]\.jpg/ } @{ $case->{files} })
                {
                    my ($from, $to) = ("$case->{folder}/$file", "$case->{folder}/$file.away");
                    ($from, $to) = ($to, $from) if $step =~ /back/;
                    rename($from, $to) or die "$from: $!";
                }
            }
        }
        my ($function_few, $function_many) =
            map { statements_of("BEGIN; SELECT scan_missing($_); ROLLBACK") } 7, 8;
        cmp_ok($function_many, '<=', 1.2 * $function_few,
            "$step, scan_missing: $function_few statements for 300 files, $function_many for 3,000");
        my ($call_few, $call_many) =
            map { statements_of("CALL scan_missing_photos($_, batch_size => " . BATCH . ')') } 7, 8;
        cmp_ok($call_many, '<=', 10 * $call_few,
            "$step, scan_missing_photos: $call_few statements for 3 batches, $call_many for 30");
        cmp_ok($call_many, '<', 3000, "$step: fewer statements than files");
    }
    is($many->changed, 0, 'afterwards the library is as it was');
}

# Nothing changed on the disk: nothing is written, but for the application's job row.
sub writes
{
    my $session = MissingPhotos::Session->new($node, 'library');
    for my $verb ('SELECT scan_missing(8)', 'CALL scan_missing_photos(8)',
        q(SELECT count(*) FROM check_files(md5('/data8/album1/101.jpg') || '8')))
    {
        $session->query('SELECT pg_stat_force_next_flush()');
        my $before = written($session);
        $session->query($verb);
        $session->query('SELECT pg_stat_force_next_flush()');
        is(written($session), $before, "$verb writes no row of the library");
    }
    # The count can rise: the test can fail.
    my $before = written($session);
    my $file = $many->{files}[0];
    rename("$many->{folder}/$file", "$many->{folder}/$file.away") or die $!;
    $session->query('SELECT scan_missing(8)');
    rename("$many->{folder}/$file.away", "$many->{folder}/$file") or die $!;
    $session->query('SELECT scan_missing(8)');
    $session->query('SELECT pg_stat_force_next_flush()');
    isnt(written($session), $before, 'a loss and a return do');
    $session->close;
}

sub written
{
    my ($session) = @_;
    my ($rows) = $session->query(q(
        SELECT string_agg(relname || ' ' || n_tup_ins || ' ' || n_tup_upd || ' ' || n_tup_del, ', '
                          ORDER BY relname)
          FROM pg_stat_user_tables
         WHERE schemaname = 'public' AND relname <> 'api_longrunningjob'));
    return $rows;
}

# While a folder hangs, the procedure's backend holds nothing that keeps VACUUM from its work, and
# the function, which is inside its caller's transaction, does: so the test can fail.
sub no_snapshot
{
    my $held = q(SELECT backend_xmin IS NOT NULL OR backend_xid IS NOT NULL FROM pg_stat_activity
                  WHERE pid = );
    for my $place ([ 'getattr', '/2/1.jpg' ], [ 'getattr', '/2' ], [ 'getattr', '/' ])
    {
        my ($operation, $pattern) = @$place;
        my $session = MissingPhotos::Session->new($node, 'library');
        $mount->hang($operation, $pattern);
        $session->send('CALL scan_missing_photos(9)');
        ok($mount->wait_until_hanging, "the procedure waits for $operation on $pattern");
        is($node->safe_psql('library', $held . $session->pid), 'f',
            "and holds no snapshot and no transaction id ($operation on $pattern)");
        $mount->clear;
        $session->wait;
        $mount->hang($operation, $pattern);
        $session->send('SELECT scan_missing(9)');
        ok($mount->wait_until_hanging, 'the function waits');
        is($node->safe_psql('library', $held . $session->pid), 't', 'and is inside a transaction');
        $mount->clear;
        $session->wait;
        $session->close;
    }
}
