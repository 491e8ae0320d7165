# Storms: files and folders are moved, deleted, made again, replaced, moved out and in, faster than can
# be followed, while events are lost and the probe or the watcher is killed.
#
# Some files are never gone for longer than a rename takes: of these no reader ever sees one flagged.
# Afterwards the library is what is on disk, and a scan changes nothing.
#
# MISSING_PHOTOS_LONG=1: 100,000 steps each instead of some thousands.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Campaign;
use MissingPhotos::Sample;
use MissingPhotos::Storm;
use MissingPhotos::Watch;
use Time::HiRes qw(sleep time);

use constant QUEUE => '/proc/sys/fs/inotify/max_queued_events';

MissingPhotos::Privileged::need_root();
my $long = ($ENV{MISSING_PHOTOS_LONG} // '') eq '1';
my $steps = $long ? 100_000 : 1500;
my $node = start_server('storms', MissingPhotos::Watch::CONFIGURATION,
    MissingPhotos::Campaign::NO_BREAKER, "shared_preload_libraries = 'missing_photos'");
my $base = $node->basedir;
create_library($node, 'library');

storm(1, $steps, 'the probes killed in a storm', \&kill_probe);
storm(2, $steps, 'the watcher killed in a storm', \&kill_watcher);
with_a_tiny_queue(sub { storm(3, $steps, 'a storm with a tiny queue', \&stop_probe,
    sub { cmp_ok($_[0], '>', 0, 'the tiny queue was full, and the view says so') }) });
$node->stop;
done_testing();

# That of the watch, and the one that looks at files for the watcher.
sub probes
{
    my ($case) = @_;
    return map { children_of($_) } children_of(watcher_pid($case));
}

sub kill_probe
{
    my ($case) = @_;
    kill 'KILL', probes($case);
}

# What happens meanwhile waits with the kernel.
sub stop_probe
{
    my ($case) = @_;
    my @probes = probes($case);
    kill 'STOP', @probes;
    sleep 0.15;
    kill 'CONT', @probes;
}

# The server restarts then, and the watcher with it.
sub kill_watcher
{
    my ($case) = @_;
    my $pid = watcher_pid($case) or die 'it runs not yet';
    kill 'KILL', $pid;
    wait_for(10, sub { !kill 0, $pid });
    workers_come_back(sub { $case->sql($_[0]) })
        or $case->sql('SELECT missing_photos.run_pending_jobs()');
}

sub with_a_tiny_queue
{
    my ($act) = @_;
    open(my $file, '<', QUEUE) or die $!;
    chomp(my $before = <$file>);
    MissingPhotos::Privileged::at_end('sh', '-c', "echo $before >" . QUEUE);
    MissingPhotos::Privileged::as_root('sh', '-c', 'echo 16 >' . QUEUE);
    $act->();
    MissingPhotos::Privileged::as_root('sh', '-c', "echo $before >" . QUEUE);
}

# How many of the files that are always there are flagged; nothing while the server restarts.
sub flagged
{
    my ($case) = @_;
    my $files = join ',', map { "md5('$case->{app}/$_')" } MissingPhotos::Storm::kept();
    my $n = eval { $case->sql("SELECT count(*) - count(*) FILTER (WHERE NOT missing)
        FROM api_file WHERE path LIKE '$case->{app}/%' AND left(hash, 32) = ANY (ARRAY[$files])
        HAVING count(*) = " . MissingPhotos::Storm::KEPT) };
    return $n // 0;
}

sub storm
{
    my ($owner, $steps, $what, $harm, $check) = @_;
    my @files = MissingPhotos::Storm::files();
    my $root = "$base/storm$owner";
    MissingPhotos::Storm::write_file($root, "/data$owner", $_) for @files;
    mkdir "$base/out$owner";
    my $case = MissingPhotos::Campaign->new($node, 'library', $owner, $root, @files)->register;
    start_watching($case);
    my $storm = MissingPhotos::Storm->start($root, "$base/out$owner", "/data$owner", $steps);
    my ($worst, $samples, $harmed, $began) = (0, 0, 0, time);
    while (!$storm->is_over)
    {
        my $flagged = flagged($case);
        $worst = $flagged if $flagged > $worst;
        $samples++;
        eval { $harm->($case); $harmed++ } if $harm && $harmed < 3 && time - $began > 0.7 * $harmed + 0.5;
        sleep 0.01;
    }
    my $took = time - $began;
    ok(wait_for(60, sub { (eval { watch_state($case) } // '') eq 'watching' }), "$what: watching goes on");
    settled($case);
    # A server takes its time to restart.
    my $least = !$harm ? 0 : $harm == \&kill_watcher ? 1 : 3;
    cmp_ok($harmed, '>=', $least, "$what: $harmed times");
    is("$worst, " . flagged($case), '0, 0', sprintf('%s: %d steps in %.1f s, %d samples: no reader saw a file '
        . 'flagged that was there', $what, $steps, $took, $samples));
    my $overflows = $case->sql("SELECT overflows FROM missing_photos.watches WHERE root = '$case->{app}'");
    note("the kernel's queue was full $overflows times");
    $check->($overflows) if $check;
    compare($case, $what, $storm);
    stop_watching($case);
    $case->forget;
}

sub compare
{
    my ($case, $what, $storm) = @_;
    my @known = sort split /\n/, $case->sql(
        "SELECT path FROM api_file WHERE path LIKE '$case->{app}/%' AND NOT missing");
    my @there = sort map { s{^\Q$case->{folder}\E}{$case->{app}}r } $storm->there;
    is_deeply(\@known, \@there, "$what: every file is known by the name it has")
        or diag(join "\n", $case->sql('SELECT kind, state, result FROM missing_photos.job'));
    is($case->flagged, @{ $case->{files} } - @there, "$what: the others are missing");
    my $before = rows_of($case);
    my $owner = substr $case->{app}, 5;
    $case->sql("SELECT scan_missing($owner, relink => true)");
    is(rows_of($case), $before, "$what: a scan changes nothing");
}
