"""Makes traces of any length to measure the checker with.

Two VMs migrate again and again while a management application polls them, as it does in the field: most
messages are `query-migrate` and its answers.  `MIGRATIONS` says what happens, a few words for each kind of
migration, as `_WORDS` explains them.  Each VM says what QEMU 5.2.0 says there, so a trace conforms.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]

POLLED = 0.88
"""The share of query-migrate, requests and answers, among all messages."""

_PAGE = 4096
_PAGES = 1024**2 + 136
_MOVING = ("active", "postcopy-active")
_GREETING: Json = {
    "QMP": {
        "version": {"qemu": {"micro": 0, "minor": 2, "major": 5}, "package": "Debian 1:5.2+dfsg-11+deb11u3"},
        "capabilities": ["oob"],
    }
}
_REFUSALS = {
    "scheme": "Parameter 'uri' expects a valid migration protocol",
    "busy": "There's a migration process in progress",
    "frozen": "Migration is not finalized yet",
}
_ERRORS = {
    "nobody": "Failed to connect to '/run/nobody': No such file or directory",
    "broken": "Unable to write to socket: Broken pipe",
}
_COMMANDS: Mapping[str, tuple[str, Json]] = {
    "cancel": ("migrate_cancel", {}),
    "continue": ("migrate-continue", {"state": "pre-switchover"}),
    "incoming": ("migrate-incoming", {"uri": "unix:/run/m"}),
    "migrate": ("migrate", {"detach": True, "resume": False, "uri": "unix:/run/m"}),
    "migrate-bad": ("migrate", {"uri": "bad"}),
    "migrate-nobody": ("migrate", {"uri": "unix:/run/nobody"}),
    "pause": ("migrate-pause", {}),
    "postcopy": ("migrate-start-postcopy", {}),
    "recover": ("migrate-recover", {"uri": "unix:/run/r"}),
    "resume": ("migrate", {"uri": "unix:/run/r", "resume": True}),
}
"""Requests with arguments that need a name of their own; any other word after `>` is the command itself."""

_FREE = "s>cont s+RESUME s< s~"
_READY = "d{ d>qmp_capabilities d< d>migrate-set-capabilities d< d>incoming d=setup d<"
_BEGUN = f"{_READY} s>migrate-set-capabilities s< s>migrate s=setup s< s? d=active s# s=active s~ s*"
_GONE = "d>quit d< d+SHUTDOWN d}0"
_SWITCHED = "s>postcopy s< s=postcopy-active s+STOP s# s? d=postcopy-active d+RESUME d~ s*"
_LOST = "s>pause s< s? d=postcopy-paused s=postcopy-paused s~ s* d>recover d=setup d< d?"
_FOUND = "s>resume s< s=postcopy-recover d=postcopy-recover s? d=postcopy-active s=postcopy-active s*"
_PAUSED = f"{_BEGUN} s# s# s+STOP s=pre-switchover s~ s*"
_ARRIVED = f"s=completed s? d+RESUME d=completed d~ d? s* {_GONE} s? {_FREE}"
_DELIVERED = f"d=completed s=completed s~ s? d? {_GONE} s? {_FREE}"

MIGRATIONS: Mapping[str, tuple[frozenset[str], str]] = {
    "completed": (frozenset(), f"{_BEGUN} s# s* s# s? s+STOP s# {_ARRIVED}"),
    "cancelled": (frozenset(), f"{_BEGUN} s# s* s>cancel s=cancelling s< s? d=failed d}}1 s=cancelled s~ s*"),
    "refused": (frozenset(), "s>migrate-bad s=setup s=failed s!scheme s? s~"),
    "nobody listens": (frozenset(), "s>migrate-nobody s=setup s< s? s=failed:nobody s*"),
    "destination killed": (frozenset(), f"{_BEGUN} s# s* s>migrate s!busy s* d}}-9 s? s=failed:broken s~ s*"),
    "paused before the switch": (
        frozenset({"pause-before-switchover"}),
        f"{_PAUSED} s>continue s< s? s=device s# {_ARRIVED}",
    ),
    "cancelled before the switch": (
        frozenset({"pause-before-switchover"}),
        f"{_PAUSED} s>cancel s=cancelling s< s? d=failed d}}1 s+RESUME s=cancelled s? s~",
    ),
    "postcopy": (frozenset({"postcopy-ram"}), f"{_BEGUN} s# {_SWITCHED} {_DELIVERED}"),
    "recovered": (
        frozenset({"postcopy-ram"}),
        f"{_BEGUN} {_SWITCHED} {_LOST} s>cont s!frozen {_FOUND} {_DELIVERED}",
    ),
    "recovered twice": (
        frozenset({"postcopy-ram"}),
        f"{_BEGUN} s# {_SWITCHED} {_LOST} {_FOUND} {_LOST} {_FOUND} {_DELIVERED}",
    ),
}
"""Each kind of migration: the capabilities that it needs, and what source `s` and destination `d` do."""

_WITH_STATISTICS = frozenset(
    {
        "active",
        "cancelling",
        "pre-switchover",
        "device",
        "postcopy-active",
        "postcopy-paused",
        "postcopy-recover",
        "completed",
    }
)


class _Session:
    """What both VMs share: the clock, chance, and how many messages there were."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 1_795_413_900.0
        self.messages = 0
        self.polls = 0

    def pass_time(self, seconds: float) -> float:
        self.now += seconds * self.random.uniform(0.5, 1.5)
        return self.now

    def due(self) -> int:
        """How often to poll in a long stage, for polls to keep their share."""
        missing = POLLED * self.messages - 2 * self.polls
        return 1 + int(max(0.0, missing) / (1 - POLLED) / 2 * self.random.uniform(0.5, 1.2))


