"""Where everything has its home: the page of each rule, and of each part of the schema.

A rule is told once, on the page of what it is about: a case on that of its command, a row on that of its table, a
relation on that of the member whose numbers it relates.  Other pages lead there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from migspec.properties.pairs import PAIR_RULES
from migspec.spec.commands import CONTRACTS, written
from migspec.spec.lifecycle import channels, colo, crashes, dirty_rate, guest, incoming, outgoing, postcopy
from migspec.spec.lifecycle import written as written_rows
from migspec.spec.parameters import PARAMETERS, READ
from migspec.spec.profiles import PROFILES
from migspec.spec.rows import QEMU_5_2_0, Row
from migspec.spec.rules import CASES
from migspec.spec.schema import Command, Entity, Event, Origin, Schema
from migspec.spec.schema.enums import MIGRATION_CAPABILITY, MIGRATION_STATUS
from migspec.spec.schema.reach import reachable
from migspec.spec.vocabulary import MigrationStatus
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages.definitions import parts_of
from migspec.traces.pages.outlook import STATUSES as SIDE_STATUSES
from migspec.traces.pages.outlook import Side

PROFILE: Final = QEMU_5_2_0
"""The profile that the pages tell of where they do not say otherwise: it has all that the others have, and more."""
SCHEMA: Final[Schema] = PROFILES[PROFILE].schema
"""Its schema."""
CORPUS: Final = Path(__file__).resolve().parents[3] / "traces/corpus"
"""The recorded sessions."""

ROOT: Final = "reference"
"""The folder of all generated pages, below that of the documentation."""
COMMANDS, STATUSES, CAPABILITIES, PARAMETER_PAGES, EVENTS, ANSWERS, TYPES, TRANSITIONS, PROGRAM = (
    f"{ROOT}/{kind}"
    for kind in (
        "commands",
        "statuses",
        "capabilities",
        "parameters",
        "events",
        "answers",
        "types",
        "transitions",
        "program",
    )
)
MESSAGES: Final = f"{ROOT}/messages"
"""The page of what holds of any message."""
PAIRS: Final = f"{ROOT}/pairs"
"""The page of what ties two VMs together."""
RULES: Final = f"{ROOT}/rules"
"""The page of all rules by their ids."""
DIFFERENCES: Final = f"{ROOT}/differences"
"""The page of what is written and what is done."""
WRITTEN: Final = f"{TRANSITIONS}/written"
"""The page of what the schema's text alone says."""

TABLES: Final[Mapping[str, tuple[str, tuple[Row, ...]]]] = {
    "outgoing": ("Precopy and cancellation on the source", outgoing.ROWS),
    "channels": ("Multifd channels", channels.ROWS),
    "postcopy": ("Postcopy on the source", postcopy.ROWS),
    "colo": ("COLO, both sides", colo.ROWS),
    "incoming": ("The destination", incoming.ROWS),
    "guest": ("The guest and the process", guest.ROWS),
    "crashes": ("Crashes", crashes.ROWS),
    "dirty-rate": ("The measurement of the dirty rate", dirty_rate.ROWS),
    "written": ("What the schema's text implies", written_rows.ROWS),
}
"""The tables of rows, each with a title."""

ORDER: Final = (
    MigrationStatus.NONE,
    MigrationStatus.SETUP,
    MigrationStatus.WAIT_UNPLUG,
    MigrationStatus.ACTIVE,
    MigrationStatus.PRE_SWITCHOVER,
    MigrationStatus.DEVICE,
    MigrationStatus.POSTCOPY_ACTIVE,
    MigrationStatus.POSTCOPY_PAUSED,
    MigrationStatus.POSTCOPY_RECOVER,
    MigrationStatus.COLO,
    MigrationStatus.CANCELLING,
    MigrationStatus.COMPLETED,
    MigrationStatus.FAILED,
    MigrationStatus.CANCELLED,
)
"""The statuses in the order in which a migration is told."""


def statuses_of(side: Side) -> tuple[str, ...]:
    """Those that a side may have, in this order."""
    return tuple(status for status in ORDER if status in SIDE_STATUSES[side])


