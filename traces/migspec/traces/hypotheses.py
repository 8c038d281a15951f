"""Hypotheses: what a VM and its monitors may be, and every step that one may take.

A hypothesis is a state of the specification together with what is under way: the messages that each thread still
owes, the requests that each monitor has not executed, and what each monitor has been sent but not yet shown.  Steps
are taken by the specification's rows and contracts; this module adds only the order in which QEMU's threads and
monitors can take them:

* a thread that owes a message takes no other step;
* the main loop executes the requests of each monitor in order, and any monitor's next one at any time;
* a request sent out of band is executed by the monitor's own thread, whatever the main loop does;
* an event goes to every negotiated monitor, in one order; between two monitors there is no other order.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple, Self

from migspec.spec.commands import answers, colo, dirty_rate
from migspec.spec.commands.queries import TORN, fits, fits_torn, listing, tears, torn
from migspec.spec.conditions import ALWAYS, Condition, where
from migspec.spec.contracts import SEEN, Expect
from migspec.spec.lifecycle import ROWS
from migspec.spec.lifecycle.guards import IN_PROGRESS
from migspec.spec.parameters import READ
from migspec.spec.requests import Request, understand
from migspec.spec.rows import SEED, Row, Standing, Thread
from migspec.spec.rules import RULES
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.spec.state import ANYTHING, VARIABLES, Life, Session, assign
from migspec.traces.observations import Reply

THREADS: tuple[Thread, ...] = tuple(thread for thread in Thread if thread is not Thread.DIRTY_RATE)
"""The threads that owe messages."""
_MAIN = THREADS.index(Thread.MAIN)
_IO = THREADS.index(Thread.IO)

_SESSION = VARIABLES["session"]
NEGOTIATING = _SESSION.bits((Session.NEGOTIATING,))
_NEGOTIATED = _SESSION.bits((Session.READY, Session.OOB))
_EVENTS = VARIABLES["cap.events"]
_EVENTS_ON = _EVENTS.bits(("yes",))
_EVENTS_OFF = _EVENTS.bits(("no",))
_CAPABILITIES = sum(variable.field for name, variable in VARIABLES.items() if name.startswith("cap."))
_CAPABILITIES |= VARIABLES["blocktime"].field
_IDLE = ~IN_PROGRESS
_LIFE = VARIABLES["life"]
_LOOPING = VARIABLES["life"].bits((Life.ALIVE, Life.QUITTING))
_LIVING = VARIABLES["life"].bits((Life.ALIVE, Life.QUITTING, Life.DOWN, Life.GONE))


ONE_UNSEEN = 1
"""One request that the trace does not show may still be executed."""

OTHERS_UNSEEN = 2
"""So many requests of other clients are looked for between two messages, besides any that set capabilities."""


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

    `late` tells how many requests that the trace does not show may still be executed: `ONE_UNSEEN` where its connection
    is older than the trace, `OTHERS_UNSEEN` where there are other clients.  `again` marks one that is in negotiation
    after the VM was unwatched for a while.  `orphans` are requests whose client has left: they may be executed or not,
    and nobody is told.  `left` tells that the client closed it, so that the server may have gone on for a while.
    """

    connected: bool = True
    session: int = _NEGOTIATED
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


class Hypothesis(NamedTuple):
    """One possible truth about a VM.  `notes` are the defects that it needs and that are not reported yet."""

    state: int
    owed: tuple[tuple[Owed, ...], ...] = ((),) * len(THREADS)
    monitors: tuple[Monitor, ...] = ()
    notes: frozenset[str] = frozenset()

    # searches make these by the hundred thousand, and `_replace` takes several times as long

    def moved(self, state: int) -> "Hypothesis":
        """The hypothesis in another state."""
        return self if state == self.state else Hypothesis(state, self.owed, self.monitors, self.notes)

    def owing(self, thread: int, items: tuple[Owed, ...]) -> "Hypothesis":
        """The hypothesis in which a thread owes exactly these items."""
        owed = (*self.owed[:thread], items, *self.owed[thread + 1 :])
        return Hypothesis(self.state, owed, self.monitors, self.notes)

    def with_monitor(self, index: int, monitor: Monitor) -> "Hypothesis":
        """The hypothesis with another monitor in the place of one."""
        monitors = (*self.monitors[:index], monitor, *self.monitors[index + 1 :])
        return Hypothesis(self.state, self.owed, monitors, self.notes)


