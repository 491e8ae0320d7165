# What the docs tell their readers to run runs: every statement of every page, in its order, on a
# library such as the page is about.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Docs;
use MissingPhotos::DocsReader;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;

# The newest LibrePhotos, but for these. What a page needs besides is in test/docs/PAGE.sql.
my %LIBRARY = ('docs/immich.md' => 'immich');

my $node = start_server('docs_run', 'missing_photos.allow_superuser_jobs = on',
    'max_worker_processes = 16');
my %libraries;
for my $page ('README.md', glob('docs/*.md'), glob('examples/*.md'))
{
    my @statements = sql_of_page($page) or next;
    subtest $page => sub { run_page($page, @statements) };
}
finds_what_is_wrong();
$node->stop;
done_testing();

sub library_of
{
    my ($page) = @_;
    my $name = $LIBRARY{$page} // 'librephotos_2026';
    $libraries{$name} //= MissingPhotos::EveryLibrary->new($node, $name);
    (my $database = lc $page) =~ s/\W+/_/g;
    my $library = $libraries{$name}->copy($database);
    $library->run_file("test/docs/$1.sql") if $page =~ m{([^/]+)\.md$} && -e "test/docs/$1.sql";
    return $library;
}

sub run_page
{
    my ($page, @statements) = @_;
    my $reader = MissingPhotos::DocsReader->new(library_of($page), $page);
    for my $statement (@statements)
    {
        my $error = $reader->run($statement);
        is($error, '', "line $statement->{line}: " . ($statement->{sql} =~ s/\s+/ /gr));
    }
    $reader->leave;
}

# The reader says when a page is wrong: a name, an argument, a statement for another role.
sub finds_what_is_wrong
{
    my $reader = MissingPhotos::DocsReader->new(library_of('wrong'), 'wrong');
    my $block = 0;
    for my $sql ('SELECT * FROM scan_mising(42);', 'SELECT * FROM scan_missing(42, often => true);',
        'SELECT missing_photos.approve_job(\'nonsense\');')
    {
        isnt($reader->run({ line => 1, block => ++$block, sql => $sql }), '', "$sql is found to be wrong");
    }
    $reader->leave;
}
