"""What is judged of one VM beside the automaton: the values of parameters, the numbers of query-migrate, dirty rates.

Values would multiply the states of the automaton and are never in them. Each of the three keeps what it needs by
itself; this module tells them what the VM is asked and answers, and when nothing is certain any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from migspec.spec.commands.dirty_rate import CALC, QUERY
from migspec.spec.requests import Request
from migspec.spec.rows import SEED
from migspec.traces.dirty_rates import DirtyRates
from migspec.traces.findings import Grade
from migspec.traces.messages import Message, decode_any
from migspec.traces.numbers import Numbers, Series
from migspec.traces.observations import Reply
from migspec.traces.pairing import Track
from migspec.traces.settings import NOBODY, READERS, WRITERS, Settings, Span

Find = Callable[[int, str, Grade, str], None]
"""Is told of a finding: the line, the rule, the grade and what is wrong."""

Exercise = Callable[[int, str], None]
"""Is told of a line and a rule that it exercised."""


class Beside:
    """The values of one VM, whose monitors are `tracks`."""

    def __init__(
        self,
        profile: str,
        tracks: Mapping[str, Track],
        find: Find,
        exercise: Exercise,
        *,
        other_clients: bool,
    ) -> None:
        self._tracks = tracks
        self._find = find
        self._exercise = exercise
        self._settings = Settings(profile, exercise, trusting=not other_clients)
        self._dirty_rates = None if other_clients or profile == SEED else DirtyRates()
        self.numbers = Numbers(profile, self._wrong_number, other_clients=other_clients, value=self._value)

    def monitor(self, number: int, index: int, *, late: bool) -> Series:
        """A monitor appears, which may be older than the trace; its series of numbers."""
        self.numbers.forget(number)
        if late:
            self._settings.late(index)
        return self.numbers.series()

    def gap(self, number: int) -> None:
        """Messages may be missing: nothing is known any more."""
        self.numbers.forget(number)
        self._settings.forget()
        self._forget_dirty_rates()

    def ended(self, number: int) -> None:
        """A connection has ended."""
        self.numbers.forget(number)

    def greeted(self, number: int, *, restarted: bool, unwatched_since: int | None) -> None:
        """A connection begins: to another process, or to one that was not watched since a line."""
        self.numbers.forget(number, restarted=restarted)
        if restarted:
            self._settings.forget()
        if unwatched_since is not None:
            self._settings.unwatched(unwatched_since, number)
        self._forget_dirty_rates()

    def asked(self, number: int, index: int, request: Request, arguments: bytes) -> None:
        """A request was made on a monitor."""
        self.numbers.asked(number, request)
        if request.sent_as in WRITERS and request.may_pass:
            self._settings.asked(index, number, request.sent_as, arguments)
        if self._dirty_rates is not None:
            self._dirty_rates.asked(index, request)

    def answered(self, number: int, request: Request, *, success: bool) -> None:
        """A request was answered; without `success` also one that was never read, or whose reply is missing."""
        self.numbers.answered(number, request, success=success)

    def replied(self, span: Span, request: Request, message: Message, reply: Reply) -> None:
        """Judge a reply that fits the schema; `span` lies between its request and itself."""
        command = request.sent_as
        if reply.settings is not None:
            self.numbers.listed(span.sent, reply.settings)
        if command in (CALC, QUERY):
            self._dirty_rate(span.answered, request, message)
        if command in WRITERS or command in READERS:
            self._setting(span, command, message)

    def exercised(self) -> tuple[Counter[str], Mapping[str, int]]:
        """How many answers were held against each relation of numbers, and the line of the first."""
        return self.numbers.exercised()

    def _dirty_rate(self, number: int, request: Request, message: Message) -> None:
        """Hold the times of a measurement against what was asked for."""
        if self._dirty_rates is None:
            return
        returned = None if message.error is not None else decode_any(message.returned)
        if isinstance(returned, dict):
            for rule in self._dirty_rates.rules(returned):
                self._exercise(number, rule)
        for rule, told in self._dirty_rates.answered(request, returned):
            self._find(number, rule, Grade.VIOLATION, f"The reply to {request.command} is wrong: {told}.")

    def _setting(self, span: Span, command: str, message: Message) -> None:
        """Hold a reply to a command that sets or reads parameters against the values that are known."""
        number = span.answered
        tracks = self._tracks.values()
        self._settings.caught_up((track.index for track in tracks if track.greeted or track.matched), number)
        oldest = min((track.pending[0].line for track in tracks if track.pending), default=number)
        faults = list(self._settings.answered(span, command, message, oldest))
        for rule in dict.fromkeys(fault.rule for fault in faults if fault.defect):
            self._exercise(number, rule)
        for fault in faults:
            self._find(number, fault.rule, Grade.DEFECT if fault.defect else Grade.VIOLATION, fault.told)

    def _forget_dirty_rates(self) -> None:
        if self._dirty_rates is not None:
            self._dirty_rates.forget()

    def _value(self, name: str, asked: int, line: int) -> int | None:
        value = self._settings.certain(name, Span(NOBODY, asked, line))
        return value if isinstance(value, int) else None

    def _wrong_number(self, number: int, rule: str, told: str) -> None:
        self._find(number, rule, Grade.VIOLATION, told)
