"""Recorded traces as `spec/MigrationTrace.tla` reads them: the observations of one VM, and what TLC says of them.

The module has the commands that move a migration, and the queries of its status.  Whatever else a client asks either
has nothing to do with a migration, or is beyond its reach: `BeyondError` says why.  What it does not look at are
numbers and the other members of answers.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from tests.tla import tlc

from migspec.properties.explorer.environment import ASKS
from migspec.spec.commands import CONTRACTS
from migspec.spec.commands.queries import REQUIRED
from migspec.spec.contracts import Case, Words
from migspec.spec.requests import Request, understand
from migspec.spec.schema import ABSENT
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.state import ENDINGS
from migspec.spec.steps import INSTANT_EVENTS
from migspec.spec.uri import UriKind
from migspec.spec.vocabulary import MigrationStatus
from migspec.traces.format import open_trace

Observation = Mapping[str, Any]

_SOCKETS = (UriKind.TCP, UriKind.UNIX, UriKind.VSOCK)
_PIPES = (UriKind.EXEC, UriKind.FD)
_NAMES: Mapping[str, str] = {ask.command: name for name, ask in ASKS.items() if ask.arguments is None and not ask.oob}
"""The commands that go by one name."""

_ASIDE = frozenset(
    {
        "calc-dirty-rate",
        "client_migrate_info",
        "closefd",
        "getfd",
        "migrate-set-cache-size",
        "migrate_set_downtime",
        "migrate_set_speed",
        "query-colo-status",
        "query-dirty-rate",
        "query-migrate-cache-size",
        "query-migrate-capabilities",
        "query-migrate-parameters",
        "query-version",
        "query-xen-replication-status",
    }
)
"""The commands that have nothing to do with the statuses."""

_PLAIN_EVENTS = frozenset({"STOP", "RESUME", "UNPLUG_PRIMARY", *(name for name in INSTANT_EVENTS if ":" not in name)})


class BeyondError(Exception):
    """A trace that has something of which the module knows nothing."""


@dataclass
class Reading:
    """The observations of one VM, and the capabilities that its client sets, each setting under a name."""

    observations: list[Observation] = field(default_factory=list)
    settings: dict[str, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)
    _open: deque[tuple[str, Request]] = field(default_factory=deque)

    def ask(self, message: Mapping[str, Any]) -> None:
        """Note a request.

        Raises `BeyondError` for one that the module does not have.
        """
        if "exec-oob" in message:
            raise BeyondError("a request out of band")
        command = message["execute"]
        if not isinstance(command, str):
            raise BeyondError("no command")
        request = understand(command, message.get("arguments", ABSENT), SCHEMA)
        name = self._name(command, request)
        self._open.append((name, request))
        self.observations.append({"kind": "asked", "request": name})

    def _name(self, command: str, request: Request) -> str:
        if request.argument_errors or not request.known:
            if request.may_pass and request.known:
                raise BeyondError(f"arguments of {command} that only some builds know")
            return "aside"
        if command in _NAMES:
            return _NAMES[command]
        if command in _ASIDE:
            return "aside"
        match command:
            case "migrate":
                return _migrate(request)
            case "migrate-continue":
                if request.expected_state != "pre-switchover":
                    raise BeyondError("migrate-continue from another status")
                return "continue"
            case "migrate-incoming" | "migrate-recover":
                name = command.removeprefix("migrate-")
                if request.incoming is None or request.incoming.kind not in _SOCKETS:
                    raise BeyondError("a listener that is no socket")
                if request.incoming.may_pass:
                    return name
                if name == "recover":
                    return "recover-badly"
                raise BeyondError("a malformed address to listen on")
            case "migrate-set-parameters":
                if request.block_incremental is not None or request.changes_threads or request.clears_tls_authz:
                    raise BeyondError("a parameter that the state knows")
                return "aside"
            case "migrate-set-capabilities":
                on = frozenset(name for name, state in request.capabilities if state)
                off = frozenset(name for name, state in request.capabilities if not state)
                return self._setting(on, off)
        raise BeyondError(f"the command {command}")

    def _setting(self, on: frozenset[str], off: frozenset[str]) -> str:
        name = "set " + " ".join((*sorted(f"+{capability}" for capability in on), *sorted(f"-{c}" for c in off)))
        self.settings[name] = on, off
        return name

    def reply(self, message: Mapping[str, Any]) -> None:
        """Note a reply, to the oldest request that has none.

        Raises `BeyondError` for one to none, and where a capability is on that the client has not asked for: the module
        begins with all of them off.
        """
        if not self._open:
            raise BeyondError("a reply to nothing")
        name, request = self._open.popleft()
        if request.command == "query-migrate-capabilities" and "return" in message:
            asked = {"block"}.union(*(on for on, _ in self.settings.values()))  # `migrate` may switch block on as well
            if any(entry["state"] and entry["capability"] not in asked for entry in message["return"]):
                raise BeyondError("a capability from the command line")
        self.observations.append({"kind": "reply", "replies": frozenset(_replies(name, request, message))})

    def event(self, name: str, data: Mapping[str, Any]) -> None:
        """Note an event; one of which the module knows nothing is passed over."""
        known = _event(name, data)
        if known is not None:
            self.observations.append({"kind": "event", "event": known})

    def end(self, code: int) -> None:
        """Note the end of the process; one that was killed may end at any time."""
        if code in ENDINGS:
            self.observations.append({"kind": "ended", "lives": frozenset(ENDINGS[code])})


def _migrate(request: Request) -> str:
    verdict = request.outgoing
    if verdict is None or request.incremental:
        raise BeyondError("a migration of increments of disks")
    if request.resume:
        if verdict.refusals or verdict.kind not in _SOCKETS:
            raise BeyondError("a resume over something that is no socket")
        return "resume"
    if verdict.may_pass and verdict.kind in _SOCKETS and not verdict.refusals:
        return "migrate-block" if request.block else "migrate"
    if verdict.may_pass and verdict.kind in _PIPES and not request.block:
        return "migrate-file"
    if verdict.kind is UriKind.UNKNOWN and not request.block:
        return "migrate-badly"
    raise BeyondError("a malformed address")


def _event(name: str, data: Mapping[str, Any]) -> str | None:
    match name:
        case "MIGRATION":
            return f"MIGRATION:{data.get('status')}"
        case "MIGRATION_PASS":
            return f"MIGRATION_PASS:{1 if data.get('pass') == 1 else 'n'}"
        case "COLO_EXIT":
            return f"COLO_EXIT:{data.get('mode')}-{data.get('reason')}"
        case "SHUTDOWN":
            who = "guest" if data.get("guest") else "quit" if data.get("reason") == "host-qmp-quit" else "host"
            return f"SHUTDOWN:{who}"
    return name if name in _PLAIN_EVENTS else None


def _replies(name: str, request: Request, message: Mapping[str, Any]) -> Iterator[str]:
    """Everything that a VM may owe that would be delivered as this reply."""
    if name == "aside":
        yield "reply:aside:aside"
        return
    error = message.get("error")
    if error is None and name == "query-status":
        yield f"reply:query-status:query-status.answered:{message['return'].get('status')}"
    elif error is None and name == "query-migrate":
        yield from _statuses(message["return"])
    else:
        for case in CONTRACTS[request.command].cases:
            yield from (f"reply:{name}:{told}" for told in _told(case, request, error))


def _told(case: Case, request: Request, error: Mapping[str, Any] | None) -> Iterator[str]:
    if (error is None) != (case.words is None) or not case.asks(request):
        return
    if error is None:
        yield case.id
        return
    text = str(error.get("desc"))
    if case.id == "migrate-continue.other-state":
        yield f"{case.id}:{text.rpartition(' ')[2]}"
    else:
        words = case.words(request, 0) if callable(case.words) else case.words
        if isinstance(words, Words) and words.admit(text):
            yield case.id


def _statuses(answer: Mapping[str, Any]) -> Iterator[str]:
    """What query-migrate may have read, to give this answer."""
    shown = answer.get("status", "none")
    address = ("there", "either") if "socket-address" in answer else ("away", "either")
    members = set(answer) & frozenset().union(*REQUIRED.values())
    for side, old in product(("outgoing", "incoming"), MigrationStatus):
        if members == (REQUIRED.get(old, frozenset()) if side == "outgoing" else frozenset()):
            failed = ("error",) if "error-desc" in answer else ("plain",)
            for error, where in product(failed if (side, old) == ("outgoing", "failed") else ("any",), address):
                yield f"reply:query-migrate:{side} {old}:{error}:{where}:{side} {shown}"


def read(path: Path) -> Mapping[str, Reading | BeyondError]:
    """The VMs of a trace, each with its observations or with the reason why it is beyond reach."""
    return observed(lines_of(path))


def lines_of(path: Path) -> tuple[Mapping[str, Any], ...]:
    """The lines of a trace."""
    with open_trace(str(path)) as lines:
        return tuple(json.loads(text) for _, text in lines)


def observed(lines: Iterable[Mapping[str, Any]]) -> Mapping[str, Reading | BeyondError]:
    """The same of lines that are read already."""
    found: dict[str, Reading | BeyondError] = {}
    over: set[str] = set()
    negotiated: set[str] = set()
    monitors: dict[str, object] = {}
    for line in lines:
        name = line.get("vm")
        if name is None or name in over:
            continue
        try:
            if monitors.setdefault(name, line.get("mon")) != line.get("mon"):
                raise BeyondError("two monitors")
            reading = found.setdefault(name, Reading())
            if isinstance(reading, BeyondError):
                continue
            if name not in negotiated:
                if _is_negotiation(line, reading):
                    negotiated.add(name)
            elif _take(reading, line):
                over.add(name)
        except BeyondError as reason:
            found[name] = reason
    return found


def _is_negotiation(line: Mapping[str, Any], reading: Reading) -> bool:
    """Whether the negotiation is over with a line.

    Raises `BeyondError` for a trace in which it does not go as usual.
    """
    message = line.get("msg")
    if not isinstance(message, dict):
        raise BeyondError("no negotiation")
    if "QMP" in message:
        return False
    if message.get("execute") == "qmp_capabilities":
        return False
    if "return" in message:
        return True
    raise BeyondError("a negotiation with something in between")


def _take(reading: Reading, line: Mapping[str, Any]) -> bool:
    """Take in a line; whether the trace ends with it.

    A connection that is closed without an exit code in the same line says nothing: the process may have been killed.
    """
    if "end" in line:
        if line.get("by") != "client" and "exit" in line:
            reading.end(line["exit"])
        return True
    message = line.get("msg")
    if not isinstance(message, dict):
        raise BeyondError("bytes that are no message")
    if line.get("dir") == "->":
        if "execute" not in message and "exec-oob" not in message:
            raise BeyondError("no request")
        reading.ask(message)
    elif "event" in message:
        reading.event(message["event"], message.get("data", {}))
    elif "return" in message or "error" in message:
        reading.reply(message)
    elif "QMP" in message:
        raise BeyondError("a monitor that is attached anew")
    return False


def judge(readings: Sequence[Reading]) -> tuple[bool, ...]:
    """Of each whether TLC can follow it to its end."""
    names = {name for reading in readings for name in reading.settings}
    numbered = {name: f"set-{number}" for number, name in enumerate(sorted(names))}
    settings = {numbered[name]: setting for reading in readings for name, setting in reading.settings.items()}
    counted = {
        f"source:{event}": max(sum(seen.get("event") == event for seen in reading.observations) for reading in readings)
        for event in INSTANT_EVENTS
    }
    traces = ",\n  ".join(
        f"<<{', '.join(_record(seen, numbered) for seen in reading.observations)}>>" for reading in readings
    )
    often = " @@ ".join(f'"{name}" :> {times}' for name, times in counted.items())
    listed = (f'"{name}" :> [on |-> {_set(on)}, off |-> {_set(off)}]' for name, (on, off) in settings.items())
    of_settings = " @@ ".join(listed) or "[name \\in {} |-> 0]"
    module = f"""---- MODULE MigrationTraces ----
