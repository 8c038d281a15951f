"""What a migration leaves behind is what its source rests in, told from a fresh process by what differs."""

from __future__ import annotations

import pytest
from tests.mutants.leftovers import differences, left, leftovers, where_they_differ

from migspec.spec.state import VARIABLES

pytestmark = pytest.mark.soak


def test_nothing_goes_on_in_a_source_that_rests() -> None:
    assert {VARIABLES["stage"].known(state) for state in leftovers()} == {"idle"}
    assert {VARIABLES["outgoing"].known(state) for state in leftovers()} == {"completed", "failed", "cancelled"}


@pytest.mark.parametrize("variable", ["failover", "resuming", "poisoned", "piped", "threads-changed", "error-known"])
def test_every_reset_of_a_new_migration_has_something_to_forget(variable: str) -> None:
    (state,) = left([variable])
    assert differences(state)[variable] == "yes"


def test_of_two_that_leave_the_same_the_plainer_is_taken() -> None:
    (state,) = left(["error-known"])
    assert set(differences(state)) == {"outgoing", "error-known", "cap.events"}


def test_a_state_is_found_in_which_two_conditions_differ() -> None:
    suspended = [state for state in leftovers() if differences(state).get("run") == "suspended"]
    assert where_they_differ(lambda _: False, lambda state: state in suspended) == (suspended[0],)
    assert where_they_differ(bool, bool) == ()
