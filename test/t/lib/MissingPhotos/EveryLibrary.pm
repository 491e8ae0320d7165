# EveryLibrary.pm: one entry per library layout, filled with the same photos, so that one test runs on
# all of them.
#
# Owners are 1, 2, 12, 21 and 112 whatever a layout calls them. Tests know photos by owner, number
# and kind of file (table t.map) and look at the library through views of their own (t.photo, t.file,
# t.link), never through what they test. every_library.sql has the rest.
package MissingPhotos::EveryLibrary;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use MissingPhotos::Sample;

use constant PHOTOS => 40;

our @OWNERS = (1, 2, 12, 21, 112);

sub librephotos
{
    my ($key) = @_;
    return (
        preset => 'librephotos', shape => 'linked', schema => 'public', filler => 'librephotos',
        owners => 'ARRAY[%s]', digests => 1,
        changed => { file => 'api_file.missing', link => 'api_photo_files',
            photo => 'api_photo.main_file_id' },
        views => qq(
            CREATE FUNCTION t.owner(n integer) RETURNS text LANGUAGE sql AS 'SELECT n::text';
            CREATE VIEW t.photo AS
                SELECT $key\::text AS photo, owner_id::text AS owner, main_file_id AS main
                  FROM public.api_photo;
            CREATE VIEW t.file AS
                SELECT hash AS file, path, missing, type <> 3 AS media, true AS ours
                  FROM public.api_file;
            CREATE VIEW t.link AS
                SELECT photo_id::text AS photo, file_id AS file FROM public.api_photo_files;
            CREATE VIEW t.job AS
                SELECT job_id::uuid, started_by_id::text AS owner, finished, failed
                  FROM public.api_longrunningjob WHERE job_type = 14));
}

our %LIBRARIES = (
    librephotos_2024_03 => { librephotos('image_hash'),
        sql => [qw(librephotos_2024_03 put fill_librephotos fill_librephotos_extras)] },
    librephotos_2024_10 => { librephotos('image_hash'),
        sql => [qw(librephotos_2024_10 put fill_librephotos fill_librephotos_extras)] },
    librephotos_2026 => { librephotos('id'), no_null_path => 1,
        sql => [qw(librephotos_2026 put fill_librephotos fill_librephotos_extras)] },
    standalone => {
        preset => 'standalone', shape => 'linked', schema => 'photo_library',
        filler => 'standalone', owners => 'ARRAY[%s]::text[]', digests => 1,
        sql => [qw(put fill_standalone)],
        changed => { file => 'files.missing', link => 'photo_files', photo => 'photos.main_file' },
        views => q(
            CREATE FUNCTION t.owner(n integer) RETURNS text LANGUAGE sql AS 'SELECT n::text';
            CREATE VIEW t.photo AS
                SELECT id::text AS photo, owner, main_file AS main FROM photo_library.photos;
            CREATE VIEW t.file AS
                SELECT hash AS file, path, missing, type <> 'metadata' AS media, true AS ours
                  FROM photo_library.files;
            CREATE VIEW t.link AS
                SELECT photo::text, file FROM photo_library.photo_files;
            CREATE VIEW t.job AS
                SELECT id AS job_id, owner, finished, failed FROM photo_library.jobs
                 WHERE kind = 'scan') },
    # Every photo has one file, and that is what is flagged; a lost one keeps its row and pointer.
    immich => {
        preset => 'immich', shape => 'single', schema => 'public', filler => 'immich',
        owners => 'ARRAY[%s]', digests => 0, no_null_path => 1,
        sql => [qw(immich put fill_immich)],
        changed => { file => 'asset.deletedAt', also => 'asset.isOffline' },
        views => q(
            CREATE FUNCTION t.owner(n integer) RETURNS text LANGUAGE sql
                AS $$ SELECT fixture.immich_id('user ' || n)::text $$;
            CREATE VIEW t.photo AS
                SELECT id::text AS photo, "ownerId"::text AS owner, id::text AS main
                  FROM public.asset;
            CREATE VIEW t.file AS
                SELECT id::text AS file, "originalPath" AS path, "isOffline" AS missing,
                       true AS media, "isExternal" AS ours
                  FROM public.asset;
            CREATE VIEW t.link AS
                SELECT id::text AS photo, id::text AS file FROM public.asset
                 WHERE NOT "isOffline") },
);

