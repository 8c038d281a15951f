#!/usr/bin/perl
# Reads every file of the vectors in DIR, counts what is in each as its writer has counted, and judges some samples.
#   perl count.pl DIR
use strict;
use warnings;
use JSON::PP;
use List::Util qw(sum0);

my ($dir) = @ARGV;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub text {
    open my $file, '<:raw', $_[0] or die "$_[0]: $!\n";
    local $/;
    return scalar <$file>;
}

# The data of the event MIGRATION, judged by hand: an object with a status that is one of these words.
my %status = map { $_ => 1 } qw(none setup cancelling cancelled active postcopy-active postcopy-paused postcopy-recover
    completed failed colo pre-switchover device wait-unplug);

sub is_migration {
    my ($data) = @_;
    return ref $data eq 'HASH' && keys %$data == 1 && $status{ $data->{status} // '' } ? 1 : 0;
}

my %count = (
    samples => sub {
        my @entities = @{ $_[0]{entities} };
        for my $sample (map { @{ $_->{samples} } } grep { "$_->{subject} $_->{name}" eq 'event MIGRATION' } @entities) {
            is_migration($sample->{value}) == $sample->{valid} or die 'misjudged: ', $json->encode($sample), "\n";
        }
        my @valid = map { $_->{valid} ? 1 : 0 } map { @{ $_->{samples} } } @entities;
        return { entities => 0 + @entities, valid => sum0(@valid), invalid => @valid - sum0(@valid) };
    },
    sequences => sub {
        my @sequences = @{ $_[0]{sequences} };
        my @places = map { @{ $_->{places} } } @sequences;
        my $moves = sum0 map { 0 + @{ $_->{moves} // [] } } @places;
        return { sequences => 0 + @sequences, places => 0 + @places, moves => $moves };
    },
    traces => sub {
        my @traces = @{ $_[0]{traces} };
        my %found = (traces => 0 + @traces, conforms => 0, inconclusive => 0, violates => 0, unreadable => 0);
        $found{ $_->{verdict} }++ for map { @{ $_->{verdicts} } } @traces;
        return \%found;
    },
);

my @files = @{ $json->decode(text("$dir/index.json"))->{files} };
for my $file (@files) {
    my $text = text("$dir/$file->{file}");
    my $found = $file->{kind} eq 'trace' ? { lines => $text =~ tr/\n// } : $count{ $file->{kind} }->($json->decode($text));
    $json->encode($found) eq $json->encode($file->{counts}) or die "$file->{file}: ", $json->encode($found), "\n";
}
print 'files: ', scalar @files, "\n";