class Step(NamedTuple):
    """A step and where it leads; `rule` is the row or case that took it, empty for mere delivery."""

    rule: str
    after: Hypothesis


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


UNSEEN: tuple[Request, ...] = tuple(
    understand(command, arguments, QEMU_5_2_0)
    for command, arguments in (
        ("migrate", {"uri": "unix:/s"}),
        ("migrate", {"uri": "exec:cat"}),
        ("migrate", {"uri": "bad"}),
        ("migrate", {"uri": "unix:"}),
        ("migrate", {"uri": "unix:/s", "resume": True}),
        ("migrate", {"uri": "exec:cat", "resume": True}),
        ("migrate_cancel", ABSENT),
        ("migrate-continue", {"state": "pre-switchover"}),
        ("migrate-start-postcopy", ABSENT),
        ("migrate-incoming", {"uri": "unix:/d"}),
        ("migrate-incoming", {"uri": "bad"}),
        ("migrate-recover", {"uri": "unix:/d"}),
        ("migrate-recover", {"uri": "bad"}),
        ("x-colo-lost-heartbeat", ABSENT),
        ("human-monitor-command", {"command-line": "savevm s"}),
        ("stop", ABSENT),
        ("cont", ABSENT),
        ("quit", ABSENT),
        *(
            ("migrate-set-capabilities", {"capabilities": [{"capability": name, "state": state}]})
            for name in ("events", "postcopy-ram", "pause-before-switchover")
            for state in (True, False)
        ),
    )
)
"""Requests that stand for whatever a client outside the trace may have made: every way in which one moves the state."""


UNSEEN_COMMANDS: tuple[Request, ...] = tuple(r for r in UNSEEN if r.command != "migrate-set-capabilities")
"""Those of them that do more than set capabilities."""


def shows_all(h: Hypothesis) -> bool:
    """Whether a monitor of `h` shows each change of a status: the events are on, and it is past negotiation."""
    return not h.state & _EVENTS_OFF and any(monitor.listens for monitor in h.monitors)


