"""Journeys: what the properties of pairs get to know of each migration, and of no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.traces.talk import IN_PROGRESS, Talk, Wire, conforms, found

from migspec.properties.pairs import PAIR_RULES, Arrival, Departure
from migspec.spec.requests import Request, understand
from migspec.spec.schema import QEMU_5_2_0
from migspec.traces.findings import Grade, Use
from migspec.traces.journeys import Journeys

MIGRATE = understand("migrate", {"uri": "unix:/s"}, QEMU_5_2_0)
RESUME = understand("migrate", {"uri": "unix:/s", "resume": True}, QEMU_5_2_0)
INCOMING = understand("migrate-incoming", {"uri": "unix:/s"}, QEMU_5_2_0)
LINE_RESUMES = understand("human-monitor-command", {"command-line": "migrate -d -r unix:/s"}, QEMU_5_2_0)

MIDDLES = st.lists(st.sampled_from(["active", "pre-switchover", "device", "postcopy-active"]), max_size=3, unique=True)
ENDS = st.sampled_from([["completed"], ["failed"], ["failed", "failed"], ["cancelling", "cancelled"]])


@dataclass(frozen=True)
class Told:
    """One migration that a VM shows: who began it, how it was answered, and its statuses."""

    kind: str
    statuses: tuple[str, ...]

    @property
    def is_ours(self) -> bool:
        """Whether a request of the trace began it."""
        return self.kind in ("migrate", "migrate-incoming")


def told(kinds: Sequence[str]) -> st.SearchStrategy[Told]:
    statuses = st.tuples(MIDDLES, ENDS).map(lambda parts: ("setup", *parts[0], *parts[1]))
    return st.builds(Told, st.sampled_from(kinds), statuses)


SOURCES = st.lists(told(["migrate", "foreign", "refused"]), max_size=4)
DESTINATIONS = st.lists(told(["migrate-incoming", "foreign", "refused"]), max_size=4)
Step = tuple[str, int, Told, str]


def steps(vm: str, migrations: Sequence[Told]) -> list[Step]:
    """What happens on one monitor, in its order: for each migration the request, `setup`, the reply, and the rest."""
    happened: list[Step] = []
    for line, one in enumerate(migrations, 1):
        shown: list[str] = [] if one.kind == "refused" else list(one.statuses)
        if one.kind == "foreign":
            happened += [(vm, line, one, status) for status in shown]
        else:
            happened += [(vm, line, one, step) for step in ("asked", *shown[:1], "answered", *shown[1:])]
    return happened


def play(happened: Sequence[Step]) -> Journeys:
    journeys = Journeys()
    for vm, line, one, step in happened:
        if step == "asked":
            request = INCOMING if vm == "dst" else MIGRATE
            journeys.asked(vm, line, request, f"unix:/{line}", ())
        elif step == "answered":
            journeys.answered(vm, line, success=one.is_ours)
        else:
            journeys.emitted(vm, line, f"MIGRATION:{step}")
    return journeys


@given(SOURCES, DESTINATIONS)
def test_each_migration_has_its_own_statuses(sources: list[Told], destinations: list[Told]) -> None:
    journeys = play([*steps("src", sources), *steps("dst", destinations)])
    for migrations, known in ((sources, journeys.departures), (destinations, journeys.arrivals)):
        expected = [(line, list(one.statuses)) for line, one in enumerate(migrations, 1) if one.is_ours]
        assert [(journey.line, journey.statuses) for journey in known] == expected
        assert all(journey.uri == f"unix:/{journey.line}" and journey.watched for journey in known)


@given(SOURCES, DESTINATIONS, st.lists(st.booleans()))
def test_the_order_of_two_vms_does_not_matter(sources: list[Told], destinations: list[Told], first: list[bool]) -> None:
    one, other = steps("src", sources), steps("dst", destinations)
    mixed = []
    for is_first in first:
        mixed += (one if is_first else other)[:1]
        del (one if is_first else other)[:1]
    mixed += one + other
    expected = play([*steps("src", sources), *steps("dst", destinations)])
    got = play(mixed)
    assert (got.departures, got.arrivals) == (expected.departures, expected.arrivals)
    assert got.finish() == expected.finish()


@given(SOURCES, DESTINATIONS)
def test_nothing_follows_from_what_was_not_watched(sources: list[Told], destinations: list[Told]) -> None:
    happened = [*steps("src", sources), *steps("dst", destinations)]
    journeys = Journeys()
    for vm, line, one, step in happened:
        if step == "asked":
            journeys.asked(vm, line, INCOMING if vm == "dst" else MIGRATE, f"unix:/{line}", ())
            journeys.unwatched(vm)
        elif step == "answered":
            journeys.answered(vm, line, success=one.is_ours)
        else:
            journeys.emitted(vm, line, f"MIGRATION:{step}")
    assert not any(departure.watched for departure in journeys.departures)
    assert not any(arrival.watched for arrival in journeys.arrivals)
    assert journeys.finish() == ({}, {})
    assert list(journeys.findings()) == []


# ---- one VM ----


def departing(*events: str) -> Departure:
    """A migration of `src` that shows these events after `setup` and the reply."""
    journeys = Journeys()
    journeys.asked("src", 1, MIGRATE, "unix:/s", ())
    journeys.emitted("src", 2, "MIGRATION:setup")
    journeys.answered("src", 1, success=True)
    for line, event in enumerate(events, 3):
        journeys.emitted("src", line, event)
    (departure,) = journeys.departures
    return departure


def arriving(*events: str) -> Arrival:
    journeys = Journeys()
    journeys.asked("dst", 1, INCOMING, "unix:/s", ())
    journeys.answered("dst", 1, success=True)
    for line, event in enumerate(events, 2):
        journeys.emitted("dst", line, event)
    (arrival,) = journeys.arrivals
    return arrival


@pytest.mark.parametrize("resumption", [RESUME, LINE_RESUMES])
def test_a_resumption_is_no_migration_of_its_own(resumption: Request) -> None:
    assert resumption.command == "migrate"
    journeys = Journeys()
    journeys.asked("src", 1, resumption, "unix:/s", ())
    journeys.answered("src", 1, success=True)
    assert journeys.departures == []


def test_a_destination_is_set_up_once_more_when_it_recovers() -> None:
    shown = ("setup", "active", "postcopy-active", "postcopy-paused", "setup", "postcopy-recover", "completed")
    assert arriving(*(f"MIGRATION:{status}" for status in shown)).statuses == list(shown)


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_a_migration_that_is_over_gets_no_more_statuses(end: str) -> None:
    departure = departing("MIGRATION:active", f"MIGRATION:{end}", "MIGRATION:active")
    assert departure.statuses == ["setup", "active", end]
    assert departure.last_line == 4


def test_a_failure_may_be_told_twice() -> None:
    assert departing("MIGRATION:failed", "MIGRATION:failed").statuses == ["setup", "failed", "failed"]


def test_the_guest_of_a_source_is_resumed_only_if_the_migration_had_stopped_it() -> None:
    assert (departing("STOP", "RESUME").stopped, departing("STOP", "RESUME").resumed) == (True, True)
    assert (departing("RESUME").stopped, departing("RESUME").resumed) == (False, False)
    assert (departing("STOP").stopped, departing("STOP").resumed) == (True, False)


def test_the_guest_of_a_destination_is_resumed_by_any_resume() -> None:
    assert arriving("MIGRATION:completed", "RESUME").resumed
    assert not arriving("MIGRATION:completed", "STOP").resumed


def test_a_setup_after_the_reply_may_be_anybodys() -> None:
    late = arriving("MIGRATION:setup", "MIGRATION:completed")
    assert (late.statuses, late.watched) == (["setup", "completed"], False)


def test_events_before_any_request_are_nobodys() -> None:
    journeys = Journeys()
    for event in ("MIGRATION:setup", "MIGRATION:completed", "STOP", "RESUME"):
        journeys.emitted("src", 1, event)
    assert (journeys.departures, journeys.arrivals) == ([], [])


def test_the_oldest_open_request_is_set_up() -> None:
    journeys = Journeys()
    journeys.asked("src", 1, MIGRATE, "unix:/one", ())
    journeys.asked("src", 2, MIGRATE, "unix:/two", ())
    journeys.emitted("src", 3, "MIGRATION:setup")
    journeys.answered("src", 1, success=True)
    journeys.answered("src", 2, success=False)
    journeys.emitted("src", 4, "MIGRATION:active")
    assert [(d.uri, d.statuses) for d in journeys.departures] == [("unix:/one", ["setup", "active"])]


def test_nothing_is_certain_after_an_answer_that_does_not_tell() -> None:
    journeys = Journeys()
    for line, success in ((1, True), (2, None)):
        journeys.asked("src", line, MIGRATE, f"unix:/{line}", ())
        journeys.answered("src", line, success=success)
    assert [(d.uri, d.watched) for d in journeys.departures] == [("unix:/1", False), ("unix:/2", False)]


# ---- two VMs, as a trace shows them ----


def both(*, return_path: bool | None = None, running: bool = True) -> tuple[Talk, Wire, Wire]:
    """A migration under way on both sides; `return_path` is None if nothing tells of it."""
    talk = Talk()
    dst = talk.wire("dst").listening()
    src = talk.wire("src")
    src.connected()
    if return_path is not None:
        src.shows().capabilities(return_path=return_path, postcopy_ram=False)
    src.runs("running" if running else "paused")
    src.request("migrate", uri="unix:/s").status("setup").reply().status("1", "active")
    dst.status("active")
    return talk, src, dst


def pair_findings(talk: Talk, grade: Grade) -> list[str]:
    return [rule for _, rule in found(talk.judge(), grade) if rule.startswith("pair.")]


def lost(*, return_path: bool | None) -> Talk:
    talk, src, dst = both(return_path=return_path)
    src.status("2", "STOP", "3", "completed")
    dst.status("failed")
    return talk


def test_with_a_return_path_a_lost_guest_is_a_violation() -> None:
    talk = lost(return_path=True)
    assert talk.violations() == [(talk.line, "pair.completed-unloaded")]


def test_without_a_return_path_a_lost_guest_is_a_known_defect() -> None:
    talk = lost(return_path=False)
    assert talk.violations() == []
    assert pair_findings(talk, Grade.DEFECT) == ["pair.guest-lost"]


def test_a_return_path_that_nothing_tells_of_is_unknown() -> None:
    talk = Talk(release="5.2.0")
    dst = talk.wire("dst").listening()
    src = talk.wire("src")
    src.request("migrate", uri="unix:/s").status("setup").reply().status("1", "active", "2", "STOP", "3", "completed")
    dst.status("active", "failed")
    conforms(talk)
    assert {f.rule for f in talk.judge().findings if f.rule.startswith("pair.")} == set()
    assert {rule.id for rule in PAIR_RULES} & set(talk.judge().exercised) == set()


def exercised(talk: Talk) -> dict[str, int]:
    """How often each property of a pair was exercised."""
    counts = talk.judge().exercised
    return {rule.id: counts[rule.id] for rule in PAIR_RULES if rule.id in counts}


def test_a_property_is_exercised_by_the_migrations_that_it_concerns() -> None:
    assert exercised(lost(return_path=True)) == {"pair.completed-unloaded": 1}
    assert exercised(unsent(running=False)) == {"pair.completed-unsent": 1}
    assert exercised(failed_on_both_sides()[0]) == {}


def test_a_known_defect_of_a_pair_is_exercised_where_it_shows() -> None:
    assert exercised(lost(return_path=False)) == {"pair.guest-lost": 1}


def test_the_example_of_a_pair_is_its_last_line() -> None:
    talk = lost(return_path=True)
    assert talk.judge().uses["qemu-5.2.0"]["pair.completed-unloaded"] == Use(1, talk.line)


def unsent(*, running: bool) -> Talk:
    talk, src, dst = both(return_path=True, running=running)
    src.request("migrate_cancel").status("cancelling").reply().status("2", "cancelled")
    dst.status("RESUME", "completed") if running else dst.status("completed")
    return talk


def test_a_guest_that_ran_and_was_not_stopped_cannot_have_arrived() -> None:
    assert "pair.completed-unsent" in pair_findings(unsent(running=True), Grade.VIOLATION)
    assert "pair.completed-unsent" not in pair_findings(unsent(running=False), Grade.VIOLATION)


def test_the_finding_names_both_ends() -> None:
    talk = lost(return_path=True)
    (finding,) = [f for f in talk.judge().findings if f.rule == "pair.completed-unloaded"]
    assert (finding.line, finding.vm) == (talk.line, "dst")
    assert f"src ended as completed (line {talk.line - 1}) and dst as failed (line {talk.line})" in finding.message


def failed_on_both_sides() -> tuple[Talk, Wire]:
    talk, src, dst = both(return_path=True)
    src.status("failed")
    dst.status("failed")
    conforms(talk)
    return talk, src


def test_a_later_migration_by_the_human_monitor_is_another_one() -> None:
    talk, src = failed_on_both_sides()
    src.request("human-monitor-command", command_line="migrate -d unix:/other").status("setup").reply("")
    src.status("1", "active", "2", "STOP", "3", "completed")
    conforms(talk)


def line(wire: Wire, text: str) -> Wire:
    """A line for the human monitor that begins a migration, up to its reply."""
    return wire.request("human-monitor-command", command_line=text).status("setup").reply("")


def migrated_by_lines(text: str, *, listens_by_line: bool = True) -> tuple[Talk, Wire, Wire]:
    """A migration under way that lines for the human monitors began, on both sides or at the source alone."""
    talk = Talk()
    dst = talk.wire("dst")
    line(dst.connected(), "migrate_incoming unix:/s") if listens_by_line else dst.listening()
    src = talk.wire("src").connected()
    src.shows().capabilities(return_path=True, postcopy_ram=False).runs("running")
    line(src, text).status("1", "active")
    dst.status("active")
    return talk, src, dst


LINES = ("migrate -d unix:/s", 'migrate -d "unix:/s"')


@pytest.mark.parametrize("listens_by_line", [True, False])
@pytest.mark.parametrize("text", LINES)
def test_who_arrives_may_have_left_by_a_line_for_the_human_monitor(text: str, *, listens_by_line: bool) -> None:
    """A later attempt to go to the same address, which fails, says nothing of the migration before."""
    talk, src, dst = migrated_by_lines(text, listens_by_line=listens_by_line)
    src.status("2", "STOP", "3", "completed")
    dst.status("RESUME", "completed")
    src.request("cont").status("RESUME").reply().runs("running")
    src.request("migrate", uri="unix:/s").status("setup").reply().status("failed")
    conforms(talk)


@pytest.mark.parametrize("text", LINES)
def test_a_guest_lost_on_a_migration_by_lines_for_the_human_monitors_is_found(text: str) -> None:
    talk, src, dst = migrated_by_lines(text)
    src.status("2", "STOP", "3", "completed")
    dst.status("failed")
    assert talk.violations() == [(talk.line, "pair.completed-unloaded")]


def test_a_line_that_the_human_monitor_refuses_begins_nothing() -> None:
    talk, src, dst = both(return_path=True)
    src.done("human-monitor-command", f"Error: {IN_PROGRESS}\r\n", command_line="migrate -d unix:/s")
    src.status("2", "STOP", "3", "completed")
    dst.status("failed")
    assert talk.violations() == [(talk.line, "pair.completed-unloaded")]


def test_a_line_that_may_have_begun_a_migration_leaves_nothing_certain() -> None:
    talk, src, dst = both(return_path=True)
    src.done("human-monitor-command", "Well.\r\n", command_line="migrate -d unix:/s")
    src.status("2", "STOP", "3", "completed")
    dst.status("failed")
    assert pair_findings(talk, Grade.VIOLATION) == []


def test_two_that_listen_at_one_address_are_not_told_apart() -> None:
    talk, src, dst = both(return_path=True)
    line(talk.wire("third").connected(), "migrate_incoming unix:/s")
    src.status("2", "STOP", "3", "completed")
    dst.status("failed")
    assert pair_findings(talk, Grade.VIOLATION) == []


def test_a_later_snapshot_is_no_migration() -> None:
    talk, src = failed_on_both_sides()
    src.request("human-monitor-command", command_line="savevm x")
    src.status("STOP", "setup", "1", "2", "completed", "RESUME").reply("")
    conforms(talk)


def test_a_refused_request_in_between_changes_nothing() -> None:
    talk, src, dst = both(return_path=True)
    src.request("migrate", uri="unix:/s").error(IN_PROGRESS)
    src.status("2", "STOP", "3", "completed")
    dst.status("failed")
    assert talk.violations() == [(talk.line, "pair.completed-unloaded")]


def came_back(wire: Wire) -> Wire:
    return wire.end(by="client").connected()


@pytest.mark.parametrize("lose", [Wire.gap, came_back])
@pytest.mark.parametrize("side", ["src", "dst"])
def test_a_side_that_was_not_watched_throughout_is_not_judged(side: str, lose: Callable[[Wire], Wire]) -> None:
    talk, src, dst = both(return_path=True)
    lose(src if side == "src" else dst)
    src.status("completed")
    dst.status("failed")
    assert pair_findings(talk, Grade.VIOLATION) == []
    assert not {rule.id for rule in PAIR_RULES} & set(talk.judge().exercised)
