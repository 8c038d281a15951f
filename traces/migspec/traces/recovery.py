"""Going on after a mismatch, from what the rejected message asserts.

A message that no hypothesis allows is either false itself (invented, repeated, altered) or true after something was
lost.  Both are kept: the VM as if the message had not come, or had been another event of its name, the VM one lost
message further, and the VM in the state that the message claims, reached by the row or case that comes closest.  What
follows decides between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from migspec.spec.commands import contract_of
from migspec.spec.contracts import Case
from migspec.spec.rows import Row
from migspec.spec.state import VARIABLES
from migspec.spec.steps import THREADS, Due, deliver_event, shows_all
from migspec.traces.automaton import Automaton, Node
from migspec.traces.beginnings import INCOMING, LATE, OUTGOING, beginnings, situations
from migspec.traces.hypotheses import ONE_UNSEEN, OTHERS_UNSEEN, Hypothesis
from migspec.traces.inert import is_inert, without_reply
from migspec.traces.observations import Emitted, Observation, Replied, Reply, Sent

_SHOWN_ASIDE = sum(VARIABLES[name].field for name in ("colo-failover", "colo-last", "dirty-rate"))
"""What only a query with a type of its own shows."""

_SPREAD = 200
"""Hypotheses looked at when a step is forced; the rest differ in things that the message does not touch."""


def recover(automaton: Automaton, node: Node, observation: Observation) -> Node:
    """The node to go on from after `observation` was rejected at `node`."""
    match observation:
        case Emitted(monitor, event):
            return automaton.node(_after_event(automaton, node, monitor, event), lacks_some=node.is_doubtful)
        case Replied():
            return automaton.node(_after_reply(automaton, node, observation), lacks_some=node.is_doubtful)
    return node


def another_client(automaton: Automaton, node: Node, observation: Observation) -> Node | None:
    """Where `observation` leads if clients outside the trace have moved the VM meanwhile; None if nowhere.

    Some of their requests may have been executed since the last message.  Where none of the monitors would have shown
    what they led to, the VM may be anywhere.
    """
    watched = automaton.node(_with_others(h, OTHERS_UNSEEN) for h in node.hypotheses)
    after = automaton.follow(watched, observation).node
    unwatched = [h for h in node.hypotheses if watched.is_doubtful or not shows_all(h)]
    if after is None and unwatched:
        tiers = beginnings(automaton.relation)
        anywhere = [start.state for start in tiers[min(LATE, len(tiers) - 1)]]
        states = product(unwatched, anywhere)
        lost = automaton.node(_with_others(h, ONE_UNSEEN)._replace(state=state) for h, state in states)
        after = automaton.follow(lost, observation).node
    return None if after is None else automaton.node(_with_others(h, 0) for h in after.hypotheses)


def _with_others(h: Hypothesis, unseen: int) -> Hypothesis:
    """`h` with so many requests of other clients to come."""
    return h._replace(monitors=tuple(monitor._replace(late=unseen) for monitor in h.monitors))


def forget(automaton: Automaton, node: Node, sent: Sent) -> Node:
    """The node without the oldest request of a monitor, which was never executed."""
    dropped = (_dropped(h, sent.monitor, oob=sent.request.oob) for h in node.hypotheses)
    return automaton.node(dropped, lacks_some=node.is_doubtful)


def _after_event(automaton: Automaton, node: Node, monitor: int, event: str) -> Iterator[Hypothesis]:
    yield from node.hypotheses
    lost = list(_one_lost(automaton, node))
    yield from _shown(automaton, lost, monitor, event)
    yield from _altered(automaton, node, monitor, event)
    yield from _forced_event(automaton, node, monitor, event)


def _altered(automaton: Automaton, node: Node, monitor: int, event: str) -> Iterator[Hypothesis]:
    """Every hypothesis that has shown another event of the same name, where this one was written."""
    name = event.partition(":")[0]
    for reached in automaton.closure(node):
        h = reached.hypothesis
        due = {items[0] for items in (h.monitors[monitor].backlog, *h.owed) if items}
        for other in sorted(item for item in due if isinstance(item, str) and item != event):
            if other.partition(":")[0] == name:
                yield from deliver_event(h, monitor, other)


def _one_lost(automaton: Automaton, node: Node) -> Iterator[Hypothesis]:
    """Every hypothesis in which one event that was owed has come to nothing."""
    for reached in automaton.closure(node):
        h = reached.hypothesis
        for thread, items in enumerate(h.owed):
            if items and isinstance(items[0], str):
                yield h.owing(thread, items[1:])


def _shown(automaton: Automaton, hypotheses: Iterable[Hypothesis], monitor: int, event: str) -> Iterator[Hypothesis]:
    for reached in automaton.closure(automaton.node(hypotheses)):
        yield from deliver_event(reached.hypothesis, monitor, event)


def _forced_event(automaton: Automaton, node: Node, monitor: int, event: str) -> Iterator[Hypothesis]:
    rows = [row for row in automaton.relation.rows if event in row.events]
    for h in node.hypotheses[:_SPREAD]:
        idle = h._replace(owed=((),) * len(THREADS))
        fewest = min((len(row.when.blockers(h.state)) for row in rows), default=0)
        for row in rows:
            if len(row.when.blockers(h.state)) == fewest:
                yield from _force(idle, row, monitor, event)


def _force(h: Hypothesis, row: Row, monitor: int, event: str) -> Iterator[Hypothesis]:
    thread = THREADS.index(row.thread)
    for case in row.when.cases:
        for taken in h.moved(row.after(case.forced(h.state))).telling(thread, row.emits, row.leaves):
            yield from deliver_event(taken, monitor, event)


def _after_reply(automaton: Automaton, node: Node, replied: Replied) -> Iterator[Hypothesis]:
    if is_inert(automaton.relation, node, replied):
        # when it was executed makes no difference, so there is nothing to be searched
        yield from without_reply(node, replied)
        if replied.reply.answer is not None or replied.reply.run is not None:
            yield from _forced_reply(automaton, node, replied)
        return
    executed = list(_whatever_was_said(automaton, node, replied))
    if executed:
        yield from executed
    else:
        yield from (_dropped(h, replied.monitor, oob=replied.oob is not None) for h in node.hypotheses)
    yield from _forced_reply(automaton, node, replied)


def _whatever_was_said(automaton: Automaton, node: Node, replied: Replied) -> Iterator[Hypothesis]:
    """The hypotheses in which the request was executed as it should be and the reply was a lie."""
    oob = replied.oob is not None
    for reached in automaton.closure(node):
        h = reached.hypothesis
        for thread, items in enumerate(h.owed):
            due = items[0] if items else None
            if isinstance(due, Due) and due.monitor == replied.monitor and due.oob == oob:
                yield h.owing(thread, items[1:])
        monitor = h.monitors[replied.monitor]
        if monitor.backlog and isinstance(monitor.backlog[0], Due):
            yield h.with_monitor(replied.monitor, monitor.without_first_shown())


def _dropped(h: Hypothesis, index: int, *, oob: bool) -> Hypothesis:
    """`h` with the oldest request of a monitor forgotten."""
    return h.with_monitor(index, h.monitors[index].without_oldest(oob=oob))


def _forced_reply(automaton: Automaton, node: Node, replied: Replied) -> Iterator[Hypothesis]:
    if replied.reply.answer is not None or replied.reply.run is not None:
        for h in node.hypotheses[:_SPREAD]:
            yield from _asserted(automaton, _dropped(h, replied.monitor, oob=replied.oob is not None), replied.reply)
        return
    if replied.reply.shown is not None:
        # what it showed is not known any more
        for h in node.hypotheses[:_SPREAD]:
            left = _dropped(h, replied.monitor, oob=replied.oob is not None)
            yield left._replace(state=h.state | _SHOWN_ASIDE)
        return
    contract = contract_of(replied.command, automaton.relation.profile)
    for h in node.hypotheses[:_SPREAD]:
        queue = h.monitors[replied.monitor].queue
        for case in contract.cases:
            if queue and case.asks(queue[0]) and case.words is None and not replied.reply.is_error:
                yield from _force_case(_dropped(h, replied.monitor, oob=replied.oob is not None), case, h, replied)


def _force_case(left: Hypothesis, case: Case, h: Hypothesis, replied: Replied) -> Iterator[Hypothesis]:
    request = h.monitors[replied.monitor].queue[0]
    for conjunction in case.condition(request).cases:
        state = conjunction.forced(h.state)
        for name, value in case.effect(request).items():
            variable = VARIABLES[name]
            state = state & ~variable.field | variable.bits((value,) if isinstance(value, str) else value)
        yield left._replace(state=state | VARIABLES["session"].field)


def _asserted(automaton: Automaton, h: Hypothesis, reply: Reply) -> Iterator[Hypothesis]:
    """`h` as the answer of a query claims it to be."""
    if reply.run is not None:
        run = VARIABLES["run"]
        if reply.run in run.values:
            yield h._replace(state=h.state & ~run.field | run.bits((reply.run,)))
        return
    status = reply.answer.status if reply.answer else None
    for names in (OUTGOING, INCOMING):
        field = sum(VARIABLES[name].field for name in names)
        wanted = VARIABLES[names[0]]
        for situation in situations(automaton.relation, names):
            if wanted.known(situation) == (status or "none"):
                yield h._replace(state=h.state & ~field | situation)
