"""Which parts of something can be left out: delta debugging.

Many parts are tried together at first, and then ever fewer.  What is left in the end is one-minimal: no single part of
it can be left out.  The order of the tries depends on nothing but the number of parts and the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

P = TypeVar("P")


def minimal(parts: Sequence[P], holds: Callable[[tuple[P, ...]], bool], most: int | None = None) -> tuple[P, ...]:
    """The parts, in their order, without as many as can be left out while `holds` is true of the rest.

    `holds` must be true of all of them.  At first `most` parts are tried together, without a number all.
    """
    kept = tuple(parts)
    size = len(kept) if most is None else most
    while size and kept:
        less = _swept(kept, size, holds)
        if size > 1:
            size = min(size // 2, max(len(less), 1))
        elif len(less) == len(kept):
            break
        kept = less
    return kept


def _swept(kept: tuple[P, ...], size: int, holds: Callable[[tuple[P, ...]], bool]) -> tuple[P, ...]:
    """The parts without those that can be left out so many at a time, the last ones first."""
    stop = len(kept)
    while stop > 0:
        start = max(stop - size, 0)
        less = kept[:start] + kept[stop:]
        if holds(less):
            kept = less
        stop = start
    return kept
