"""Why a message was rejected, on one screen.

An explanation is opened when a message fits no hypothesis, looks on for a few messages, and closes as a finding: what
the VM may have been, for each possibility the step that comes nearest and what stands in its way, the rule with its
source, what would have been allowed, and the smallest edit that would make the trace legal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from migspec.spec.commands import CONTRACTS
from migspec.spec.contracts import Case
from migspec.spec.lifecycle import colo
from migspec.spec.rules import RULES, Rule
from migspec.spec.state import describe
from migspec.traces.automaton import Automaton, Node, Reached
from migspec.traces.edits import LOOKAHEAD, Edit, allowed_events, best, candidates, shown
from migspec.traces.findings import Finding, Grade
from migspec.traces.hypotheses import THREADS, Due, Hypothesis, Owed
from migspec.traces.observations import Emitted, Ended, Observation, Replied, Reply

MOST_SHOWN = 6
"""Hypotheses and allowed events that are listed; the rest are counted."""

_MOST_SEARCHED = 4_000

_SHOWN_VARIABLES = ("outgoing", "stage", "incoming", "load", "run")


@dataclass(frozen=True, slots=True, order=True)
class Nearest:
    """A step that would have shown the message: how many things stand in its way, its rule, and what they are."""

    distance: int
    rule: str
    obstacle: str


@dataclass(slots=True)
class Explanation:
    """An explanation under way: what was rejected, where, and the edits that may mend it."""

    line: int
    vm: str
    node: Node
    observation: Observation
    edits: list[Edit]
    seen: int = field(default=0)

    @property
    def is_complete(self) -> bool:
        """Whether enough later messages were seen."""
        return self.seen >= LOOKAHEAD

    def look(self, automaton: Automaton, observation: Observation) -> None:
        """Take a later message of the VM into account."""
        self.seen += 1
        living = [edit for edit in self.edits if edit.node is not None]
        for edit in living:
            edit.follow(automaton, observation)
        if all(edit.node is None for edit in living):
            # a second fault: what explained everything up to it stays the proposal
            self.edits = [edit for edit in living if edit.seen == max(e.seen for e in living)]
            for edit in self.edits:
                edit.node = self.node
            self.seen = LOOKAHEAD
        else:
            self.edits = living


class Explainer:
    """Opens and closes explanations for one profile."""

    def __init__(self, automaton: Automaton) -> None:
        self.automaton = automaton
        events: dict[str, list[Case]] = {}
        for contract in CONTRACTS.values():
            for case in contract.cases:
                for event in case.emits:
                    events.setdefault(event.removeprefix("!"), []).append(case)
        self._cases = events

    def sentence(self, rule: str) -> str:
        """What a rule says."""
        return RULES[rule].sentence

    def open(self, node: Node, observation: Observation, line: int, vm: str) -> Explanation:
        """Begin to explain why `observation`, in `line`, was rejected at `node`."""
        return Explanation(line, vm, node, observation, candidates(self.automaton, node, observation))

    def close(self, explanation: Explanation) -> Finding:
        """The finding that an explanation comes to."""
        observation = explanation.observation
        edit = best(explanation.edits)
        per_hypothesis = self._nearest_steps(explanation.node, observation)
        nearest = min((step for _, step in per_hypothesis), default=Nearest(0, "", ""))
        rule_id = (edit.rule if edit else "") or nearest.rule
        rule = RULES.get(rule_id)
        return Finding(
            explanation.line,
            explanation.vm,
            rule_id,
            Grade.VIOLATION,
            self._sentence(observation, nearest),
            "\n".join(self._screen(explanation, per_hypothesis, rule, edit)),
        )

    # ---- the screen ----

    def _sentence(self, observation: Observation, nearest: Nearest) -> str:
        match observation:
            case Emitted(_, event):
                return f"{shown(event)} is not possible here: {nearest.obstacle}."
            case Replied(_, command, reply):
                return f"The reply to {command} is {_said(reply)}; {nearest.obstacle}."
            case Ended(exit=code):
                return f"The process ended with exit code {code}; {nearest.obstacle}."
        return f"{observation} is not possible here."

    def _screen(
        self,
        explanation: Explanation,
        per_hypothesis: list[tuple[Hypothesis, Nearest]],
        rule: Rule | None,
        edit: Edit | None,
    ) -> Iterator[str]:
        yield "What the VM may have been, and the step that comes nearest:"
        yield from _table(
            ("", *_SHOWN_VARIABLES, "under way", "nearest step", "what stands in its way"),
            [_row(i, h, step) for i, (h, step) in enumerate(per_hypothesis[:MOST_SHOWN], 1)],
        )
        if len(per_hypothesis) > MOST_SHOWN:
            yield f"  and {len(per_hypothesis) - MOST_SHOWN} more"
        if rule is not None:
            yield f"Rule {rule.id} ({rule.standing.value}{_source(rule)}): {rule.sentence}"
        allowed = [shown(event) for event in allowed_events(self.automaton, explanation.node)]
        dues = self._due_replies(explanation.node)
        options = sorted(set(allowed)) + sorted(set(dues))
        listed = ", ".join(options[: 2 * MOST_SHOWN]) or "nothing that this trace has asked for"
        more = len(options) - 2 * MOST_SHOWN
        yield f"Allowed here: {listed}" + (f", and {more} more" if more > 0 else "")
        yield (
            f"Smallest edit: {edit.text}." if edit else "Smallest edit: no change of one message explains what follows."
        )

    def _due_replies(self, node: Node) -> list[str]:
        found = []
        for reached in self.automaton.closure(node)[:_MOST_SEARCHED]:
            for items in reached.hypothesis.owed:
                if items and isinstance(items[0], Due):
                    found.append(f"the reply to {items[0].request.sent_as}: {items[0].expect}")
        return found

    # ---- the nearest steps ----

    def _nearest_steps(self, node: Node, observation: Observation) -> list[tuple[Hypothesis, Nearest]]:
        """For each hypothesis of the node, the step that comes nearest to showing the message."""
        found: dict[Hypothesis, Nearest] = {}
        for reached in self.automaton.closure(node)[:_MOST_SEARCHED]:
            root = _root(reached)
            for step in self._steps(reached.hypothesis, observation):
                if root not in found or step < found[root]:
                    found[root] = step
        return sorted(found.items(), key=lambda item: (item[1], str(describe(item[0].state, _SHOWN_VARIABLES))))

    def _steps(self, h: Hypothesis, observation: Observation) -> Iterator[Nearest]:
        match observation:
            case Emitted(_, event):
                yield from self._emitters(h, event)
            case Replied(monitor, command, reply, oob):
                yield from _dues(h, monitor, command, reply, oob=oob is not None)
            case Ended():
                yield Nearest(1, "process.terminated", f"life is {describe(h.state, ('life',))['life']}")

    def _emitters(self, h: Hypothesis, event: str) -> Iterator[Nearest]:
        for row in (*self.automaton.relation.rows, *self.automaton.relation.instant.get(event, ())):
            if event not in {emitted.removeprefix("!") for emitted in row.emits}:
                continue
            obstacles = [f"{literal} is needed" for literal in row.when.blockers(h.state)]
            owed = h.owed[THREADS.index(row.thread)]
            if owed and owed[0] != event:
                obstacles.insert(0, f"{_named(owed[0])} comes first")
            yield Nearest(len(obstacles) + _strangeness(row.id, h), row.id, _joined(obstacles))
        for case in self._cases.get(event, ()):
            command = case.id.partition(".")[0]
            waiting = [m.queue[0].command for m in h.monitors if m.queue]
            obstacles = [] if command in waiting else [f"no {command} is under way"]
            yield Nearest(len(obstacles) + 1, case.id, _joined(obstacles) or "the command would not send it")


_COLO_RULES = frozenset(row.id for row in colo.ROWS)


def _strangeness(rule: str, h: Hypothesis) -> int:
    """How far from mind a row is that has to do with something that the VM shows no sign of."""
    known = describe(h.state, ("outgoing", "incoming", "cap.x-colo"))
    if rule in _COLO_RULES:
        return 2 * ("colo" not in (known["outgoing"], known["incoming"]) and known["cap.x-colo"] != "yes")
    other = {"incoming": "outgoing", "outgoing": "incoming"}.get(rule.partition(".")[0])
    return 2 * (other is not None and known[other] not in ("none", "none|completed", "?"))


def _dues(h: Hypothesis, index: int, command: str, reply: Reply, *, oob: bool) -> Iterator[Nearest]:
    """What the reply should have been instead."""
    for items in h.owed:
        due = items[0] if items else None
        if not isinstance(due, Due) or due.monitor != index or due.oob != oob:
            if items and isinstance(items[0], str) and any(isinstance(item, Due) for item in items):
                yield Nearest(1, _rule_of_event(items[0]), f"{_named(items[0])} comes first")
            continue
        yield _difference(h, due, command, reply)


def _difference(h: Hypothesis, due: Due, command: str, reply: Reply) -> Nearest:
    expect = due.expect
    if expect.query == "query-migrate" and reply.answer is not None:
        seen = describe(expect.seen, ("outgoing", "incoming"))
        status = seen["outgoing"] if seen["outgoing"] != "none" else seen["incoming"]
        told = reply.answer.status or "none"
        if told in status.split("|") or status == "?":
            return Nearest(1, "query-migrate.members", f"with status {told} the members are others")
        return Nearest(2, "query-migrate.status", f"the status must be {status}")
    if expect.query == "query-status" and reply.run is not None:
        return Nearest(2, "query-status.run", f"the run state must be {describe(expect.seen, ('run',))['run']}")
    if expect.query == "query-migrate-capabilities" and reply.settings is not None:
        wrong = [
            name
            for name, on in reply.settings
            if describe(h.state, (f"cap.{name}",))[f"cap.{name}"] not in ("?", "yes" if on else "no")
        ]
        return Nearest(len(wrong) + 1, "query-migrate-capabilities.settings", f"it differs in {', '.join(wrong)}")
    distance = 1 if expect.is_error == reply.is_error else 2
    return Nearest(distance, expect.rule, f"it must be {expect}")


def _rule_of_event(owed: str) -> str:
    return "" if owed.startswith("=") else f"schema.{owed.partition(':')[0]}"


def _root(reached: Reached) -> Hypothesis:
    while reached.before is not None:
        reached = reached.before
    return reached.hypothesis


def _row(number: int, h: Hypothesis, step: Nearest) -> tuple[str, ...]:
    known = describe(h.state, _SHOWN_VARIABLES)
    return (
        str(number),
        *(_short(known[name]) for name in _SHOWN_VARIABLES),
        _under_way(h),
        step.rule or "none",
        step.obstacle,
    )


def _short(value: str) -> str:
    choices = value.split("|")
    return value if len(choices) < 3 else f"one of {len(choices)}"


def _under_way(h: Hypothesis) -> str:
    owed = [_named(items[0]) for items in h.owed if items]
    asked = [monitor.queue[0].sent_as for monitor in h.monitors if monitor.queue]
    return ", ".join((*owed, *asked)) or "–"


def _named(item: Owed) -> str:
    if isinstance(item, Due):
        return f"the reply to {item.request.sent_as}"
    return shown(item) if item[0] != "=" else "a change of state"


def _said(reply: Reply) -> str:
    return str(reply)


def _joined(obstacles: Iterable[str]) -> str:
    return " and ".join(obstacles)


def _source(rule: Rule) -> str:
    parts = [f"schema: {rule.clause}" if rule.clause else "", rule.evidence]
    told = "; ".join(part for part in parts if part)
    return f"; {told}" if told else ""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
