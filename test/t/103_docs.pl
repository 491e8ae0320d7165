# What README and docs name exists, and what exists is named: functions, views, settings, files.
use strict;
use warnings;
use MissingPhotos::Privileged;
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MissingPhotos::Sample;

my $node = start_server('docs');
create_library($node, 'library');
my %documents = map { $_ => slurp_file($_) } 'README.md', 'CHANGELOG.md', glob('docs/*.md'),
    glob('examples/*.md');
my $reference = $documents{'docs/reference.md'};

sub names
{
    my ($sql) = @_;
    return split /\n/, $node->safe_psql('library', $sql);
}

my @settings = names(q(LOAD 'missing_photos';
    SELECT name FROM pg_settings WHERE name LIKE 'missing\_photos.%'));
my @members = names(q(
    SELECT DISTINCT x.name FROM (
        SELECT n.nspname AS space, p.proname AS name, p.oid FROM pg_proc p
          JOIN pg_namespace n ON n.oid = p.pronamespace
        UNION ALL
        SELECT n.nspname, c.relname, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        UNION ALL
        SELECT n.nspname, t.typname, t.oid FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    ) AS x WHERE x.space = 'missing_photos'));
my @verbs = names(q(
    SELECT DISTINCT x.name FROM (
        SELECT p.proname AS name, 'pg_proc'::regclass AS class, p.oid FROM pg_proc p
         WHERE p.pronamespace <> 'missing_photos'::regnamespace
        UNION ALL
        SELECT c.relname, 'pg_class', c.oid FROM pg_class c
         WHERE c.relkind = 'v' AND c.relnamespace <> 'missing_photos'::regnamespace) AS x
      JOIN pg_depend d ON d.classid = x.class AND d.objid = x.oid AND d.deptype = 'e'
      JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'missing_photos'));

is(join(' ', grep { $reference !~ /`\Q$_\E`/ } @settings), '', 'every setting is in the reference');
is(join(' ', grep { $reference !~ /`(CALL )?\Q$_\E[(`]/ } @verbs), '', 'every verb and view is');
my @wrong = defaults();
is("@wrong", '', 'with its default');

my %known = map { $_ => 1 } @members, map { s/^missing_photos\.//r } @settings;
for my $document (sort keys %documents)
{
    my %unknown;
    # A name with a part in capitals stands for many; "library_…" too.
    while ($documents{$document} =~ /\bmissing_photos\.([a-z_0-9]+)(?![a-z_0-9.…A-Z])/g)
    {
        $unknown{$1} = 1 unless $known{$1} || $1 =~ /^(control|so|preset_gallery|c|sql)$|_$/;
    }
    is(join(' ', sort keys %unknown), '', "$document names what there is");
    my @dead = grep { !-e dirname($document) . "/$_" }
        map { s/#.*//r } grep { !/^https?:|^#/ } $documents{$document} =~ /\]\(([^)\s]+)\)/g;
    is("@dead", '', "$document leads nowhere wrong");
}
$node->stop;
done_testing();

# Defaults in the reference, in the units that the table has.
sub defaults
{
    my %value = map { split /\t/, $_, 2 } names(q(LOAD 'missing_photos';
        SELECT name || E'\t' || CASE
               WHEN unit IS NULL OR boot_val = '0'
               THEN CASE boot_val WHEN '' THEN 'empty' ELSE boot_val END
               ELSE (SELECT boot_val::bigint / u.size || ' ' || u.name
                       FROM (VALUES ('ms', 1000, 's'), ('ms', 1, 'ms'), ('s', 86400, 'd'),
                                    ('s', 1, 's'), ('min', 525600, 'y'), ('min', 1440, 'd'))
                            AS u (unit, size, name)
                      WHERE u.unit = s.unit AND boot_val::bigint >= u.size
                      ORDER BY u.size DESC LIMIT 1) END
          FROM pg_settings AS s WHERE name LIKE 'missing\_photos.%'));
    return grep { $reference !~ /^\| `\Q$_\E`[ *]* \| `?\Q$value{$_}\E`? \|/m } sort keys %value;
}
