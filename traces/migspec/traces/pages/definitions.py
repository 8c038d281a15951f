"""What the schema defines: an entity, a member or a word, as members of a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from migspec.spec.arguments import judge
from migspec.spec.commands.settings import range_rule
from migspec.spec.parameters import CHECKS, PARAMETERS, SET, Check, Parameter
from migspec.spec.rules import RULES
from migspec.spec.schema import (
    ABSENT,
    Command,
    Entity,
    Enum,
    EnumValue,
    Event,
    Member,
    Origin,
    Ref,
    Schema,
    Struct,
    Type,
    Union,
)
from migspec.spec.schema.structs import MIGRATE_SET_PARAMETERS, MIGRATION_PARAMETERS
from migspec.traces.pages.rendering import Named, Page, Value

_ORIGINS: Mapping[Origin, str] = {
    Origin.SEED: "the schema of migration",
    Origin.EXTERNAL: "another part of QEMU's schema",
    Origin.RELEASE: "the schema of the release",
}
_PARAMETER_STRUCTS = frozenset({MIGRATE_SET_PARAMETERS.name, MIGRATION_PARAMETERS.name})


def parts_of(entity: Entity, schema: Schema) -> dict[str, Member | EnumValue]:
    """The members or words of an entity by name, those of a boxed struct and of all branches included."""
    match entity:
        case Command():
            return {member.name: member for member in schema.arguments(entity)}
        case Event(data=members) | Struct(members=members):
            return {member.name: member for member in members}
        case Union(discriminator=discriminator, branches=branches):
            every = (member for _, struct in branches for member in schema.structs[struct].members)
            return {member.name: member for member in (discriminator, *every)}
        case Enum(values=values):
            return {value.name: value for value in values}
    return {}


def in_a_line(clause: str, schema: Schema) -> str:
    """What the schema says at a clause, `ENTITY` or `ENTITY.PART`; empty where it says nothing."""
    name, _, part = clause.partition(".")
    entity = next((entity for entity in schema.entities if entity.name == name), None)
    if entity is None:
        return ""
    found = parts_of(entity, schema).get(part)
    if part and found is None:
        return ""
    doc = found.doc if found is not None else entity.doc
    facts = ", ".join(_part_facts(found) if found is not None else _entity_facts(entity))
    return Named(clause, f": {facts}. {doc}")


def _part_facts(part: Member | EnumValue) -> Iterator[str]:
    if isinstance(part, Member):
        yield str(part.type)
        if part.optional:
            yield "optional"
    else:
        yield "word"
    if part.since:
        yield f"since {part.since}"
    yield from part.features
    if part.condition:
        yield f"only if {part.condition}"


def _entity_facts(entity: Entity) -> Iterator[str]:
    yield type(entity).__name__.lower()
    if isinstance(entity, Command) and entity.returns:
        yield f"returns {entity.returns}"
    if entity.since:
        yield f"since {entity.since}"
    yield from entity.features
    if entity.condition:
        yield f"only if {entity.condition}"


def head_of(entity: Entity) -> Page:
    """What the schema says of an entity as a whole."""
    page: Page = {
        "meaning": entity.doc,
        "since": entity.since,
        "found in": _ORIGINS[entity.origin],
        "features": list(entity.features),
        "only if": entity.condition,
    }
    if isinstance(entity, Command):
        page["returns"] = _returned(entity.returns) if entity.returns else "the empty object"
        page["out of band"] = "allowed" if entity.allow_oob else "refused"
        if isinstance(entity.arguments, Ref):
            page["arguments of"] = Named(entity.arguments.name)
    if isinstance(entity, Union):
        page["branches"] = [f"{word}: the members of {struct}" for word, struct in entity.branches]
    return page


def _returned(type_: Type) -> str:
    return Named(type_.name) if isinstance(type_, Ref) else str(type_)


def parts_page(entity: Entity, schema: Schema) -> list[Value]:
    """The members or words of an entity, an entry each, with what is known of a parameter or answered to a fault."""
    struct = entity.arguments.name if isinstance(entity, Command) and isinstance(entity.arguments, Ref) else entity.name
    told: list[Value] = []
    own = {entity.discriminator.name} if isinstance(entity, Union) else None
    for name, part in parts_of(entity, schema).items():
        if own is not None and name not in own:
            continue  # those of the branches are told on their pages
        entry: Page = {"name": name, **part_page(part)}
        if struct in _PARAMETER_STRUCTS:
            entry |= parameter_facts(name)
        if isinstance(entity, Command) and isinstance(part, Member):
            entry |= _faults(entity, part, schema)
        told.append(entry)
    return told


_WRONG: tuple[object, ...] = ({}, 0, [[]])
"""Values of which every type refuses one."""


def _faults(command: Command, member: Member, schema: Schema) -> Page:
    """How a request is refused that lacks an argument or has one of another type, everything else being right."""
    alone = replace(command, arguments=(member,))
    wrong = next((texts for value in _WRONG if (texts := _refused(alone, {member.name: value}, schema))), [])
    return {"if missing": _refused(alone, {}, schema), "if of another type": wrong}


def _refused(command: Command, arguments: dict[str, object], schema: Schema) -> list[Value]:
    verdict = judge(command, arguments, schema)
    return [f"GenericError “{text}”" for text in sorted(verdict.refusals)]


def part_page(part: Member | EnumValue) -> Page:
    """What the schema says of one member or word."""
    facts = ", ".join(fact for fact in _part_facts(part) if fact != "word")
    return {"schema": facts, "meaning": part.doc}


def parameter_facts(name: str) -> Page:
    """What a release knows of a parameter beyond its types."""
    parameter = PARAMETERS.get(name)
    if parameter is None:
        return {}
    checks = [check for check in CHECKS if check.parameter == name]
    refusing = RULES.get(range_rule(SET, name))
    others = refusing.sentence if refusing is not None else "whatever fits the type to set"
    return {
        "set as": str(parameter.written.type),
        "read as": str(parameter.read.type),
        "default": _default(parameter),
        "stored": _stored(parameter),
        "accepted": "; ".join(check.range for check in checks) or others,
        "refused with": [_answered(check) for check in checks],
        "takes effect": parameter.takes_effect,
    }


def _answered(check: Check) -> str:
    return f"GenericError “{check.text}”"


def _default(parameter: Parameter) -> Value:
    if parameter.default is ABSENT:
        return "none: it is left out until it was set"
    return "“”" if parameter.default == "" else str(parameter.default).lower()


def _stored(parameter: Parameter) -> str:
    if parameter.ignored:
        return "never: any value is accepted and ignored"
    if parameter.values is None:
        return "as given"
    return f"cut to {(parameter.values - 1).bit_length()} bits, and checked afterwards"
