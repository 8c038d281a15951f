#!/usr/bin/perl
# Drives a VM through the command sequences of the vectors in DIR whose names match, and dies of what is not allowed.
#   perl drive.pl DIR 'fresh/' migspec serve
use strict; use warnings;
use JSON::PP;
use IO::Socket::UNIX;
use File::Temp 'tempdir'; use List::Util qw(all any);

my ($dir, $names, @command) = @ARGV;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my @vms; END { kill KILL => @vms }
sub same { return $json->encode($_[0]) eq $json->encode($_[1]) }
sub has { my ($every, $some) = @_; return all { exists $every->{$_} && same($every->{$_}, $some->{$_}) } keys %$some }

sub event { my ($move, $name, $message) = @_;
    my $data = $message->{data} // {};
    return $name eq $move->{event} && has($data, $move->{data} // {}) && !any { has($data, $_) } @{ $move->{unless} // [] } }
sub error { my ($move, $error) = @_;
    my ($want, $text) = ($move->{error}{desc} // {}, $error->{desc});
    return 0 if ($move->{error}{class} // $error->{class}) ne $error->{class} || any { $_ eq $text } @{ $want->{but} // [] };
    return any { $_ eq $text } @{ $want->{is} } if $want->{is};
    return index($text, $want->{begins} // '') == 0 && index($text, $want->{contains} // '') >= 0 }
sub returned { my ($move, $value) = @_;
    my $want = $move->{return};
    return same($want->{is}, $value) if exists $want->{is};
    return all { my $one = $_; !any { same($one, $_) } @{ $want->{lacks} } } @$value if $want->{lacks};
    my @with = @{ $want->{with} // [] };
    my %known = map { $_ => 1 } keys %{ $want->{members} // {} }, @with, @{ $want->{maybe} // [] };
    return !$want->{members} || has($value, $want->{members}) && (all { exists $value->{$_} } @with) && all { $known{$_} } keys %$value }
sub ended { my ($move, $code) = @_; return !$move->{exit}{is} || any { $_ == $code } @{ $move->{exit}{is} } }
my %fits = (event => \&event, error => \&error, return => \&returned, exit => \&ended);

sub start { my ($qmp, $start) = @_;
    my @options = ($start->{incoming} ne '' ? ('-incoming', $start->{incoming}) : (), $start->{stopped} ? '-S' : ());
    push @vms, my $pid = fork // die "fork: $!\n";
    if (!$pid) { exec @command, '-qmp', "unix:$qmp,server,nowait", @options or die "$command[0]: $!\n" }
    my $client; select undef, undef, undef, 0.02 until $client = IO::Socket::UNIX->new($qmp);
    my $greeting = <$client>; return ($pid, $client) }
sub act { my ($client, $step) = @_;
    $step->{send} ? print $client $json->encode($step->{send}), "\n" : select undef, undef, undef, $step->{rest} }

open my $file, '<:raw', "$dir/sequences/qemu-5.2.0.json" or die "$dir: $!\n";
my $vectors = $json->decode(do { local $/; <$file> });
for my $whole (grep { $_->{name} =~ /$names/ } @{ $vectors->{sequences} }) {
    my $folder = tempdir(CLEANUP => 1);
    my $vector = $json->decode($json->encode($whole) =~ s/\{folder\}/$folder/gr);
    my (undef, $peer) = $vector->{peer} ? start("$folder/other", { incoming => 'defer' }) : ();
    for (@{ $vector->{peer} // [] }) { print $peer $json->encode($_), "\n"; 1 while <$peer> !~ /^\{"(?:return|error)"/ }
    my ($pid, $client) = start("$folder/qmp", $vector->{start});
    my ($here, $place) = (0, $vector->{places}[0]);
    local $SIG{ALRM} = sub { die "$vector->{name}: nothing more comes at place $here\n" }; alarm 60;
    for (; !$place->{end}; $place = $vector->{places}[$here]) {
        if (defined $place->{do}) { act($client, $vector->{steps}[ $place->{do} ]); $here = $place->{to}; next }
        my $line = <$client>;
        my $read = defined $line ? $json->decode($line) : do { waitpid $pid, 0; { exit => $? & 127 ? -($? & 127) : $? >> 8 } };
        my ($kind) = grep { exists $read->{$_} } keys %fits;
        next if $kind eq 'event' && !any { $_ eq $read->{event} } @{ $vectors->{events} };
        my ($move) = grep { exists $_->{$kind} && $fits{$kind}->($_, $read->{$kind}, $read) } @{ $place->{moves} };
        $here = $move ? $move->{to} : die "$vector->{name}: not allowed at place $here: ", $json->encode($read), "\n" }
    alarm 0; kill KILL => splice @vms; print "$place->{end}: $vector->{name}\n" }
