# A scan lists each folder once, however its files are strewn over the query's rows and however many
# requests they fill; what the listing doesn't show is looked up, and nothing else is.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use List::Util qw(shuffle);
use MissingPhotos::Campaign;
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

# More files than fit into one request to the probe.
use constant { FOLDERS => 20, IN_EACH => 1000, PER_FOLDER => 12, AT_THE_ROOT => 100 };
use constant FILES => FOLDERS * IN_EACH;

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('listed_once', MissingPhotos::Campaign::NO_BREAKER);
my $base = $node->basedir;
create_library($node, 'library');
my @files = map { my $album = $_; map { "album$album/$_.jpg" } 1 .. IN_EACH } 1 .. FOLDERS;
make_file("$base/disk/$_") for @files;
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount", 0);
srand(5);
my $campaign = MissingPhotos::Campaign->new($node, 'library', 7, "$base/mount", shuffle(@files));
my $before = $mount->requests;
$campaign->register;
cmp_ok($mount->requests - $before, '>', FILES, 'the first scan asks what each file looks like');
my $session = MissingPhotos::Session->new($node, 'library');
cmp_ok(scan('0|0', 'the second scan'), '<', FOLDERS * PER_FOLDER + AT_THE_ROOT,
    'the second one lists each folder once');

unlink "$base/disk/album$_/7.jpg" or die $! for 1 .. FOLDERS;
symlink '8.jpg', "$base/disk/album3/7.jpg" or die $!;
my $gone = FOLDERS - 1;
my $asked = scan("$gone|0", 'a scan that finds files gone');
cmp_ok($asked, '<', FOLDERS * (PER_FOLDER + 20) + AT_THE_ROOT, 'looks for those alone');
is($campaign->sql('SELECT count(*) FROM missing_files'), $gone, 'and tells of each');
cmp_ok(scan('0|0', 'the scan after it'), '<', FOLDERS * (PER_FOLDER + 20) + AT_THE_ROOT,
    'a folder that lost a file is still a known one');

rename("$base/disk/album1", "$base/disk/elsewhere") or die $!;
scan(IN_EACH - 1 . '|0', 'a folder that is gone, though it was known');
rename("$base/disk/elsewhere", "$base/disk/album1") or die $!;

$session->close;
$mount->remove;
$node->stop;
done_testing();

# How many requests reached the file system.
sub scan
{
    my ($expected, $what) = @_;
    my $before = $mount->requests;
    my ($row) = $session->query('SELECT missing, unreachable FROM scan_missing(7)');
    is($row, $expected, "$what finds what there is");
    my $requests = $mount->requests - $before;
    note("$what: $requests requests");
    return $requests;
}
