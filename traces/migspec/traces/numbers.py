"""Judging the numbers of query-migrate, beside the automaton, whose states have none.

Each monitor has a `Series`: its answers, of which only the last is kept. Two answers are compared only if both are of
one attempt for certain, and what is known of the attempt counts only where the trace has shown it: capabilities are
those that were set or listed, or that an answer shows by its members. The relations of a situation are one function.
A monitor that is polled keeps it from answer to answer, until something happens that may change the situation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from migspec.spec.commands.queries import TORN, is_torn
from migspec.spec.numbers import RELATIONS
from migspec.spec.numbers.disturbances import Influence, influence_of
from migspec.spec.numbers.formula import PARAMETER, PASSES, Holds, broken, compiled
from migspec.spec.numbers.relation import OPTIONAL, UNFINISHED, History, Relation, Situation, applying
from migspec.spec.requests import Request
from migspec.spec.rules import RULES
from migspec.spec.uri import UriKind
from migspec.spec.vocabulary import MigrationStatus

MOST_TOLD = 20
"""How often one relation is reported of one VM; whoever breaks it in every answer need not be told a million times."""

Value = Callable[[str, int, int], int | None]
"""A parameter that is in force all the time between two lines, by its name; None where that is not certain."""

_READ: tuple[str, ...] = tuple(
    sorted({mention.path for relation in RELATIONS for mention in relation.formula.of(PARAMETER)})
)
"""The parameters that relations read."""

_COUNTED: frozenset[str] = frozenset(name for relation in RELATIONS for name, _ in relation.capabilities) | frozenset(
    OPTIONAL.values()
)
"""The capabilities that they ask for."""


_MAY_LACK: frozenset[str] = frozenset(OPTIONAL)


def unknown(name: str, asked: int, line: int) -> int | None:
    """The value of a parameter of which nothing is known."""
    del name, asked, line
    return None


class Answers:
    """What answers to query-migrate of one kind have in common for their numbers: the status and the members.

    `check` is what the next answer of the kind has to meet if nothing happens before it. Of one that `is_torn` the
    numbers are of no one moment.
    """

    __slots__ = ("check", "is_torn", "members", "status")

    def __init__(self, status: str | None, members: Iterable[str]) -> None:
        self.status = status
        self.members = frozenset(members)
        self.is_torn = is_torn(status, self.members)
        self.check: Check | None = None


class Check:
    """The relations of one situation as one function, how many answers were held against them, and since which line."""

    __slots__ = ("count", "holds", "line", "relations")

    def __init__(self, relations: tuple[Relation, ...], holds: Holds) -> None:
        self.relations = relations
        self.holds = holds
        self.count = 0
        self.line = 0


class _Around(NamedTuple):
    """What is known of an attempt beside its answers: its capabilities, what was seen of it, and parameters."""

    capabilities: frozenset[tuple[str, bool]]
    history: frozenset[History]
    inputs: frozenset[str]


class Series:
    """The answers on one monitor: the last one with its kind, and what formulas read beside it.

    `recovered` tells that a recovery may lie between the last answer and the next.
    """

    __slots__ = ("before", "counts", "kind", "parameters", "pass_line", "passes_asked", "passes_seen", "recovered")

    def __init__(self) -> None:
        self.before: Any = None
        self.kind: Answers | None = None
        self.recovered = False
        self.counts = False
        """Whether the first pass of the attempt was seen, and so all."""
        self.pass_line = 0
        self.passes_asked = 0
        self.passes_seen = 0
        self.parameters: Mapping[str, int] = {}

    def forget(self) -> None:
        """Compare nothing that follows with anything so far."""
        self.before = None
        self.recovered = False
        if self.kind is not None:
            self.kind.check = None

    def passed(self, number: int, line: int, *, asking: bool) -> None:
        """The monitor has shown a pass; `asking` tells whether queries on it are open, which may be from before."""
        if number == 1:
            self.counts, self.passes_asked = True, 0
        self.passes_seen = number
        self.pass_line = line
        if not asking and self.counts and number > 1:
            self.passes_asked = number
        elif self.kind is not None:
            self.kind.check = None


class Numbers:
    """The numbers of one VM, judged by a profile.

    `report` is told of each relation that an answer breaks: the line, the rule's id, and what is wrong.
    """

    def __init__(
        self,
        profile: str,
        report: Callable[[int, str, str], None],
        *,
        other_clients: bool = False,
        value: Value = unknown,
    ) -> None:
        self._profile = profile
        self._report = report
        self._tears = profile in RULES[TORN].profiles
        self._alone = not other_clients
        self._value = value
        self._series: list[Series] = []
        self._checks: dict[tuple[Answers, Answers | None, bool, bool, _Around | None], Check] = {}
        self._around: _Around | None = None
        self._parameters: Mapping[str, int] = {}
        self._told: Counter[str] = Counter()
        self._known: dict[str, bool] = {}
        self._open: dict[Influence, int] = dict.fromkeys(Influence, 0)
        self._lost = False
        self._disturbed = 0
        self._recovered = 0
        self._attempts: int | None = None
        self._capabilities: dict[str, bool] = {}
        self._history: frozenset[History] = frozenset()

    def series(self) -> Series:
        """The series of one more monitor."""
        self._series.append(Series())
        return self._series[-1]

    # ---- what happens between answers ----

    def asked(self, line: int, request: Request) -> None:
        """A request was made."""
        influence = influence_of(request)
        if influence is not Influence.NONE:
            self._open[influence] += 1
            self._touch(line, influence, request)

    def answered(self, line: int, request: Request, *, success: bool) -> None:
        """A request was answered, or is known not to be executed any more."""
        influence = influence_of(request)
        if request.command == "query-migrate-parameters":
            self._around = None
        if influence is Influence.NONE:
            return
        self._open[influence] = max(0, self._open[influence] - 1)
        self._touch(line, influence, request)
        if influence is Influence.BEGINS and success and not self._open[influence]:
            self._begin(request)
        elif influence is Influence.BEGINS:
            self._attempts = None
        elif influence is Influence.CAPABILITIES and success and not self._open[influence]:
            self._known.update(request.capabilities)

    def listed(self, asked: int, settings: Iterable[tuple[str, bool]]) -> None:
        """The capabilities were listed, in answer to a request of the line `asked`."""
        if asked > self._disturbed and self._is_calm:
            self._known.update(settings)
            # those of an attempt that is under way are seen in its next answer
            self._capabilities = {}

    def disturbed(self, line: int) -> None:
        """Something happened of itself after which answers cannot be compared with those before."""
        self._touch(line, Influence.OTHER, None)

    def forget(self, line: int, *, restarted: bool = False) -> None:
        """Nothing that was known is certain any more; `restarted` tells that another process answers now."""
        # what was asked may still be executed unseen
        self._lost = not restarted and (self._lost or any(self._open.values()))
        self._open = dict.fromkeys(Influence, 0)
        self._known.clear()
        self._attempts = None
        self._end_attempt()
        self._touch(line, Influence.OTHER, None)

    def _touch(self, line: int, influence: Influence, request: Request | None) -> None:
        if influence is Influence.RESUMES:
            self._recovered = line
            for series in self._series:
                series.recovered = True
                if series.kind is not None:
                    series.kind.check = None
            return
        self._disturbed = line
        self._around = None
        for series in self._series:
            series.forget()
        if influence is Influence.BEGINS:
            self._end_attempt()
        elif influence is Influence.PARAMETERS:
            self._history -= {History.STEADY}
        if request is not None and influence is Influence.CAPABILITIES:
            for name, _ in request.capabilities:
                self._known.pop(name, None)
        if request is not None and request.monitor_command:
            self._known.clear()

    def _end_attempt(self) -> None:
        self._history = frozenset()
        self._capabilities = {}
        for series in self._series:
            series.counts = False

    def _begin(self, request: Request) -> None:
        attempts, self._attempts = self._attempts, None
        if request.monitor_command or request.outgoing is None or request.outgoing.kind is UriKind.RDMA:
            return
        self._history = frozenset({History.BEGUN, History.STEADY})
        if attempts == 0:
            self._history |= {History.FIRST}

    @property
    def _is_calm(self) -> bool:
        """Whether nothing is under way that may change what the numbers are about."""
        return self._alone and not self._lost and not any(self._open.values())

    # ---- answers ----

    def judge(self, line: int, series: Series, kind: Answers, info: Any, asked: int) -> None:
        """Judge an answer to the request of the line `asked`, and find out what the next one has to meet."""
        if kind.is_torn and self._tears:
            series.forget()
            return
        if asked > series.pass_line:
            series.passes_asked = series.passes_seen
        calm = asked > self._disturbed and self._is_calm
        if calm:
            self._look_around(kind, asked, line)
            series.parameters = self._parameters
        check = self._check(series, kind, calm=calm)
        check.count += 1
        check.line = check.line or line
        sound = check.holds(info, series.before, series) or not self._tell(line, check, series, kind, info)
        if series.kind is not None:
            series.kind.check = None
        series.kind = kind
        series.before = info if calm and sound else None
        kind.check = None
        if not calm:
            return
        if not self._open[Influence.RESUMES] and asked > self._recovered:
            series.recovered = False
        if asked > series.pass_line and sound:
            kind.check = self._check(series, kind, calm=True)

    def _look_around(self, kind: Answers, asked: int, line: int) -> None:
        """Note what an answer adds to what is known of the attempt, which keeps its capabilities until it is over."""
        if kind.status is None:
            self._attempts = 0
        if not self._capabilities and kind.status in UNFINISHED:
            self._capabilities = {name: self._known[name] for name in _COUNTED & self._known.keys()} | _shown(kind)
            self._around = None
        if self._around is None:
            found = ((name, self._value(name, asked, line)) for name in _READ)
            self._parameters = {name: value for name, value in found if value is not None}
            self._around = _Around(frozenset(self._capabilities.items()), self._history, frozenset(self._parameters))

    def _check(self, series: Series, kind: Answers, *, calm: bool) -> Check:
        before = series.kind if series.before is not None and calm else None
        if before is not None and before.status == MigrationStatus.COMPLETED != kind.status:
            before = None
        key = (kind, before, series.recovered, series.counts, self._around if calm else None)
        check = self._checks.get(key)
        if check is None:
            check = self._checks[key] = Check(*_together(self._situation(*key)))
        return check

    def _situation(
        self, kind: Answers, before: Answers | None, recovered: bool, counts: bool, around: _Around | None
    ) -> Situation:
        if around is None:
            shown = _shown(kind) if kind.status in UNFINISHED else {}
            return Situation(self._profile, kind.status, kind.members, capabilities=frozenset(shown.items()))
        return Situation(
            self._profile,
            kind.status,
            kind.members,
            before.status if before else None,
            before.members if before else frozenset(),
            recovered,
            around.capabilities,
            around.history,
            around.inputs | {PASSES} if counts else around.inputs,
        )

    def _tell(self, line: int, check: Check, series: Series, kind: Answers, info: Any) -> bool:
        """Report the relations that an answer breaks; false if there are none."""
        found = False
        for relation in check.relations:
            if not _compiled((relation,), kind.members & _MAY_LACK)(info, series.before, series):
                found = True
                self._told[relation.id] += 1
                told = broken(relation.formula, kind.members, info, series.before, series)
                if self._told[relation.id] == MOST_TOLD:
                    told += " It is reported no more for this VM."
                if self._told[relation.id] <= MOST_TOLD:
                    self._report(line, relation.id, told)
        return found

    def exercised(self) -> tuple[Counter[str], Mapping[str, int]]:
        """How many answers were held against each relation, and the line of the first of them."""
        counts: Counter[str] = Counter()
        lines: dict[str, int] = {}
        for check in sorted((check for check in self._checks.values() if check.count), key=lambda check: check.line):
            counts.update({relation.id: check.count for relation in check.relations})
            for relation in check.relations:
                lines.setdefault(relation.id, check.line)
        return counts, lines


def _shown(kind: Answers) -> dict[str, bool]:
    """The capabilities that an answer shows by its members."""
    return {capability: member in kind.members for member, capability in OPTIONAL.items()}


def _together(situation: Situation) -> tuple[tuple[Relation, ...], Holds]:
    """The relations of a situation, and all of them as one function."""
    relations = applying(RELATIONS, situation)
    return relations, _compiled(relations, situation.members & _MAY_LACK)


@lru_cache(maxsize=4096)
def _compiled(relations: tuple[Relation, ...], members: frozenset[str]) -> Holds:
    return compiled((relation.formula for relation in relations), members)
