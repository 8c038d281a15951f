"""What ties the two VMs of a migration together: which ends go with which, and who belongs to whom."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.properties.pairs import PAIR_RULES, PROPERTIES, Arrival, Departure, broken, pairs
from migspec.spec.rows import Standing

STATUSES = st.lists(
    st.sampled_from(["setup", "active", "postcopy-active", "cancelling", "completed", "failed", "cancelled"]),
    max_size=5,
)
URIS = st.sampled_from(["unix:/a", "unix:/b", "tcp:h:1"])
DEPARTURES = st.builds(
    Departure,
    st.sampled_from(["one", "two"]),
    st.integers(1, 9),
    URIS,
    STATUSES,
    stopped=st.booleans(),
    resumed=st.booleans(),
    has_return_path=st.none() | st.booleans(),
    guest_ran=st.none() | st.booleans(),
)
ARRIVALS = st.builds(
    Arrival, st.sampled_from(["two", "three"]), st.integers(1, 9), URIS, STATUSES, resumed=st.booleans()
)


def departure(
    *statuses: str,
    vm: str = "src",
    uri: str = "unix:/s",
    stopped: bool = False,
    resumed: bool = False,
    has_return_path: bool | None = None,
    guest_ran: bool | None = None,
) -> Departure:
    return Departure(vm, 5, uri, list(statuses), 9, stopped, resumed, has_return_path, guest_ran)


def arrival(*statuses: str, vm: str = "dst", uri: str = "unix:/s", resumed: bool = False) -> Arrival:
    return Arrival(vm, 3, uri, list(statuses), 8, resumed)


GOOD = (
    (departure("setup", "active", "completed", stopped=True), arrival("setup", "active", "completed", resumed=True)),
    (departure("setup", "active", "failed"), arrival("setup", "active", "failed")),
    (departure("setup", "active", "cancelling", "cancelled"), arrival("setup", "active", "failed")),
    # the stream is sent, and it is too late for the destination to learn of the cancellation
    (departure("active", "cancelled", stopped=True, guest_ran=True), arrival("active", "completed")),
    (
        departure("active", "postcopy-active", "completed", stopped=True, has_return_path=True),
        arrival("active", "postcopy-active", "completed", resumed=True),
    ),
    # a trace that ends before the migration does
    (departure("setup", "active"), arrival("setup", "active", "completed")),
    # not known to have had a return path, or a running guest
    (departure("active", "completed"), arrival("active", "failed")),
    (departure("active", "failed"), arrival("active", "completed")),
    # after a lost connection, dirty bitmaps alone end so
    (departure("postcopy-active", "postcopy-paused"), arrival("postcopy-active", "completed")),
)

BAD = (
    (
        "pair.completed-unloaded",
        departure("active", "completed", has_return_path=True, stopped=True),
        arrival("active", "failed"),
    ),
    ("pair.completed-unsent", departure("active", "failed", guest_ran=True), arrival("active", "completed")),
    ("pair.completed-unsent", departure("active", "cancelled", guest_ran=True), arrival("active", "completed")),
    ("pair.postcopy-unannounced", departure("active", "completed"), arrival("active", "postcopy-active", "completed")),
    ("pair.postcopy-unannounced", departure("active", "failed"), arrival("active", "postcopy-active")),
    ("pair.guest-lost", departure("active", "completed", has_return_path=False), arrival("active", "failed")),
    (
        "pair.both-run",
        departure("active", "cancelled", stopped=True, resumed=True),
        arrival("active", "completed", resumed=True),
    ),
)


@pytest.mark.parametrize(("source", "destination"), GOOD)
def test_ends_that_go_together(source: Departure, destination: Arrival) -> None:
    assert list(broken([source], [destination])) == []


@pytest.mark.parametrize(("rule", "source", "destination"), BAD)
def test_ends_that_do_not(rule: str, source: Departure, destination: Arrival) -> None:
    assert [(broke.id, s, d) for broke, s, d in broken([source], [destination])] == [(rule, source, destination)]


@pytest.mark.parametrize(("rule", "source", "destination"), BAD)
def test_ends_of_strangers_are_not_compared(rule: str, source: Departure, destination: Arrival) -> None:
    destination.uri = "unix:/other"
    assert list(broken([source], [destination])) == []


def test_every_property_is_broken_by_some_pair() -> None:
    assert {rule for rule, _, _ in BAD} == {rule.id for rule in PAIR_RULES}


def test_rules_say_what_they_are_founded_on() -> None:
    assert tuple(prop.rule for prop in PROPERTIES) == PAIR_RULES
    assert len({rule.id for rule in PAIR_RULES}) == len(PAIR_RULES)
    for rule in PAIR_RULES:
        assert rule.id.startswith("pair.")
        assert rule.sentence.endswith(".")
        assert rule.clause or rule.standing is not Standing.DOCUMENTED
        assert rule.evidence or rule.standing is not Standing.DEFECT


@given(st.lists(DEPARTURES, max_size=4), st.lists(ARRIVALS, max_size=4))
def test_pairs_share_an_address_that_nobody_else_uses(departures: list[Departure], arrivals: list[Arrival]) -> None:
    together = list(pairs(departures, arrivals))
    for source, destination in together:
        assert source.uri == destination.uri
        assert source.vm != destination.vm
        assert [a for a in arrivals if a.uri == source.uri] == [destination]
    uris = [source.uri for source, _ in together]
    assert len(uris) == len(set(uris))


@given(st.lists(DEPARTURES, max_size=4), st.lists(ARRIVALS, max_size=3))
def test_order_does_not_matter(departures: list[Departure], arrivals: list[Arrival]) -> None:
    def said(given_departures: list[Departure], given_arrivals: list[Arrival]) -> list[str]:
        return sorted(str((rule.id, s, d)) for rule, s, d in broken(given_departures, given_arrivals))

    expected = said(departures, arrivals)
    for arranged in permutations(arrivals):
        assert said(departures[::-1], list(arranged)) == expected


@given(DEPARTURES, ARRIVALS)
def test_what_is_not_known_breaks_nothing_that_needs_it(source: Departure, destination: Arrival) -> None:
    destination.uri, destination.vm = source.uri, "elsewhere"
    source.has_return_path = source.guest_ran = None
    rules = {rule.id for rule, _, _ in broken([source], [destination])}
    assert not rules & {"pair.completed-unloaded", "pair.guest-lost", "pair.completed-unsent"}


@given(DEPARTURES, ARRIVALS)
def test_an_attempt_that_is_not_over_breaks_nothing(source: Departure, destination: Arrival) -> None:
    destination.uri, destination.vm = source.uri, "elsewhere"
    source.statuses.append("active")
    assert source.outcome is None
    assert list(broken([source], [destination])) == []


@pytest.mark.parametrize("last", ["completed", "failed", "cancelled"])
def test_outcome_of_a_departure(last: str) -> None:
    assert departure("active", last).outcome == last
    assert departure(last, "active").outcome is None
    assert departure().outcome is None


def test_outcome_of_an_arrival() -> None:
    assert [arrival("active", last).outcome for last in ("completed", "failed")] == ["completed", "failed"]
    assert arrival("active").outcome is arrival().outcome is None
