# Files that lost their paths count toward the breaker as well, and a person's approval stands for the
# scans that confirm_scans asks for.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Campaign;
use MissingPhotos::Sample;

my $node = start_server('edges', 'missing_photos.confirm_scans = 3');
my $base = $node->basedir;
create_library($node, 'library');
my $case = MissingPhotos::Campaign->new($node, 'library', 7, "$base/root",
    map { "album/$_.jpg" } 1 .. 100)->register;

$case->sql("UPDATE api_file SET path = '' WHERE hash IN (SELECT hash FROM api_file LIMIT 60)");
$case->keep;
like($case->scan, qr/^0 missing.*held$/, 'an application that empties 60 of 100 paths: held');
is($case->flagged, 0, 'nothing is flagged');
my $job = $case->sql(q(SELECT job_id FROM missing_photos.jobs WHERE state = 'held'));
is($case->sql("SELECT missing FROM missing_photos.approve_job('$job')"), '60',
    'approved: flagged at once, in spite of confirm_scans');
is($case->sql('SELECT count(*) FROM missing_files'), '60', 'and listed');
$node->stop;
done_testing();
