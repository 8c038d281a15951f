"""The order of members: QEMU keeps an object in a hash table, and goes through it from slot to slot.

The order shows wherever an object is printed, and decides which of several faults of a request is found first.  It
is the same in every process.  Members that share a slot come in the reverse of the order in which they were added.

Source: the 5.2 source, and every object in the recorded sessions (`tests/spec/wire/test_order.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_SLOTS: Final = 512
_WORD: Final = 0xFFFFFFFF
_PERIOD: Final = 24


def slot(name: str) -> int:
    """The slot of the hash table in which the member of that name is."""
    text = name.encode("utf-8", "surrogatepass").replace(b"\0", b"\xc0\x80")
    mixed = 0x238F13AF * len(text)
    for place in range(min(_PERIOD, len(text))):
        # bytes that are a period apart are shifted alike
        mixed += sum(text[place::_PERIOD]) << place * 5 % _PERIOD
    return (1103515243 * (mixed & _WORD) + 12345 & _WORD) % _SLOTS


def in_order(names: Iterable[str]) -> list[str]:
    """The names of an object's members, given in the order in which they were added, in the order of QEMU."""
    ordered = list(names)
    ordered.reverse()
    ordered.sort(key=slot)
    return ordered
