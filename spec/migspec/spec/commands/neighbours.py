"""Contracts of commands next door that a client needs for a migration: SPICE, descriptors and devices.

Texts and order: observed on QEMU 5.2.0.
"""

from __future__ import annotations

from migspec.spec.conditions import ALWAYS, Condition, where
from migspec.spec.contracts import Case, Contract, Texts, Words, refusal
from migspec.spec.requests import Request
from migspec.spec.vocabulary import ErrorClass, MigrationStatus

_IDLE = where(
    {
        "outgoing": (
            MigrationStatus.NONE,
            MigrationStatus.COMPLETED,
            MigrationStatus.FAILED,
            MigrationStatus.CANCELLED,
        )
    },
    "no outgoing migration is under way",
)
"""Unlike for other commands, COLO counts as under way."""

_NO_SPICE = where({"spice": "no"}, "the process does not serve SPICE")

CLIENT_MIGRATE_INFO = Contract(
    "client_migrate_info",
    (
        refusal(
            "client_migrate_info.protocol",
            "The one protocol is spice.",
            "Parameter 'protocol' expects spice",
            asks=lambda request: request.argument("protocol") != "spice",
            clause="client_migrate_info.protocol",
            evidence="39 recorded",
        ),
        refusal(
            "client_migrate_info.not-in-use",
            "The process must serve SPICE.",
            "SPICE is not in use",
            when=_NO_SPICE,
            error_class=ErrorClass.DEVICE_NOT_ACTIVE,
            evidence="24 recorded",
        ),
        refusal(
            "client_migrate_info.port",
            "One of the two ports must be given.",
            "Parameter 'port/tls-port' is missing",
            asks=lambda request: request.argument("port") is None and request.argument("tls-port") is None,
            clause="client_migrate_info.port",
        ),
        refusal(
            "client_migrate_info.spice",
            "The SPICE server may refuse, and does not say why.",
            "An undefined error has occurred",
            final=False,
            evidence="every time for a port of -1",
        ),
        Case(
            "client_migrate_info.accepted",
            "The clients of SPICE will be told; the ports are not looked at.",
            clause="client_migrate_info",
        ),
    ),
    aside=True,
)


def _begins_with_digit(request: Request) -> bool:
    name = request.argument("fdname")
    return isinstance(name, str) and name[:1] in tuple("0123456789")


GETFD = Contract(
    "getfd",
    (
        refusal(
            "getfd.without-descriptor",
            "A descriptor must come with the request, which a trace does not show.",
            "No file descriptor supplied via SCM_RIGHTS",
            final=False,
        ),
        refusal(
            "getfd.digit",
            "A name that begins with a digit would be a number.",
            "Parameter 'fdname' expects a name not starting with a digit",
            asks=_begins_with_digit,
        ),
        Case("getfd.accepted", "The descriptor has the name from now on."),
    ),
    aside=True,
)

CLOSEFD = Contract(
    "closefd",
    (
        refusal(
            "closefd.unknown",
            "The monitor must know a descriptor by that name.",
            lambda request, _state: Words(
                frozenset({f"File descriptor named '{request.argument('fdname')}' not found"})
            ),
            final=False,
        ),
        Case("closefd.accepted", "The descriptor is closed."),
    ),
    aside=True,
)


def _meanwhile(command: str) -> str:
    return f"{command} not allowed while migrating"


def _not_found(request: Request) -> str:
    return f"Device '{request.argument('id')}' not found"


def _own_words(command: str) -> Texts:
    return lambda request, _state: Words(
        anything=True, except_for=frozenset({_meanwhile(command), _not_found(request)})
    )


def _not_hidden(request: Request) -> Condition:
    # the primary of a failover pair stays hidden, which is no change to the machine
    return ALWAYS if request.argument("failover_pair_id") is not None else _IDLE


def _plugging(command: str, *cases: Case) -> Contract:
    return Contract(
        command,
        (
            refusal(
                f"{command}.migrating",
                "The machine stays as it is while it migrates, COLO included.",
                _meanwhile(command),
                when=~_IDLE,
                final=False,
            ),
            *cases[:-1],
            refusal(f"{command}.refused", "A device may refuse for many reasons.", _own_words(command), final=False),
            cases[-1],
        ),
    )


DEVICE_ADD = _plugging(
    "device_add", Case("device_add.accepted", "The device is plugged in.", when=_not_hidden, loose=True)
)
# the primary of a failover pair may be unplugged at any time, and the request does not tell which device is one
DEVICE_DEL = _plugging(
    "device_del",
    refusal(
        "device_del.unknown",
        "There must be a device of that id.",
        lambda request, _state: Words(frozenset({_not_found(request)})),
        asks=lambda request: request.argument("id") is not None,
        final=False,
        error_class=ErrorClass.DEVICE_NOT_FOUND,
        evidence="5 recorded",
    ),
    Case("device_del.accepted", "The guest is asked to let the device go.", loose=True),
)

CONTRACTS: tuple[Contract, ...] = (CLIENT_MIGRATE_INFO, GETFD, CLOSEFD, DEVICE_ADD, DEVICE_DEL)
"""The contracts of this module."""
