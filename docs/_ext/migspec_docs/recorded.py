"""What the corpus shows: which command was asked for in which status, and how the specification explains the answer.

The ledger counts the rules of the whole corpus; a reader of a table by status wants to know of one row.  A status here
is the last one that the VM had shown when the request was sent.  An answer that this status does not explain was
overtaken by a change, and is left out; what several cases explain equally well is counted for all of them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, reduce
from operator import or_
from pathlib import Path
from typing import Any

import msgspec

from migspec.spec.commands import answers
from migspec.spec.contracts import Answer
from migspec.spec.requests import LISTENERS, Request, understand
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.schema import ABSENT
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.traces.format import open_trace
from migspec.traces.pages.outlook import STATUSES, Side, states_of

SUCCESS = ""
"""The answer of a command that succeeded; any other is the text of its error."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was answered: where the VM was, what it was asked, and what it said until the answer was there."""

    trace: str
    line: int
    side: Side
    status: str
    request: Request
    answer: str
    events: frozenset[str]


@dataclass(slots=True)
class Share:
    """How many requests of a kind there were, and in which traces; the place of one of them."""

    requests: int = 0
    traces: set[str] = field(default_factory=set)
    place: str = ""

    def add(self, asked: Asked) -> None:
        """Count one more."""
        self.requests += 1
        self.traces.add(asked.trace)
        self.place = self.place or f"{asked.trace}, line {asked.line}"


Shares = Mapping[tuple[Side, str], Mapping[frozenset[str], Share]]
"""What was recorded in each status of each side, by the rules that explain it equally well: one, mostly."""


@dataclass(slots=True)
class _Seen:
    """What one VM has shown so far."""

    side: Side
    shown: dict[Side, str | None]
    tells: bool = False
    open: list[_Open] = field(default_factory=list)
    """The requests that wait for an answer."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A request: its line, itself, where the VM was when it was sent, and the events since."""

    line: int
    message: dict[str, Any]
    side: Side
    status: str | None
    events: set[str]

    @property
    def command(self) -> object:
        return self.message.get("exec-oob", self.message.get("execute"))


def shares(folder: Path) -> Shares:
    """What the recorded sessions below a folder show of each rule in each status."""
    found: dict[tuple[Side, str], dict[frozenset[str], Share]] = {}
    for path in sorted(folder.glob("*.jsonl*")):
        for asked in asked_in(path):
            rules = explaining(asked.request, asked.side, asked.status, asked.answer, asked.events)
            if rules:
                found.setdefault((asked.side, asked.status), {}).setdefault(rules, Share()).add(asked)
    return found


@cache
def explaining(request: Request, side: Side, status: str, answer: str, events: frozenset[str]) -> frozenset[str]:
    """The cases of QEMU 5.2.0 that explain an answer in a status."""
    return frozenset(
        given.case.id for given in answers(request, _state(side, status), QEMU_5_2_0) if _fits(given, answer, events)
    )


@cache
def _state(side: Side, status: str) -> int:
    return reduce(or_, states_of(side, status, QEMU_5_2_0))


def _fits(given: Answer, answer: str, events: frozenset[str]) -> bool:
    expect = given.expect
    said = expect.words.admit(answer) if expect.words is not None else answer == SUCCESS
    # with the capability off, a change of status is not announced
    owed = {event.removeprefix("!") for event in given.emits if not event.startswith("=")}
    return said and given.case.replies and {event for event in owed if _is_told(event, events)} <= events


def _is_told(event: str, events: frozenset[str]) -> bool:
    return not event.startswith("MIGRATION") or _TELLS in events


_TELLS = "told"
"""Among events: that changes of the status are announced."""


def asked_in(path: Path) -> Iterator[Asked]:
    """The requests of a trace that were answered while the VM's status was known."""
    vms: dict[str, _Seen] = {}
    with open_trace(str(path)) as lines:
        header = msgspec.json.decode(next(lines)[1])
        for number, text in lines:
            line = msgspec.json.decode(text)
            message = line.get("msg")
            if not isinstance(message, dict):
                continue
            vm = vms.get(line["vm"])
            if vm is None:
                vm = vms[line["vm"]] = _begun(header.get("vms", {}).get(line["vm"], {}), fresh="QMP" in message)
            if line["dir"] == "->":
                _sent(vm, number, message)
            elif "event" in message:
                _emitted(vm, message)
            elif "QMP" not in message:
                yield from _replied(vm, path.name, message)


def _begun(stated: Mapping[str, str], *, fresh: bool) -> _Seen:
    side = Side.INCOMING if stated.get("role") == "destination" else Side.OUTGOING
    return _Seen(side, dict.fromkeys(Side, "none" if fresh else None))


def _sent(vm: _Seen, number: int, message: dict[str, Any]) -> None:
    vm.open.append(_Open(number, message, vm.side, vm.shown[vm.side], {_TELLS} if vm.tells else set()))
    if message.get("execute") == "migrate":
        vm.side = Side.OUTGOING


def _emitted(vm: _Seen, message: dict[str, Any]) -> None:
    name, data = message["event"], message.get("data", {})
    told = f"{name}:{data['status']}" if name == "MIGRATION" else name
    for asked in vm.open:
        asked.events.add(told)
    listening = any(asked.command in LISTENERS for asked in vm.open)
    if name == "MIGRATION" and not (listening and data["status"] == "setup"):
        vm.shown[vm.side] = data["status"]


def _replied(vm: _Seen, trace: str, message: dict[str, Any]) -> Iterator[Asked]:
    asked = next((one for one in vm.open if one.message.get("id") == message.get("id")), None)
    if asked is None:
        return
    vm.open.remove(asked)
    command, arguments = asked.command, asked.message.get("arguments", ABSENT)
    if command == "query-migrate" and "return" in message:
        vm.shown[vm.side] = message["return"].get("status", "none")
    elif command == "migrate-set-capabilities" and "return" in message:
        for entry in arguments["capabilities"]:
            vm.tells = entry["state"] if entry["capability"] == "events" else vm.tells
    elif command == "migrate" and not vm.tells:
        vm.shown[vm.side] = None  # nothing tells what becomes of it
    if asked.status in STATUSES[asked.side] and isinstance(command, str):
        request = understand(command, arguments, SCHEMA, oob="exec-oob" in asked.message)
        answer = message["error"]["desc"] if "error" in message else SUCCESS
        yield Asked(trace, asked.line, asked.side, asked.status, request, answer, frozenset(asked.events))
