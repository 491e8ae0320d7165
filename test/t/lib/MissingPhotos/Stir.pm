# Stir.pm: the files of a library moved, copied, swapped and lost at random.
#
# A file's content stays with it, so a test can tell from the disk alone which file lies where.
package MissingPhotos::Stir;
use strict;
use warnings;
use File::Basename;
use File::Copy qw(copy);
use File::Path qw(make_path);
use List::Util qw(min);
use Exporter 'import';

our @EXPORT = qw(stir new_name);

my $serial = 0;

sub folders { return grep { -d } glob("$_[0]/*"); }
sub files { return grep { -f } glob("$_[0]/*/*"); }
sub some { my ($n, @of) = @_; return map { splice(@of, rand @of, 1) } 1 .. min($n, scalar @of); }
sub new_name { return 'made' . ++$serial; }
sub new_folder { my $folder = "$_[0]/" . new_name(); make_path($folder); return $folder; }
sub move { my ($from, $to) = @_; rename($from, $to) or die "$from to $to: $!"; }
sub copy_to { my ($from, $to) = @_; copy($from, $to) or die "$from to $to: $!"; }

sub swap
{
    my ($one, $other) = @_;
    move($one, "$one.aside");
    move($other, $one);
    move("$one.aside", $other);
}

# Up to 120 files below a folder, in its folders.  Folders first, so that the files of a renamed one meet
# those of others.
sub stir
{
    my ($disk) = @_;
    my $elsewhere = new_folder($disk);
    move($_, "$disk/" . new_name()) for some(2, grep { $_ ne $elsewhere } folders($disk));
    my @files = some(120, files($disk));
    swap(splice(@files, 0, 2)) for 1 .. 20;
    move($_, dirname($_) . '/' . new_name() . '.jpg') for splice(@files, 0, 20);
    # A chain: the last one moves on, and each takes the place of the next.
    my @chain = splice(@files, 0, 10);
    move($chain[-1], "$chain[-1].on");
    move($chain[$_], $chain[$_ + 1]) for reverse 0 .. $#chain - 1;
    move($_, "$elsewhere/" . new_name() . '.jpg') for splice(@files, 0, 15);
    copy_to($_, "$elsewhere/" . new_name() . '.jpg') for splice(@files, 0, 10);
    for my $file (splice(@files, 0, 10))
    {
        copy_to($file, "$elsewhere/" . new_name() . '.jpg');
        unlink($file) or die "$file: $!";
    }
    for my $file (splice(@files, 0, 10)) { unlink($file) or die "$file: $!"; }
    for my $file (splice(@files, 0, 5)) { link($file, "$elsewhere/" . new_name() . '.jpg') or die $!; }
}

1;
