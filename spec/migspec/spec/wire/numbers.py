"""Numbers and ids: how QEMU reads a number, and what of an id comes back.

An integer that fits into 64 bits, signed or unsigned, stays what it is. Any other number is a double. QEMU 5.2
prints a double with six decimals and leaves out zeros at the end, so that an id may come back as a
neighbouring number; nothing else of an id changes.
"""

from __future__ import annotations

import math
from typing import Final

SMALLEST: Final = -(2**63)
"""The smallest integer that stays one."""
LARGEST: Final = 2**64 - 1
"""The largest integer that stays one."""

_LONGEST: Final = len(str(SMALLEST))


def read_integer(token: bytes) -> int | float:
    """The value of a number without fraction and exponent."""
    if len(token) <= _LONGEST:
        number = int(token)
        if SMALLEST <= number <= LARGEST:
            return number
    return float(token)


def spelled(number: int | float) -> str:
    """How QEMU 5.2 prints a number; one beyond all doubles is ``inf``, which is no JSON."""
    if isinstance(number, int):
        if SMALLEST <= number <= LARGEST:
            return str(number)
        try:
            number = float(number)
        except OverflowError:
            number = math.inf if number > 0 else -math.inf
    return f"{number:f}".rstrip("0").removesuffix(".")


def printed_number(number: int | float) -> int | float:
    """The number that a client reads where QEMU 5.2 prints this one; infinite where that is no JSON."""
    if isinstance(number, int) and SMALLEST <= number <= LARGEST:
        return number
    text = spelled(number)
    return int(float(text)) if "." not in text and math.isfinite(float(text)) else float(text)


def same_id(asked: object, given: object) -> bool:
    """Whether a reply has the id of its request: the same value, or the one that QEMU 5.2 prints for it.

    Ids are decoded JSON values; one that is no JSON value stands for an absent id and is equal to itself only.
    """
    try:
        return asked is given or _same(asked, given)
    except RecursionError:
        # nested deeper than can be followed: nothing can be said against it
        return True


def _same(asked: object, given: object) -> bool:
    if isinstance(asked, bool) or isinstance(given, bool):
        return asked is given
    if isinstance(asked, int | float) and isinstance(given, int | float):
        return asked == given or printed_number(asked) == given
    if isinstance(asked, list) and isinstance(given, list):
        return len(asked) == len(given) and all(map(_same, asked, given))
    if isinstance(asked, dict) and isinstance(given, dict):
        return asked.keys() == given.keys() and all(_same(asked[key], given[key]) for key in asked)
    return asked == given
