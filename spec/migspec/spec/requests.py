"""What a request asks for, as far as its command's contract looks at it.

A `Request` is small, hashable and shared between equal requests: two polls are the same request
whatever their ids. The abstraction is made once a request, by `understand`; contracts and conditions
then only read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from migspec.spec import uri
from migspec.spec.arguments import ArgumentVerdict, judge
from migspec.spec.parameters import SHORTHANDS, Refusal, Verdict, changes_of, judge_changes, own_fault
from migspec.spec.schema import Absent, Schema
from migspec.spec.vocabulary import MigrationCapability, MigrationParameter, MigrationStatus

LISTENERS: frozenset[str] = frozenset({"migrate-incoming", "migrate-recover"})
"""The commands that make a process listen, and announce a set-up without a migration of its own."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, abstracted.

    `argument_errors` are the texts with which its arguments may be refused before the command runs,
    `may_pass` whether they may also be accepted. The other fields are the arguments that contracts
    look at; each is None or false where the command has no such argument. `monitor_command` marks a
    command of the human monitor, whose answer is always a text. `given` are the arguments of smaller commands,
    by name. `out_of_range` is the refusal of a parameter's value
    whatever the others are, `perhaps_out_of_range` those that depend on the values in force.
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
    changes_threads: bool = False
    clears_tls_authz: bool = False
    out_of_range: Refusal | None = None
    perhaps_out_of_range: tuple[Refusal, ...] = ()
    monitor_command: bool = False
    given: tuple[tuple[str, str | int | bool], ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # requests are keys of every table of a search; their parts are hashed once
        parts = (
            self.command,
            self.oob,
            self.argument_errors,
            self.outgoing,
            self.incoming,
            self.capabilities,
            self.changes_threads,
            self.out_of_range,
            self.given,
        )
        object.__setattr__(self, "_hash", hash((*parts, self.resume, self.expected_state)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def sent_as(self) -> str:
        """The command as it crossed the wire."""
        return "human-monitor-command" if self.monitor_command else self.command

    def argument(self, name: str) -> str | int | bool | None:
        """The argument of that name, of a command that `ARGUMENTS_KEPT` names; None if it is not given."""
        return dict(self.given).get(name)

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
            line = arguments.get("command-line")
            if isinstance(line, str):
                return replace(_monitor_command(line), oob=oob)
        return Request(command, known=False, oob=oob, given=_kept(command, arguments))
    verdict = judge(definition, arguments, schema)
    return _abstract(command, verdict, arguments, oob=oob, oob_allowed=definition.allow_oob)


def _abstract(
    command: str, verdict: ArgumentVerdict, arguments: object | Absent, *, oob: bool, oob_allowed: bool
) -> Request:
    given = arguments if verdict.may_pass and isinstance(arguments, dict) else {}
    address = given.get("uri")
    state = given.get("state")
    values = _values(command, given) if verdict.may_pass else Verdict()
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
        enables_oob=_enables_oob(given.get("enable")),
        block_incremental=_flag(given.get("block-incremental")),
        changes_threads=not THREAD_COUNTS.isdisjoint(given),
        clears_tls_authz=command == "migrate-set-parameters" and given.get("tls-authz", "") is None,
        out_of_range=values.certain,
        perhaps_out_of_range=values.possible,
        given=_kept(command, given),
    )


ARGUMENTS_KEPT: Mapping[str, tuple[str, ...]] = {
    "calc-dirty-rate": ("calc-time",),
    "client_migrate_info": ("protocol", "port", "tls-port"),
    "closefd": ("fdname",),
    "device_add": ("failover_pair_id",),
    "device_del": ("id",),
    "getfd": ("fdname",),
    "xen-load-devices-state": ("filename",),
    "xen-save-devices-state": ("filename", "live"),
    "xen-set-replication": ("enable", "failover"),
}
"""The commands of which these arguments are kept as they are."""


def _kept(command: str, arguments: object) -> tuple[tuple[str, str | int | bool], ...]:
    given = arguments if isinstance(arguments, dict) else {}
    names = ARGUMENTS_KEPT.get(command, ())
    return tuple((name, given[name]) for name in names if isinstance(given.get(name), str | int | bool))


def _values(command: str, given: Mapping[str, Any]) -> Verdict:
    """What becomes of the parameters that a command sets, of which nothing is known yet."""
    fault = own_fault(command, given)
    if fault is not None:
        return Verdict(Refusal(SHORTHANDS[command].parameter, fault))
    return judge_changes(changes_of(command, given), {})


def _listening(command: str, address: object) -> uri.UriVerdict | None:
    if not isinstance(address, str) or command not in LISTENERS:
        return None
    # only the contract of migrate-incoming has made sure that the process was started with -incoming defer
    return uri.incoming(address, deferred=True if command == "migrate-incoming" else None)


def _settings(capabilities: object) -> tuple[tuple[str, bool], ...]:
    if not isinstance(capabilities, list):
        return ()
    # the last entry of a capability wins
    return tuple(sorted({entry["capability"]: entry["state"] for entry in capabilities}.items()))


def _enables_oob(capabilities: object) -> bool:
    return isinstance(capabilities, list) and "oob" in capabilities


THREAD_COUNTS: frozenset[str] = frozenset(
    {
        MigrationParameter.COMPRESS_THREADS,
        MigrationParameter.DECOMPRESS_THREADS,
        MigrationParameter.MULTIFD_CHANNELS,
    }
)
"""The parameters that say how many threads or channels there are."""


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


_MONITOR_COMMANDS: Mapping[str, tuple[str, range]] = {
    "stop": ("stop", range(1)),
    "cont": ("cont", range(1)),
    "c": ("cont", range(1)),
    "quit": ("quit", range(1)),
    "q": ("quit", range(1)),
    "migrate": ("migrate", range(1, 2)),
    "migrate_cancel": ("migrate_cancel", range(1)),
    "migrate_continue": ("migrate-continue", range(1, 2)),
    "migrate_incoming": ("migrate-incoming", range(1, 2)),
    "migrate_pause": ("migrate-pause", range(1)),
    "migrate_recover": ("migrate-recover", range(1, 2)),
    "migrate_set_capability": ("migrate-set-capabilities", range(2, 3)),
    "migrate_start_postcopy": ("migrate-start-postcopy", range(1)),
    "migrate_set_parameter": ("migrate-set-parameters", range(2, 3)),
    "savevm": ("savevm", range(2)),
    "loadvm": ("loadvm", range(1, 2)),
}
"""Commands of the human monitor that move the state: whose contract each shares, and its arguments."""

_INERT = Request("human-monitor-command", known=False, monitor_command=True)
"""A line for the human monitor that moves nothing: its command is of no interest or refused as it stands."""

_SWITCH: Mapping[str, bool] = {"on": True, "off": False}


def _monitor_command(line: str) -> Request:
    """The request made by a line for the human monitor, whose faults are texts inside a success."""
    name, *arguments = words(line) or [""]
    command, counts = _MONITOR_COMMANDS.get(name, ("", range(0)))
    flags = {word for word in arguments if word.startswith("-")}
    values = [word for word in arguments if not word.startswith("-")]
    if len(values) not in counts or not _understood(command, values):
        return _INERT
    return Request(
        command,
        monitor_command=True,
        resume="-r" in flags,
        block="-b" in flags,
        incremental="-i" in flags,
        outgoing=uri.outgoing(values[0]) if command == "migrate" else None,
        incoming=_listening(command, values[0] if values else None),
        expected_state=values[0] if command == "migrate-continue" else None,
        capabilities=((values[0], _SWITCH[values[1]]),) if command == "migrate-set-capabilities" else (),
    )


def _understood(command: str, values: list[str]) -> bool:
    """Whether the words that a line gives to a command are in its vocabulary."""
    if command == "migrate-continue":
        return values[0] in set(MigrationStatus)
    if command == "migrate-set-capabilities":
        return values[0] in set(MigrationCapability) and values[1] in _SWITCH
    return True


_BLANKS = r"[ \t\r\n]*+"
_BARE = r"[^ \t\r\n'\"\\]++"
_QUOTED = r"""\\.|'[^']*+'|"(?:[^"\\]++|\\.)*+\""""
_WORD = re.compile(rf"{_BLANKS}((?:{_BARE}|{_QUOTED})++){_BLANKS}", re.DOTALL)
_PART = re.compile(rf"{_BARE}|{_QUOTED}", re.DOTALL)


def words(line: str) -> list[str]:
    """The words of a line, split as a shell would; at blanks alone where a quotation has no end.

    It takes no longer than the line, which may have megabytes, as `shlex` would.
    """
    found: list[str] = []
    place = 0
    while place < len(line):
        word = _WORD.match(line, place)
        if word is None:
            return line.split() if line[place:].strip(" \t\r\n") else found
        found.append("".join(map(_bare, _PART.findall(word[1]))))
        place = word.end()
    return found


def _bare(part: str) -> str:
    """A part of a word without its quotes and the backslashes that quote."""
    if part[0] == "\\":
        return part[1]
    if part[0] == "'":
        return part[1:-1]
    return re.sub(r'\\(["\\])', r"\1", part[1:-1]) if part[0] == '"' else part
