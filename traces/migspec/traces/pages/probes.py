"""Requests that show how the cases of a contract depend on what is asked.

A case may pick its requests, and its texts and effects may follow from their arguments.  For a page each case is tried
with these; what it says of them are examples, and the rule's sentence says the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from migspec.spec.contracts import Case
from migspec.spec.parameters import CHECKS, SET
from migspec.spec.requests import Request, understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.spec.vocabulary import MigrationCapability

_PROPER = ("unix:/s", "exec:cat", "tcp:localhost:1234")
_BAD = ("bad", "unix:", "tcp:localhost", "tcp::x", "fd:x", "vsock:1", "rdma:h:1", "")

_OUTGOING: Final[tuple[Mapping[str, Any], ...]] = tuple(
    {"uri": uri, **more} for more in ({}, {"resume": True}, {"blk": True}, {"inc": True}) for uri in (*_PROPER, *_BAD)
)
_INCOMING: Final[tuple[Mapping[str, Any], ...]] = tuple({"uri": uri} for uri in (*_PROPER, *_BAD))

_ARGUMENTS: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {
    "migrate": _OUTGOING,
    "migrate-incoming": _INCOMING,
    "migrate-recover": _INCOMING,
    "migrate-continue": ({"state": "pre-switchover"},),
    "migrate-set-capabilities": (
        {"capabilities": []},
        *({"capabilities": [{"capability": name.value, "state": True}]} for name in MigrationCapability),
    ),
    SET: (
        {},
        {"tls-authz": None},
        {"multifd-channels": 4},
        *({check.parameter.value: value} for check in CHECKS for value in (check.least - 1, check.most + 1)),
        {"block-bitmap-mapping": [{"node-name": "a", "alias": "", "bitmaps": []}]},
    ),
    "migrate_set_downtime": ({"value": 1}, {"value": -1}),
    "migrate_set_speed": ({"value": 1}, {"value": -1}),
    "migrate-set-cache-size": ({"value": 1 << 20}, {"value": 1}),
    "qmp_capabilities": ({}, {"enable": ["oob"]}),
}

_OF_ANY: Final = tuple(
    understand(command, arguments, QEMU_5_2_0, oob=oob)
    for command, arguments, oob in (
        ("query-status", ABSENT, False),
        ("query-status", ABSENT, True),
        ("migrate", {}, False),
        ("qmp_capabilities", ABSENT, False),
        ("qmp_capabilities", ABSENT, True),
    )
)
"""What shows the checks that every command meets."""


@cache
def probes_of(command: str) -> tuple[Request, ...]:
    """The requests to try the cases of a command with; those of every command where it has no name."""
    if not command:
        return _OF_ANY
    wanted = _ARGUMENTS.get(command, ({},))
    return tuple(understand(command, arguments or ABSENT, QEMU_5_2_0) for arguments in wanted) or _OF_ANY


def asked(case: Case, command: str) -> Iterator[Request]:
    """The probes that a case picks."""
    return (probe for probe in probes_of(command) if case.asks(probe))
