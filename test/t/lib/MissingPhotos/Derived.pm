# Derived.pm: the files an application made of a library's photos, on disk.
package MissingPhotos::Derived;
use strict;
use warnings;
use File::Basename;
use File::Path qw(make_path);
use Exporter 'import';

our @EXPORT = qw(make_derived derived_on_disk derived_missing drain_for_good);

# A derived root with every file that rows or patterns name, for all photos. Returns where it lies.
sub make_derived
{
    my ($library) = @_;
    my $base = $library->{preset} eq 'standalone' ? '/derived' : '/protected_media';
    my $disk = "$library->{disk}$base";
    make_path($disk);
    touch("$disk/.derived");
    $library->sql("SELECT missing_photos.add_derived_root('$base', '$disk', '.derived')");
    touch("$library->{disk}$_") for $library->column(
        'SELECT DISTINCT d.path FROM t.photo AS p
          CROSS JOIN LATERAL missing_photos.library_derived(ARRAY[p.photo]) AS d');
    return $disk;
}

sub touch
{
    my ($file) = @_;
    make_path(dirname($file));
    open(my $handle, '>', $file) or die "$file: $!";
    print $handle $file;
    close $handle;
}

# All files below a derived root, sorted.
sub derived_on_disk
{
    my ($disk) = @_;
    my @files = split /\0/, `cd $disk && find . -type f -print0 | sort -z`;
    return @files;
}

# Derived files that a live photo needs and that aren't there.
sub derived_missing
{
    my ($library) = @_;
    return grep { !-e "$library->{disk}$_" } $library->column(
        'SELECT DISTINCT d.path FROM t.photo AS p
          CROSS JOIN LATERAL missing_photos.library_derived(ARRAY[p.photo]) AS d');
}

# As if undo_retention were over: nothing can be undone any more.
sub drain_for_good
{
    my ($library) = @_;
    $library->sql('SET missing_photos.undo_retention = 0; CALL missing_photos.drain_deletions()');
}

1;
