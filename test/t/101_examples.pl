# The examples do what they say, on Debian's Django and SQLAlchemy, as the application's role.
use strict;
use warnings;
use MissingPhotos::Privileged;
use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;

my $node = start_server('examples');
my $library = MissingPhotos::EveryLibrary->new($node, 'librephotos_2026');
$library->sql(q(
    CREATE ROLE docker LOGIN;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO docker;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO docker;
    SELECT missing_photos.grant_application('docker')));
is($library->sql('SELECT missing FROM scan_missing(2)'), '0', 'a healthy library');
my ($path) = $library->lose(q(path = (SELECT min(path) FROM t.map WHERE owner = 2)));

@ENV{qw(PGHOST PGPORT PGDATABASE PGUSER)} =
    ($node->host, $node->port, $library->{database}, 'docker');
$ENV{PYTHONDONTWRITEBYTECODE} = 1;
like(tour('django'), qr/\A\d+\ files,\ 1\ newly\ missing,\ held:\ False\n
    \d+\ of\ \d+\ photos\ are\ missing\n
    (missing:\ .*\n)*missing:\ \Q$path\E\n(missing:\ .*\n)*
    (.*:\ (present|missing)\n)+
    scanned\ again,\ with\ commits\n\z/x, 'Django');
$library->give_back($path);
like(tour('sqlalchemy'), qr/\A\d+\ files,\ 0\ newly\ missing,\ held:\ False\n
    (missing:\ .*\n)*scanned\ again,\ with\ commits\n\z/x, 'SQLAlchemy');
$node->stop;
done_testing();

sub tour
{
    my ($example) = @_;
    my $folder = abs_path("examples/$example");
    return scalar `cd $folder && /usr/bin/python3 tour.py 2 2>&1`;
}
