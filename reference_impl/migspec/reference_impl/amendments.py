"""Whose behaviour a machine shows: that of a release, or what is left of it without the defects nobody should have.

The schema's text alone leaves nearly everything open, so a machine of the profile `seed` behaves as the release that
the schema belongs to, less every row and case that the specification calls a known defect.  Where nothing else would
go on from there, the table says what happens in a defect's place.
"""

from collections.abc import Mapping
from typing import Final

from migspec.spec.lifecycle import ROWS
from migspec.spec.lifecycle.crashes import ASKED_TOO_LATE
from migspec.spec.rows import QEMU_5_2_0, SEED, Row, Standing
from migspec.spec.steps import Relation

AMENDED: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = {
    # a resume that was not connected can be tried again
    SEED: {"outgoing.resume-not-connected": {"poisoned": "no"}},
}
"""By profile and row: what is changed besides what the row changes."""

_INDISPENSABLE: Final = frozenset(row for rows in AMENDED.values() for row in rows) | {
    # without it a failed attempt to resume and a cancellation would leave the machine waiting for ever
    "outgoing.resume-cancelled",
    "outgoing.pause-cancelled",
}


class Faultless(Relation):
    """The relation of the release that the schema belongs to, without its known defects."""

    def __init__(self) -> None:
        super().__init__(QEMU_5_2_0)
        self.rows = tuple(row for row in self.rows if _is_kept(row))
        self.instant = {event: tuple(filter(_is_kept, rows)) for event, rows in self.instant.items()}


def _is_kept(row: Row) -> bool:
    return row.standing is not Standing.DEFECT or row.id in _INDISPENSABLE


def relation_of(profile: str) -> Relation:
    """The relation by which a machine of a profile moves."""
    return Faultless() if profile == SEED else Relation(profile)


SHOWN: Final[tuple[str, ...]] = (QEMU_5_2_0, SEED)
"""The profiles that a machine can show."""

DEFECTS: Final[tuple[str, ...]] = tuple(
    row.id
    for row in ROWS
    if row.standing is Standing.DEFECT and QEMU_5_2_0 in row.profiles and row is not ASKED_TOO_LATE
)
"""The rows that are known defects; a fault script may order each of them.

Not that to which only a request leads that waits at the end: a machine that exits leaves such requests.
"""
