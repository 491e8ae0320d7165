# Everything at once: files are moved, copied, swapped and lost while the library is watched and several
# sessions scan, link again, check, delete and undo what they deleted.  No session fails or meets a
# deadlock, no other owner's row changes, and with every deletion undone no row is lost.
#
# What lies where isn't asked here: files that change places hundreds of times a second while events and
# scans tell of them are put in order by hand (066 asks that of files that rest).
use strict;
use warnings;
use MissingPhotos::Privileged;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use MissingPhotos::Campaign;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;
use MissingPhotos::Stir;
use MissingPhotos::Watch ();

my $long = $ENV{MISSING_PHOTOS_LONG};
my $seed = $ENV{MISSING_PHOTOS_SEED} // ($long ? time : 4711);
my $seconds = $long ? 90 : 6;

# A photo that another session deletes is no error, nor that somebody else works for the owner.
my $EXPECTED = qr/is being (scanned|worked)|another|already|photo "[^"]*" does not exist/i;
my @VERBS = (
    'SELECT scan_missing(t.owner(2))',
    'SELECT scan_missing(t.owner(2), relink => true)',
    'SELECT relink_missing(t.owner(2))',
    "CALL scan_missing_photos('2', batch_size => 100)",
    'SELECT check_files(photo) FROM (SELECT photo FROM t.photo WHERE owner = t.owner(2)
                                      ORDER BY random() LIMIT 20) AS p',
    'SELECT * FROM missing_counts',
    'SELECT count(*) FROM missing_files',
    'SELECT * FROM missing_jobs',
    undef);    # delete and undo

srand($seed);
diag("seed $seed") if $long;
my $node = start_server('all_at_once', MissingPhotos::Watch::CONFIGURATION,
    MissingPhotos::Campaign::NO_BREAKER, 'missing_photos.max_delete_percent = 100',
    'deadlock_timeout = 200ms');
my ($library, $disk, $errors);
for my $name (qw(librephotos_2026 standalone))
{
    $library = MissingPhotos::EveryLibrary->new($node, $name, undef, [ 2, 12 ], 400);
    $disk = "$library->{disk}/data/2";
    $errors = $node->basedir . "/errors_$name";
    $library->scan($_) for 2, 12;
    my $rows = rows_of_both();
    $library->sql('SELECT missing_photos.start_watching()');
    wait_for(20, sub {
        $library->sql("SELECT bool_and(state = 'watching') FROM missing_photos.watches
                        WHERE root = '/data'") eq 't' }) or BAIL_OUT('not watching');
    my @sessions = map { session($_) } 1 .. 3;
    my $end = time + $seconds;
    while (time < $end) { stir($disk); sleep rand 0.3; }
    waitpid($_, 0) for @sessions;
    is(-e $errors ? slurp_file($errors) : '', '', "$name: no session failed");
    $library->sql('SELECT missing_photos.stop_watching()');
    wait_for(20, sub { $library->sql('SELECT missing_photos.watcher_is_alive()') eq 'f' });
    $library->sql('SELECT missing_photos.undo_delete(job_id) FROM missing_photos.archives
                    ORDER BY deleted_at DESC');
    is(rows_of_both(), $rows, "$name: no row is lost, and none of another owner's changed");
    my ($moves, $deletions) = map { $library->sql("SELECT count(*) FROM missing_photos.$_") }
        "findings WHERE new_path <> ''", 'archives';
    cmp_ok($moves, '>', 100, "$name: files were followed");
    cmp_ok($deletions, '>', 0, "$name: photos were deleted and came back");
}
unlike(slurp_file($node->logfile), qr/deadlock detected|terminated by signal|PANIC|TRAP/,
    'no deadlock, no crash');
$node->stop;
done_testing();

# The keys of all photos and files, and all that owner 12's rows say.
sub rows_of_both
{
    return $library->sql(q(
        SELECT (SELECT count(*) || ' photos ' || md5(string_agg(photo, ' ' ORDER BY photo)) FROM t.photo),
               (SELECT count(*) || ' files ' || md5(string_agg(file, ' ' ORDER BY file)) FROM t.file),
               (SELECT md5(string_agg(f::text, ' ' ORDER BY file)) FROM t.file AS f
                 WHERE path LIKE '/data/12/%'),
               (SELECT md5(string_agg(p::text, ' ' ORDER BY photo)) FROM t.photo AS p
                 WHERE owner = t.owner(12))));
}

sub session
{
    my ($number) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    srand($seed + $number);
    my $end = time + $seconds;
    while (time < $end)
    {
        my $verb = $VERBS[ rand @VERBS ];
        defined $verb ? run($verb) : delete_and_undo();
    }
    POSIX::_exit(0);
}

# What a statement answers; nothing where it failed.
sub run
{
    my ($sql) = @_;
    my ($code, $out, $err) = $node->psql($library->{database}, $sql);
    return $out if $err !~ /ERROR|FATAL|server closed/;
    complain("$sql: $err") if $err !~ $EXPECTED;
    return '';
}

sub complain
{
    open(my $file, '>>', $errors) or die "$errors: $!";
    print $file "$_[0]\n";
    close $file;
}

# What isn't undone here is at the end.
sub delete_and_undo
{
    my $answer = run('SELECT delete_missing(t.owner(2), force => true)');
    my ($job) = $answer =~ /"job_id": "([^"]+)"/;
    complain($answer) if $answer =~ /"status": false/ && $answer !~ $EXPECTED;
    sleep rand 0.5;
    run("SELECT missing_photos.undo_delete(job_id) FROM missing_photos.archives
          WHERE job_id = '$job'") if defined $job;
}
