"""What a name means: a rule, an entity, a part of one, a capability or a parameter; and which names are near."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from migspec.spec.profiles import PROFILES
from migspec.spec.schema import Schema
from migspec.spec.schema.enums import MIGRATION_CAPABILITY
from migspec.spec.schema.structs import MIGRATE_SET_PARAMETERS
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.pages.definitions import parts_of
from migspec.traces.pages.entities import entity_of, page_of_entity, page_of_parameter, page_of_part
from migspec.traces.pages.rendering import Page
from migspec.traces.pages.rules import page_of_rule

MOST_NEAR = 20
"""Names that are offered where one is not known."""


class UnknownNameError(Exception):
    """Nothing, or more than one thing, has a name; `near` are the names that may be meant."""

    def __init__(self, name: str, near: tuple[str, ...]) -> None:
        super().__init__(name, near)
        self.name = name
        self.near = near

    def __str__(self) -> str:
        near = f"; there is {', '.join(self.near)}" if self.near else ""
        return f"there is no rule and no entity of the schema called {self.name}{near}"


def page_of(name: str, profile: str) -> Page:
    """The page of what a name means in a profile.

    Raises `UnknownNameError`.
    """
    chosen = PROFILES[profile]
    schema = chosen.schema
    if name in CATALOGUE:
        return page_of_rule(CATALOGUE[name], schema)
    entity = entity_of(name, schema)
    if entity is not None:
        return page_of_entity(entity, chosen)
    owner, _, part = name.partition(".")
    entity = entity_of(owner, schema)
    if entity is not None and part in parts_of(entity, schema):
        return page_of_part(entity, part, chosen)
    if name in parts_of(MIGRATION_CAPABILITY, schema):
        return page_of_part(MIGRATION_CAPABILITY, name, chosen)
    if name in parts_of(MIGRATE_SET_PARAMETERS, schema):
        return page_of_parameter(name, chosen)
    owners = [entity for entity in schema.entities if name in parts_of(entity, schema)]
    if len(owners) == 1:
        return page_of_part(owners[0], name, chosen)
    raise UnknownNameError(name, _near(name, [entity.name for entity in owners], schema))


def listing(prefix: str, profile: str | None) -> list[tuple[str, str]]:
    """The rules whose ids begin with `prefix`, with their sentences; those of a profile if one is given."""
    return [
        (rule.id, rule.sentence)
        for rule in sorted(CATALOGUE.values(), key=lambda rule: rule.id)
        if rule.id.startswith(prefix) and (profile is None or profile in rule.profiles)
    ]


def _near(name: str, owners: list[str], schema: Schema) -> tuple[str, ...]:
    if owners:
        return tuple(f"{owner}.{name}" for owner in owners[:MOST_NEAR])
    every = list(dict.fromkeys(_names(schema)))
    longer = [known for known in every if known.startswith(name)]
    lowered = {known.lower(): known for known in every}
    alike = [lowered[known] for known in difflib.get_close_matches(name.lower(), lowered, n=MOST_NEAR, cutoff=0.6)]
    return tuple(dict.fromkeys([*longer, *alike]))[:MOST_NEAR]


def _names(schema: Schema) -> Iterator[str]:
    yield from CATALOGUE
    for entity in schema.entities:
        yield entity.name
        for part in parts_of(entity, schema):
            yield f"{entity.name}.{part}"
            yield part
