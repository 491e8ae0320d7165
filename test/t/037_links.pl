# Links, special files and paths that lead out: nothing outside the roots is judged, hashed or even
# told from what doesn't exist; what lies inside is followed.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use File::Path qw(make_path);
use IO::Socket::UNIX;
use POSIX qw(mkfifo);
use MissingPhotos::Campaign;
use MissingPhotos::Sample;
use MissingPhotos::Session;

use constant { LANDLOCK_CREATE_RULESET => 444, LANDLOCK_VERSION => 1 };

MissingPhotos::Privileged::need_root();
my $node = start_server('links', MissingPhotos::Campaign::NO_BREAKER,
    'missing_photos.probe_timeout = 3000');
my $base = $node->basedir;
my $root = "$base/root";
create_library($node, 'library');

# What lies where the library has a file, its state and its reason.
my %places = (
    'real/1.jpg' => [ undef, 'present', '' ],
    'inside.jpg' => [ 'real/1.jpg', 'present', '' ],
    'inside_absolute.jpg' => [ "$root/real/1.jpg", 'present', '' ],
    'folder_link/1.jpg' => [ undef, 'present', '' ],
    'chain.jpg' => [ 'inside.jpg', 'present', '' ],
    'up_and_in.jpg' => [ '../root/real/1.jpg', 'present', '' ],
    'real/up.jpg' => [ '../real/1.jpg', 'present', '' ],
    'other_root.jpg' => [ "$base/second/2.jpg", 'present', '' ],
    'other_folder/2.jpg' => [ undef, 'present', '' ],
    'outside.jpg' => [ '/etc/passwd', 'invalid', 'outside the roots' ],
    'outside_relative.jpg' => [ '../outside/3.jpg', 'invalid', 'outside the roots' ],
    'outside_absent.jpg' => [ '/etc/no_such_file', 'invalid', 'outside the roots' ],
    'outside_folder/passwd' => [ undef, 'invalid', 'outside the roots' ],
    'self.jpg' => [ '/proc/self/environ', 'invalid', 'outside the roots' ],
    'magic.jpg' => [ '/proc/self/fd/0', 'invalid', 'outside the roots' ],
    'loop.jpg' => [ 'loop.jpg', 'invalid|unreachable', '.*' ],
    'dangling.jpg' => [ 'real/none.jpg', 'unreachable', 'link target offline' ],
    'dangling_other.jpg' => [ "$base/second/none.jpg", 'unreachable', 'link target offline' ],
    'dangling_folder/1.jpg' => [ undef, 'unreachable', 'link target offline' ],
    'fifo.jpg' => [ undef, 'invalid', 'not a regular file' ],
    'socket.jpg' => [ undef, 'invalid', 'not a regular file' ],
    'character.jpg' => [ undef, 'invalid', 'not a regular file' ],
    'block.jpg' => [ undef, 'invalid', 'not a regular file' ],
    'folder.jpg' => [ undef, 'invalid', 'not a regular file' ],
    'real/../real/1.jpg' => [ undef, 'invalid', 'not a usable path' ],
    '../outside/3.jpg' => [ undef, 'invalid', 'not a usable path' ],
    'a/' . 'x' x 300 . '.jpg' => [ undef, 'invalid', 'not a usable path' ],
);
make_disk();
my $case = MissingPhotos::Campaign->new($node, 'library', 7, $root);
$case->sql(sprintf q(SELECT sample.add_photos(7, '{%s}')), join ',', map { "/data7/$_" } keys %places);
$case->sql("SELECT missing_photos.add_root('/second', '$base/second')");
$case->register;

states();
hashes();
refusals();
confined();
is($case->flagged, 0, 'nothing was flagged by any of this');
is($case->changed, 0, 'no row of the library changed');
$node->stop;
done_testing();

sub make_disk
{
    make_file("$root/real/1.jpg");
    make_file("$base/second/2.jpg");
    make_file("$base/outside/3.jpg");
    make_path("$root/a", "$root/folder.jpg");
    symlink('real', "$root/folder_link") or die;
    symlink("$base/second", "$root/other_folder") or die;
    symlink('/etc', "$root/outside_folder") or die;
    symlink('nowhere', "$root/dangling_folder") or die;
    for my $name (keys %places)
    {
        my $target = $places{$name}[0] // next;
        symlink($target, "$root/$name") or die "$name: $!";
    }
    mkfifo("$root/fifo.jpg", 0666) or die;
    chdir $root or die;
    IO::Socket::UNIX->new(Local => 'socket.jpg', Listen => 1) or die $!;
    chdir '/';
    MissingPhotos::Privileged::as_root('mknod', '-m', '0666', "$root/character.jpg", 'c', 1, 3);
    MissingPhotos::Privileged::as_root('mknod', '-m', '0666', "$root/block.jpg", 'b', 7, 200);
}