class _Vm:
    """One VM with its monitor: it turns words into lines, and remembers what its answers depend on."""

    def __init__(self, name: str, session: _Session) -> None:
        self.name = name
        self.destination = name == "dst"
        self.session = session
        self.capabilities: frozenset[str] = frozenset()
        self._start()

    def _start(self) -> None:
        self.status = "none"
        self.run = "inmigrate" if self.destination else "running"
        self.open = False
        self._asked = 0
        self._pending: deque[str] = deque()
        self._addresses: list[str] = []
        self._begin()

    def _begin(self) -> None:
        self.passes = 0
        self._error = ""
        self._since = self.session.now
        self._took = 0
        self._normal = 0
        self._duplicate = 0
        self._left = _PAGES
        self._faults = 0
        self._expected = 300
        self._speed = 0
        self._dirtied = 0

    # -- words --

    def greeting(self, _: str) -> Iterator[bytes]:
        self._start()
        self.open = True
        yield self._line("<-", json.dumps(_GREETING))

    def end(self, code: str) -> Iterator[bytes]:
        self.open = False
        yield self._wrapped('"end":"eof","by":"server"')
        yield self._wrapped(f'"end":"eof","exit":{code}')

    def request(self, word: str) -> Iterator[bytes]:
        command, arguments = _COMMANDS.get(word, (word, {}))
        if command == "migrate-set-capabilities":
            wanted = {"events": True} | {
                name: name in self.capabilities for name in ("postcopy-ram", "pause-before-switchover")
            }
            arguments = {"capabilities": [{"capability": name, "state": on} for name, on in wanted.items()]}
        if command in ("migrate-incoming", "migrate-recover"):
            self._addresses.insert(0, str(arguments["uri"]).removeprefix("unix:"))
        if command == "migrate" and not arguments.get("resume") and self.status not in _WITH_STATISTICS - {"completed"}:
            self._begin()
        yield self._ask(command, arguments)

    def reply(self, _: str) -> Iterator[bytes]:
        yield self._answer({})

    def refusal(self, word: str) -> Iterator[bytes]:
        error = {"class": "GenericError", "desc": _REFUSALS[word]}
        yield self._line("<-", json.dumps({"id": self._pending.popleft(), "error": error}))

    def change(self, word: str) -> Iterator[bytes]:
        status, _, error = word.partition(":")
        # at a destination this event only tells that it listens
        if not (self.destination and status == "setup"):
            self.status = status
        self._error = _ERRORS.get(error, "")
        if status == "completed" and not self.destination:
            self.run = "postmigrate"
            self._send(self._left)
            self._took = self._so_far()
        yield self._event("MIGRATION", {"status": status})

    def event(self, name: str) -> Iterator[bytes]:
        self.run = {"STOP": "finish-migrate", "RESUME": "running"}.get(name, self.run)
        yield self._event(name, {"guest": False, "reason": "host-qmp-quit"} if name == "SHUTDOWN" else None)

    def next_pass(self, _: str) -> Iterator[bytes]:
        self.passes += 1
        if self.passes > 1 and self.status == "active":
            dirty = self.session.random.randrange(1, _PAGES // 50)
            self._left = min(_PAGES, self._left + dirty)
            self._dirtied = dirty if self._so_far() > 1000 else 0
        yield self._event("MIGRATION_PASS", {"pass": self.passes})

    def run_state(self, _: str) -> Iterator[bytes]:
        yield self._ask("query-status", {})
        yield self._answer({"status": self.run, "singlestep": False, "running": self.run == "running"})

    def poll(self, _: str) -> Iterator[bytes]:
        self.session.pass_time(0.05)
        if self.status in _MOVING and not self.destination:
            if not self._left and self.status == "active":
                yield from self.next_pass("")
            self._send_some()
        self.session.polls += 1
        yield self._ask("query-migrate", {})
        yield self._answer(self._statistics())

    # -- what an answer says --

    def _so_far(self) -> int:
        return int((self.session.now - self._since) * 1000)

    def _send(self, pages: int) -> None:
        zeroes = pages // 3
        self._duplicate += zeroes
        self._normal += pages - zeroes
        self._left -= pages

    def _send_some(self) -> None:
        in_postcopy = self.status == "postcopy-active"
        # a postcopy ends with its last page, which is sent at the end of the stage
        most = self._left // 50 if in_postcopy else self._left
        self._send(min(most, self.session.random.randrange(1, 2000)))
        self._faults += in_postcopy
        if self._so_far() >= 100:
            self._speed = self.session.random.randrange(20_000, 40_000)
            self._expected = 300 + self._left // 1024

    def _statistics(self) -> Json:
        if self.destination:
            told: Json = {} if self.status == "none" else {"status": self.status}
            if self._addresses and self.status != "completed":
                told["socket-address"] = [{"path": path, "type": "unix"} for path in self._addresses]
            return told
        if self.status not in _WITH_STATISTICS:
            told = {} if self.status == "none" else {"status": self.status}
            return told | ({"error-desc": self._error} if self._error else {})
        if self.status == "completed":
            return {
                "status": "completed",
                "setup-time": 3,
                "downtime": 41,
                "total-time": self._took,
                "ram": self._ram(),
            }
        return {
            "expected-downtime": self._expected,
            "status": self.status,
            "setup-time": 3,
            "total-time": self._so_far(),
            "ram": self._ram(),
        }

    def _ram(self) -> Json:
        completed = self.status == "completed"
        return {
            "total": _PAGES * _PAGE,
            "postcopy-requests": self._faults,
            "dirty-sync-count": self.passes,
            "multifd-bytes": 0,
            "pages-per-second": self._speed,
            "page-size": _PAGE,
            "remaining": self._left * _PAGE,
            "mbps": round(self._speed * _PAGE * 8 / 1e6, 6),
            "transferred": self._normal * (_PAGE + 8) + self._duplicate * 9 + 11_520,
            "duplicate": self._duplicate,
            "dirty-pages-rate": 0 if completed else self._dirtied,
            "skipped": 0,
            "normal-bytes": self._normal * _PAGE,
            "normal": self._normal,
        }

    # -- messages --

    def _ask(self, command: str, arguments: Json) -> bytes:
        self._asked += 1
        identity = f"libvirt-{self._asked}"
        self._pending.append(identity)
        message: Json = {"execute": command}
        if arguments:
            message["arguments"] = arguments
        message["id"] = identity
        return self._line("->", json.dumps(message, separators=(",", ":")))

    def _answer(self, returned: Json) -> bytes:
        return self._line("<-", json.dumps({"return": returned, "id": self._pending.popleft()}))

    def _event(self, name: str, data: Json | None) -> bytes:
        seconds = self.session.pass_time(0.0004)
        message: Json = {
            "timestamp": {"seconds": int(seconds), "microseconds": int(seconds % 1 * 1e6)},
            "event": name,
        }
        return self._line("<-", json.dumps(message if data is None else message | {"data": data}))

    def _line(self, direction: str, message: str) -> bytes:
        return self._wrapped(f'"dir":"{direction}","msg":{message}')

    def _wrapped(self, rest: str) -> bytes:
        self.session.messages += 1
        return f'{{"t":{self.session.pass_time(0.0003):.6f},"vm":"{self.name}",{rest}}}\n'.encode()


_WORDS: Mapping[str, Callable[[_Vm, str], Iterator[bytes]]] = {
    "{": _Vm.greeting,
    "}": _Vm.end,
    ">": _Vm.request,
    "<": _Vm.reply,
    "!": _Vm.refusal,
    "=": _Vm.change,
    "+": _Vm.event,
    "#": _Vm.next_pass,
    "~": _Vm.run_state,
    "?": _Vm.poll,
}
"""The second character of a word, after the VM, says what it is.

`{` greeting, `}` end with an exit code, `>` request, `<` success, `!` error, `=` MIGRATION with a status
(after a colon, the error-desc that it leaves), `+` any other event, `#` MIGRATION_PASS, `~` query-status,
`?` one query-migrate.  There is one word more, `*`: a stage in which both VMs are polled for long.
"""


def _played(script: str, vms: Mapping[str, _Vm], session: _Session) -> Iterator[bytes]:
    for word in script.split():
        vm, kind, rest = vms[word[0]], word[1], word[2:]
        if kind != "*":
            yield from _WORDS[kind](vm, rest)
            continue
        for _ in range(session.due()):
            yield from vm.poll("")
            if vms["d"].open and session.random.random() < 0.1:
                yield from vms["d"].poll("")


def trace(seed: int) -> Iterator[bytes]:
    """The lines of a trace without end, the header first; `seed` decides on their order and all numbers."""
    session = _Session(seed)
    vms = {"s": _Vm("src", session), "d": _Vm("dst", session)}
    machine = {"implementation": "qemu", "release": "5.2.0"}
    header = {"src": {"role": "source", **machine}, "dst": {"role": "destination", **machine}}
    yield json.dumps({"format": "qmp-trace", "version": 1, "vms": header}).encode() + b"\n"
    yield from _played("s{ s>qmp_capabilities s< s~ s?", vms, session)
    while True:
        for wanted, script in session.random.sample(list(MIGRATIONS.values()), len(MIGRATIONS)):
            for vm in vms.values():
                vm.capabilities = wanted
            yield from _played(script, vms, session)


def write_trace(path: Path, messages: int, seed: int) -> None:
    """Write the trace that `seed` stands for, up to its message number `messages`, in constant memory."""
    written = 0
    with path.open("wb") as file:
        for line in trace(seed):
            file.write(line)
            written += b'"msg":' in line
            if written == messages:
                return
