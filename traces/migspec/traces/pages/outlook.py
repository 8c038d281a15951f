"""What a command does in each status: its contract, evaluated over the states that a VM may be in.

A row is one status of one side.  The states behind it know that status and nothing else that matters, so a row has
every outcome that some VM in that status may show, each with what decides between it and the others.  Nothing is listed
by hand but how a client usually asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache, reduce
from operator import or_
from typing import Any, Final

from migspec.spec.commands import answers, contract_of, envelope
from migspec.spec.conditions import Condition, where
from migspec.spec.contracts import Answer, Expect
from migspec.spec.invariants import INVARIANTS, LOADS
from migspec.spec.profiles import PROFILES
from migspec.spec.requests import Request, understand
from migspec.spec.rows import SEED, Standing
from migspec.spec.schema import ABSENT
from migspec.spec.state import ANYTHING, VARIABLES, Life, Session
from migspec.spec.vocabulary import MigrationStatus
from migspec.traces.pages.rules import event_in_words, left_in_words, texts_of


class Side(StrEnum):
    """One of the two independent statuses of a VM; the value is the variable that has it."""

    OUTGOING = "outgoing"
    """The side that sends: that of a source."""
    INCOMING = "incoming"
    """The side that receives: that of a destination."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way of asking: in words, empty for the usual one, and the arguments."""

    words: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


_SOCKET: Final = {"uri": "unix:/run/m"}
_NO_ADDRESS: Final = {"uri": "nowhere"}


def _switching_on(capability: str) -> Mapping[str, Any]:
    return {"capabilities": [{"capability": capability, "state": True}]}


WAYS: Final[Mapping[str, tuple[Way, ...]]] = {
    "migrate": (
        Way(arguments=_SOCKET),
        Way("over a command or a descriptor", {"uri": "exec:cat"}),
        Way("to resume a paused postcopy", {**_SOCKET, "resume": True}),
        Way("with the disks", {**_SOCKET, "blk": True}),
        Way("with a scheme that does not exist", _NO_ADDRESS),
        Way("with a malformed address", {"uri": "tcp:nowhere"}),
    ),
    "migrate-incoming": (Way(arguments=_SOCKET), Way("with a scheme that does not exist", _NO_ADDRESS)),
    "migrate-recover": (Way(arguments=_SOCKET), Way("with a scheme that does not exist", _NO_ADDRESS)),
    "migrate-continue": (Way(arguments={"state": "pre-switchover"}),),
    "migrate-set-capabilities": (
        Way(arguments=_switching_on("events")),
        Way("to switch multifd on", _switching_on("multifd")),
        Way("to switch postcopy-ram on", _switching_on("postcopy-ram")),
    ),
    "migrate-set-parameters": (
        Way(arguments={"max-bandwidth": 1 << 20}),
        Way("to change the number of threads or channels", {"multifd-channels": 4}),
        Way("with null for tls-authz", {"tls-authz": None}),
    ),
    "migrate_set_downtime": (Way(arguments={"value": 1}),),
    "migrate_set_speed": (Way(arguments={"value": 1 << 20}),),
    "migrate-set-cache-size": (Way(arguments={"value": 1 << 26}),),
    "client_migrate_info": (Way(arguments={"protocol": "spice", "hostname": "host", "port": 5900}),),
    "calc-dirty-rate": (Way(arguments={"calc-time": 1}),),
    "xen-save-devices-state": (
        Way(arguments={"filename": "devices"}),
        Way("for no live migration", {"filename": "devices", "live": False}),
    ),
    "xen-load-devices-state": (Way(arguments={"filename": "devices"}),),
    "xen-set-global-dirty-log": (Way(arguments={"enable": True}),),
    "xen-set-replication": (
        Way(arguments={"enable": True, "primary": True}),
        Way("to end it", {"enable": False, "primary": True}),
        Way("to end it with a failover", {"enable": False, "primary": True, "failover": True}),
    ),
    "qmp_capabilities": (Way(), Way("with out-of-band execution", {"enable": ["oob"]})),
    "getfd": (Way(arguments={"fdname": "stream"}),),
    "closefd": (Way(arguments={"fdname": "stream"}),),
    "device_add": (Way(arguments={"driver": "virtio-net-pci"}),),
    "device_del": (Way(arguments={"id": "card"}),),
}
"""How each command is asked for; without arguments where it is not named."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that a command may do in a status.

    `when` is what decides for it besides the status, in words; `certain` tells that it happens wherever that holds and
    no outcome before it does.  `expect` is the reply, None where the process ends without one.  `after` are the
    statuses that it leaves, of each side whose status it sets; `events` are in words, in order, those of the migration
    thread last; and `ends` tells that the process ends of it.
    """

    rule: str
    sentence: str
    standing: Standing
    when: str
    certain: bool
    expect: Expect | None
    after: tuple[tuple[Side, tuple[str, ...]], ...]
    events: tuple[str, ...]
    ends: bool = False

    @property
    def answer(self) -> tuple[str, ...]:
        """The reply in words, one for each text that it may have."""
        if self.expect is None:
            return ("no reply",)
        if self.expect.words is None:
            return ("success",)
        return tuple(f"{self.expect.error_class} {text}" for text in texts_of(self.expect.words))

    @property
    def refuses(self) -> bool:
        """Whether it is an error."""
        return self.expect is not None and self.expect.is_error


