"""The page of an entity of the schema, of a member or word of one, and of a parameter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migspec.spec.commands import contract_of, envelope
from migspec.spec.contracts import Case, Contract
from migspec.spec.lifecycle import ROWS
from migspec.spec.profiles import Profile
from migspec.spec.rules import EVERY_CONTRACT, Rule
from migspec.spec.schema import Command, Entity, Event, Schema, references
from migspec.spec.schema.enums import MIGRATION_CAPABILITY, MIGRATION_STATUS
from migspec.spec.schema.structs import MIGRATE_SET_PARAMETERS, MIGRATION_PARAMETERS
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages import examples
from migspec.traces.pages.definitions import head_of, parameter_facts, part_page, parts_of, parts_page
from migspec.traces.pages.rendering import Named, Page, Value
from migspec.traces.pages.rules import case_entry

_PARTS = {"Command": "arguments", "Event": "data", "Enum": "words"}


def page_of_entity(entity: Entity, profile: Profile) -> Page:
    """All that is known about an entity, as the profile has it."""
    schema = profile.schema
    kind = type(entity).__name__
    page: Page = {
        kind.lower(): entity.name,
        **head_of(entity),
        _PARTS.get(kind, "members"): parts_page(entity, schema),
    }
    told: set[str] = set()
    if isinstance(entity, Command):
        page |= _contract(entity, profile.name)
        told = {case.id for case in contract_of(entity.name, profile.name).cases}
    elif isinstance(entity, Event):
        page["sent by"] = list(_senders(entity.name, profile.name))
    page["used by"] = [Named(other.name) for other in schema.entities if entity.name in references(other)]
    clauses = (entity.name, *(f"{entity.name}.{part}" for part in parts_of(entity, schema)))
    page["other rules"] = _rules(clauses, profile.name, told)
    return page | examples.of_entity(entity.name)


def page_of_part(entity: Entity, name: str, profile: Profile) -> Page:
    """All that is known about a member or word of an entity."""
    part = parts_of(entity, profile.schema)[name]
    page: Page = {
        "word" if entity.name in profile.schema.enums else "member": f"{entity.name}.{name}",
        **part_page(part),
    }
    if entity.name == MIGRATION_STATUS.name:
        page["entered by"] = _steps(f"MIGRATION:{name}", profile.name)
    if entity.name == MIGRATION_CAPABILITY.name:
        page["asked by"] = [Named(rule) for rule, needs in _conditions(profile.name) if f"cap.{name} " in needs]
    if entity.name in (MIGRATE_SET_PARAMETERS.name, MIGRATION_PARAMETERS.name):
        page |= parameter_facts(name)
    page["rules"] = _rules((f"{entity.name}.{name}",), profile.name, set())
    return page


def page_of_parameter(name: str, profile: Profile) -> Page:
    """All that is known about a parameter of migration."""
    part = parts_of(MIGRATE_SET_PARAMETERS, profile.schema)[name]
    clauses = (f"{MIGRATE_SET_PARAMETERS.name}.{name}", f"{MIGRATION_PARAMETERS.name}.{name}")
    return {
        "parameter": name,
        **part_page(part),
        **parameter_facts(name),
        "rules": _rules((*clauses, f"MigrationParameter.{name}"), profile.name, set()),
    }


def _contract(command: Command, profile: str) -> Page:
    contract = contract_of(command.name, profile)
    common = [case for case in envelope.CONTRACT.cases if profile in case.profiles and case.words is not None]
    cases = [case for case in contract.cases if profile in case.profiles]
    return {
        "judged by": profile,
        "checked before": [Named(case.id, f": {case.sentence}") for case in common],
        "refusals, in order": _entries(contract, (case for case in cases if case.words is not None)),
        "ways to succeed": _entries(contract, (case for case in cases if case.words is None)),
    }


def _entries(contract: Contract, cases: Iterable[Case]) -> list[Value]:
    return [case_entry(case, contract.command) for case in cases]


def _senders(event: str, profile: str) -> Iterator[Value]:
    """The rows and cases that send an event, with what they tell in it."""
    for rule, events in _emitters(profile):
        details = [name.partition(":")[2] for name in events if name.partition(":")[0] == event]
        if details:
            yield Named(rule, f" ({', '.join(details)})" if any(details) else "")


def _steps(event: str, profile: str) -> list[Value]:
    return [Named(rule) for rule, events in _emitters(profile) if event in events]


def _conditions(profile: str) -> Iterator[tuple[str, str]]:
    """The rules of a profile with their conditions in words."""
    return ((rule.id, f"{rule.needs} ") for rule in CATALOGUE.values() if profile in rule.profiles)


def _emitters(profile: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for row in ROWS:
        if profile in row.profiles:
            yield row.id, row.events
    seen: set[str] = set()
    for contract in EVERY_CONTRACT:
        for case in contract.cases:
            if profile in case.profiles and case.id not in seen:
                seen.add(case.id)
                yield case.id, case.events


def _rules(clauses: Iterable[str], profile: str, told: set[str]) -> list[Value]:
    wanted = frozenset(clauses)
    return [
        Named(rule.id, f": {rule.sentence}")
        for rule in CATALOGUE.values()
        if profile in rule.profiles and rule.id not in told and (rule.clause in wanted or _is_its_schema(rule, wanted))
    ]


def _is_its_schema(rule: Rule, names: frozenset[str]) -> bool:
    return rule.id.startswith("schema.") and rule.id.removeprefix("schema.") in names


def entity_of(name: str, schema: Schema) -> Entity | None:
    """The entity of that name."""
    return next((entity for entity in schema.entities if entity.name == name), None)
