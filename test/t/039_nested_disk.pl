# A disk mounted below the root is known by its file system, not by the name of its device: another
# disk under the same name isn't taken for it, and it is known again under another name.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use File::Path qw(make_path);
use MissingPhotos::Campaign;
use MissingPhotos::Sample;

MissingPhotos::Privileged::need_root();
my $node = start_server('nested_disk', MissingPhotos::Campaign::NO_BREAKER);
my $base = $node->basedir;
my @files = map { ("album/$_.jpg", "usb/$_.jpg") } 1 .. 5;
create_library($node, 'library');

make_path("$base/root/usb");
my ($mine, $other) = map { make_image("$base/$_") } 'mine', 'other';
my $device = attach('--find', '--show', $mine);
mount($device);
my $case = MissingPhotos::Campaign->new($node, 'library', 7, "$base/root", @files)->register;
is($case->sql('SELECT mounts FROM missing_photos.roots'), '{usb}', 'the disk is registered');

unmount();
as_root('losetup', '-d', $device);
attach($device, $other);
mount($device);
is($case->scan, '0 missing, 5 unreachable, 0 invalid', 'another disk under the same device name');
like($case->told, qr/^5 unreachable: another file system is mounted here/, 'the reason is told');
is($case->changed, 0, 'nothing was written');

my $elsewhere = attach('--find', '--show', $mine);
unmount();
mount($elsewhere);
isnt($elsewhere, $device, 'the disk has another device name now');
unlink "$base/root/usb/1.jpg";
is($case->scan, '1 missing, 0 unreachable, 0 invalid',
    'it is known again: what is gone from it is found');

unmount();
as_root('losetup', '-d', $_) for $device, $elsewhere;
$node->stop;
done_testing();

sub as_root { return MissingPhotos::Privileged::as_root(@_); }

sub make_image
{
    my ($image) = @_;
    as_root('truncate', '-s', '8M', $image);
    as_root('mkfs.ext4', '-q', $image);
    return $image;
}

sub attach
{
    my $name = as_root('losetup', @_);
    chomp $name;
    MissingPhotos::Privileged::at_end('losetup', '-d', $name) if $name ne '';
    return $name;
}

sub mount
{
    my ($name) = @_;
    MissingPhotos::Privileged::mount_device($name, "$base/root/usb");
    MissingPhotos::Privileged::at_end('umount', '-l', "$base/root/usb");
    as_root('chmod', '0777', "$base/root/usb");
}

sub unmount { as_root('umount', "$base/root/usb"); }
