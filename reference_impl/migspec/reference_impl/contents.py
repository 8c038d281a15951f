"""What a successful command returns, from what the machine is at that moment.

Most commands return an empty object.  A query changes nothing, so what it tells is read after its step; the forms of
the answers are those of `migspec.reference_impl.answers`.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, Protocol

from migspec.reference_impl.answers.general import ANSWERS
from migspec.reference_impl.answers.human import View, shown
from migspec.reference_impl.answers.lines import NEWLINE, complaint
from migspec.reference_impl.answers.migration import Sides, listeners_told, migration_told
from migspec.reference_impl.answers.settings import capabilities_told, parameters_told, read_by
from migspec.reference_impl.answers.status import (
    Measured,
    colo_told,
    dirty_rate_told,
    replication_told,
    status_told,
)
from migspec.reference_impl.calls import Call
from migspec.reference_impl.decisions import World, line_of
from migspec.spec.commands import colo, dirty_rate, xen
from migspec.spec.parameters import READ, READ_BY, Value
from migspec.spec.profiles import PROFILES
from migspec.spec.vocabulary import MigrationParameter, MigrationStatus

_WORD: Final = re.compile(r"xp\s+/1wx\s+0x([0-9a-fA-F]{1,16})")  # a look at one word of the memory


class Told(World, Protocol):
    """The machine that is asked."""

    @property
    def profile(self) -> str:
        """Whose behaviour it shows."""

    @property
    def state(self) -> int:
        """Its state, fully known."""

    @property
    def screen(self) -> str:
        """What the last line has left on the human monitor's screen."""

    @property
    def measurement(self) -> Measured:
        """The last measurement of the dirty rate that has begun."""


def _migration(machine: Told, _call: Call) -> dict[str, object]:
    source, destination = machine.source, machine.destination
    status = MigrationStatus(machine.value("outgoing"))
    attempt = source.attempt
    statistics = attempt.work.statistics(status, machine.now) if attempt is not None else {}
    addresses = [
        told for address in destination.addresses for told in listeners_told(address, machine.host.bound(address))
    ]
    return migration_told(
        machine.state, Sides(statistics, source.error, addresses, destination.arrival.work.blocktime())
    )


def _in_force(machine: Told) -> Mapping[str, Value]:
    return {**machine.values, MigrationParameter.BLOCK_INCREMENTAL: machine.value("block-incremental") == "yes"}


@cache
def _always_tells_rate(profile: str) -> bool:
    members = PROFILES[profile].schema.structs["DirtyRateInfo"].members
    return any(member.name == "dirty-rate" and not member.optional for member in members)


def _dirty_rate(machine: Told, _call: Call) -> object:
    return dirty_rate_told(machine.state, machine.measurement, always=_always_tells_rate(machine.profile))


_TOLD: Final[Mapping[str, Callable[[Told, Call], object]]] = {
    "query-migrate": _migration,
    "query-status": lambda machine, _call: status_told(machine.value("run")),
    "query-migrate-capabilities": lambda machine, _call: capabilities_told(machine.state),
    READ: lambda machine, _call: parameters_told(_in_force(machine)),
    **dict.fromkeys(READ_BY, lambda machine, call: read_by(call.command, machine.values)),
    colo.QUERY: lambda machine, _call: colo_told(machine.state),
    xen.QUERY: lambda _machine, _call: replication_told(),
    dirty_rate.QUERY: _dirty_rate,
}
"""What each query tells; of the others, `ANSWERS` has what never changes."""


def _screen(machine: Told, call: Call) -> str:
    """What a line leaves on the human monitor's screen; a command that has moved something, nothing or a complaint."""
    if call.request.known:
        return complaint(line_of(call)) or machine.screen
    line = line_of(call)
    looked = _WORD.fullmatch(line.strip())
    if looked is not None:
        return _word_at(machine, int(looked[1], 16))
    view = View(
        machine.value("run"),
        _migration(machine, call),
        capabilities_told(machine.state),
        _in_force(machine),
        machine.options,
    )
    return shown(line, view)


def _word_at(machine: Told, address: int) -> str:
    """The first word of a page of a guest that counts there how often it has written the page, on average."""
    written = max(machine.guest.written(machine.now), default=0.0)
    pages = min((region.pages for region in machine.guest.regions), default=machine.guest.pages)
    return f"{address:016x}: 0x{int(written / pages) & 0xFFFFFFFF:08x}{NEWLINE}"


def content(machine: Told, call: Call) -> object:
    """What a command that has succeeded returns."""
    if call.request.monitor_command:
        return _screen(machine, call)
    told = _TOLD.get(call.command)
    if told is not None:
        return told(machine, call)
    general = ANSWERS.get(call.command)
    return {} if general is None else general(machine.options)
