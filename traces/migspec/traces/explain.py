"""Why a message was rejected, on one screen.

An explanation is opened when a message fits no hypothesis, looks on for a few messages, and closes as a finding: what
the VM may have been, for each possibility the step that comes nearest and what stands in its way, the rule with its
source, what would have been allowed, and the smallest edit that would make the trace legal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from migspec.spec.commands import CONTRACTS
from migspec.spec.commands.colo import ColoAnswer, parts
from migspec.spec.commands.dirty_rate import DirtyRateAnswer
from migspec.spec.commands.queries import BLOCKTIME, EXTRAS, REQUIRED, MigrateAnswer, fits
from migspec.spec.conditions import Literal
from migspec.spec.contracts import SEEN, Case, Expect
from migspec.spec.lifecycle import colo
from migspec.spec.parameters import READ
from migspec.spec.rows import Row, Standing
from migspec.spec.rules import RULES, Rule
from migspec.spec.state import ANYTHING, describe
from migspec.spec.steps import MAIN, NEGOTIATING, THREADS, Due, Owed
from migspec.spec.vocabulary import MigrationParameter
from migspec.traces.automaton import Automaton, Node, Reached
from migspec.traces.edits import LOOKAHEAD, Edit, allowed_events, best, candidates, shown
from migspec.traces.findings import Finding, Grade
from migspec.traces.hypotheses import Hypothesis
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
                for event in case.events:
                    events.setdefault(event, []).append(case)
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
        rule_id = (edit.rule if edit else "") or nearest.rule or _fallback(observation)
        rule = RULES.get(rule_id)
        return Finding(
            explanation.line,
            explanation.vm,
            rule_id,
            Grade.VIOLATION,
            _sentence(observation, nearest, edit),
            "\n".join(self._screen(explanation, per_hypothesis, rule, edit)),
            _only(_told_apart(per_hypothesis)),
        )

    # ---- the screen ----

    def _screen(
        self,
        explanation: Explanation,
        per_hypothesis: list[tuple[Hypothesis, Nearest]],
        rule: Rule | None,
        edit: Edit | None,
    ) -> Iterator[str]:
        if per_hypothesis:
            steps = _told_apart(per_hypothesis)
            head = (*_SHOWN_VARIABLES, "under way", "nearest step", "what stands in its way")
            rows = [row for _, row in sorted({(step.distance, _row(h, step)) for h, step in per_hypothesis})]
            yield "What the VM may have been:" if len(steps) == 1 else "What the VM may have been, and how near it is:"
            # where all agree on the step it needs no column
            told = len(head) - 2 * (len(steps) == 1)
            rows = list(dict.fromkeys(row[:told] for row in rows))
            yield from _table(head[:told], rows[:MOST_SHOWN])
            if len(rows) > MOST_SHOWN:
                yield f"  and {len(rows) - MOST_SHOWN} more"
            if len(steps) == 1:
                step, obstacle = steps.pop()
                yield f"Nearest step: {step}"
                yield f"  {obstacle}"
        if rule is not None:
            yield f"Rule {rule.id}: {rule.sentence}"
            yield f"  {rule.standing.value}{_source(rule)}"
        options = [shown(event) for event in self._allowed(explanation)] + self._due_replies(explanation.node)
        yield "Allowed here:" + ("" if options else " nothing that this trace has asked for")
        yield from (f"  {option}" for option in options[: 2 * MOST_SHOWN])
        if len(options) > 2 * MOST_SHOWN:
            yield f"  and {len(options) - 2 * MOST_SHOWN} more"
        yield f"Smallest edit: {edit.text if edit else 'no change of one message explains what follows'}."
        if self._another_client_explains(explanation):
            yield "A client outside the trace could have caused it: --other-clients admits such."

    def _allowed(self, explanation: Explanation) -> Iterable[str]:
        observation = explanation.observation
        if isinstance(observation, Emitted | Replied | Ended):
            return allowed_events(self.automaton, explanation.node, observation.monitor)
        return ()

    def _another_client_explains(self, explanation: Explanation) -> bool:
        """Whether one request that the trace does not show would make the message legal."""
        relation = self.automaton.relation
        moved = {
            step.after
            for reached in self.automaton.closure(explanation.node)[:_MOST_SEARCHED]
            if not reached.hypothesis.owed[MAIN]
            for step in relation.unseen(reached.hypothesis)
        }
        if not moved:
            return False
        return self.automaton.follow(self.automaton.node(moved), explanation.observation).node is not None

    def _due_replies(self, node: Node) -> list[str]:
        found = set()
        for reached in self.automaton.closure(node)[:_MOST_SEARCHED]:
            for items in reached.hypothesis.owed:
                if items and isinstance(items[0], Due) and not items[0].expect.torn:
                    found.add(f"the reply to {items[0].request.sent_as}: {_expected(items[0].expect)}")
        return sorted(found)

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
            case Emitted(monitor) if h.monitors[monitor].session & NEGOTIATING:
                yield Nearest(0, "envelope.greeting", "a monitor shows no event before its negotiation is over")
            case Emitted(_, event):
                yield from self._emitters(h, event)
            case Replied(monitor, command, reply, oob):
                yield from _dues(h, monitor, command, reply, oob=oob is not None)
            case Ended():
                yield Nearest(1, "process.terminated", "nothing that was seen ends it so")

    def _emitters(self, h: Hypothesis, event: str) -> Iterator[Nearest]:
        for row in (*self.automaton.relation.rows, *self.automaton.relation.instant.get(event, ())):
            sender = next((thread for thread, sent in row.sends if sent == event), None)
            if sender is None:
                continue
            obstacles = list(_unmet(row.when.blockers(h.state), h.state))
            owed = h.owed[THREADS.index(sender)]
            if owed and owed[0] != event:
                obstacles.insert(0, f"{_named(owed[0])} comes first")
            distance = len(obstacles) + _strangeness(row.id, h) + _is_aside(row, event, h)
            yield Nearest(distance, row.id, _joined(obstacles))
        for case in self._cases.get(event, ()):
            command = case.id.partition(".")[0]
            if command in [monitor.queue[0].command for monitor in h.monitors if monitor.queue]:
                yield Nearest(1, case.id, f"the {command} under way would not send it")
            else:
                yield Nearest(2 + (case.standing is Standing.DEFECT), case.id, f"no {command} is under way")


def _sentence(observation: Observation, nearest: Nearest, edit: Edit | None) -> str:
    """What is wrong with a message, as shortly as can be said."""
    why = f": {nearest.obstacle}" if nearest.obstacle else ""
    match observation:
        case Emitted(_, event):
            if edit is not None and edit.missing:
                return f"{shown(event)} comes without {edit.missing} before it."
            if edit is not None and edit.instead:
                return f"{shown(event)} should be {edit.instead}."
            return f"{shown(event)} is not possible here{why}."
        case Replied(_, command, reply):
            said = str(reply) if reply.answer is None else f"status {reply.answer.status or 'absent'}"
            if edit is not None and edit.missing:
                return f"The reply to {command} is {said}, without {edit.missing} before it."
            if edit is not None and edit.instead:
                wanted = edit.instead if reply.is_error or edit.instead != "success" else "an empty object"
                return f"The reply to {command} is {said}; it must be {wanted}."
            return f"The reply to {command} is {said}{why.replace(':', ';')}."
        case Ended(exit=code):
            return f"The process ended with exit code {code}{why}."
    return f"{observation} is not possible here{why}."


_COLO_RULES = frozenset(row.id for row in colo.ROWS)


def _strangeness(rule: str, h: Hypothesis) -> int:
    """How far from mind a row is that has to do with something that the VM shows no sign of."""
    known = describe(h.state, ("outgoing", "incoming", "cap.x-colo", "stop-due"))
    if rule in _COLO_RULES:
        return 2 * ("colo" not in (known["outgoing"], known["incoming"]) and known["cap.x-colo"] != "yes")
    if rule == "guest.stops-by-itself":
        return 2 * (known["stop-due"] != "yes")
    other = {"incoming": "outgoing", "outgoing": "incoming"}.get(rule.partition(".")[0])
    return 2 * (other is not None and known[other] not in ("none", "none|completed", "?"))


def _is_aside(row: Row, event: str, h: Hypothesis) -> bool:
    """Whether a row is a defect, or one of postcopy where neither event nor VM have to do with it."""
    statuses = "".join(describe(h.state, ("outgoing", "incoming")).values())
    return row.standing is Standing.DEFECT or ("postcopy" in row.id and "postcopy" not in event + statuses)


_INNER = ("stage", "load")
"""Variables that only refine a status: with an obstacle in the status itself they are not worth a word."""


def _unmet(literals: Iterable[Literal], state: int) -> Iterator[str]:
    """What literals ask for and the state has otherwise."""
    unmet = list(literals)
    outer = [literal for literal in unmet if literal.variable.name not in _INNER]
    for literal in outer or unmet:
        name = literal.variable.name
        known = describe(state, (name,))[name]
        now = f"{name} is {known}, and" if _is_short(known) and known != "?" else name
        wanted = literal.values
        others = [value for value in literal.variable.values if value not in wanted]
        if len(others) < len(wanted):
            yield f"{now} must not be {_either(others)}"
        else:
            yield f"{now} must be {_either(wanted)}"


def _dues(h: Hypothesis, index: int, command: str, reply: Reply, *, oob: bool) -> Iterator[Nearest]:
    """What the reply should have been instead."""
    for items in h.owed:
        due = items[0] if items else None
        if not isinstance(due, Due) or due.monitor != index or due.oob != oob:
            if items and isinstance(items[0], str) and any(isinstance(item, Due) for item in items):
                yield Nearest(1, _rule_of_event(items[0]), f"{_named(items[0])} comes first")
            continue
        if not due.expect.torn:
            yield _difference(h, due, reply)


def _difference(h: Hypothesis, due: Due, reply: Reply) -> Nearest:
    expect = due.expect
    if expect.query == "query-migrate" and reply.answer is not None:
        status = _status(expect.seen)
        told = reply.answer.status or "none"
        if told not in status.split("|") and status != "?":
            return Nearest(2, "query-migrate.status", f"the status {_among(status)}")
        return Nearest(1, "query-migrate.members", _other_members(reply.answer, expect.seen))
    if expect.query == "query-status" and reply.run is not None:
        run = describe(expect.seen, ("run",))["run"]
        return Nearest(2, "query-status.run", f"the run state {_among(run)}")
    if expect.query == "query-migrate-capabilities" and reply.settings is not None:
        wrong = [
            f"{name} must be {'off' if on else 'on'}"
            for name, on in reply.settings
            if describe(h.state, (f"cap.{name}",))[f"cap.{name}"] not in ("?", "yes" if on else "no")
        ]
        return Nearest(len(wrong) + 1, "query-migrate-capabilities.settings", _joined(wrong))
    if expect.query == READ and reply.block_incremental is not None:
        must = "off" if reply.block_incremental else "on"
        return Nearest(2, f"{READ}.{MigrationParameter.BLOCK_INCREMENTAL}", f"block-incremental must be {must}")
    if expect.query and reply.shown is not None:
        return _otherwise_shown(expect.seen, reply.shown)
    distance = 1 if expect.is_error == reply.is_error else 2
    return Nearest(distance, expect.rule, f"it must be {expect}")


def _otherwise_shown(seen: int, answer: ColoAnswer | DirtyRateAnswer) -> Nearest:
    """The first part of an answer that the state does not allow."""
    state = seen | ~SEEN & ANYTHING
    if isinstance(answer, ColoAnswer):
        for part, condition in parts(answer):
            if not condition.assume(state):
                needs = _joined(_unmet(condition.blockers(state), state))
                return Nearest(1, f"query-colo-status.{part}", f"{part} cannot be so: {needs}")
        return Nearest(1, "query-colo-status.mode", "its parts do not go together")
    known = describe(seen, ("dirty-rate",))["dirty-rate"]
    rate = "with a rate once it is measured, and without one before" if answer.status in known.split("|") else ""
    return Nearest(1, "query-dirty-rate.status", rate or f"the measurement is {_among(known)}")


_MEMBERS = sorted(
    frozenset().union(*REQUIRED.values(), BLOCKTIME, {extra.member for extra in EXTRAS}, {"socket-address"})
)


def _other_members(answer: MigrateAnswer, seen: int) -> str:
    """The one member that is there too many or too few, if it is one."""
    for member in _MEMBERS:
        other = replace(answer, members=answer.members ^ {member})
        if any(condition.assume(seen | ~SEEN & ANYTHING) for condition in fits(other)):
            return f"{member} must {'not be there' if member in answer.members else 'be there'}"
    return f"with status {answer.status or 'absent'} other members are due"


def _status(seen: int) -> str:
    """The status that query-migrate shows in a state."""
    known = describe(seen, ("outgoing", "incoming"))
    return known["incoming"] if known["outgoing"] == "none" else known["outgoing"]


def _among(choices: str) -> str:
    """What was to be told instead, where the choice is small enough to be of use."""
    return f"must be {_either(choices.split('|'))}" if _is_short(choices) else "cannot be that"


def _expected(expect: Expect) -> str:
    """What a reply must be, with what a query has to say."""
    match expect.query:
        case "query-status":
            return f"run state {_short(describe(expect.seen, ('run',))['run'])}"
        case "query-migrate":
            return f"status {_short(_status(expect.seen))}"
        case "":
            return str(expect)
    return "success"


def _told_apart(per_hypothesis: list[tuple[Hypothesis, Nearest]]) -> set[tuple[str, str]]:
    """The nearest steps that a reader can tell apart."""
    return {(step.rule, step.obstacle) for _, step in per_hypothesis}


def _only(steps: set[tuple[str, str]]) -> str:
    """The step, if it is the only one."""
    return ": ".join(next(iter(steps))) if len(steps) == 1 else ""


def _rule_of_event(owed: str) -> str:
    return "" if owed.startswith("=") else f"schema.{owed.partition(':')[0]}"


def _fallback(observation: Observation) -> str:
    """The rule to name where no step comes near: that the message exists at all."""
    match observation:
        case Emitted(event=event):
            return f"schema.{event.partition(':')[0]}"
        case Replied():
            return "envelope.reply.unrequested"
    return "process.terminated"


def _root(reached: Reached) -> Hypothesis:
    while reached.before is not None:
        reached = reached.before
    return reached.hypothesis


def _row(h: Hypothesis, step: Nearest) -> tuple[str, ...]:
    known = describe(h.state, _SHOWN_VARIABLES)
    return (
        *(_short(known[name]) for name in _SHOWN_VARIABLES),
        _under_way(h),
        step.rule,
        step.obstacle,
    )


def _is_short(value: str) -> bool:
    return value.count("|") < 2


def _short(value: str) -> str:
    return value if _is_short(value) else "?"


def _under_way(h: Hypothesis) -> str:
    owed = [_named(items[0]) for items in h.owed if items]
    asked = [monitor.queue[0].sent_as for monitor in h.monitors if monitor.queue]
    return ", ".join((*owed, *asked))


def _named(item: Owed) -> str:
    if isinstance(item, Due):
        return f"the reply to {item.request.sent_as}"
    return shown(item) if item[0] != "=" else "a change of state"


def _joined(obstacles: Iterable[str]) -> str:
    return "; ".join(obstacles)


def _either(values: Iterable[str]) -> str:
    *first, last = values
    return f"{', '.join(first)} or {last}" if first else last


def _source(rule: Rule) -> str:
    parts = [f"schema: {rule.clause}" if rule.clause else "", rule.evidence]
    told = "; ".join(part for part in parts if part)
    return f"; {told}" if told else ""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """The rows under their heads, without the columns that say nothing."""
    told = [i for i in range(len(head)) if any(row[i] not in ("", "?", "none") for row in rows)]
    widths = {i: max(len(row[i]) for row in (head, *rows)) for i in told}
    for row in (head, *rows):
        yield "  " + "  ".join(row[i].ljust(widths[i]) for i in told).rstrip()
