"""How QEMU judges the arguments of a command before the command sees them.

Members are visited in the order of the schema, not of the message, and the first fault is the answer.
When all known members of an object have passed, any that are left over are refused; which of them is
named depends on a hash table, so each may be. Every refusal has class GenericError, and its text is
exact (observed on QEMU 5.2.0). A word that exists in some builds only may pass or be refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from migspec.spec.schema.model import (
    ABSENT,
    Absent,
    Alternate,
    Array,
    Command,
    Enum,
    IntegerType,
    Member,
    Ref,
    Scalar,
    Schema,
    Struct,
    Type,
)

NOT_AN_OBJECT = "QMP input member 'arguments' must be an object"
"""Answer to arguments that are not an object at all; such a request never reaches the visit."""


@dataclass(frozen=True, slots=True)
class ArgumentVerdict:
    """What may become of a command's arguments.

    `refusals` are the error texts with which they may be refused; `may_pass` tells whether they may be
    accepted. Both hold where it depends on the build; exactly one holds otherwise.
    """

    refusals: frozenset[str]
    may_pass: bool


def judge(command: Command, arguments: object | Absent, schema: Schema) -> ArgumentVerdict:
    """Return what QEMU may answer to `arguments`, a decoded JSON value, or `ABSENT` if there are none.

    Judges their form only: names, types and the range of the wire type. Never raises, whatever the value.
    """
    if arguments is ABSENT:
        arguments = {}
    if not isinstance(arguments, dict):
        return ArgumentVerdict(frozenset((NOT_AN_OBJECT,)), may_pass=False)
    visit = _Visit(schema)
    may_pass = visit.members(arguments, schema.arguments(command), "")
    return ArgumentVerdict(frozenset(visit.refusals), may_pass)


@dataclass(slots=True)
class _Visit:
    """One walk over the arguments; each method tells whether the walk may go on."""

    schema: Schema
    refusals: set[str] = field(default_factory=set)

    def members(self, value: Mapping[str, object], members: Iterable[Member], path: str) -> bool:
        prefix = f"{path}." if path else ""
        unexpected = set(value)
        for member in members:
            where = prefix + member.name
            if member.name in value:
                unexpected.discard(member.name)
                if not self.value(value[member.name], member.type, where, member.name):
                    return False
            elif not member.optional:
                return self.refuse(f"Parameter '{where}' is missing")
        self.refusals.update(f"Parameter '{prefix}{name}' is unexpected" for name in unexpected)
        return not unexpected

    def value(self, value: object, type_: Type, path: str, name: str) -> bool:
        match type_:
            case Ref():
                return self.definition(value, type_, path)
            case Array(element=element):
                if not isinstance(value, list):
                    return self.wrong_type(path, "array")
                items = enumerate(value)
                return all(self.value(item, element, f"{path}[{index}]", "null") for index, item in items)
            case IntegerType():
                return self.integer(value, type_, path, name)
            case Scalar():
                return type_.admits(value) or self.wrong_type(path, type_.json_name)
            case Alternate():
                # unlike the others, this refusal names the member without the path to it
                return type_.admits(value) or self.wrong_type(name, type_.name)

    def definition(self, value: object, ref: Ref, path: str) -> bool:
        definition = self.schema.resolve(ref)
        if isinstance(definition, Enum):
            return self.word(value, definition, path)
        if not isinstance(value, dict):
            return self.wrong_type(path, "object")
        if isinstance(definition, Struct):
            return self.members(value, definition.members, path)
        branch = definition.branch(value.get(definition.discriminator.name))
        rest = self.schema.structs[branch].members if branch else ()
        return self.members(value, (definition.discriminator, *rest), path)

    def word(self, value: object, enum: Enum, path: str) -> bool:
        if not isinstance(value, str):
            return self.wrong_type(path, "string")
        known = [word for word in enum.values if word.name == value]
        if not known or known[0].condition:
            self.refuse(f"Invalid parameter '{value}'")
        return bool(known)

    def integer(self, value: object, type_: IntegerType, path: str, name: str) -> bool:
        number = value if isinstance(value, int) and not isinstance(value, bool) else None
        if type_.signed:
            fits = number is not None and type_.minimum <= number <= type_.maximum
            return fits or self.wrong_type(path, "integer")
        if number is None or not -(2**63) <= number < 2**64:
            return self.refuse(f"Parameter '{path}' expects uint64")
        # a negative number stands for its complement
        return number % 2**64 <= type_.maximum or self.refuse(f"Parameter '{name}' expects {type_.name}_t")

    def wrong_type(self, path: str, expected: str) -> bool:
        return self.refuse(f"Invalid parameter type for '{path}', expected: {expected}")

    def refuse(self, text: str) -> bool:
        self.refusals.add(text)
        return False