class Relation:
    """The transition relation of one profile, ready for search."""

    def __init__(self, profile: str) -> None:
        self.profile = profile
        rows = [row for row in ROWS if profile in row.profiles and row.thread is not Thread.DIRTY_RATE]
        # what nothing else looks at may as well happen just before a command looks at it
        self._aside = tuple(row for row in ROWS if profile in row.profiles and row.thread is Thread.DIRTY_RATE)
        # the written relation leaves the order of all events open
        instant = frozenset(event.removeprefix("!") for row in rows for event in row.emits)
        self.instant_events = instant if profile == SEED else INSTANT_EVENTS
        may_tear = profile in RULES[TORN].profiles
        self.tearing = {row.id: row for row in rows if may_tear and tears(row)}
        self.rows = tuple(row for row in rows if not self._shown_by(row) & self.instant_events)
        self.instant: dict[str, tuple[Row, ...]] = {
            event: tuple(row for row in rows if event in self._shown_by(row)) for event in self.instant_events
        }
        self._candidates: dict[int, tuple[tuple[int, Row], ...]] = {}
        self._projection = sum(VARIABLES[name].field for name in ("outgoing", "incoming", "stage", "load", "life"))

    @staticmethod
    def _shown_by(row: Row) -> frozenset[str]:
        return frozenset(event.removeprefix("!") for event in row.emits)

    def hidden(self, h: Hypothesis) -> Iterator[Step]:
        """Every step that `h` may take without showing anything."""
        owed = h.owed
        for thread, items in enumerate(owed):
            if items:
                yield from self._deliver_silently(h, thread, items[0])
        if not h.state & _LIVING:
            return
        for thread, row in self._rows_for(h.state):
            if not owed[thread]:
                yield from self._take(h, thread, row)
        for index, monitor in enumerate(h.monitors):
            if monitor.queue and not owed[_MAIN] and h.state & _LOOPING:
                yield from self.execute(h, index, monitor.queue[0], oob=False)
            if monitor.oob and not owed[_IO]:
                yield from self.execute(h, index, monitor.oob[0], oob=True)
        if not owed[_MAIN] and h.state & _LOOPING:
            for index, monitor in enumerate(h.monitors):
                if monitor.orphans:
                    yield from self._orphan(h, index, monitor)
                if monitor.late:
                    yield from self._unseen_of(h, index, monitor)

    def _rows_for(self, state: int) -> tuple[tuple[int, Row], ...]:
        key = state & self._projection
        found = self._candidates.get(key)
        if found is None:
            relaxed = state | (ANYTHING & ~self._projection)
            found = self._candidates[key] = tuple(
                (THREADS.index(row.thread), row) for row in self.rows if row.when.assume(relaxed)
            )
        return found

    def _take(self, h: Hypothesis, thread: int, row: Row) -> Iterator[Step]:
        for assumed in row.when.assume(h.state):
            after = row.after(assumed)
            owed = _understood(h, assumed) if h.state & ~assumed & SEEN else h.owed
            notes = h.notes | {row.id} if row.standing is Standing.DEFECT else h.notes
            for state, emitted in announced(after, row.emits):
                yield Step(row.id, Hypothesis(state, owed, h.monitors, notes).owing(thread, emitted))
                if row.id in self.tearing and owed[_MAIN]:
                    yield from _torn(Hypothesis(state, owed, h.monitors, notes).owing(thread, emitted), row)

    def take_instant(self, h: Hypothesis, event: str) -> Iterator[Step]:
        """Every step that shows `event` at once, leaving it to be delivered."""
        for row in self.instant.get(event, ()):
            thread = THREADS.index(row.thread)
            if not h.owed[thread] and h.state & _LIVING:
                yield from self._take(h, thread, row)

    def execute(self, h: Hypothesis, index: int, request: Request, *, oob: bool) -> Iterator[Step]:
        """Every way in which the next request of a monitor may be executed."""
        monitor = h.monitors[index]
        left = monitor.without_oldest(oob=oob)
        if not oob:
            left = left._replace(late=0)  # what was asked before it is done with
        thread = _IO if oob else _MAIN
        given = h.state & ~_SESSION.field | monitor.session
        given &= ~_LIFE.field | (_LIVING if oob else _LOOPING)  # who executes a request has not ended
        for answer in (a for state in self._moved_aside(request, given) for a in answers(request, state, self.profile)):
            session = answer.state & _SESSION.field
            after = h.with_monitor(index, left if left.session == session else left._replace(session=session))
            notes = h.notes | {answer.case.id} if answer.case.standing is Standing.DEFECT else h.notes
            due = Due(index, answer.expect, request, oob)
            for state, emitted in announced(answer.state | _SESSION.field, answer.emits):
                owed = (*emitted, due) if answer.case.replies else emitted
                yield Step(answer.case.id, Hypothesis(state, h.owed, after.monitors, notes).owing(thread, owed))

    def _moved_aside(self, request: Request, given: int) -> Iterable[int]:
        """What `given` may have become by the steps that only `request` looks at."""
        if request.command not in DIRTY_RATE_COMMANDS:
            return (given,)
        found = [given]
        for state in found:
            moved = (row.after(assumed) for row in self._aside for assumed in row.when.assume(state))
            found += [after for after in moved if after not in found]
        return found

    def unseen(self, h: Hypothesis, requests: Iterable[Request] = UNSEEN) -> Iterator[Step]:
        """Every step by which a client outside the trace may move `h`, whose main loop is free."""
        given = h.state & ~_SESSION.field | _NEGOTIATED
        for request in requests:
            for answer in answers(request, given, self.profile):
                if answer.state == given and not answer.emits:
                    continue
                for state, emitted in announced(answer.state | _SESSION.field, answer.emits):
                    yield Step(f"unseen.{answer.case.id}", h.moved(state).owing(_MAIN, emitted))

    def _unseen_of(self, h: Hypothesis, index: int, monitor: Monitor) -> Iterator[Step]:
        left = h.with_monitor(index, monitor._replace(late=monitor.late - 1))
        if monitor.late == ONE_UNSEEN:
            yield from self.unseen(left)
            return
        yield from self.unseen(left, UNSEEN_COMMANDS)
        for idle in _IDLE.assume(h.state):
            yield Step("unseen.migrate-set-capabilities", h.moved(idle | _CAPABILITIES))

    def _orphan(self, h: Hypothesis, index: int, monitor: Monitor) -> Iterator[Step]:
        """Every way in which the next request of a client that has left may be executed."""
        given = h.state & ~_SESSION.field | _NEGOTIATED
        left = h.with_monitor(index, monitor._replace(orphans=monitor.orphans[1:]))
        for answer in answers(monitor.orphans[0], given, self.profile):
            for state, emitted in announced(answer.state | _SESSION.field, answer.emits):
                notes = h.notes | {answer.case.id} if answer.case.standing is Standing.DEFECT else h.notes
                yield Step(answer.case.id, Hypothesis(state, h.owed, left.monitors, notes).owing(_MAIN, emitted))

    def _deliver_silently(self, h: Hypothesis, thread: int, item: Owed) -> Iterator[Step]:
        rest = h.owing(thread, h.owed[thread][1:])
        if isinstance(item, str):
            if item[0] == "=":
                variable, _, value = item[1:].partition(":")
                yield Step("", rest.moved(assign(h.state, {variable: value})))
            elif not any(monitor.listens for monitor in h.monitors):
                yield Step("", rest)
            return
        monitor = h.monitors[item.monitor]
        if not monitor.connected:
            yield Step("", rest)
        elif len(h.monitors) > 1:
            waiting = monitor._replace(backlog=(*monitor.backlog, item))
            yield Step("", rest.with_monitor(item.monitor, waiting))


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


