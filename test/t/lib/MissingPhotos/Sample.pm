# Sample.pm: servers and small libraries for tests.
package MissingPhotos::Sample;
use strict;
use warnings;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More ();
use Time::HiRes qw(sleep time);
use Exporter 'import';

our @EXPORT = qw(
    start_server create_library make_file children_of probe_of is_alive wait_for milliseconds
    workers_come_back);

# A server with the given lines of configuration; unlike Cluster.pm's it restarts after a crash.
sub start_server
{
    my ($name, @configuration) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init;
    $node->append_conf('postgresql.conf', join("\n",
        'restart_after_crash = on', 'max_connections = 30', @configuration, ''));
    $node->start;
    return $node;
}

# A database of LibrePhotos's shape with the extension, attached, without any photo.
sub create_library
{
    my ($node, $database) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    for my $file ('test/fixtures/librephotos_2024_10.sql', 'test/fixtures/put.sql',
        'test/tools/sample_library.sql')
    {
        system_or_bail($node->installed_command('psql'), '-Xq', '-v', 'ON_ERROR_STOP=1',
            '-o', '/dev/null', '-d', $node->connstr($database), '-f', $file);
    }
    $node->safe_psql($database, q(
        CREATE EXTENSION missing_photos;
        SELECT missing_photos.attach_library('librephotos')));
}

# Makes a file with its folders; its content is its path, so that contents differ.
sub make_file
{
    my ($path) = @_;
    (my $folder = $path) =~ s{/[^/]*$}{};
    make_path($folder);
    open(my $file, '>', $path) or die "$path: $!";
    print $file "content of $path\n";
    CORE::close($file);
}

# The live children of a process.
sub children_of
{
    my ($parent) = @_;
    my @children;
    for my $file (glob '/proc/[0-9]*/stat')
    {
        open(my $stat, '<', $file) or next;
        my $line = <$stat> // next;
        my ($pid, $state, $ppid) = $line =~ /^(\d+) \(.*\) (\S) (\d+) /s;
        push @children, $pid if $ppid == $parent && $state ne 'Z';
    }
    return @children;
}

# The keeper and the probe of a backend, or nothing. A backend has no other children.
sub probe_of
{
    my ($backend) = @_;
    my ($keeper) = children_of($backend) or return ();
    my ($probe) = children_of($keeper) or return ();
    return ($keeper, $probe);
}

sub is_alive
{
    my ($pid) = @_;
    open(my $stat, '<', "/proc/$pid/stat") or return 0;
    return (<$stat> // '') =~ /\) [^Z] /;
}

# Polls a condition; true when it came true within so many seconds.
sub wait_for
{
    my ($seconds, $condition) = @_;
    my $end = time + $seconds;
    while (1)
    {
        return 1 if $condition->();
        return 0 if time > $end;
        sleep 0.02;
    }
}

# Early builds of version 18 start no background worker again after a crash, not even the server's own.
# There somebody has to ask; where the server's comes back, ours must by itself.
sub workers_come_back
{
    my ($sql) = @_;
    my $own = q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'logical replication launcher');
    return 1 if wait_for(5, sub { eval { $sql->($own) } });
    Test::More::note('the server started no background worker again');
    return 0;
}

sub milliseconds { return int(1000 * $_[0] + 0.5); }

1;
