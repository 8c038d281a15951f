"""The ways in which pages travel: what each costs the link and the CPU, and how it is counted.

A page of zeroes is nine bytes. Any other goes as it is, as the difference to its old contents (XBZRLE), compressed
(compress), or over a multifd channel. A *blend* says for the pages of one pass how many go which way; from it follow
the time that a page takes on average and the numbers to count.

The order of preference is QEMU's: compression first (with XBZRLE on, only in the first pass), then multifd, but not in
postcopy, then XBZRLE, but neither in the first pass nor in postcopy, then the plain page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf

from migspec.reference_impl.physics.settings import Settings, flag, number, word
from migspec.spec.parameters import PAGE_SIZE
from migspec.spec.vocabulary import MigrationCapability as C
from migspec.spec.vocabulary import MigrationParameter as P
from migspec.spec.vocabulary import MultiFDCompression

HEADER = 8
"""Bytes before each page in the stream."""
ZERO = HEADER + 1
"""Bytes of a page of zeroes in the stream."""
DIFFERENCE = 380
"""Bytes of a page as XBZRLE encodes it; guests differ, this one writes a few words to each page."""
DIFFERENCE_HEADER = HEADER + 3
"""Bytes before a difference."""
OVERFLOWING = 0.01
"""Share of differences that would be larger than the page."""
BATCH = 128
"""Pages in a packet of multifd."""
PACKET = 64 + 8 * BATCH
"""Bytes of the head of such a packet."""
SCAN = 0.5e-6
"""Seconds to find out whether a page holds nothing but zeroes."""
COPY = 1.0e-6
"""Seconds to hand a full page to a connection; multifd channels share this work."""
PIPE = 2 << 30
"""Bytes a second through a command or a descriptor instead of the network."""


@dataclass(frozen=True, slots=True)
class Effort:
    """A level of zlib: the bytes that a page becomes, and the bytes a second that one thread takes in."""

    size: int
    speed: float


EFFORTS: tuple[Effort, ...] = tuple(
    Effort(size, speed * (1 << 20))
    for size, speed in (
        (PAGE_SIZE + 11, 900.0),
        (1720, 110.0),
        (1690, 100.0),
        (1660, 85.0),
        (1620, 70.0),
        (1590, 52.0),
        (1565, 38.0),
        (1555, 32.0),
        (1548, 22.0),
        (1545, 18.0),
    )
)
"""By level, 0 to 9: the first stores only, the last is the smallest and slowest. Usual for memory of a Linux guest."""


def _zlib(settings: Settings) -> Effort:
    return EFFORTS[min(9, number(settings, P.MULTIFD_ZLIB_LEVEL))]


def _zstd(settings: Settings) -> Effort:
    level = min(20, number(settings, P.MULTIFD_ZSTD_LEVEL))
    return Effort(1640 - 10 * level, (450 << 20) / (1 + 0.6 * level))


_CHANNEL_EFFORTS: Mapping[str, Callable[[Settings], Effort | None]] = {
    MultiFDCompression.NONE: lambda _settings: None,
    MultiFDCompression.ZLIB: _zlib,
    MultiFDCompression.ZSTD: _zstd,
}
"""How the channels of multifd compress."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What an attempt is made with, as it was when the attempt began: QEMU does not change it later."""

    xbzrle: bool
    compress: bool
    multifd: bool
    cache_pages: int
    threads: int
    effort: Effort
    channels: int
    channel_effort: Effort | None

    @classmethod
    def of(cls, settings: Settings) -> "Ways":
        """Those that the settings in force ask for."""
        return cls(
            settings.capability(C.XBZRLE),
            settings.capability(C.COMPRESS),
            settings.capability(C.MULTIFD),
            number(settings, P.XBZRLE_CACHE_SIZE) // PAGE_SIZE,
            max(1, number(settings, P.COMPRESS_THREADS)),
            EFFORTS[min(9, number(settings, P.COMPRESS_LEVEL))],
            max(1, number(settings, P.MULTIFD_CHANNELS)),
            _CHANNEL_EFFORTS[word(settings, P.MULTIFD_COMPRESSION)](settings),
        )

    def setup(self, settings: Settings, latency: float) -> float:
        """Seconds that the set-up takes: threads, channels, and the handshake of TLS on each connection."""
        connections = 1 + (self.channels if self.multifd else 0)
        threads = self.threads if self.compress else 0
        handshake = 2e-3 + 2 * latency if word(settings, P.TLS_CREDS) else 0.0
        return 1e-3 + 5e-5 * threads + connections * (1e-4 + handshake) + (latency if self.multifd else 0.0)

    def greeting(self) -> int:
        """Bytes that the channels of multifd exchange at each pass so that none gets ahead."""
        return self.channels * PACKET if self.multifd else 0


