"""What is said of a played run: that a rule is broken, that somebody stands still, or nothing.

Most mutants that are wrong say something that no behaviour of the specification explains: the judge finds that. One
whose thread never goes on says nothing wrong and is wrong all the same: the specification's rows say that it has more
to do. That is the other half here, the counterpart of weak fairness: at the end of a run nothing is in the way of any
thread, so that nothing is left to do after a while is an observation like any other. Hypotheses in which a thread has
still to take a step do not survive it; where none survives, or what is answered next is not explained by those that do,
the VM stands still.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_
from types import MappingProxyType
from typing import Final
from unittest.mock import patch

from tests.mutants.runs import Played

from migspec.spec.conditions import Condition, where
from migspec.spec.lifecycle import ROWS
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.state import VARIABLES, Life, Load, Stage
from migspec.traces.automaton import Automaton, Node
from migspec.traces.beginnings import LATE
from migspec.traces.cursor import Cursor
from migspec.traces.explain import Explainer, Explanation
from migspec.traces.findings import Finding, Grade, Report
from migspec.traces.format import read_header
from migspec.traces.hypotheses import Hypothesis
from migspec.traces.judge import Options, TraceJudge, bench_of
from migspec.traces.observations import Observation

MOST_LINES: Final = 2_500
"""Lines of a trace that are judged."""

_STAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Stage.IDLE: "there is nothing to do",
        Stage.PAUSED: "a client has to resume it",
        Stage.STUCK: "a known defect: nothing will ever happen",
        Stage.COLO_STARTING: "the secondary has to be ready",
        Stage.COLO_RUNNING: "COLO goes on until somebody orders its end",
        Stage.COLO_STOPPED: "the same",
        Stage.COLO_SAVING: "the same",
        Stage.COLO_EXITED: "somebody has to order the end of COLO",
    }
)
"""The stages in which an outgoing side may rest, and why."""

RESTLESS: Final = "never rests"
"""Where a machine is that takes step after step."""

_PATIENT: Final = (
    Load.NONE,
    Load.DEFERRED,
    Load.LISTENING,
    Load.PAUSED,
    Load.RECOVERING,
    Load.COLO_STARTING,
    Load.COLO_RUNNING,
    Load.COLO_STOPPED,
    Load.COLO_EXITED,
    Load.DONE,
)
"""The loads in which an incoming side may rest, whoever is at the other end."""
_FED: Final = (
    Load.LOADING,
    Load.POSTCOPY,
    Load.RUNNING,
    Load.RECOVERED,
)
"""The loads in which it may rest only as long as somebody may be at the other end."""

_OUTGOING_RESTS: Final = (
    where({"stage": tuple(_STAGES)})
    | where({"stage": (Stage.HELD, Stage.POSTCOPY_HELD), "continued": "no"})
    # a command gives no answer over a return path, and one whose end nobody notices is waited for
    | where({"piped": "yes"})
)
_CLEAN: Final = where({"life": Life.ALIVE}) & reduce(
    and_, (~row.when for row in ROWS if row.id.startswith("outgoing.block-options-returned."))
)
_ITERATES: Final = where({"stage": (Stage.ITERATING, Stage.UNPLUGGING)})
_RESTS: Final[Mapping[tuple[bool, bool], Condition]] = {
    (fed, busy): (_OUTGOING_RESTS | _ITERATES if busy else _OUTGOING_RESTS)
    & _CLEAN
    & where({"load": (*_PATIENT, *_FED) if fed else _PATIENT})
    for fed in (False, True)
    for busy in (False, True)
}
"""What is so of a VM once nothing is left to do: whether somebody may send to it, and whether it may be sending."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a run: the rule that is broken, empty if none is, and the VMs that stand still, with where."""

    rule: str = ""
    stands: tuple[tuple[str, str], ...] = ()
    exercised: frozenset[str] = frozenset()


class Blunt(Explainer):
    """Says what could not be explained, and looks for no reasons: those take longer than all the rest."""

    def open(self, node: Node, observation: Observation, line: int, vm: str) -> Explanation:
        """Note what was rejected."""
        return Explanation(line, vm, node, observation, [])

    def close(self, explanation: Explanation) -> Finding:
        """The finding, with what was rejected in place of the rule."""
        told = f"unexplained: {explanation.observation}"
        return Finding(explanation.line, explanation.vm, told, Grade.VIOLATION, told)


