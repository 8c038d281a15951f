"""Every row of the release has a gate, and no gate is left without a row."""

from migspec.reference_impl.amendments import AMENDED, DEFECTS
from migspec.reference_impl.gates import OPENINGS
from migspec.reference_impl.gates.process import WISHES
from migspec.spec.lifecycle import ROWS
from migspec.spec.rows import QEMU_5_2_0

_OF_THE_RELEASE = {row.id for row in ROWS if QEMU_5_2_0 in row.profiles}


def test_every_row_of_the_release_has_one_gate() -> None:
    assert set(OPENINGS) == _OF_THE_RELEASE


def test_wishes_and_amendments_name_rows() -> None:
    assert set(WISHES) <= _OF_THE_RELEASE
    assert {row for rows in AMENDED.values() for row in rows} <= _OF_THE_RELEASE
    assert set(DEFECTS) <= _OF_THE_RELEASE
