"""What heeds each capability and parameter of the schema: none is without effect, unless it says here why.

Physics is only a part of the model: what a setting does to the steps that a VM takes is in the specification's rows and
contracts, and is not repeated. A test compares this table with the schema's enumerations, and plays for each setting
two migrations that differ in nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from migspec.spec.vocabulary import MigrationCapability as C
from migspec.spec.vocabulary import MigrationParameter as P


class Part(StrEnum):
    """The parts of physics that heed settings."""

    OUTGOING = "outgoing"
    """The source's work: its times and numbers."""
    INCOMING = "incoming"
    """The destination's work: page faults, blocktimes, decompression."""
    ANNOUNCEMENTS = "announcements"
    """The announcements of the guest that has arrived."""
    NONE = "none"
    """Nothing: no number or time of physics can depend on it."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What heeds a setting, and what it does there; for `Part.NONE`, why it can do nothing."""

    part: Part
    sentence: str


def _outgoing(sentence: str) -> Effect:
    return Effect(Part.OUTGOING, sentence)


def _none(sentence: str) -> Effect:
    return Effect(Part.NONE, sentence)


_ANNOUNCED = Effect(Part.ANNOUNCEMENTS, "It shapes the schedule of the announcements.")

EFFECTS: Mapping[C | P, Effect] = {
    C.XBZRLE: _outgoing("Pages that were sent before go as differences, if the cache still has their old contents."),
    C.RDMA_PIN_ALL: _none("No modelled link is RDMA, so there is no memory to pin."),
    C.AUTO_CONVERGE: _outgoing("A guest that dirties too much is slowed down, step by step."),
    C.ZERO_BLOCKS: _outgoing("The zero blocks of disks are named and take nothing of the link."),
    C.COMPRESS: _outgoing("Pages are compressed by threads; with xbzrle only in the first pass."),
    C.EVENTS: _none("Announcing a change takes no time of the link."),
    C.POSTCOPY_RAM: _outgoing("Pages that the destination asks for are counted, and sent first."),
    C.X_COLO: _none("Its checkpoints are stages like others: what they do follows from the stage."),
    C.RELEASE_RAM: _outgoing("Pages sent in postcopy are given back: a later attempt finds zeroes there."),
    C.BLOCK: _outgoing("The disks are sent before the memory, and counted."),
    C.RETURN_PATH: _outgoing("The source waits for the destination's answer before it has completed."),
    C.PAUSE_BEFORE_SWITCHOVER: _none("The wait is a stage in which nothing flows, and ends by command."),
    C.MULTIFD: _outgoing("Full pages go over channels in batches, and are counted there too."),
    C.DIRTY_BITMAPS: _none("Bitmaps are not memory, and too small to be seen on the link."),
    C.POSTCOPY_BLOCKTIME: Effect(Part.INCOMING, "The time that vCPUs wait for pages is measured."),
    C.LATE_BLOCK_ACTIVATE: _none("It decides when disks are locked, which takes no time."),
    C.X_IGNORE_SHARED: _outgoing("Shared memory is neither counted nor sent."),
    C.VALIDATE_UUID: _none("Sixteen bytes more are not to be seen on the link."),
    P.ANNOUNCE_INITIAL: _ANNOUNCED,
    P.ANNOUNCE_MAX: _ANNOUNCED,
    P.ANNOUNCE_ROUNDS: _ANNOUNCED,
    P.ANNOUNCE_STEP: _ANNOUNCED,
    P.COMPRESS_LEVEL: _outgoing("A higher level makes pages smaller, and threads slower."),
    P.COMPRESS_THREADS: _outgoing("So many pages are compressed at once."),
    P.DECOMPRESS_THREADS: Effect(Part.INCOMING, "The destination takes in no more than its threads decompress."),
    P.COMPRESS_WAIT_THREAD: _outgoing("Without waiting, pages that find no thread go as they are, and are counted."),
    P.THROTTLE_TRIGGER_THRESHOLD: _outgoing("What is dirtied, in percent of what is sent, before a step is taken."),
    P.CPU_THROTTLE_INITIAL: _outgoing("The first step of the throttle."),
    P.CPU_THROTTLE_INCREMENT: _outgoing("Each further step."),
    P.CPU_THROTTLE_TAILSLOW: _outgoing("Steps become smaller the nearer the guest comes to the rate that fits."),
    P.TLS_CREDS: _outgoing("A handshake on each connection prolongs the set-up."),
    P.TLS_HOSTNAME: _none("Which name is expected takes no time."),
    P.TLS_AUTHZ: _none("Who is let in takes no time."),
    P.MAX_BANDWIDTH: _outgoing("Precopy takes no more of the link."),
    P.DOWNTIME_LIMIT: _outgoing("With the bandwidth it is how much may be left at the switch-over."),
    P.X_CHECKPOINT_DELAY: _outgoing("The next checkpoint of COLO is due so long after the one before."),
    P.BLOCK_INCREMENTAL: _none("No modelled disk has a backing file, so the top image is all there is."),
    P.MULTIFD_CHANNELS: _outgoing("The channels share the work, and each sends a packet at every pass."),
    P.XBZRLE_CACHE_SIZE: _outgoing("The old contents of so many pages are kept."),
    P.MAX_POSTCOPY_BANDWIDTH: _outgoing("Pages that postcopy sends unasked take no more of the link."),
    P.MAX_CPU_THROTTLE: _outgoing("The throttle goes no further."),
    P.MULTIFD_COMPRESSION: _outgoing("Channels send less, as fast as they compress; bytes are counted as before."),
    P.MULTIFD_ZLIB_LEVEL: _outgoing("As compress-level, for channels with zlib; it cannot be set by a command."),
    P.MULTIFD_ZSTD_LEVEL: _outgoing("As compress-level, for channels with zstd; it cannot be set by a command."),
    P.BLOCK_BITMAP_MAPPING: _none("It decides which bitmaps travel, and under which names."),
}
"""Every capability and every parameter of the schema."""
