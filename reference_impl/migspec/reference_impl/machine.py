"""One modelled VM process: its state, its threads, its monitors, and the steps that they take.

The machine does no I/O and has no clock.  It is told the time, what clients ask and what the link brings; it takes the
steps that the specification's relation allows and the modelled world opens (`migspec.reference_impl.gates`), in the
order in which a scheduler picks them, and tells its host what comes of them.  It adds no step of its own.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from migspec.reference_impl.amendments import AMENDED, relation_of
from migspec.reference_impl.answers.events import event_of
from migspec.reference_impl.answers.status import Measured
from migspec.reference_impl.answers.words import UNDEFINED, text_of
from migspec.reference_impl.calls import Call, Failure, Reply, Return
from migspec.reference_impl.commands import Commands
from migspec.reference_impl.contents import content
from migspec.reference_impl.contracts import Refused, outcome, possible
from migspec.reference_impl.decisions import DECISIONS, address_of, effect
from migspec.reference_impl.destination import Destination
from migspec.reference_impl.effects import EFFECTS
from migspec.reference_impl.gates import OPENINGS
from migspec.reference_impl.gates.gate import Opening
from migspec.reference_impl.gates.process import STOPPED_AS, TERMINATE, WISHES
from migspec.reference_impl.host import Exit, Host
from migspec.reference_impl.link.messages import Kill, LinkMessage
from migspec.reference_impl.options import Options
from migspec.reference_impl.physics.guest import Guest
from migspec.reference_impl.scheduling import Choice, Deliver, End, Execute, Scheduler, Steady, Take
from migspec.reference_impl.source import Source
from migspec.reference_impl.watcher import Watcher
from migspec.spec.bitmaps import BitmapMapping
from migspec.spec.contracts import Answer, Case, Expect
from migspec.spec.lifecycle.guards import IN_PROGRESS
from migspec.spec.parameters import DEFAULTS, Value
from migspec.spec.requests import Request
from migspec.spec.rows import Row, Thread
from migspec.spec.schema import ABSENT, Absent
from migspec.spec.state import FRESH, VARIABLES, Life, Load, Stage, assign
from migspec.spec.steps import IO, LOOPING, MAIN, NEGOTIATING, SESSION, THREADS, Configuration, Due, Monitor
from migspec.spec.vocabulary import ErrorClass, MigrationParameter, MigrationStatus, RunState

ASIDE: Final = len(THREADS)
"""The place of the thread that measures the dirty rate, after those that owe messages."""
EXIT_TAKES: Final = 0.005
"""Seconds from the end of the main loop to that of the process."""

_FINAL: Final = (MigrationStatus.COMPLETED, MigrationStatus.FAILED, MigrationStatus.CANCELLED)
_ENDS: Final = {Life.DYING: Exit.FAILED, Life.ABORTED: Exit.ABORTED, Life.CRASHED: Exit.CRASHED}
_LEAVING: Final = (Life.DOWN, Life.GONE)
_HOLDING: Final = {"stage": (Thread.MIGRATION, "stage", "outgoing"), "load": (Thread.LISTEN, "load", "incoming")}
"""By the variable whose present value may be held: the thread that is held then, and what no other may change."""
_NOTHING: Final = Request("")
_CACHED: Final = 4096


class Machine(Commands):
    """One VM process."""

    def __init__(self, options: Options, host: Host, *, scheduler: Scheduler | None = None, now: float = 0.0) -> None:
        self.options = options
        self.host = host
        self.now = now
        self.profile = options.profile
        self.guest = Guest(options)
        self.values: Mapping[str, Value] = DEFAULTS
        self.descriptors: dict[str, int] = {}
        self.snapshots: frozenset[str] = frozenset()
        self.exit: Exit | None = None
        """How the process has ended; None while it has not."""
        self.reply_delay = 0.0
        """Seconds for which replies are kept back."""
        self.wishes: set[str] = set()
        """What clients, fault scripts and the guest have asked for; see `wanted`."""
        self.watcher: Watcher | None = None
        """Who looks on, if anybody does."""
        self.turn = 0
        """A number that has grown whenever something may have changed but the time."""
        self.passes = 0
        """The number of the last pass."""
        self.measurement = Measured()
        """The last measurement of the dirty rate that has begun."""
        self.screen = ""
        """What the last line has left on the human monitor's screen."""
        self.ordered_seconds = 0
        """Seconds for which the dirty rate is to be measured next."""
        self._measured_from = 0.0
        self._relation = relation_of(options.profile)
        self._scheduler = scheduler or Steady()
        self._open: dict[int, tuple[tuple[int, Row, Opening], ...]] = {}
        self._rested = [now] * (len(THREADS) + 1)
        self._queues: list[deque[object]] = []
        self._oob_queues: list[deque[object]] = []
        self._replies: dict[int, tuple[object, Reply]] = {}
        self._asking = 0
        self._carried_out: Answer | None = None
        self._trouble = RunState.PAUSED
        self._listened: tuple[Call, str] | None = None
        self.c = Configuration(_beginning(options))
        self.source = Source(self)
        self.destination = Destination(self)
        self.guest.run(self.guest_runs, now)
        if options.incoming not in ("", "defer"):
            fault = self.destination.listen(options.incoming, None)
            if fault:
                self.host.report(f"-incoming {options.incoming}: {fault}")
                self._die(Exit.FAILED)

    # --- what everybody sees of it

    def value(self, variable: str) -> str:
        """The value of a variable of the state."""
        return VARIABLES[variable].of(self.c.state)[0]

    def on(self, capability: str) -> bool:
        """Whether a capability is on."""
        return self.value(f"cap.{capability}") == "yes"

    def capability(self, name: str) -> bool:
        """Whether a capability is on."""
        return self.on(name)

    def parameter(self, name: str) -> Value:
        """The value of a parameter."""
        if name == MigrationParameter.BLOCK_INCREMENTAL:
            return self.value("block-incremental") == "yes"
        return self.values[name]

    def number(self, parameter: str) -> int:
        """The value of a parameter that is a number."""
        value = self.values[parameter]
        return value if isinstance(value, int) else 0

    def mapping(self) -> BitmapMapping | Absent:
        """The value of block-bitmap-mapping."""
        value = self.values[MigrationParameter.BLOCK_BITMAP_MAPPING]
        return value if isinstance(value, tuple) else ABSENT

    @property
    def guest_runs(self) -> bool:
        """Whether the guest runs."""
        return self.value("run") == RunState.RUNNING

    @property
    def in_progress(self) -> bool:
        """Whether an outgoing migration is in progress."""
        return IN_PROGRESS.holds(self.c.state)

    @property
    def state(self) -> int:
        """The state as the monitor sees it whose request is executed, or was last."""
        session = self.c.monitors[self._asking].session if self.c.monitors else NEGOTIATING
        return self.c.state & ~SESSION.field | session

    def rested(self, thread: int) -> float:
        """When a thread took its last step or delivered its last message."""
        return self._rested[thread]

    def wanted(self, wish: str) -> bool:
        """Whether something has been asked for: by a client, by a fault script, or by the guest."""
        return wish in self.wishes

    def measured_until(self) -> float:
        """When the measurement of the dirty rate that is under way ends."""
        return self._measured_from + self.measurement.period

    # --- what comes from outside

    def open_monitor(self) -> int:
        """A client has connected; the number of its monitor."""
        monitor = Monitor(session=NEGOTIATING)
        for index, old in enumerate(self.c.monitors):
            if not old.connected and not self._owes(index):
                self.c = self.c.with_monitor(index, monitor)
                return index
        self.c = self.c._replace(monitors=(*self.c.monitors, monitor))
        self._queues.append(deque())
        self._oob_queues.append(deque())
        return len(self.c.monitors) - 1

    def _owes(self, monitor: int) -> bool:
        return any(isinstance(item, Due) and item.monitor == monitor for owed in self.c.owed for item in owed)

    def close_monitor(self, monitor: int) -> None:
        """The client is gone: what it had asked for and is not begun is forgotten."""
        self.c = self.c.with_monitor(monitor, self.c.monitors[monitor]._replace(connected=False))
        self._queues[monitor].clear()
        self._oob_queues[monitor].clear()

    def submit(self, monitor: int, item: object) -> None:
        """A monitor hands on a call, or input that is only to be answered in its turn, which has a `failure`."""
        oob = isinstance(item, Call) and item.oob
        (self._oob_queues if oob else self._queues)[monitor].append(item)

    def terminate(self) -> None:
        """The process gets a signal to end."""
        self.wishes.add(TERMINATE)

    def kill(self) -> None:
        """The process is killed: it ends at once, whatever it was doing."""
        if self.exit is None:
            self._die(Exit.KILLED)
            if self.watcher is not None:
                self.watcher.looks()

    def kill_peer(self) -> bool:
        """Have the process at the other end of the stream killed; whether there is a stream."""
        return self.source.kill_peer() or self.destination.kill_peer()

    def dialled(self, channel: int) -> None:
        """A channel that was dialled is connected."""
        self.turn += 1
        if not self.source.dialled(channel):
            self.host.hang_up(channel)

    def not_dialled(self, channel: int, text: str) -> None:
        """A channel that was dialled could not be connected."""
        self.source.not_dialled(channel, text)

    def accepted(self, channel: int) -> None:
        """Somebody has connected to the address on which the machine listens."""
        if not self.destination.accepted(channel):
            self.host.hang_up(channel)

    def received(self, channel: int, message: LinkMessage) -> None:
        """A message has come over a channel."""
        self.turn += 1
        if isinstance(message, Kill):
            self.kill()
            return
        if not self.source.received(channel, message):
            self.destination.received(channel, message)

    def garbled(self, channel: int) -> None:
        """Something has come over a channel that is no message."""
        self.destination.garbled(channel)

    def lost(self, channel: int) -> None:
        """A channel is gone, with whatever had been sent on it received."""
        self.turn += 1
        if not self.source.lost(channel):
            self.destination.lost(channel)

    def streams(self, capabilities: Iterable[str]) -> None:
        """The stream that arrives is that of a source with these capabilities on."""
        self.c = self.c.moved(assign(self.c.state, {"stream": _kind_of_stream(frozenset(capabilities))}))

    # --- time and steps

    def advance(self, now: float) -> None:
        """The time is `now`: take every step that is due.

        The time never goes back; an earlier one counts as the present.
        """
        self.now = max(self.now, now)
        if self.source.attempt is not None:
            self.source.attempt.work.advance(self.now)
        if self.watcher is not None:
            self.watcher.looks()
        while self.exit is None:
            self.source.tick()
            self.destination.tick()
            ready = [choice for choice in self.choices() if choice.at <= self.now and self._scheduler.admits(choice)]
            if not ready:
                return
            self.take(self._scheduler.pick(ready))
            if self.watcher is not None:
                self.watcher.looks()

    def due(self) -> float | None:
        """When the machine wants to be advanced next; None if it waits for the outside alone."""
        if self.exit is not None:
            return None
        times = [choice.at for choice in self.choices() if not (isinstance(choice, Take) and choice.rare)]
        watched = None if self.watcher is None else self.watcher.wakes()
        times += [at for at in (self.source.wakes(), self.destination.wakes(), watched) if at is not None]
        return min(times, default=None)

    def choices(self) -> Iterator[Choice]:
        """Everything that the machine may do next, and from when on; what is rare included."""
        c = self.c
        if self.exit is not None:
            return
        for thread, items in enumerate(c.owed):
            if items:
                delay = self.reply_delay if isinstance(items[0], Due) else 0.0
                yield Deliver(self._rested[thread] + delay, thread)
        life = self.value("life")
        if life in _LEAVING and not c.owed[MAIN]:
            yield End(self._rested[MAIN] + EXIT_TAKES)
        for thread, row, opening in self._open_rows():
            if (thread != ASIDE and c.owed[thread]) or self._is_held(row):
                continue
            if self.wishes and f"take:{row.id}" in self.wishes:
                yield Take(self._rested[thread], thread, row)
                continue
            at = opening.gate(self, thread)
            if at is not None:
                yield Take(at, thread, row, opening.rare)
        for monitor, queue in enumerate(self._queues):
            if queue and not c.owed[MAIN] and c.state & LOOPING and not self.wanted("hold:main"):
                yield Execute(self._rested[MAIN], monitor, oob=False)
        for monitor, queue in enumerate(self._oob_queues):
            if queue and not c.owed[IO]:
                yield Execute(self._rested[IO], monitor, oob=True)

    def _is_held(self, row: Row) -> bool:
        if not self.wishes:
            return False
        changed = {name for name, _ in row.then}
        variables = [name for name, parts in _HOLDING.items() if row.thread in parts or changed.intersection(parts)]
        return f"hold:{row.id}" in self.wishes or any(f"hold:{self.value(name)}" in self.wishes for name in variables)

    def open_rows(self) -> Iterator[Row]:
        """The rows that the relation allows now, whatever the modelled world says."""
        return (row for _, row, _ in self._open_rows())

    def _open_rows(self) -> tuple[tuple[int, Row, Opening], ...]:
        state = self.c.state
        found = self._open.get(state)
        if found is None:
            if len(self._open) >= _CACHED:
                self._open.clear()
            relation = self._relation
            rows = [*relation.rows_for(state)]
            rows += [(THREADS.index(row.thread), row) for way in relation.instant.values() for row in way]
            rows += [(ASIDE, row) for row in relation.aside]
            living = self.value("life") not in _ENDS
            found = self._open[state] = tuple(
                (thread, row, OPENINGS[row.id]) for thread, row in rows if living and row.when.holds(state)
            )
        return found

    def take(self, choice: Choice) -> None:
        """Do one of `choices`."""
        match choice:
            case Deliver(_, thread):
                self._rested[thread] = self.now
                self._deliver(thread)
            case Execute(_, monitor, oob):
                self._rested[IO if oob else MAIN] = self.now
                self._execute(monitor, oob=oob)
            case Take(_, thread, row):
                self._rested[thread] = self.now
                self._take(thread, row)
            case End():
                self._die(Exit.QUIT)
        if self.exit is None and self.value("life") in _ENDS:
            self._die(_ENDS[Life(self.value("life"))])

    def _die(self, how: Exit) -> None:
        self.exit = how
        self.host.ended(how)

    # --- rows

    def _take(self, thread: int, row: Row) -> None:
        self.turn += 1
        self.wishes -= {f"take:{row.id}", WISHES.get(row.id, "")}
        self._trouble = STOPPED_AS.get(WISHES.get(row.id, ""), self._trouble)
        if any(event.removeprefix("!").startswith("MIGRATION_PASS") for event in row.emits):
            self.source.pass_begins()
        if ("error-known", ("no", "yes")) in row.then:
            self.source.failed_by()
        if row.id == "incoming.active-to-failed":
            self.destination.fails()
        if thread == ASIDE:
            self._measure(row)
            self._become(self.c.moved(row.after(self.c.state)))
            return
        for step in self._relation.take(self.c, thread, row):
            settled = assign(self._settled(step.after.state, row), AMENDED.get(self.profile, {}).get(row.id, {}))
            self._become(step.after.moved(settled))
            return

    def _settled(self, state: int, row: Row) -> int:
        """`state` with what the row leaves open decided."""
        for name, value in row.then:
            if not isinstance(value, str):
                state = assign(state, {name: self._decided(row, name, value)})
        return state

    def _decided(self, row: Row, variable: str, choices: tuple[str, ...]) -> str:
        if row.id in WISHES and variable == "life":
            # only a guest that shuts itself down takes the process with it
            return Life.DOWN if Life.DOWN in choices else Life.ALIVE
        if row.id == "guest.stops-by-itself" and variable == "run":
            return self._trouble
        if variable == "error-known":
            return "yes" if self.source.error else "no"
        if variable == "run":
            complete = self.destination.arrival.complete
            ran = RunState.PAUSED if complete is None or complete.run == RunState.RUNNING else complete.run
            return ran if ran in choices else RunState.PAUSED
        return choices[-1]

    def _measure(self, row: Row) -> None:
        if row.id == "dirty-rate.begins":
            self._measured_from = self.now
            self.measurement = Measured(start=int(self.now), period=self.ordered_seconds)
        else:
            rate = self.guest.dirty_rate(self._measured_from, self.now)
            self.measurement = replace(self.measurement, rate=rate)

    def _become(self, after: Configuration) -> None:
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
            if outgoing in _FINAL:
                self.source.ended(MigrationStatus(outgoing))
            elif outgoing == MigrationStatus.CANCELLING:
                self.source.shut_stream()

    # --- requests

    def _execute(self, monitor: int, *, oob: bool) -> None:
        queues = self._oob_queues if oob else self._queues
        item = queues[monitor][0]
        if self.watcher is not None and isinstance(item, Call):
            self.watcher.expects(item)
            if self.exit is not None or (self.wanted("hold:main") and not oob):
                return
        queues[monitor].popleft()
        thread = IO if oob else MAIN
        if not isinstance(item, Call):
            due = Due(monitor, Expect(""), _NOTHING, oob)
            self.c = self.c.owing(thread, (due,))
            failure = getattr(item, "failure", Failure(UNDEFINED))
            self._replies[thread] = (item, failure)
            return
        self._asking, self._carried_out = monitor, None
        reply = self.execute(item)
        if self._carried_out is None:
            self._step(item, outcome(self, item))
        if any(isinstance(owed, Due) for owed in self.c.owed[thread]):
            self._replies[thread] = (item, reply)

    def owed_for(self, call: Call) -> tuple[str, ...]:
        """What the thread that executes a call owes, replies aside."""
        return tuple(item for item in self.c.owed[IO if call.oob else MAIN] if isinstance(item, str))

    def carry_out(self, call: Call) -> Return:
        """Execute a call whose refusals do not apply: take the step that its contract says, and do what it asks.

        Raises `Refused` where the contract refuses it after all, with its effects.
        """
        answer = outcome(self, call)
        self._carried_out = answer
        if answer.expect.is_error:
            refused = self.refusal(answer, call)
            self._step(call, answer)
            self._act(answer.case, call, refused.text)
            raise Refused(answer.case, refused)
        self._step(call, answer)
        self._act(answer.case, call, "")
        return Return(content(self, call))

    def _step(self, call: Call, answer: Answer) -> None:
        settled = replace(answer, state=self.resolve(answer.state, call))
        for step in self._relation.answered(self.c, self._asking, call.request, settled, oob=call.oob):
            self._become(step.after)
            return

    def _act(self, case: Case, call: Call, text: str) -> None:
        act = EFFECTS.get(case.id) or EFFECTS.get(call.request.command)
        if act is not None:
            self.turn += 1
            act(self, call, text)

    def decides(self, case: Case, call: Call) -> bool:
        """Whether the modelled world lets a case happen that the specification leaves open."""
        if self.wishes and any(wish.startswith("case:") for wish in self.wishes):
            if f"case:{case.id}" in self.wishes:
                return True
            ways = possible(call.request, self.state, self.profile)
            if not case.final and any(f"case:{answer.case.id}" in self.wishes for answer in ways):
                # another is ordered
                return False
        decide = DECISIONS.get(case.id)
        return decide is None or decide(self, call)

    def refusal(self, answer: Answer, call: Call) -> Failure:
        """The error of an answer that is one, in the words of the host where it has a say."""
        words = answer.expect.words
        error_class = answer.expect.error_class or ErrorClass.GENERIC_ERROR
        if words is None:
            return Failure(UNDEFINED, error_class)
        listens = call.request.incoming is not None and answer.case.id.endswith(".uri")
        said = self.cannot_listen(call) if listens else ""
        reason = self.cannot_write(call) if "filename" in call.given() else ""
        return Failure(
            text_of(words, rule=answer.case.id, state=self.state, given=call.given(), said=said, reason=reason),
            error_class,
        )

    def resolve(self, state: int, call: Call) -> int:
        """`state` with what the answer to a call leaves open decided."""
        for name, variable in VARIABLES.items():
            if (state & variable.field).bit_count() > 1 and name != "session":
                state = assign(state, {name: effect(self, call, name, variable.of(state))})
        return state

    def cannot_listen(self, call: Call) -> str:
        """Why the address of a call cannot be listened on, empty if it can; asking listens, once a call."""
        if self._listened is None or self._listened[0] is not call:
            verdict = call.request.incoming
            address = address_of(call)
            name = address.removeprefix("fd:")
            if verdict is None or not verdict.may_pass:
                fault = refusals[0].text if verdict is not None and (refusals := verdict.refusals) else "no address"
            else:
                fault = self.destination.listen(address, self.descriptors.get(name))
            self._listened = (call, fault)
        return self._listened[1]

    def cannot_write(self, call: Call) -> str:
        """Why the file that a call names cannot be written, empty if it can."""
        return self.host.cannot_write(str(call.given().get("filename", "")))

    # --- messages

    def _deliver(self, thread: int) -> None:
        item, *rest = self.c.owed[thread]
        c = self.c.owing(thread, tuple(rest))
        if isinstance(item, Due):
            self.c = c
            asked, reply = self._replies.pop(thread)
            if c.monitors[item.monitor].connected:
                self.host.reply(item.monitor, asked, reply)
        elif item.startswith("="):
            variable, _, value = item[1:].partition(":")
            self._become(c.moved(assign(c.state, {variable: value})))
        else:
            self.c = c
            self._announce(item)

    def _announce(self, owed: str) -> None:
        if owed.startswith("MIGRATION_PASS"):
            self.passes = 1 if owed.endswith(":1") else self.passes + 1
        name, data = event_of(owed, passes=self.passes)
        if self.watcher is not None:
            self.watcher.hears(name)
        for index, monitor in enumerate(self.c.monitors):
            if monitor.listens:
                self.host.event(index, name, data)


def _beginning(options: Options) -> int:
    """The state of a process that has just started with these options."""
    state = assign(FRESH, {"session": VARIABLES["session"].values, "spice": "yes" if options.spice else "no"})
    if options.stopped:
        state = assign(state, {"autostart": "no", "run": RunState.PRELAUNCH})
    if options.incoming:
        deferred = options.incoming == "defer"
        state = assign(
            state,
            {
                "run": RunState.INMIGRATE,
                "load": Load.DEFERRED if deferred else Load.LISTENING,
                "defer": "yes" if deferred else "no",
                "accepted": "no",
                "has-address": "yes" if not deferred and not options.incoming.startswith(("exec:", "fd:")) else "no",
            },
        )
    return state


def _kind_of_stream(capabilities: frozenset[str]) -> str:
    if "x-colo" in capabilities:
        return "colo"
    return "bitmaps" if "dirty-bitmaps" in capabilities else "plain"
