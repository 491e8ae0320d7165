# Every error of the disk at every step of every verb: only "no such file" and "not a folder" from a
# look-up make a file missing, just the files it is about, and no verb waits longer than its deadline.
# 011 has all errors for a scan; this has each verb, and a few errors in make check.
use strict;
use warnings;
use Errno ();
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Campaign;
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

use constant { TIMEOUT => 1.0, LATE => 0.250 };

# ENOSYS last: the kernel remembers some of those for as long as the mount lives.
my @errnos = $ENV{MISSING_PHOTOS_LONG} ? ((grep { $_ != Errno::ENOSYS } 1 .. 133), Errno::ENOSYS)
    : (Errno::EPERM, Errno::ENOENT, Errno::EINTR, Errno::EIO, Errno::EAGAIN, Errno::ENOMEM,
        Errno::EACCES, Errno::ENOTDIR, Errno::EMFILE, Errno::ENAMETOOLONG, Errno::ELOOP,
        Errno::ESTALE, Errno::ENOTCONN, Errno::EXDEV, 133);

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('errno_verbs', MissingPhotos::Campaign::NO_BREAKER,
    'missing_photos.probe_timeout = ' . 1000 * TIMEOUT, 'missing_photos.probe_retry = 0');
my $base = $node->basedir;
my @files = map { ("album1/$_.jpg", "album2/$_.jpg") } 1 .. 5;
make_file("$base/disk/$_") for @files;
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
create_library($node, 'library');
my $case = MissingPhotos::Campaign->new($node, 'library', 7, "$base/mount", @files)->register;
my $photo = $case->photo_of('album1/1.jpg');
my $session = MissingPhotos::Session->new($node, 'library');

# What each verb says of missing files, as a number; a failure concludes nothing.
my %verbs = (
    check_files => "SELECT count(*) FROM check_files('$photo') WHERE state = 'missing'",
    scan_missing => 'SELECT missing FROM scan_missing(7)',
    scan_missing_photos => 'CALL scan_missing_photos(7, batch_size => 3);
        SELECT count(*) FROM api_file WHERE missing',
    file_hash => q(SELECT file_hash('/data7/album1/1.jpg')),
);
# Where the error is, and for how many files it is the answer of a look-up.
my @places = (
    [ 'getattr', '/album1/1.jpg', 1 ], [ 'getattr', '/album1', 5 ], [ 'opendir', '/album1', 0 ],
    [ 'readdir', '/album1', 0 ], [ 'open', '/album1/1.jpg', 0 ], [ 'read', '/album1/1.jpg', 0 ],
    [ 'statfs', '*', 0 ], [ '*', '/', 0 ]);
my ($runs, $slowest) = (0, 0);
for my $verb (sort keys %verbs)
{
    for my $place (@places)
    {
        my ($operation, $pattern, $files) = @$place;
        my %found = map { $_ => missing_for($verb, $operation, $pattern, $_) } @errnos;
        my %gone = $files ? map { $_ => $verb =~ /scan/ ? $files : 1 } Errno::ENOENT, Errno::ENOTDIR : ();
        my %expected = map { $_ => $gone{$_} // 0 } @errnos;
        is_deeply(\%found, \%expected, "$verb, errors of $operation on $pattern");
    }
}
note "$runs runs, the slowest took " . milliseconds($slowest) . ' ms';
cmp_ok($slowest, '<', TIMEOUT + LATE, "the slowest of $runs took " . milliseconds($slowest) . ' ms');
is($case->scan, '0 missing, 0 unreachable, 0 invalid', 'at the end nothing is missing');
is($case->changed, 0, 'and the library as it was');
$session->close;
$node->stop;
done_testing();

sub missing_for
{
    my ($verb, $operation, $pattern, $errno) = @_;
    my $statement = $verbs{$verb};
    $statement = "BEGIN; $statement; ROLLBACK" unless $statement =~ /CALL/;
    $mount->fail_with($errno, $operation, $pattern);
    my ($out, $errors, $seconds) = $session->query($statement);
    $mount->clear;
    $runs++;
    $slowest = $seconds if $seconds > $slowest;
    return $errors =~ /does not exist/ ? 1 : 0 if $verb eq 'file_hash';
    # What the procedure committed is taken back by the next scan.
    $session->query('SELECT scan_missing(7)') if $statement =~ /CALL/ && $out ne '0';
    return $out =~ /^(\d+)$/ ? $1 : 0;
}
