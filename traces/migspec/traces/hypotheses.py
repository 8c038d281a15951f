"""Hypotheses: what a VM and its monitors may be, as far as a trace tells, and what an observation leaves of that.

A hypothesis is a configuration that may be the truth.  Besides the steps that the specification knows, requests may be
executed that the trace does not show.
"""

from collections.abc import Iterator
from functools import lru_cache

from migspec.spec import steps
from migspec.spec.commands import answers, colo, dirty_rate
from migspec.spec.commands.queries import fits, fits_torn, listing
from migspec.spec.conditions import ALWAYS, Condition, where
from migspec.spec.contracts import SEEN, Case, Expect
from migspec.spec.lifecycle.guards import IN_PROGRESS
from migspec.spec.parameters import READ
from migspec.spec.requests import Request, understand
from migspec.spec.rows import Standing
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.spec.state import VARIABLES
from migspec.spec.steps import (
    IO,
    LOOPING,
    MAIN,
    NEGOTIATED,
    SEEN_FIELDS,
    SESSION,
    Configuration,
    Due,
    Monitor,
    Owed,
    Step,
)
from migspec.traces.observations import Reply

Hypothesis = Configuration
"""A configuration that may be the truth; its notes are the defects that it needs and that are not reported yet.

A monitor's `late` is `ONE_UNSEEN` where its connection is older than the trace, `OTHERS_UNSEEN` where there are other
clients.
"""

_CAPABILITIES = sum(variable.field for name, variable in VARIABLES.items() if name.startswith("cap."))
_CAPABILITIES |= VARIABLES["blocktime"].field
_IDLE = ~IN_PROGRESS

ONE_UNSEEN = 1
"""One request that the trace does not show may still be executed."""

OTHERS_UNSEEN = 2
"""So many requests of other clients are looked for between two messages, besides any that set capabilities."""


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

MOST_MOVED = 20_000
"""States of which is kept what unseen requests make of them."""

_Move = tuple[str, int, Case]
"""What one unseen request makes of a state: the name of the step, the state after it, and the case."""


class Relation(steps.Relation):
    """The transition relation of one profile, with the steps that a trace does not show.

    `unseen` are kinds of messages that the trace may lack: what is owed of them may pass without being shown.
    """

    def __init__(self, profile: str, unseen: frozenset[str] = frozenset()) -> None:
        super().__init__(profile)
        self.hides_requests = "requests" in unseen
        """Whether a client may have asked for anything at any time."""
        self._hides_events = "events" in unseen
        self._hides_replies = "replies" in unseen
        self._moved: tuple[dict[int, tuple[_Move, ...]], ...] = ({}, {})

    def hidden(self, configuration: Hypothesis) -> Iterator[Step]:
        """Every step that a hypothesis may take without showing anything."""
        yield from super().hidden(configuration)
        if configuration.owed[MAIN] or not configuration.state & LOOPING:
            return
        for index, monitor in enumerate(configuration.monitors):
            if monitor.orphans:
                yield from self._orphan(configuration, index, monitor)
            if monitor.late:
                yield from self._unseen_of(configuration, index, monitor)

    def _deliver_silently(self, c: Configuration, thread: int, item: Owed) -> Iterator[Step]:
        if self._hides_replies and isinstance(item, Due):
            # nobody will show it, so it may as well be gone at once
            yield Step("", c.owing(thread, c.owed[thread][1:]))
            return
        yield from super()._deliver_silently(c, thread, item)
        if self._hides_events and isinstance(item, str) and item[0] != "=":
            yield Step("", c.owing(thread, c.owed[thread][1:]))

    def unseen(self, h: Hypothesis, *, capabilities: bool = True) -> Iterator[Step]:
        """Every step by which a client outside the trace may move `h`, whose main loop is free.

        Without `capabilities` the client sets none.
        """
        given = h.state & ~SESSION.field | NEGOTIATED
        for rule, state, case in self._moves(given, capabilities):
            for executed in h.moved(state).telling(MAIN, case.emits, case.leaves):
                yield Step(rule, executed)

    def _moves(self, given: int, capabilities: bool) -> tuple[_Move, ...]:
        """What unseen requests make of a state, which a great many hypotheses share that owe different things."""
        known = self._moved[capabilities]
        found = known.get(given)
        if found is None:
            if len(known) >= MOST_MOVED:
                known.clear()
            found = known[given] = tuple(
                (f"unseen.{answer.case.id}", answer.state | SESSION.field, answer.case)
                for request in (UNSEEN if capabilities else UNSEEN_COMMANDS)
                for answer in answers(request, given, self.profile)
                if answer.state != given or answer.emits
            )
        return found

    def _unseen_of(self, h: Hypothesis, index: int, monitor: Monitor) -> Iterator[Step]:
        left = h.with_monitor(index, monitor._replace(late=monitor.late - 1))
        if monitor.late == ONE_UNSEEN:
            yield from self.unseen(left)
            return
        yield from self.unseen(left, capabilities=False)
        for idle in _IDLE.assume(h.state):
            yield Step("unseen.migrate-set-capabilities", h.moved(idle | _CAPABILITIES))

    def _orphan(self, h: Hypothesis, index: int, monitor: Monitor) -> Iterator[Step]:
        """Every way in which the next request of a client that has left may be executed."""
        given = h.state & ~SESSION.field | NEGOTIATED
        left = h.with_monitor(index, monitor._replace(orphans=monitor.orphans[1:]))
        for answer in answers(monitor.orphans[0], given, self.profile):
            notes = h.notes | {answer.case.id} if answer.case.standing is Standing.DEFECT else h.notes
            reached = Hypothesis(answer.state | SESSION.field, h.owed, left.monitors, notes)
            for executed in reached.telling(MAIN, answer.emits, answer.case.leaves):
                yield Step(answer.case.id, executed)


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
    thread = IO if oob else MAIN
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


def _learn(state: int, seen: int, learned: int) -> int:
    """`state` with what was learned, except for variables that have changed since the answer was made."""
    result = learned & ~SEEN
    for field in SEEN_FIELDS:
        result |= (learned if state & field == seen & field else state) & field
    return result
