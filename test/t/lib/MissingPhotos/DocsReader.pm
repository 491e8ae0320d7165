# DocsReader.pm: runs what a page of the docs shows, as a reader would: with paths of one's own disk
# and the ids one sees for "…", and when what the page talks about is there.
package MissingPhotos::DocsReader;
use strict;
use warnings;
use File::Basename;
use File::Path qw(make_path);
use POSIX ();
use PostgreSQL::Test::Utils;
use MissingPhotos::Docs;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;
use MissingPhotos::Session;

# What must be there before a statement: the first whose pattern it matches is called.
my @NEEDS = (
    [ qr/^CREATE EXTENSION missing_photos/ => \&without_extension ],
    [ qr/^CREATE EXTENSION pg_cron/ => \&cron_in_place ],
    [ qr/cron\.schedule/ => \&cron_in_place ],
    [ qr/approve_job|cancel_job/ => \&held_job ],
    [ qr/resume_job/ => \&lost_job ],
    [ qr/delete_preview|delete_missing/ => \&missing_files ],
    [ qr/undo_delete/ => \&a_deletion ],
    [ qr/undo_scan/ => \&missing_files ],
    [ qr/remap_paths/ => \&moved_folder ],
    [ qr/undo_moves/ => \&a_move ],
    [ qr/choose_candidate/ => \&two_candidates ],
    [ qr/add_file\(/ => \&a_new_file ],
    [ qr/probe_socket = '/ => \&a_service ],
    [ qr/add_derived_root/ => \&a_marker ],
);

# Which job "…" means.
my %JOB = (approve_job => q(state = 'held'), cancel_job => q(state = 'held'),
    resume_job => q(state = 'lost'),
    undo_scan => q(kind = 'scan' AND state = 'finished'));

sub new
{
    my ($class, $library, $page) = @_;
    my $self = bless { library => $library, page => $page, block => 0, prepared => {}, lost => [],
        moved => [] }, $class;
    $library->sql(q(
        DO $$ BEGIN CREATE ROLE docker LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO docker;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO docker;
        SELECT missing_photos.grant_application('docker')));
    $library->sql(q(UPDATE "user" SET email = 'me@example.org' WHERE id::text = t.owner(2)))
        if $library->{preset} eq 'immich';
    $self->{session} = MissingPhotos::Session->new($library->{node}, $library->{database});
    return $self;
}

# Returns the error, or nothing. Each block starts as the superuser who opened the page.
sub run
{
    my ($self, $statement) = @_;
    my $session = $self->{session};
    $session->query("RESET ROLE; RESET ALL; SET client_min_messages = error")
        if $statement->{block} != $self->{block};
    $self->{block} = $statement->{block};
    my ($need) = grep { $statement->{sql} =~ $_->[0] } @NEEDS;
    $need->[1]->($self) if defined $need;
    my $sql = $self->filled_in($statement->{sql});
    return '' if $sql eq '';
    my (undef, $error) = $session->query($sql =~ s/;\s*(?:--.*)?\n*$//r);
    chomp $error;
    $self->move_back if $sql =~ /undo_moves/;
    return $error ne '' ? "$error in: $sql" : $self->run_scheduled($sql);
}

# The statement with this machine's paths, this library's owner and the ids at hand.
sub filled_in
{
    my ($self, $sql) = @_;
    my $disk = $self->{library}{disk};
    return '' if $sql =~ /^CREATE EXTENSION pg_cron/;
    $sql =~ s/\b42\b/2/g;
    # Immich's own folders and an external library, where the fixture has them.
    $sql =~ s{'/data/}{'/usr/src/app/upload/}g, $sql =~ s{'/mnt/photos}{'/data}g
        if $self->{library}{preset} eq 'immich';
    $sql =~ s/(add_root\('([^']+)')(?:, '[^']+')?/"$1, '" . $self->{library}->on_disk($2) . "'"/ge;
    $sql =~ s/(add_derived_root\('([^']+)'), '[^']+'/"$1, '" . $self->{library}->on_disk($2) . "'"/ge;
    $sql =~ s{'/run/missing_photos/probe\.socket'}{'$disk/probe.socket'};
    $sql =~ s{'/data/old', '/data/new'}{'/data/2', '/data/new'};
    $sql =~ s{(check_files|file_hash)\('[^']*…'}{"$1('" . $self->thing($1) . "'"}e;
    $sql =~ s{(choose_candidate)\('[^']*', '[^']*'}{"$1(" . $self->thing($1)}e;
    $sql =~ s{(\w+)\('[^']*…'}{"$1('" . $self->job($1) . "'"}e;
    return $sql;
}

sub sql { my ($self, $sql) = @_; return $self->{library}->sql($sql); }

sub job
{
    my ($self, $verb) = @_;
    return $self->sql('SELECT job_id FROM missing_photos.archives ORDER BY deleted_at DESC LIMIT 1')
        if $verb eq 'undo_delete';
    return $self->sql('SELECT job_id FROM missing_photos.findings WHERE new_path IS NOT NULL LIMIT 1')
        if $verb eq 'undo_moves';
    my $which = $JOB{$verb} // 'true';
    my $id = $self->sql("SELECT job_id FROM missing_jobs WHERE $which ORDER BY queued_at DESC LIMIT 1");
    return $id eq '' ? 'no such job' : $id;
}

sub thing
{
    my ($self, $verb) = @_;
    return $self->sql('SELECT min(photo) FROM t.map WHERE owner = 2') if $verb eq 'check_files';
    return $self->sql('SELECT min(path) FROM t.map WHERE owner = 2') if $verb eq 'file_hash';
    return $self->sql(q(SELECT format('%L, %L', file, path) FROM missing_photos.candidates
                         WHERE NOT certain ORDER BY path LIMIT 1));
}

# What is scheduled is run at once, by itself, as pg_cron would.
sub run_scheduled
{
    my ($self, $sql) = @_;
    return '' unless $sql =~ /cron\.schedule/;
    my ($command) = $self->{session}->query('SELECT command FROM cron.job ORDER BY jobid DESC LIMIT 1');
    my (undef, $error) = $self->{session}->query($command);
    return $error;
}

sub without_extension { $_[0]->sql('DROP EXTENSION missing_photos CASCADE'); }

# pg_cron itself is tried in 085_cron.pl; here its place is taken by what keeps the commands.
sub cron_in_place
{
    my ($self) = @_;
    return if $self->{prepared}{cron}++;
    $self->sql(q(
        CREATE SCHEMA cron;
        CREATE TABLE cron.job (jobid serial, jobname text, schedule text, command text);
        CREATE FUNCTION cron.schedule(text, text, text) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
            'INSERT INTO cron.job (jobname, schedule, command) VALUES ($1, $2, $3) RETURNING jobid';
        GRANT USAGE ON SCHEMA cron TO PUBLIC; GRANT SELECT ON cron.job TO PUBLIC));
}

sub missing_files
{
    my ($self) = @_;
    my $library = $self->{library};
    return if $self->{prepared}{missing}++;
    push @{ $self->{lost} }, $library->lose('owner = 2 AND n = 1');
    $self->sql('SELECT * FROM scan_missing(t.owner(2), force => true)');
}

sub held_job
{
    my ($self) = @_;
    my $library = $self->{library};
    return if $self->job('approve_job') ne 'no such job';
    push @{ $self->{lost} }, $library->lose('owner = 2 AND n = ' . (30 + $self->{prepared}{held}++));
    $self->sql(q(SET missing_photos.max_missing_percent = 0; SET missing_photos.max_missing_files = 0;
                 SELECT * FROM scan_missing(t.owner(2))));
}

sub lost_job
{
    my ($self) = @_;
    $self->sql(q(
        INSERT INTO missing_photos.job (job_id, kind, owner, role, state, background, started_at)
        VALUES (gen_random_uuid(), 'scan', t.owner(2), current_user, 'running', true, now())));
}

sub a_deletion
{
    my ($self) = @_;
    $self->missing_files;
    $self->sql('SELECT delete_missing(t.owner(2))') if $self->job('undo_delete') eq '';
}

sub moved_folder
{
    my ($self) = @_;
    $self->move('/data/2', '/data/new') unless $self->{prepared}{moved}++;
}

sub move_back
{
    my ($self) = @_;
    my $library = $self->{library};
    rename($library->on_disk($_->[0]), $library->on_disk($_->[1])) or die $! for reverse @{ $self->{moved} };
    $self->{moved} = [];
}

sub a_move
{
    my ($self) = @_;
    return if $self->job('undo_moves') ne '';
    my ($path) = $self->{library}->column('SELECT path FROM t.map WHERE owner = 2 AND n = 9');
    $self->move($path, "$path.moved.jpg");
    $self->sql('SELECT * FROM relink_missing(t.owner(2))');
}

sub move
{
    my ($self, $from, $to) = @_;
    my $library = $self->{library};
    rename($library->on_disk($from), $library->on_disk($to)) or die "$from: $!";
    push @{ $self->{moved} }, [ $to, $from ];
}

# Two files that a missing one may be.
sub two_candidates
{
    my ($self) = @_;
    my $library = $self->{library};
    return if $self->{prepared}{candidates}++;
    my ($path) = $library->lose('owner = 2 AND n = 1');
    push @{ $self->{lost} }, $path;
    $library->make_content("/data/2/copy$_.jpg", $path) for 1, 2;
    push @{ $self->{made} }, map { "/data/2/copy$_.jpg" } 1, 2;
    $self->sql('SELECT * FROM relink_missing(t.owner(2))');
}

sub a_new_file
{
    my ($self) = @_;
    $self->{library}->make_content('/data/2024/img_0815.jpg');
    push @{ $self->{made} }, '/data/2024/img_0815.jpg';
}

# Started with the page's own command.
sub a_service
{
    my ($self) = @_;
    return if defined $self->{service};
    my $disk = $self->{library}{disk};
    my ($command) = grep { $_->{text} =~ /--listen/ } commands_of_page('docs/probe-service.md');
    my @arguments = split ' ', $command->{text} =~ s/^"[^"]*"//r;
    s{^/run/missing_photos}{$disk}, s{^/mnt/photos$}{$disk/data} for @arguments;
    my $user = getpwuid($<);
    s{^postgres$}{$user} for @arguments;
    $self->sql("SELECT missing_photos.drop_root('/data')");
    $self->{service} = fork() // die $!;
    if ($self->{service} == 0)
    {
        exec('./missing_photos_probe', @arguments) or POSIX::_exit(1);
    }
    wait_for(5, sub { -S "$disk/probe.socket" }) or die 'no service';
}

sub a_marker
{
    my ($self) = @_;
    $self->{library}->make_content("$_/.derived") for '/protected_media',
        '/usr/src/app/upload/thumbs', '/usr/src/app/upload/encoded-video';
}

# All as it was, for the next page: the files, the server's settings.
sub leave
{
    my ($self) = @_;
    my $library = $self->{library};
    $self->{session}->close;
    if (defined $self->{service})
    {
        kill 'TERM', $self->{service};
        waitpid $self->{service}, 0;
    }
    $self->move_back;
    $library->sql($_) for 'ALTER SYSTEM RESET ALL', 'SELECT pg_reload_conf()', 'ALTER ROLE docker RESET ALL';
    unlink map { $library->on_disk($_) } @{ $self->{made} // [] };
    $library->give_back(@{ $self->{lost} });
    $library->{node}->safe_psql('postgres', "DROP DATABASE $library->{database} WITH (FORCE)");
}

1;
