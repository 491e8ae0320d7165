# Relinking that is cancelled, killed, or loses its mount in the middle leaves no file half-linked, and
# running it again finishes.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep);
use MissingPhotos::Campaign;
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

use constant { FILES => 600, ROUNDS => $ENV{MISSING_PHOTOS_LONG} ? 30 : 2 };

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('broken_off', MissingPhotos::Campaign::NO_BREAKER,
    'missing_photos.probe_timeout = 5000', 'missing_photos.probe_retry = 0');
my $base = $node->basedir;
create_library($node, 'library');
my @files = map { my $album = $_; map { "here/album$album/$_.jpg" } 1 .. 20 } 1 .. FILES / 20;
make_file("$base/disk/$_") for @files;
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
my $case = MissingPhotos::Campaign->new($node, 'library', 7, "$base/mount", @files)->register;
my ($at, $to) = qw(here there);
undisturbed();

broken_off('cancelled', sub { $case->sql("SELECT pg_cancel_backend($_[0])") });
broken_off('terminated', sub { $case->sql("SELECT pg_terminate_backend($_[0])") });
broken_off('killed', sub {
    kill('KILL', $_[0]);
    wait_for(60, sub { $node->psql('library', 'SELECT 1', timeout => 5) == 0 });
});
broken_off('without its mount', sub {
    my ($pid) = @_;
    $mount->remove;
    wait_for(30, sub { $case->sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid
                                      AND state = 'active'") eq '0' });
    $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
});
$node->stop;
done_testing();

sub rename_tree
{
    rename("$base/disk/$at", "$base/disk/$to") or die $!;
    ($at, $to) = ($to, $at);
}

# With each request to the disk slowed down a little, so that there is a middle.
sub undisturbed
{
    rename_tree();
    $mount->latency(500);
    $case->sql('CALL relink_missing_photos(7, batch_size => 50)');
    is(places(), '0 ' . FILES, "undisturbed: all is found");
}

# Files that the library has where they were, and where they are.
sub places
{
    return $case->sql("SELECT count(*) FILTER (WHERE path LIKE '/data7/$to/%') || ' ' ||
                              count(*) FILTER (WHERE path LIKE '/data7/$at/%') FROM api_file");
}

# Rows that differ from the beginning in anything but a path.
sub differing
{
    my $rows = q(SELECT table_name, regexp_replace(row_text, '/data7/(here|there)/', '/') FROM);
    return $case->sql("SELECT count(*) FROM (
        ($rows sample.all_rows() AS r EXCEPT ALL $rows sample.kept AS k)
        UNION ALL ($rows sample.kept AS k EXCEPT ALL $rows sample.all_rows() AS r)) AS differing");
}

sub broken_off
{
    my ($how, $break) = @_;
    my $in_the_middle = 0;
    for my $round (1 .. ROUNDS)
    {
        my $session = MissingPhotos::Session->new($node, 'library');
        rename_tree();
        $session->send('CALL relink_missing_photos(7, batch_size => 50)');
        my $moved = FILES * ($round - 1) / ROUNDS;
        wait_for(30, sub { (split / /, places())[1] >= $moved });
        $break->($session->pid);
        eval { $session->wait };
        $session->close;
        $mount->latency(500);
        my ($before, $after) = split / /, places();
        is($before + $after, FILES, "$how, round $round: every file has one place ($after of them the new one)");
        is(differing(), '0', "$how, round $round: nothing but paths is different");
        $in_the_middle++ if $before > 0;
        my $found = $case->sql('SELECT relinked FROM relink_missing(7)');
        is("$found " . places(), "$before 0 " . FILES, "$how, round $round: the next run finds the rest");
        is($case->scan, '0 missing, 0 unreachable, 0 invalid', "$how, round $round: all is there");
    }
    ok($in_the_middle > 0, "$how: at least once in the middle");
    is($case->sql("SELECT (SELECT count(*) FROM missing_photos.relink_row) || ' ' ||
                          (SELECT count(*) FROM missing_photos.relink_file)"), '0 0', "$how: nothing is left over");
}
