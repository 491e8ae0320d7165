# Scan, loss and return on every library layout, compared row by row.
use strict;
use warnings;
use MissingPhotos::Privileged;
use PostgreSQL::Test::Cluster;
use Test::More;
use MissingPhotos::Sample;
use MissingPhotos::Session;
use MissingPhotos::EveryLibrary;

# Of owner 2: the jpeg of a jpeg with raw and sidecar; jpeg and raw of another; a sidecar alone; a
# jpeg that leaves its sidecar; whole photos, one of them a video, one an album's cover; and one that
# Immich manages itself.
use constant LOST => q(owner = 2 AND (n IN (1, 4, 5, 7)
    OR (n = 10 AND kind = 'image') OR (n = 20 AND kind <> 'metadata')
    OR (n = 30 AND kind = 'metadata') OR (n = 13 AND kind = 'image')));

my $node = start_server('every');
for my $name (sort keys %MissingPhotos::EveryLibrary::LIBRARIES)
{
    subtest $name => sub {
        my $library = MissingPhotos::EveryLibrary->new($node, $name);
        first_scan($library);
        my @lost = loss($library);
        impostors($library, @lost);
        return_of($library, @lost);
        copies($library) if $library->{digests};
        known_bad($library) if $library->{shape} eq 'linked';
        both_forms($library);
        shared_files($library) if $library->{shape} eq 'linked';
        own_relinking($library) if $name eq 'librephotos_2026';
        side_by_side($library);
        without_path($library);
        done_testing();
    };
}
$node->stop;
done_testing();

sub first_scan
{
    my ($library) = @_;
    $library->keep('start');
    is($library->scan($_), '0|0|0|0', "first scan of owner $_: nothing missing")
        for 1, 12, 112;
    $library->call($_, 7) for 2, 21;
    is($library->changes('start'), '', 'nothing is written where nothing is missing');
    is($library->sql('SELECT t.wrong_counts()'), '', 'counts agree');
    is($library->sql('SELECT count(*) FROM missing_files'), '0', 'missing_files is empty');
}

sub loss
{
    my ($library) = @_;
    my @lost = $library->lose(LOST);
    my $flags = $library->sql('SELECT count(*) FROM t.map WHERE ours AND ' . LOST);
    is($library->scan(12), '0|0|0|0', 'owner 12 has lost nothing');
    is($library->scan(1), '0|0|0|0', 'nor has owner 1');
    is($library->scan(2), "$flags|0|0|0", "owner 2 has lost $flags files");
    is($library->sql('SELECT string_agg(path, $$ $$ ORDER BY path) FROM t.file WHERE missing'),
        $library->sql('SELECT string_agg(path, $$ $$ ORDER BY path) FROM t.map WHERE ours AND ' . LOST),
        'exactly those are flagged');
    is($library->changes('start'), $library->expected_changes($flags, $flags, 1),
        'flags, links and one main file are written, nothing else');
    is($library->sql('SELECT t.wrong_counts()'), '', 'counts agree');
    is($library->sql('SELECT string_agg(path, $$ $$ ORDER BY path) FROM missing_files'),
        join(' ', @lost), 'missing_files lists what is gone');
    is($library->sql('SELECT count(*) FROM missing_files WHERE owner <> t.owner(2)'), '0',
        'all of it owner 2\'s');
    is($library->sql("SELECT count(*) FROM missing_photos.findings WHERE new_state = 'missing'"),
        $flags, 'each is a finding');
    states($library) if $library->{shape} eq 'linked';
    $library->keep('loss');
    is($library->scan(2), '0|0|0|0', 'another scan finds nothing new');
    $library->call(2, 3);
    is($library->changes('loss'), '', 'and writes nothing');
    is($library->sql('SELECT bool_and(finished AND NOT failed) FROM t.job'), 't', 'its jobs ended well')
        if $library->{shape} eq 'linked';
    return @lost;
}

sub states
{
    my ($library) = @_;
    my %states = (
        1 => '; shows image; flagged image',
        5 => '; shows video; flagged video',
        10 => 'metadata raw; shows raw; flagged image',
        20 => 'metadata; shows image; flagged image raw',
        30 => 'image raw; shows image; flagged metadata',
        13 => 'metadata; shows image; flagged image',
        3 => 'image metadata; shows image; flagged ',
    );
    for my $n (sort { $a <=> $b } keys %states)
    {
        is($library->sql("SELECT t.state(2, $n)"), $states{$n}, "photo $n: $states{$n}");
    }
}

