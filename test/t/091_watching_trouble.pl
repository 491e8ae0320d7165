# Whatever becomes of a watched root, of its probe or of the watcher, no file is flagged that isn't
# gone; when all is well again watching goes on by itself, and the library is what a scan makes of it.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use File::Copy qw(copy);
use File::Path qw(make_path remove_tree);
use MissingPhotos::Campaign;
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;
use MissingPhotos::Watch;
use Time::HiRes qw(sleep time);

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('trouble', MissingPhotos::Watch::CONFIGURATION,
    MissingPhotos::Campaign::NO_BREAKER, "shared_preload_libraries = 'missing_photos'",
    'missing_photos.watch_interval = 2', 'missing_photos.probe_timeout = 2000');
my $base = $node->basedir;
my @files = map { my $album = $_; map { "album$album/$_.jpg" } 1 .. 20 } 1 .. 10;
create_library($node, 'library');

unmounted();
limited();
polled();
held();
restarted();
$node->stop;
done_testing();

sub mount_tmpfs
{
    my ($folder) = @_;
    MissingPhotos::Privileged::mount_device('-t', 'tmpfs', '-o', 'mode=0777', 'tmpfs', $folder);
    MissingPhotos::Privileged::at_end('umount', '-l', $folder);
}

sub unmount { MissingPhotos::Privileged::as_root('umount', @_); }

# Files whose content has the digest that the fixture's rows say.
sub make_files
{
    my ($folder, $owner) = @_;
    for my $file (@files)
    {
        make_file("$folder/$file");
        open(my $out, '>', "$folder/$file") or die $!;
        print $out "/data$owner/$file";
        close($out);
    }
}

sub away_and_nothing_flagged
{
    my ($case, $what) = @_;
    ok(wait_for(15, sub { watch_state($case) eq 'away' }), "$what: the root is away")
        or diag($case->sql('SELECT * FROM missing_photos.watches'));
    settled($case);
    is($case->flagged, 0, "$what: nothing is flagged");
    is($case->changed, 0, "$what: no row of the library changed");
}

sub watching_again
{
    my ($case, $what) = @_;
    ok(wait_for(40, sub { watch_state($case) eq 'watching' }), "$what: watched again")
        or diag($case->sql('SELECT * FROM missing_photos.watches'));
    settled($case);
    is($case->changed, 0, "$what: as it was");
    unlink("$case->{folder}/$files[0]");
    within(3, $case, 'SELECT count(*) FROM api_file WHERE missing', 1, "$what: changes arrive");
    open(my $out, '>', "$case->{folder}/$files[0]") or die $!;
    print $out "$case->{app}/$files[0]";
    close($out);
    within(3, $case, 'SELECT count(*) FROM api_file WHERE missing', 0, "$what: both ways");
}

sub unmounted
{
    my $root = "$base/disk";
    make_path($root);
    mount_tmpfs($root);
    make_path("$root/photos");
    make_files("$root/photos", 1);
    my $case = MissingPhotos::Campaign->new($node, 'library', 1, "$root/photos", @files)->register;
    start_watching($case);

    make_path("$base/aside");
    MissingPhotos::Privileged::as_root('mount', '--bind', $root, "$base/aside");
    unmount($root);
    away_and_nothing_flagged($case, 'unmounted');
    MissingPhotos::Privileged::as_root('mount', '--bind', "$base/aside", $root);
    watching_again($case, 'mounted again');

    my $held = "$root/photos/album1/2.jpg";
    open(my $open, '<', $held) or die $!;
    unmount('-l', $root);
    away_and_nothing_flagged($case, 'lazily unmounted');
    close($open);
    MissingPhotos::Privileged::as_root('mount', '--bind', "$base/aside", $root);
    watching_again($case, 'mounted again');

    mount_tmpfs("$root/photos");
    away_and_nothing_flagged($case, 'mounted over');
    unmount("$root/photos");
    watching_again($case, 'uncovered');
    stop_watching($case);
    $case->forget;
    unmount($root);
    unmount("$base/aside");
}

