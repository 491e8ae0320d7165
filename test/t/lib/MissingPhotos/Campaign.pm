# Campaign.pm: one owner's photos below one root, and what a test asks again and again of them.
#
# Each campaign is an owner of a LibrePhotos-shaped database (Sample.pm) with a root of its own,
# /data<owner>. Its photos have one file each. The library is compared row by row with what it was
# when keep() was last called.
package MissingPhotos::Campaign;
use strict;
use warnings;
use Test::More;
use MissingPhotos::Sample;

# The breaker out of the way, so that what a test sees is the guard.
use constant NO_BREAKER => 'missing_photos.max_missing_percent = 100';

# folder: where the server finds the root; files: paths relative to it. Made when they aren't there.
sub new
{
    my ($class, $node, $database, $owner, $folder, @files) = @_;
    my $self = bless { node => $node, database => $database, owner => $owner, folder => $folder,
        app => "/data$owner", files => \@files }, $class;
    -e "$folder/$_" or make_file("$folder/$_") for @files;
    my $paths = join ',', map { "\"$self->{app}/$_\"" } @files;
    $self->sql(qq(
        SELECT sample.add_owner($owner, '$self->{app}');
        SELECT sample.add_photos($owner, '{$paths}')));
    return $self;
}

sub sql { my ($self, $sql) = @_; return $self->{node}->safe_psql($self->{database}, $sql); }

# Registers the root, learns what the files look like, and keeps the library's rows.
sub register
{
    my ($self, $marker) = @_;
    my $of_marker = defined $marker ? ", marker => '$marker'" : '';
    $self->sql("SELECT missing_photos.add_root('$self->{app}', '$self->{folder}'$of_marker)");
    $self->scan;
    $self->keep;
    return $self;
}

sub forget
{
    my ($self) = @_;
    $self->sql("SELECT missing_photos.drop_root('$self->{app}')");
}

sub scan
{
    my ($self) = @_;
    return $self->sql("SELECT missing || ' missing, ' || unreachable || ' unreachable, '
                              || invalid || ' invalid' || CASE WHEN held THEN ', held' ELSE '' END
                         FROM scan_missing($self->{owner})");
}

# Calls the procedure and returns the counts of its job.
sub call
{
    my ($self, $batch_size) = @_;
    $batch_size //= 5000;
    $self->sql("CALL scan_missing_photos($self->{owner}, batch_size => $batch_size)");
    return $self->last_job;
}

sub last_job
{
    my ($self) = @_;
    return $self->sql("SELECT missing || ' missing, ' || unreachable || ' unreachable, '
                              || invalid || ' invalid' || CASE WHEN state = 'held' THEN ', held' ELSE '' END
                         FROM missing_photos.jobs WHERE owner = '$self->{owner}'
                        ORDER BY started_at DESC LIMIT 1");
}

sub photo_of
{
    my ($self, $file) = @_;
    return $self->sql("SELECT md5('$self->{app}/$file') || $self->{owner}");
}

sub check
{
    my ($self, $file) = @_;
    my $photo = $self->photo_of($file);
    return $self->sql("SELECT state FROM check_files('$photo')");
}

sub keep
{
    my ($self) = @_;
    $self->sql('DROP TABLE IF EXISTS sample.kept;
                CREATE TABLE sample.kept AS SELECT * FROM sample.all_rows()');
}

# How many rows of the library's tables aren't what they were.
sub changed
{
    my ($self) = @_;
    return $self->sql('SELECT count(*) FROM (
        (SELECT * FROM sample.all_rows() EXCEPT ALL SELECT * FROM sample.kept)
        UNION ALL
        (SELECT * FROM sample.kept EXCEPT ALL SELECT * FROM sample.all_rows())) AS differing');
}

sub flagged
{
    my ($self) = @_;
    return $self->sql("SELECT count(*) FROM api_file WHERE missing AND path LIKE '$self->{app}/%'");
}

sub root_state
{
    my ($self) = @_;
    return $self->sql("SELECT state || COALESCE(': ' || reason, '')
                         FROM missing_photos.roots WHERE app_path = '$self->{app}'");
}

# What missing_files tells: "number state: reason" per line.
sub told
{
    my ($self) = @_;
    return $self->sql("SELECT count(*) || ' ' || state || COALESCE(': ' || reason, '')
                         FROM missing_files WHERE owner = '$self->{owner}'
                        GROUP BY state, reason ORDER BY 1");
}

# The root in doubt: nothing is concluded by any verb, and everyone is told why.
sub nothing_concluded
{
    my ($self, $what, $reason) = @_;
    my $all = @{ $self->{files} };
    my $file = $self->{files}[-1];
    ok(!-e "$self->{folder}/$file", "$what: a plain look takes a file for gone");
    is($self->scan, "0 missing, $all unreachable, 0 invalid", "$what: scan_missing");
    is($self->call(7), "0 missing, $all unreachable, 0 invalid", "$what: scan_missing_photos");
    is($self->check($file), 'unreachable', "$what: check_files");
    my (undef, undef, $error) = $self->{node}->psql($self->{database},
        "\\set VERBOSITY verbose\nSELECT file_hash('$self->{app}/$file')");
    like($error, qr/ERROR:  58030: .*could not be read/, "$what: file_hash");
    like($self->root_state, qr/^unreachable: $reason/, "$what: roots tells why");
    like($self->told, qr/^$all unreachable: $reason[^\n]*$/, "$what: missing_files tells why");
    is($self->changed, 0, "$what: no row of the library changed");
}

sub healthy
{
    my ($self, $what) = @_;
    is($self->scan, '0 missing, 0 unreachable, 0 invalid', "$what: healthy");
    is($self->root_state, 'present', "$what: roots says so");
    is($self->told, '', "$what: missing_files is empty");
    is($self->changed, 0, "$what: no row of the library changed");
}

1;
