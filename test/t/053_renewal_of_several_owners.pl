# A root that isn't what it was is renewed by one owner's files for that owner's scan alone: a disk
# that holds no more than those must not make the others' files missing.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use File::Path qw(make_path);
use MissingPhotos::Campaign;
use MissingPhotos::Sample;

my $node = start_server('renewal', MissingPhotos::Campaign::NO_BREAKER);
my $base = $node->basedir;
create_library($node, 'library');
my $first = MissingPhotos::Campaign->new($node, 'library', 7, "$base/root",
    map { "first/$_.jpg" } 1 .. 20)->register;
make_file("$base/root/second/$_.jpg") for 1 .. 20;
my $paths = join ',', map { "/data7/second/$_.jpg" } 1 .. 20;
$first->sql("SELECT sample.add_owner(8, '/data7'); SELECT sample.add_photos(8, '{$paths}')");
is(scan_of(8), '0 missing, 0 unreachable', 'both owners\' files are there');

# Another disk, onto which one owner's folder was copied.
rename("$base/root", "$base/away") or die;
make_path("$base/root");
system('cp', '-a', "$base/away/first", "$base/root") == 0 or die;
is(scan_of(8), '0 missing, 20 unreachable', 'the owner whose files aren\'t there: in doubt');
is(scan_of(7), '0 missing, 0 unreachable', 'the one whose files are there: judged');
is(scan_of(8), '0 missing, 20 unreachable', 'which doesn\'t make the other\'s missing');

system('cp', '-a', "$base/away/second", "$base/root") == 0 or die;
is(scan_of(8), '0 missing, 0 unreachable', 'copied too: judged as well, without anybody\'s hand');
is(scan_of(7), '0 missing, 0 unreachable', 'and again');
$first->sql("SELECT missing_photos.accept_root('/data7')");
rename("$base/root/second/1.jpg", "$base/1.jpg") or die;
is(scan_of(8), '1 missing, 0 unreachable', 'accepted: a loss is told from then on');
$node->stop;
done_testing();

sub scan_of
{
    my ($owner) = @_;
    return $first->sql("SELECT missing || ' missing, ' || unreachable || ' unreachable'
                          FROM scan_missing($owner)");
}
