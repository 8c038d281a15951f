"""Builds traces in code, message by message, and has them judged in memory.

A `Talk` is a trace under way.  Each of its `Wire`s is one monitor of one VM; what it is told to say becomes the next
line of the trace.  Requests get ids of their own and replies answer the oldest open request, unless told otherwise.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, Self

from migspec.traces.findings import Finding, Grade, Report, Verdict
from migspec.traces.format import read_header
from migspec.traces.judge import Options, TraceJudge

Json = dict[str, Any]

OWN: Any = object()
"""Stands for the id that a message has of itself."""

NO_ID: Any = object()
"""Stands for no id at all."""

RAM: Json = {
    "transferred": 8_300,
    "remaining": 0,
    "total": 12_288,
    "duplicate": 1,
    "skipped": 0,
    "normal": 2,
    "normal-bytes": 8_192,
    "dirty-pages-rate": 0,
    "mbps": 0,
    "dirty-sync-count": 1,
    "postcopy-requests": 0,
    "page-size": 4_096,
    "multifd-bytes": 0,
    "pages-per-second": 0,
}
_PROGRESS: Json = {"setup-time": 1, "total-time": 20, "expected-downtime": 300, "ram": RAM}
_RESULT: Json = {"setup-time": 1, "total-time": 20, "downtime": 3, "ram": RAM}
SOCKET: Json = {"socket-address": [{"type": "unix", "path": "/d"}]}
"""What a listening destination adds to its answers."""

IN_PROGRESS = "There's a migration process in progress"
NOT_PAUSED = "Cannot resume if there is no paused migration"


def outgoing(status: str, **more: Any) -> Json:
    """A source's answer to query-migrate."""
    members: Mapping[str, Json] = {"setup": {}, "failed": {}, "cancelled": {}, "completed": _RESULT}
    return {"status": status, **members.get(status, _PROGRESS), **more}


def run_state(status: str) -> Json:
    """An answer to query-status."""
    return {"status": status, "singlestep": False, "running": status == "running"}


def spelled(arguments: Mapping[str, Any]) -> Json:
    """Arguments as they cross the wire: a hyphen where Python has an underscore."""
    return {name.replace("_", "-"): value for name, value in arguments.items()}


class Wire:
    """One monitor of a VM; every method but `open` says something on it and returns the wire itself."""

    def __init__(self, talk: Talk, vm: str, mon: str) -> None:
        self._talk = talk
        self._vm = vm
        self._origin = {"vm": vm} | ({"mon": mon} if mon else {})
        self.open: deque[Any] = deque()
        """The ids of the requests without a reply."""

    def say(self, direction: str, message: object) -> Self:
        """Any message at all."""
        self._talk.add({**self._origin, "dir": direction, "msg": message})
        return self

    def greeting(self, release: tuple[int, int, int] = (5, 2, 0)) -> Self:
        """What a server says first."""
        version = dict(zip(("major", "minor", "micro"), release, strict=True))
        return self.say("<-", {"QMP": {"version": {"qemu": version, "package": ""}, "capabilities": ["oob"]}})

    def connected(self, *, oob: bool = False, events: bool = True) -> Self:
        """A greeting, the negotiation, and the capability `events`."""
        self.greeting()
        self.done("qmp_capabilities", **({"enable": ["oob"]} if oob else {}))
        return self.capabilities(events=True) if events else self

    def fresh(self, *, oob: bool = False, events: bool = True) -> Self:
        """Connected to a VM that has never migrated, as query-migrate tells."""
        return self.connected(oob=oob, events=events).shows()

    def listening(self, *, events: bool = True) -> Self:
        """Connected to a destination that was started with `-incoming defer`, and told where to listen."""
        self.connected(events=events)
        return self.request("migrate-incoming", uri="unix:/s").status("setup").reply()

    def request(self, command: str, *, oob: bool = False, identity: Any = OWN, **arguments: Any) -> Self:
        """A request, without its reply."""
        identity = self._talk.next_id() if identity is OWN else identity
        self.open.append(identity)
        message: Json = {"exec-oob" if oob else "execute": command}
        if arguments:
            message["arguments"] = spelled(arguments)
        return self.say("->", message | _identified(identity))

    def reply(self, returned: object = None, *, identity: Any = OWN) -> Self:
        """A success, by default the empty object, of the oldest open request."""
        if isinstance(returned, dict) and returned.get("ram") is RAM:
            # as many collections of dirty pages as the events told of
            returned = {**returned, "ram": RAM | {"dirty-sync-count": max(1, self._talk.passes[self._vm])}}
        return self.say("<-", {"return": {} if returned is None else returned} | self._taken(identity))

    def error(self, text: str, *, error_class: str = "GenericError", identity: Any = OWN) -> Self:
        """A refusal of the oldest open request."""
        return self.say("<-", {"error": {"class": error_class, "desc": text}} | self._taken(identity))

    def done(self, command: str, returned: object = None, **arguments: Any) -> Self:
        """A request and its success."""
        return self.request(command, **arguments).reply(returned)

    def capabilities(self, **settings: bool) -> Self:
        """Capabilities, switched."""
        wanted = [{"capability": name, "state": state} for name, state in spelled(settings).items()]
        return self.done("migrate-set-capabilities", capabilities=wanted)

    def event(self, name: str, **data: Any) -> Self:
        """An event."""
        told = {"data": spelled(data)} if data else {}
        return self.say("<-", {"event": name, "timestamp": {"seconds": 1_795_413_900, "microseconds": 1}} | told)

    def status(self, *statuses: str) -> Self:
        """MIGRATION events with these statuses; `STOP`, `RESUME` and a number stand for themselves and for a pass."""
        for status in statuses:
            if status.isdigit():
                self._talk.passes[self._vm] = int(status)
                self.event("MIGRATION_PASS", **{"pass": int(status)})
            elif status.isupper():
                self.event(status)
            else:
                self.event("MIGRATION", status=status)
        return self

    def shows(self, status: str | None = None, **more: Any) -> Self:
        """query-migrate and a source's answer with this status, `{}` without one."""
        return self.done("query-migrate", {} if status is None else outgoing(status, **more))

    def runs(self, status: str) -> Self:
        """query-status and its answer."""
        return self.done("query-status", run_state(status))

    def end(self, *, by: str | None = "server", code: int | None = None) -> Self:
        """The end of the connection, with the exit code of the process where it is known."""
        self.open.clear()
        known = {"by": by, "exit": code}
        self._talk.add({**self._origin, "end": "eof", **{k: v for k, v in known.items() if v is not None}})
        return self

    def gap(self) -> Self:
        """A place where messages may be missing."""
        self.open.clear()
        self._talk.add({**self._origin, "gap": "lost"})
        return self

    def raw(self, text: str) -> Self:
        """Bytes from the client that are no JSON."""
        self._talk.add({**self._origin, "dir": "->", "raw": text})
        return self

    def _taken(self, identity: Any) -> Json:
        if identity is OWN:
            return _identified(self.open.popleft())
        if identity in self.open:
            self.open.remove(identity)
        return _identified(identity)


