# Jobs.pm: a library whose jobs run in the background as role app, and what tests ask of them.
package MissingPhotos::Jobs;
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);
use MissingPhotos::Sample;

# A database with the extension and no owner; role app may use it. The server sees the files in folder
# server, which shows what is in folder disk.
sub new
{
    my ($class, $node, $database, $disk, $server) = @_;
    my $self = bless { node => $node, database => $database, disk => $disk }, $class;
    $server //= $disk;
    create_library($node, $database);
    mkdir $disk;
    $self->sql(qq(
        DO \$\$ BEGIN CREATE ROLE app LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$;
        SELECT missing_photos.add_root('/data', '$server')));
    $self->grant('app');
    return $self;
}

sub grant
{
    my ($self, $role) = @_;
    $self->sql(qq(
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO $role;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO $role;
        SELECT missing_photos.grant_application('$role')));
}

# An owner with so many photos of one file each, in folders of 100.
sub add_owner
{
    my ($self, $owner, $photos) = @_;
    for my $n (0 .. $photos - 1)
    {
        make_file($self->file($owner, $n));
    }
    $self->sql(qq(
        SELECT sample.add_owner($owner, '/data/$owner');
        SELECT sample.add_photos($owner, array_agg(format('/data/$owner/%s/%s.jpg', n / 100, n)))
          FROM generate_series(0, $photos - 1) AS n));
}

sub file
{
    my ($self, $owner, $n) = @_;
    return "$self->{disk}/$owner/" . int($n / 100) . "/$n.jpg";
}

sub sql { my ($self, $sql) = @_; return $self->{node}->safe_psql($self->{database}, $sql); }

# As role app: the output, or all errors as one line.
sub app
{
    my ($self, $sql, $role) = @_;
    my ($status, $out, $errors) = $self->{node}->psql($self->{database}, $sql,
        extra_params => [ '-U', $role // 'app', '-v', 'VERBOSITY=verbose' ]);
    return $status == 0 ? $out : $errors =~ s/\n/ /gr;
}

# Starts a scan as app whose batches are of another size than the usual.
sub start
{
    my ($self, $owner, $batch_size) = @_;
    return $self->app("SELECT missing_photos.start_scan($owner)") unless $batch_size;
    return $self->sql(qq(
        BEGIN; SET LOCAL ROLE app; SELECT missing_photos.start_scan($owner) AS id \\gset
        RESET ROLE;
        UPDATE missing_photos.job SET arguments = arguments || '{"batch_size": $batch_size}'
         WHERE job_id = :'id';
        COMMIT; SELECT :'id'));
}

# Settings of the whole server, from now on.
sub configure
{
    my ($self, @lines) = @_;
    $self->{node}->append_conf('postgresql.conf', join("\n", @lines, ''));
    $self->{node}->reload;
}

sub job
{
    my ($self, $id, $what) = @_;
    return $self->sql("SELECT $what FROM missing_jobs WHERE job_id = '$id'");
}

sub state { my ($self, $id) = @_; return $self->job($id, 'state'); }

sub wait_for_state
{
    my ($self, $id, $states, $seconds) = @_;
    return wait_for($seconds // 60, sub { $self->state($id) =~ /^($states)$/ });
}

# Process ids of the workers that are connected to the database.
sub workers
{
    my ($self) = @_;
    return split /\n/, $self->sql(q(
        SELECT pid FROM pg_stat_activity
         WHERE backend_type = 'missing_photos worker' AND datname = current_database()));
}

# What runs while the server runs: another one after a crash.
sub checkpointer
{
    my ($self) = @_;
    # psql may end before it has read its statement.
    my ($status, $pid) = eval { $self->{node}->psql($self->{database},
        q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer')) };
    return defined $status && $status == 0 ? $pid : '';
}

# Kills a worker, and waits until the server has noticed and is up again. A worker that was just ending
# takes nothing with it.
sub crash
{
    my ($self, $pid) = @_;
    my $before = $self->checkpointer;
    return 1 unless kill 9, $pid;
    # Busy machines take their time to end it.
    wait_for(30, sub { !kill 0, $pid });
    wait_for(3, sub { $self->checkpointer ne $before });
    return wait_for(60, sub { $self->checkpointer ne '' });
}

1;