EXTENDS MigrationTrace
TheTraces == <<
  {traces}>>
TheSettings == {of_settings}
TheOften == {often}
TheTroubles == [source |-> {_set(INSTANT_EVENTS)}, destination |-> {{}}]
Nothing == [source |-> {{}}, destination |-> {{}}]
Started == [source |-> Fresh, destination |-> Fresh]
====
"""
    outcome = tlc.run("MigrationTraces", _CONFIGURATION, modules={"MigrationTraces": module})
    assert outcome.finished, outcome.output
    accepted = {int(number) for number in re.findall(r'<<"accepted", (\d+)>>', outcome.output)}
    return tuple(number in accepted for number in range(1, len(readings) + 1))


_CONFIGURATION = """SPECIFICATION TraceSpec
CONSTANTS
  Capabilities = {}
  Starts <- Started
  Requests <- Nothing
  Troubles <- TheTroubles
  Often <- TheOften
  Without = {}
  Pipelined = 1000
  Linked = FALSE
  Traces <- TheTraces
  Settings <- TheSettings
INVARIANT Accepted
"""


def _record(seen: Observation, numbered: Mapping[str, str]) -> str:
    match seen["kind"]:
        case "asked":
            request = seen["request"]
            return f'[kind |-> "asked", request |-> "{numbered.get(request, request)}"]'
        case "event":
            return f'[kind |-> "event", event |-> "{seen["event"]}"]'
        case "reply":
            return f'[kind |-> "reply", replies |-> {_set(_renamed(owed, numbered) for owed in seen["replies"])}]'
    return f'[kind |-> "ended", lives |-> {_set(seen["lives"])}]'


def _renamed(owed: str, numbered: Mapping[str, str]) -> str:
    _, request, told = owed.split(":", 2)
    return f"reply:{numbered.get(request, request)}:{told}"


def _set(members: Iterable[str]) -> str:
    return "{" + ", ".join(f'"{member}"' for member in sorted(members)) + "}"
