"""Steps: what a VM and its monitors are at one moment, and every step that they may take from there.

A configuration is a state together with what is under way: the messages that each thread still owes, the requests that
each monitor has not executed, and what each monitor has been sent but not yet shown.  The rows and contracts say what
a step does; this module adds only the order in which QEMU's threads and monitors can take them:

* a thread that owes a message takes no other step;
* the main loop executes the requests of each monitor in order, and any monitor's next one at any time, one that waits
  when the process exits included;
* a request sent out of band is executed by the monitor's own thread, whatever the main loop does;
* an event goes to every negotiated monitor, in one order; between two monitors there is no other order.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple, Self

from migspec.spec.commands import answers, dirty_rate
from migspec.spec.commands.queries import TORN, tears, torn
from migspec.spec.contracts import SEEN, Answer, Expect
from migspec.spec.lifecycle import ROWS
from migspec.spec.lifecycle.crashes import ASKED_TOO_LATE
from migspec.spec.requests import Request
from migspec.spec.rows import SEED, Row, Standing, Thread
from migspec.spec.rules import RULES
from migspec.spec.state import ANYTHING, VARIABLES, Life, Session, assign
from migspec.spec.vocabulary import RunState

THREADS: tuple[Thread, ...] = tuple(thread for thread in Thread if thread is not Thread.DIRTY_RATE)
"""The threads that owe messages; elsewhere a thread is its place among them."""
MAIN = THREADS.index(Thread.MAIN)
"""The main loop."""
IO = THREADS.index(Thread.IO)
"""The monitors' own thread."""
MIGRATION = THREADS.index(Thread.MIGRATION)
"""The thread that sends a migration, which may get ahead of the main loop."""

SESSION = VARIABLES["session"]
"""The negotiation of a monitor, of which a state knows that of the one whose request is executed."""
NEGOTIATING = SESSION.bits((Session.NEGOTIATING,))
"""That it is under way."""
NEGOTIATED = SESSION.bits((Session.READY, Session.OOB))
"""That it is over."""
LIFE = VARIABLES["life"]
"""Whether the process goes on."""
LOOPING = LIFE.bits((Life.ALIVE, Life.QUITTING))
"""That the main loop runs."""
LIVING = LIFE.bits((Life.ALIVE, Life.QUITTING, Life.DOWN, Life.GONE))
"""That threads take steps."""
_EVENTS = VARIABLES["cap.events"]
_RUN = VARIABLES["run"].field
_EVENTS_ON = _EVENTS.bits(("yes",))
_EVENTS_OFF = _EVENTS.bits(("no",))

SEEN_FIELDS = tuple(variable.field for variable in VARIABLES.values() if variable.field & SEEN)
"""The variables that a query shows, each by its bits."""


class Due(NamedTuple):
    """A reply that a thread owes to a monitor."""

    monitor: int
    expect: Expect
    request: Request
    oob: bool = False


Owed = str | Due
"""What a thread owes: an event by its name, `=variable:value` for a change that waits its turn, or a reply."""


class Monitor(NamedTuple):
    """One monitor: whether it is connected, its negotiation, and what is on its way in and out.

    Whoever does not see everything may not know everything: `late` tells how many requests that were not seen may
    still be executed, `again` marks one that is in negotiation after the VM was unwatched for a while, and `left` one
    that its client has closed, so that the server may have gone on for a while.  `orphans` are requests whose client
    has left: they may be executed or not, and nobody is told.
    """

    connected: bool = True
    session: int = NEGOTIATED
    queue: tuple[Request, ...] = ()
    oob: tuple[Request, ...] = ()
    backlog: tuple[Owed, ...] = ()
    late: int = 0
    again: bool = False
    orphans: tuple[Request, ...] = ()
    left: bool = False

    @property
    def listens(self) -> bool:
        """Whether events are delivered to it."""
        return self.connected and not self.session & NEGOTIATING

    def asked(self, request: Request) -> Self:
        """The monitor with one more request."""
        if request.oob:
            return self._replace(oob=(*self.oob, request))
        return self._replace(queue=(*self.queue, request))

    def without_oldest(self, *, oob: bool) -> Self:
        """The monitor without the oldest request of its kind."""
        return self._replace(oob=self.oob[1:]) if oob else self._replace(queue=self.queue[1:])

    def without_first_shown(self) -> Self:
        """The monitor without the first of what it was sent but has not shown."""
        return self._replace(backlog=self.backlog[1:])