STATUS: Final = MIGRATION_STATUS.name
CAPABILITY: Final = MIGRATION_CAPABILITY.name
PARAMETER_TYPES: Final = ("MigrateSetParameters", "MigrationParameters", "MigrationParameter")
"""The types whose members are parameters: to set, to read, and as a list of names."""

_QUERIES: Final = (
    "query-migrate",
    "query-colo-status",
    "query-dirty-rate",
    "query-xen-replication-status",
    "query-status",
)


@cache
def answer_types() -> tuple[str, ...]:
    """The structs that answers about a migration are made of, each member of which has a page."""
    found = {name for query in _QUERIES for name in reachable(SCHEMA, query)}
    returned = {str(SCHEMA.commands[query].returns) for query in _QUERIES}
    return tuple(
        name
        for name, struct in SCHEMA.structs.items()
        if name in found and (name in returned or struct.origin is not Origin.EXTERNAL)
    )


def home_of_entity(entity: Entity) -> str:
    """The page of an entity of the schema."""
    if isinstance(entity, Command):
        return f"{COMMANDS}/{entity.name}"
    if isinstance(entity, Event):
        return f"{EVENTS}/{entity.name}"
    return f"{ANSWERS if entity.name in answer_types() else TYPES}/{entity.name}"


def home_of_part(entity: Entity, part: str) -> str:
    """The page of a member or word: its own, or that of its entity."""
    if entity.name == STATUS:
        return f"{STATUSES}/{part}"
    if entity.name == CAPABILITY:
        return f"{CAPABILITIES}/{part}"
    if entity.name in PARAMETER_TYPES:
        return f"{PARAMETER_PAGES}/{part}"
    if entity.name in answer_types():
        return f"{ANSWERS}/{entity.name}.{part}"
    return home_of_entity(entity)


@cache
def homes_of_schema() -> Mapping[str, str]:
    """The pages of all entities and their parts, by name."""
    return dict(_of_schema())


def _of_schema() -> Iterator[tuple[str, str]]:
    for entity in SCHEMA.entities:
        yield entity.name, home_of_entity(entity)
        for part in _own_parts(entity):
            yield f"{entity.name}.{part}", home_of_part(entity, part)


def _own_parts(entity: Entity) -> Iterator[str]:
    boxed = isinstance(entity, Command) and not isinstance(entity.arguments, tuple)
    return iter(()) if boxed else iter(parts_of(entity, SCHEMA))


@cache
def homes_of_rules() -> Mapping[str, str]:
    """The pages of all rules, by id."""
    homes: dict[str, str] = {}
    for name, home in _of_rules():
        homes.setdefault(name, home)
    return homes


def _of_rules() -> Iterator[tuple[str, str]]:
    for table, (_, rows) in TABLES.items():
        yield from ((row.id, f"{TRANSITIONS}/{table}") for row in rows)
    for contract in CONTRACTS.values():
        yield from ((case.id, f"{COMMANDS}/{contract.command}") for case in contract.cases)
    for contract in (*written.CONTRACTS.values(), written.OPEN):
        yield from ((case.id, WRITTEN) for case in contract.cases)
    yield from ((rule.id, PAIRS) for rule in PAIR_RULES)
    for rule in CATALOGUE.values():
        command, _, last = rule.id.rpartition(".")
        if rule.id.startswith("schema."):
            yield rule.id, homes_of_schema()[rule.id.removeprefix("schema.")]
        elif command == READ and last in PARAMETERS:
            yield rule.id, f"{PARAMETER_PAGES}/{last}"
        elif rule.id not in CASES and "." in rule.clause:
            yield rule.id, homes_of_schema()[rule.clause]
        else:
            yield rule.id, f"{COMMANDS}/{command}" if command in CONTRACTS else MESSAGES


@cache
def rules_at(home: str) -> tuple[str, ...]:
    """The rules that have their home on a page, in the order of the catalogue."""
    return tuple(rule for rule in CATALOGUE if homes_of_rules()[rule] == home)


def has_home(name: str) -> bool:
    """Whether a name leads somewhere."""
    return name in CATALOGUE or name in homes_of_schema()


def name_of_command(command: str) -> str:
    """The name that leads to the page of a command: its own, unless only its contract is known."""
    return command if command in SCHEMA.commands else f"command {command}"
