"""The source's work in one attempt: when each stage is done, and the numbers that query-migrate shows meanwhile.

Time is advanced from event to event. Between two of them everything flows evenly, so that what was sent is a matter of
one multiplication, whatever the size of the guest. Nothing here relies on the stages being taken in their usual order
or at the times that were announced: what a stage lets flow, flows as long as it lasts, and no longer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import floor, inf
from random import Random

from migspec.reference_impl.options import Options
from migspec.reference_impl.physics import statistics
from migspec.reference_impl.physics.disks import DiskWork, Turn
from migspec.reference_impl.physics.guest import Guest
from migspec.reference_impl.physics.memory import Memory
from migspec.reference_impl.physics.meter import ROUNDING, TICK, Flow, Meter, milliseconds
from migspec.reference_impl.physics.network import throughput
from migspec.reference_impl.physics.paths import PIPE, Pace, Ways
from migspec.reference_impl.physics.settings import Settings, number
from migspec.reference_impl.physics.throttle import PERIOD, Throttle
from migspec.spec.parameters import PAGE_SIZE
from migspec.spec.state import Stage
from migspec.spec.vocabulary import MigrationCapability as C
from migspec.spec.vocabulary import MigrationParameter as P
from migspec.spec.vocabulary import MigrationStatus

DEVICES = 120_000
"""Bytes of the devices' state."""
ITERATION = 0.05
"""Seconds for which pages are sent before it is looked whether what is left fits the downtime limit."""
COLLECTION = 1e-4
"""Seconds that a collection of dirty pages takes."""
LEAST_ESTIMATE = 10_000
"""Bytes that must be sent in a tick for an estimate of the downtime."""


class What(StrEnum):
    """What the physics brings about."""

    NEXT = "next"
    """The stage's work is done."""
    PASS = "pass"
    """The pass is as good as sent: dirty pages are to be collected."""
    CONVERGED = "converged"
    """What is left fits the downtime limit."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What comes next, and when, in seconds of the clock that `now` is read from."""

    at: float
    what: What


SENDING: frozenset[Stage] = frozenset({Stage.ITERATING, Stage.SAVED, Stage.COLO_SAVING})
"""The stages in which pages flow."""

_UNLIMITED: frozenset[Stage] = frozenset({Stage.SAVED, Stage.COLO_SAVING})
"""Those in which the guest stands still, so that max-bandwidth is not heeded."""

_IN_POSTCOPY: frozenset[Stage] = frozenset({Stage.POSTCOPY_SAVING})
"""The stage with which postcopy has begun."""

_STOPPING: frozenset[Stage] = frozenset({Stage.COMMITTED, Stage.STOPPED, Stage.POSTCOPY_STOPPING})
"""Those with which the downtime begins."""

_SET_UP: frozenset[Stage] = frozenset({Stage.UNPLUGGING, Stage.ITERATING})
"""Those with which the set-up is over."""

_METERED: frozenset[Stage] = frozenset({Stage.SET_UP, Stage.ITERATING})
"""Those from which the speed is metered on when pages flow; after any other the meter begins anew."""

_BRIEF: Mapping[Stage, float] = {
    Stage.SET_UP: 5e-5,
    Stage.LAST_TURN: 1e-4,
    Stage.COMMITTED: 4e-4,
    Stage.STOPPED: 3e-4,
    Stage.SAVING: 2e-4,
    Stage.SWITCHING: 1e-4,
    Stage.POSTCOPY_STOPPING: 4e-4,
    Stage.POSTCOPY_STOPPED: 3e-4,
    Stage.COLO_STOPPED: 3e-4,
    Stage.COLO_LEAVING: 1e-4,
    Stage.COLO_LEFT: 1e-4,
    Stage.ENDING: 2e-4,
}
"""Seconds of the stages that last the same each time."""

UNPLUG = 0.25
"""Seconds between two looks at whether the guest has given up a failover primary."""