def deliver_event(h: Hypothesis, index: int, event: str) -> Iterator[Hypothesis]:
    """Every way in which `h` may show `event` on a monitor next."""
    monitor = h.monitors[index]
    if monitor.backlog:
        if monitor.backlog[0] == event:
            yield h.with_monitor(index, monitor.without_first_shown())
        return
    if not monitor.session & _NEGOTIATED:
        return
    for thread, items in enumerate(h.owed):
        if items and items[0] == event:
            left = h.owing(thread, items[1:])
            yield Hypothesis(left.state, left.owed, _spread(h.monitors, index, event), left.notes)


def deliver_reply(h: Hypothesis, index: int, reply: Reply, *, oob: bool) -> Iterator[tuple[Due, Hypothesis]]:
    """Every way in which `h` may show `reply` on a monitor next, each with the reply that was due."""
    monitor = h.monitors[index]
    if monitor.backlog:
        due = monitor.backlog[0]
        if isinstance(due, Due) and due.oob == oob:
            left = h.with_monitor(index, monitor.without_first_shown())
            for state in agree(due, reply, h.state):
                yield due, left.moved(state)
        return
    thread = _IO if oob else _MAIN
    items = h.owed[thread]
    due = items[0] if items else ""
    if isinstance(due, Due) and due.monitor == index:
        # who is answered is connected: whatever its predecessor had asked is settled
        answered = monitor._replace(orphans=(), again=False, late=monitor.late if oob else 0)
        settled = h.with_monitor(index, answered).owing(thread, items[1:])
        for state in agree(due, reply, h.state):
            yield due, settled.moved(state)