class Informed(TraceJudge):
    """A judge that knows that each trace begins with the process, as whoever starts the processes does.

    Without that knowledge nearly every beginning has to be tried before a message is rejected, which takes seconds
    where this takes milliseconds.
    """

    def cursor(self, automaton: Automaton, *, late: bool) -> Cursor:
        cursor = super().cursor(automaton, late=late)
        cursor._tries = [attempt for attempt in cursor._tries if attempt.tier < LATE]
        return cursor


def verdict(played: Played, *, informed: bool = True) -> Verdict:
    """What is said of a run, by a judge who knows where it began or not; of one that breaks a rule nothing else."""
    bench = bench_of(QEMU_5_2_0)
    with patch.object(bench, "explainer", Blunt(bench.automaton)):
        return _verdict(played, Informed if informed else TraceJudge)


def _verdict(played: Played, judges: type[TraceJudge]) -> Verdict:
    header, *lines = played.lines
    report = Report("run")
    judge = judges(report, read_header(header), Options(profile=QEMU_5_2_0))
    stands: tuple[tuple[str, str], ...] = ()
    rested, rests = False, dict(played.rests)
    for number, line in enumerate(lines[:MOST_LINES], 2):
        judge.feed(number, line)
        if judge.has_violation:
            break
        if number in rests and not stands:
            stands, rested = tuple(come_to_rest(judge, busy=rests[number])), True
    judge.finish()
    found = [finding for finding in report.findings if finding.grade is Grade.VIOLATION]
    if played.restless and not found:
        stands = (*stands, ("", RESTLESS))
    if stands or (found and rested):
        # what no VM at rest can say
        stands = stands or ((found[0].vm, f"what comes after it: {found[0].rule}"),)
        return Verdict("", stands, frozenset(report.exercised))
    return Verdict(found[0].rule if found else "", (), frozenset(report.exercised))


# ---- standing still ----


def come_to_rest(judge: TraceJudge, *, busy: bool) -> Iterator[tuple[str, str]]:
    """Let a while pass; the VMs of which no hypothesis survives that, each with what it is about.

    With `busy` a migration that does not converge may still go on.
    """
    known = {name: _hypotheses(judge, name) for name in judge._vms}
    senders = {name for name, every in known.items() if any(_may_send(h) for h in every)}
    for name, every in known.items():
        cursor = judge._vms[name]._cursor
        left = [rested for h in every for rested in at_rest(h, fed=bool(senders - {name}), busy=busy)]
        if left:
            cursor.node = cursor.automaton.node(left)
        elif every:
            yield name, " or ".join(sorted({_about(h) for h in cursor.node.hypotheses}))


def _hypotheses(judge: TraceJudge, name: str) -> list[Hypothesis]:
    """Those that are left of a VM, none if it has ended or too little is known."""
    vm = judge._vms[name]
    node = vm._cursor.node
    if node.is_doubtful or not any(track.connected for track in vm._tracks.values()):
        return []
    return [reached.hypothesis for reached in vm.automaton.closure(node)]


def at_rest(h: Hypothesis, *, fed: bool, busy: bool) -> Iterator[Hypothesis]:
    """What a hypothesis is if nothing is left to do; nothing if there is. It is `fed` if somebody may send to it."""
    if any(h.owed) or any(monitor.connected and (monitor.queue or monitor.oob) for monitor in h.monitors):
        return
    for state in _RESTS[fed, busy].assume(h.state):
        yield h.moved(state)


def _of(h: Hypothesis, name: str) -> tuple[str, ...]:
    return VARIABLES[name].of(h.state)


def _may_send(h: Hypothesis) -> bool:
    return any(stage not in (Stage.IDLE, Stage.CLEANING) for stage in _of(h, "stage"))


def _about(h: Hypothesis) -> str:
    return " ".join("|".join(_of(h, name)) for name in ("outgoing", "stage", "incoming", "load"))