class Configuration(NamedTuple):
    """A VM at one moment: its state, what each thread owes, its monitors; `notes` are the defects that led there."""

    state: int
    owed: tuple[tuple[Owed, ...], ...] = ((),) * len(THREADS)
    monitors: tuple[Monitor, ...] = ()
    notes: frozenset[str] = frozenset()

    # searches make these by the hundred thousand, and `_replace` takes several times as long

    def moved(self, state: int) -> "Configuration":
        """The same in another state."""
        return self if state == self.state else Configuration(state, self.owed, self.monitors, self.notes)

    def owing(self, thread: int, items: tuple[Owed, ...]) -> "Configuration":
        """The same with a thread that owes exactly these items."""
        owed = (*self.owed[:thread], items, *self.owed[thread + 1 :])
        return Configuration(self.state, owed, self.monitors, self.notes)

    def telling(
        self, thread: int, emits: tuple[str, ...], leaves: tuple[str, ...] = (), due: tuple["Due", ...] = ()
    ) -> Iterator["Configuration"]:
        """Every way in which a thread comes to owe what a step emits, and then a reply.

        What the step leaves to the migration thread is owed by that: there is no way if it owes something, for then it
        has not got ahead.
        """
        if leaves and self.owed[MIGRATION]:
            return
        for state, emitted in announced(self.state, emits):
            told = self.moved(state).owing(thread, (*emitted, *due))
            if not leaves:
                yield told
                continue
            for known, left in announced(state, leaves):
                yield told.moved(known).owing(MIGRATION, left)

    def with_monitor(self, index: int, monitor: Monitor) -> "Configuration":
        """The same with another monitor in the place of one."""
        monitors = (*self.monitors[:index], monitor, *self.monitors[index + 1 :])
        return Configuration(self.state, self.owed, monitors, self.notes)


class Step(NamedTuple):
    """A step and where it leads; `rule` is the row or case that took it, empty for mere delivery."""

    rule: str
    after: Configuration


DIRTY_RATE_COMMANDS: frozenset[str] = frozenset(contract.command for contract in dirty_rate.CONTRACTS)
"""The commands that look at the measurement of the dirty rate."""

INSTANT_EVENTS: frozenset[str] = frozenset(
    {
        "BLOCK_IO_ERROR",
        "GUEST_PANICKED",
        "RESET",
        "SHUTDOWN:guest",
        "SHUTDOWN:host",
        "SUSPEND",
        "WAKEUP",
        "WATCHDOG",
    }
)
"""Events that come of themselves at any time: their rows are taken when they are seen, not before."""


def shows_all(c: Configuration) -> bool:
    """Whether a monitor of `c` shows each change of a status: the events are on, and it is past negotiation."""
    return not c.state & _EVENTS_OFF and any(monitor.listens for monitor in c.monitors)