# Another file where a lost one was: of another size, or of the same size and another content.
sub impostors
{
    my ($library, @lost) = @_;
    my @places = map { $library->sql("SELECT path FROM t.map WHERE owner = 2 AND n = $_") } 1, 4;
    $library->make_content($places[0], 'another file');
    $library->make_content($places[1], 'x' x length $places[1]);
    is($library->scan(2), '0|0|0|0', 'a file in a lost one\'s place is not believed');
    $library->call(2, 2);
    $library->sql("SELECT count(*) FROM t.map AS m CROSS JOIN LATERAL check_files(m.photo) AS c
                    WHERE m.owner = 2 AND m.n IN (1, 4)");
    is($library->scan(2), '0|0|0|0', 'not later either');
    is($library->changes('loss'), '', 'and nothing is written for it');
    is($library->sql(q(SELECT string_agg(path, ' ' ORDER BY path) FROM missing_files
                        WHERE reason = 'another file is in its place')),
        join(' ', sort @places), 'it is reported');
    unlink $library->on_disk($_) for @places;
    $library->scan(2);
    is($library->sql(q(SELECT count(*) FROM missing_files
                        WHERE reason = 'another file is in its place')), '0',
        'until it is gone');
}

sub return_of
{
    my ($library, @lost) = @_;
    my $flags = $library->sql('SELECT count(*) FROM t.file WHERE missing');
    $library->give_back(@lost);
    is($library->scan(12), '0|0|0|0', 'owner 12 gets nothing back');
    is($library->scan(2), "0|$flags|0|0", 'owner 2 gets all of it back');
    is($library->changes('start'), '', 'every row is as at the start');
    is($library->sql('SELECT t.wrong_counts()'), '', 'counts agree');
    is($library->sql('SELECT count(*) FROM missing_files'), '0', 'missing_files is empty');
    is($library->sql('SELECT count(*) FROM missing_photos.loss'), '0', 'no loss is left');
}

# A copy from a backup has another inode and time; its content tells.
sub copies
{
    my ($library) = @_;
    my ($path) = $library->lose('owner = 2 AND n = 1');
    is($library->scan(2), '1|0|0|0', 'one file is lost');
    $library->make_content($path);
    is($library->scan(2), '0|1|0|0', 'a copy of it is believed');
    is($library->changes('start'), '', 'every row is as at the start');
}

# The reference's two errors, put in the place of our counts in a copy: the same check sees them.
sub known_bad
{
    my ($library) = @_;
    my @lost = $library->lose('owner IN (2, 12) AND n = 1');
    my $copy = $library->copy("bad_$library->{name}");
    $copy->scan($_) for 2, 12;
    is($copy->sql('SELECT t.wrong_counts()'), '', 'counts agree with losses of owners 2 and 12');
    my $counts = q(
        CREATE OR REPLACE FUNCTION missing_photos.library_counts(of_owner text)
        RETURNS TABLE (owner text, num_photos bigint, num_missing_photos bigint, num_missing_files bigint)
        LANGUAGE sql STABLE AS $$
            SELECT o.owner, (SELECT count(*) FROM t.photo AS p WHERE p.owner = o.owner),
                   (SELECT count(*) FROM t.photo AS p WHERE p.owner = o.owner
                       AND NOT EXISTS (SELECT FROM t.link AS l JOIN t.file AS f ON f.file = l.file
                                        WHERE l.photo = p.photo AND f.media) %s),
                   (SELECT count(*) FROM t.file AS f WHERE f.missing AND %s)
              FROM (SELECT DISTINCT p.owner FROM t.photo AS p) AS o $$);
    my $exact = 'substr(f.file, 33) = o.owner';
    $copy->sql(sprintf $counts, '', $exact);
    is($copy->sql('SELECT t.wrong_counts()'), '', 'the same counts written by hand pass');
    $copy->sql(sprintf $counts, '', q(f.file LIKE '%' || o.owner));
    like($copy->sql('SELECT t.wrong_counts()'), qr/owner 2: 40 1 2 instead of 40 1 1/,
        'an owner matched by the end of a string is seen');
    my ($photos, $main) = split /\./, $library->{changed}{photo};
    $copy->sql("UPDATE $photos SET $main = NULL WHERE CASE WHEN '$library->{preset}' = 'standalone'
                    THEN to_jsonb($photos) ->> 'owner' ELSE to_jsonb($photos) ->> 'owner_id' END = '12'");
    $copy->sql('DROP FUNCTION missing_photos.library_counts(text)');
    $copy->sql($library->attach);
    is($copy->sql('SELECT t.wrong_counts()'), '', 'ours count photos without a main file right');
    $copy->sql(sprintf $counts, 'OR p.main IS NULL', $exact);
    like($copy->sql('SELECT t.wrong_counts()'), qr/owner 2: 40 \d+ 1 instead of 40 1 1/,
        'a misplaced OR is seen');
    $library->give_back(@lost);
}

sub both_forms
{
    my ($library) = @_;
    # Raw and jpeg of one photo among them: batches of 3 don't tear them apart.
    my @lost = $library->lose("owner IN (2, 21) AND n % 3 = 1");
    my $function = $library->copy("function_$library->{name}");
    my $procedure = $library->copy("procedure_$library->{name}");
    my $start = $library->sql('SELECT t.digest()');
    $function->scan($_) for 2, 21;
    $procedure->call($_, 3) for 2, 21;
    isnt($function->sql('SELECT t.digest()'), $start, 'there was something to write');
    is($procedure->sql('SELECT t.digest()'), $function->sql('SELECT t.digest()'),
        'procedure and function leave the same library');
    is($procedure->sql('SELECT string_agg(photo || file || owner || was_main || COALESCE(main_after, $$$$),
                               $$,$$ ORDER BY photo, file) FROM missing_photos.loss'),
        $function->sql('SELECT string_agg(photo || file || owner || was_main || COALESCE(main_after, $$$$),
                               $$,$$ ORDER BY photo, file) FROM missing_photos.loss'),
        'and the same losses');
    $library->give_back(@lost);
    $function->scan($_) for 2, 21;
    $procedure->call($_, 3) for 2, 21;
    is($function->sql('SELECT t.digest()'), $start, 'the function restores all of it');
    is($procedure->sql('SELECT t.digest()'), $start, 'so does the procedure');
}

# One file linked to two photos of its owner, and, where keys allow it, to another owner's.
sub shared_files
{
    my ($library) = @_;
    my @photos = ([ 2, 2 ]);
    push @photos, [ 12, 2 ] if $library->{preset} eq 'librephotos';
    my $copy = $library->copy("shared_$library->{name}");
    for my $photo (@photos)
    {
        my $link = $library->{preset} eq 'standalone'
            ? q(INSERT INTO photo_files SELECT '2', a.photo::uuid, b.file)
            : q(INSERT INTO api_photo_files (photo_id, file_id) SELECT a.photo%s, b.file);
        $copy->sql(sprintf("$link FROM t.map AS a, t.map AS b
            WHERE (a.owner, a.n, b.owner, b.n) = (%s, %s, 2, 1)",
            $library->{preset} eq 'standalone' ? () : $library->{name} eq 'librephotos_2026' ? '::uuid' : '',
            @$photo));
    }
    $copy->keep('shared');
    my @lost = $copy->lose('owner = 2 AND n IN (1)');
    is($copy->scan(2), '1|0|0|0', 'a file of two photos is lost once');
    is($copy->sql(q(SELECT count(*) FROM t.link AS l JOIN t.map AS m ON m.file = l.file
                     JOIN t.photo AS p ON p.photo = l.photo
                    WHERE (m.owner, m.n) = (2, 1) AND p.owner = t.owner(2))), '0',
        'both photos lose it');
    is($copy->sql('SELECT count(*) FROM missing_files WHERE owner = t.owner(2)'),
        $copy->sql(q(SELECT count(*) FROM missing_photos.loss)),
        'missing_files names it with each photo that lost it');
    is($copy->sql('SELECT num_missing_files FROM missing_counts WHERE owner = t.owner(2)'), '1',
        'and it counts once');
    if (@photos > 1)
    {
        is($copy->sql(q(SELECT count(*) FROM t.link AS l JOIN t.map AS m ON m.file = l.file
                        WHERE (m.owner, m.n) = (2, 1))), '1', 'the other owner\'s link stays');
        like($copy->scan(12), qr/^0\|/, 'until the other owner is scanned: nothing newly missing');
        is($copy->sql(q(SELECT count(*) FROM t.link AS l JOIN t.map AS m ON m.file = l.file
                        WHERE (m.owner, m.n) = (2, 1))), '0', 'then it goes too');
    }
    $copy->give_back(@lost);
    $copy->scan($_) for 2, 12;
    is($copy->changes('shared'), '', 'all links are back');
}

# The application's own way: a file whose path it finds among its photos' files or main files.
sub own_relinking
{
    my ($library) = @_;
    my @lost = $library->lose('owner = 2 AND n = 1');
    $library->scan(2);
    $library->give_back(@lost);
    is($library->sql("
        WITH found AS (
            SELECT p.id, f.hash FROM api_photo AS p JOIN api_file AS f ON f.hash = p.main_file_id
             WHERE p.owner_id = 2 AND f.path = '$lost[0]'
            UNION
            SELECT p.id, f.hash FROM api_photo AS p JOIN api_photo_files AS l ON l.photo_id = p.id
              JOIN api_file AS f ON f.hash = l.file_id WHERE p.owner_id = 2 AND f.path = '$lost[0]'
        ), linked AS (
            INSERT INTO api_photo_files (photo_id, file_id) SELECT id, hash FROM found
        )
        UPDATE api_file SET missing = false FROM found WHERE api_file.hash = found.hash
        RETURNING 1"), '1', 'the application finds its photo again');
    is($library->changes('start'), '', 'every row is as at the start');
    is($library->scan(2), '0|0|0|0', 'and there is nothing left for us to do');
    is($library->changes('start'), '', 'so nothing is linked twice');
}

# Two sessions scan different owners again and again while files come and go.
sub side_by_side
{
    my ($library) = @_;
    my %owners = (a => [ 1, 12, 112 ], b => [ 2, 21 ]);
    my %sessions = map { $_ => MissingPhotos::Session->new($node, $library->{name}) } keys %owners;
    my @lost = $library->lose('n % 4 = 1');
    my $flags = $library->sql('SELECT count(*) FROM t.map WHERE ours AND n % 4 = 1');
    for my $round ('lost', 'back')
    {
        for my $session (keys %sessions)
        {
            my @ids = map { $library->sql("SELECT t.owner($_)") } @{ $owners{$session} };
            my @scans;
            push @scans, "SELECT count(*) FROM scan_missing('$_')", "CALL scan_missing_photos('$_', 9)"
                for (@ids) x 3;
            $sessions{$session}->send(join ";\n", @scans);
        }
        for my $session (sort keys %sessions)
        {
            my ($out, $errors) = $sessions{$session}->wait;
            is($errors, '', "session $session scans undisturbed ($round)");
        }
        is($library->sql('SELECT count(*) FROM t.file WHERE missing'), $round eq 'lost' ? $flags : 0,
            "all is found ($round)");
        is($library->sql('SELECT t.wrong_counts()'), '', "counts agree ($round)");
        $library->give_back(@lost) if $round eq 'lost';
    }
    is($library->changes('start'), '', 'every row is as at the start');
    $_->close for values %sessions;
}

# NULL (where it may be) and an empty path: missing, and not to be found anywhere.
sub without_path
{
    my ($library) = @_;
    my %target = (librephotos => [ 'api_file', 'path', 'hash' ], standalone => [ 'files', 'path', 'hash' ],
        immich => [ 'asset', '"originalPath"', 'id' ]);
    my ($table, $path, $key) = @{ $target{ $library->{preset} } };
    my $null = $library->{no_null_path} ? 0 : 1;
    $library->sql("UPDATE $table SET $path = '' WHERE $key\::text IN (
        SELECT file FROM t.map WHERE owner = 21 AND n = 1)");
    $library->sql("UPDATE $table SET $path = NULL WHERE $key\::text IN (
        SELECT file FROM t.map WHERE owner = 21 AND n = 2)") if $null;
    $library->keep('no path');
    my $flags = 1 + $null;
    is($library->scan(21), "$flags|0|0|0", 'files without a path are missing');
    is($library->changes('no path'), $library->expected_changes($flags, $flags, 0),
        'only their flags and links are written');
    is($library->sql('SELECT t.wrong_counts()'), '', 'counts agree');
    is($library->sql("SELECT count(*) FROM missing_photos.findings WHERE reason = 'no path'"), $flags,
        'the reason is told');
    is($library->scan(21), '0|0|0|0', 'another scan finds nothing new');
}
