"""What clients ask in the vectors: for each command the requests by which its cases are told apart.

Only requests are written down here, never what becomes of them.  What the schema decides about their form is taken from
the samples, and the edges of the parameters from the table of their checks.  `{folder}` stands for a folder of whoever
drives the vectors, where nobody listens unless a sequence has said so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from migspec.properties.explorer.environment import Ask
from migspec.spec.commands import CONTRACTS
from migspec.spec.commands.machine import ONLY_HUMAN
from migspec.spec.parameters import CHECKS, PARAMETERS, READ, SET, Parameter
from migspec.spec.profiles import Profile
from migspec.spec.schema import ABSENT
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.schema.model import Alternate, IntegerType, Ref, Scalar
from migspec.spec.vocabulary import MigrationCapability, MigrationStatus
from migspec.traces.vectors.samples import Sample, arguments_of

FOLDER: Final = "{folder}"
"""What whoever drives the vectors replaces by a folder of its own."""

NOWHERE: Final = f"unix:{FOLDER}/nowhere"
"""An address where nobody listens."""
PEER: Final = f"unix:{FOLDER}/peer"
"""The address of the destination that some sequences need."""
HERE: Final = f"unix:{FOLDER}/here"
"""An address where the VM itself may listen."""

NEGOTIATE: Final = Ask("qmp_capabilities")
OOB: Final = Ask("qmp_capabilities", {"enable": ["oob"]})


def switched(*names: str, on: bool = True) -> Ask:
    """The request that switches capabilities on or off."""
    return _with_settings((name, on) for name in names)


def _with_settings(settings: Iterable[tuple[str, bool]]) -> Ask:
    listed = [{"capability": name, "state": on} for name, on in settings]
    return Ask("migrate-set-capabilities", {"capabilities": listed})


EVENTS: Final = switched("events")
LOOK: Final[tuple[Ask, ...]] = (Ask("query-migrate"), Ask("query-status"))
"""What shows most of a state."""

_MALFORMED: Final = ("", "bad", "unix:", "tcp:localhost", "tcp::x", "fd:none", "vsock:1", "rdma:h:1", "defer")
"""Addresses that are no good: an unknown scheme, or nothing that the scheme knows behind it."""

Arguments = Mapping[str, Any]

_ARGUMENTS: Final[Mapping[str, tuple[Arguments, ...]]] = {
    "migrate": (
        {"uri": NOWHERE},
        *({"uri": uri, "resume": True} for uri in (NOWHERE, "bad")),
        {"uri": "bad", "blk": True},
        {"uri": "bad", "inc": True},
        *({"uri": uri} for uri in _MALFORMED),
    ),
    "migrate-incoming": tuple({"uri": uri} for uri in (HERE, *_MALFORMED)),
    "migrate-recover": tuple({"uri": uri} for uri in (HERE, "bad")),
    "migrate-continue": tuple(
        {"state": status.value}
        for status in sorted(MigrationStatus, key=lambda status: status is not MigrationStatus.PRE_SWITCHOVER)
    ),
    "migrate-set-capabilities": ({"capabilities": []},),
    SET: (
        {},
        {"multifd-channels": 0},
        {"block-bitmap-mapping": [{"node-name": "a", "alias": "", "bitmaps": []}]},
    ),
    "migrate_set_downtime": ({"value": 1}, {"value": -1}),
    "migrate_set_speed": ({"value": 1 << 20}, {"value": -1}),
    "migrate-set-cache-size": ({"value": 1 << 20}, {"value": 1}),
    "calc-dirty-rate": ({"calc-time": 0}, {"calc-time": 61}, {"calc-time": 1}),
    "client_migrate_info": (
        {"protocol": "vnc", "hostname": "h", "port": 1},
        {"protocol": "spice", "hostname": "h"},
        {"protocol": "spice", "hostname": "h", "port": -1},
    ),
    "getfd": ({"fdname": "a"}, {"fdname": "1a"}),
    "closefd": ({"fdname": "a"},),
    "device_add": ({"driver": "none"},),
    "device_del": ({"id": "none"},),
    "xen-save-devices-state": (
        {"filename": f"{FOLDER}/none/state"},
        {"filename": f"{FOLDER}/state", "live": False},
    ),
    "xen-load-devices-state": ({"filename": f"{FOLDER}/none/state"},),
    "xen-set-replication": (
        {"enable": True, "primary": True, "failover": True},
        {"enable": False, "primary": True},
    ),
}
"""The arguments to try a command with, where the smallest that fit say too little; the most telling come first."""


def commands(profile: Profile) -> list[str]:
    """Every command that the schema or a contract knows, less what only the human monitor has."""
    return sorted({*profile.schema.commands, *CONTRACTS} - {"", *ONLY_HUMAN})


def requests_of(command: str, profile: Profile) -> tuple[Ask, ...]:
    """Requests for a command whose arguments fit."""
    if command in _ARGUMENTS:
        return tuple(Ask(command, given or None) for given in _ARGUMENTS[command])
    definition = profile.schema.commands.get(command)
    smallest = {} if definition is None else next(s.value for s in arguments_of(definition, profile) if _fits(s))
    return (Ask(command, smallest or None),)


def _fits(sample: Sample) -> bool:
    return sample.valid and sample.value is not ABSENT


def misfits_of(command: str, profile: Profile) -> Iterator[Ask]:
    """Requests for a command whose arguments do not fit: one with each kind of fault that they may have."""
    definition = profile.schema.commands.get(command)
    seen = set()
    for sample in () if definition is None else arguments_of(definition, profile):
        kinds = frozenset(fault.kind for fault in sample.faults)
        if isinstance(sample.value, dict) and not sample.valid and kinds not in seen:
            seen.add(kinds)
            yield Ask(command, sample.value)


# ---- capabilities and parameters ----


def of_capability(name: str) -> tuple[Ask, ...]:
    """A capability switched on, off, and both at once."""
    listed = Ask("query-migrate-capabilities")
    both = _with_settings((name, on) for on in (False, True, False))
    return (switched(name), listed, switched(name, on=False), listed, both, listed)


CLASHING: Final = (MigrationCapability.POSTCOPY_RAM.value, MigrationCapability.X_IGNORE_SHARED.value)
"""Two capabilities that do not go together."""


def of_parameter(name: str) -> Iterator[Ask]:
    """A parameter set to values of its type and around the edges of its range, and read after each."""
    for value in _values_of(PARAMETERS[name]):
        yield Ask(SET, {name: value})
        yield Ask(READ)


def _values_of(parameter: Parameter) -> Iterator[Any]:
    check = next((check for check in CHECKS if check.parameter == parameter.name), None)
    match parameter.written.type:
        case IntegerType() as type_:
            least, most = (check.least, check.most) if check else (0, (parameter.values or 2**63) - 1)
            edges = (least - 1, least, least + 1, most, most + 1)
            yield from (value for value in edges if type_.minimum <= value <= type_.maximum)
        case Scalar.BOOLEAN:
            yield from (not parameter.default, parameter.default)
        case Alternate():
            yield from ("a", "")
        case Ref() as named if named.name in SCHEMA.enums:
            yield from (word.name for word in SCHEMA.enums[named.name].values)


def parameters() -> Iterator[str]:
    """The parameters that are set in the vectors."""
    return (name for name, parameter in PARAMETERS.items() if any(True for _ in _values_of(parameter)))
