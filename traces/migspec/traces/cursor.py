"""Where a VM is in the automaton, and the way it came.

A trace conforms if any beginning explains it, and the likeliest explains nearly all.  The cursor therefore starts with
the likeliest and keeps the observations; if one is rejected, it tries the same way from the next beginnings before it
admits that nothing explains it.  Where the way becomes too long to be kept, all beginnings that explain it are gone on
with together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from migspec.spec.commands import CONTRACTS
from migspec.spec.lifecycle.guards import ENDED_STATUSES
from migspec.spec.requests import LISTENERS
from migspec.spec.state import VARIABLES, assign
from migspec.spec.steps import Monitor
from migspec.traces.automaton import Automaton, Edge, Node
from migspec.traces.beginnings import IN_COLO, LATE, ON_BOTH_SIDES, UNUSUAL_SOURCE, beginnings
from migspec.traces.hypotheses import ONE_UNSEEN, Hypothesis
from migspec.traces.inert import is_impossible, is_inert, without_reply
from migspec.traces.observations import Emitted, Ended, Observation, Replied, Reply, Sent
from migspec.traces.recovery import recover
from migspec.traces.way import MOST_NEW, Appeared, Changed, Step, Way

ASIDE: frozenset[str] = frozenset(contract.command for contract in CONTRACTS.values() if contract.aside)
"""The commands that have nothing to do with any migration."""

_OF_BOTH_SIDES = ("postcopy", "recover", "socket-address")
_SETTING_UP = LISTENERS | {"migrate"}
_AT_REST = frozenset({None, "none", *ENDED_STATUSES})


def _is_suggested(tier: int, way: Way, rejected: Observation | None) -> bool:
    """Whether an uncommon beginning could explain what a likelier one does not; false only if it cannot.

    Without anything `rejected`, whether it could explain something that is still to come.

    That a source has sent COLO or dirty bitmaps shows in the message that names them.  A VM that was in COLO before
    the trace began says so in its first answer to query-migrate, and whatever ends COLO names it too.  One with a
    migration on both sides differs from others in what its incoming side does: to go on with a postcopy, or to end.
    """
    if isinstance(rejected, Replied) and rejected.command in ASIDE:
        # what such a command looks at is not known in any beginning
        return False
    if tier == UNUSUAL_SOURCE:
        return rejected is None or any(word in str(rejected).lower() for word in ("colo", "postcopy"))
    if tier < IN_COLO:
        return True
    seen = [*way.observations(), *([] if rejected is None else [rejected])]
    names = {str(step).lower() for step in seen}
    in_colo = any("colo" in name for name in names)
    at_rest = _began_at_rest(seen)
    hides_colo = not any(isinstance(step, Replied) and step.reply.answer for step in seen)
    if tier == IN_COLO:
        return in_colo or (hides_colo and not at_rest)
    if rejected is None:
        return not at_rest and (in_colo or hides_colo or tier == ON_BOTH_SIDES)
    if at_rest or tier > ON_BOTH_SIDES:
        return in_colo and not at_rest
    goes_on = in_colo or any(word in name for name in names for word in _OF_BOTH_SIDES)
    return goes_on or isinstance(rejected, Ended) or any(end in str(rejected) for end in ("completed", "failed"))


def _began_at_rest(seen: Iterable[Observation]) -> bool:
    """Whether the outgoing side did nothing when the trace began: it says so, or it starts before it does else."""
    asked: set[str] = set()
    for step in seen:
        if isinstance(step, Sent):
            asked.add(step.request.command)
        elif isinstance(step, Emitted):
            # what else than a migrate announces that status is a listener
            return step.event == "MIGRATION:setup" and asked & _SETTING_UP == {"migrate"}
        elif isinstance(step, Replied) and step.reply.answer is not None:
            return step.reply.answer.status in _AT_REST
    return False


class Try(NamedTuple):
    """One way to begin: which beginnings, and whether requests from before the trace may still be executed."""

    tier: int
    unseen: bool


class Cursor:
    """The position of one VM in an automaton."""

    __slots__ = (
        "_gave_up",
        "_late",
        "_others",
        "_owned",
        "_recent",
        "_taken",
        "_tries",
        "_unseen",
        "_way",
        "at_rest",
        "automaton",
        "monitors",
        "node",
    )

    def __init__(self, automaton: Automaton, *, late: bool, at_rest: bool = False) -> None:
        self.automaton = automaton
        self.at_rest = at_rest
        """Whether no migration was under way where the cursor began."""
        self.monitors: tuple[Monitor, ...] = ()
        self._taken: Counter[frozenset[str]] = Counter()
        self._owned: list[Edge] = []
        self._tries: list[Try]
        self._others: list[Node]
        self._unseen: bool
        self._late: bool
        self._way: Way
        self._recent: list[Step] | None
        self.node: Node
        self.begin(late=late)

    def begin(self, *, late: bool) -> None:
        """Forget everything about the VM; a trace that begins `late` may find a migration under way."""
        self._late = late
        tiers = range(len(self._beginnings))
        first = min(LATE, len(tiers) - 1) if late else 0
        # most late traces begin between two requests, not in the middle of one
        self._tries = [Try(first, unseen=False)] * late + [Try(tier, unseen=True) for tier in tiers[first:]]
        first_try = self._tries.pop(0)
        self._others = []
        self._gave_up = False
        self._unseen = first_try.unseen
        self._way = Way()
        self._recent = self._way.recent
        self.node = self._beginning(first_try, self.monitors)
        if self.monitors:
            self._recent.append(Appeared(self.monitors))

    @property
    def _beginnings(self) -> tuple[tuple[Hypothesis, ...], ...]:
        return beginnings(self.automaton.relation, at_rest=self.at_rest)

    def begin_once_more(self, monitor: int) -> None:
        """A reply to a request from before the trace: whatever that did, and another such request may be executed.

        What was learned so far does not hold any more, apart from what the monitors wait for.
        """
        if len(self.monitors) > 1:
            self.change(lambda node: self._with_monitor_late(node, monitor))
            return
        # what a thread owes it has yet to do in one of the beginnings; requests in order have waited for that reply
        (waiting,) = max((h.monitors for h in self.node.hypotheses), key=lambda monitors: len(monitors[0].queue))
        self.monitors = (waiting._replace(late=ONE_UNSEEN, backlog=()),)
        self.at_rest = False
        self.begin(late=True)

    def _with_monitor_late(self, node: Node, monitor: int) -> Node:
        late = (h.with_monitor(monitor, h.monitors[monitor]._replace(late=ONE_UNSEEN)) for h in node.hypotheses)
        return self.automaton.node(late, lacks_some=node.lacks_some)

    @property
    def everywhere(self) -> Node:
        """Where the VM may be by any beginning that explained all before the observation that was rejected last."""
        if not self._others:
            return self.node
        together = (h for node in (self.node, *self._others) for h in node.hypotheses)
        return self.automaton.node(together, lacks_some=self.is_uncertain)

    @property
    def is_uncertain(self) -> bool:
        """Whether a search was cut short somewhere, so that nothing follows from its explaining nothing."""
        return self._gave_up or any(node.is_doubtful for node in (self.node, *self._others))

    def follow(self, observation: Observation) -> Edge | None:
        """Move along `observation`; None, without moving, if nothing explains it."""
        edge = self.automaton.follow(self.node, observation)
        if edge.node is None and not self.rules_out(observation) and self._begin_otherwise(observation):
            edge = self.automaton.follow(self.node, observation)
        if edge.node is None:
            return None
        self.advance(edge, observation)
        return edge

    def pass_over(self, replied: Replied) -> bool:
        """Go on after a reply that is wrong whatever the beginning; false, without moving, if it may be right."""
        automaton = self.automaton
        if replied.reply != Reply() and not self.rules_out(replied):
            return False
        if is_inert(automaton.relation, self.node, replied):
            self.change(lambda node: automaton.node(without_reply(node, replied), lacks_some=node.lacks_some))
        else:
            self.change(lambda node: recover(automaton, node, replied))
        return True

    def rules_out(self, observation: Observation) -> bool:
        """Whether no state at all admits an observation, so that it is wrong however little is known."""
        return is_impossible(self.automaton.relation, self.node, observation)

    def advance(self, edge: Edge, observation: Observation) -> None:
        """Move along an edge of the current node that leads somewhere, and own it unless it has something to say."""
        if edge.node is not None and edge.notes:
            self._taken[edge.rules] += 1
            self.node = edge.node
            if self._recent is not None:
                self._recent.append(observation)
            return
        if edge.owner is not self:
            self._own(edge)
        self.repeats(observation)

    def repeats(self, observation: Observation) -> bool:
        """Move along an edge that this cursor was the last to take, if there is one: the hot path of a long trace."""
        edge = self.node.edges.get(observation)
        if edge is None or edge.owner is not self:
            return False
        edge.count += 1
        if edge.node is not None:
            self.node = edge.node
        recent = self._recent
        if recent is not None:
            recent.append(observation)
            if len(recent) >= MOST_NEW and not self._way.shorten():
                self._settle()
        return True

    def exercised(self) -> Counter[str]:
        """How many messages of the way have exercised each rule."""
        counts = Counter(self._taken)
        for edge in self._owned:
            if edge.owner is self:
                counts[edge.rules] += edge.count
                edge.owner, edge.count = None, 0
        self._owned.clear()
        self._taken = counts
        rules: Counter[str] = Counter()
        for needed, count in counts.items():
            for rule in needed:
                rules[rule] += count
        return rules

    def _own(self, edge: Edge) -> None:
        """Begin to count an edge; what another cursor has counted on it is credited to that one."""
        if isinstance(edge.owner, Cursor):
            edge.owner._taken[edge.rules] += edge.count
        edge.owner, edge.count = self, 0
        self._owned.append(edge)

    def after_gap(self) -> Cursor:
        """A cursor that begins late, with as many monitors, of which nothing is known either."""
        cursor = Cursor(self.automaton, late=True)
        cursor.monitors = (Monitor(session=VARIABLES["session"].field, late=ONE_UNSEEN),) * len(self.monitors)
        cursor.begin(late=True)
        return cursor

    def change(self, change: Callable[[Node], Node]) -> None:
        """Go on where `change` leads, for reasons that are no observation and hold whatever the beginning."""
        self.node = change(self.node)
        if self._recent is not None:
            self._recent.append(Changed(change))

    def jump(self, node: Node) -> None:
        """Go on at `node`, wherever the VM was before."""
        self.node = node
        self._forget_way()

    def add_monitor(self, monitor: Monitor) -> int:
        """Give every hypothesis one more monitor and return its index."""
        self.monitors = (*self.monitors, monitor)
        self.node = self._with_monitors(self.node, self.monitors, unseen=self._unseen)
        if self._recent is not None:
            self._recent.append(Appeared(self.monitors))
        return len(self.monitors) - 1

    def allow_another_process(self) -> None:
        """The process may have been replaced by another one, with all its monitors closed so far."""
        self.change(partial(self.automaton.replaced, monitors=len(self.monitors)))

    def _begin_otherwise(self, rejected: Observation) -> bool:
        """Try the way so far from the next beginnings; true if one of them explains it and `rejected` too."""
        if self._recent is None:
            return False
        self._others = []
        later: list[Try] = []
        while self._tries:
            attempt = self._tries.pop(0)
            if not _is_suggested(attempt.tier, self._way, rejected):
                later.append(attempt)
                continue
            node = self._retrace(attempt)
            if node is None:
                continue
            if self.automaton.follow(node, rejected).node is not None:
                self.node, self._unseen = node, attempt.unseen
                self._tries = later + self._tries
                return True
            self._others.append(node)
        self._tries = later
        return False

    def _settle(self) -> None:
        """Go on from every beginning at once that explains the way so far: it is too long to be gone once more."""
        nodes = [self._retrace(attempt) for attempt in self._tries if _is_suggested(attempt.tier, self._way, None)]
        others = [h for node in nodes if node is not None for h in node.hypotheses]
        if others:
            lacks_some = self.is_uncertain or any(node.is_doubtful for node in nodes if node is not None)
            self.node = self.automaton.node((*self.node.hypotheses, *others), lacks_some=lacks_some)
        self._forget_way()

    def _forget_way(self) -> None:
        self._recent = None
        self._way = Way()
        self._tries = []
        self._others = []

    def _retrace(self, attempt: Try) -> Node | None:
        def appear(node: Node, monitors: tuple[Monitor, ...]) -> Node:
            return self._with_monitors(node, monitors, unseen=attempt.unseen)

        last, explains = self._way.go(self.automaton, self._beginning(attempt, ()), appear)
        self._gave_up |= last.is_doubtful and not explains
        return last if explains else None

    def _beginning(self, attempt: Try, monitors: tuple[Monitor, ...]) -> Node:
        start = self._beginnings[attempt.tier]
        if self._late:
            # a process that was found late may be about to end
            start = tuple(h._replace(state=h.state | VARIABLES["life"].field) for h in start)
        else:
            # the main loop that let a client in has stopped the guest if that was due
            start = tuple(h._replace(state=assign(h.state, {"stop-due": "no"})) for h in start)
        return self._with_monitors(Node(start), monitors, unseen=attempt.unseen)

    def _with_monitors(self, node: Node, monitors: tuple[Monitor, ...], *, unseen: bool) -> Node:
        given = tuple(monitor._replace(late=monitor.late if unseen else 0) for monitor in monitors)
        watched = (h._replace(monitors=h.monitors + given[len(h.monitors) :]) for h in node.hypotheses)
        return self.automaton.node(watched, lacks_some=node.lacks_some)