class Relation:
    """The transition relation of one profile, ready to be walked."""

    def __init__(self, profile: str) -> None:
        self.profile = profile
        rows = [row for row in ROWS if profile in row.profiles and row.thread is not Thread.DIRTY_RATE]
        # what nothing else looks at may as well happen just before a command looks at it
        self.aside = tuple(row for row in ROWS if profile in row.profiles and row.thread is Thread.DIRTY_RATE)
        """The rows of the dirty rate, which owe nothing."""
        # the written relation leaves the order of all events open
        instant = frozenset(event for row in rows for event in row.events)
        self.instant_events = instant if profile == SEED else INSTANT_EVENTS
        may_tear = profile in RULES[TORN].profiles
        self.tearing = {row.id: row for row in rows if may_tear and tears(row)}
        self._after_end = ASKED_TOO_LATE if profile in ASKED_TOO_LATE.profiles else None
        rows = [row for row in rows if row is not self._after_end]  # only an execution leads to it
        self.rows = tuple(row for row in rows if self.instant_events.isdisjoint(row.events))
        self.instant: dict[str, tuple[Row, ...]] = {
            event: tuple(row for row in rows if event in row.events) for event in self.instant_events
        }
        self._candidates: dict[int, tuple[tuple[int, Row], ...]] = {}
        self._projection = sum(VARIABLES[name].field for name in ("outgoing", "incoming", "stage", "load", "life"))

    def hidden(self, c: Configuration) -> Iterator[Step]:
        """Every step that `c` may take without showing anything."""
        owed = c.owed
        for thread, items in enumerate(owed):
            if items:
                yield from self._deliver_silently(c, thread, items[0])
        if not c.state & LIVING:
            return
        for thread, row in self.rows_for(c.state):
            if not owed[thread]:
                yield from self.take(c, thread, row)
        for index, monitor in enumerate(c.monitors):
            if monitor.queue and not owed[MAIN]:
                yield from self.execute(c, index, monitor.queue[0], oob=False)
            if monitor.oob and not owed[IO]:
                yield from self.execute(c, index, monitor.oob[0], oob=True)

    def rows_for(self, state: int) -> tuple[tuple[int, Row], ...]:
        """The rows that may be open in `state`, each with its thread; their conditions have yet to be asked."""
        key = state & self._projection
        found = self._candidates.get(key)
        if found is None:
            relaxed = state | (ANYTHING & ~self._projection)
            found = self._candidates[key] = tuple(
                (THREADS.index(row.thread), row) for row in self.rows if row.when.assume(relaxed)
            )
        return found

    def take(self, c: Configuration, thread: int, row: Row) -> Iterator[Step]:
        """Every way in which `thread`, which must owe nothing, may take `row` from `c`."""
        for assumed in row.when.assume(c.state):
            after = row.after(assumed)
            owed = _understood(c, assumed) if c.state & ~assumed & SEEN else c.owed
            notes = c.notes | {row.id} if row.standing is Standing.DEFECT else c.notes
            for taken in Configuration(after, owed, c.monitors, notes).telling(thread, row.emits, row.leaves):
                yield Step(row.id, taken)
                if row.id in self.tearing and owed[MAIN]:
                    yield from _torn(taken, row)

    def take_instant(self, c: Configuration, event: str) -> Iterator[Step]:
        """Every step that shows `event` at once, leaving it to be delivered."""
        for row in self.instant.get(event, ()):
            thread = THREADS.index(row.thread)
            if not c.owed[thread] and c.state & LIVING:
                yield from self.take(c, thread, row)

    def execute(self, c: Configuration, index: int, request: Request, *, oob: bool) -> Iterator[Step]:
        """Every way in which the next request of a monitor may be executed."""
        monitor = c.monitors[index]
        left = monitor.without_oldest(oob=oob)
        if not oob:
            left = left._replace(late=0)  # what was asked before it is done with
        waiting = c.with_monitor(index, left)
        given = c.state & ~SESSION.field | monitor.session
        given &= ~LIFE.field | LIVING  # who executes a request has not ended
        for answer in self._answers(request, given):
            for step in self.answered(waiting, index, request, answer, oob=oob):
                yield step
                if self._after_end is not None and not oob:
                    yield from self._aborting(step.after, self._after_end)

    def _answers(self, request: Request, given: int) -> Iterator[Answer]:
        """Every answer to a request that is executed in the state `given`.

        A process that exits has stopped its guest by then, and told nobody; what it knows of that dies with it.
        Observed on QEMU 5.2.0: 8 of 8 times `cont`, 7 of 7 times `query-status`, sent together with `quit`.
        """
        if self._after_end is None or given & LOOPING:
            for state in self._moved_aside(request, given):
                yield from answers(request, state, self.profile)
            return
        for answer in answers(request, assign(given, {"run": RunState.SHUTDOWN}), self.profile):
            yield replace(answer, state=answer.state & ~_RUN | given & _RUN)

    @staticmethod
    def _aborting(c: Configuration, row: Row) -> Iterator[Step]:
        """The same with the process to abort once it has told what it owes, if its main loop has ended."""
        for assumed in row.when.assume(c.state):
            yield Step(row.id, c._replace(state=row.after(assumed), notes=c.notes | {row.id}))

    def answered(self, c: Configuration, index: int, request: Request, answer: Answer, *, oob: bool) -> Iterator[Step]:
        """What becomes of `c` when a request of a monitor has been executed with this answer."""
        thread = IO if oob else MAIN
        monitor = c.monitors[index]
        session = answer.state & SESSION.field
        after = c if monitor.session == session else c.with_monitor(index, monitor._replace(session=session))
        notes = c.notes | {answer.case.id} if answer.case.standing is Standing.DEFECT else c.notes
        due = (Due(index, answer.expect, request, oob),) if answer.case.replies else ()
        reached = Configuration(answer.state | SESSION.field, c.owed, after.monitors, notes)
        for executed in reached.telling(thread, answer.emits, answer.case.leaves, due):
            yield Step(answer.case.id, executed)

    def _moved_aside(self, request: Request, given: int) -> Iterable[int]:
        """What `given` may have become by the steps that only `request` looks at."""
        if request.command not in DIRTY_RATE_COMMANDS:
            return (given,)
        found = [given]
        for state in found:
            moved = (row.after(assumed) for row in self.aside for assumed in row.when.assume(state))
            found += [after for after in moved if after not in found]
        return found

    def _deliver_silently(self, c: Configuration, thread: int, item: Owed) -> Iterator[Step]:
        rest = c.owing(thread, c.owed[thread][1:])
        if isinstance(item, str):
            if item[0] == "=":
                variable, _, value = item[1:].partition(":")
                yield Step("", rest.moved(assign(c.state, {variable: value})))
            elif not any(monitor.listens for monitor in c.monitors):
                yield Step("", rest)
            return
        monitor = c.monitors[item.monitor]
        if not monitor.connected:
            yield Step("", rest)
        elif len(c.monitors) > 1:
            waiting = monitor._replace(backlog=(*monitor.backlog, item))
            yield Step("", rest.with_monitor(item.monitor, waiting))


