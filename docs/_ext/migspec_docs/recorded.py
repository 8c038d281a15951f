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

from migspec.spec.commands import answers
from migspec.spec.contracts import Answer
from migspec.spec.requests import LISTENERS, Request, understand
from migspec.spec.schema import ABSENT
from migspec.traces.format import VmInfo
from migspec.traces.pages.outlook import STATUSES, Side, states_of
from migspec.traces.session import Message, read
from migspec_docs.homes import PROFILE, SCHEMA

SUCCESS = ""
"""The answer of a command that succeeded; any other is the text of its error."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was answered: where the VM was, what it was asked, and what it said until the answer was there."""

    trace: str
    side: Side
    status: str
    request: Request
    answer: str
    events: frozenset[str]


@dataclass(slots=True)
class Share:
    """How many requests of a kind there were, and in which traces."""

    requests: int = 0
    traces: set[str] = field(default_factory=set)

    def add(self, asked: Asked) -> None:
        """Count one more."""
        self.requests += 1
        self.traces.add(asked.trace)


Shares = Mapping[tuple[Side, str], Mapping[frozenset[str], Share]]
"""What was recorded in each status of each side, by the rules that explain it equally well: one, mostly."""


@dataclass(slots=True)
class _Seen:
    """What one VM has shown so far."""

    side: Side
    shown: dict[Side, str | None]
    tells: bool = False
    open: dict[int, _Open] = field(default_factory=dict)
    """The requests that wait for an answer, by their lines."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A request: its command, where the VM was when it was sent, and the events since."""

    command: str | None
    side: Side
    status: str | None
    events: set[str]


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
    """The cases of the release that explain an answer in a status."""
    return frozenset(
        given.case.id for given in answers(request, _state(side, status), PROFILE) if _fits(given, answer, events)
    )


@cache
def _state(side: Side, status: str) -> int:
    return reduce(or_, states_of(side, status, PROFILE))


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
    session = read(path)
    vms: dict[str, _Seen] = {}
    for message in session.messages:
        vm = vms.get(message.vm)
        if vm is None:
            stated = session.header.vms.get(message.vm, VmInfo())
            vm = vms[message.vm] = _begun(stated, fresh="QMP" in message.said)
        if message.is_request:
            _sent(vm, message)
        elif "event" in message.said:
            _emitted(vm, message)
        elif message.request is not None:
            yield from _replied(vm, path.name, message, message.request)


def _begun(stated: VmInfo, *, fresh: bool) -> _Seen:
    side = Side.INCOMING if stated.role == "destination" else Side.OUTGOING
    return _Seen(side, dict.fromkeys(Side, "none" if fresh else None))


def _sent(vm: _Seen, message: Message) -> None:
    told = {_TELLS} if vm.tells else set()
    vm.open[message.line] = _Open(message.command, vm.side, vm.shown[vm.side], told)
    if message.command == "migrate":
        vm.side = Side.OUTGOING


def _emitted(vm: _Seen, message: Message) -> None:
    name, data = message.said["event"], message.said.get("data", {})
    told = f"{name}:{data['status']}" if name == "MIGRATION" else name
    for asked in vm.open.values():
        asked.events.add(told)
    listening = any(asked.command in LISTENERS for asked in vm.open.values())
    if name == "MIGRATION" and not (listening and data["status"] == "setup"):
        vm.shown[vm.side] = data["status"]


def _replied(vm: _Seen, trace: str, message: Message, request: Message) -> Iterator[Asked]:
    asked = vm.open.pop(request.line)
    command, arguments, said = request.command, request.said.get("arguments", ABSENT), message.said
    if command == "query-migrate" and "return" in said:
        vm.shown[vm.side] = said["return"].get("status", "none")
    elif command == "migrate-set-capabilities" and "return" in said:
        for entry in arguments["capabilities"]:
            vm.tells = entry["state"] if entry["capability"] == "events" else vm.tells
    elif command == "migrate" and not vm.tells:
        vm.shown[vm.side] = None  # nothing tells what becomes of it
    if asked.status in STATUSES[asked.side] and command is not None:
        understood = understand(command, arguments, SCHEMA, oob="exec-oob" in request.said)
        answer = said["error"]["desc"] if "error" in said else SUCCESS
        yield Asked(trace, asked.side, asked.status, understood, answer, frozenset(asked.events))
