"""Holds what the checker infers of a VM's statuses against QEMU's own log of them.

The checker sees the monitors only.  What it takes for possible after a message, it takes for possible at the
moment when QEMU sent it; the log decides the status of that moment

- for a reply, if the log shows no change between its request and its arrival;
- for a MIGRATION event, which carries the time at which it was sent.

Both clocks are the machine's.

The log does not say whether the outgoing or the incoming status moved, which leaves a VM that is both source
and destination with a choice.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.live.session import StateChange

from migspec.traces.findings import Report
from migspec.traces.format import TraceError, open_trace, read_header
from migspec.traces.judge import Options, TraceJudge

MARGIN: Final = 0.005
"""Seconds that must pass without a change of state for the log to decide: QEMU changes the state first, and
writes the log a moment later."""

_INITIAL: Final = "none"
_OUTGOING: Final = frozenset(("migrate", "xen-save-devices-state", "snapshot-save"))
_INCOMING: Final = frozenset(("migrate-incoming", "migrate-recover", "xen-load-devices-state"))
_OUTGOING_BY_HAND: Final = ("migrate ", "savevm")
_INCOMING_BY_HAND: Final = ("migrate_incoming", "migrate_recover", "loadvm")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A message after which the checker rules out the status that QEMU had."""

    line: int
    """The message's line in the trace."""
    vm: str
    """The VM that sent it."""
    logged: str
    """The status by QEMU's own log."""
    inferred: tuple[str, ...]
    """What the checker takes for possible, sorted."""

    def __str__(self) -> str:
        return f"line {self.line}, {self.vm}: QEMU is in {self.logged}, inferred {' or '.join(self.inferred)}"


@dataclass(slots=True)
class Comparison:
    """How a trace's inferred statuses compare with the log."""

    points: int = 0
    """Messages after which the log decides the status."""
    sharp: int = 0
    """Those of them after which the checker has exactly one status left."""
    disagreements: list[Disagreement] = field(default_factory=list)
    """Those of them after which the checker rules the true status out."""

    @property
    def agreements(self) -> int:
        """Points at which the true status is among the inferred ones."""
        return self.points - len(self.disagreements)


@dataclass(slots=True)
class _Log:
    """One VM's state log, and which parts it plays."""

    changes: Sequence[StateChange]
    outgoing: bool = False
    incoming: bool = False

    def decided(self, since: float, until: float) -> str | None:
        """Return the status from `since` to `until`; None if it changed meanwhile, or too soon after."""
        later = bisect_right(self.changes, since, key=lambda change: change.t)
        if later < len(self.changes) and self.changes[later].t < until + MARGIN:
            return None
        return self.changes[later - 1].state if later else _INITIAL

    def inferred(self, pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
        """Return the statuses that the log may mean, by the parts that the VM plays."""
        neither = not self.outgoing and not self.incoming
        names = set()
        for outgoing, incoming in pairs:
            if self.outgoing or neither:
                names.add(outgoing)
            if self.incoming or neither:
                names.add(incoming)
        return frozenset(names)


def judge_and_compare(
    trace: Path, states: Mapping[str, Sequence[StateChange]], options: Options = Options()
) -> tuple[Report, Comparison]:
    """Judge a trace as `judge_file` does, and compare with `states`, the state log of each VM, on the way."""
    logs = {vm: _Log(sorted(changes, key=lambda change: change.t)) for vm, changes in states.items()}
    report, comparison = Report(str(trace)), Comparison()
    try:
        with open_trace(str(trace)) as lines:
            numbered = [(number, text) for number, text in lines if text]
        judge = TraceJudge(report, read_header(numbered[0][1], str(trace)), options)
        entries = [(number, text, json.loads(text)) for number, text in numbered[1:]]
        for _, _, entry in entries:
            _note_part(logs[entry["vm"]], entry)
        asked: dict[tuple[str, str], float] = {}
        for number, text, entry in entries:
            judge.feed(number, text)
            moment = _moment(asked, entry)
            if moment is not None:
                _compare(comparison, judge, logs[entry["vm"]], number, entry["vm"], moment)
        judge.finish()
    except TraceError as error:
        report.error = str(error)
    return report, comparison


def _compare(
    comparison: Comparison, judge: TraceJudge, log: _Log, line: int, vm: str, moment: tuple[float, float]
) -> None:
    logged = log.decided(*moment)
    if logged is None:
        return
    inferred = log.inferred(judge.statuses(vm))
    comparison.points += 1
    comparison.sharp += len(inferred) == 1
    if logged not in inferred:
        comparison.disagreements.append(Disagreement(line, vm, logged, tuple(sorted(inferred))))


def _moment(asked: dict[tuple[str, str], float], entry: dict[str, Any]) -> tuple[float, float] | None:
    """Return between which times QEMU sent a reply or MIGRATION event; None for all else.

    `asked` remembers when requests were made, by monitor and id.
    """
    message = entry.get("msg")
    if not isinstance(message, dict):
        return None
    key = (f"{entry['vm']}/{entry.get('mon')}", json.dumps(message.get("id")))
    if entry["dir"] == "->":
        asked[key] = entry["t"]
    elif message.get("event") == "MIGRATION":
        stamp = message["timestamp"]
        sent = stamp["seconds"] + stamp["microseconds"] / 1e6
        return sent, sent
    elif "return" in message or "error" in message:
        since = asked.pop(key, None)
        return None if since is None else (since, entry["t"])
    return None


def _note_part(log: _Log, entry: dict[str, Any]) -> None:
    """Take note of the part that a request lets the VM play."""
    message = entry.get("msg")
    if not isinstance(message, dict) or entry.get("dir") != "->":
        return
    command = message.get("execute", message.get("exec-oob"))
    arguments = message.get("arguments")
    line = arguments.get("command-line", "") if isinstance(arguments, dict) else ""
    by_hand = command == "human-monitor-command" and isinstance(line, str)
    log.outgoing |= command in _OUTGOING or (by_hand and line.startswith(_OUTGOING_BY_HAND))
    log.incoming |= command in _INCOMING or (by_hand and line.startswith(_INCOMING_BY_HAND))
