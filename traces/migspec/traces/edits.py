"""The smallest edit that would make a rejected message legal.

Candidates are tried in the order of how little they change: the message left out, exchanged with the one after it,
another one put in before it, or its content replaced.  Each is followed through the messages after it; the first one
that still explains them all is proposed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migspec.traces.automaton import Automaton, Node
from migspec.traces.hypotheses import Due, Hypothesis
from migspec.traces.observations import Emitted, Observation, Replied

LOOKAHEAD = 8
"""Messages after the rejected one that a candidate has to explain."""


@dataclass(slots=True)
class Edit:
    """A candidate: what to do, and where the VM would be after it; `held` is a message put back behind the next one.

    `rule` is what the trace breaks if this edit mends it, where that is another rule than that of the message.
    """

    text: str
    node: Node | None
    held: Observation | None = None
    rule: str = ""
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
    edits = [Edit("leave this message out", node)]
    edits += _exchanged(node, rejected)
    edits += _inserted(automaton, node, rejected)
    edits += _replaced(automaton, node, rejected)
    return edits


def best(edits: list[Edit]) -> Edit | None:
    """The first edit that explains as many later messages as any."""
    living = [edit for edit in edits if edit.node is not None and edit.held is None]
    return living[0] if living else None


def allowed_events(automaton: Automaton, node: Node) -> dict[str, str]:
    """The events that may come next, each with the rule that announces it."""
    found: dict[str, str] = {}
    for reached in automaton.closure(node):
        for items in reached.hypothesis.owed:
            if items and isinstance(items[0], str) and items[0][0] != "=":
                found.setdefault(items[0], next(reached.rules(), ""))
    return found


def _exchanged(node: Node, rejected: Observation) -> Iterator[Edit]:
    if isinstance(rejected, Emitted | Replied):
        yield Edit("exchange this message with the next one of this VM", node, held=rejected)


def _inserted(automaton: Automaton, node: Node, rejected: Observation) -> Iterator[Edit]:
    if not isinstance(rejected, Emitted | Replied):
        return
    for event, rule in allowed_events(automaton, node).items():
        between = automaton.follow(node, Emitted(rejected.monitor, event)).node
        if between is not None:
            after = automaton.follow(between, rejected).node
            if after is not None:
                yield Edit(f"put {shown(event)} before it", after, rule=rule)


def _replaced(automaton: Automaton, node: Node, rejected: Observation) -> Iterator[Edit]:
    match rejected:
        case Emitted(monitor, event):
            for other, _ in allowed_events(automaton, node).items():
                if other.partition(":")[0] == event.partition(":")[0]:
                    yield Edit(f"make it {shown(other)}", automaton.follow(node, Emitted(monitor, other)).node)
        case Replied(monitor):
            for text, hypotheses in _dues(automaton, node, monitor).items():
                yield Edit(f"make it {text}", automaton.node(hypotheses))


def _dues(automaton: Automaton, node: Node, monitor: int) -> dict[str, list[Hypothesis]]:
    """The replies that are due on a monitor, as text, with what the VM is once each is delivered."""
    found: dict[str, list[Hypothesis]] = {}
    for reached in automaton.closure(node):
        h = reached.hypothesis
        for thread, items in enumerate(h.owed):
            if items and isinstance(items[0], Due) and items[0].monitor == monitor:
                left = h._replace(owed=(*h.owed[:thread], items[1:], *h.owed[thread + 1 :]))
                found.setdefault(str(items[0].expect), []).append(left)
    return found


def shown(event: str) -> str:
    """An event as people write it."""
    name, _, detail = event.partition(":")
    if name == "MIGRATION_PASS":
        return "MIGRATION_PASS{pass: 1}" if detail == "1" else "MIGRATION_PASS{pass: next}"
    return f"{name}{{{detail}}}" if detail else name
