# Where the postmaster is process 1 of its PID name space (every official container), nothing that
# becomes of a probe restarts the cluster.
use strict;
use warnings;
use Cwd ();
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use MissingPhotos::Sample;
use MissingPhotos::Session;

use constant RESTART => qr/terminating any other active server processes/;

MissingPhotos::Privileged::need_root();
my $exit_with = Cwd::abs_path('build/exit_with');
my $node = PostgreSQL::Test::Cluster->new('pid1');
$node->init;
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
my $photo = $node->basedir . '/disk/photo.jpg';
make_file($photo);

my $unshare = MissingPhotos::Privileged::start_as_root(
    'unshare', '--pid', '--fork', '--kill-child', '--mount-proc', 'setpriv',
    "--reuid=$>", '--regid=' . ($) + 0), '--init-groups', 'sh', '-c',
    "exec '" . $node->installed_command('postgres') . "' -D '" . $node->data_dir . "' >>'"
    . $node->logfile . "' 2>&1");
ok(wait_for(30, sub { !system($node->installed_command('pg_isready'), '-q', '-h', $node->host,
            '-p', $node->port) }), 'the server runs')
    or BAIL_OUT('no server in a PID name space: ' . slurp_file($node->logfile));
my ($postmaster) = children_of($unshare);
is(inner_pid($postmaster), 1, 'the postmaster is process 1');
create_library($node, 'library');
$node->safe_psql('library',
    "SELECT missing_photos.add_root('/data', '" . $node->basedir . "/disk')");

# Any crash restart would end this session.
my $witness = MissingPhotos::Session->new($node, 'postgres');

# A probe that ends under its backend: the next request gets another.
for my $end (ends())
{
    my $session = MissingPhotos::Session->new($node, 'library');
    my $probe = started_probe($session);
    $end->{do}->($probe);
    ok(wait_for(5, sub { !is_alive($probe) }), "the probe has ended by $end->{name}");
    my ($digest) = $session->query("SELECT file_hash('/data/photo.jpg')");
    like($digest, qr/^[0-9a-f]{32}$/, "after $end->{name} the session hashes with another probe");
    $session->close;
}
untouched('probes ended under their backends');

# A probe that ends after its backend: its keeper is the postmaster's child then. A stopped probe
# doesn't notice that its socket was closed.
for my $end (ends())
{
    my $session = MissingPhotos::Session->new($node, 'library');
    my $probe = started_probe($session);
    my ($keeper) = parent_of($probe);
    kill('STOP', $probe);
    $node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $session->pid . ')');
    $session->close;
    ok(wait_for(5, sub { (parent_of($keeper) // 0) == $postmaster }),
        "the keeper now belongs to process 1 ($end->{name})");
    $end->{do}->($probe);
    kill('CONT', $probe);
    ok(wait_for(5, sub { !is_alive($probe) && !is_alive($keeper) }),
        "probe and keeper are gone after $end->{name}");
}
untouched('probes ended after their backends');

# The danger is real: an orphan without a keeper does restart the cluster.
SKIP:
{
    skip 'newer servers may treat unknown children otherwise', 2
        if $node->safe_psql('postgres', "SELECT current_setting('server_version_num')") >= 180000;
    my $log = -s $node->logfile;
    $node->psql('postgres',
        q(COPY (SELECT 1) TO PROGRAM 'sh -c "sleep 0.5; kill -9 \$\$" </dev/null >/dev/null 2>&1 &'));
    ok(wait_for(20, sub { slurp_file($node->logfile, $log) =~ RESTART }),
        'an orphan that dies by a signal restarts the cluster');
    my ($alive) = $witness->query('SELECT 1');
    isnt($alive, '1', 'and ends every session');
}

MissingPhotos::Privileged::kill_as_root($unshare);
MissingPhotos::Privileged::ask({ run => [ 'kill', '-9', $postmaster ] });
done_testing();

# The ways for a probe to end: signals, and every exit status a program can have a reason for.
sub ends
{
    my @signals = map {
        my $signal = $_;
        { name => "signal $signal", do => sub { kill($signal, $_[0]) } }
    } qw(KILL SEGV ABRT TERM);
    my @statuses = map {
        my $status = $_;
        { name => "status $status", do => sub {
            MissingPhotos::Privileged::as_root($exit_with, $_[0], $status) } }
    } (0 .. 5, 127, 255);
    return (@signals, @statuses);
}

# Has the session's probe started, and returns it.
sub started_probe
{
    my ($session) = @_;
    $session->query("SELECT file_hash('/data/photo.jpg')");
    my ($backend) = grep { inner_pid($_) == $session->pid } children_of($postmaster);
    my (undef, $probe) = probe_of($backend);
    die 'no probe was started' unless $probe;
    return $probe;
}

sub untouched
{
    my ($what) = @_;
    my ($alive, $errors) = $witness->query('SELECT 1');
    is($alive, '1', "$what: the witness's session lives");
    unlike(slurp_file($node->logfile), RESTART, "$what: no restart in the log");
}

sub inner_pid
{
    my ($pid) = @_;
    open(my $status, '<', "/proc/$pid/status") or return 0;
    my ($names) = grep { /^NSpid:/ } <$status>;
    return (split ' ', $names)[-1];
}

sub parent_of
{
    my ($pid) = @_;
    open(my $stat, '<', "/proc/$pid/stat") or return undef;
    my ($parent) = (<$stat> // '') =~ /\) \S (\d+) /;
    return $parent;
}
