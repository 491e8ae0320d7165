# What the docs tell their readers to type works: every command of every page is run, as it stands, in
# a place like the reader's. test/docs/bin has what such a place has and a test can't: a container
# engine, a package manager, root. What isn't run is named here, with the reason, and looked at.
use strict;
use warnings;
use MissingPhotos::Privileged;
use Cwd qw(abs_path);
use File::Basename;
use File::Path qw(make_path);
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MissingPhotos::Docs;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;

my @NOT_RUN = (
    [ qr/\bmake (?:check(?:-\w+)?|bench)$/ => 'it runs this test, or for long' ],
    [ qr{\btest/bench/\w+\.sh\b} => 'it takes long, and wants a machine of its own' ],
    [ qr/^sysctl / => 'it changes the machine' ]);
# What blocks may be: what is run here, SQL (104_docs_run.pl), or only shown.
my %LANGUAGES = map { $_ => 1 } qw(sh crontab sql yaml json ini text);
# Pages whose commands are typed in the source's folder.
my $IN_SOURCE = qr{^(?:README|docs/(?:architecture|benchmarks|versions|security)|examples/README)\.md$};

my $source = abs_path('.');
my $node = start_server('docs_commands', 'missing_photos.allow_superuser_jobs = on');
# Paths of sockets can't be long.
my $place = PostgreSQL::Test::Utils::tempdir_short() . '/place';
my %library = (
    librephotos => MissingPhotos::EveryLibrary->new($node, 'librephotos_2026', 'librephotos', [2], 20),
    immich => MissingPhotos::EveryLibrary->new($node, 'immich', 'immich', [2], 20));
prepare_place();
my %environment = (PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'librephotos',
    PGUSER => 'docker', DESTDIR => "$place/installed", DOCS_IMAGES => "$place/images",
    PYTHONDONTWRITEBYTECODE => 1, MAKEFLAGS => '',
    PATH => join ':', "$source/test/docs/bin", dirname($node->installed_command('psql')), '/usr/bin', $ENV{PATH});

my @pages = ('README.md', sort(glob('docs/*.md')), sort(glob('examples/*.md')));
my %named;
subtest $_ => \&page, $_ for @pages;
is(join(', ', grep { !$named{$_} } map { "$_->[0]" } @NOT_RUN), '', 'what isn\'t run is still in the docs');
came_of_it();
finds_what_is_wrong();
$node->stop;
done_testing();

# A compose file with the services of both applications, a library, and the source.
sub prepare_place
{
    make_path(map { "$place/$_" } qw(photos run srv/librephotos srv/immich));
    symlink($source, "$place/missing_photos") or die $!;
    symlink("$library{librephotos}{disk}/data", "$place/mnt") or die $!;
    append_to_file("$place/.env", "scanDirectory=/photos\ndata=/data\nUPLOAD_LOCATION=/library\n");
    append_to_file("$place/docker-compose.yml", join "\n", 'services:',
        map { ("  $_:", "    image: example.org/$_:17") } qw(db backend database immich-server));
    append_to_file("$place/docker-compose.yml", "\n");
    link("$place/docker-compose.yml", "$place/srv/$_/docker-compose.yml") or die $! for keys %library;
    append_to_file("$place/input", "SELECT missing_photos.installed_version();\n");
    $node->safe_psql('postgres', 'CREATE ROLE docker SUPERUSER LOGIN');
    $node->safe_psql('postgres', q(DO $$ BEGIN CREATE ROLE postgres SUPERUSER LOGIN;
        EXCEPTION WHEN duplicate_object THEN NULL; END $$));
}

sub page
{
    my ($page) = @_;
    is(join(', ', indented($page)), '', 'no block is only indented');
    for my $fence (fences_of_page($page))
    {
        ok($LANGUAGES{ $fence->{language} }, "line $fence->{line}: a block says what it is: $fence->{language}");
        is(shown($fence), '', "line $fence->{line}: $fence->{language}") if $fence->{language} =~ /^(?:yaml|json)$/;
    }
    is(run_command($_, $page), '', "line $_->{line}: $_->{text}") for commands_of_page($page);
}

