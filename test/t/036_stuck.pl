# A root that hangs costs one deadline, whatever lies below it and whoever asks next; other roots are
# scanned meanwhile; it works again once it is healed. Probes that hang in the kernel are capped.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep);
use MissingPhotos::Campaign;
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

use constant { TIMEOUT => 0.5, LATE => 0.250, RETRY => 2, FILES => 1000, CAP => 32 };

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('stuck', MissingPhotos::Campaign::NO_BREAKER,
    'missing_photos.probe_timeout = ' . 1000 * TIMEOUT, 'missing_photos.probe_retry = ' . RETRY);
my $base = $node->basedir;
my $gives_up = TIMEOUT + LATE;
create_library($node, 'library');
my @files = map { my $album = $_; map { "album$album/$_.jpg" } 1 .. 50 } 1 .. FILES / 50;
make_file("$base/disk/$_") for @files;
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount", 10);
my $stuck = MissingPhotos::Campaign->new($node, 'library', 7, "$base/mount", @files)->register;
my $other = MissingPhotos::Campaign->new($node, 'library', 8, "$base/other", map { "$_.jpg" } 1 .. 10);
$other->register;
$mount->remove;
$mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");

for my $where ([ '*', '*' ], [ 'readdir', '/album7' ], [ 'getattr', '/album20' ])
{
    one_deadline(@$where);
}
each_verb();
capped();
is($stuck->changed, 0, 'at the end the library is as it was');
$node->stop;
done_testing();

sub one_deadline
{
    my ($operation, $pattern) = @_;
    my $what = "$operation on $pattern hangs";
    my $first = MissingPhotos::Session->new($node, 'library');
    my $second = MissingPhotos::Session->new($node, 'library');
    $mount->hang($operation, $pattern);
    my ($row, $errors, $seconds) = $first->query('SELECT missing, unreachable FROM scan_missing(7)');
    is($row, '0|' . FILES, "$what: all is unreachable");
    within($seconds, $gives_up, "$what: one deadline for " . FILES . ' files');
    like($stuck->root_state, qr/^unreachable: timed out/, "$what: roots tells why");
    is($stuck->sql("SELECT retry_at > now() FROM missing_photos.roots WHERE app_path = '/data7'"), 't',
        "$what: and when it is asked again");
    ($row, $errors, $seconds) = $second->query('SELECT missing, unreachable FROM scan_missing(7)');
    is($row, '0|' . FILES, "$what: another session");
    within($seconds, LATE, "$what: another session answers at once");
    rename("$base/other/1.jpg", "$base/1.jpg") or die $!;
    ($row, $errors, $seconds) = $second->query('SELECT missing, unreachable FROM scan_missing(8)');
    is($row, '1|0', "$what: another root is scanned meanwhile");
    within($seconds, LATE, "$what: another root at once");
    rename("$base/1.jpg", "$base/other/1.jpg") or die $!;
    $stuck->sql('SELECT scan_missing(8)');
    sleep RETRY + 0.1;
    ($row, $errors, $seconds) = $second->query('SELECT missing, unreachable FROM scan_missing(7)');
    is($row, '0|' . FILES, "$what: asked again after the interval, it hangs still");
    within($seconds, $gives_up, "$what: for one deadline more");
    $mount->clear;
    sleep RETRY + 0.1;
    ($row) = $first->query('SELECT missing, unreachable FROM scan_missing(7)');
    is($row, '0|0', "$what: healed, and the interval over");
    is($stuck->root_state, 'present', "$what: roots says so");
    is($stuck->told, '', "$what: nothing is left in missing_files");
    $_->close for $first, $second;
}

# Each verb of its own finds out, and all others know.
sub each_verb
{
    my $photo = $stuck->photo_of('album1/1.jpg');
    my %verbs = (
        check_files => "SELECT state FROM check_files('$photo')",
        scan_missing_photos => 'CALL scan_missing_photos(7);
            SELECT state FROM missing_photos.roots WHERE app_path = \'/data7\'',
        media_error => "SELECT CASE WHEN media_error('$photo') IS NULL THEN 'unreachable' END",
        file_hash => q(SELECT file_hash('/data7/album1/1.jpg')),
        file_hashes => q(SELECT state FROM file_hashes('{/data7/album1/1.jpg}')));
    my $session = MissingPhotos::Session->new($node, 'library');
    $mount->hang('*', '*');
    for my $verb (sort keys %verbs)
    {
        $stuck->sql("UPDATE missing_photos.registered_root SET retry_at = NULL");
        my ($row, $errors, $seconds) = $session->query($verbs{$verb});
        like("$row$errors", $verb eq 'file_hash' ? qr/could not be read: timed out/ : qr/^unreachable$/,
            "$verb: unreachable");
        within($seconds, $gives_up, "$verb: after one deadline");
    }
    $stuck->sql("SELECT scan_missing(7)");
    for my $verb (sort keys %verbs)
    {
        my ($row, $errors, $seconds) = $session->query($verbs{$verb});
        within($seconds, LATE, "$verb: at once when it is known");
    }
    $mount->clear;
    $session->close;
    $stuck->sql("UPDATE missing_photos.registered_root SET retry_at = NULL");
    is($stuck->scan, '0 missing, 0 unreachable, 0 invalid', 'healed');
}

# A session that is told to ask again and again leaves so many probes behind and no more.
sub capped
{
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->query('SET missing_photos.probe_timeout = 100; SET missing_photos.probe_retry = 0');
    my @before = children_of($session->pid);
    $mount->hang('*', '*');
    my ($asked, $row, $errors) = (0, '', '');
    while ($asked <= CAP + 3 && $errors !~ /ERROR/)
    {
        ($row, $errors) = $session->query('SELECT missing, unreachable FROM scan_missing(7)');
        $asked++;
        is($row, '0|' . FILES, "probe $asked hangs") if $errors !~ /ERROR/ && $asked % 8 == 0;
    }
    my @probes = children_of($session->pid);
    is(scalar @probes, CAP, 'so many probes are stuck');
    like($errors, qr/ERROR:  32 probes of this session are stuck/, "then it is an error ($asked asked)");
    like($errors, qr/HINT:  Bring the file system back/, 'with a hint');
    is($stuck->flagged, 0, 'nothing was flagged');
    $mount->clear;
    ok(wait_for(10, sub { !grep { is_alive($_) } @probes }), 'healed, they all end');
    ($row, $errors) = $session->query('SELECT missing, unreachable FROM scan_missing(7)');
    is($row, '0|0', 'and the session works again');
    cmp_ok(scalar children_of($session->pid), '<=', 1, 'with one probe');
    is(zombies_of($session->pid), 0, 'the others are reaped');
    $session->close;
}

sub zombies_of
{
    my ($parent) = @_;
    my $zombies = 0;
    for my $file (glob '/proc/[0-9]*/stat')
    {
        open(my $stat, '<', $file) or next;
        $zombies++ if (<$stat> // '') =~ /\) Z $parent /;
    }
    return $zombies;
}

sub within
{
    my ($seconds, $limit, $what) = @_;
    cmp_ok($seconds, '<', $limit, "$what (" . milliseconds($seconds) . ' ms)');
}