def agree(due: Due, reply: Reply, state: int) -> Iterator[int]:
    """What `state` may be if the reply that is due is this one; nothing if it cannot be."""
    expect = due.expect
    if due.request.monitor_command and not expect.rule.startswith("envelope."):
        # what the human monitor refuses is a text inside a success
        if not reply.is_error:
            yield state
        return
    if expect.words is not None:
        if (reply.error_class == expect.error_class and expect.words.admit(reply.text)) or (
            reply.is_error and expect.words.anything and expect.words.admit(reply.text)
        ):
            yield state
        return
    if reply.is_error:
        return
    if not expect.query:
        if expect.loose or reply.empty:
            yield state
        return
    seen = state & ~SEEN | expect.seen
    for condition in _conditions(expect, reply):
        for learned in condition.assume(seen):
            yield _learn(state, expect.seen, learned)


def _conditions(expect: Expect, reply: Reply) -> tuple[Condition, ...]:
    """The conditions under which a query is answered so; it is where one of them holds."""
    if expect.torn:
        return () if reply.answer is None else fits_torn(reply.answer, expect.torn)
    return _conditions_of(expect.query, reply)


@lru_cache(maxsize=4096)
def _conditions_of(query: str, reply: Reply) -> tuple[Condition, ...]:
    if query == "query-migrate" and reply.answer is not None:
        return fits(reply.answer)
    if query == "query-status" and reply.run in VARIABLES["run"].values:
        return (where({"run": reply.run}),)
    if query == "query-migrate-capabilities" and reply.settings is not None:
        return (listing(reply.settings),)
    if isinstance(reply.shown, colo.ColoAnswer):
        return colo.fits(reply.shown)
    if isinstance(reply.shown, dirty_rate.DirtyRateAnswer):
        return dirty_rate.fits(reply.shown)
    if query == READ:
        told = reply.block_incremental
        return (ALWAYS if told is None else where({"block-incremental": "yes" if told else "no"}),)
    return ()


def _torn(h: Hypothesis, row: Row) -> Iterator[Step]:
    """The same step, taken while the main loop was making an answer that shows it."""
    *before, last = h.owed[_MAIN]
    if isinstance(last, Due):
        overtaken = torn(last.expect, row)
        if overtaken is not None:
            due = last._replace(expect=overtaken)
            yield Step(row.id, h._replace(notes=h.notes | {TORN}).owing(_MAIN, (*before, due)))


def _understood(h: Hypothesis, assumed: int) -> tuple[tuple[Owed, ...], ...]:
    """What `h` owes when its state turns out to be `assumed`: an answer made before the change shows the same."""
    return tuple(
        (*items[:-1], _narrowed(items[-1], h.state, assumed)) if items and isinstance(items[-1], Due) else items
        for items in h.owed
    )


def _narrowed(due: Due, state: int, assumed: int) -> Due:
    seen = due.expect.seen
    for field in _SEEN_FIELDS:
        if seen & field == state & field:
            seen = seen & ~field | assumed & field & seen
    return due if seen == due.expect.seen else due._replace(expect=replace(due.expect, seen=seen))


def _learn(state: int, seen: int, learned: int) -> int:
    """`state` with what was learned, except for variables that have changed since the answer was made."""
    result = learned & ~SEEN
    for field in _SEEN_FIELDS:
        result |= (learned if state & field == seen & field else state) & field
    return result


_SEEN_FIELDS = tuple(variable.field for variable in VARIABLES.values() if variable.field & SEEN)


def _spread(monitors: tuple[Monitor, ...], shown: int, event: str) -> tuple[Monitor, ...]:
    if len(monitors) == 1:
        return monitors
    return tuple(
        monitor._replace(backlog=(*monitor.backlog, event)) if index != shown and monitor.listens else monitor
        for index, monitor in enumerate(monitors)
    )