class Talk:
    """A trace under way; by default of VMs of the release 5.2.0."""

    def __init__(self, *, release: str | None = "5.2.0", vms: tuple[str, ...] = ("src", "dst", "third")) -> None:
        stated = {vm: {"release": release} for vm in vms} if release else {}
        self._header = json.dumps({"format": "qmp-trace", "version": 1, "vms": stated}).encode()
        self._lines: list[Json] = []
        self._ids = 0
        self.passes: Counter[str] = Counter()
        """The last pass of each VM."""

    @property
    def line(self) -> int:
        """The number of the last line; the header is line 1."""
        return len(self._lines) + 1

    def wire(self, vm: str = "src", mon: str = "") -> Wire:
        """A monitor of a VM."""
        return Wire(self, vm, mon)

    def next_id(self) -> int:
        """An id that no request has yet."""
        self._ids += 1
        return self._ids

    def add(self, line: Json) -> None:
        """Put a line at the end."""
        self._lines.append(line)

    def without(self, number: int) -> Talk:
        """The same trace without one line."""
        return self._with([line for place, line in enumerate(self._lines, 2) if place != number])

    def exchanged(self, number: int) -> Talk:
        """The same trace with one line behind the one after it."""
        lines = list(self._lines)
        lines[number - 2], lines[number - 1] = lines[number - 1], lines[number - 2]
        return self._with(lines)

    def repeated(self, number: int) -> Talk:
        """The same trace with one line said twice."""
        return self._with([*self._lines[: number - 1], *self._lines[number - 2 :]])

    def until(self, number: int) -> Talk:
        """The same trace up to a line, that one included."""
        return self._with(self._lines[: number - 1])

    def where(self, event: str, status: str = "") -> int:
        """The line of the first event of this name, with this status."""
        for place, line in enumerate(self._lines, 2):
            message = line.get("msg", {})
            if message.get("event") == event and message.get("data", {}).get("status", "") == status:
                return place
        raise LookupError(event, status)

    def text(self) -> str:
        """The trace so far, as a file has it."""
        return "".join(f"{line}\n" for line in (self._header.decode(), *map(json.dumps, self._lines)))

    def judge(self, *, profile: str | None = None, other_clients: bool = False, at_rest: bool = False) -> Report:
        """The judgement of the trace so far."""
        report = Report("talk")
        judge = TraceJudge(
            report, read_header(self._header), Options(profile, other_clients=other_clients, at_rest=at_rest)
        )
        for number, line in enumerate(self._lines, 2):
            judge.feed(number, json.dumps(line).encode())
        return judge.finish()

    def violations(self, *, profile: str | None = None, other_clients: bool = False) -> list[tuple[int, str]]:
        """The line and the rule of every violation."""
        return found(self.judge(profile=profile, other_clients=other_clients), Grade.VIOLATION)

    def _with(self, lines: list[Json]) -> Talk:
        other = Talk(release=None)
        other._header, other._lines, other._ids = self._header, lines, self._ids
        return other


def found(report: Report, grade: Grade) -> list[tuple[int, str]]:
    """The line and the rule of every finding of a grade."""
    return [(finding.line, finding.rule) for finding in report.findings if finding.grade is grade]


def only(report: Report) -> Finding:
    """The one finding of a report."""
    (finding,) = report.findings
    return finding


def conforms(talk: Talk, *, profile: str | None = None, other_clients: bool = False) -> None:
    """Fail with the findings unless the trace conforms."""
    report = talk.judge(profile=profile, other_clients=other_clients)
    told = "\n".join(f"{f.line} {f.rule} {f.message}\n{f.explanation}" for f in report.findings)
    assert report.verdict is Verdict.CONFORMS, told


def _identified(identity: Any) -> Json:
    return {} if identity is NO_ID else {"id": identity}
