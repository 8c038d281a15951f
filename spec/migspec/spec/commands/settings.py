"""Contracts of the commands that set and read parameters, the deprecated ones included.

Every refusal comes from a check in `migspec.spec.parameters`; here are its place in the order, and what a change does
to the state. That values are read back as they were set is judged beside the states.

Texts and order: observed on QEMU 5.2.0. There is no status in which parameters cannot be set.
"""

from __future__ import annotations

from collections.abc import Callable

from migspec.spec.conditions import ALWAYS, where
from migspec.spec.contracts import Case, Contract, Words, refusal
from migspec.spec.lifecycle.guards import IN_PROGRESS
from migspec.spec.parameters import CHECKS, READ, READ_BY, SET, SHORTHANDS
from migspec.spec.requests import Request
from migspec.spec.rows import Standing
from migspec.spec.vocabulary import MigrationParameter as P

_MIGRATING = (IN_PROGRESS | where({"incoming": "active"}, "a stream is being loaded")).named("a migration is under way")
_NO_YES = ("no", "yes")


def _certain_words(request: Request, _state: int) -> Words:
    return Words(frozenset({request.out_of_range.text} if request.out_of_range else ()))


def _refuses(parameter: P) -> Callable[[Request], bool]:
    def asks(request: Request) -> bool:
        return request.out_of_range is not None and request.out_of_range.parameter == parameter

    return asks


def _may_refuse(parameter: P) -> Callable[[Request], bool]:
    def asks(request: Request) -> bool:
        return any(refusal.parameter == parameter for refusal in request.perhaps_out_of_range)

    return asks


def range_rule(command: str, parameter: str) -> str:
    """The id of the rule by which a command refuses a value of a parameter."""
    return f"{command}.{parameter}.range" if command == SET else f"{command}.range"


_RANGES = tuple(
    refusal(
        range_rule(SET, check.parameter),
        f"The value of {check.parameter.value}, cut to its width, must be {check.range}.",
        check.text,
        asks=asks(check.parameter),
        final=final,
        clause=f"MigrateSetParameters.{check.parameter.value}",
    )
    for check in CHECKS
    for asks, final in ((_may_refuse, False), (_refuses, True))
    if final or check.least_is is not None
)

_MAPPING = refusal(
    range_rule(SET, P.BLOCK_BITMAP_MAPPING),
    "The mapping must be one-to-one both ways, and its names short enough and well-formed.",
    _certain_words,
    asks=_refuses(P.BLOCK_BITMAP_MAPPING),
    clause="MigrateSetParameters.block-bitmap-mapping",
    evidence="1 500 random mappings",
)


def _set_parameter(request: Request) -> dict[str, str | tuple[str, ...]]:
    if request.monitor_command:
        return {"block-incremental": _NO_YES, "threads-changed": _NO_YES}
    changes: dict[str, str | tuple[str, ...]] = {}
    if request.block_incremental is not None:
        changes["block-incremental"] = "yes" if request.block_incremental else "no"
    return changes


def _set_threads(request: Request) -> dict[str, str | tuple[str, ...]]:
    # the same number once more changes nothing
    return _set_parameter(request) | {"threads-changed": _NO_YES}


MIGRATE_SET_PARAMETERS = Contract(
    SET,
    (
        *_RANGES,
        _MAPPING,
        Case(
            f"{SET}.tls-authz-null",
            "A tls-authz of null, with nothing else wrong in the request, aborts the process.",
            asks=lambda request: request.clears_tls_authz,
            then={"life": "aborted"},
            replies=False,
            standing=Standing.DEFECT,
            clause="MigrateSetParameters.tls-authz",
            evidence="14 of 14, without a reply",
        ),
        Case(
            f"{SET}.threads-meanwhile",
            "The number of threads or channels is changed under a migration that has started them.",
            asks=lambda request: request.changes_threads and not request.clears_tls_authz,
            when=_MIGRATING,
            then=_set_threads,
            clause="MigrateSetParameters.multifd-channels",
        ),
        Case(
            f"{SET}.accepted",
            "The values are stored, all of them, in any status; none at all is no fault.",
            asks=lambda request: not request.clears_tls_authz,
            when=lambda request: ~_MIGRATING if request.changes_threads else ALWAYS,
            then=_set_parameter,
            clause=SET,
            evidence="1 523 recorded, and 6 000 random ones",
        ),
    ),
)

_SHORTHANDS = tuple(
    Contract(
        row.command,
        (
            refusal(
                range_rule(row.command, row.parameter),
                f"The value is refused as one of {row.parameter.value} is, after the same conversion.",
                _certain_words,
                asks=lambda request: request.out_of_range is not None,
                clause=f"{row.command}.value",
            ),
            Case(
                f"{row.command}.accepted",
                f"The value is stored as {row.parameter.value}, in any status.",
                clause=row.command,
                evidence="494 recorded of the four deprecated commands",
            ),
        ),
    )
    for row in SHORTHANDS.values()
)

_READERS = (
    Contract(READ, (Case(f"{READ}.answered", "The query is answered.", clause=READ),), query=READ),
    *(
        Contract(
            command,
            (Case(f"{command}.answered", f"The query tells {parameter.value}.", loose=True, clause=command),),
        )
        for command, parameter in READ_BY.items()
    ),
)

CONTRACTS: tuple[Contract, ...] = (MIGRATE_SET_PARAMETERS, *_SHORTHANDS, *_READERS)
"""The contracts of this module."""
