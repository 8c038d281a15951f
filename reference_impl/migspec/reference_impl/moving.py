"""How a modelled process moves: the rows that it takes, and what of the world follows when the state has changed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from migspec.reference_impl.amendments import AMENDED
from migspec.reference_impl.answers.status import Measured
from migspec.reference_impl.gates import OPENINGS
from migspec.reference_impl.gates.gate import Opening
from migspec.reference_impl.gates.process import BY_CLIENT, RESET, STOPPED_AS, WISHES
from migspec.reference_impl.host import Exit
from migspec.reference_impl.process import Process
from migspec.spec.lifecycle.guards import ENDED_STATUSES
from migspec.spec.rows import Row
from migspec.spec.state import VARIABLES, Life, Load, Stage, assign
from migspec.spec.steps import THREADS, Configuration
from migspec.spec.vocabulary import MigrationCapability, MigrationStatus, RunState

ASIDE: Final = len(THREADS)
"""The place of the thread that measures the dirty rate, after those that owe messages."""

ENDS: Final = {Life.DYING: Exit.FAILED, Life.ABORTED: Exit.ABORTED, Life.CRASHED: Exit.CRASHED}
"""How a process ends that these lives lead to."""

_CACHED: Final = 4096


class Moving(Process):
    """A process that takes rows."""

    def open_rows(self) -> Iterator[Row]:
        """The rows that the relation allows now, whatever the modelled world says."""
        return (row for _, row, _ in self.rows_open())

    def rows_open(self) -> tuple[tuple[int, Row, Opening], ...]:
        """The same, each with its thread and its gate."""
        state = self.c.state
        found = self._open.get(state)
        if found is None:
            if len(self._open) >= _CACHED:
                self._open.clear()
            relation = self._relation
            rows = [*relation.rows_for(state)]
            rows += [(THREADS.index(row.thread), row) for way in relation.instant.values() for row in way]
            rows += [(ASIDE, row) for row in relation.aside]
            living = self.value("life") not in ENDS
            found = self._open[state] = tuple(
                (thread, row, OPENINGS[row.id]) for thread, row in rows if living and row.when.holds(state)
            )
        return found

    def take_row(self, thread: int, row: Row) -> None:
        """Let a thread take a row that is open."""
        self.turn += 1
        if WISHES.get(row.id) == RESET:
            self.resets_itself = BY_CLIENT not in self.wishes
            self.wishes.discard(BY_CLIENT)
        self.wishes -= {f"take:{row.id}", WISHES.get(row.id, "")}
        self.trouble = STOPPED_AS.get(WISHES.get(row.id, ""), self.trouble)
        if any(event.removeprefix("!").startswith("MIGRATION_PASS") for event in row.emits):
            self.source.pass_begins()
        if ("error-known", ("no", "yes")) in row.then:
            self.source.failed_by(sending=row.id == "outgoing.active-to-failed")
        if row.id == "incoming.active-to-failed":
            self.destination.fails()
        if thread == ASIDE:
            self._measure(row)
            self.become(self.c.moved(row.after(self.c.state)))
            return
        for step in self._relation.take(self.c, thread, row):
            settled = assign(self._settled(step.after.state, row), AMENDED.get(self.profile, {}).get(row.id, {}))
            self.become(step.after.moved(settled))
            return

    def _settled(self, state: int, row: Row) -> int:
        """`state` with what the row leaves open decided."""
        for name, value in row.then:
            if not isinstance(value, str):
                state = assign(state, {name: self._decided(row, name, value)})
        return state

    def _decided(self, row: Row, variable: str, choices: tuple[str, ...]) -> str:
        wanted = _OUTCOMES[variable](self, row, choices)
        return wanted if wanted in choices else choices[0]

    def _measure(self, row: Row) -> None:
        if row.id == "dirty-rate.begins":
            self._measured_from = self.now
            self.measurement = Measured(start=int(self.now), period=self.ordered_seconds)
        else:
            rate = self.guest.dirty_rate(self._measured_from, self.now)
            self.measurement = replace(self.measurement, rate=rate)

    def become(self, after: Configuration) -> None:
        """Go on as `after`, and let the world follow."""
        before, self.c = self.c.state, after
        if before != after.state:
            self.turn += 1
            self._follow(before)

    def _follow(self, before: int) -> None:
        was = {name: VARIABLES[name].of(before)[0] for name in ("run", "outgoing", "stage", "load")}
        run, outgoing = self.value("run"), self.value("outgoing")
        if run != was["run"]:
            if run == RunState.FINISH_MIGRATE:
                self.source.stops_guest(RunState(was["run"]))
            self.guest.run(self.guest_runs, self.now)
        if self.value("stage") != was["stage"]:
            self.source.moved(Stage(was["stage"]), Stage(self.value("stage")))
        if self.value("load") != was["load"]:
            self.destination.moved(Load(was["load"]), Load(self.value("load")))
        if outgoing != was["outgoing"]:
            if outgoing in ENDED_STATUSES:
                self.source.ended(MigrationStatus(outgoing))
            elif outgoing == MigrationStatus.CANCELLING:
                self.source.shut_stream()


Outcome = Callable[[Moving, Row, tuple[str, ...]], str]
"""What a row that leaves a variable open comes to, of several choices."""


def _life(process: Moving, row: Row, choices: tuple[str, ...]) -> str:
    if row.id in WISHES:
        # only a guest that shuts itself down takes the process with it
        return Life.DOWN if Life.DOWN in choices else Life.ALIVE
    # without its channels it reads what is not there; without its threads it asserts that they are
    late_channels = row.id == "incoming.late-capability-crashes" and process.capability(MigrationCapability.MULTIFD)
    return Life.CRASHED if late_channels else choices[0]


def _run(process: Moving, row: Row, _choices: tuple[str, ...]) -> str:
    if row.id == "guest.stops-by-itself":
        return process.trouble
    complete = process.destination.arrival.complete
    ran = RunState.PAUSED if complete is None else complete.run
    return RunState.PAUSED if ran == RunState.RUNNING else ran


def _error_known(process: Moving, _row: Row, _choices: tuple[str, ...]) -> str:
    return "yes" if process.source.error else "no"


_OUTCOMES: Final[Mapping[str, Outcome]] = {"life": _life, "run": _run, "error-known": _error_known}
"""What is decided of a variable that a row leaves open."""
