"""The destination: page faults that come with missing pages, and vCPUs that wait for them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference_impl.physics.attempts import START, Set

from migspec.reference_impl.options import Options
from migspec.reference_impl.physics import Guest, IncomingWork, announcements
from migspec.spec.parameters import CHECKS
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.schema.validate import validate
from migspec.spec.vocabulary import MigrationCapability as C
from migspec.spec.vocabulary import MigrationParameter as P

MEASURED = (C.POSTCOPY_RAM, C.POSTCOPY_BLOCKTIME)


def begun(options: Options, *on: C) -> IncomingWork:
    work = IncomingWork(Guest(options), Set(on or MEASURED), options, START)
    work.postcopy_started(True, START)
    return work


def blocked(work: IncomingWork) -> tuple[int, list[int]]:
    shown: Any = work.blocktime()
    assert list(validate(shown, SCHEMA.structs["MigrationInfo"], SCHEMA)) == []
    return shown["postcopy-blocktime"], shown["postcopy-vcpu-blocktime"]


HAPPENINGS = ["missing", "faults", "paused", "recovered", "stop"]
happenings = st.lists(
    st.tuples(
        st.floats(0, 100),
        st.sampled_from(HAPPENINGS),
        st.integers(0, 1 << 20),
    ),
    max_size=25,
)
guests = st.builds(
    Options,
    memory=st.sampled_from([1 << 20, 1 << 27, 1 << 36]),
    vcpus=st.integers(1, 16),
    workload=st.sampled_from(["idle", "uniform:500M", "hot:1M:3G", "bursts:1G:1:1"]),
    bandwidth=st.sampled_from([1000, 1 << 20, 1 << 30]),
    latency=st.floats(0, 1),
    seed=st.integers(0, 9),
)


@given(guests, happenings)
def test_blocktimes_grow_and_stay_within_the_time(options: Options, happens: list[tuple[float, str, int]]) -> None:
    work, now = begun(options), START
    last = blocked(work)
    for seconds, what, number in happens:
        now += seconds
        match what:
            case "missing":
                work.missing(number, now)
            case "faults":
                assert work.faults(now) >= 0
            case "paused":
                work.paused(now)
            case "recovered":
                work.recovered(now)
            case "stop":
                work.postcopy_started(bool(number % 2), now)
        together, each = blocked(work)
        assert together <= max(each)
        assert len(each) == options.vcpus
        assert together >= last[0]
        assert all(after >= before for before, after in zip(last[1], each, strict=True))
        last = together, each
    work.completed(now)
    # what a recovery brings takes a round trip, which may end a little later
    trips = 1 + sum(what == "recovered" for _, what, _ in happens)
    assert max(blocked(work)[1]) <= (now - START + trips * (2 * options.latency + 5)) * 1000
    final = blocked(work)
    work.faults(now)
    work.missing(1, now)
    assert work.faults(now + 1000) == 0
    assert blocked(work) == final


def test_there_are_no_faults_without_missing_pages_or_a_guest_that_runs() -> None:
    options = Options(workload="uniform:500M")
    work = IncomingWork(Guest(options), Set(MEASURED), options, START)
    assert work.faults(START + 10) == 0
    work.postcopy_started(True, START + 10)
    work.missing(0, START + 10)
    assert work.faults(START + 20) == 0
    work.missing(1000, START + 20)
    assert work.faults(START + 30) > 0


def test_a_busier_guest_faults_more_and_waits_longer() -> None:
    idle, busy = begun(Options()), begun(Options(workload="uniform:500M"))
    assert 0 < idle.faults(START + 5) < busy.faults(START + 5)
    assert blocked(idle)[0] < blocked(busy)[0]


def test_no_vcpu_faults_faster_than_pages_come() -> None:
    slow = Options(workload="uniform:50G", latency=0.05, vcpus=4)
    assert begun(slow).faults(START + 10) <= 4 * 10 / 0.1


def test_a_loss_of_the_stream_blocks_vcpus_until_the_recovery() -> None:
    work = begun(Options(workload="uniform:50M", vcpus=2))
    before = work.faults(START + 1)
    assert before > 0
    work.paused(START + 1)
    together, each = blocked(work)
    assert work.faults(START + 31) == 2
    assert work.faults(START + 32) == 0
    work.recovered(START + 61)
    assert all(after - earlier > 55_000 for earlier, after in zip(each, blocked(work)[1], strict=True))
    assert blocked(work)[0] - together > 55_000


def test_blocktimes_are_measured_only_if_both_capabilities_are_on() -> None:
    for on in ((C.POSTCOPY_RAM,), (C.POSTCOPY_BLOCKTIME,)):
        work = begun(Options(workload="uniform:500M", vcpus=3), *on)
        assert work.faults(START + 5) > 0
        assert blocked(work) == (0, [0, 0, 0])


@given(
    st.fixed_dictionaries(
        {
            check.parameter.value.replace("-", "_"): st.integers(check.least, check.most)
            for check in CHECKS
            if check.parameter in (P.ANNOUNCE_INITIAL, P.ANNOUNCE_MAX, P.ANNOUNCE_ROUNDS, P.ANNOUNCE_STEP)
        }
    )
)
def test_announcements(values: dict[str, int]) -> None:
    delays = announcements(Set((), **values))
    assert len(delays) == values["announce_rounds"]
    pauses = [after - before for before, after in pairwise((0.0, *delays))]
    assert all(pause <= values["announce_max"] / 1000 + 1e-6 for pause in pauses)
    for before, after in pairwise(pauses):
        grown = min(values["announce_max"] / 1000, before + values["announce_step"] / 1000)
        assert after == pytest.approx(grown, abs=1e-6)


def test_announcements_by_default() -> None:
    assert announcements(Set()) == (0.05, 0.2, 0.45, 0.8, 1.25)