# A FUSE file system tells nothing: it is polled; its daemon's death flags nothing, and another one is
# taken up.
sub polled
{
    make_path("$base/lower", "$base/fuse");
    make_files("$base/lower", 2);
    my $fuse = MissingPhotos::Faultfs->new("$base/lower", "$base/fuse");
    my $case = MissingPhotos::Campaign->new($node, 'library', 2, "$base/fuse", @files)->register;
    start_watching($case);
    like($case->sql("SELECT mode, reason FROM missing_photos.watches"),
        qr/^polled\|.*doesn't tell/, 'a file system without events is polled');
    unlink("$base/lower/$files[0]");
    within(15, $case, 'SELECT count(*) FROM api_file WHERE missing', 1, 'polled: changes arrive');
    open(my $out, '>', "$base/lower/$files[0]") or die $!;
    print $out "/data2/$files[0]";
    close($out);
    within(15, $case, 'SELECT count(*) FROM api_file WHERE missing', 0, 'polled: both ways');
    MissingPhotos::Privileged::kill_as_root($fuse->{pid});
    sleep 4;
    is($case->flagged, 0, 'the daemon killed: nothing is flagged');
    unlink("$base/lower/$files[1]");
    unmount('-l', "$base/fuse");
    MissingPhotos::Faultfs->new("$base/lower", "$base/fuse");
    within(40, $case, 'SELECT count(*) FROM api_file WHERE missing', 1,
        'a new daemon: it is watched again, and what changed meanwhile is found');
    is(watch_state($case), 'watching', 'which the view shows');
    stop_watching($case);
    $case->forget;
}

# More folders than may be watched: the rest is polled.
sub limited
{
    make_files("$base/limited", 3);
    my $case = MissingPhotos::Campaign->new($node, 'library', 3, "$base/limited", @files)->register;
    $case->sql('ALTER SYSTEM SET missing_photos.max_watches = 5');
    $node->reload;
    start_watching($case);
    is($case->sql('SELECT mode, watches, directories FROM missing_photos.watches'), 'mixed|5|11',
        'as many folders are watched as may be');
    like($case->sql('SELECT reason FROM missing_photos.watches'), qr/fs\.inotify\.max_user_watches/,
        'and the reason names the sysctl');
    unlink("$base/limited/album$_/1.jpg") for 1 .. 10;
    within(15, $case, 'SELECT count(*) FROM api_file WHERE missing', 10, 'the rest is polled');
    stop_watching($case);
    $case->sql('ALTER SYSTEM RESET missing_photos.max_watches');
    $node->reload;
    $case->forget;
    $case->sql('UPDATE api_file SET missing = false');
}

# More deletions than the breaker lets pass wait for a person.
sub held
{
    make_files("$base/held", 5);
    my $case = MissingPhotos::Campaign->new($node, 'library', 5, "$base/held", @files)->register;
    $case->sql('ALTER SYSTEM SET missing_photos.max_missing_percent = 20');
    $node->reload;
    start_watching($case);
    remove_tree("$base/held/album$_") for 1 .. 5;
    within(20, $case, "SELECT count(*) FROM missing_photos.job WHERE owner = '5' AND state = 'held'", 1,
        'a storm of deletions is held');
    is($case->flagged, 0, 'and nothing is flagged');
    stop_watching($case);
    $case->sql('ALTER SYSTEM RESET missing_photos.max_missing_percent');
    $node->reload;
    $case->forget;
}

sub restarted
{
    make_files("$base/again", 6);
    my $case = MissingPhotos::Campaign->new($node, 'library', 6, "$base/again", @files)->register;
    start_watching($case);
    $node->stop('fast');
    unlink("$base/again/$files[1]");
    $node->start;
    ok(wait_for(40, sub { watch_state($case) eq 'watching' }), 'watching survives a restart');
    within(20, $case, "SELECT count(*) FROM api_file WHERE missing AND path LIKE '/data6/%'", 1,
        'and what changed meanwhile is found');
    stop_watching($case);
}