class OutgoingWork:
    """One outgoing attempt, from the accepted `migrate` on.

    `piped` tells that the stream goes through a command or a descriptor instead of the network. Every method that takes
    the time advances to it first. What changes without one, a parameter or the guest's speed, is taken to have been so
    since the last call: whoever changes it calls `advance` before.
    """

    def __init__(self, guest: Guest, settings: Settings, options: Options, now: float, *, piped: bool) -> None:
        self.guest = guest
        self._settings = settings
        self._options = options
        self._random = Random(options.seed)
        self._link = float(PIPE) if piped else throughput(options)
        self._latency = 0.0 if piped else options.latency
        self._ways = Ways.of(settings)
        self._shared = min(options.shared, options.memory) // PAGE_SIZE
        self._memory = Memory(guest, self._ways, self._total_pages())
        disks = options.disks if settings.capability(C.BLOCK) else ()
        self._accepted = inf
        self._disks = DiskWork(disks, settings.capability(C.ZERO_BLOCKS))
        self._meter = Meter()
        self._throttle = Throttle()
        self._at = now
        self._stage = Stage.CONNECTING
        self._since = now
        self._credit = 0.0
        self._wire = 0.0
        self._urgent = 0
        self._in_flight = 0
        self._connected = True
        self._postcopy = False
        self._fits = False
        self._check = now
        self._threshold = 0.0
        self._remaining_at_pass = 0
        self._period = now
        self._period_dirty = 0
        self._period_sent = 0
        self._period_pages = 0
        self._rates = statistics.RatesBefore.of(guest.tallies)
        self.times = statistics.Times(began=now, expected_downtime=number(settings, P.DOWNTIME_LIMIT))
        self._dirty_pages_rate = 0
        self._forgotten = False
        self._mbps: float | None = None
        self._dry: float | None = None

    # ---- what happens ----

    def entered(self, stage: Stage, now: float) -> None:
        """The migration thread, or whoever acts for it, has come to a stage."""
        self.advance(now)
        if stage is Stage.SETTING_UP and self.times.thread_began is None:
            self.times.thread_began = now
            self.times.expected_downtime = number(self._settings, P.DOWNTIME_LIMIT)
            self._meter.start(now, 0.0, 0)
        if stage in _SET_UP and self.times.setup is None:
            self.times.setup = milliseconds(self.times.thread_began or now, now)
        if stage in _STOPPING and self.times.stopped is None:
            self.times.stopped = now
        if stage in _IN_POSTCOPY:
            self._postcopy = True
        if stage is Stage.ITERATING and (self._stage not in _METERED or self.times.thread_began is None):
            self._restart(now)
        if stage is Stage.CLEANING:
            self.times.settled = True
            self._let_go(now)
        self._stage = stage
        self._since = now

    def passed(self, now: float) -> int:
        """Dirty pages are collected and a pass begins; its number, the n of MIGRATION_PASS."""
        self.advance(now)
        first = not self._memory.passes
        new = self._memory.collect(now, postcopy=self._on_demand)
        self._credit = 0.0
        self._remaining_at_pass = self._memory.left * PAGE_SIZE
        if first:
            self._period = now
            self._period_sent = self._memory.counts.transferred
        self._period_dirty += new
        if now - self._period > PERIOD:
            self._end_period(now)
        pace = self._pace(self._bandwidth(), 1.0)
        self._fits = not first and self._memory.left * PAGE_SIZE < self._threshold and self._disks.read
        self._check = now + max(COLLECTION, min(ITERATION, self._memory.left * pace.seconds))
        return self._memory.passes

    def requested(self, pages: int, now: float) -> None:
        """The destination asked for pages that its guest waits for; no more count than are left to be sent."""
        self.advance(now)
        if self._on_demand and self.times.ended is None:
            asked = min(self._memory.left, pages)
            self._memory.counts.postcopy_requests += asked
            self._urgent = min(self._memory.left, self._urgent + asked)

    def accepts(self, pages: float, now: float) -> None:
        """The destination decompresses no more than so many pages a second; fewer than one count as one."""
        self.advance(now)
        self._accepted = max(1.0, pages)

    def cut(self, now: float) -> None:
        """The connection is lost, and what was on its way with it."""
        self.advance(now)
        if self._connected:
            flying = self._link * self._latency / (PAGE_SIZE + 8)
            self._in_flight = min(round(flying), self._memory.counts.normal)
        self._connected = False

    def reconnected(self, now: float) -> None:
        """A recovery has its connection: what was lost on its way is to be sent again."""
        self.advance(now)
        if not self._connected and self._on_demand:
            self._memory.resend(self._in_flight)
            self._urgent = 0
        self._connected = True
        self._in_flight = 0

    def resume_failed(self, now: float) -> None:
        """The connection of a resume could not be made: QEMU 5.2 shows nothing as remaining from then on."""
        self.advance(now)
        self._forgotten = True

    def ended(self, status: MigrationStatus, now: float) -> None:
        """The attempt has come to its end; what a completed one had left has been sent."""
        if self.times.ended is not None:
            return
        self.advance(now)
        if status is MigrationStatus.COMPLETED:
            self._wire += self._memory.left * self._pace(self._link, 1.0).wire
            self._memory.send(self._memory.left, 0.0)
            self._disks.finish()
            if self._stage not in COLO:
                # a COLO that is left keeps its times at 0 for good
                self.times.total = milliseconds(self.times.began, now)
                self.times.restarted(now)
                span = max(1, self.times.total - (self.times.setup or 0))
                self._mbps = round(self._stream(DEVICES) * 8 / span / 1000, 6)
        self.times.ended = now
        self._let_go(now)

    # ---- time ----

    def advance(self, now: float) -> None:
        """Let flow until now what the present stage lets flow."""
        began, self._at = self._at, max(self._at, now)
        if now <= began or self.times.ended is not None:
            return
        if self._stage not in SENDING or not self._memory.passes:
            return
        if not self._connected:
            self._note(Flow(began, began, now, self._stream(), self._stream(), self._pages(), self._pages()))
            return
        self._flow(began, now)

    def _flow(self, began: float, now: float) -> None:
        stream, pages = self._stream(), self._pages()
        bandwidth, speed = self._bandwidth(), self.guest.speed
        turn = self._disks.turn(bandwidth, speed)
        self._disks.advance(now - began, bandwidth, speed)
        start = min(now, began + turn.delay)
        done = self._send(start, now, bandwidth, turn)
        # disks go from the beginning on
        begin = began if self._disks.disks else start
        self._note(Flow(begin, max(begin, done), now, stream, self._stream(), pages, self._pages()))

    def _send(self, began: float, now: float, bandwidth: float, turn: Turn) -> float:
        """Send pages between two moments; when they were all sent, or the second one."""
        if now <= began or not self._memory.left or turn.share <= 0:
            self._credit = 0.0 if not self._memory.left else self._credit
            return now if self._memory.left else began
        at = began
        if self._urgent:
            # what was asked for does not heed max-postcopy-bandwidth
            at = self._send_at(at, now, self._pace(self._link, turn.share), self._urgent)
        return self._send_at(at, now, self._pace(bandwidth, turn.share), self._memory.left)

    def _send_at(self, began: float, now: float, pace: Pace, most: int) -> float:
        time = now - began + self._credit
        pages = min(most, floor(time / pace.seconds)) if pace.seconds else most
        self._memory.send(pages, pace.refused)
        self._wire += pages * pace.wire
        self._urgent = max(0, self._urgent - pages)
        if self._on_demand and self._settings.capability(C.RELEASE_RAM):
            self.guest.release(pages)
        rest = time - pages * pace.seconds
        if pages < most:
            self._credit = rest
            return now
        self._credit = 0.0
        return max(began, now - rest)

    def _note(self, flow: Flow) -> None:
        if self._stage is not Stage.ITERATING or not self._meter.pass_by(flow):
            return
        bandwidth = self._meter.bandwidth
        self._threshold = bandwidth * number(self._settings, P.DOWNTIME_LIMIT) / 1000
        if self._dirty_pages_rate and self._meter.sent > LEAST_ESTIMATE:
            self.times.expected_downtime = int(self._remaining_at_pass * 1000 / bandwidth)

    def _end_period(self, now: float) -> None:
        counts, seconds = self._memory.counts, now - self._period
        self._dirty_pages_rate = int(self._period_dirty / seconds)
        sent = counts.transferred - self._period_sent
        if self._settings.capability(C.AUTO_CONVERGE) and self._disks.read and not self._postcopy:
            slower = self._throttle.step(self._settings, self.guest.throttle, self._period_dirty * PAGE_SIZE, sent)
            if slower != self.guest.throttle:
                self.guest.slow(slower, now)
        self._rates.renew(self.guest.tallies, counts.pages - self._period_pages)
        self._period, self._period_dirty = now, 0
        self._period_sent, self._period_pages = counts.transferred, counts.pages

    def _restart(self, now: float) -> None:
        """Pages flow again, from now on."""
        self._credit = 0.0
        self._meter.start(now, self._stream(), self._pages())
        if self._postcopy:
            self.times.restarted(now)

    def _let_go(self, now: float) -> None:
        if self.guest.throttle:
            self.guest.slow(0, now)

    # ---- what comes next ----

    def ready(self, now: float) -> Ready | None:
        """What the physics brings about next in the present stage, and when; None if it waits for something else."""
        self.advance(now)
        if self._stage is Stage.ITERATING and not self._postcopy:
            return self._iterating(now)
        lasts = self._lasts()
        return None if lasts is None or lasts == inf else Ready(max(now, lasts), What.NEXT)

    def _lasts(self) -> float | None:
        """When the stage is done."""
        stage, settings = self._stage, self._settings
        if stage in SENDING:
            if not self._connected:
                return None
            extra = self._latency + (self._closing() if stage is not Stage.ITERATING else 0.0)
            return max(self._since, self._all_sent()) + extra
        if stage in _BRIEF:
            return self._since + _BRIEF[stage]
        if stage is Stage.SETTING_UP:
            return self._since + self._ways.setup(settings, self._latency)
        if stage is Stage.UNPLUGGING:
            return self._since + UNPLUG
        if stage is Stage.POSTCOPY_SAVING:
            return self._since + 1e-3 + DEVICES / self._link
        if stage is Stage.COLO_RUNNING:
            return self._since + number(settings, P.X_CHECKPOINT_DELAY) / 1000
        if stage is Stage.CLEANING:
            return self._since + 1e-3
        return None

    def _all_sent(self) -> float:
        """When all is sent, which does not change any more once it is."""
        rest = self._drained()
        if self._memory.left or rest > ROUNDING:
            self._dry = None
            return self._at + rest
        if self._dry is None:
            self._dry = self._at
        return self._dry

    def _closing(self) -> float:
        """Seconds for the devices' state, and with a return path for the destination's answer."""
        answer = self._latency if self._settings.capability(C.RETURN_PATH) else 0.0
        return DEVICES / self._link + answer

    def _iterating(self, now: float) -> Ready | None:
        drained = self._all_sent()
        if not self._connected or not self._memory.passes or drained == inf:
            return None
        if self._fits:
            return Ready(now, What.CONVERGED)
        limit = number(self._settings, P.DOWNTIME_LIMIT) / 1000
        tick = max(now, self._meter.next)
        if limit <= 0 or (self._threshold <= 0 and drained < tick):
            # nothing may be left, or nobody knows yet how much may: the pass is sent, and no other is made
            return Ready(max(now, drained), What.CONVERGED)
        pace = self._pace(self._bandwidth(), self._share())
        steady = pace.wire / pace.seconds if pace.seconds else self._bandwidth()
        soon = self._meter.expected(self._stream(), steady, self._at)

        def below(threshold: float) -> float:
            return drained - min(self._memory.left, _fitting(threshold)) * pace.seconds

        # the threshold in force, that of the next estimate, and that of all later ones
        at = below(self._threshold) if self._threshold > 0 else inf
        if at >= tick:
            at = max(tick, below(soon * limit))
        if at >= tick + TICK:
            at = max(tick + TICK, below(steady * limit))
        return Ready(max(now, at, min(self._check, drained)), What.PASS)

    def _share(self) -> float:
        return self._disks.turn(self._bandwidth(), self.guest.speed).share

    def _drained(self) -> float:
        """Seconds until all pages of this pass, and the disks, are sent; infinite if that never happens."""
        bandwidth = self._bandwidth()
        turn = self._disks.turn(bandwidth, self.guest.speed)
        if turn.share <= 0:
            return inf
        urgent = self._urgent * self._pace(self._link, turn.share).seconds
        rest = (self._memory.left - self._urgent) * self._pace(bandwidth, turn.share).seconds
        # late by what a clock may be wrong, so that the last page is sent by then
        return turn.delay + max(0.0, urgent + rest - self._credit) + ROUNDING

    # ---- numbers ----

    def left(self) -> int:
        """Bytes that are still to be sent, disks included."""
        return self._memory.left * PAGE_SIZE + int(self._disks.left)

    def sent(self) -> int:
        """Bytes handed to the link so far."""
        return int(self._wire + self._disks.wire)

    def statistics(self, status: MigrationStatus, now: float) -> dict[str, object]:
        """All members of MigrationInfo that go with a status, but for itself, addresses, errors and blocktimes."""
        if status is MigrationStatus.COMPLETED:
            self.ended(status, now)
        self.advance(now)
        if status is not MigrationStatus.CANCELLING and self.times.setup is None:
            self.times.setup = 0
        begun = self.times.thread_began is not None or status is not MigrationStatus.CANCELLING
        return statistics.members(
            status,
            self._settings,
            self.times.shown(status, now, begun=begun),
            statistics.Ram(
                counts=self._memory.counts,
                passes=self._memory.passes,
                total=self.total(),
                remaining=0 if self._forgotten else self._memory.left * PAGE_SIZE,
                dirty_pages_rate=self._dirty_pages_rate,
                mbps=self._meter.mbps if self._mbps is None else self._mbps,
                pages_per_second=self._meter.pages_per_second,
            ),
            self._disks if self._disks.disks and self._stage in _WITH_DISKS else None,
            self.guest,
        )

    @property
    def _on_demand(self) -> bool:
        """Whether memory is in postcopy, which is not so with dirty bitmaps alone."""
        return self._postcopy and self._settings.capability(C.POSTCOPY_RAM)

    def total(self) -> int:
        """Bytes of the guest's memory that are to be sent at least once."""
        return self._total_pages() * PAGE_SIZE

    def _total_pages(self) -> int:
        shared = self._shared if self._settings.capability(C.X_IGNORE_SHARED) else 0
        return self.guest.pages - shared

    def _stream(self, more: int = 0) -> float:
        return self._memory.counts.transferred + self._disks.wire + more

    def _pages(self) -> int:
        return self._memory.counts.pages

    def _bandwidth(self) -> float:
        if self._stage in _UNLIMITED:
            return self._link
        name = P.MAX_POSTCOPY_BANDWIDTH if self._postcopy else P.MAX_BANDWIDTH
        limit = number(self._settings, name)
        return min(self._link, float(limit)) if limit else self._link

    def _pace(self, bandwidth: float, share: float) -> Pace:
        return self._memory.blend.pace(self._ways, self._settings, bandwidth * share, self._accepted)


COLO: frozenset[Stage] = frozenset(stage for stage in Stage if stage.startswith("colo-"))
"""The stages of COLO."""

_WITH_DISKS: frozenset[Stage] = frozenset(
    {Stage.CONNECTING, Stage.SETTING_UP, Stage.SET_UP, Stage.UNPLUGGING, Stage.ITERATING, Stage.LAST_TURN}
    | {Stage.COMMITTED, Stage.STOPPED, Stage.HELD, Stage.SAVING}
)
"""The stages before a block migration is cleaned up."""


def _fitting(threshold: float) -> int:
    """The most pages that are certainly less than a threshold of bytes."""
    return max(0, int(threshold) // PAGE_SIZE - 1)
