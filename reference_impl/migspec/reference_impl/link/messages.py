"""The messages of the link, named after what QEMU's own stream says at the same point.

The memory itself is not sent, only how much of it there is; what decides whether the destination can load it is in
the `Header`.  Every message belongs to one connection; after a lost connection a recovery begins with `Resume` on a
new one.
"""

from typing import Final

import msgspec

from migspec.spec.vocabulary import COLOMessage, RunState

VERSION: Final = 1
"""The version of the protocol; a destination refuses any other."""


class Header(msgspec.Struct, frozen=True, tag="header"):
    """From the source, first: what is going to be migrated.

    `memory` and `shared` are bytes of RAM, all of it and what lies in shared files.  `capabilities` are those of the
    source that are on.  `uuid` is the machine's.  `bitmaps` are the dirty bitmaps, each by the aliases of its node and
    of its own, `disks` those that are migrated, by node and size in bytes.
    """

    memory: int
    shared: int
    vcpus: int
    capabilities: tuple[str, ...]
    uuid: str
    bitmaps: tuple[tuple[str, str], ...] = ()
    disks: tuple[tuple[str, int], ...] = ()
    version: int = VERSION


class Accepts(msgspec.Struct, frozen=True, tag="accepts"):
    """From the destination, once it has the header: how many compressed pages it can take in a second."""

    pages: float


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """From the source: how many bytes it has sent so far, and how many pages are still to come."""

    sent: int
    pages: int


class Listen(msgspec.Struct, frozen=True, tag="listen"):
    """From the source: what follows is postcopy, of memory or of dirty bitmaps alone."""


class Run(msgspec.Struct, frozen=True, tag="run"):
    """From the source, in postcopy: the devices are loaded, the guest may start."""


class Complete(msgspec.Struct, frozen=True, tag="complete"):
    """From the source: the end of a precopy, with the run state that the guest had before it was stopped for it."""

    run: RunState


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """From the source, in postcopy: all pages are sent."""


class Requested(msgspec.Struct, frozen=True, tag="requested"):
    """From the destination, in postcopy: the guest has touched so many pages that are not there."""

    pages: int


class Shut(msgspec.Struct, frozen=True, tag="shut"):
    """From the destination: the end of the return path, with an error if the stream could not be loaded."""

    failed: bool = False


class Resume(msgspec.Struct, frozen=True, tag="resume"):
    """From the source, first on the connection of a recovery: the paused postcopy is to go on."""


class Resumed(msgspec.Struct, frozen=True, tag="resumed"):
    """From the destination: it has told what it has, and goes on."""


class Checkpoint(msgspec.Struct, frozen=True, tag="colo"):
    """From either side in COLO: one message of its conversation; `value` is the size that ``vmstate-size`` tells."""

    message: COLOMessage
    value: int = 0


class Kill(msgspec.Struct, frozen=True, tag="kill"):
    """From either side, by order of a fault script: the process that receives it is to die at once."""


LinkMessage = (
    Header
    | Accepts
    | Progress
    | Listen
    | Run
    | Complete
    | Sent
    | Requested
    | Shut
    | Resume
    | Resumed
    | Checkpoint
    | Kill
)
"""Everything that crosses the link."""
