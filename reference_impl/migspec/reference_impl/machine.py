"""One modelled VM process: its state, its threads, its monitors, and the steps that they take.

The machine does no I/O and has no clock.  It is told the time, what clients ask and what the link brings; it takes the
steps that the specification's relation allows and the modelled world opens (`migspec.reference_impl.gates`), in the
order in which a scheduler picks them, and tells its host what comes of them.  It adds no step of its own.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

from migspec.reference_impl.answering import Answering
from migspec.reference_impl.calls import Call, Item, Reply
from migspec.reference_impl.contracts import outcome
from migspec.reference_impl.gates.gate import A_MOMENT
from migspec.reference_impl.gates.process import TERMINATE
from migspec.reference_impl.host import Exit, Host
from migspec.reference_impl.link.messages import Kill, LinkMessage
from migspec.reference_impl.moving import ASIDE, ENDS, Moving
from migspec.reference_impl.options import Options
from migspec.reference_impl.scheduling import Choice, Deliver, End, Execute, Scheduler, Steady, Take
from migspec.spec import uri
from migspec.spec.contracts import Expect
from migspec.spec.events import NEGOTIATED, event_of
from migspec.spec.requests import Request
from migspec.spec.rows import Row, Thread
from migspec.spec.state import Life, assign
from migspec.spec.steps import IO, LIFE, LOOPING, MAIN, NEGOTIATING, THREADS, Due, Monitor

EXIT_TAKES: Final = 0.005
"""Seconds from the end of the main loop to that of the process."""

_LEAVING: Final = LIFE.bits((Life.DOWN, Life.GONE))
_HOLDING: Final = {"stage": (Thread.MIGRATION, "stage", "outgoing"), "load": (Thread.LISTEN, "load", "incoming")}
"""By the variable whose present value may be held: the thread that is held then, and what no other may change."""
_NOTHING: Final = Request("")


class Machine(Answering, Moving):
    """One VM process."""

    def __init__(self, options: Options, host: Host, *, scheduler: Scheduler | None = None, now: float = 0.0) -> None:
        super().__init__(options, host, now)
        self._queues: list[deque[Item]] = []
        self._oob_queues: list[deque[Item]] = []
        self._replies: dict[int, tuple[Item, Reply]] = {}
        self._instant = frozenset(row.id for rows in self._relation.instant.values() for row in rows)
        self._active = [now] * (len(THREADS) + 1)
        self._foreseen: tuple[tuple[float, int], list[Take]] | None = None
        self._scheduler = scheduler or Steady()
        if options.incoming not in ("", "defer"):
            verdict = uri.incoming(options.incoming, deferred=False)
            malformed = not verdict.may_pass
            fault = verdict.refusals[0].text if malformed else self.destination.listen(options.incoming, None)
            if fault:
                self.host.report(f"-incoming {options.incoming}: {fault}")
                self._die(Exit.FAILED)

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
        """The client is gone: what it had asked for and is not begun is forgotten, and so are its descriptors."""
        self.c = self.c.with_monitor(monitor, self.c.monitors[monitor]._replace(connected=False))
        self._queues[monitor].clear()
        self._oob_queues[monitor].clear()
        for key in [key for key in self.descriptors if key[0] == monitor]:
            del self.descriptors[key]

    def submit(self, monitor: int, item: Item) -> None:
        """A monitor hands on a call, or input that is only to be answered in its turn."""
        (self._oob_queues if item.oob else self._queues)[monitor].append(item)

    def terminate(self) -> None:
        """The process gets a signal to end."""
        self.wish(TERMINATE)

    def wish(self, wish: str) -> None:
        """Ask for something that a row then does; see `wanted`."""
        self.turn += 1
        self.wishes.add(wish)

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
        self.turn += 1
        self.source.not_dialled(channel, text)

    def accepted(self, channel: int) -> None:
        """Somebody has connected to the address on which the machine listens."""
        self.turn += 1
        if not self.destination.accepted(channel):
            self.host.hang_up(channel)

    def received(self, channel: int, message: LinkMessage) -> None:
        """A message has come over a channel."""
        self.turn += 1
        if isinstance(message, Kill) and (self.source.heeds(channel) or self.destination.heeds(channel)):
            self.kill()
            return
        if not self.source.received(channel, message):
            self.destination.received(channel, message)

    def garbled(self, channel: int) -> None:
        """Something has come over a channel that is no message."""
        self.turn += 1
        if not self.source.garbled(channel):
            self.destination.garbled(channel)

    def lost(self, channel: int) -> None:
        """A channel is gone, with whatever had been sent on it received."""
        self.turn += 1
        if not self.source.lost(channel):
            self.destination.lost(channel)

    # --- time and steps

    def advance(self, now: float) -> None:
        """The time is `now`: take every step that is due.

        The time never goes back; an earlier one counts as the present.
        """
        self.now = max(self.now, now)
        self._foreseen = None
        if self.source.attempt is not None:
            self.source.attempt.work.advance(self.now)
        if self.watcher is not None:
            self.watcher.looks()
        ticked = -1
        while self.exit is None:
            if ticked != self.turn:
                ticked = self.turn
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
                yield Deliver(self._active[thread] + delay, thread)
        if c.state & _LEAVING and not c.owed[MAIN]:
            yield End(self._rested[MAIN] + EXIT_TAKES)
        for take in self._takes():
            if take.thread == ASIDE or not c.owed[take.thread]:
                yield take
        for monitor, queue in enumerate(self._queues):
            if queue and not c.owed[MAIN] and c.state & LOOPING and not self.wanted("hold:main"):
                yield Execute(self._active[MAIN], monitor, oob=False)
        for monitor, queue in enumerate(self._oob_queues):
            if queue and not c.owed[IO]:
                yield Execute(self._active[IO], monitor, oob=True)

    def _takes(self) -> list[Take]:
        """The rows that may be taken by threads that owe nothing."""
        # polls change none of them, so they are asked about once a moment
        moment = (self.now, self.turn)
        if self._foreseen is None or self._foreseen[0] != moment or self.watcher is not None:
            self._foreseen = (moment, list(self._ask_gates()))
        return self._foreseen[1]

    def _ask_gates(self) -> Iterator[Take]:
        for thread, row, opening in self.rows_open():
            if self._is_held(row):
                continue
            if self.wishes and f"take:{row.id}" in self.wishes:
                # what is ordered comes before what is due anyway
                yield Take(self._rested[thread] - A_MOMENT, thread, row)
                continue
            at = opening.gate(self, thread)
            if at is not None:
                yield Take(at, thread, row, opening.rare)

    def _is_held(self, row: Row) -> bool:
        if not self.wishes:
            return False
        changed = {name for name, _ in row.then}
        variables = [name for name, parts in _HOLDING.items() if row.thread in parts or changed.intersection(parts)]
        return f"hold:{row.id}" in self.wishes or any(f"hold:{self.value(name)}" in self.wishes for name in variables)

    def take(self, choice: Choice) -> None:
        """Do one of `choices`."""
        match choice:
            case Deliver(_, thread):
                if not isinstance(self.c.owed[thread][0], Due):
                    self._has_moved(thread)
                self._active[thread] = self.now
                self._deliver(thread)
            case Execute(_, monitor, oob):
                thread, turn = IO if oob else MAIN, self.turn
                self._active[thread] = self.now
                self._execute(monitor, oob=oob)
                if self.turn != turn:
                    self._has_moved(thread)
            case Take(_, thread, row):
                self._has_moved(thread)
                self.take_row(thread, row)
                if row.id in self._instant:
                    # what a guest does of itself shows at once
                    while self.c.owed[thread]:
                        self._deliver(thread)
            case End():
                self._die(Exit.QUIT)
        if self.exit is None and self.value("life") in ENDS:
            self._die(ENDS[Life(self.value("life"))])

    def _has_moved(self, thread: int) -> None:
        # what a thread only answers does not keep it from its own next step, or polls would
        self.turn += 1
        self._rested[thread] = self._active[thread] = self.now

    def _die(self, how: Exit) -> None:
        self.exit = how
        self.host.ended(how)

    # --- messages

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
            self._replies[thread] = (item, item.failure)
            return
        self.asking, self.carried_out = monitor, None
        reply = self.execute(item)
        if self.carried_out is None:
            self.answer_with(item, outcome(self, item))
        if any(isinstance(owed, Due) for owed in self.c.owed[thread]):
            self._replies[thread] = (item, reply)

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
            self.become(c.moved(assign(c.state, {variable: value})))
        else:
            self.c = c
            self._announce(item)

    def _announce(self, owed: str) -> None:
        if owed.startswith("MIGRATION_PASS"):
            self.passes = 1 if owed.endswith(":1") else self.passes + 1
        if owed == "RESUME" and self.options.failover and not self.stands_by:
            self._negotiate(owed)
            return
        self._send(owed)

    def _negotiate(self, owed: str) -> None:
        """Let a guest with a failover pair accept it, when it first runs; one that arrives has done so where it was."""
        self.stands_by = True
        for event in (NEGOTIATED, owed) if self.options.incoming else (owed, NEGOTIATED):
            self._send(event)

    def _send(self, owed: str) -> None:
        name, data = event_of(owed, passes=self.passes, by_guest=self.resets_itself)
        if self.watcher is not None:
            self.watcher.hears(name)
        for index, monitor in enumerate(self.c.monitors):
            if monitor.listens:
                self.host.event(index, name, data)
