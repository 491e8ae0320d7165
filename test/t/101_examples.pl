# The examples do what they say, on Debian's Django and SQLAlchemy, as the application's role.
use strict;
use warnings;
use MissingPhotos::Privileged;
use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
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

my %application = (PGHOST => $node->host, PGPORT => $node->port,
    PGDATABASE => $library->{database}, PGUSER => 'docker');
$ENV{PYTHONDONTWRITEBYTECODE} = 1;
$ENV{PYTHON_OUT} = $node->basedir . '/python.out';
like(tour('django'), qr/\A\d+\ files,\ 1\ newly\ missing,\ held:\ False\n
    \d+\ of\ \d+\ photos\ are\ missing\n
    (missing:\ .*\n)*missing:\ \Q$path\E\n(missing:\ .*\n)*
    (.*:\ (present|missing)\n)+
    scanned\ again,\ with\ commits\n\z/x, 'Django');
$library->give_back($path);
like(tour('sqlalchemy'), qr/\A\d+\ files,\ 0\ newly\ missing,\ held:\ False\n
    (missing:\ .*\n)*scanned\ again,\ with\ commits\n\z/x, 'SQLAlchemy');

# The page LibrePhotos calls: POST deletes, GET is refused unless a setting allows it.
$library->lose(q(owner = 2 AND n = 2));
$library->sql('SELECT scan_missing(2, force => true)');
my $before = $library->sql('SELECT count(*) FROM api_photo WHERE owner_id = 2');
is(request('get'), "405 None\n", 'GET is refused');
like(request('post'), qr/^200 None \{.*"job_id": "[0-9a-f-]{36}".*"status": true/, 'POST deletes');
is($library->sql('SELECT count(*) FROM api_photo WHERE owner_id = 2'), $before - 1, 'one photo');
like(request('get', 'MISSING_PHOTOS_ALLOW_GET=True'), qr/^200 true \{.*"status": true/,
    'GET where it is allowed says that it is deprecated');
$node->stop;
done_testing();

# Status, Deprecation header and body.
sub request
{
    my ($method, $setting) = @_;
    my $folder = abs_path('examples/django');
    local %ENV = (%ENV, %application);
    my $code = join "\n", 'import os, json, types, django',
        'os.environ["DJANGO_SETTINGS_MODULE"] = "settings"', 'django.setup()',
        'from django.test import RequestFactory, override_settings', 'import views',
        "request = RequestFactory().$method('/api/deletemissingphotos')",
        'request.user = types.SimpleNamespace(pk=2)',
        'with override_settings(' . ($setting // '') . '):',
        '    answer = views.delete_missing_photos(request)',
        'body = json.dumps(json.loads(answer.content), sort_keys=False) if answer.content else ""',
        'print(answer.status_code, answer.headers.get("Deprecation"), *[body] * bool(body))';
    open(my $python, '|-', "cd $folder && /usr/bin/python3 - > $ENV{PYTHON_OUT} 2>&1") or die $!;
    print $python $code;
    close $python;
    return slurp_file($ENV{PYTHON_OUT});
}

sub tour
{
    my ($example) = @_;
    my $folder = abs_path("examples/$example");
    local %ENV = (%ENV, %application);
    return scalar `cd $folder && /usr/bin/python3 tour.py 2 2>&1`;
}
