# Privileged.pm: a test runs as the server's user and asks a helper for what needs root.
#
# Use this module before PostgreSQL::Test::Cluster: as root it starts the helper and becomes user
# postgres (the server refuses root); otherwise it tries the helper through sudo.
package MissingPhotos::Privileged;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename;
use IPC::Open2;
use JSON::PP;
use POSIX ();
use Test::More ();

# Set in the BEGIN block at the end, so they get no value here.
our ($to_helper, $from_helper);
our $tools;
BEGIN { $tools = abs_path(dirname(__FILE__) . '/../../../tools'); }

sub ask
{
    my ($request) = @_;
    die "no root helper" unless $to_helper;
    print {$to_helper} encode_json($request), "\n";
    my $answer = <$from_helper> // die "the root helper is gone";
    return decode_json($answer);
}

sub available { return defined $to_helper; }

# Each of these dies or returns; as_root returns the command's output.
sub as_root
{
    my (@command) = @_;
    my $answer = ask({ run => \@command });
    die "@command: exit $answer->{status}: $answer->{output}" if $answer->{status} != 0;
    return $answer->{output};
}
# A loop device another one of which was just let go can be unreadable for a moment.
sub mount_device
{
    my (@arguments) = @_;
    for my $try (1 .. 10)
    {
        return if eval { as_root('mount', @arguments); 1 };
        die $@ if $try == 10 || $@ !~ /superblock/;
        select(undef, undef, undef, 0.2);
    }
}
sub start_as_root { return ask({ start => [@_] })->{pid}; }
sub kill_as_root { return ask({ kill => $_[0] })->{status}; }
sub at_end { return ask({ at_end => [@_] })->{status}; }

# A test that can't run must not look like one that passed: it fails, unless the person said that
# skipping is fine.
sub cannot_run
{
    my ($why) = @_;
    if ($ENV{MISSING_PHOTOS_ALLOW_SKIP})
    {
        Test::More::plan(skip_all => $why);
    }
    Test::More::diag("CAN'T RUN: $why (MISSING_PHOTOS_ALLOW_SKIP=1 skips such tests)");
    Test::More::fail("can run: $why");
    Test::More::done_testing();
    exit 1;
}

sub need_root
{
    cannot_run('needs root, or sudo without a password') unless available();
}

sub start_helper
{
    my (@command) = @_;
    local $SIG{PIPE} = 'IGNORE';
    $^F = 2;
    open2($from_helper, $to_helper, @command);
    $to_helper->autoflush(1);
}

sub become_server_user
{
    my (undef, undef, $uid, $gid) = getpwnam('postgres') or die "no user postgres";
    $) = "$gid $gid";
    POSIX::setgid($gid) // die "setgid: $!";
    POSIX::setuid($uid) // die "setuid: $!";
    delete @ENV{qw(SUDO_USER SUDO_UID SUDO_GID)};
    $ENV{USER} = $ENV{LOGNAME} = 'postgres';
    $ENV{HOME} = $ENV{TESTDIR} // '/nonexistent';
}

BEGIN
{
    if ($> == 0)
    {
        start_helper("$tools/root_helper");
        become_server_user();
    }
    elsif (system('sudo -n true >/dev/null 2>&1') == 0)
    {
        start_helper('sudo', '-n', "$tools/root_helper");
    }
}

1;
