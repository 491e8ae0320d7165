# Faultfs.pm: mounts of the file system that fails on command (test/fuse), for tests.
#
# Use it after PostgreSQL::Test::Cluster: its END block then runs first and frees whatever still
# hangs, so that the server can be stopped.
package MissingPhotos::Faultfs;
use strict;
use warnings;
use IO::Socket::UNIX;
use Test::More ();
use Time::HiRes qw(sleep);
use MissingPhotos::Privileged;

my @mounted;

sub program { return $ENV{MISSING_PHOTOS_FAULTFS} // 'build/faultfs'; }

sub need_faultfs
{
    MissingPhotos::Privileged::need_root();
    MissingPhotos::Privileged::cannot_run('needs /dev/fuse') unless -e '/dev/fuse';
    MissingPhotos::Privileged::cannot_run('needs build/faultfs') unless -x program();
}

# Shows the directory source at mountpoint; the kernel caches what it learns for cache seconds.
sub new
{
    my ($class, $source, $mountpoint, $cache) = @_;
    my $self = bless { source => $source, dir => $mountpoint }, $class;
    mkdir $mountpoint;
    $self->{socket} = "$mountpoint.ctl";
    MissingPhotos::Privileged::at_end('umount', '-l', $mountpoint);
    $self->{pid} = MissingPhotos::Privileged::start_as_root(
        program(), 'mount', $source, $mountpoint, $self->{socket}, $cache // 0);
    push @mounted, $self;
    for (1 .. 100)
    {
        return $self if $self->is_mounted;
        sleep 0.05;
    }
    MissingPhotos::Privileged::cannot_run("the FUSE mount $mountpoint doesn't come up");
}

sub is_mounted
{
    my ($self) = @_;
    open(my $mounts, '<', '/proc/self/mounts') or die $!;
    return scalar grep { index($_, "faultfs $self->{dir} ") == 0 } <$mounts>;
}

sub tell
{
    my ($self, $command) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => $self->{socket}) or die "$self->{socket}: $!";
    print {$socket} "$command\n";
    my $answer = <$socket>;
    chomp $answer;
    die "faultfs: $command: $answer" if $answer =~ /^error/;
    return $answer;
}

# Operations and patterns as in test/fuse/faultfs.c.
sub hang { my ($self, $operation, $pattern) = @_; return $self->tell("hang $operation $pattern"); }
sub fail_with
{
    my ($self, $errno, $operation, $pattern) = @_;
    return $self->tell("errno $errno $operation $pattern");
}
sub latency { my ($self, $microseconds) = @_; return $self->tell("latency $microseconds"); }
sub clear { my ($self) = @_; return $self->tell('clear'); }
sub hanging { my ($self) = @_; return $self->tell('hanging'); }
sub requests { my ($self) = @_; return $self->tell('requests'); }

sub wait_until_hanging
{
    my ($self, $at_least) = @_;
    for (1 .. 200)
    {
        return 1 if $self->hanging >= ($at_least // 1);
        sleep 0.02;
    }
    return 0;
}

# Frees everyone who waits (ENOTCONN) and takes the mount away.
sub remove
{
    my ($self) = @_;
    MissingPhotos::Privileged::kill_as_root($self->{pid});
    MissingPhotos::Privileged::ask({ run => [ 'umount', '-l', $self->{dir} ] });
    @mounted = grep { $_ != $self } @mounted;
}

END
{
    my $status = $?;
    $_->remove for @mounted;
    $? = $status;
}

1;
