"""What the tests of physics share: settings to hand, a judge of numbers, and migrations played to their end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from migspec.reference_impl.options import Options
from migspec.reference_impl.physics import Guest, OutgoingWork, Ready, What
from migspec.spec.numbers import RELATIONS
from migspec.spec.numbers.formula import PARAMETER, PASSES, Formula, Holds, broken, compiled
from migspec.spec.numbers.relation import OPTIONAL, UNFINISHED, History, Relation, Situation, applying
from migspec.spec.parameters import DEFAULTS, Value
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.schema.validate import validate
from migspec.spec.state import Stage
from migspec.spec.vocabulary import MigrationCapability, MigrationParameter
from migspec.spec.vocabulary import MigrationStatus as Status

START = 1000.0
MOST_PASSES = 60
Json = dict[str, Any]


READ = frozenset(mention.path for relation in RELATIONS for mention in relation.formula.of(PARAMETER))

COUNTED = tuple(
    name
    for name in MigrationCapability
    if name.value in {*OPTIONAL.values(), *(counted for relation in RELATIONS for counted, _ in relation.capabilities)}
)


class Set:
    """Settings that a test changes as it likes: capabilities that are on, and parameters other than the defaults."""

    def __init__(self, on: Iterable[MigrationCapability] = (), **parameters: Value) -> None:
        self.on = set(on)
        self.values: dict[str, Value] = {**DEFAULTS, **{_wire(name): value for name, value in parameters.items()}}

    def capability(self, name: MigrationCapability) -> bool:
        return name in self.on

    def parameter(self, name: MigrationParameter) -> Value:
        return self.values[name.value]


def _wire(name: str) -> str:
    return name.replace("_", "-")


def typed(value: Any) -> Any:
    """An answer as formulas read it: an attribute for each member."""
    if isinstance(value, dict):
        return SimpleNamespace(**{name.replace("-", "_"): typed(member) for name, member in value.items()})
    return value


@lru_cache(maxsize=4096)
def _applying(situation: Situation) -> tuple[Relation, ...]:
    return applying(RELATIONS, situation)


@lru_cache(maxsize=4096)
def _holds(formula: Formula, optional: frozenset[str]) -> Holds:
    return compiled((formula,), optional)


class Judge:
    """Holds each answer, and the one before it, against every relation that applies; and against the schema."""

    def __init__(self, settings: Set, work: OutgoingWork, *, first: bool = True) -> None:
        self.settings = settings
        self.work = work
        self.passes = 0
        self.history = {History.BEGUN, History.STEADY} | ({History.FIRST} if first else set())
        self.before: tuple[Status, Json] | None = None
        self.recovered = False
        self.held: set[str] = set()
        self.shape: object = None
        self.asked = 0

    def changed(self) -> None:
        """A parameter was set."""
        self.before = None
        self.history.discard(History.STEADY)

    def ask(self, status: Status, now: float) -> Json:
        """What is shown with a status, judged."""
        info = {"status": status.value, **self.work.statistics(status, now)}
        shape = (status, frozenset(info))
        if shape != self.shape or self.asked % 8 == 0:
            # between two of these only the numbers change, and not their type
            assert list(validate(info, SCHEMA.structs["MigrationInfo"], SCHEMA)) == []
        self.shape, self.asked = shape, self.asked + 1
        members = frozenset(info) - {"status"}
        capabilities = frozenset((name.value, self.settings.capability(name)) for name in COUNTED)
        parameters = {name: value for name, value in self.settings.values.items() if name in READ}
        before = self.before
        if before is not None and before[0] is Status.COMPLETED is not status:
            before = None
        situation = Situation(
            QEMU_5_2_0,
            status.value,
            members,
            before[0].value if before else None,
            frozenset(before[1]) - {"status"} if before else frozenset(),
            self.recovered,
            capabilities if status in UNFINISHED or status is Status.COMPLETED else frozenset(),
            frozenset(self.history),
            frozenset({PASSES, *parameters}),
        )
        seen = SimpleNamespace(passes_asked=self.passes, passes_seen=self.passes, parameters=parameters)
        answer, last = typed(info), typed(before[1]) if before else None
        optional = members & set(OPTIONAL)
        relations = _applying(situation)
        self.held.update(relation.id for relation in relations)
        for relation in relations:
            if not _holds(relation.formula, optional)(answer, last, seen):
                raise AssertionError(relation.id, broken(relation.formula, optional, answer, last, seen))
        self.before = (status, info) if "ram" in info else None
        self.recovered = False
        return info


class Attempt:
    """One migration, played in order; `watch` is called with the status at every event and between events."""

    def __init__(
        self,
        options: Options,
        settings: Set,
        *,
        guest: Guest | None = None,
        piped: bool = False,
        before: float = 1.0,
        watch: Callable[[Attempt, Status], None] | None = None,
    ) -> None:
        self.options = options
        self.now = START
        self.guest = guest or Guest(options)
        self.guest.run(not options.stopped, self.now)
        self.now += before
        self.steps = 0
        self.passes = 0
        self.watch = watch
        self.work = OutgoingWork(self.guest, settings, options, self.now, piped=piped)
        self.settings = settings
        self.now += 0.002
        self.active: Json = {}

    def until(self) -> Ready:
        """Go to where something is ready, which it must ever be here."""
        ready = self.work.ready(self.now)
        assert ready is not None
        assert ready.at >= self.now
        self.now = ready.at
        self.steps += 1
        return ready

    def look(self, status: Status) -> None:
        if self.watch is not None:
            self.watch(self, status)

    def enter(self, *stages: Stage, status: Status) -> None:
        """Enter stages, each when the one before is done."""
        for place, stage in enumerate(stages):
            if place:
                assert self.until().what is What.NEXT
            self.work.entered(stage, self.now)
            if stage in (Stage.STOPPED, Stage.POSTCOPY_STOPPED, Stage.COLO_STOPPED):
                self.guest.run(False, self.now)
            self.look(status)

    def collect(self) -> None:
        self.passes = self.work.passed(self.now)

    def begin(self) -> Attempt:
        """From the connection to the first page."""
        self.work.entered(Stage.SETTING_UP, self.now)
        self.look(Status.CANCELLING)
        self.until()
        self.collect()
        self.enter(Stage.SET_UP, Stage.ITERATING, status=Status.CANCELLING)
        self.look(Status.ACTIVE)
        return self

    def iterate(self, most: int = MOST_PASSES, seconds: float = float("inf")) -> Attempt:
        """Pass after pass until the rest fits, or that many were made, or so long."""
        until = self.now + seconds
        while self.passes < most:
            ready = self.work.ready(self.now)
            if ready is None or ready.at > until:
                self.now = min(until, self.now + 60)
                break
            between, self.now = (self.now + ready.at) / 2, ready.at
            if self.watch is not None:
                self.now, later = between, self.now
                self.look(Status.ACTIVE)
                self.now = later
            self.steps += 1
            self.look(Status.ACTIVE)
            if ready.what is What.CONVERGED:
                break
            assert ready.what is What.PASS
            self.collect()
            self.look(Status.ACTIVE)
        self.active = self.work.statistics(Status.ACTIVE, self.now)
        return self

    def complete(self) -> Json:
        """The switch-over of a precopy; what is shown of it in the end."""
        self.enter(Stage.COMMITTED, Stage.STOPPED, Stage.SAVING, status=Status.ACTIVE)
        self.until()
        self.collect()
        self.enter(Stage.SAVED, status=Status.ACTIVE)
        return self.finish()

    def finish(self) -> Json:
        self.until()
        self.work.ended(Status.COMPLETED, self.now)
        self.enter(Stage.ENDING, Stage.CLEANING, status=Status.COMPLETED)
        return self.work.statistics(Status.COMPLETED, self.now)

    def switch(self) -> Attempt:
        """The switch to postcopy."""
        self.enter(Stage.SWITCHING, Stage.POSTCOPY_STOPPING, status=Status.ACTIVE)
        self.until()
        self.enter(Stage.POSTCOPY_STOPPED, Stage.POSTCOPY_SAVING, status=Status.POSTCOPY_ACTIVE)
        self.until()
        self.collect()
        self.enter(Stage.ITERATING, status=Status.POSTCOPY_ACTIVE)
        return self


def precopy(options: Options, settings: Set, **how: Any) -> Attempt:
    """A precopy that has converged, or made as many passes as tests have time for."""
    return Attempt(options, settings, **how).begin().iterate()
