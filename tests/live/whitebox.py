"""Holds what the checker infers of a VM's statuses against QEMU's own log of them.

The checker sees the monitors only.  What it takes for possible after a message, it takes for possible at the
moment when QEMU sent it; the log decides the status of that moment

- for a reply, if the log shows no change between its request and its arrival;
- for a MIGRATION event, which carries the time at which it was sent.

Both clocks are the machine's.

The log of a process that is killed may lack its last lines: an event after them, with another status than the last
one's, decides nothing.

Two things the checker is excused from.  A command of the human monitor is one step to it, and the statuses
that `savevm` runs through inside are none of its own.  And a trace that begins in mid-migration is taken for
the likeliest one, an idle VM, until it proves to be none; such a VM is not compared.

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

OPTIONS: Final = Options()
"""How a trace is judged, unless told."""

_INITIAL: Final = "none"
_LISTENING: Final = "setup"
"""The status of an event that need not be a change: it tells that a destination listens."""
_HUMAN: Final = "human-monitor-command"
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
class _Vm:
    """One VM: its state log, the parts it plays, and its open requests."""

    name: str
    changes: Sequence[StateChange]
    outgoing: bool = False
    incoming: bool = False
    asked: dict[str, tuple[float, bool]] = field(default_factory=dict)
    """When each open request was made, by monitor and id, and whether it was one to the human monitor."""

    def note_part(self, entry: dict[str, Any]) -> None:
        """Take note of the part that a request lets the VM play."""
        command = _command(entry)
        arguments = entry["msg"].get("arguments") if command else None
        line = arguments.get("command-line", "") if isinstance(arguments, dict) else ""
        by_hand = command == _HUMAN and isinstance(line, str)
        self.outgoing |= command in _OUTGOING or (by_hand and line.startswith(_OUTGOING_BY_HAND))
        self.incoming |= command in _INCOMING or (by_hand and line.startswith(_INCOMING_BY_HAND))

    def moment(self, entry: dict[str, Any]) -> tuple[float, float] | None:
        """Return between which times QEMU sent a reply or MIGRATION event; None for all else."""
        message = entry.get("msg")
        if not isinstance(message, dict):
            return None
        key = f"{entry.get('mon')} {json.dumps(message.get('id'))}"
        if entry["dir"] == "->":
            self.asked[key] = entry["t"], _command(entry) == _HUMAN
        elif message.get("event") == "MIGRATION":
            stamp = message["timestamp"]
            sent = stamp["seconds"] + stamp["microseconds"] / 1e6
            lacks_it = self.log_lacks(message["data"]["status"], sent)
            return None if lacks_it or any(by_hand for _, by_hand in self.asked.values()) else (sent, sent)
        elif "return" in message or "error" in message:
            since, _ = self.asked.pop(key, (None, False))
            return None if since is None else (since, entry["t"])
        return None

    def log_lacks(self, status: str, sent: float) -> bool:
        """Tell whether the log ends before the change that an event tells of."""
        ended = not self.changes or (self.changes[-1].t <= sent and self.changes[-1].state != status)
        return ended and status != _LISTENING

    def logged(self, since: float, until: float) -> str | None:
        """Return the status from `since` to `until`; None if it changed meanwhile, or too soon after."""
        later = bisect_right(self.changes, since, key=_time)
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
    trace: Path, states: Mapping[str, Sequence[StateChange]], options: Options = OPTIONS
) -> tuple[Report, Comparison]:
    """Judge a trace as `judge_file` does, and compare with `states`, the state log of each VM, on the way."""
    report, comparison = Report(str(trace)), Comparison()
    try:
        with open_trace(str(trace)) as lines:
            header, *rest = [(number, text) for number, text in lines if text]
        judge = TraceJudge(report, read_header(header[1], str(trace)), options)
        entries = [(number, text, json.loads(text)) for number, text in rest]
        vms = _compared([entry for _, _, entry in entries], states)
        for number, text, entry in entries:
            judge.feed(number, text)
            vm = vms.get(entry["vm"])
            moment = vm.moment(entry) if vm else None
            if vm and moment:
                _compare(comparison, judge, vm, number, moment)
        judge.finish()
    except TraceError as error:
        report.error = str(error)
    return report, comparison


def _compared(entries: Sequence[dict[str, Any]], states: Mapping[str, Sequence[StateChange]]) -> dict[str, _Vm]:
    """Return the VMs whose trace begins before their log does."""
    vms: dict[str, _Vm] = {}
    begun: set[str] = set()
    for entry in entries:
        name = entry["vm"]
        if name not in begun:
            begun.add(name)
            changes = sorted(states[name], key=_time)
            if not changes or changes[0].t > entry["t"]:
                vms[name] = _Vm(name, changes)
        if name in vms:
            vms[name].note_part(entry)
    return vms


def _compare(comparison: Comparison, judge: TraceJudge, vm: _Vm, line: int, moment: tuple[float, float]) -> None:
    logged = vm.logged(*moment)
    if logged is None:
        return
    inferred = vm.inferred(judge.statuses(vm.name))
    comparison.points += 1
    comparison.sharp += len(inferred) == 1
    if logged not in inferred:
        comparison.disagreements.append(Disagreement(line, vm.name, logged, tuple(sorted(inferred))))


def _command(entry: dict[str, Any]) -> str | None:
    """Return what a request asks for; None where the entry is no request."""
    message = entry.get("msg")
    if not isinstance(message, dict) or entry.get("dir") != "->":
        return None
    command = message.get("execute", message.get("exec-oob"))
    return command if isinstance(command, str) else None


def _time(change: StateChange) -> float:
    return change.t