# Lines that would show as a block without saying what it is.
sub indented
{
    my ($page) = @_;
    my ($inside, $before, @lines) = (0, '');
    for my $line (split /\n/, slurp_file($page))
    {
        $inside = !$inside if $line =~ /^ *```/;
        push @lines, $line if !$inside && $line =~ /^(?: {4}|\t)/ && $before eq '';
        $before = $line;
    }
    return @lines;
}

# What keeps a command from being right, or nothing.
sub run_command
{
    my ($command, $page) = @_;
    my $text = $command->{text};
    my @why = grep { $text =~ $_->[0] } @NOT_RUN;
    if (@why)
    {
        $named{ $_->[0] } = 1 for @why;
        return looked_at($text);
    }
    if (defined $command->{language} && $command->{language} eq 'crontab')
    {
        $text =~ s/^(?:(?:\*|\d+)(?:[-\/,]\d+)* ){5}// or return 'not five fields of time';
        return 'cron takes % for the end of a line' if $text =~ /%/;
    }
    return demo() if $text eq 'make demo';
    $text =~ s{(?<![\w.])/(?=(?:run/missing_photos|srv|mnt)\b)}{$place/}g;
    $text =~ s{\Q$place\E/mnt/photos}{$place/mnt};
    $text =~ s/\b42\b/2/g;
    $text =~ s/tour\.py 1\b/tour.py 2/;
    return serve($text) if $text =~ /--listen/;
    return in_shell($text, $page =~ $IN_SOURCE || $text =~ /^make / ? $source : $place);
}

sub in_shell
{
    my ($text, $folder) = @_;
    local %ENV = (%ENV, %environment);
    my $output = "$place/output";
    # Errors in a pipe count, too.
    return '' if system('bash', '-e', '-o', 'pipefail', '-c',
        "exec >'$output' 2>&1 <'$place/input'; cd '$folder'; $text") == 0;
    return 'exit ' . ($? >> 8) . ': ' . slurp_file($output);
}

# The service that a page starts says so by its socket, and ends when told to.
sub serve
{
    my ($text) = @_;
    my $user = getpwuid($<);
    $text =~ s/--peer postgres/--peer $user/;
    my ($socket) = $text =~ /--listen (\S+)/;
    my $child = fork() // die $!;
    if ($child == 0)
    {
        %ENV = (%ENV, %environment);
        open(STDOUT, '>', "$place/output");
        open(STDERR, '>&', \*STDOUT);
        exec('bash', '-c', "exec $text") or POSIX::_exit(1);
    }
    my $served = wait_for(5, sub { -S $socket || waitpid($child, POSIX::WNOHANG) != 0 }) && -S $socket;
    kill 'TERM', $child;
    waitpid $child, 0;
    return $served ? '' : 'no service: ' . slurp_file("$place/output");
}

sub demo
{
    my $told = in_shell("demo/demo.sh '$place/demo'", $source);
    return $told if $told ne '';
    return slurp_file("$place/output") =~ /all of it is put back.*That was all/s ? '' : 'its story isn\'t told';
}

# Goals, programs, sections and variables exist, though nothing is started.
sub looked_at
{
    my ($text) = @_;
    return -e '/proc/sys/' . ($1 =~ tr{.}{/}r) ? '' : "no $1" if $text =~ /^sysctl ([\w.]+)=/;
    my ($goals) = slurp_file('Makefile') =~ /^HARNESS_GOALS := (.*)$/m;
    my ($handled) = slurp_file('test/run') =~ /^    (check \|.*)\) ;;$/m;
    my @wrong;
    my ($goal) = $text =~ /\bmake (\S+)$/;
    push @wrong, "no goal $goal" if defined $goal && "$goals " !~ /\b\Q$goal\E /;
    push @wrong, "$goal isn't handled" if defined $goal && "$handled |" !~ /\b\Q$goal\E \|/;
    my ($script) = $text =~ m{(test/bench/\S+)};
    push @wrong, "$script can't be run" if defined $script && !(-x $script && system('bash', '-n', $script) == 0);
    for my $variable ($text =~ /\b([A-Z_]{4,})=/g)
    {
        push @wrong, "nobody reads $variable" if system("grep -rqw '$variable' test/run test/bench Makefile") != 0;
    }
    push @wrong, map { "no section $_" } grep { !-e "test/bench/section_$_.sh" }
        split ' ', $text =~ /MISSING_PHOTOS_BENCH="?([\w ]+?)"? make/ ? $1 : '';
    return join ', ', @wrong;
}

# Blocks that are no commands: they can be read, and the options in them are the probe's.
sub shown
{
    my ($fence) = @_;
    if ($fence->{language} eq 'json')
    {
        for my $document (split /\n(?=\{)/, $fence->{text})
        {
            eval { decode_json($document =~ s/…//gr) } or return $@;
        }
        return '';
    }
    append_to_file("$place/block.yml", '');
    open(my $file, '>', "$place/block.yml") or die $!;
    print $file $fence->{text}, "\n";
    close $file;
    my $told = in_shell(q(/usr/bin/python3 -c 'import json, yaml; print(json.dumps(yaml.safe_load(open("block.yml"))))'), $place);
    return $told if $told ne '';
    my $parts = decode_json(slurp_file("$place/output"));
    return '' unless ref $parts eq 'HASH' && $parts->{command};
    my ($text) = join ' ', @{ $parts->{command} };
    make_path("$place/run/missing_photos", "$place/protected_media");
    $text =~ s{(?<!\S)/(?=run/|protected_media)}{$place/}g;
    $text =~ s{(?<!\S)/data\b}{$place/photos};
    return serve(qq("\$(pg_config --pkglibdir)/missing_photos_probe" $text));
}

# What the commands made is what they are for.
sub came_of_it
{
    like(slurp_file("$place/report.html"), qr/\A<!DOCTYPE html>.*<\/html>\s*\z/s, 'a report');
    ok(-e "$place/photos/.library", 'a marker');
    my $installed = `find $place/installed -name 'missing_photos*' -printf '%f '`;
    like($installed, qr/missing_photos\.$_\b/, "installed: $_") for qw(so control);
    like($installed, qr/missing_photos_probe\b/, 'installed: the probe');
    is($node->safe_psql('librephotos_new', 'SELECT count(*) FROM missing_photos.registered_root'), '2',
        'a library that was dumped and restored');
    is($node->safe_psql($_, q(SELECT bool_and(state = 'finished') FROM missing_photos.jobs WHERE kind = 'scan')), 't',
        "$_ was scanned by cron") for sort keys %library;
}

# Each kind of mistake shows.
sub finds_what_is_wrong
{
    for my $text ('psql -d nowhere -c "SELECT 1"', 'psql -c "SELECT missing_photos.no_such_verb()"',
        'sudo apt-get install postgresql-server-dev-1', 'make no-such-goal', 'make bench-mark',
        'docker compose exec postgres psql -U docker -d librephotos', 'docker compose -f compose.yml up -d',
        'docker build --build-arg IMAGE=postgres:15 -t x missing_photos', 'docker build -t x nowhere',
        'docker build --build-arg BASE=' . '0' x 64 . ' -t x missing_photos', 'docker buid -t x missing_photos',
        'MISSING_PHOTOS_BENCH="scan nothing" make bench', 'MISSING_PHOTOS_TIMES=3 make bench',
        'test/bench/nothing.sh DIR', 'sysctl fs.inotify.nothing=1', 'pg_restore -d librephotos_new nothing.dump',
        '"$(pg_config --pkglibdir)/missing_photos_probe" --lisen x --listen /run/missing_photos/other.socket')
    {
        isnt(run_command({ line => 0, text => $text }, 'docs/page.md'), '', "found to be wrong: $text");
    }
    isnt(run_command({ line => 0, text => $_, language => 'crontab' }, 'docs/page.md'), '', "found to be wrong: $_")
        for '0 2 * * psql -c "SELECT 1"', '0 2 * * * psql -c "SELECT to_char(now(), \'%\')"';
    unlink "$place/images";
    isnt(run_command({ line => 0, text => 'docker compose -f docker-compose.yml -f compose.immich.yml up -d' },
        'docs/page.md'), '', 'found to be wrong: an image that nobody built');
}
