# Who approves a held scan while its root is out of reach is told so: nothing is flagged, and nothing
# of what the scan found is dropped.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Campaign;
use MissingPhotos::Sample;

my $node = start_server('outage');
my $base = $node->basedir;
create_library($node, 'library');
my @files = map { my $album = $_; map { "album$album/$_.jpg" } 1 .. 60 } 1 .. 2;
my $case = MissingPhotos::Campaign->new($node, 'library', 7, "$base/root", @files)->register;
my $held = q(SELECT job_id FROM missing_photos.jobs WHERE state = 'held');

rename("$base/root/album2", "$base/aside") or die;
like($case->scan, qr/^0 missing.*held$/, 'a scan is held');
my $job = $case->sql($held);

rename("$base/root", "$base/away") or die;
my (undef, undef, $errors) = $node->psql('library', "SELECT missing_photos.approve_job('$job')",
    extra_params => [ '-v', 'VERBOSITY=verbose' ]);
like($errors, qr/ERROR:  58030: .*"\/data7".*the root is absent/, 'approved while the root is away: an error');
is($case->changed, 0, 'nothing changed');
is($case->sql($held), $job, 'the job is still held');
is($case->sql("SELECT suspects FROM missing_photos.jobs WHERE job_id = '$job'"), '60',
    'with what it found');

rename("$base/away", "$base/root") or die;
is($case->sql("SELECT missing FROM missing_photos.approve_job('$job')"), '60',
    'approved when it is back: flagged');
$node->stop;
done_testing();
