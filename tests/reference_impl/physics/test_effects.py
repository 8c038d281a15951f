"""No setting of the schema is without effect, and each has the effect that the schema tells of."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from tests.reference_impl.physics.attempts import START, Attempt, Set, precopy

from migspec.reference_impl.options import Disk, Options
from migspec.reference_impl.physics import Guest, IncomingWork, announcements
from migspec.reference_impl.physics.effects import EFFECTS, Part
from migspec.spec.bitmaps import NodeAlias
from migspec.spec.parameters import Value
from migspec.spec.state import Stage
from migspec.spec.vocabulary import MigrationCapability as C
from migspec.spec.vocabulary import MigrationParameter as P
from migspec.spec.vocabulary import MigrationStatus as Status
from migspec.spec.vocabulary import MultiFDCompression

MIB = 1 << 20
BUSY = Options(memory=256 * MIB, workload="zero:0+uniform:150M")
WILD = Options(memory=256 * MIB, workload="zero:0+uniform:400M")
HOT = Options(memory=512 * MIB, workload="zero:0+hot:64M:400M")
DISKS = Options(disks=(Disk("d", 512 * MIB, written=MIB, zero=0.5),))
FAST = Options(memory=512 * MIB, workload="zero:0", bandwidth=12_500 * MIB)


def test_the_table_is_that_of_the_schema() -> None:
    assert list(EFFECTS) == [*C, *P]


Measure = Callable[[Options, Set], Any]


def shown(path: str) -> Measure:
    """A number of the completed migration."""

    def measure(options: Options, settings: Set) -> Any:
        found: Any = precopy(options, settings).complete()
        for name in path.split("."):
            found = found[name]
        return found

    return measure


def active(path: str) -> Measure:
    """A number shown when the precopy converged, or never will."""

    def measure(options: Options, settings: Set) -> Any:
        found: Any = precopy(options, settings).active
        for name in path.split("."):
            found = found.get(name, {}) if name == "disk" else found.get(name, 0)
        return found

    return measure


def throttles(options: Options, settings: Set) -> list[int]:
    """Each percentage that the throttle came to."""
    seen: list[int] = []

    def watch(attempt: Attempt, status: Status) -> None:
        now: Any = attempt.work.statistics(status, attempt.now).get("cpu-throttle-percentage", 0)
        if now and (not seen or seen[-1] != now):
            seen.append(now)

    Attempt(options, settings, watch=watch).begin().iterate(100)
    return seen


def first_throttle(options: Options, settings: Set) -> int:
    return throttles(options, settings)[0]


def second_throttle(options: Options, settings: Set) -> int:
    return throttles(options, settings)[1]


def last_throttle(options: Options, settings: Set) -> int:
    return max(throttles(options, settings), default=0)


def smallest_step(options: Options, settings: Set) -> int:
    return min(after - before for before, after in pairwise(throttles(options, settings)))


def requests(options: Options, settings: Set) -> Any:
    attempt = precopy(options, settings).switch()
    attempt.work.requested(7, attempt.now)
    ram: Any = attempt.work.statistics(Status.POSTCOPY_ACTIVE, attempt.now)["ram"]
    return ram["postcopy-requests"]


def postcopy_time(options: Options, settings: Set) -> Any:
    attempt = Attempt(options, settings).begin().iterate(seconds=0.01).switch()
    return attempt.finish()["total-time"]


def zeroes_of_the_next(options: Options, settings: Set) -> Any:
    """Pages of zeroes that a second attempt finds when a first one ended in the middle of postcopy."""
    first = Attempt(options, settings).begin().iterate(seconds=0.01).switch()
    first.until()
    first.work.ended(Status.FAILED, first.now)
    return Attempt(options, settings, guest=first.guest).begin().iterate().complete()["ram"]["duplicate"]


def checkpoint(options: Options, settings: Set) -> float:
    attempt = precopy(options, settings)
    attempt.complete()
    began = attempt.now
    attempt.work = Attempt(options, settings).begin().work
    attempt.enter(Stage.COLO_RUNNING, status=Status.COLO)
    attempt.until()
    return attempt.now - began


def blocked(options: Options, settings: Set) -> Any:
    work = IncomingWork(Guest(options), settings, options, START)
    work.postcopy_started(True, START)
    work.completed(START + 5)
    times: Any = work.blocktime()["postcopy-vcpu-blocktime"]
    return max(times)


def intake(options: Options, settings: Set) -> Any:
    """How long a migration takes whose destination decompresses."""
    attempt = Attempt(options, settings)
    work = IncomingWork(Guest(options), settings, options, START)
    attempt.work.accepts(work.accepts(), attempt.now)
    return attempt.begin().iterate().complete()["total-time"]


def last_announcement(options: Options, settings: Set) -> float:
    del options
    return max(announcements(settings))


def first_announcement(options: Options, settings: Set) -> float:
    del options
    return min(announcements(settings))


@dataclass(frozen=True)
class Case:
    """What is measured of two runs that differ in one setting, and how the second compares with the first."""

    setting: C | P
    measure: Measure
    compares: Callable[[Any, Any], bool]
    value: Value = True
    options: Options = BUSY
    on: Iterable[C] = ()
    others: dict[str, Value] = field(default_factory=dict)

    def results(self) -> tuple[Any, Any]:
        plain, changed = Set(self.on, **self.others), Set(self.on, **self.others)
        if isinstance(self.setting, C):
            changed.on |= {self.setting}
        else:
            changed.values[self.setting.value] = self.value
        return self.measure(self.options, changed), self.measure(self.options, plain)


less, more = operator.lt, operator.gt
UNHINDERED: dict[str, Value] = {"max_bandwidth": 0, "compress_threads": 32}
AUTO = (C.AUTO_CONVERGE,)
CASES = (
    Case(C.XBZRLE, active("ram.transferred"), less, options=HOT, others={"max_bandwidth": 64 * MIB}),
    Case(C.XBZRLE, active("ram.dirty-sync-count"), less, options=HOT, others={"max_bandwidth": 96 * MIB}),
    Case(C.AUTO_CONVERGE, active("ram.dirty-sync-count"), less, options=WILD),
    Case(C.ZERO_BLOCKS, shown("total-time"), less, options=DISKS, on=(C.BLOCK,)),
    Case(C.COMPRESS, shown("ram.transferred"), less),
    Case(C.COMPRESS, shown("total-time"), less, options=Options(workload="zero:0", bandwidth=32 * MIB)),
    Case(C.POSTCOPY_RAM, requests, more),
    Case(C.RELEASE_RAM, zeroes_of_the_next, more, options=Options(workload="zero:0.5"), on=(C.POSTCOPY_RAM,)),
    Case(C.BLOCK, active("disk"), operator.ne, options=DISKS),
    Case(C.BLOCK, shown("total-time"), more, options=DISKS),
    Case(C.RETURN_PATH, shown("downtime"), more, options=Options(latency=0.01)),
    Case(C.MULTIFD, shown("ram.multifd-bytes"), more),
    Case(C.MULTIFD, shown("total-time"), less, options=FAST, others={"max_bandwidth": 0}),
    Case(C.POSTCOPY_BLOCKTIME, blocked, more, on=(C.POSTCOPY_RAM,)),
    Case(C.X_IGNORE_SHARED, shown("ram.total"), less, options=Options(shared=32 * MIB)),
    Case(C.X_IGNORE_SHARED, shown("ram.transferred"), less, options=Options(shared=32 * MIB)),
    Case(P.ANNOUNCE_INITIAL, first_announcement, more, 300),
    Case(P.ANNOUNCE_MAX, last_announcement, less, 60),
    Case(P.ANNOUNCE_ROUNDS, last_announcement, more, 9),
    Case(P.ANNOUNCE_STEP, last_announcement, less, 1),
    Case(P.COMPRESS_LEVEL, shown("ram.transferred"), less, 9, options=Options(), on=(C.COMPRESS,)),
    Case(P.COMPRESS_LEVEL, shown("total-time"), more, 9, options=FAST, on=(C.COMPRESS,)),
    Case(P.COMPRESS_LEVEL, shown("ram.transferred"), more, 0, options=Options(), on=(C.COMPRESS,)),
    Case(P.COMPRESS_THREADS, shown("total-time"), more, 1, options=FAST, on=(C.COMPRESS,)),
    Case(
        P.COMPRESS_WAIT_THREAD,
        shown("compression.busy"),
        more,
        False,
        options=FAST,
        on=(C.COMPRESS,),
        others={"max_bandwidth": 0},
    ),
    Case(P.DECOMPRESS_THREADS, intake, less, 8, options=FAST, on=(C.COMPRESS,), others=UNHINDERED),
    Case(P.THROTTLE_TRIGGER_THRESHOLD, last_throttle, less, 100, options=WILD, on=AUTO),
    Case(P.CPU_THROTTLE_INITIAL, first_throttle, more, 40, options=WILD, on=AUTO),
    Case(P.CPU_THROTTLE_INCREMENT, second_throttle, more, 30, options=WILD, on=AUTO),
    Case(
        P.CPU_THROTTLE_TAILSLOW,
        smallest_step,
        less,
        options=WILD,
        on=AUTO,
        others={"throttle_trigger_threshold": 90},
    ),
    Case(P.MAX_CPU_THROTTLE, last_throttle, less, 30, options=WILD, on=AUTO),
    Case(P.TLS_CREDS, shown("setup-time"), more, "tls0"),
    Case(P.MAX_BANDWIDTH, shown("total-time"), more, 8 * MIB, options=Options()),
    Case(P.MAX_BANDWIDTH, shown("total-time"), less, 0, options=Options()),
    Case(P.DOWNTIME_LIMIT, active("ram.dirty-sync-count"), less, 3000),
    Case(P.DOWNTIME_LIMIT, shown("downtime"), less, 20, options=Options(workload="uniform:20M")),
    Case(P.X_CHECKPOINT_DELAY, checkpoint, less, 500),
    Case(P.MULTIFD_CHANNELS, shown("total-time"), less, 8, options=FAST, on=(C.MULTIFD,), others={"max_bandwidth": 0}),
    Case(P.XBZRLE_CACHE_SIZE, active("xbzrle-cache.pages"), less, MIB, options=HOT, on=(C.XBZRLE,)),
    Case(P.XBZRLE_CACHE_SIZE, active("xbzrle-cache.cache-miss"), more, MIB, options=HOT, on=(C.XBZRLE,)),
    Case(P.MAX_POSTCOPY_BANDWIDTH, postcopy_time, more, 8 * MIB, options=Options(), on=(C.POSTCOPY_RAM,)),
    *(
        Case(
            P.MULTIFD_COMPRESSION,
            shown("total-time"),
            less,
            name.value,
            options=Options(workload="zero:0"),
            on=(C.MULTIFD,),
            others={"max_bandwidth": 16 * MIB},
        )
        for name in (MultiFDCompression.ZLIB, MultiFDCompression.ZSTD)
    ),
    *(
        Case(
            level,
            shown("total-time"),
            more,
            9,
            options=FAST,
            on=(C.MULTIFD,),
            others={"multifd_compression": name.value, "max_bandwidth": 0},
        )
        for level, name in (
            (P.MULTIFD_ZLIB_LEVEL, MultiFDCompression.ZLIB),
            (P.MULTIFD_ZSTD_LEVEL, MultiFDCompression.ZSTD),
        )
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.setting.value}-{case.value}")
def test_a_setting_does_what_the_schema_says(case: Case) -> None:
    changed, plain = case.results()
    assert case.compares(changed, plain), (changed, plain)


def test_every_setting_that_is_heeded_is_compared() -> None:
    heeded = {setting for setting, effect in EFFECTS.items() if effect.part is not Part.NONE}
    assert {case.setting for case in CASES} == heeded


UNHEEDED: dict[P, Value] = {
    P.TLS_HOSTNAME: "host",
    P.TLS_AUTHZ: "authz0",
    P.BLOCK_INCREMENTAL: True,
    P.BLOCK_BITMAP_MAPPING: (NodeAlias("node", "alias"),),
}


@pytest.mark.parametrize("setting", [each for each, effect in EFFECTS.items() if effect.part is Part.NONE])
def test_a_setting_that_nothing_heeds_changes_no_number(setting: C | P) -> None:
    options = Options(workload="uniform:100M", disks=DISKS.disks)
    everything = (C.BLOCK, C.MULTIFD, C.POSTCOPY_RAM, C.POSTCOPY_BLOCKTIME)
    value = UNHEEDED[setting] if isinstance(setting, P) else True
    for measure in (shown("ram"), shown("total-time"), shown("downtime"), active("disk"), postcopy_time, blocked):
        changed, plain = Case(setting, measure, operator.eq, value, options, everything).results()
        assert changed == plain


def test_a_cut_down_bandwidth_shows_in_the_speed() -> None:
    wanted = 10 * MIB
    mbps: Any = precopy(BUSY, Set(max_bandwidth=wanted)).active["ram"]["mbps"]
    assert mbps == pytest.approx(wanted * 8 / 1e6, rel=0.1)


def test_parameters_are_heeded_while_the_migration_runs() -> None:
    settings = Set(max_bandwidth=MIB)
    attempt = Attempt(Options(workload="zero:0"), settings).begin()
    slow = attempt.work.ready(attempt.now)
    settings.values["max-bandwidth"] = 0
    fast = attempt.work.ready(attempt.now)
    assert slow is not None
    assert fast is not None
    assert fast.at < slow.at
