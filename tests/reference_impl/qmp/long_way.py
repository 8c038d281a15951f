"""The text of a value written without any short cut, member by member."""

from __future__ import annotations

from migspec.reference_impl.qmp.printing import _written


def long_way(value: object) -> bytes:
    """The text of a value, written step by step."""
    return _written(value, pretty=False)
