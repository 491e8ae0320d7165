# A file system below a root that drops out is doubted until every owner's files are accounted for:
# what one owner finds in the folder it left tells nothing of the others' files on it.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use File::Path qw(make_path);
use MissingPhotos::Campaign;
use MissingPhotos::Sample;

MissingPhotos::Privileged::need_root();
my $node = start_server('owners', MissingPhotos::Campaign::NO_BREAKER);
my $base = $node->basedir;
my $nas = "$base/root/nas";
create_library($node, 'library');

make_path($nas, "$base/disk");
mount('--bind', "$base/disk", $nas);
my $case = MissingPhotos::Campaign->new($node, 'library', 7, "$base/root",
    (map { "nas/$_.jpg" } 1 .. 10), 'kept/1.jpg')->register;
my $all_lost = '0 missing, 10 unreachable, 0 invalid';

MissingPhotos::Privileged::as_root('umount', $nas);
uploaded_meanwhile(8, 'nas/new.jpg');
is(scan_of(8), 0, 'an upload into the folder of a disk that dropped out is found');
is($case->scan, $all_lost, 'the disk\'s own files are out of reach, not missing');

# Those of an owner who was never scanned are no different.
$case->sql("DELETE FROM missing_photos.known_folder WHERE owner = '7'");
is(scan_of(8), 0, 'the upload again');
is($case->scan, $all_lost, 'files that no scan has seen yet aren\'t missing either');
is($case->sql('SELECT mounts FROM missing_photos.roots'), '{nas}', 'the mount stays registered');

$case->sql("SELECT missing_photos.accept_root('/data7')");
is($case->scan, '10 missing, 0 unreachable, 0 invalid', 'until a person says that it is gone');
$node->stop;
done_testing();

sub mount
{
    my (@arguments) = @_;
    MissingPhotos::Privileged::as_root('mount', @arguments);
    MissingPhotos::Privileged::at_end('umount', '-l', $arguments[-1]);
}

sub uploaded_meanwhile
{
    my ($owner, $name) = @_;
    make_file("$base/root/$name");
    $case->sql("SELECT sample.add_owner($owner, '/data7');
                SELECT sample.add_photos($owner, '{/data7/$name}')");
}

sub scan_of { return $case->sql("SELECT missing + unreachable FROM scan_missing($_[0])"); }