def deliver_event(c: Configuration, index: int, event: str) -> Iterator[Configuration]:
    """Every way in which `c` may show `event` on a monitor next."""
    monitor = c.monitors[index]
    if monitor.backlog:
        if monitor.backlog[0] == event:
            yield c.with_monitor(index, monitor.without_first_shown())
        return
    if not monitor.session & NEGOTIATED:
        return
    for thread, items in enumerate(c.owed):
        if items and items[0] == event:
            left = c.owing(thread, items[1:])
            yield Configuration(left.state, left.owed, _spread(c.monitors, index, event), left.notes)


def _spread(monitors: tuple[Monitor, ...], shown: int, event: str) -> tuple[Monitor, ...]:
    if len(monitors) == 1:
        return monitors
    return tuple(
        monitor._replace(backlog=(*monitor.backlog, event)) if index != shown and monitor.listens else monitor
        for index, monitor in enumerate(monitors)
    )


def announced(state: int, emits: tuple[str, ...]) -> Iterator[tuple[int, tuple[Owed, ...]]]:
    """What is owed for `emits`: migration events only while the capability `events` is on, which is learned."""
    if not any(event.startswith("MIGRATION") for event in emits):
        yield state, tuple(event.removeprefix("!") for event in emits)
        return
    if state & _EVENTS_ON:
        yield state & ~_EVENTS_OFF, tuple(event.removeprefix("!") for event in emits)
    if state & _EVENTS_OFF:
        yield (
            state & ~_EVENTS_ON,
            tuple(event.removeprefix("!") for event in emits if not event.startswith("MIGRATION")),
        )


def _torn(c: Configuration, row: Row) -> Iterator[Step]:
    """The same step, taken while the main loop was making an answer that shows it."""
    *before, last = c.owed[MAIN]
    if isinstance(last, Due):
        overtaken = torn(last.expect, row)
        if overtaken is not None:
            due = last._replace(expect=overtaken)
            yield Step(row.id, c._replace(notes=c.notes | {TORN}).owing(MAIN, (*before, due)))


def _understood(c: Configuration, assumed: int) -> tuple[tuple[Owed, ...], ...]:
    """What `c` owes when its state turns out to be `assumed`: an answer made before the change shows the same."""
    return tuple(
        (*items[:-1], _narrowed(items[-1], c.state, assumed)) if items and isinstance(items[-1], Due) else items
        for items in c.owed
    )


def _narrowed(due: Due, state: int, assumed: int) -> Due:
    seen = due.expect.seen
    for field in SEEN_FIELDS:
        if seen & field == state & field:
            seen = seen & ~field | assumed & field & seen
    return due if seen == due.expect.seen else due._replace(expect=replace(due.expect, seen=seen))
