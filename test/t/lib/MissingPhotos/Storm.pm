# Storm.pm: a process that does to files at random what people and programs do, fast.
package MissingPhotos::Storm;
use strict;
use warnings;
use File::Basename;
use File::Find;
use File::Path qw(make_path);
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep);

use constant { ALBUMS => 12, KEPT => 120, LOOSE => 60, PAUSE => 0.001 };

# Files that are only ever renamed, with their folders too.
sub kept { return map { sprintf 'album%d/kept%d.jpg', $_ % ALBUMS, $_ } 1 .. KEPT; }
# Files that anything may happen to.
sub loose { return map { sprintf 'album%d/loose%d.jpg', $_ % ALBUMS, $_ } 1 .. LOOSE; }
sub files { return (kept(), loose()); }

# The library's fixture takes a path's digest for the content's: so the content is the first path.
sub write_file
{
    my ($root, $app, $file, $place) = @_;
    my $path = "$root/" . ($place // $file);
    make_path(dirname($path));
    open(my $out, '>', $path) or return;
    print $out "$app/$file";
    close($out);
}

sub start
{
    my ($class, $root, $outside, $app, $steps) = @_;
    my $self = bless { root => $root, outside => $outside, app => $app }, $class;
    $self->{pid} = fork // die $!;
    return $self if $self->{pid};
    srand(5);
    $self->{place} = { map { $_ => $_ } files() };
    for (1 .. $steps)
    {
        sleep PAUSE;
        $self->step;
    }
    POSIX::_exit(0);
}

sub is_over { my ($self) = @_; return waitpid($self->{pid}, WNOHANG) == $self->{pid}; }

# The files that are there.
sub there
{
    my ($self) = @_;
    my @there;
    find(sub { push @there, $File::Find::name if -f }, $self->{root});
    return @there;
}

sub some { return $_[rand @_]; }

sub some_album { return 'album' . int rand ALBUMS + 4; }

sub step
{
    my ($self) = @_;
    my $what = rand;
    return $self->move(some(kept())) if $what < 0.6;
    return $self->move_album if $what < 0.63;
    return $self->move_out_or_in(some(loose())) if $what < 0.7;
    return $self->delete_or_make(some(loose())) if $what < 0.8;
    return $self->save(some(loose())) if $what < 0.9;
    return $self->move(some(loose()));
}

sub full { my ($self, $place) = @_; return "$self->{root}/$place"; }

sub move
{
    my ($self, $file) = @_;
    my $from = $self->{place}{$file} // return;
    my $to = some_album() . '/s' . int(rand 1e9) . '.jpg';
    make_path(dirname($self->full($to)));
    rename($self->full($from), $self->full($to)) and $self->{place}{$file} = $to;
}

sub move_album
{
    my ($self) = @_;
    my ($from, $to) = (some_album(), some_album());
    return if -e $self->full($to) || !rename($self->full($from), $self->full($to));
    s{^\Q$from\E/}{$to/} for grep { defined } values %{ $self->{place} };
}

sub move_out_or_in
{
    my ($self, $file) = @_;
    my $aside = "$self->{outside}/" . basename($file);
    if (defined(my $place = $self->{place}{$file}))
    {
        rename($self->full($place), $aside) and $self->{place}{$file} = undef;
    }
    elsif (-e $aside)
    {
        make_path($self->full(dirname($file)));
        rename($aside, $self->full($file)) and $self->{place}{$file} = $file;
    }
}

sub delete_or_make
{
    my ($self, $file) = @_;
    my $place = $self->{place}{$file};
    if (defined $place)
    {
        unlink $self->full($place) and $self->{place}{$file} = undef;
    }
    elsif (!-e "$self->{outside}/" . basename($file))
    {
        my $to = some_album() . '/' . basename($file);
        write_file($self->{root}, $self->{app}, $file, $to);
        $self->{place}{$file} = $to;
    }
}

# Replaced by a rename, or as editors do: the old file set aside, a new one written.
sub save
{
    my ($self, $file) = @_;
    my $place = $self->{place}{$file} // return;
    if (rand() < 0.5)
    {
        write_file($self->{root}, $self->{app}, $file, "$place.part");
        rename($self->full("$place.part"), $self->full($place));
    }
    else
    {
        rename($self->full($place), $self->full("$place~"));
        write_file($self->{root}, $self->{app}, $file, $place);
        unlink $self->full("$place~");
    }
}

1;
