# Whatever becomes of a root's mount, no file is taken for missing that isn't gone; the root that is
# what it was, or holds what it held, needs nobody's hand.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use File::Path qw(make_path);
use MissingPhotos::Campaign;
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('mounts', MissingPhotos::Campaign::NO_BREAKER,
    'missing_photos.probe_timeout = 2000', 'missing_photos.probe_retry = 0');
my $base = $node->basedir;
my @files = map { my $album = $_; map { "album$album/$_.jpg" } 1 .. 10 } 1 .. 3;
my $number = 0;
my $replaced = 'another file system or folder';
create_library($node, 'library');

root_absent();
root_replaced_by_a_folder();
over_mounted();
lazily_unmounted();
nested_mount();
new_file_system_below();
fuse_killed();
fuse_unmounted_or_empty();
dropped_while_scanned();
copied_to_another_disk();
copied_without_its_nested_mount();
replaced_by_others();
mounted_again();
marker_absent();
really_emptied();
$node->stop;
done_testing();

# A campaign of its own, not registered yet; its folder is <base>/case<N>/root.
sub new_case
{
    my (%made) = @_;
    $number++;
    my $place = "$base/case$number";
    make_path("$place/root", "$place/disk");
    $made{before}->($place) if $made{before};
    return MissingPhotos::Campaign->new($node, 'library', $number, "$place/root",
        @{ $made{files} // \@files });
}

sub mount
{
    my (@arguments) = @_;
    MissingPhotos::Privileged::mount_device(@arguments);
    MissingPhotos::Privileged::at_end('umount', '-l', $arguments[-1]);
}

sub mount_tmpfs
{
    my ($folder) = @_;
    mount('-t', 'tmpfs', '-o', 'mode=0777', 'tmpfs', $folder);
}

sub unmount { MissingPhotos::Privileged::as_root('umount', @_); }

sub move { rename($_[0], $_[1]) or die "$_[0]: $!"; }

sub root_absent
{
    my $case = new_case()->register;
    move($case->{folder}, "$case->{folder}.away");
    $case->nothing_concluded('root absent', 'the root is absent');
    move("$case->{folder}.away", $case->{folder});
    $case->healthy('root back');
    $case->forget;
}

sub root_replaced_by_a_folder
{
    my $case = new_case()->register;
    move($case->{folder}, "$case->{folder}.away");
    mkdir $case->{folder};
    $case->nothing_concluded('an empty folder in the root\'s place', $replaced);
    make_file("$case->{folder}/album1/1.jpg");
    $case->nothing_concluded('another folder in the root\'s place', $replaced);
    move($case->{folder}, "$case->{folder}.other");
    make_file($case->{folder});
    $case->nothing_concluded('a file in the root\'s place', 'the root is not a folder');
    unlink $case->{folder};
    move("$case->{folder}.away", $case->{folder});
    $case->healthy('the folder back');
    $case->forget;
}

sub over_mounted
{
    my $case = new_case()->register;
    mount_tmpfs($case->{folder});
    $case->nothing_concluded('tmpfs over the root', $replaced);
    unmount($case->{folder});
    $case->healthy('tmpfs gone');
    $case->forget;
}

sub lazily_unmounted
{
    my $case = new_case(before => sub { mount('--bind', "$_[0]/disk", "$_[0]/root") })->register;
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->query("SELECT scan_missing($case->{owner})");
    unmount('-l', $case->{folder});
    my ($row) = $session->query("SELECT missing, unreachable FROM scan_missing($case->{owner})");
    is($row, '0|30', 'lazily unmounted: a session whose probe saw it before');
    $case->nothing_concluded('lazily unmounted', $replaced);
    (my $disk = $case->{folder}) =~ s/root$/disk/;
    mount('--bind', $disk, $case->{folder});
    ($row) = $session->query("SELECT missing, unreachable FROM scan_missing($case->{owner})");
    is($row, '0|0', 'mounted again: the same session');
    $session->close;
    $case->healthy('mounted again');
    unmount($case->{folder});
    $case->forget;
}

# A mount two levels down: what lies below it is in doubt, the rest is judged.
sub nested_mount
{
    my @nested = map { "album1/2024/nas/$_.jpg" } 1 .. 10;
    my $nas;
    my $case = new_case(files => [ @files, @nested ], before => sub {
        make_path($nas = "$_[0]/root/album1/2024/nas");
        mount('--bind', "$_[0]/disk", $nas) })->register;
    (my $disk = $case->{folder}) =~ s/root$/disk/;
    is($case->sql("SELECT mounts FROM missing_photos.roots WHERE app_path = '$case->{app}'"),
        '{album1/2024/nas}', 'the nested mount is registered');

    unmount('-l', $nas);
    only_nested($case, 'nested mount gone', 'a file system that was mounted here is absent');
    move("$disk/../root/album1/2024", "$disk/../2024");
    only_nested($case, 'nested mount and its folder gone',
        'a file system that was mounted here is absent');
    move("$disk/../2024", "$disk/../root/album1/2024");
    mount_tmpfs($nas);
    only_nested($case, 'another file system in the nested one\'s place', '.*file system');
    unmount($nas);
    mount('--bind', $disk, $nas);
    $case->healthy('nested mount back');
    mount_tmpfs($nas);
    only_nested($case, 'a file system over the nested one', '.*file system');
    unmount($nas);
    $case->healthy('nested mount uncovered');

    # A file that is really gone elsewhere is still found out, and restored later.
    unmount('-l', $nas);
    move("$case->{folder}/album2/1.jpg", "$disk/../1.jpg");
    is($case->scan, '1 missing, 10 unreachable, 0 invalid', 'a loss outside the nested mount');
    is($case->flagged, 1, 'is flagged alone');
    move("$disk/../1.jpg", "$case->{folder}/album2/1.jpg");
    mount('--bind', $disk, $nas);
    $case->healthy('all back');

    # The mount's files moved onto the disk itself: nothing is missing, so nobody needs to be asked.
    unmount($nas);
    system('cp', '-a', "$disk/.", $nas) == 0 or die;
    $case->healthy('the nested mount\'s files on the root\'s own file system');
    is($case->sql("SELECT mounts FROM missing_photos.roots WHERE app_path = '$case->{app}'"),
        '{}', 'the mount is forgotten then');
    $case->forget;
}

sub only_nested
{
    my ($case, $what, $reason) = @_;
    is($case->scan, '0 missing, 10 unreachable, 0 invalid', "$what: scan_missing");
    is($case->call(7), '0 missing, 10 unreachable, 0 invalid', "$what: scan_missing_photos");
    is($case->check('album1/2024/nas/1.jpg'), 'unreachable', "$what: check_files");
    is($case->check('album1/1.jpg'), 'present', "$what: check_files elsewhere");
    like($case->told, qr/^10 unreachable: $reason[^\n]*$/, "$what: missing_files tells why");
    is($case->changed, 0, "$what: no row of the library changed");
}

sub new_file_system_below
{
    my $case = new_case()->register;
    mount_tmpfs("$case->{folder}/album2");
    is($case->scan, '0 missing, 10 unreachable, 0 invalid', 'a new file system below: scan_missing');
    is($case->call(7), '0 missing, 10 unreachable, 0 invalid', 'a new file system below: CALL');
    is($case->check('album2/1.jpg'), 'unreachable', 'a new file system below: check_files');
    like($case->told, qr/^10 unreachable: a file system is mounted here that wasn't before/,
        'a new file system below: missing_files tells why');
    is($case->changed, 0, 'a new file system below: no row of the library changed');
    $case->sql("SELECT missing_photos.accept_root('$case->{app}')");
    is($case->scan, '10 missing, 0 unreachable, 0 invalid',
        'accept_root: then what isn\'t there is missing');
    unmount("$case->{folder}/album2");
    $case->sql("SELECT missing_photos.accept_root('$case->{app}')");
    is($case->scan, '0 missing, 0 unreachable, 0 invalid', 'and back when it is uncovered');
    is($case->changed, 0, 'row by row');
    $case->forget;
}

sub new_fuse_case
{
    my $fuse;
    my $case = new_case(before => sub {
        make_file("$_[0]/disk/$_") for @files;
        $fuse = MissingPhotos::Faultfs->new("$_[0]/disk", "$_[0]/root") })->register;
    (my $disk = $case->{folder}) =~ s/root$/disk/;
    return ($case, $fuse, $disk);
}

sub fuse_killed
{
    my ($case, $fuse, $disk) = new_fuse_case();
    MissingPhotos::Privileged::kill_as_root($fuse->{pid});
    $case->nothing_concluded('FUSE daemon killed', 'the file system answered: Transport endpoint');
    $fuse->remove;
    $fuse = MissingPhotos::Faultfs->new($disk, $case->{folder});
    $case->healthy('FUSE mounted again');
    $fuse->remove;
    $case->forget;
}

sub fuse_unmounted_or_empty
{
    my ($case, $fuse, $disk) = new_fuse_case();
    $fuse->remove;
    $case->nothing_concluded('FUSE unmounted', $replaced);
    # Where FUSE has no file system id, an empty root may be the place where nothing is mounted.
    mkdir "$disk/../away";
    move("$disk/album$_", "$disk/../away/album$_") for 1 .. 3;
    $fuse = MissingPhotos::Faultfs->new($disk, $case->{folder});
    $case->nothing_concluded('FUSE empty', 'the root is empty');
    move("$disk/../away/album$_", "$disk/album$_") for 1 .. 3;
    $case->healthy('FUSE full again');
    $fuse->remove;
    $case->forget;
}

# The mount goes between two answers of one batch: FUSE gives the time to do it. Below a bind mount
# of it the pinned handle goes on to see the old files; only the comparison tells.
sub dropped_while_scanned
{
    my ($case, $fuse, $disk) = new_fuse_case();
    my $bound = "$case->{folder}.bound";
    mkdir $bound;
    $case->{folder} = $bound;
    mount('--bind', "$disk/../root", $bound);
    $case->sql("SELECT missing_photos.add_root('$case->{app}', '$bound')");
    for my $verb ("SELECT scan_missing($case->{owner})",
        "CALL scan_missing_photos($case->{owner}, batch_size => 5)")
    {
        for my $operation ('getattr', 'readdir')
        {
            my $what = "$operation, " . substr($verb, 0, 12);
            my $session = MissingPhotos::Session->new($node, 'library');
            $fuse->hang($operation, '/album2');
            $session->send($verb);
            ok($fuse->wait_until_hanging, "$what is under way");
            unlink glob("$disk/album2/*.jpg");
            unmount('-l', $bound);
            $fuse->clear;
            my (undef, $errors) = $session->wait;
            unlike($errors, qr/ERROR/, "$what: the mount dropped, no error");
            is($case->flagged, 0, "$what: nothing flagged");
            like($case->root_state, qr/^unreachable: the root changed while it was read/,
                "$what: roots tells why");
            make_file("$disk/$_") for grep { /album2/ } @files;
            mount('--bind', "$disk/../root", $bound);
            $session->query("SELECT scan_missing($case->{owner})");
            is($case->changed, 0, "$what: no row changed");
            $session->close;
        }
    }
    # The daemon killed in the middle.
    my $session = MissingPhotos::Session->new($node, 'library');
    $fuse->hang('readdir', '/album3');
    $session->send("CALL scan_missing_photos($case->{owner}, batch_size => 5)");
    ok($fuse->wait_until_hanging, 'a scan waits for a listing');
    MissingPhotos::Privileged::kill_as_root($fuse->{pid});
    $session->wait;
    is($case->last_job, '0 missing, 30 unreachable, 0 invalid', 'FUSE daemon killed meanwhile');
    is($case->changed, 0, 'no row changed');
    $session->close;
    unmount('-l', $bound);
    $fuse->remove;
    $case->forget;
}

sub copied_to_another_disk
{
    my $case = new_case()->register;
    (my $disk = $case->{folder}) =~ s/root$/disk/;
    mount_tmpfs($disk);
    MissingPhotos::Privileged::as_root('cp', '-a', "$case->{folder}/.", $disk);
    mount('--bind', $disk, $case->{folder});
    my (undef, undef, $notices) = $node->psql('library', "SELECT scan_missing($case->{owner})");
    like($notices, qr/NOTICE:  root "$case->{app}" is on another file system or folder now/,
        'a copy on another disk is recognised, and that is told');
    is($case->sql("SELECT file_system FROM missing_photos.roots WHERE app_path = '$case->{app}'"),
        'tmpfs', 'and registered');
    $case->healthy('the copy');
    unlink "$case->{folder}/album1/1.jpg";
    is($case->scan, '1 missing, 0 unreachable, 0 invalid', 'losses on it are found');
    unmount($case->{folder});
    $case->forget;
}

# Most files found on another disk prove the root, not the mount below it that isn't there yet.
sub copied_without_its_nested_mount
{
    my @nested = ('album1/nas/1.jpg', 'album1/nas/2.jpg');
    my $nas;
    my $case = new_case(files => [ @files, @nested ], before => sub {
        make_path($nas = "$_[0]/root/album1/nas");
        mount('--bind', "$_[0]/disk", $nas) })->register;
    my $copy = "$case->{folder}.copy";
    my $disk = "$case->{folder}/../disk";
    mkdir $copy;
    mount_tmpfs($copy);
    MissingPhotos::Privileged::as_root('cp', '-ax', "$case->{folder}/.", $copy);
    unlink glob("$copy/album1/nas/*");
    mount('--bind', $copy, $case->{folder});
    like($case->scan, qr/^0 missing, 2 unreachable/, 'a copy without its nested mount');
    like($case->told, qr/^2 unreachable: a file system that was mounted here is absent$/,
        'missing_files tells why');
    is($case->root_state, 'present', 'the root itself is renewed');
    is($case->changed, 0, 'no row of the library changed');
    mount('--bind', $disk, $nas);
    $case->healthy('with its nested mount');
    unmount($nas);
    unmount($case->{folder});
    unmount($nas);
    $case->forget;
}

sub replaced_by_others
{
    my $case = new_case()->register;
    mount_tmpfs($case->{folder});
    for my $file (@files)
    {
        next if $file =~ m{/10\.jpg};
        make_file("$case->{folder}/$file");
    }
    $case->nothing_concluded('another disk with other files', $replaced);
    $case->sql("SELECT missing_photos.accept_root('$case->{app}')");
    is($case->scan, '3 missing, 0 unreachable, 0 invalid', 'accept_root: it is the library now');
    unmount($case->{folder});
    $case->forget;
}

# A reboot: the same disk gets another device number and mount id.
sub mounted_again
{
    my $image = "$base/image";
    MissingPhotos::Privileged::as_root('truncate', '-s', '8M', $image);
    MissingPhotos::Privileged::as_root('mkfs.ext4', '-q', $image);
    my $loop = attach_image($image);
    my $case = new_case(before => sub {
        mount($loop, "$_[0]/root");
        MissingPhotos::Privileged::as_root('chmod', '0777', "$_[0]/root") });
    my @before = stat($case->{folder});
    $case->register;
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->query("SELECT scan_missing($case->{owner})");
    unmount($case->{folder});
    $case->nothing_concluded('the disk away', $replaced);
    my $other = attach_image($image);
    MissingPhotos::Privileged::as_root('losetup', '-d', $loop);
    mount($other, $case->{folder});
    isnt((stat($case->{folder}))[0], $before[0], 'mounted again under another device number');
    my (undef, undef, $notices) = $node->psql('library', "SELECT scan_missing($case->{owner})");
    is($notices, '', 'nobody needs to be told');
    $case->healthy('mounted again');
    my ($row) = $session->query("SELECT missing, unreachable FROM scan_missing($case->{owner})");
    is($row, '0|0', 'nor in a session whose probe knew it before');
    unlink "$case->{folder}/album1/1.jpg";
    ($row) = $session->query("SELECT missing, unreachable FROM scan_missing($case->{owner})");
    is($row, '1|0', 'where a loss is found');
    $session->close;
    unmount($case->{folder});
    MissingPhotos::Privileged::as_root('losetup', '-d', $other);
    $case->forget;
}

sub attach_image
{
    my ($image) = @_;
    my $loop = MissingPhotos::Privileged::as_root('losetup', '-f', '--show', $image);
    chomp $loop;
    MissingPhotos::Privileged::at_end('losetup', '-d', $loop);
    return $loop;
}

# An emptied disk with the same identity can't be told from a deletion; a marker can tell it.
sub marker_absent
{
    my $case = new_case(before => sub { make_file("$_[0]/root/.library") })->register('.library');
    my $away = "$case->{folder}/../away";
    mkdir $away;
    move("$case->{folder}/$_", "$away/$_") for qw(.library album1 album2 album3);
    $case->nothing_concluded('the marker absent', "the root's marker file is absent");
    move("$away/$_", "$case->{folder}/$_") for qw(.library album1 album2 album3);
    $case->healthy('the marker back');
    $case->forget;
}

# The same root, the same file system, nothing in it: that is a deletion.
sub really_emptied
{
    my $case = new_case()->register;
    system('rm', '-rf', glob("$case->{folder}/*"));
    is($case->scan, '30 missing, 0 unreachable, 0 invalid', 'an emptied folder is a deletion');
    is($case->flagged, 30, 'all of it is flagged');
    $case->forget;
    $case = new_case(before => sub { mount_tmpfs("$_[0]/root") })->register;
    system('rm', '-rf', glob("$case->{folder}/*"));
    is($case->call(7), '30 missing, 0 unreachable, 0 invalid', 'an emptied tmpfs too');
    unmount($case->{folder});
    $case->forget;
}
