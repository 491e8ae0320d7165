# The probe as a service: the database's own user can read nothing, the service beside it can, serves
# no more than it was told to, nobody else, and can always be stopped.
use strict;
use warnings;
use MissingPhotos::Privileged;
use Cwd qw(abs_path);
use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MissingPhotos::Faultfs;
use MissingPhotos::Sample;
use MissingPhotos::Session;

MissingPhotos::Faultfs::need_faultfs();
my $program = abs_path('missing_photos_probe');
my $node = start_server('service', "missing_photos.probe_timeout = 600000");
my $base = $node->basedir;
my $socket = "$base/probe.socket";
make_file("$base/$_") for qw(disk/photos/a.jpg disk/photos/album/b.jpg disk/secret/c.jpg);
mkdir "$base/mount";
symlink("$base/disk/secret", "$base/disk/photos/way_out");
MissingPhotos::Privileged::as_root('chown', '-R', 'root:', "$base/disk");
MissingPhotos::Privileged::as_root('chmod', '700', "$base/disk");
create_library($node, 'library');
$node->safe_psql('library', q(
    SELECT sample.add_owner(7, '/data');
    SELECT sample.add_photos(7, '{/data/a.jpg,/data/album/b.jpg,/data/gone.jpg,/data/way_out/c.jpg}')));

like(answer("SELECT missing_photos.add_root('/data', '$base/disk/photos')"),
    qr/can't be used/, 'the database itself may not look');
set("probe_socket = '$socket'");
like(answer("SELECT missing_photos.add_root('/data', '$base/disk/photos')"),
    qr/08006: could not connect to the probe at "\Q$socket\E".*HINT/s, 'nobody listens yet');
like(answer("LOAD 'missing_photos'; SET missing_photos.probe_socket = 'relative'"), qr/22023.*absolute path/s,
    'a relative path is refused');

is(usage('--listen', $socket), 2, 'the service wants a root');
is(usage('--listen', $socket, '--root', "$base/absent"), 1, 'that exists');
is(usage('--listen', $socket, '--root', $base, '--peer', 'no such user'), 1, 'and peers that do');
is(usage('--listen', "$base/disk/photos/a.jpg", '--root', $base), 1, 'and no file of somebody\'s');

my $stranger = start_service('--peer', 'nobody');
like(answer("SELECT missing_photos.add_root('/data', '$base/disk/photos')"),
    qr/58000: the probe ended unexpectedly, twice.*whom it refused/s, 'a stranger is refused');
stop_service($stranger);
ok(-e $socket, 'a service that was killed leaves its socket');

my $user = getpwuid($<);
my $service = start_service('--peer', $user);
is(answer("SELECT missing_photos.add_root('/data', '$base/disk/photos')"), '',
    'started over the socket left behind: a root');
is($node->safe_psql('library', 'SELECT files, missing, unreachable, invalid FROM scan_missing(7)'),
    '4|1|0|1', 'a scan: one is gone, one lies outside the roots');
is($node->safe_psql('library', q(SELECT length(file_hash('/data/a.jpg')))), 32, 'contents are read');
like(answer("SELECT missing_photos.add_root('/secret', '$base/disk/secret')"), qr/permission/i,
    'what isn\'t served is no root');
like(answer("SELECT missing_photos.add_root('/secret', '$base/disk/photos/way_out')"),
    qr/permission/i, 'not through a link either');
is($node->safe_psql('library', qq(SELECT scan_missing(7) IS NOT NULL;
    SET missing_photos.probe_socket = ''; SELECT unreachable FROM scan_missing(7))), "t\n3",
    'the setting is followed within a session');

removes_where_it_may();
stops_though_the_disk_hangs();
$node->stop;
done_testing();

sub set
{
    my ($setting) = @_;
    $node->append_conf('postgresql.conf', "missing_photos.$setting");
    $node->reload;
    select(undef, undef, undef, 0.2);
}

sub answer
{
    my ($statement) = @_;
    my ($status, $out, $errors) = $node->psql('library', $statement,
        extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    return $errors;
}

sub usage
{
    my (@arguments) = @_;
    system("'" . join("' '", $program, @arguments) . "' 2>/dev/null");
    return $? >> 8;
}

sub start_service
{
    my (@more) = @_;
    my $pid = MissingPhotos::Privileged::start_as_root($program, '--listen', $socket,
        '--root', "$base/disk/photos", '--root', "$base/mount", @more);
    wait_for(5, sub {
        my $client = IO::Socket::UNIX->new(Peer => $socket);
        return defined $client;
    });
    return $pid;
}

sub stop_service { return MissingPhotos::Privileged::kill_as_root($_[0]); }

# Derived files: removed below --derived-root, and not where the same folder is only --root.
sub removes_where_it_may
{
    my $thumbnails = "$base/derived/thumbnails_big";
    my @files = map { "$thumbnails/" . $node->safe_psql('library', "SELECT md5('/data/$_') || 7") . '.webp' }
        qw(gone.jpg a.jpg);
    make_file($_) for "$base/derived/.derived", @files;
    MissingPhotos::Privileged::as_root('chown', '-R', 'root:', "$base/derived");
    MissingPhotos::Privileged::as_root('chmod', '755', "$base/derived");
    stop_service($service);
    $service = start_service('--peer', $user, '--root', "$base/derived");
    is(answer("SELECT missing_photos.add_derived_root('/protected_media', '$base/derived', '.derived')"),
        '', 'a derived root');
    is($node->safe_psql('library', "SELECT (delete_missing(7))->>'status'"), 'true', 'a deletion');
    set('undo_retention = 0');
    like(drained(), qr{^claimed: no permission}, 'a service that may not remove doesn\'t');
    ok(-e $files[0], 'and the file stays');
    stop_service($service);
    $service = start_service('--peer', $user, '--derived-root', "$base/derived");
    is(drained(), '', 'one that may does');
    ok(!-e $files[0], 'and the file is gone');
    ok(-e $files[1], 'no other is');
}

sub drained
{
    $node->safe_psql('library', 'UPDATE missing_photos.deletion SET retry_at = NULL');
    $node->safe_psql('library', 'CALL missing_photos.drain_deletions()');
    return $node->safe_psql('library',
        q(SELECT string_agg(state || ': ' || error, ' ') FROM missing_photos.deletions));
}

# The database has no part in the mount and stops; so does the service, by a plain SIGTERM.
sub stops_though_the_disk_hangs
{
    my $mount = MissingPhotos::Faultfs->new("$base/disk/photos", "$base/mount");
    stop_service($service);
    $service = start_service('--peer', $user);
    is(answer("SELECT missing_photos.add_root('/mnt', '$base/mount')"), '', 'a mount');
    $node->safe_psql('library', "SELECT sample.add_photos(7, '{/mnt/a.jpg,/mnt/album/b.jpg}')");
    my $session = MissingPhotos::Session->new($node, 'library');
    $mount->hang('*', '*');
    $session->send('SELECT missing FROM scan_missing(7)');
    $mount->wait_until_hanging;
    my $start = time;
    $node->stop('fast');
    cmp_ok(time - $start, '<', 3, 'the server stops while the service is stuck');
    MissingPhotos::Privileged::as_root('kill', '-TERM', $service);
    ok(wait_for(5, sub { !is_alive($service) }), 'and so does the service');
    ok(!-e $socket, 'which takes its socket with it');
    $mount->clear;
    $node->start;
}