@dataclass(frozen=True, slots=True)
class Row:
    """What a command may do in one status of one side."""

    side: Side
    status: str
    outcomes: tuple[Outcome, ...]


STATUSES: Final[Mapping[Side, tuple[str, ...]]] = {
    Side.OUTGOING: tuple(MigrationStatus),
    Side.INCOMING: tuple(status for status in MigrationStatus if status in LOADS),
}
"""The statuses that each side may have."""

PROGRESS: Final[Mapping[Side, str]] = {Side.OUTGOING: "stage", Side.INCOMING: "load"}
"""How far the work behind a status has got."""
_AT_REST: Final[Mapping[Side, Mapping[str, str]]] = {
    Side.OUTGOING: {"incoming": "none", "load": "none"},
    Side.INCOMING: {"outgoing": "none", "stage": "idle"},
}
"""The other side of a VM that has never used it."""
_BUILD: Final = {"replication": "yes", "block-migration": "yes"}
_READY: Final = (Session.READY, Session.OOB)


def ways_of(command: str) -> tuple[Way, ...]:
    """How a command is asked for, the usual way first."""
    return WAYS.get(command, (Way(),))


def request_of(command: str, way: Way, profile: str) -> Request:
    """The request that a way of asking makes."""
    schema = PROFILES[profile].schema
    request = understand(command, dict(way.arguments) or ABSENT, schema)
    return request if request.known else replace(request, monitor_command=True)


@cache
def outlook(command: str, profile: str, place: int = 0) -> tuple[Row, ...]:
    """What a command does in every status of both sides, asked for in the way that has this place in `ways_of`."""
    request = request_of(command, ways_of(command)[place], profile)
    session = (Session.NEGOTIATING,) if command == "qmp_capabilities" else _READY
    return tuple(
        Row(side, status, tuple(_outcomes(request, profile, states_of(side, status, profile, session))))
        for side in Side
        for status in STATUSES[side]
    )


@cache
def states_of(side: Side, status: str, profile: str, session: Sequence[str] = _READY) -> tuple[int, ...]:
    """The states that a VM may be in while one side has a status, as far as they are known, a state for each stage."""
    known = {side.value: status, **_AT_REST[side], **_BUILD, "life": Life.ALIVE, "session": session}
    begun = where(known).assume(ANYTHING)
    if profile == SEED:
        return tuple(begun)
    variable = VARIABLES[PROGRESS[side]]
    staged = (state & ~variable.field | variable.bits((value,)) for state in begun for value in variable.of(state))
    return tuple(state for at in staged if (state := _kept(at)) is not None)


@cache
def _is_possible(condition: Condition, state: int) -> bool:
    """Whether a VM in one of these states may keep the condition and the invariants at the same time."""
    return any(_kept(assumed) is not None for assumed in condition.assume(state))


@cache
def _kept(state: int) -> int | None:
    """The state with what the invariants say for certain; None if no VM is in it."""
    before = -1
    while before != state:
        before = state
        for invariant in INVARIANTS:
            for given, follows in ((invariant.when, invariant.then), (~invariant.then, ~invariant.when)):
                if (~given).assume(state):
                    continue
                left = follows.assume(state)
                if not left:
                    return None
                state = left[0] if len(left) == 1 else state
    return state


def _outcomes(request: Request, profile: str, states: Sequence[int]) -> Iterator[Outcome]:
    cases = (*envelope.CONTRACT.cases, *contract_of(request.command, profile).cases)
    places = {id(case): place for place, case in enumerate(cases)}
    found: dict[tuple[str, Expect | None, tuple[str, ...]], list[Answer]] = {}
    for state in states:
        for answer in answers(request, state, profile):
            if profile != SEED and not _is_possible(answer.case.condition(request), state):
                continue
            expect = replace(answer.expect, seen=0) if answer.case.replies else None
            found.setdefault((answer.case.id, expect, answer.emits), []).append(answer)
    for (rule, expect, emits), given in sorted(found.items(), key=lambda item: places[id(item[1][0].case)]):
        case = given[0].case
        lives = _values("life", (answer.state for answer in given))
        ends = not {Life.ALIVE, Life.QUITTING}.intersection(lives)
        yield Outcome(
            rule,
            case.sentence,
            case.standing,
            _deciding(case.condition(request), states),
            case.final,
            None if ends else expect,
            tuple(_changed(case.effect(request), given)),
            (*(event_in_words(item) for item in emits if not item.startswith("=")), *left_in_words(case.leaves)),
            ends,
        )


def _changed(effect: Mapping[str, object], given: Sequence[Answer]) -> Iterator[tuple[Side, tuple[str, ...]]]:
    for side in Side:
        if side.value in effect:
            yield side, _values(side.value, (answer.state for answer in given))


def _values(name: str, states: Iterable[int]) -> tuple[str, ...]:
    return VARIABLES[name].of(reduce(or_, states))


def _deciding(condition: Condition, states: Iterable[int]) -> str:
    """What the condition asks for besides what all of the states have; empty where that is nothing."""
    possible = reduce(or_, states)
    open_cases = [case for case in condition.cases if case.assume(possible) is not None]
    further = [[part for part in case.literals if possible & part.variable.field & ~part.bits] for case in open_cases]
    if not all(further):
        return ""
    if condition.name and condition.name != str(condition):
        return condition.name
    return " or ".join(" and ".join(map(str, parts)) for parts in further)
