"""The smallest edit that would make a rejected message legal.

Candidates are tried in the order of how little they change: the message left out, exchanged with the one after it,
another one put in before it, its content replaced, or two put in before it.  Each is followed through the messages
after it; the first one that still explains them all is proposed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from migspec.spec.contracts import Expect
from migspec.spec.steps import Due, deliver_event
from migspec.traces.automaton import Automaton, Node
from migspec.traces.hypotheses import Hypothesis
from migspec.traces.observations import Emitted, Observation, Replied

LOOKAHEAD = 8
"""Messages after the rejected one that a candidate has to explain."""


@dataclass(slots=True)
class Edit:
    """A candidate: what to do, and where the VM would be after it; `held` is a message put back behind the next one.

    `rule` is what the trace breaks if this edit mends it, where that is another rule than that of the message.
    `missing` is what an edit puts before the message, `instead` what the message should have been.
    """

    text: str
    node: Node | None
    held: Observation | None = None
    rule: str = ""
    missing: str = ""
    instead: str = ""
    seen: int = 0

    def follow(self, automaton: Automaton, observation: Observation) -> None:
        """Go on with a later message."""
        if self.node is None:
            return
        self.node = automaton.follow(self.node, observation).node
        if self.node is not None and self.held is not None:
            self.node = automaton.follow(self.node, self.held).node
            self.held = None
        self.seen += self.node is not None


def candidates(automaton: Automaton, node: Node, rejected: Observation) -> list[Edit]:
    """Every edit of one message that makes `rejected` legal at `node`, the smallest first."""
    left_out = Edit("leave this message out", node)
    others = [
        *_exchanged(node, rejected),
        *_inserted(automaton, node, rejected),
        *_replaced(automaton, node, rejected),
        *_inserted_twice(automaton, node, rejected),
    ]
    # a request wants its reply, so a reply is rather another one than none
    return [*others, left_out] if isinstance(rejected, Replied) else [left_out, *others]


def best(edits: list[Edit]) -> Edit | None:
    """The first edit that explains as many later messages as any."""
    living = [edit for edit in edits if edit.node is not None and edit.held is None]
    return living[0] if living else None


def allowed_events(automaton: Automaton, node: Node, monitor: int) -> dict[str, str]:
    """The events that a monitor may show next, each with the rule that announces it."""
    found: dict[str, str] = {}
    for reached in automaton.closure(node):
        h = reached.hypothesis
        ahead = (h.monitors[monitor].backlog[:1], *h.owed)
        for items in ahead:
            event = items[0] if items else None
            if not isinstance(event, str) or event[0] == "=" or event in found:
                continue
            if any(True for _ in deliver_event(h, monitor, event)):
                found[event] = next(reached.rules(), "")
    return dict(sorted(found.items()))


def _exchanged(node: Node, rejected: Observation) -> Iterator[Edit]:
    if isinstance(rejected, Emitted | Replied):
        yield Edit("exchange this message with the next one of this VM", node, held=rejected)


def _inserted(automaton: Automaton, node: Node, rejected: Observation) -> Iterator[Edit]:
    if not isinstance(rejected, Emitted | Replied):
        return
    for event, rule in allowed_events(automaton, node, rejected.monitor).items():
        between = automaton.follow(node, Emitted(rejected.monitor, event)).node
        yield from _put_before(automaton, between, rejected, shown(event), rule)
    if isinstance(rejected, Emitted):
        for expect, dues in _dues(automaton, node, rejected.monitor).items():
            between = automaton.node(due.left for due in dues)
            yield from _put_before(automaton, between, rejected, f"the reply to {dues[0].command}", expect.rule)


def _inserted_twice(automaton: Automaton, node: Node, rejected: Observation) -> Iterator[Edit]:
    if not isinstance(rejected, Emitted):
        return
    for event, rule in allowed_events(automaton, node, rejected.monitor).items():
        between = automaton.follow(node, Emitted(rejected.monitor, event)).node
        if between is None:
            continue
        for edit in _inserted(automaton, between, rejected):
            both = f"{shown(event)} and {edit.missing}"
            yield Edit(f"put {both} before it", edit.node, rule=rule, missing=both)


def _put_before(
    automaton: Automaton, between: Node | None, rejected: Observation, what: str, rule: str
) -> Iterator[Edit]:
    after = automaton.follow(between, rejected).node if between is not None else None
    if after is not None:
        yield Edit(f"put {what} before it", after, rule=rule, missing=what)


def _replaced(automaton: Automaton, node: Node, rejected: Observation) -> Iterator[Edit]:
    match rejected:
        case Emitted(monitor, event):
            for other, rule in allowed_events(automaton, node, monitor).items():
                if other.partition(":")[0] == event.partition(":")[0]:
                    after = automaton.follow(node, Emitted(monitor, other)).node
                    yield Edit(f"make it {shown(other)}", after, rule=rule, instead=shown(other))
        case Replied(monitor):
            for expect, dues in _dues(automaton, node, monitor).items():
                after = automaton.node(due.left for due in dues)
                if expect.query:
                    yield Edit("change what it says", after)
                else:
                    yield Edit(f"make it {expect}", after, rule=expect.rule, instead=str(expect))


class _Answered(NamedTuple):
    """A VM that has given a reply that was due: to which command, and what is left."""

    command: str
    left: Hypothesis


def _dues(automaton: Automaton, node: Node, monitor: int) -> dict[Expect, list[_Answered]]:
    """What is due as the next reply of a monitor, with what the VM is once it is delivered."""
    found: dict[Expect, list[_Answered]] = {}
    for reached in automaton.closure(node):
        h = reached.hypothesis
        for thread, items in enumerate(h.owed):
            if items and isinstance(items[0], Due) and items[0].monitor == monitor and not items[0].expect.torn:
                answered = _Answered(items[0].request.sent_as, h.owing(thread, items[1:]))
                found.setdefault(items[0].expect, []).append(answered)
    return dict(sorted(found.items(), key=lambda due: (due[0].rule, str(due[0]))))


def shown(event: str) -> str:
    """An event as people write it."""
    name, _, detail = event.partition(":")
    if name == "MIGRATION_PASS":
        return "MIGRATION_PASS{pass: 1}" if detail == "1" else "MIGRATION_PASS{pass: next}"
    if name == "COLO_EXIT":
        mode, _, reason = detail.partition("-")
        return f"COLO_EXIT{{mode: {mode}, reason: {reason}}}"
    return f"{name}{{{detail}}}" if detail else name
