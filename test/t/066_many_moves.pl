# Hundreds of moves, copies, swaps and losses at once, drawn at random, in a library of some thousand
# files: afterwards each row names the file that has its content, wherever that went, and nothing else
# of the library has changed.
#
# A file's content names the row it belongs to, so what is right can be told from the disk alone.
use strict;
use warnings;
use MissingPhotos::Privileged;
use File::Find;
use List::Util qw(first min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use MissingPhotos::EveryLibrary;
use MissingPhotos::Sample;
use MissingPhotos::Stir;

my $long = $ENV{MISSING_PHOTOS_LONG};
my $seed = $ENV{MISSING_PHOTOS_SEED} // ($long ? time : 4711);
my $rounds = $long ? 20 : 2;
my ($library, $disk, %belongs);

srand($seed);
diag("seed $seed") if $long;
my $node = start_server('moves');
for my $name (qw(librephotos_2026 standalone))
{
    $library = MissingPhotos::EveryLibrary->new($node, $name, undef, [ 2, 12 ], 1200);
    $disk = "$library->{disk}/data/2";
    # The row that a content belongs to.
    %belongs = map { split /\|/ } $library->column(
        "SELECT path, f.file FROM t.map JOIN t.file AS f USING (path) WHERE owner = 2");
    $library->scan($_) for 2, 12;
    $library->keep('start');
    for my $round (1 .. $rounds)
    {
        stir($disk);
        if ($round % 2)
        {
            $library->sql('SELECT scan_missing(t.owner(2), force => true, relink => true)');
            holds("$name, round $round, scan", flags => 1);
        }
        else
        {
            $library->sql('SELECT relink_missing(t.owner(2))');
            holds("$name, round $round, relink");
        }
    }
    put_in_order();
    # The second finds the places free that the first made free.
    $library->sql('SELECT relink_missing(t.owner(2)), relink_missing(t.owner(2))');
    is(unlike_start(), '', "$name: put in order again, all is as it was but for the paths");
}
$node->stop;
done_testing();

# Where each content lies: content => [paths as the library has them].
sub contents
{
    my %at;
    find({ no_chdir => 1, wanted => sub {
        return unless -f;
        (my $path = $_) =~ s/^\Q$library->{disk}\E//;
        push @{ $at{ slurp_file($_) } }, $path;
    } }, $disk);
    return \%at;
}

# file => [path, missing] of each of the owner's rows.
sub rows
{
    return { map { my ($file, $path, $missing) = split /\|/; ($file => [ $path, $missing eq 't' ]) }
        $library->column("SELECT file, path, missing FROM t.file WHERE path LIKE '/data/2/%'") };
}

# A content that lies at several places, or at the place of such a one's row, may be left to a person.
sub holds
{
    my ($name, %verb) = @_;
    my $at = contents();
    my $rows = rows();
    my %taken = map { my $content = $_; map { ($_ => $content) } @{ $at->{$content} } } keys %$at;
    my %held = map { $_->[0] => 1 } grep { !$_->[1] } values %$rows;
    my %asked = map { $_ => 1 } $library->column('SELECT file FROM missing_photos.candidates');
    my (@wrong, @lost, @needless);
    for my $content (sort keys %belongs)
    {
        my $file = $belongs{$content};
        my ($path, $missing) = @{ $rows->{$file} // [ 'no row', 1 ] };
        my @places = @{ $at->{$content} // [] };
        my $found = !$missing && grep { $_ eq $path } @places;
        my $story = "$content at @places: row $path, there is " . ($taken{$path} // 'nothing');
        if ($asked{$file})
        {
            push @needless, $story if @places < 2 && !grep { $held{$_} && $_ ne $path } @places;
            next;
        }
        # What lies at its path waits for a person itself.
        next if $taken{$path} && $asked{ $belongs{ $taken{$path} } };
        # Relinking alone flags no file that is gone.
        push @wrong, $story if !$missing && !$found && ($verb{flags} || $taken{$path});
        push @lost, $story if @places == 1 && !$found;
    }
    is(shown(@wrong), '', "$name: no row names another file's content");
    is(shown(@lost), '', "$name: every content that lies at one place is found");
    is(shown(@needless), '', "$name: nobody is asked without need");
    is(scalar(keys %$rows), scalar(keys %belongs), "$name: no row more or less");
    is($library->sql('SELECT count(*) - count(DISTINCT path) FROM t.file'), 0,
        "$name: no two rows name one file");
}

sub shown { return join "\n", @_[0 .. min(4, $#_)], @_ > 5 ? scalar(@_) . ' in all' : (); }

# Every content at exactly one place; of several the one that its row names stays.
sub put_in_order
{
    my $at = contents();
    my $rows = rows();
    for my $content (sort keys %belongs)
    {
        my @places = @{ $at->{$content} // [] };
        my $kept = first { $_ eq $rows->{ $belongs{$content} }[0] } @places;
        $kept //= $places[0] // '';
        for my $place (grep { $_ ne $kept } @places)
        {
            unlink("$library->{disk}$place") or die "$place: $!";
        }
        $library->make_content('/data/2/again/' . new_name(), $content) if !@places;
    }
}

# What differs from the start in the library, file paths aside.
sub unlike_start
{
    return join '; ', grep { !/\.path \d+$/ } split /; /, $library->changes('start');
}
