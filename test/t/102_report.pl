# The report: what it shows with nothing, one file and 100,000 files missing; nothing of it is taken
# for HTML that isn't ours.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;

my $node = start_server('report');
my $library = MissingPhotos::EveryLibrary->new($node, 'librephotos_2026');
is(tiles(report()), '40 0 0 0', 'before the first scan');
like(report(), qr/Last scan: never.*No job has run.*Folders with missing files<\/h2><p>None/s,
    'and it says so');

$library->sql('SELECT scan_missing(2)');
my ($path) = $library->lose('path = (SELECT min(path) FROM t.map WHERE owner = 2)');
$library->sql('SELECT scan_missing(2)');
my $page = report();
is(tiles($page), '40 1 1 0', 'one file is missing, and its photo with it');
like($page, qr/Missing files<\/h2>.*<td class="path">\Q$path\E</s, 'its path');
like($page, qr/<td class="path">\/data\/2\/[^<]*<\/td>.*1 of \d/s, 'its folder');
like($page, qr/<title>\d{4}-\d\d-\d\d: 1 missing, 0 back/, 'its day');
like($page, qr/<td class="path">\/data<br>.*?>healthy</s, 'a healthy root');
like($page, qr/<td>scan<\/td><td class="good">finished</, 'the scans');

# Names as hostile as they come, a root in doubt, a held job's words.
my $name = q(/data/2/<script>alert(1)</script>"'&amp;<img src=x onerror=alert(2)>/%s.jpg);
(my $quoted = $name) =~ s/'/''/g;
$library->sql("UPDATE api_file SET path = replace('$quoted', '%s', hash) WHERE missing");
rename("$library->{disk}/data", "$library->{disk}/gone");
$library->sql('SELECT scan_missing(2)');
$page = report();
unlike($page, qr/<script|<img|onerror=alert\(2\)>/, 'no name becomes HTML');
like($page, qr/&lt;script&gt;alert\(1\)&lt;\/script&gt;&quot;&#39;&amp;amp;&lt;img/, 'it is shown as it is');
like($page, qr/class="warn">out of reach since/, 'a root out of reach');
unlike($page, qr/<[^>]*\b(src|href)=|url\(|\@import/, 'nothing is loaded from elsewhere');
rename("$library->{disk}/gone", "$library->{disk}/data");

$library->sql(q(
    INSERT INTO api_file (hash, path, type, missing)
    SELECT md5(n::text) || '2', '/data/2/many/' || n % 1000 || '/' || n || '.jpg', 1, true
      FROM generate_series(1, 100000) AS n;
    ANALYZE api_file));
$page = report();
is(tiles($page), '40 1 100001 51', '100,000 more');
like($page, qr/The 20 of 1,00\d that miss the largest share.*The first 100 of 100,00\d/s, 'in short');
cmp_ok(length($page), '<', 100_000, 'and still a page');
balanced($page);

like(error('SELECT missing_photos.report(NULL::int)'), qr/22004: owner must not be null/, 'no owner');
like(error('SELECT missing_photos.report(99)'), qr/P0002: owner "99" does not exist/, 'a wrong owner');
$node->stop;
done_testing();

sub report { return $library->sql('SELECT missing_photos.report(2)'); }

# Photos, missing photos, missing files, files out of reach.
sub tiles
{
    my ($page) = @_;
    return join ' ', map { s/,//gr } $page =~ /<div class="tile"><b[^>]*>([\d,]+)</g;
}

sub error
{
    my ($statement) = @_;
    my ($status, $out, $errors) = $node->psql($library->{database}, $statement,
        extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    return $errors;
}

# Each element that is opened is closed, in its order.
sub balanced
{
    my ($page) = @_;
    my @open;
    while ($page =~ /<(\/?)([a-z0-9]+)[^>]*?(\/?)>/g)
    {
        next if $3 || $2 =~ /^(meta|br)$/;
        my ($closes, $name) = ($1, $2);
        if (!$closes) { push @open, $name; next; }
        my $last = pop @open // 'nothing';
        return fail("</$name> closes $last") if $last ne $name;
    }
    is(join(' ', @open), '', 'every element is closed');
}
