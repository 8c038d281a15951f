"""Where a trace may begin: every situation that a VM of a profile can be in, with nothing else known.

Even a greeting proves no fresh process, so all traces begin here.  The situations are found by search, not listed: the
pairs of status and stage that the rows and contracts lead to from a VM that has never migrated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from migspec.spec.commands import answers
from migspec.spec.lifecycle.guards import ENDED_STATUSES
from migspec.spec.rows import SEED
from migspec.spec.state import ANYTHING, FRESH, VARIABLES, Life, assign
from migspec.spec.steps import SESSION
from migspec.traces.hypotheses import UNSEEN, Hypothesis, Relation

OUTGOING: tuple[str, str] = ("outgoing", "stage")
INCOMING: tuple[str, str] = ("incoming", "load")


_Choice = Mapping[str, str | tuple[str, ...]]

_STARTED = tuple(run for run in VARIABLES["run"].values if run != "inmigrate")
_UNDER_WAY = tuple(stage for stage in VARIABLES["stage"].values if stage != "idle")
_RESTED: _Choice = {"outgoing": ("none", *ENDED_STATUSES), "stage": "idle"}
_SETTLED: _Choice = {**_RESTED, "incoming": ("none", "completed"), "load": ("none", "done"), "run": _STARTED}
_NEVER_MIGRATED: _Choice = {**_SETTLED, "outgoing": "none", "disks-gone": "no"}
_MIGRATED: _Choice = {**_SETTLED, "outgoing": ENDED_STATUSES}
_WAITING: _Choice = {
    "outgoing": "none",
    "stage": "idle",
    "incoming": "none",
    "load": ("deferred", "listening"),
    "run": "inmigrate",
    "disks-gone": "no",
}
_LEAVING: _Choice = {"stage": _UNDER_WAY, "incoming": ("none", "completed"), "load": ("none", "done"), "run": _STARTED}
_ARRIVING: _Choice = {
    "outgoing": "none",
    "stage": "idle",
    "load": ("loading", "postcopy", "colo-starting"),
    "run": "inmigrate",
}
_ARRIVED: _Choice = {
    **_RESTED,
    "load": tuple(
        load
        for load in VARIABLES["load"].values
        if load not in ("none", "deferred", "listening", "loading", "postcopy", "colo-starting", "done")
    ),
    "run": _STARTED,
}
_GUEST_STARTED_EARLY: _Choice = {"incoming": ("postcopy-active", "postcopy-paused", "postcopy-recover", "colo")}
_NO_FAILOVER: _Choice = {"colo-failover": ("none", "completed")}
_QUIET: _Choice = {
    **_NO_FAILOVER,
    **dict.fromkeys(
        (
            "stop-due",
            "colo-thread",
            "resuming",
            "poisoned",
            "continued",
            "switch-asked",
            "was-running",
            "threads-changed",
            "switched-late",
        ),
        "no",
    ),
}
_DEFAULTS: _Choice = {
    "stream": "plain",
    **{name: "no" for name in VARIABLES if name.startswith("cap.")},
    "block-incremental": "no",
    "blocktime": "no",
    "block-options": "none",
}
_NO_COLO: _Choice = {
    "stream": ("plain", "bitmaps"),
    **_NO_FAILOVER,
    **dict.fromkeys(("cap.x-colo", "colo-thread"), "no"),
}
_PLAIN: _Choice = {
    "stream": "plain",
    **_NO_FAILOVER,
    **dict.fromkeys(
        (
            "stop-due",
            "colo-thread",
            "poisoned",
            "threads-changed",
            "switched-late",
            "cap.x-colo",
            "cap.multifd",
            "cap.block",
        ),
        "no",
    ),
}


def _without_colo(choice: _Choice) -> _Choice:
    return {
        name: values if isinstance(values, str) else tuple(v for v in values if not v.startswith("colo"))
        for name, values in choice.items()
    }


@lru_cache(maxsize=8)
def beginnings(relation: Relation, *, at_rest: bool = False) -> tuple[tuple[Hypothesis, ...], ...]:
    """The hypotheses with which a trace of a VM may begin, monitors aside, the likeliest first.

    Most processes have just started, with nothing configured.  A late trace finds an ordinary migration under way
    on one side.  Then come those at rest with anything configured but COLO, any migration but COLO on one side, any
    at all, and once in a lifetime one on both sides: only a guest that runs on an incoming postcopy can migrate on.
    A trace conforms if any of these explains it; together they are everything that is possible, or all of it that is
    `at_rest`, with no migration under way.
    """
    life = VARIABLES["life"]
    alive = ANYTHING & ~life.field | life.bits((Life.ALIVE,))
    if relation.profile == SEED:
        return ((Hypothesis(alive),),)
    resting = tuple({**choice, **_QUIET} for choice in (_NEVER_MIGRATED, _MIGRATED, _WAITING))
    moving: tuple[_Choice, ...] = () if at_rest else (_LEAVING, _ARRIVING, _ARRIVED)
    both: _Choice = {**_LEAVING, **_GUEST_STARTED_EARLY, "load": _ARRIVED["load"]}
    choices: tuple[tuple[_Choice, ...], ...] = (
        tuple({**choice, **_DEFAULTS} for choice in resting),
        tuple({**choice, **_DEFAULTS, "stream": ("bitmaps", "colo")} for choice in resting),
        tuple({**_without_colo(choice), **_PLAIN} for choice in (*resting, *moving)),
        tuple({**choice, **_NO_COLO} for choice in resting),
        tuple({**_without_colo(choice), **_NO_COLO} for choice in (*resting, *moving)),
        (*resting, *moving),
        ({**_without_colo(both), **_NO_COLO},),
        (both,),
    )
    narrowed = consistency(relation).narrowed
    if at_rest:
        choices = choices[:ON_BOTH_SIDES]
    return tuple(tuple(Hypothesis(narrowed(assign(alive, known))) for known in choice) for choice in choices)


UNUSUAL_SOURCE = 1
"""The beginnings of a destination whose source has COLO or dirty bitmaps on."""

LATE = 2
"""The beginnings that a trace without a greeting starts with."""

IN_COLO = 5
"""The beginnings with COLO on either side."""

ON_BOTH_SIDES = 6
"""The beginnings with a migration on both sides, neither in COLO; the last ones are those in COLO."""


class Consistency:
    """Which values of two variables go together, so that what is learned of one narrows the other."""

    def __init__(self, pairs: Iterable[tuple[str, str, tuple[int, ...]]]) -> None:
        self._tables = [
            (VARIABLES[a].field | VARIABLES[b].field, VARIABLES[a].field, VARIABLES[b].field, found)
            for a, b, found in pairs
        ]
        self._known: dict[int, int] = {}
        self._fields = sum(field for field, *_ in self._tables)

    def narrowed(self, state: int) -> int:
        """`state` without the values that go with no value that the other variable may have."""
        part = state & self._fields
        kept = self._known.get(part)
        if kept is None:
            kept = self._known[part] = self._narrow(part)
        return state & ~self._fields | kept

    def _narrow(self, part: int) -> int:
        result = 0
        for field, a, b, pairs in self._tables:
            mine = part & field
            possible = 0
            for pair in pairs:
                if pair & a & mine and pair & b & mine:
                    possible |= pair
            # a combination that no search found is left alone: it was forced by a message
            result |= mine & possible if possible else mine
        return result


@lru_cache(maxsize=8)
def consistency(relation: Relation) -> Consistency:
    """The consistency of status and stage, of either side."""
    if relation.profile == SEED:
        return Consistency(())
    failed = VARIABLES["incoming"].bits(("failed",))
    return Consistency(
        (
            (*OUTGOING, situations(relation, OUTGOING)),
            (*INCOMING, tuple(pair for pair in situations(relation, INCOMING) if not pair & failed)),
        )
    )


def situations(relation: Relation, names: tuple[str, ...]) -> tuple[int, ...]:
    """The values that the named variables can have together, as bits."""
    field = sum(VARIABLES[name].field for name in names)
    found = set()
    # a process may also be started as a destination, listening or not
    starts: Iterable[int] = [FRESH & field]
    if "load" in names:
        load = VARIABLES["load"]
        starts = [FRESH & field & ~load.field | load.bits((value,)) for value in ("none", "deferred", "listening")]
    frontier = list(starts)
    while frontier:
        found.update(frontier)
        frontier = [after for part in frontier for after in set(_moves(relation, part, field)) if after not in found]
        frontier = list(dict.fromkeys(frontier))
    return tuple(sorted(found))


def _moves(relation: Relation, part: int, field: int) -> Iterator[int]:
    state = ANYTHING & ~field | part
    for row in relation.rows:
        for assumed in row.when.assume(state):
            after = row.after(assumed)
            yield after & field
            for event in row.emits:
                yield from _deferred(after, event, field)
    given = state & ~SESSION.field | SESSION.bits(("ready",))
    for request in UNSEEN:
        for answer in answers(request, given, relation.profile):
            yield answer.state & field
            for event in answer.emits:
                yield from _deferred(answer.state, event, field)


def _deferred(state: int, event: str, field: int) -> Iterator[int]:
    if event.startswith("="):
        variable, _, value = event[1:].partition(":")
        changed = VARIABLES[variable]
        yield (state & ~changed.field | changed.bits((value,))) & field