sub states
{
    like($case->scan, qr/^0 missing/, 'the scan flags nothing');
    my %told = map { split /=/, $_, 2 } split /\n/, $case->sql(
        q(SELECT replace(path, '/data7/', '') || '=' || state || ':' || reason FROM missing_files));
    for my $name (sort keys %places)
    {
        my (undef, $state, $reason) = @{ $places{$name} };
        my $short = substr($name, 0, 40);
        like($told{$name} // 'present:', qr/^(?:$state):$reason$/, "scan_missing: $short");
        my $photo = $case->photo_of($name);
        like($case->sql("SELECT state || ':' || COALESCE(reason, '') FROM check_files('$photo')"),
            qr/^(?:$state):$reason$/, "check_files: $short");
    }
}

# Only what is present is hashed; nothing else blocks (a FIFO without a writer) or is read.
sub hashes
{
    for my $name (sort keys %places)
    {
        my (undef, $state) = @{ $places{$name} };
        my $short = substr($name, 0, 40);
        my (undef, $out, $errors) = hash_of('postgres', "/data7/$name");
        if ($state eq 'present') { like($out, qr/^[0-9a-f]{32}$/, "file_hash: $short"); }
        elsif ($state eq 'invalid') { is($errors, refusal("/data7/$name"), "file_hash: $short"); }
        else { is($out, '', "file_hash: $short"); }
    }
}

sub hash_of
{
    my ($role, $path) = @_;
    my ($status, $out, $errors) = $node->psql('library',
        "SELECT file_hash('$path')", extra_params => [ '-U', $role, '-v', 'VERBOSITY=verbose' ]);
    $errors =~ s/^LOCATION.*\n?//mg;
    $errors =~ s/^psql:<stdin>:\d+: //;
    chomp $errors;
    return ($status, $out, $errors);
}

sub refusal
{
    my ($path) = @_;
    return qq(ERROR:  42501: "$path" is not a file below a registered root\n)
        . 'HINT:  SELECT app_path FROM missing_photos.roots lists the roots.';
}

# The same words for every role that may ask, whether the file exists or not.
sub refusals
{
    $node->safe_psql('library', q(
        CREATE ROLE application LOGIN;
        CREATE ROLE reader LOGIN;
        GRANT pg_read_server_files TO reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO application, reader;
        SELECT missing_photos.grant_application('application'),
               missing_photos.grant_application('reader')));
    my @outside = ('/etc/passwd', '/etc/shadow', '/etc/no_such_file', '/proc/self/environ',
        '/proc/self/no_such_file', '/proc/1/environ', '/dev/null', '/dev/zero', '/', '/data',
        '/data70/real/1.jpg', '/data7', '/data7/', '/data7/../etc/passwd', '/data7/real/../real/1.jpg',
        "$root/real/1.jpg", 'etc/passwd', '/data7/outside.jpg', '/data7/outside_absent.jpg',
        '/data7/outside_folder/passwd', '/data7/outside_folder/no_such_file', '/data7/self.jpg',
        '/data7/fifo.jpg', '/data7/character.jpg', '/data7/folder.jpg',
        $node->data_dir . '/postgresql.conf');
    for my $role (qw(postgres reader application))
    {
        for my $path (@outside)
        {
            my (undef, $out, $errors) = hash_of($role, $path);
            is("$out$errors", refusal($path), "$role, $path: refused");
        }
    }
}

# The probe has given up what it doesn't need, where the kernel lets it.
sub confined
{
    my $session = MissingPhotos::Session->new($node, 'library');
    $session->query('SELECT scan_missing(7)');
    my (undef, $probe) = probe_of($session->pid);
    ok($probe, 'a probe is running');
    my %status = split /:\s+|\n/, slurp("/proc/$probe/status");
    is($status{NoNewPrivs}, 1, 'it can gain no privilege');
    # Landlock can't be seen from outside; what it closes is shown by the probe's unit tests. The
    # kernel demands NoNewPrivs for it.
    my $abi = syscall(LANDLOCK_CREATE_RULESET, 0, 0, LANDLOCK_VERSION);
    note 'Landlock ABI of this kernel: ' . ($abi > 0 ? $abi : 'none');
    is($case->check('real/1.jpg'), 'present', 'it reads below the roots');
    $session->close;
}

sub slurp
{
    my ($file) = @_;
    open(my $handle, '<', $file) or return '';
    local $/;
    return <$handle> // '';
}
