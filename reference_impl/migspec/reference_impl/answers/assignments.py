"""What `migrate_set_parameter` of the human monitor makes of its two words, or what it says to them.

Numbers, sizes and switches are spelled for people: `1.5k`, `0x10`, `yes`.  What becomes of the value afterwards is that
of migrate-set-parameters.  Source: observed on QEMU 5.2.0.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from migspec.reference_impl.answers.lines import NEWLINE, error
from migspec.spec.parameters import PARAMETERS, Parameter, Value, judge_changes
from migspec.spec.schema.model import BOOLEAN, INT, SIZE, Ref
from migspec.spec.vocabulary import MigrationParameter, MultiFDCompression

_INTEGER: Final = re.compile(r"[ \t]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")
_SIZE: Final = re.compile(r"([+-]?)(0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)([bBkKmMgGtTpPeE]?)")
_SUFFIXES: Final = "bkmgtpe"
_YES: Final = frozenset({"on", "yes", "true", "y"})
_NO: Final = frozenset({"off", "no", "false", "n"})
_SIZES: Final = NEWLINE.join(
    (
        "expects a non-negative number below 2^64",
        "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-",
        "and exabytes, respectively.",
    )
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a line comes to: the changed values as they are stored, or the text of the error that refuses it."""

    changes: Mapping[str, Value] = field(default_factory=dict)
    fault: str = ""

    @property
    def output(self) -> str:
        """What the monitor shows."""
        return error(self.fault) if self.fault else ""


def assignment(name: str, word: str, values: Mapping[str, Value]) -> Assignment:
    """What setting a parameter to a word comes to, with these values in force.

    Raises `KeyError` for a name that no parameter has.
    """
    parameter = PARAMETERS[name]
    if parameter.name is MigrationParameter.BLOCK_BITMAP_MAPPING:
        return Assignment(fault=f"The {name} parameter can only be set through QMP")
    value = _read(parameter, word)
    if isinstance(value, _Fault):
        return Assignment(fault=value.text)
    if parameter.ignored:
        return Assignment()
    changes = {name: parameter.stored(value)}
    refusal = judge_changes(changes, values).certain
    return Assignment(changes) if refusal is None else Assignment(fault=refusal.text)


@dataclass(frozen=True, slots=True)
class _Fault:
    text: str


def _read(parameter: Parameter, word: str) -> int | bool | str | _Fault:
    if parameter.name is MigrationParameter.MAX_BANDWIDTH:
        size = _size(word, _SUFFIXES.index("m"))
        return _Fault(f"Invalid size {word}") if size is None or not _fits(size) else size
    reader = _READERS.get(str(parameter.written.type), _text)
    return reader(parameter.name.value, word)


def _integer(name: str, word: str) -> int | _Fault:
    found = _INTEGER.fullmatch(word)
    if found is not None:
        sign, digits = found.groups()
        value = int(digits, 8) if re.fullmatch("0[0-7]+", digits) else int(digits, 0)
        value = -value if sign == "-" else value
        if INT.minimum <= value <= INT.maximum:
            return value
    return _Fault(f"Parameter '{name}' expects int64")


def _bytes(name: str, word: str) -> int | _Fault:
    size = _size(word, 0)
    if size is None:
        return _Fault(f"Parameter '{name}' {_SIZES}")
    return size if _fits(size) else _Fault(f"Value '{word}' is out of range for parameter '{name}'")


def _size(word: str, unit: int) -> int | None:
    """The bytes that a word means, with the unit, a power of 1024, that goes without saying; None if it is no size."""
    found = _SIZE.fullmatch(word)
    if found is None:
        return None
    sign, digits, suffix = found.groups()
    number = Fraction(int(digits, 16)) if digits[:2] in ("0x", "0X") else Fraction(digits)
    power = _SUFFIXES.index(suffix.lower()) if suffix else unit
    size = int(number * 1024**power)
    return -size if sign == "-" else size


def _fits(size: int) -> bool:
    return SIZE.minimum <= size <= SIZE.maximum


def _switch(name: str, word: str) -> bool | _Fault:
    if word in _YES | _NO:
        return word in _YES
    return _Fault(f"Parameter '{name}' expects 'on' or 'off'")


def _method(_name: str, word: str) -> str | _Fault:
    return word if word in set(MultiFDCompression) else _Fault(f"Invalid parameter '{word}'")


def _text(_name: str, word: str) -> str | _Fault:
    return word


_READERS: Final[Mapping[str, Callable[[str, str], int | bool | str | _Fault]]] = {
    str(INT): _integer,
    str(SIZE): _bytes,
    str(BOOLEAN): _switch,
    str(Ref("MultiFDCompression")): _method,
}
"""How a word is read, by the type that QMP has for the value; any other is taken as it is."""
