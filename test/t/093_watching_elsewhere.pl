# Watching on every library layout, and by a probe that is a service.
use strict;
use warnings;
use MissingPhotos::Privileged;
use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;
use MissingPhotos::Watch;

MissingPhotos::Privileged::need_root();
my $node = start_server('elsewhere', MissingPhotos::Watch::CONFIGURATION);
my $base = $node->basedir;
my @libraries = map { MissingPhotos::EveryLibrary->new($node, $_) }
    sort keys %MissingPhotos::EveryLibrary::LIBRARIES;
# Each database has a watcher of its own.
for my $library (@libraries)
{
    $library->{app} = '/data';
    $library->sql('SELECT missing_photos.start_watching()');
}
start_watching($_) for @libraries;
for my $library (@libraries)
{
    subtest $library->{name} => sub { watched($library); done_testing(); };
}
by_a_service($libraries[0]);
$node->stop;
done_testing();

sub path_of { return "SELECT count(*) FROM t.file WHERE path = '$_[0]' AND NOT missing"; }

sub flagged { return "SELECT count(*) FROM t.file WHERE path = '$_[0]' AND missing"; }

# What arrives is the same whatever the tables look like.
sub watched
{
    my ($library) = @_;
    my ($file) = $library->column(
        "SELECT path FROM t.map WHERE ours AND owner = 2 AND kind = 'image' ORDER BY n LIMIT 1");
    (my $folder = $file) =~ s{/[^/]*$}{};
    my $there = "SELECT count(*) FROM t.file WHERE starts_with(path, '%s/') AND NOT missing";
    my $files = $library->sql(sprintf $there, $folder);
    $library->keep('start');

    rename($library->on_disk($file), $library->on_disk("$folder/moved.jpg")) or die $!;
    within(1, $library, path_of("$folder/moved.jpg"), 1, 'a file moved');
    rename($library->on_disk("$folder/moved.jpg"), $library->on_disk($file)) or die $!;
    within(1, $library, path_of($file), 1, 'and back');
    rename($library->on_disk($folder), $library->on_disk("$folder moved")) or die $!;
    within(1, $library, sprintf($there, "$folder moved"), $files, "a folder of $files files moved");
    rename($library->on_disk("$folder moved"), $library->on_disk($folder)) or die $!;
    within(1, $library, sprintf($there, $folder), $files, 'and back');
    rename($library->on_disk($file), "$library->{disk}/aside.jpg") or die $!;
    within(1, $library, flagged($file), 1, 'a file moved away');
    rename("$library->{disk}/aside.jpg", $library->on_disk($file)) or die $!;
    within(1, $library, path_of($file), 1, 'and back');
    # Immich's checksum of an external file is its path's; those of the fixture are something else.
    my $checksums = $library->{preset} eq 'immich' ? "asset.checksum $files" : '';
    is($library->changes('start'), $checksums, 'every row is as it was');
    stop_watching($library);
}

# The watch is the service's then: while that doesn't run the root is away, and the reason says why.
sub by_a_service
{
    my ($library) = @_;
    my $socket = "$base/probe.socket";
    my $database = $library->{database};
    $node->append_conf('postgresql.conf', "missing_photos.probe_socket = '$socket'");
    $node->reload;
    $library->sql('SELECT missing_photos.start_watching()');
    ok(wait_for(10, sub { watch_state($library) eq 'away' }), 'no service: the root is away');
    like($library->sql("SELECT reason FROM missing_photos.watches WHERE root = '/data'"),
        qr/could not connect to the probe at .*\Q$socket\E/, 'and the reason names the socket');
    my $service = start_service($library, $socket);
    ok(wait_for(15, sub { watch_state($library) eq 'watching' }), 'with the service it is watched')
        or diag($library->sql('SELECT * FROM missing_photos.watches'));
    settled($library);
    my ($file) = $library->column("SELECT path FROM t.map WHERE owner = 2 AND kind = 'image' LIMIT 1");
    rename($library->on_disk($file), $library->on_disk("$file.jpg")) or die $!;
    within(1, $library, path_of("$file.jpg"), 1, 'a file moved');
    MissingPhotos::Privileged::kill_as_root($service);
    ok(wait_for(15, sub { watch_state($library) eq 'away' }), 'the service killed: away again');
    rename($library->on_disk("$file.jpg"), $library->on_disk($file)) or die $!;
    start_service($library, $socket);
    within(40, $library, path_of($file), 1, 'started again: what changed meanwhile is found');
    is($library->sql('SELECT count(*) FROM t.file WHERE missing'), 0, 'and nothing is flagged');
    stop_watching($library);
}

sub start_service
{
    my ($library, $socket) = @_;
    return MissingPhotos::Privileged::start_as_root(abs_path('missing_photos_probe'), '--listen',
        $socket, '--root', $library->{disk}, '--peer', scalar getpwuid($<));
}
