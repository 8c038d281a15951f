"""Guests: how workloads are written, what they write, and what a measurement of the dirty rate makes of it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reference_impl.physics.attempts import START

from migspec.reference_impl.options import Options
from migspec.reference_impl.physics import Guest, WorkloadError
from migspec.reference_impl.physics.guest import FIRMWARE, REMEMBERED
from migspec.reference_impl.physics.workload import DEFAULT_ZERO, Region, Term, Writer, parse, regions_of
from migspec.spec.parameters import PAGE_SIZE

MIB = 1 << 20


@pytest.mark.parametrize(
    ("text", "terms", "zero"),
    [
        ("idle", (), DEFAULT_ZERO),
        ("uniform:200M", (Term(200.0 * MIB),), DEFAULT_ZERO),
        ("uniform:1.5K", (Term(1536.0),), DEFAULT_ZERO),
        ("hot:64M:1G", (Term(1024.0 * MIB, size=64.0 * MIB),), DEFAULT_ZERO),
        ("bursts:100M:2:0.5", (Term(100.0 * MIB, on=2.0, off=0.5),), DEFAULT_ZERO),
        ("zero:0.9", (), 0.9),
        ("zero:0.5 + uniform:1M+hot:8K:7", (Term(1.0 * MIB), Term(7.0, size=8192.0)), 0.5),
    ],
)
def test_workloads(text: str, terms: tuple[Term, ...], zero: float) -> None:
    workload = parse(text)
    assert (workload.terms, workload.zero) == (terms, zero)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("", ""),
        ("busy", "busy"),
        ("idle:1", "idle:1"),
        ("uniform", "uniform"),
        ("uniform:-1", "uniform:-1"),
        ("uniform:1e9", "uniform:1e9"),
        ("uniform:1X", "uniform:1X"),
        ("hot:1M", "hot:1M"),
        ("hot:100:1M", "hot:100:1M"),
        ("bursts:1M:0:1", "bursts:1M:0:1"),
        ("zero:1.1", "zero:1.1"),
        ("idle+zero:2", "zero:2"),
    ],
)
def test_what_is_no_workload(text: str, term: str) -> None:
    with pytest.raises(WorkloadError) as raised:
        parse(text)
    assert (raised.value.text, raised.value.term) == (text, term)
    with pytest.raises(WorkloadError):
        Guest(Options(workload=text))


@given(st.text())
def test_any_text_is_a_workload_or_refused_as_one(text: str) -> None:
    with suppress(WorkloadError):
        assert 0 <= parse(text).zero <= 1


@given(st.lists(st.integers(1, 1 << 30), max_size=4), st.integers(1, 1 << 24))
def test_regions_are_the_whole_memory(sizes: list[int], pages: int) -> None:
    text = "+".join(["uniform:1M", *(f"hot:{size + PAGE_SIZE}:1M" for size in sizes)])
    regions = regions_of(parse(text), pages)
    assert sum(region.pages for region in regions) == pages
    assert all(region.pages > 0 for region in regions)
    rate = sum(writer.rate for region in regions for writer in region.writers) * PAGE_SIZE
    placed = sum(len(region.writers) - 1 for region in regions)
    assert rate == pytest.approx(MIB * (1 + placed), rel=1e-6)
    assert placed == len(sizes) or regions[-1].writers[0].rate == MIB / PAGE_SIZE


@given(st.floats(0, 1e5), st.floats(0.1, 9), st.floats(0, 9), st.floats(0, 1e4), st.floats(0, 1e4))
def test_bursts_are_additive_and_no_faster_than_their_rate(
    rate: float, on: float, off: float, first: float, then: float
) -> None:
    writer = Writer(rate, on, off)
    more = writer.written(first + then) - writer.written(first)
    assert -1e-3 <= more <= rate * then * (1 + 1e-9) + 1e-3
    whole = writer.written(100 * (on + off))
    assert whole == pytest.approx(writer.mean * 100 * (on + off), rel=1e-6, abs=rate * on * 1.001)


@given(st.integers(1, 1 << 24), st.floats(0, 1e12, allow_subnormal=False))
def test_no_more_changes_than_there_are_pages_or_writes(pages: int, written: float) -> None:
    assert 0 <= Region(pages).changed(written) <= min(pages, written * (1 + 1e-9))


runs = st.lists(st.tuples(st.floats(0, 20), st.booleans(), st.integers(0, 99)), max_size=12)


@given(runs, st.sampled_from(["idle", "uniform:100M", "hot:1M:1G+bursts:50M:1:2"]))
def test_only_a_running_guest_writes(changes: list[tuple[float, bool, int]], workload: str) -> None:
    guest, now = Guest(Options(workload=workload)), START
    guest.run(True, now)
    running, throttle = True, 0
    for seconds, runs_then, slowed in changes:
        began, now = now, now + seconds
        before, after = guest.written(began), guest.written(now)
        assert all(last >= first for first, last in zip(before, after, strict=True))
        if not running:
            assert before == after
        full = sum(region.written(now) - region.written(began) for region in guest.regions)
        if running:
            assert sum(after) - sum(before) == pytest.approx(full * (1 - throttle / 100), rel=1e-6, abs=1e-3)
        running, throttle = runs_then, slowed
        guest.run(running, now)
        guest.slow(throttle, now)


def test_its_memory_of_speeds_is_bounded_and_long_enough() -> None:
    guest = Guest(Options(memory=4 << 30, workload="uniform:10M"))
    for turn in range(20_000):
        guest.run(turn % 2 == 0, START + turn / 10)
    assert len(guest._spans) <= REMEMBERED * 10 + 2
    ended = START + 2000.0
    assert guest.changed(ended - 60, ended) * PAGE_SIZE == pytest.approx(300 * MIB, rel=0.1)


def test_memory_that_is_written_holds_no_zeroes() -> None:
    guest = Guest(Options(workload="zero:0.9+uniform:100M"))
    guest.run(True, START)
    first = sum(guest.zeroes(START))
    assert first == pytest.approx(0.9 * guest.pages, rel=1e-6)
    assert sum(guest.zeroes(START + 1)) < 0.6 * first
    assert sum(guest.zeroes(START + 100)) < 1


@given(st.integers(1, 40), st.integers(1, 60))
def test_a_measured_dirty_rate_is_near_that_of_the_guest(rate: int, seconds: int) -> None:
    guest = Guest(Options(memory=16 << 30, workload=f"hot:8G:{rate}M"))
    guest.run(True, START)
    measured = guest.dirty_rate(START + 1, START + 1 + seconds)
    distinct = guest.changed(START + 1, START + 1 + seconds) * PAGE_SIZE / MIB / seconds
    assert measured == pytest.approx(distinct, rel=0.5, abs=40)


def test_a_measured_dirty_rate_has_limits() -> None:
    idle, busy = Guest(Options()), Guest(Options(workload="uniform:9G"))
    for guest in (idle, busy):
        guest.run(True, START)
    assert idle.dirty_rate(START, START + 1) == 0
    assert busy.dirty_rate(START, START + 1) <= 128
    assert Guest(Options(memory=MIB)).dirty_rate(START, START + 1) == -1
    busy.run(False, START + 2)
    assert busy.dirty_rate(START + 2, START + 3) == 0


def test_a_seed_reproduces_a_measurement() -> None:
    def measured(seed: int) -> list[int]:
        guest = Guest(Options(memory=1 << 30, workload="uniform:300M", seed=seed))
        guest.run(True, START)
        return [guest.dirty_rate(START + second, START + second + 1) for second in range(20)]

    assert measured(1) == measured(1) != measured(2)


def test_memory_includes_the_firmware() -> None:
    assert Guest(Options(memory=64 * MIB)).pages * PAGE_SIZE == 64 * MIB + FIRMWARE
