"""What query-migrate shows of the state: the members that go with each status, and which side is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.states import READY

from migspec.spec.commands.queries import (
    BLOCKTIME,
    EXTRAS,
    REQUIRED,
    MigrateAnswer,
    fits,
    fits_torn,
    is_torn,
    tears,
    torn,
)
from migspec.spec.contracts import SEEN, Expect
from migspec.spec.lifecycle import ROWS
from migspec.spec.rows import Row, Thread
from migspec.spec.schema import SEED, members_of
from migspec.spec.state import ANYTHING, VARIABLES, assign
from migspec.spec.vocabulary import MigrationStatus

PROGRESS = frozenset({"setup-time", "total-time", "expected-downtime", "ram"})
RESULT = frozenset({"setup-time", "total-time", "downtime", "ram"})
NOTHING: frozenset[str] = frozenset()

MEMBERS = {
    "setup": NOTHING,
    "wait-unplug": NOTHING,
    "colo": NOTHING,
    "cancelled": NOTHING,
    "failed": NOTHING,
    "active": PROGRESS,
    "pre-switchover": PROGRESS,
    "device": PROGRESS,
    "postcopy-active": PROGRESS,
    "postcopy-paused": PROGRESS,
    "postcopy-recover": PROGRESS,
    "cancelling": PROGRESS,
    "completed": RESULT,
}
"""The members besides status that go with each outgoing status and nothing switched on."""

ALL_MEMBERS = frozenset(member.name for member in members_of(SEED.structs["MigrationInfo"])) - {"status"}
INCOMING = ("active", "postcopy-active", "postcopy-paused", "postcopy-recover", "colo", "failed", "completed")


def shows(state: int, status: str | None, members: frozenset[str] = NOTHING) -> bool:
    return any(condition.assume(state) for condition in fits(MigrateAnswer(status, members)))


def test_the_table_names_every_status() -> None:
    assert {*MEMBERS, "none"} == set(MigrationStatus)


@pytest.mark.parametrize("status", MEMBERS)
def test_members_of_an_outgoing_status(status: str) -> None:
    state = assign(READY, {"outgoing": status})
    assert shows(state, status, MEMBERS[status])
    for missing in MEMBERS[status]:
        assert not shows(state, status, MEMBERS[status] - {missing})
    for added in ALL_MEMBERS - MEMBERS[status] - {"vfio"}:
        assert not shows(state, status, MEMBERS[status] | {added})


@pytest.mark.parametrize("status", MEMBERS)
def test_no_other_status_is_shown(status: str) -> None:
    state = assign(READY, {"outgoing": status})
    for other in MEMBERS:
        assert shows(state, other, MEMBERS[other]) == (other == status)
    assert not shows(state, None)


@pytest.mark.parametrize(("member", "capability"), [("xbzrle-cache", "xbzrle"), ("compression", "compress")])
@pytest.mark.parametrize("status", MEMBERS)
def test_members_that_follow_their_capability(status: str, member: str, capability: str) -> None:
    state = assign(READY, {"outgoing": status, f"cap.{capability}": "yes"})
    with_ram = "ram" in MEMBERS[status]
    assert shows(state, status, MEMBERS[status] | {member}) == with_ram
    assert shows(state, status, MEMBERS[status]) == (not with_ram)


@pytest.mark.parametrize(
    ("member", "capability", "completed"),
    [("cpu-throttle-percentage", "auto-converge", True), ("disk", "block", False)],
)
@pytest.mark.parametrize("status", MEMBERS)
def test_members_that_need_their_capability(status: str, member: str, capability: str, completed: bool) -> None:
    state = assign(READY, {"outgoing": status, f"cap.{capability}": "yes"})
    possible = "ram" in MEMBERS[status] and (completed or status != "completed")
    assert shows(state, status, MEMBERS[status] | {member}) == possible
    assert shows(state, status, MEMBERS[status])


def test_error_desc_goes_with_a_failure_that_left_one() -> None:
    for known in ("no", "yes"):
        state = assign(READY, {"outgoing": "failed", "error-known": known})
        assert shows(state, "failed", frozenset({"error-desc"})) == (known == "yes")
        assert shows(state, "failed") == (known == "no")
    for status in set(MEMBERS) - {"failed"}:
        state = assign(READY, {"outgoing": status, "error-known": "yes"})
        assert not shows(state, status, MEMBERS[status] | {"error-desc"})


def test_a_vm_that_never_migrated_shows_nothing() -> None:
    assert shows(READY, None)
    assert not shows(READY, "none", PROGRESS)
    assert not any(shows(READY, status, MEMBERS[status]) for status in MEMBERS)


@pytest.mark.parametrize("status", INCOMING)
def test_the_incoming_status_shows_alone_and_only_while_there_is_no_outgoing_one(status: str) -> None:
    state = assign(READY, {"incoming": status, "load": "loading"})
    assert shows(state, status)
    assert not shows(state, None)
    assert not shows(state, status, PROGRESS)
    hidden = assign(state, {"outgoing": "active"})
    assert shows(hidden, "active", PROGRESS)
    assert not shows(hidden, status)


@pytest.mark.parametrize("load", VARIABLES["load"].values)
@pytest.mark.parametrize("has_address", ["no", "yes"])
@pytest.mark.parametrize("outgoing", ["none", "active"])
def test_the_address_shows_exactly_while_the_process_listens_on_a_socket(
    load: str, has_address: str, outgoing: str
) -> None:
    state = assign(READY, {"load": load, "has-address": has_address, "outgoing": outgoing})
    shown, others = (None, NOTHING) if outgoing == "none" else (outgoing, PROGRESS)
    kept = has_address == "yes" and load not in ("none", "deferred", "done")
    assert shows(state, shown, others | {"socket-address"}) == kept
    # at the end of a postcopy or of COLO the status may be known before the address is gone
    going = load in ("closing", "colo-leaving", "colo-left")
    assert shows(state, shown, others) == (not kept or going)


def test_blocktime_needs_its_preparation_and_comes_whole() -> None:
    done = {"incoming": "completed", "load": "done"}
    both = assign(READY, {**done, "blocktime": "yes"})
    assert shows(both, "completed", BLOCKTIME)
    assert not shows(assign(READY, done), "completed", BLOCKTIME)
    assert not shows(assign(both, {"incoming": "active"}), "active", BLOCKTIME)
    for half in BLOCKTIME:
        assert not shows(both, "completed", frozenset({half}))
    onwards = assign(both, {"outgoing": "active"})
    assert shows(onwards, "active", PROGRESS | BLOCKTIME)


@given(st.none() | st.sampled_from((*MigrationStatus, "walking")), st.frozensets(st.sampled_from(sorted(ALL_MEMBERS))))
def test_what_an_answer_tells_is_the_status_that_it_shows(status: str | None, members: frozenset[str]) -> None:
    for condition in fits(MigrateAnswer(status, members)):
        for learned in condition.assume(ANYTHING):
            own = assign(learned, {"outgoing": status or "none"}) == learned
            other = assign(learned, {"outgoing": "none", "incoming": status or "none"}) == learned
            assert own or other


def test_the_tables_name_members_of_the_schema() -> None:
    named = {name for members in REQUIRED.values() for name in members} | {extra.member for extra in EXTRAS}
    assert named - {"vfio"} <= ALL_MEMBERS
    assert BLOCKTIME <= ALL_MEMBERS


# ---- answers that a change of the status overtakes ----

TEARING = tuple(row for row in ROWS if tears(row))
STATUSES = st.sampled_from(tuple(MigrationStatus))


def due(outgoing: str, incoming: str = "none") -> Expect:
    seen = assign(READY, {"outgoing": outgoing, "incoming": incoming})
    return Expect("query-migrate.answered", query="query-migrate", seen=seen & SEEN)


def shows_torn(expect: Expect, status: str, members: frozenset[str]) -> bool:
    seen = READY & ~SEEN | expect.seen
    return any(condition.assume(seen) for condition in fits_torn(MigrateAnswer(status, members), expect.torn))


def ending(status: str) -> Row:
    """The step of a migration thread that leads from active to a status."""
    active = assign(ANYTHING, {"outgoing": "active"})
    return next(row for row in TEARING if dict(row.then).get("outgoing") == status and row.when.assume(active))


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_an_answer_that_the_end_overtakes_has_the_members_of_before(status: str) -> None:
    expect = torn(due("active"), ending(status))
    assert expect is not None
    assert shows_torn(expect, status, PROGRESS)
    assert not shows_torn(expect, "active", PROGRESS)
    assert not shows_torn(expect, status, REQUIRED.get(status, NOTHING))
    assert is_torn(status, PROGRESS)


OVERTAKEN = [
    (before, after)
    for before in MigrationStatus
    for after in sorted({str(dict(row.then).get("outgoing", "")) for row in TEARING} - {""})
    if REQUIRED.get(before, NOTHING) != REQUIRED.get(after, NOTHING)
]


@pytest.mark.parametrize(("before", "after"), OVERTAKEN)
def test_a_torn_answer_is_none_that_the_new_status_gives(before: str, after: str) -> None:
    row = next(row for row in TEARING if dict(row.then).get("outgoing") == after)
    expect = torn(due(before), row)
    assert expect is not None
    members = REQUIRED.get(before, NOTHING)
    assert shows_torn(expect, after, members)
    for known in ("no", "yes"):
        assert not shows(assign(READY, {"outgoing": after, "error-known": known}), after, members)


def test_no_step_of_the_main_loop_overtakes_its_own_answer() -> None:
    assert TEARING
    assert all(row.thread is not Thread.MAIN for row in TEARING)


def test_what_was_torn_once_is_not_torn_again() -> None:
    expect = torn(due("active"), ending("completed"))
    assert expect is not None
    assert torn(expect, ending("failed")) is None


def test_a_completed_destination_may_be_shown_without_its_blocktime() -> None:
    row = next(row for row in TEARING if dict(row.then).get("incoming") == "completed")
    expect = torn(due("none", "postcopy-active"), row)
    assert expect is not None
    assert shows_torn(expect, "completed", NOTHING)
    assert not shows_torn(expect, "completed", BLOCKTIME)


@given(STATUSES | st.none(), st.frozensets(st.sampled_from(sorted(ALL_MEMBERS))))
def test_what_some_state_shows_is_not_torn(status: str | None, members: frozenset[str]) -> None:
    if any(condition.assume(ANYTHING) for condition in fits(MigrateAnswer(status, members))):
        assert not is_torn(status, members)
