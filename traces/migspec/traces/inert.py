"""Replies that no state admits, and requests that move nothing.

Where no state at all admits a reply to its request, it is wrong whatever the beginning of the trace was, and no other
one needs to be tried for it. A query moves nothing, nor does a command whose every case leaves the state alone: when
it is executed makes no difference, so a wrong reply to one teaches nothing about the VM.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from migspec.spec.commands import answers, contract_of
from migspec.spec.commands.queries import torn
from migspec.spec.contracts import SEEN
from migspec.spec.requests import Request
from migspec.spec.state import ANYTHING
from migspec.spec.steps import IO, MAIN, SESSION, Due
from migspec.traces.automaton import Node
from migspec.traces.hypotheses import Hypothesis, Relation, agree
from migspec.traces.observations import Observation, Replied, Reply


def is_inert(relation: Relation, node: Node, replied: Replied) -> bool:
    """Whether the request that was answered moves nothing but its monitor, in whatever hypothesis."""
    request = _the_request(node, replied)
    return request is not None and _moves_nothing(relation.profile, request)


def is_impossible(relation: Relation, node: Node, observation: Observation) -> bool:
    """Whether an observation is a reply that no state admits."""
    if not isinstance(observation, Replied):
        return False
    request = _the_request(node, observation)
    return request is not None and not _may_be(relation, request, observation.reply)


def without_reply(node: Node, replied: Replied) -> list[Hypothesis]:
    """The hypotheses of a node after a request that moves nothing was answered, with the reply left out of account."""
    return [_settled(h, replied) if _request(h, replied) is not None else h for h in node.hypotheses]


def _settled(h: Hypothesis, replied: Replied) -> Hypothesis:
    """`h` with the request that was answered executed; if that was to negotiate, it may have failed."""
    index, oob = replied.monitor, replied.oob is not None
    due = _due(h, index, oob=oob)
    monitor = h.monitors[index]
    if due is None:
        negotiates = replied.command == "qmp_capabilities" and not oob
        monitor = monitor.without_oldest(oob=oob)
        monitor = monitor if oob else monitor._replace(late=0)
        return h.with_monitor(index, monitor._replace(session=SESSION.field) if negotiates else monitor)
    thread = IO if oob else MAIN
    h = h.owing(thread, tuple(item for item in h.owed[thread] if item is not due))
    return h.with_monitor(index, monitor._replace(backlog=tuple(item for item in monitor.backlog if item is not due)))


def _the_request(node: Node, replied: Replied) -> Request | None:
    """The request that a reply answers, if all hypotheses agree about it."""
    requests = {_request(h, replied) for h in node.hypotheses}
    return requests.pop() if len(requests) == 1 else None


def _request(h: Hypothesis, replied: Replied) -> Request | None:
    """The request that a reply answers."""
    oob = replied.oob is not None
    due = _due(h, replied.monitor, oob=oob)
    monitor = h.monitors[replied.monitor]
    waiting = monitor.oob if oob else monitor.queue
    request = due.request if due else waiting[0] if waiting else None
    return request if request is not None and request.sent_as == replied.command else None


def _due(h: Hypothesis, monitor: int, *, oob: bool) -> Due | None:
    """The reply that a thread owes to a monitor, or that waits to be shown there."""
    owed = (*h.owed[IO if oob else MAIN], *h.monitors[monitor].backlog)
    mine = (item for item in owed if isinstance(item, Due) and item.monitor == monitor and item.oob == oob)
    return next(mine, None)


@lru_cache(maxsize=4096)
def _moves_nothing(profile: str, request: Request) -> bool:
    cases = contract_of(request.command, profile).cases
    return not any(case.asks(request) and (case.emits or case.effect(request).keys() - {"session"}) for case in cases)


@lru_cache(maxsize=4096)
def _may_be(relation: Relation, request: Request, reply: Reply) -> bool:
    """Whether a request may be answered so in some state, or while some step is taken."""
    expected = {(answer.expect, answer.state) for answer in answers(request, ANYTHING, relation.profile)}
    for row in relation.tearing.values():
        for state in row.when.assume(ANYTHING):
            due = (torn(replace(expect, seen=state & SEEN), row) for expect, _ in set(expected) if expect.query)
            expected |= {(expect, row.after(state)) for expect in due if expect is not None}
    return any(next(agree(Due(0, expect, request), reply, state), None) is not None for expect, state in expected)
