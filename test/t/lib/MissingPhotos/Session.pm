# Session.pm: a psql session in the background whose statement's end is timed from outside.
package MissingPhotos::Session;
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use Time::HiRes qw(time);

my $count = 0;

# Starts a session; statements are sent with send() and end with a mark on standard output.
sub new
{
    my ($class, $node, $database) = @_;
    my $self = bless {
        node => $node, database => $database // 'postgres',
        name => 'session_' . ++$count . "_$$", in => '', out => '', err => '', marks => 0,
    }, $class;
    my @psql = (
        $node->installed_command('psql'), '-XAtq', '-d',
        $node->connstr($self->{database}) . " application_name=$self->{name}");
    $self->{timer} = IPC::Run::timer(180);
    $self->{run} = IPC::Run::start(\@psql, '<', \$self->{in}, '>', \$self->{out},
        '2>', \$self->{err}, $self->{timer});
    $self->query('SELECT 1');
    ($self->{pid}) = $self->query('SELECT pg_backend_pid()');
    return $self;
}

sub pid { return $_[0]{pid}; }

# Sends a statement and returns at once.
sub send
{
    my ($self, $sql) = @_;
    $self->{out} = $self->{err} = '';
    $self->{mark} = 'mark_' . ++$self->{marks};
    $self->{sent} = time;
    $self->{in} .= "$sql\n;\n\\echo $self->{mark}\n";
    $self->{run}->pump_nb;
    return $self;
}

# Waits for the end of what was sent: (output, errors, seconds since it was sent). The session may
# have ended instead (terminated by the server).
sub wait
{
    my ($self) = @_;
    while ($self->{out} !~ /^\Q$self->{mark}\E$/m && $self->{run}->pumpable)
    {
        eval { $self->{run}->pump; 1 } or last;
    }
    my $seconds = time - $self->{sent};
    (my $out = $self->{out}) =~ s/^\Q$self->{mark}\E\n//m;
    chomp $out;
    return ($out, $self->{err}, $seconds);
}

sub query
{
    my ($self, $sql) = @_;
    return $self->send($sql)->wait;
}

sub close
{
    my ($self) = @_;
    eval { $self->{in} .= "\\q\n"; $self->{run}->finish; 1 } or eval { $self->{run}->kill_kill };
}

1;
