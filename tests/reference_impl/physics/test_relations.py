"""Whatever happens to a migration, in whatever order: its numbers keep every relation of the specification."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.reference_impl.physics.attempts import START, Attempt, Judge, Set

from migspec.reference_impl.options import Disk, Options
from migspec.reference_impl.physics import Guest, OutgoingWork, What
from migspec.spec.numbers import RELATIONS
from migspec.spec.parameters import CHECKS
from migspec.spec.state import Stage
from migspec.spec.vocabulary import MigrationCapability as C
from migspec.spec.vocabulary import MigrationParameter as P
from migspec.spec.vocabulary import MigrationStatus as Status
from migspec.spec.vocabulary import MultiFDCompression

MIB = 1 << 20

workloads = st.lists(
    st.one_of(
        st.just("idle"),
        st.integers(0, 4000).map(lambda rate: f"uniform:{rate}M"),
        st.tuples(st.integers(1, 2000), st.integers(0, 4000)).map(lambda it: f"hot:{it[0]}M:{it[1]}M"),
        st.tuples(st.integers(0, 4000), st.integers(1, 9), st.integers(0, 9)).map(
            lambda it: f"bursts:{it[0]}M:{it[1]}:{it[2]}"
        ),
        st.integers(0, 10).map(lambda tenths: f"zero:{tenths / 10}"),
    ),
    min_size=1,
    max_size=3,
).map("+".join)

disks = st.lists(
    st.builds(
        Disk,
        node=st.just("disk"),
        size=st.integers(0, 4096).map(lambda size: size * MIB),
        written=st.integers(0, 400).map(lambda rate: rate * MIB),
        zero=st.floats(0, 1),
    ),
    max_size=2,
).map(tuple)

options = st.builds(
    Options,
    stopped=st.booleans(),
    memory=st.sampled_from([MIB, 64 * MIB, 128 * MIB, 8 << 30, 64 << 30]),
    vcpus=st.integers(1, 8),
    workload=workloads,
    bandwidth=st.sampled_from([1000, 100_000, 10 * MIB, 125 * MIB, 1250 * MIB, 12_500 * MIB]),
    latency=st.floats(0, 0.3),
    disks=disks,
    shared=st.integers(0, 64).map(lambda size: size * MIB),
    seed=st.integers(0, 3),
)

capabilities = st.frozensets(st.sampled_from(C))


def _values() -> dict[P, st.SearchStrategy[Any]]:
    whole: dict[P, st.SearchStrategy[Any]] = {
        check.parameter: st.integers(check.least, min(check.most, 1 << 40))
        for check in CHECKS
        if not check.power_of_two and check.parameter not in (P.MAX_CPU_THROTTLE, P.CPU_THROTTLE_INITIAL)
    }
    return whole | {
        P.CPU_THROTTLE_INITIAL: st.integers(1, 60),
        P.MAX_CPU_THROTTLE: st.integers(60, 99),
        P.XBZRLE_CACHE_SIZE: st.integers(12, 63).map(lambda power: 1 << power),
        P.MAX_BANDWIDTH: st.sampled_from([0, 1, 4096, 1 << 20, 1 << 27, 1 << 33, (1 << 64) - 1]),
        P.MAX_POSTCOPY_BANDWIDTH: st.sampled_from([0, 4096, 1 << 20, 1 << 30, (1 << 64) - 1]),
        P.DOWNTIME_LIMIT: st.sampled_from([0, 1, 20, 300, 2000, 2_000_000]),
        P.COMPRESS_WAIT_THREAD: st.booleans(),
        P.CPU_THROTTLE_TAILSLOW: st.booleans(),
        P.TLS_CREDS: st.sampled_from(["", "tls0"]),
        P.MULTIFD_COMPRESSION: st.sampled_from([name.value for name in MultiFDCompression]),
        P.X_CHECKPOINT_DELAY: st.integers(0, 1 << 32),
    }


VALUES = _values()
parameters = st.fixed_dictionaries({}, optional={name.value.replace("-", "_"): value for name, value in VALUES.items()})
change = st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just("set"), st.just(name), VALUES[name]))

settings = st.builds(lambda on, values: Set(on, **values), capabilities, parameters)

times = st.one_of(st.floats(0, 0.2), st.floats(0, 30), st.floats(0, 1e6))
ANYWHERE = sorted(set(Stage) - {Stage.ENDING, Stage.CLEANING, Stage.IDLE})
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), times),
        st.tuples(st.just("wait"), times),
        st.tuples(st.just("next")),
        st.tuples(st.just("next")),
        st.tuples(st.just("stage"), st.sampled_from(ANYWHERE)),
        st.tuples(st.just("stage"), st.just(Stage.ITERATING)),
        st.tuples(st.just("pass")),
        st.tuples(st.just("cancel")),
        st.tuples(st.just("request"), st.integers(0, 10_000)),
        st.tuples(st.just("cut")),
        st.tuples(st.just("reconnect")),
        st.tuples(st.just("resume-failed")),
        st.tuples(st.just("run"), st.booleans()),
        change,
    ),
    max_size=40,
)

PASSING = {Stage.ITERATING, Stage.SAVING, Stage.POSTCOPY_SAVING, Stage.COLO_STOPPED, Stage.SETTING_UP}
STATUS = {
    Stage.HELD: Status.PRE_SWITCHOVER,
    Stage.POSTCOPY_HELD: Status.PRE_SWITCHOVER,
    Stage.PAUSED: Status.POSTCOPY_PAUSED,
    Stage.RESUMING: Status.POSTCOPY_RECOVER,
    Stage.SAVING: Status.DEVICE,
    Stage.SAVED: Status.DEVICE,
}


class Chaos:
    """One attempt to which anything happens; after each happening it is asked, and judged."""

    def __init__(self, guest: Guest, options: Options, settings: Set, now: float, *, first: bool) -> None:
        self.guest, self.settings, self.now = guest, settings, now
        self.work = OutgoingWork(guest, settings, options, now, piped=bool(options.seed % 2))
        self.judge = Judge(settings, self.work, first=first)
        self.stage = Stage.CONNECTING
        self.cancelled = False
        self.in_postcopy = False

    def begin(self) -> None:
        for stage in (Stage.SETTING_UP, Stage.SET_UP, Stage.ITERATING):
            self.enter(stage)
            if stage is Stage.SETTING_UP:
                self.judge.passes = self.work.passed(self.now)
            self.now += 0.01
            self.ask()

    def happens(self, what: str, *how: Any) -> None:
        match what:
            case "wait":
                self.now += how[0]
            case "next":
                ready = self.work.ready(self.now)
                self.now = ready.at if ready and ready.at < self.now + 1e6 else self.now
                if ready and ready.what is What.PASS:
                    self.judge.passes = self.work.passed(self.now)
            case "stage":
                self.enter(how[0])
            case "pass" if self.stage in PASSING:
                self.judge.passes = self.work.passed(self.now)
            case "cancel":
                self.cancelled = True
            case "request":
                self.work.requested(how[0], self.now)
            case "cut":
                self.work.cut(self.now)
            case "reconnect":
                self.work.reconnected(self.now)
                self.judge.recovered = True
            case "resume-failed" if self.stage is Stage.PAUSED:
                self.work.resume_failed(self.now)
                self.judge.recovered = True
            case "run":
                self.guest.run(how[0], self.now)
            case "set":
                self.settings.values[how[0].value] = how[1]
                self.judge.changed()
        self.ask()

    def enter(self, stage: Stage) -> None:
        self.work.entered(stage, self.now)
        self.stage = stage
        self.in_postcopy |= stage is Stage.POSTCOPY_SAVING

    def ask(self) -> None:
        status = STATUS.get(self.stage, Status.POSTCOPY_ACTIVE if self.in_postcopy else Status.ACTIVE)
        if self.in_postcopy and status in (Status.PRE_SWITCHOVER, Status.DEVICE):
            status = Status.POSTCOPY_ACTIVE
        if self.stage in (Stage.CONNECTING, Stage.SETTING_UP) or not self.judge.passes or self.cancelled:
            status = Status.CANCELLING
        self.judge.ask(status, self.now)

    def end(self) -> None:
        while self.judge.passes < 2:
            self.judge.passes = self.work.passed(self.now)
        self.work.ended(Status.COMPLETED, self.now)
        self.judge.ask(Status.COMPLETED, self.now)
        self.now += 0.3
        self.judge.ask(Status.COMPLETED, self.now)
        for stage in (Stage.ENDING, Stage.CLEANING, Stage.IDLE):
            self.enter(stage)
            self.now += 0.01
            self.judge.ask(Status.COMPLETED, self.now)
            self.work.requested(3, self.now)
        assert self.work.left() == 0


@given(options, settings, st.booleans(), happenings, happenings)
def test_in_any_order_of_stages_and_at_any_time(
    options: Options, settings: Set, orderly: bool, one: Any, two: Any
) -> None:
    guest, now = Guest(options), START
    for first, happens in ((True, one), (False, two)):
        chaos = Chaos(guest, options, settings, now, first=first)
        if orderly:
            chaos.begin()
        for it in happens:
            chaos.happens(*it)
        if not chaos.cancelled:
            chaos.end()
        else:
            chaos.work.ended(Status.CANCELLED, chaos.now)
        now = chaos.now


def _watched(options: Options, settings: Set, *, piped: bool = False) -> tuple[Attempt, Judge]:
    attempt = Attempt(options, settings, piped=piped)
    judge = Judge(settings, attempt.work)

    def watch(attempt: Attempt, status: Status) -> None:
        judge.passes = attempt.passes
        judge.ask(status, attempt.now)

    attempt.watch = watch
    return attempt, judge


@given(options, settings, st.booleans())
def test_in_a_precopy(options: Options, settings: Set, piped: bool) -> None:
    attempt, _ = _watched(options, settings, piped=piped)
    attempt.begin().iterate(20).complete()


@given(options, settings, st.floats(0, 60), st.lists(st.integers(0, 5000), max_size=5), st.booleans())
def test_in_a_postcopy_that_loses_its_link(
    options: Options, settings: Set, after: float, requests: list[int], lost: bool
) -> None:
    settings.on |= {C.POSTCOPY_RAM}
    attempt, judge = _watched(options, settings)
    attempt.begin().iterate(20, after).switch()
    for pages in requests:
        attempt.now += 0.01
        attempt.work.requested(pages, attempt.now)
        attempt.look(Status.POSTCOPY_ACTIVE)
    if lost:
        attempt.work.cut(attempt.now)
        assert attempt.work.ready(attempt.now) is None
        attempt.enter(Stage.PAUSED, status=Status.POSTCOPY_PAUSED)
        attempt.now += 12.3
        attempt.look(Status.POSTCOPY_PAUSED)
        attempt.work.reconnected(attempt.now)
        judge.recovered = True
        attempt.enter(Stage.RESUMING, status=Status.POSTCOPY_RECOVER)
        attempt.now += 0.2
        attempt.look(Status.POSTCOPY_RECOVER)
        judge.recovered = True
        attempt.enter(Stage.ITERATING, status=Status.POSTCOPY_ACTIVE)
    # a bandwidth of next to nothing makes this long, not endless
    attempt.finish()


@given(options, settings, st.integers(1, 5))
def test_in_colo(options: Options, settings: Set, checkpoints: int) -> None:
    settings.on |= {C.X_COLO}
    attempt, _ = _watched(options, settings)
    attempt.begin().iterate(4)
    attempt.enter(Stage.COMMITTED, Stage.STOPPED, Stage.SAVING, status=Status.ACTIVE)
    attempt.until()
    attempt.collect()
    attempt.enter(Stage.SAVED, Stage.ENDING, status=Status.ACTIVE)
    attempt.enter(Stage.COLO_STARTING, status=Status.COLO)
    assert attempt.work.ready(attempt.now) is None
    for _ in range(checkpoints):
        attempt.guest.run(True, attempt.now)
        attempt.enter(Stage.COLO_RUNNING, Stage.COLO_STOPPED, status=Status.COLO)
        attempt.until()
        passes = attempt.passes
        attempt.collect()
        assert attempt.passes == passes + 1
        attempt.enter(Stage.COLO_SAVING, status=Status.COLO)
        attempt.until()
    attempt.work.ended(Status.COMPLETED, attempt.now)
    attempt.enter(Stage.COLO_LEAVING, Stage.COLO_LEFT, Stage.CLEANING, status=Status.COMPLETED)
    shown = attempt.work.statistics(Status.COMPLETED, attempt.now)
    assert (shown["total-time"], shown["downtime"]) == (0, 0)


def test_every_relation_about_the_source_is_exercised() -> None:
    held: set[str] = set()
    for on in ((), (C.XBZRLE,), (C.COMPRESS,), (C.MULTIFD,), (C.AUTO_CONVERGE,), (C.BLOCK,)):
        settings = Set(on, max_bandwidth=16 * MIB)
        options = Options(workload="uniform:400M", disks=(Disk("d", 8 * MIB, written=MIB),))
        attempt, judge = _watched(options, settings)
        attempt.begin().iterate(20)
        attempt.enter(Stage.COMMITTED, Stage.STOPPED, Stage.HELD, status=Status.ACTIVE)
        for _ in range(2):
            attempt.now += 1
            attempt.look(Status.PRE_SWITCHOVER)
        attempt.enter(Stage.SAVING, status=Status.DEVICE)
        attempt.collect()
        attempt.enter(Stage.SAVED, status=Status.DEVICE)
        attempt.finish()
        for _ in range(2):
            attempt.look(Status.COMPLETED)
        held |= judge.held
    settings = Set((C.POSTCOPY_RAM,))
    attempt, judge = _watched(Options(workload="uniform:400M"), settings)
    attempt.begin().iterate(20, 0.1).switch()
    for stage, status in ((Stage.PAUSED, Status.POSTCOPY_PAUSED), (Stage.RESUMING, Status.POSTCOPY_RECOVER)):
        attempt.enter(stage, status=status)
        attempt.look(status)
    attempt.enter(Stage.ITERATING, status=Status.POSTCOPY_ACTIVE)
    attempt.finish()
    held |= judge.held
    assert {relation.id for relation in RELATIONS} - held == {"query-migrate.postcopy-blocktime"}
