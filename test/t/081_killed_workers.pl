# A worker that is killed takes nothing with it: the job goes on where it was, each batch is applied
# once, and the end is that of a scan that nobody disturbed.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use File::Path qw(make_path);
use Time::HiRes qw(sleep time);
use MissingPhotos::Jobs;
use MissingPhotos::Sample;

my $KILLS = $ENV{MISSING_PHOTOS_LONG} ? 300 : 50;
# Of each owner 400 files are gone and 150 are back.
use constant FILES => 4 * 550;
use constant { OWNERS => 4, PHOTOS => 900, BATCH => 10 };

srand($ENV{MISSING_PHOTOS_SEED} // time);
diag('MISSING_PHOTOS_SEED=' . srand) if $ENV{MISSING_PHOTOS_LONG};
my $node = start_server('killed', 'missing_photos.max_missing_percent = 100');
my $jobs = MissingPhotos::Jobs->new($node, 'library', $node->basedir . '/photos');
my @owners = map { 10 + $_ } 1 .. OWNERS;
$jobs->add_owner($_, PHOTOS) for @owners;
first_state();
my $calm = copy('calm');
my $kills = 0;
my $rounds = 0;
my ($copy, @calm_ends);

my $took = undisturbed();
while ($kills < $KILLS)
{
    $rounds++;
    $copy = copy("disturbed$rounds");
    disturbed($_) for @owners;
    same_end();
    $node->safe_psql('postgres', "DROP DATABASE $copy->{database}");
}
cmp_ok($kills, '>=', $KILLS, "$kills workers killed in $rounds rounds");
looks_again();
loses_without_staging();
$node->stop;
done_testing();

# Files that are flagged and back, gone, and in doubt; how often a row is written is counted.
sub first_state
{
    $jobs->sql('SELECT missing FROM scan_missing(' . $_ . ')') for @owners;
    for my $owner (@owners)
    {
        rename($jobs->file($owner, $_), $jobs->file($owner, $_) . '.aside') for 0 .. 149;
        $jobs->sql("SELECT missing FROM scan_missing($owner)");
        rename($jobs->file($owner, $_) . '.aside', $jobs->file($owner, $_)) for 0 .. 149;
        unlink map { $jobs->file($owner, $_) } 300 .. 699;
        for (700 .. 719)
        {
            unlink $jobs->file($owner, $_);
            make_path($jobs->file($owner, $_));
        }
    }
    $jobs->sql(q(
        CREATE TABLE sample.written (hash text, missing boolean);
        GRANT INSERT ON sample.written TO app;
        GRANT USAGE ON SCHEMA sample TO app;
        CREATE FUNCTION sample.note_write() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO sample.written VALUES (new.hash, new.missing); RETURN new; END $$;
        CREATE TRIGGER note AFTER UPDATE ON api_file FOR EACH ROW EXECUTE FUNCTION sample.note_write()));
}

sub copy
{
    my ($database) = @_;
    # A copy whose sequences were used since the last checkpoint would go back with a crash.
    $node->safe_psql("postgres", $_) for "CREATE DATABASE $database TEMPLATE library", "CHECKPOINT";
    return bless { %$jobs, database => $database }, ref $jobs;
}

# Milliseconds that a scan takes.
sub undisturbed
{
    my $start = time;
    for my $owner (@owners)
    {
        my $id = $calm->start($owner, BATCH);
        $calm->wait_for_state($id, 'finished') or die $calm->job($id, 'state, error');
    }
    is($calm->sql('SELECT count(*), count(DISTINCT hash) FROM sample.written'), FILES . '|' . FILES,
        'undisturbed, each file is written once');
    my ($seconds) = $calm->sql(q(SELECT max(extract(epoch FROM finished_at - started_at)) FROM missing_jobs
        WHERE state = 'finished' AND (result ->> 'missing')::int > 0));
    push @calm_ends, [ all_of($calm, 0) ];
    $calm->sql("SELECT missing FROM scan_missing($_)") for @owners;
    push @calm_ends, [ all_of($calm, 1) ];
    return $seconds;
}

# Scans an owner, killing the worker at random moments until it has got through.
sub disturbed
{
    my ($owner) = @_;
    my $id = $copy->start($owner, BATCH);
    while (1)
    {
        sleep(rand($took) / 2);
        my ($pid) = $kills < $KILLS ? $copy->workers : ();
        if (defined $pid)
        {
            $copy->crash($pid) or BAIL_OUT('the server does not come back');
            $kills++;
        }
        my $state = $copy->state($id);
        last if $state eq 'finished';
        if ($state eq 'lost')
        {
            rand() < 0.5 ? $copy->app("SELECT missing_photos.resume_job('$id')")
                : $copy->sql('SELECT missing_photos.run_pending_jobs()');
        }
        elsif ($state eq 'queued')
        {
            $copy->app('SELECT missing_photos.run_pending_jobs()');
        }
        elsif ($state eq 'failed')
        {
            # Five times by itself, then by hand.
            like($copy->job($id, 'error'), qr/five times in a row/, 'it came to rest');
            $copy->app("SELECT missing_photos.resume_job('$id')");
        }
    }
}

sub all_of
{
    my ($library, $with_notes) = @_;
    # What scans note of folders they see as they see them, so that comes last.
    my $noted = $with_notes ? q(
            UNION ALL SELECT concat_ws(' ', owner, folder, signature) FROM missing_photos.known_folder
                       WHERE EXISTS (SELECT FROM api_file JOIN api_photo_files ON hash = file_id
                                      WHERE starts_with(path, folder || '/'))
            UNION ALL SELECT concat_ws(' ', owner, app_path, files) FROM missing_photos.root_files) : '';
    return split /\n/, $library->sql(qq(
        SELECT t FROM (
            SELECT table_name || row_text FROM sample.all_rows()
            UNION ALL SELECT concat_ws(' ', photo, file, owner, path, was_main, main_after, reason) FROM missing_photos.loss
            UNION ALL SELECT concat_ws(' ', photo, file, owner, path, state, reason) FROM missing_photos.file_doubt
            UNION ALL SELECT concat_ws(' ', file, size, mtime_ns) FROM missing_photos.file_identity
            UNION ALL SELECT concat_ws(' ', f.owner, f.photo, f.file, f.path, f.old_state, f.new_state, f.reason)
                        FROM missing_photos.finding AS f
            UNION ALL SELECT concat_ws(' ', j.owner, j.state, j.result) FROM missing_photos.job AS j
            UNION ALL SELECT concat_ws(' ', d.owner, d.photos, d.missing, d.unreachable, d.restored)
                        FROM missing_photos.day_count AS d$noted) AS x(t) ORDER BY t COLLATE "C"));
}

sub same_end
{
    is($copy->sql('SELECT count(*), count(DISTINCT hash) FROM sample.written'), FILES . '|' . FILES,
        'no batch was applied twice');
    is($copy->sql('SELECT count(*) FROM missing_photos.suspect'), '0', 'nothing is left staged');
    compare(0, 'all is as after a scan that nobody disturbed');
    $copy->sql("SELECT missing FROM scan_missing($_)") for @owners;
    compare(1, 'and so is what the next scan makes of it');
}

sub compare
{
    my ($with_notes, $what) = @_;
    my %left = map { $_ => 1 } @{ $calm_ends[$with_notes] };
    my @other = grep { !delete $left{$_} } all_of($copy, $with_notes);
    is(join("\n", @other, '--', sort keys %left), '--', $what);
}

# A file that is back by the time its scan goes on isn't flagged, though it was found gone before.
sub looks_again
{
    my $again = copy('again');
    my $id = $again->start($owners[0], BATCH);
    wait_for(20, sub { $again->sql('SELECT count(*) FROM missing_photos.suspect') > 0 });
    my ($pid) = $again->workers;
    $again->crash($pid) if defined $pid;
    my $path = $again->sql(q(SELECT path FROM missing_photos.suspect WHERE path ~ '/[3-6]\d\d\.jpg$'
        ORDER BY path DESC LIMIT 1));
    my $file = $path =~ s,^/data,$again->{disk},r;
    make_file($file);
    $again->app("SELECT missing_photos.resume_job('$id')");
    ok($again->wait_for_state($id, 'finished'), 'a scan goes on');
    is($again->job($id, q(result ->> 'missing')), '399', 'after looking once more');
    is($again->sql("SELECT missing FROM api_file WHERE path = '$path'"), 'f', 'at what it had found gone');
    unlink $file;
}

# The check above would see a scan that begins again and counts only what is left.
sub loses_without_staging
{
    my $broken = copy('broken');
    my $id = $broken->start($owners[0], BATCH);
    wait_for(20, sub { $broken->sql('SELECT count(*) FROM missing_photos.suspect') > 0 });
    my ($pid) = $broken->workers;
    $broken->crash($pid) if defined $pid;
    $broken->sql("UPDATE missing_photos.job SET staged = false, result = '{}'");
    $broken->app("SELECT missing_photos.resume_job('$id')");
    $broken->wait_for_state($id, 'finished');
    isnt($broken->job($id, q(result ->> 'missing')), '400', 'a scan that forgot would be seen');
}
