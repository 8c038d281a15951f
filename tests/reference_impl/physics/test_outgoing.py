"""The source's work: how long things take, how many steps they take to compute, and what a real run looks like."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.reference_impl.physics.attempts import START, Attempt, Set, precopy

from migspec.reference_impl.options import Disk, Options
from migspec.reference_impl.physics import Guest, OutgoingWork, What
from migspec.reference_impl.physics.disks import DiskWork
from migspec.reference_impl.physics.meter import Flow, Meter
from migspec.reference_impl.physics.throttle import Throttle
from migspec.spec.parameters import PAGE_SIZE
from migspec.spec.state import Stage
from migspec.spec.vocabulary import MigrationCapability as C
from migspec.spec.vocabulary import MigrationStatus as Status

MIB = 1 << 20
GIB = 1 << 30


def ram(answer: Any) -> Any:
    return answer["ram"]


def test_an_idle_guest_of_128_mib_looks_like_a_real_one() -> None:
    attempt = precopy(Options(), Set())
    done: Any = attempt.complete()
    assert ram(done)["total"] == 134750208
    assert ram(done)["duplicate"] > 3 * ram(done)["normal"]
    assert 25e6 < ram(done)["normal-bytes"] < 35e6
    assert 0 < done["setup-time"] < 10
    assert 0 < done["downtime"] < 30
    assert done["total-time"] < 500
    assert attempt.active["expected-downtime"] == 300
    assert 0 < ram(done)["mbps"] < 10_000


def test_one_of_64_mib_with_nothing_but_firmware_is_sent_at_once() -> None:
    done: Any = precopy(Options(memory=64 * MIB, workload="zero:0.993"), Set()).complete()
    assert ram(done)["total"] == 67641344
    assert ram(done)["dirty-sync-count"] == 2
    assert ram(done)["pages-per-second"] == 0
    assert done["total-time"] < 100


@pytest.mark.parametrize("workload", ["idle", "uniform:50M", "zero:0+hot:1G:200M", "bursts:500M:1:9"])
@pytest.mark.parametrize("on", [(), (C.XBZRLE,), (C.COMPRESS,), (C.MULTIFD,), (C.AUTO_CONVERGE,)])
def test_64_gib_take_few_steps(workload: str, on: tuple[C, ...]) -> None:
    attempt = precopy(Options(memory=64 * GIB, workload=workload), Set(on))
    attempt.complete()
    assert ram(attempt.active)["total"] > 64 * GIB
    assert attempt.steps < 100


def test_the_speed_is_that_of_the_link_or_the_limit() -> None:
    for link, limit in ((10 * MIB, 0), (1250 * MIB, 16 * MIB)):
        options = Options(memory=GIB, workload="zero:0", bandwidth=link)
        done: Any = precopy(options, Set(max_bandwidth=limit)).complete()
        speed = limit or link
        assert done["total-time"] == pytest.approx(1000 * GIB / speed, rel=0.1)
        assert ram(done)["mbps"] == pytest.approx(speed * 8 / 1e6, rel=0.1)


def test_a_guest_that_writes_faster_than_the_link_never_converges() -> None:
    attempt = precopy(Options(workload="zero:0+uniform:4G", bandwidth=16 * MIB), Set())
    assert attempt.passes >= 60
    work = attempt.work.ready(attempt.now)
    assert work is not None
    assert work.what is What.PASS


def test_without_a_downtime_limit_it_ends_after_one_pass() -> None:
    attempt = precopy(Options(workload="zero:0+uniform:4G"), Set(downtime_limit=0))
    assert attempt.passes == 1
    done: Any = attempt.complete()
    assert ram(done)["dirty-sync-count"] == 2


@given(st.sampled_from([0, 5, 20, 100, 300, 1000]), st.integers(0, 60), st.sampled_from([16, 64, 512]))
def test_what_is_left_fits_the_downtime_limit(limit: int, rate: int, bandwidth: int) -> None:
    options = Options(memory=GIB, workload=f"zero:0+uniform:{rate}M", bandwidth=bandwidth * MIB)
    attempt = precopy(options, Set(downtime_limit=limit, max_bandwidth=0))
    if attempt.passes < 60:
        left = ram(attempt.active)["remaining"]
        assert left <= bandwidth * MIB * limit / 1000 * 1.05


WAITING = {
    Stage.IDLE,
    Stage.CONNECTING,
    Stage.HELD,
    Stage.POSTCOPY_HELD,
    Stage.PAUSED,
    Stage.RESUMING,
    Stage.COLO_STARTING,
    Stage.COLO_EXITED,
    Stage.STUCK,
}


@pytest.mark.parametrize("stage", Stage)
def test_a_stage_is_done_some_time_unless_it_waits_for_something_outside(stage: Stage) -> None:
    attempt = Attempt(Options(), Set()).begin()
    attempt.now += 0.05
    attempt.work.entered(stage, attempt.now)
    ready = attempt.work.ready(attempt.now)
    assert (ready is None) == (stage in WAITING)
    assert ready is None or attempt.now <= ready.at < attempt.now + 30


def test_a_pipe_is_neither_the_network_nor_far_away() -> None:
    options = Options(bandwidth=MIB, latency=1.0)
    near: Any = precopy(options, Set(), piped=True).complete()
    far: Any = precopy(options, Set()).complete()
    assert near["total-time"] < 1000 < far["total-time"]


def test_nothing_flows_while_it_is_held_or_cut() -> None:
    for stage in (Stage.HELD, Stage.PAUSED, Stage.RESUMING, Stage.STUCK):
        attempt = Attempt(Options(), Set()).begin()
        attempt.now += 0.05
        attempt.work.entered(stage, attempt.now)
        before = attempt.work.sent(), attempt.work.left()
        attempt.now += 100
        attempt.work.advance(attempt.now)
        assert (attempt.work.sent(), attempt.work.left()) == before
        assert attempt.work.ready(attempt.now) is None
    attempt = Attempt(Options(), Set()).begin()
    attempt.work.cut(attempt.now + 0.05)
    before = attempt.work.sent(), attempt.work.left()
    attempt.work.advance(attempt.now + 100)
    assert (attempt.work.sent(), attempt.work.left()) == before


def test_what_was_on_its_way_when_the_link_was_cut_is_sent_again() -> None:
    options = Options(workload="zero:0", latency=0.01)
    attempt = Attempt(options, Set((C.POSTCOPY_RAM,))).begin().iterate(seconds=0.2).switch()
    attempt.now += 0.01
    attempt.work.cut(attempt.now)
    left = attempt.work.left()
    attempt.work.reconnected(attempt.now + 60)
    assert left < attempt.work.left() <= left + options.bandwidth * options.latency


def test_a_failed_resume_shows_nothing_as_remaining() -> None:
    attempt = Attempt(Options(), Set((C.POSTCOPY_RAM,))).begin().iterate(seconds=0.01).switch()
    attempt.work.cut(attempt.now)
    attempt.enter(Stage.PAUSED, status=Status.POSTCOPY_PAUSED)
    assert ram(attempt.work.statistics(Status.POSTCOPY_PAUSED, attempt.now))["remaining"] > 0
    attempt.work.resume_failed(attempt.now)
    assert ram(attempt.work.statistics(Status.POSTCOPY_PAUSED, attempt.now))["remaining"] == 0
    assert ram(attempt.work.statistics(Status.CANCELLING, attempt.now))["remaining"] == 0


def test_pages_that_are_asked_for_do_not_wait_for_the_limit() -> None:
    settings = Set((C.POSTCOPY_RAM,), max_postcopy_bandwidth=MIB)
    attempt = Attempt(Options(workload="zero:0"), settings).begin().iterate(seconds=0.01).switch()
    left = attempt.work.left()
    attempt.work.requested(2560, attempt.now)
    attempt.work.advance(attempt.now + 0.1)
    assert left - attempt.work.left() >= 10 * MIB


def test_no_page_is_asked_for_before_postcopy_or_after_the_end() -> None:
    attempt = Attempt(Options(), Set((C.POSTCOPY_RAM,))).begin()
    attempt.work.requested(5, attempt.now)
    assert ram(attempt.work.statistics(Status.ACTIVE, attempt.now))["postcopy-requests"] == 0
    attempt.switch().work.requested(5, attempt.now)
    attempt.finish()
    attempt.work.requested(5, attempt.now)
    assert ram(attempt.work.statistics(Status.COMPLETED, attempt.now))["postcopy-requests"] == 5


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20))
def test_no_more_pages_are_asked_for_than_are_left(asked: list[int]) -> None:
    attempt = Attempt(Options(), Set((C.POSTCOPY_RAM,))).begin().switch()
    left = attempt.work.left() // PAGE_SIZE
    for pages in asked:
        attempt.work.requested(pages, attempt.now)
    counted = ram(attempt.work.statistics(Status.POSTCOPY_ACTIVE, attempt.now))["postcopy-requests"]
    assert counted == sum(min(left, pages) for pages in asked)


@given(st.floats(0, exclude_min=True, allow_infinity=False))
@example(5e-324)
def test_however_few_pages_the_destination_accepts_the_source_can_count(pages: float) -> None:
    attempt = Attempt(Options(workload="zero:0"), Set((C.COMPRESS,)))
    attempt.work.accepts(pages, attempt.now)
    attempt.begin().iterate(most=2, seconds=100)
    left = attempt.work.left()
    for seconds in (10, 20):
        attempt.work.advance(attempt.now + seconds)
        assert attempt.work.left() < left or not left
        left = attempt.work.left()


def test_how_the_time_is_cut_changes_little() -> None:
    def after(steps: int) -> Any:
        attempt = Attempt(Options(workload="uniform:100M", memory=GIB), Set()).begin()
        for _ in range(steps):
            attempt.now += 0.7 / steps
            attempt.work.advance(attempt.now)
        return ram(attempt.work.statistics(Status.ACTIVE, attempt.now))

    once, often = after(1), after(7000)
    for name in ("transferred", "remaining", "normal", "duplicate", "pages-per-second", "mbps"):
        assert often[name] == pytest.approx(once[name], rel=0.01)


def test_counters_of_xbzrle_and_compression_survive_a_migration() -> None:
    settings = Set((C.COMPRESS,))
    first = precopy(Options(), settings)
    done: Any = first.complete()
    second = Attempt(Options(), settings, guest=first.guest).begin()
    now: Any = second.work.statistics(Status.ACTIVE, second.now)
    assert now["compression"]["pages"] >= done["compression"]["pages"] > 0
    assert ram(now)["normal"] < ram(done)["normal"] + 1


def test_the_throttle_ends_with_the_migration() -> None:
    options = Options(memory=256 * MIB, workload="zero:0+uniform:400M")
    attempt = precopy(options, Set((C.AUTO_CONVERGE,)))
    assert attempt.guest.throttle > 0
    attempt.complete()
    assert attempt.guest.throttle == 0


def test_times_come_a_moment_after_the_status() -> None:
    attempt = precopy(Options(), Set())
    attempt.enter(Stage.COMMITTED, Stage.STOPPED, Stage.SAVING, status=Status.ACTIVE)
    attempt.collect()
    attempt.enter(Stage.SAVED, status=Status.ACTIVE)
    attempt.until()
    attempt.work.ended(Status.COMPLETED, attempt.now)
    attempt.enter(Stage.ENDING, status=Status.COMPLETED)
    early: Any = attempt.work.statistics(Status.COMPLETED, attempt.now)
    attempt.enter(Stage.CLEANING, status=Status.COMPLETED)
    late: Any = attempt.work.statistics(Status.COMPLETED, attempt.now)
    assert (early["total-time"], early["downtime"]) == (0, 0)
    assert late["total-time"] > late["downtime"] > 0


def test_a_cancellation_before_the_set_up_has_counted_nothing() -> None:
    work = OutgoingWork(Guest(Options()), Set(), Options(), START, piped=False)
    shown: Any = work.statistics(Status.CANCELLING, START + 5)
    assert (shown["total-time"], shown["setup-time"], shown["expected-downtime"]) == (5000, 0, 0)
    assert {name for name, value in shown["ram"].items() if value} == {"total", "page-size"}
    assert work.ready(START + 5) is None


@pytest.mark.parametrize("status", [Status.SETUP, Status.WAIT_UNPLUG, Status.COLO, Status.CANCELLED, Status.FAILED])
def test_some_statuses_come_with_nothing(status: Status) -> None:
    assert Attempt(Options(), Set(C)).begin().work.statistics(status, START + 5) == {}


def test_disks_go_before_memory_and_show_what_is_left() -> None:
    options = Options(workload="zero:0", bandwidth=64 * MIB, disks=(Disk("d", 128 * MIB),))
    attempt = Attempt(options, Set((C.BLOCK,), max_bandwidth=0)).begin()
    attempt.now += 1
    half: Any = attempt.work.statistics(Status.ACTIVE, attempt.now)
    assert half["disk"]["transferred"] == pytest.approx(64 * MIB, rel=0.01)
    assert ram(half)["normal"] == 0
    attempt.now += 2
    then: Any = attempt.work.statistics(Status.ACTIVE, attempt.now)
    assert then["disk"]["remaining"] == 0
    assert ram(then)["normal-bytes"] == pytest.approx(64 * MIB, rel=0.1)


def test_disks_that_are_written_faster_than_the_link_never_leave_a_turn() -> None:
    options = Options(bandwidth=4 * MIB, disks=(Disk("d", 64 * MIB, written=8 * MIB),))
    attempt = Attempt(options, Set((C.BLOCK,))).begin()
    assert attempt.work.ready(attempt.now) is None
    attempt.guest.run(False, attempt.now)
    assert attempt.work.ready(attempt.now) is not None


@given(st.integers(0, 1000), st.integers(0, 1000), st.floats(0, 1), st.lists(st.floats(0, 9), max_size=9))
def test_disks_are_sent_or_left(size: int, written: int, zero: float, times: list[float]) -> None:
    work = DiskWork((Disk("d", size * MIB, written=written * MIB, zero=zero),), zero_blocks=True)
    before = 0
    for seconds in times:
        work.advance(seconds, 100.0 * MIB, 1.0)
        assert before <= work.transferred <= work.total
        assert work.left >= 0
        before = work.transferred
    work.finish()
    assert (work.left, work.transferred) == (0, size * MIB)


@given(st.lists(st.floats(0.001, 2), min_size=1, max_size=20), st.floats(1, 1e9))
def test_a_steady_flow_is_metered_as_what_it_is(spans: list[float], speed: float) -> None:
    meter, now, sent = Meter(), START, 0.0
    meter.start(now, 0.0, 0)
    for span in spans:
        flow = Flow(now, now + span, now + span, sent, sent + speed * span, 0, 0)
        now, sent = now + span, sent + speed * span
        ticks = meter.next
        assert meter.pass_by(flow) == (now >= ticks) == (meter.next > ticks)
    if now >= START + 0.1:
        assert meter.bandwidth == pytest.approx(speed, rel=1e-3)
    assert now - 1e-6 < meter.next <= now + 0.1 + 1e-6


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)), max_size=60), st.booleans())
def test_the_throttle_stays_within_its_limits(periods: list[tuple[int, int]], tailslow: bool) -> None:
    settings = Set(cpu_throttle_tailslow=tailslow, max_cpu_throttle=77)
    throttle, percentage = Throttle(), 0
    for dirtied, sent in periods:
        after = throttle.step(settings, percentage, dirtied, sent)
        assert after in (0, 20) or percentage <= after <= min(77, percentage + 10)
        assert after == percentage or dirtied > sent // 2
        percentage = after
