"""What is to be known of values that were drawn."""

from typing import Any

from migspec.spec.schema import QEMU_5_2_0
from migspec.spec.schema.model import Scalar

_FLOATS = frozenset(
    member.name for struct in QEMU_5_2_0.structs.values() for member in struct.members if member.type is Scalar.NUMBER
)


def has_large_integer(value: Any) -> bool:
    """Whether there is a number above the range of a signed integer where the schema of a return has an integer."""
    match value:
        case dict():
            return any(has_large_integer(item) for name, item in value.items() if name not in _FLOATS)
        case list():
            return any(map(has_large_integer, value))
    return type(value) is int and value > 2**63 - 1
