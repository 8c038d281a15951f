"""What a request asks for, as far as its command's contract looks at it.

A `Request` is small, hashable and shared between equal requests: two polls are the same request whatever their
ids.  The abstraction is made once a request, by `understand`; contracts and conditions then only read it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from migspec.spec import uri
from migspec.spec.arguments import ArgumentVerdict, judge
from migspec.spec.schema import ABSENT, Absent, Schema


@dataclass(frozen=True, slots=True)
class Request:
    """One request, abstracted.

    `argument_errors` are the texts with which its arguments may be refused before the command runs, `may_pass`
    whether they may also be accepted.  The other fields are the arguments that contracts look at; each is None
    or false where the command has no such argument.  `monitor_command` marks a command of the human monitor, whose
    answer is always a text.
    """

    command: str
    known: bool = True
    oob: bool = False
    oob_allowed: bool = False
    argument_errors: frozenset[str] = frozenset()
    may_pass: bool = True
    resume: bool = False
    block: bool = False
    incremental: bool = False
    outgoing: uri.UriVerdict | None = None
    incoming: uri.UriVerdict | None = None
    expected_state: str | None = None
    capabilities: tuple[tuple[str, bool], ...] = ()
    enables_oob: bool = False
    block_incremental: bool | None = None
    monitor_command: bool = False
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # requests are keys of every table of a search; their parts are hashed once
        parts = (self.command, self.oob, self.argument_errors, self.outgoing, self.incoming, self.capabilities)
        object.__setattr__(self, "_hash", hash((*parts, self.resume, self.expected_state)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def sent_as(self) -> str:
        """The command as it crossed the wire."""
        return "human-monitor-command" if self.monitor_command else self.command

    def sets(self, capability: str) -> bool | None:
        """What the request sets a capability to; None if it does not mention it."""
        return dict(self.capabilities).get(capability)


def understand(command: str, arguments: object | Absent, schema: Schema, *, oob: bool = False) -> Request:
    """The request for `command` with these decoded `arguments`.

    Never raises: arguments that do not fit leave their fields unset and tell so in `argument_errors`.
    """
    definition = schema.commands.get(command)
    if definition is None:
        if command == "human-monitor-command" and isinstance(arguments, dict):
            return _monitor_command(arguments.get("command-line"))
        return Request(command, known=False, oob=oob)
    verdict = judge(definition, arguments, schema)
    return _abstract(command, verdict, arguments, oob=oob, oob_allowed=definition.allow_oob)


def _abstract(
    command: str, verdict: ArgumentVerdict, arguments: object | Absent, *, oob: bool, oob_allowed: bool
) -> Request:
    given = arguments if verdict.may_pass and isinstance(arguments, dict) else {}
    address = given.get("uri")
    state = given.get("state")
    return Request(
        command,
        oob=oob,
        oob_allowed=oob_allowed,
        argument_errors=verdict.refusals,
        may_pass=verdict.may_pass,
        resume=given.get("resume") is True,
        block=given.get("blk") is True,
        incremental=given.get("inc") is True,
        outgoing=uri.outgoing(address) if command == "migrate" and isinstance(address, str) else None,
        incoming=_listening(command, address),
        expected_state=state if isinstance(state, str) else None,
        capabilities=_settings(given.get("capabilities")),
        enables_oob="oob" in (given.get("enable") or ()),
        block_incremental=_flag(given.get("block-incremental")),
    )


def _listening(command: str, address: object) -> uri.UriVerdict | None:
    if not isinstance(address, str) or command not in ("migrate-incoming", "migrate-recover"):
        return None
    # only the contract of migrate-incoming has made sure that the process was started with -incoming defer
    return uri.incoming(address, deferred=True if command == "migrate-incoming" else None)


def _settings(capabilities: object) -> tuple[tuple[str, bool], ...]:
    if not isinstance(capabilities, list):
        return ()
    # the last entry of a capability wins
    return tuple(sorted({entry["capability"]: entry["state"] for entry in capabilities}.items()))


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


_MONITOR_COMMANDS: Mapping[str, str] = {
    "stop": "stop",
    "s": "stop",
    "cont": "cont",
    "c": "cont",
    "quit": "quit",
    "q": "quit",
    "migrate": "migrate",
    "migrate_cancel": "migrate_cancel",
    "migrate_continue": "migrate-continue",
    "migrate_incoming": "migrate-incoming",
    "migrate_pause": "migrate-pause",
    "migrate_recover": "migrate-recover",
    "migrate_set_capability": "migrate-set-capabilities",
    "migrate_start_postcopy": "migrate-start-postcopy",
    "migrate_set_parameter": "migrate-set-parameters",
    "savevm": "savevm",
    "loadvm": "loadvm",
}
"""Commands of the human monitor that move the state, and the command whose contract they share."""


def _monitor_command(line: object) -> Request:
    """The request made by a line given to the human monitor; its faults are texts inside a successful answer."""
    words = _words(line)
    command = _MONITOR_COMMANDS.get(words[0] if words else "")
    if command is None:
        return Request("human-monitor-command", known=False, monitor_command=True)
    flags = {word for word in words[1:] if word.startswith("-")}
    values = [word for word in words[1:] if not word.startswith("-")]
    first = values[0] if values else None
    return Request(
        command,
        monitor_command=True,
        resume="-r" in flags,
        block="-b" in flags,
        incremental="-i" in flags,
        outgoing=uri.outgoing(first) if command == "migrate" and first is not None else None,
        incoming=_listening(command, first),
        expected_state=first if command == "migrate-continue" else None,
        capabilities=_switch(values) if command == "migrate-set-capabilities" else (),
    )


def _words(line: object) -> list[str]:
    if not isinstance(line, str):
        return []
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _switch(values: list[str]) -> tuple[tuple[str, bool], ...]:
    return ((values[0], values[1] == "on"),) if len(values) == 2 else ()