@dataclass(frozen=True, slots=True)
class Blend:
    """How many of a pass's `pages` go which way; what is in none of the others goes as it is.

    `differences` are sent by XBZRLE, `overflows` are counted there and sent as they are. Of what XBZRLE could have
    sent, `misses` were not in its cache. `compressible` pages go to the compressing threads.
    """

    pages: int
    zeroes: int = 0
    differences: int = 0
    overflows: int = 0
    misses: int = 0
    compressible: int = 0
    multifd: bool = False

    def pace(self, ways: Ways, settings: Settings, bandwidth: float, accepted: float) -> "Pace":
        """The pace at which it goes over a link of that many bytes a second.

        The other end decompresses `accepted` pages a second at most.
        """
        if not self.pages:
            return Pace(0.0, 0.0, 0.0)
        per = 1 / self.pages
        zeroes, differences, compressible = self.zeroes * per, self.differences * per, self.compressible * per
        full = max(0.0, 1 - zeroes - differences - compressible)
        bytes_full = PAGE_SIZE + HEADER
        channels = ways.channels if self.multifd else 1
        limit = inf
        if self.multifd and ways.channel_effort is not None:
            bytes_full = ways.channel_effort.size + HEADER
            limit = ways.channel_effort.speed * ways.channels / PAGE_SIZE
        wire = zeroes * ZERO + differences * (DIFFERENCE + DIFFERENCE_HEADER) + full * bytes_full
        busy = SCAN + (full / channels + differences) * COPY
        seconds = wire / bandwidth + busy
        if full and limit < inf:
            seconds = max(seconds, full / limit)
        if not compressible:
            return Pace(seconds, wire, 0.0)
        pace = _compressing(ways, settings, bandwidth, Pace(seconds, wire, 0.0), compressible)
        return replace(pace, seconds=max(pace.seconds, compressible * (1 - pace.refused) / accepted))


@dataclass(frozen=True, slots=True)
class Pace:
    """What one page of a blend takes on average: seconds, and bytes of the link.

    `refused` is the share of the compressible pages that find no free thread.
    """

    seconds: float
    wire: float
    refused: float


def _compressing(ways: Ways, settings: Settings, bandwidth: float, rest: Pace, share: float) -> Pace:
    """The pace with the compressing threads, which the other pages, at `rest`, go beside.

    Either the sender waits for a thread, or it sends what no thread takes as it is.
    """
    packed, plain = ways.effort.size + HEADER, PAGE_SIZE + HEADER
    least = rest.seconds + share * packed / bandwidth
    needed = share * PAGE_SIZE / (ways.effort.speed * ways.threads)
    if needed <= least:
        return Pace(least, rest.wire + share * packed, 0.0)
    if flag(settings, P.COMPRESS_WAIT_THREAD):
        return Pace(needed, rest.wire + share * packed, 0.0)
    # the threads take what they can in the time that all of it takes
    most = rest.seconds + share * (plain / bandwidth + COPY)
    saved = share * ((plain - packed) / bandwidth + COPY)
    taken = min(1.0, most / (needed + saved))
    return Pace(most - taken * saved, rest.wire + share * (plain - taken * (plain - packed)), 1 - taken)