# A database with the library, its files on disk and two roots; nothing has been scanned yet. The
# database is named like the library unless another name is given; owners, and photos of each, are
# the usual ones unless said otherwise.
sub new
{
    my ($class, $node, $name, $database, $owners, $photos) = @_;
    my $entry = $LIBRARIES{$name};
    $database //= $name;
    $owners = join(',', @{ $owners // \@OWNERS });
    $photos //= PHOTOS;
    my $self = bless { %$entry, node => $node, name => $name, database => $database,
        disk => $node->basedir . "/$database" }, $class;
    my $here = abs_path(dirname(__FILE__));
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql('postgres', "ALTER DATABASE $database SET search_path = $self->{schema}, public");
    $self->sql('CREATE EXTENSION missing_photos SCHEMA public');
    $self->sql("CREATE SCHEMA $self->{schema}") if $self->{schema} ne 'public';
    $self->sql($self->attach) if $self->{preset} eq 'standalone';
    $self->run_file("$here/../../../fixtures/$_.sql") for @{ $self->{sql} };
    $self->sql(sprintf "SELECT fixture.fill_$self->{filler}($self->{owners}, $photos)", $owners);
    $self->sql($self->attach) if $self->{preset} ne 'standalone';
    $self->sql("CREATE SCHEMA t; $self->{views}");
    $self->run_file("$here/../every_library.sql");
    $self->sql("SELECT t.make_map(ARRAY[$owners], $photos)");
    $self->make_content($_) for $self->column('SELECT path FROM t.map');
    make_path("$self->{disk}/upload/library");
    $self->sql("SELECT missing_photos.add_root('/data', '$self->{disk}/data'),
                       missing_photos.add_root('/usr/src/app/upload/library', '$self->{disk}/upload/library')");
    return $self;
}

sub attach { return "SELECT missing_photos.attach_library('$_[0]{preset}', '$_[0]{schema}')"; }

sub run_file
{
    my ($self, $file) = @_;
    my $node = $self->{node};
    system_or_bail($node->installed_command('psql'), '-Xq', '-v', 'ON_ERROR_STOP=1',
        '-o', '/dev/null', '-d', $node->connstr($self->{database}), '-f', $file);
}

sub sql { my ($self, $sql) = @_; return $self->{node}->safe_psql($self->{database}, $sql); }
sub column { my ($self, $sql) = @_; return split /\n/, $self->sql($sql); }

# The same files, another copy of the database.
sub copy
{
    my ($self, $database) = @_;
    $self->{node}->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE $self->{database};
        ALTER DATABASE $database SET search_path = $self->{schema}, public");
    return bless { %$self, database => $database }, ref $self;
}

# The same files, and a database restored from a dump of this one.
sub dumped
{
    my ($self, $database) = @_;
    my $node = $self->{node};
    my $file = $node->basedir . "/$database.sql";
    system_or_bail($node->installed_command('pg_dump'), '-d', $node->connstr($self->{database}), '-f', $file);
    $node->safe_psql('postgres', "CREATE DATABASE $database;
        ALTER DATABASE $database SET search_path = $self->{schema}, public");
    my $copy = bless { %$self, database => $database }, ref $self;
    $copy->run_file($file);
    return $copy;
}

sub on_disk
{
    my ($self, $path) = @_;
    $path =~ s{^/usr/src/app/upload}{/upload};
    return $self->{disk} . $path;
}

# A file's content is its path, so that the digests in the fixtures are true.
sub make_content
{
    my ($self, $path, $content) = @_;
    my $file = $self->on_disk($path);
    make_path(dirname($file));
    open(my $handle, '>', $file) or die "$file: $!";
    print $handle $content // $path;
    close $handle;
}

# Moves files out of the library, by a condition on t.map; returns their paths.
sub lose
{
    my ($self, $condition) = @_;
    my @paths = $self->column("SELECT DISTINCT path FROM t.map WHERE $condition ORDER BY path");
    for my $path (@paths)
    {
        make_path(dirname("$self->{disk}/aside$path"));
        rename($self->on_disk($path), "$self->{disk}/aside$path") or die "$path: $!";
    }
    return @paths;
}

sub give_back
{
    my ($self, @paths) = @_;
    for my $path (@paths)
    {
        rename("$self->{disk}/aside$path", $self->on_disk($path)) or die "$path: $!";
    }
}

# Scans by the function: (missing, restored, unreachable, invalid).
sub scan
{
    my ($self, $owner) = @_;
    return $self->sql("SELECT missing, restored, unreachable, invalid
                         FROM scan_missing(t.owner($owner))");
}

sub call
{
    my ($self, $owner, $batch_size) = @_;
    my $id = $self->sql("SELECT t.owner($owner)");
    return $self->sql("CALL scan_missing_photos('$id', batch_size => $batch_size)");
}

sub keep { my ($self, $label) = @_; $self->sql("SELECT t.keep('$label')"); }
sub changes { my ($self, $label) = @_; return $self->sql("SELECT t.changes('$label')"); }

# What changes of a library by so many flags, links and main pointers.
sub expected_changes
{
    my ($self, $flags, $links, $mains) = @_;
    my $names = $self->{changed};
    return join '; ', map { "$_ $flags" } grep { defined } @$names{qw(file also)}
        if $self->{shape} eq 'single';
    my %changes = ($names->{file} => $flags, $names->{link} => $links, $names->{photo} => $mains);
    return join '; ', map { "$_ $changes{$_}" } sort grep { $changes{$_} } keys %changes;
}

1;
