"""Contracts of the queries, and what their answers must show of the state.

The answer to query-migrate is built from both sides: the incoming part first, then the outgoing part
over it, so an outgoing status other than `none` hides the incoming one for ever. Which members
accompany a status is a table. QEMU 5.2 reads the status once for the members and once more for itself, so a
change in between shows as an answer that is *torn*: the new status with the members of the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from migspec.spec.commands import dirty_rate, xen
from migspec.spec.conditions import ALWAYS, Condition, where
from migspec.spec.contracts import Case, Contract, Expect
from migspec.spec.lifecycle.guards import capability
from migspec.spec.rows import Row, Thread
from migspec.spec.state import VARIABLES
from migspec.spec.vocabulary import MigrationCapability, MigrationStatus, RunState

_PROGRESS = frozenset({"setup-time", "total-time", "expected-downtime", "ram"})
_RESULT = frozenset({"setup-time", "total-time", "downtime", "ram"})
_NOTHING: frozenset[str] = frozenset()

REQUIRED: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            MigrationStatus.ACTIVE,
            MigrationStatus.PRE_SWITCHOVER,
            MigrationStatus.DEVICE,
            MigrationStatus.POSTCOPY_ACTIVE,
            MigrationStatus.POSTCOPY_PAUSED,
            MigrationStatus.POSTCOPY_RECOVER,
            MigrationStatus.CANCELLING,
        ),
        _PROGRESS,
    ),
    MigrationStatus.COMPLETED: _RESULT,
}
"""The members that an outgoing status always has besides `status`; none where it is not named."""


@dataclass(frozen=True, slots=True)
class Extra:
    """A member that some answers have: in which outgoing statuses, and what its presence and absence tell."""

    member: str
    statuses: frozenset[str]
    present: Condition
    absent: Condition


_WITH_RAM = frozenset(REQUIRED)
_UNFINISHED = _WITH_RAM - {MigrationStatus.COMPLETED}

EXTRAS: tuple[Extra, ...] = (
    Extra("xbzrle-cache", _WITH_RAM, capability("xbzrle"), capability("xbzrle", on=False)),
    Extra("compression", _WITH_RAM, capability("compress"), capability("compress", on=False)),
    Extra("cpu-throttle-percentage", _WITH_RAM, capability("auto-converge"), ALWAYS),
    Extra("disk", _UNFINISHED, capability("block"), ALWAYS),
    Extra("vfio", _WITH_RAM, ALWAYS, ALWAYS),
    Extra(
        "error-desc",
        frozenset({MigrationStatus.FAILED}),
        where({"error-known": "yes"}, "the failure left an error-desc"),
        where({"error-known": "no"}, "the failure left no error-desc"),
    ),
)
"""The members that depend on more than the status; presence follows the capability as it is now."""

BLOCKTIME: frozenset[str] = frozenset({"postcopy-blocktime", "postcopy-vcpu-blocktime"})
"""The members of a completed incoming migration that had measured its blocktime; both or neither."""

_NO_ADDRESS_YET = ("none", "deferred")
_ADDRESS_GOING = ("closing", "colo-leaving", "colo-left")
_WITH_ADDRESS = ~where({"load": (*_NO_ADDRESS_YET, "done")}) & where({"has-address": "yes"}, "it listens on a socket")
_WITHOUT_ADDRESS = where({"load": (*_NO_ADDRESS_YET, *_ADDRESS_GOING, "done")}) | where({"has-address": "no"})


@dataclass(frozen=True, slots=True)
class MigrateAnswer:
    """A query-migrate answer as far as the state decides it: its status, and what other members it has."""

    status: str | None
    members: frozenset[str]


@lru_cache(maxsize=4096)
def fits(answer: MigrateAnswer) -> tuple[Condition, ...]:
    """The conditions under which a VM gives this answer; it fits where one of them holds."""
    return tuple(_sides(answer))


def _sides(answer: MigrateAnswer) -> Iterator[Condition]:
    own = answer.members - {"socket-address"} - BLOCKTIME
    socket = "socket-address" in answer.members
    measured = answer.members & BLOCKTIME
    if measured and measured != BLOCKTIME:
        return
    behind = _incoming_part(socket=socket, measured=bool(measured))
    if answer.status is None or own == _NOTHING:
        shown = MigrationStatus.NONE if answer.status is None else answer.status
        if shown in VARIABLES["incoming"].values and own == _NOTHING:
            yield where({"outgoing": "none", "incoming": shown}) & behind
    if answer.status in (None, MigrationStatus.NONE) or answer.status not in VARIABLES["outgoing"].values:
        return
    required = REQUIRED.get(answer.status, _NOTHING)
    if not required <= own:
        return
    condition = where({"outgoing": answer.status})
    rest = own - required
    for extra in EXTRAS:
        if extra.member in rest:
            if answer.status not in extra.statuses:
                return
            condition &= extra.present
        elif answer.status in extra.statuses:
            condition &= extra.absent
    if rest <= {extra.member for extra in EXTRAS}:
        yield condition & behind


def _incoming_part(*, socket: bool, measured: bool) -> Condition:
    address = _WITH_ADDRESS if socket else _WITHOUT_ADDRESS
    if not measured:
        return address
    # it is shown for good, whatever becomes of the capability
    return where({"incoming": "completed", "blocktime": "yes"}) & address


TORN = "query-migrate.torn"
"""The rule that tells of torn answers."""

_STATUSES = ("outgoing", "incoming")
"""The variables that are read twice."""


def is_torn(status: str | None, members: frozenset[str]) -> bool:
    """Whether an answer has the statistics of another status than it shows."""
    statistics = members & (_PROGRESS | _RESULT)
    return bool(statistics) and statistics != REQUIRED.get(status or "", _NOTHING)


def tears(row: Row) -> bool:
    """Whether a step may come between the two readings of a status; the main loop answers, so none of its own may."""
    return row.thread is not Thread.MAIN and any(name in _STATUSES for name, _ in row.then)


def torn(expect: Expect, row: Row) -> Expect | None:
    """What the reply that was due as `expect` must be if `row` overtakes its making; None where that shows nothing."""
    if expect.query != "query-migrate" or expect.torn:
        return None
    for name, status in row.then:
        if name not in _STATUSES or not isinstance(status, str):
            continue  # no step leaves the status open
        variable = VARIABLES[name]
        due = _accompanying(name, status)
        others = [old for old in variable.of(expect.seen) if _accompanying(name, old) != due]
        if others:
            seen = expect.seen & ~variable.field | variable.bits(others)
            return replace(expect, seen=seen, torn=f"{name}:{status}")
    return None


def _accompanying(variable: str, status: str) -> frozenset[str]:
    """The members that are there, or may be, because of a status."""
    if variable == "incoming":
        return BLOCKTIME if status == MigrationStatus.COMPLETED else _NOTHING
    return REQUIRED.get(status, _NOTHING) | {extra.member for extra in EXTRAS if status in extra.statuses}


@lru_cache(maxsize=4096)
def fits_torn(answer: MigrateAnswer, told: str) -> tuple[Condition, ...]:
    """As `fits`, for an answer that was to show another status and shows what `told` says: `VARIABLE:STATUS`."""
    name, _, status = told.partition(":")
    if answer.status != status:
        return ()
    olds = (None if old == MigrationStatus.NONE else old for old in VARIABLES[name].values)
    return tuple(
        condition & where({name: old or MigrationStatus.NONE})
        for old in olds
        for condition in fits(replace(answer, status=old))
    )


def listing(settings: Iterable[tuple[str, bool]]) -> Condition:
    """The condition under which query-migrate-capabilities lists these; one that the build lacks is left out."""
    shown = {f"cap.{name}": "yes" if on else "no" for name, on in settings}
    return where({**shown, "block-migration": "yes" if f"cap.{MigrationCapability.BLOCK}" in shown else "no"})


def contradictions(command: str, answer: object) -> Iterator[tuple[str, str]]:
    """What an answer that fits the schema contradicts in itself: the rule, and what is wrong."""
    if command == dirty_rate.QUERY and isinstance(answer, dict):
        yield from dirty_rate.contradictions(answer)
    elif command == xen.QUERY and isinstance(answer, dict):
        yield from xen.contradictions(answer)
    elif command == "query-status" and isinstance(answer, dict):
        if answer.get("running") is not (answer.get("status") == RunState.RUNNING):
            yield "query-status.running", f"running is {answer.get('running')} in run state {answer.get('status')}"
    elif command == "query-migrate-capabilities" and isinstance(answer, list):
        listed = [entry.get("capability") for entry in answer if isinstance(entry, dict)]
        optional = MigrationCapability.BLOCK
        every = [name for name in MigrationCapability if name != optional or optional in listed]
        if listed != every:
            yield "query-migrate-capabilities.complete", "the list of capabilities is not that of the enumeration"


def _query(command: str) -> Contract:
    return Contract(command, (Case(f"{command}.answered", "The query is answered."),), query=command)


CONTRACTS: tuple[Contract, ...] = tuple(
    _query(command) for command in ("query-migrate", "query-status", "query-migrate-capabilities")
)
"""The queries whose answers depend on the state."""
