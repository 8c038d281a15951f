"""A schema as plain text: one line an entity, in a notation that shows every difference.

The line holds the kind, the name, the first release, then what is special about the entity (features,
build condition, out-of-band execution, type returned), then its parts. A question mark is an optional
member, an age in parentheses the first release with it, a condition in braces the builds with it.
"""

from collections.abc import Iterator

from migspec.spec.schema.model import (
    Command,
    Entity,
    Enum,
    EnumValue,
    Member,
    Ref,
    Schema,
    Union,
    members_of,
)


def describe(schema: Schema) -> str:
    """Return the inventory of `schema`, in its order."""
    return "".join(f"{_entity(entity)}\n" for entity in schema.entities)


def _entity(entity: Entity) -> str:
    head = [type(entity).__name__.lower(), entity.name, entity.since or "-", *_specials(entity)]
    parts = ", ".join(_parts(entity))
    return " ".join(head) + (f": {parts}" if parts else "")


def _specials(entity: Entity) -> Iterator[str]:
    for feature in entity.features:
        yield f"<{feature}>"
    if entity.condition:
        yield f"{{{entity.condition}}}"
    if isinstance(entity, Command):
        if entity.allow_oob:
            yield "<oob>"
        if isinstance(entity.arguments, Ref):
            yield f"({entity.arguments})"
        if entity.returns:
            yield f"-> {entity.returns}"


def _parts(entity: Entity) -> Iterator[str]:
    for member in members_of(entity):
        mark = "?" if member.optional else ""
        yield f"{member.name}{mark}:{member.type}{_since(member)}"
    match entity:
        case Enum(values=values):
            yield from (f"{value.name}{_since(value)}" for value in values)
        case Union(branches=branches):
            yield from (f"{value}={struct}" for value, struct in branches)


def _since(part: Member | EnumValue) -> str:
    features = "".join(f"<{feature}>" for feature in part.features)
    since = f"({part.since})" if part.since else ""
    condition = f"{{{part.condition}}}" if part.condition else ""
    return f"{since}{features}{condition}"
