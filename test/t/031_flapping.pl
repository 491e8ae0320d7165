# A mount that comes and goes as fast as it can while scans run: nothing is ever taken for missing,
# where checking a marker file first takes plenty.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use MissingPhotos::Campaign;
use MissingPhotos::Sample;
use MissingPhotos::Session;

my $long = $ENV{MISSING_PHOTOS_LONG};
my $seconds = $long ? 60 : 5;
my $wanted = $long ? 1_000_000 : 1000;    # paths to be judged
my $folders = $long ? 100 : 20;
my $most_seconds = $seconds * 10;

MissingPhotos::Privileged::need_root();
my $node = start_server('flapping', MissingPhotos::Campaign::NO_BREAKER);
my $base = $node->basedir;
my $flapper = "$base/flapper";
system_or_bail($ENV{CC} // 'cc', '-O2', '-o', $flapper, 'test/tools/flapper.c');
my @files = map { my $album = $_; map { "album$album/$_.jpg" } 1 .. 40 } 1 .. $folders;
make_file("$base/disk/$_") for @files, '.marker';
mkdir "$base/root";
MissingPhotos::Privileged::as_root('mount', '--bind', "$base/disk", "$base/root");
MissingPhotos::Privileged::at_end('umount', '-l', "$base/root");
create_library($node, 'library');
my $case = MissingPhotos::Campaign->new($node, 'library', 7, "$base/root", @files)->register;
my $registered = root_identity();

known_bad();
scans();
$node->stop;
done_testing();

sub start_flapping
{
    my ($for) = @_;
    return MissingPhotos::Privileged::start_as_root($flapper, 'flap', "$base/disk", "$base/root", $for);
}

# The flapper is the helper's child; it is done when its root is what it was for a while.
sub wait_for_end
{
    my ($pid) = @_;
    ok(wait_for(60, sub { !is_alive($pid) }), 'the mount holds still again');
}

sub known_bad
{
    my $pid = start_flapping(2);
    my ($absent) = run_command([ $flapper, 'trust', "$base/root", 2, @files[ 0 .. 399 ] ]);
    wait_for_end($pid);
    cmp_ok($absent, '>', 0,
        "a marker checked first, then names looked up: $absent files that were never gone looked gone");
}

sub scans
{
    my ($scans, $asked, $judged, $missing) = (0, 0, 0, 0);
    my $session = MissingPhotos::Session->new($node, 'library');
    my $start = time;
    my $pid;
    while (time - $start < $seconds || ($judged < $wanted && time - $start < $most_seconds))
    {
        $pid = start_flapping($seconds) if !defined $pid || !is_alive($pid);
        my ($row, $errors) = $session->query($scans++ % 2
            ? 'SELECT files, unreachable, missing FROM scan_missing(7)'
            : 'CALL scan_missing_photos(7, batch_size => 500);
               SELECT files, unreachable, missing FROM missing_photos.jobs
                ORDER BY started_at DESC LIMIT 1');
        my ($files, $unreachable, $gone) = $row =~ /^(\d+)\|(\d+)\|(\d+)$/
            or BAIL_OUT("a scan failed: $row $errors");
        $asked += $files;
        $judged += $files - $unreachable;
        $missing += $gone;
    }
    my $took = int(time - $start);
    wait_for_end($pid);
    $session->close;
    note "$scans scans in $took s asked about $asked paths, $judged of them judged";
    cmp_ok($judged, '>=', $wanted, "$judged paths were judged in $scans scans");
    cmp_ok($judged, '<', $asked, 'and ' . ($asked - $judged) . ' were unreachable at the time');
    is($missing, 0, 'no scan found a file missing');
    is($case->sql('SELECT count(*) FROM missing_photos.findings'), 0, 'no scan changed anything');
    is($case->changed, 0, 'no row of the library changed');
    is(root_identity(), $registered, 'the empty folder below the mount was never taken for the root');
    $case->healthy('afterwards');
    unlink "$base/disk/album1/1.jpg";
    is($case->scan, '1 missing, 0 unreachable, 0 invalid', 'and a real loss is found');
}

sub root_identity
{
    return $case->sql('SELECT fs_magic, fsid, inode, mounts FROM missing_photos.registered_root');
}
