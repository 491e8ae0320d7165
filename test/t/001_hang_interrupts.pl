# While a mount never answers, every verb can be cancelled, times out and can be terminated at once.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

use constant LATE => 0.250;    # seconds an answer may be late

MissingPhotos::Faultfs::need_faultfs();
my $node = start_server('hang', 'missing_photos.probe_timeout = 600000');
my $base = $node->basedir;
make_file("$base/disk/album$_/photo.jpg") for 1 .. 5;
my $mount = MissingPhotos::Faultfs->new("$base/disk", "$base/mount");
create_library($node, 'library');
my $photo = $node->safe_psql('library', qq(
    SELECT sample.add_owner(7, '/data');
    SELECT sample.add_photos(7, array_agg('/data/album' || n || '/photo.jpg'))
      FROM generate_series(1, 5) n;
    SELECT missing_photos.add_root('/data', '$mount->{dir}');
    SELECT md5('/data/album1/photo.jpg') || '7'));
$photo =~ s/\s//g;
is($node->safe_psql('library', 'SELECT missing FROM scan_missing(7)'), '0',
    'nothing is missing while the mount answers');

my %verbs = (
    'scan_missing' => 'SELECT * FROM scan_missing(7)',
    'check_files' => "SELECT * FROM check_files('$photo')",
    'file_hash' => "SELECT file_hash('/data/album1/photo.jpg')",
    'file_hashes' => "SELECT * FROM file_hashes(ARRAY(
        SELECT '/data/album' || n || '/photo.jpg' FROM generate_series(1, 5) n))",
    'CALL scan_missing_photos' => 'CALL scan_missing_photos(7)',
);

# Which requests of the file system never return: all of them, or only a later step.
for my $operation ('*', 'getattr')
{
    for my $verb (sort keys %verbs)
    {
        interrupted($verb, $operation);
    }
}
interrupted('file_hash', 'read');
interrupted('file_hashes', 'read');
interrupted('scan_missing', 'readdir');

# Runs a verb against the hanging mount and ends it in each of the three ways.
sub interrupted
{
    my ($verb, $operation) = @_;
    my $session = MissingPhotos::Session->new($node, 'library');
    my @probes;

    $mount->hang($operation, '*');
    $session->send($verbs{$verb});
    ok($mount->wait_until_hanging, "$verb hangs ($operation)");
    push @probes, probe_of($session->pid);
    my $before = Time::HiRes::time();
    $node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
    my (undef, $errors) = $session->wait;
    my $late = Time::HiRes::time() - $before;
    like($errors, qr/canceling statement due to user request/, "$verb says it was cancelled");
    cmp_ok($late, '<', LATE, "$verb is cancelled at once ($operation, " . milliseconds($late) . ' ms)');

    $session->query('SET statement_timeout = 400');
    (undef, $errors, my $seconds) = $session->query($verbs{$verb});
    like($errors, qr/canceling statement due to statement timeout/, "$verb says it timed out");
    cmp_ok($seconds, '<', 0.4 + LATE,
        "$verb keeps its statement_timeout ($operation, " . milliseconds($seconds - 0.4) . ' ms late)');

    $session->query('SET statement_timeout = 0');
    my $hanging = $mount->hanging;
    $session->send($verbs{$verb});
    $mount->wait_until_hanging($hanging + 1);
    push @probes, probe_of($session->pid);
    $before = Time::HiRes::time();
    $node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $session->pid . ')');
    (undef, $errors) = $session->wait;
    $late = Time::HiRes::time() - $before;
    cmp_ok($late, '<', LATE,
        "$verb is terminated at once ($operation, " . milliseconds($late) . ' ms)');

    $mount->clear;
    ok(wait_for(5, sub { !grep { is_alive($_) } @probes }),
        "no probe is left when the mount answers again ($verb, $operation)");
}

is($node->safe_psql('library', 'SELECT missing FROM scan_missing(7)'), '0',
    'nothing was flagged by all this');
$node->stop;
done_testing();
