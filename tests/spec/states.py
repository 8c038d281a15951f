"""Hypothesis strategies for states, conditions and walks through the tables; states enumerated."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product

from hypothesis import strategies as st

from migspec.spec.commands import answers
from migspec.spec.conditions import ALWAYS, NEVER, Condition, where
from migspec.spec.lifecycle import ROWS
from migspec.spec.requests import Request, understand
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.schema import ABSENT, Absent
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.state import FRESH, VARIABLES, assign

READY = assign(FRESH, {"session": "ready", "cap.events": "yes"})
"""A fresh process whose client has negotiated and switched the events on."""

Predicate = Callable[[int], bool]


# the same as the methods of Variable, but quick: these are called a million times
_FIELDS = {name: variable.field for name, variable in VARIABLES.items()}
_VALUES = {name: {variable.bits((word,)): word for word in variable.values} for name, variable in VARIABLES.items()}


def value(state: int, name: str) -> str:
    """The value of a variable that is known in `state`."""
    return _VALUES[name][state & _FIELDS[name]]


def completions(state: int, names: Iterable[str] = tuple(VARIABLES)) -> set[int]:
    """Every way to know the named variables that `state` leaves open."""
    base, choices = state, []
    for name in names:
        field = state & _FIELDS[name]
        if field & (field - 1):
            base &= ~field
            choices.append([bit for bit in _VALUES[name] if bit & field])
    return {base | sum(bits) for bits in product(*choices)}


def partial_states(names: Iterable[str], base: int = READY) -> st.SearchStrategy[int]:
    """States in which the named variables may have any choice of values, the others as in `base`."""
    choices = {name: st.sets(st.sampled_from(VARIABLES[name].values), min_size=1, max_size=3) for name in names}
    return st.fixed_dictionaries(choices).map(lambda chosen: assign(base, chosen))


def known_states(names: Iterable[str], base: int = READY) -> st.SearchStrategy[int]:
    """States in which the named variables have any one value, the others as in `base`."""
    choices = {name: st.sampled_from(VARIABLES[name].values) for name in names}
    return st.fixed_dictionaries(choices).map(lambda chosen: assign(base, chosen))


def _leaf(limits: Mapping[str, set[str]]) -> tuple[Condition, Predicate]:
    return where(limits), lambda state: all(value(state, name) in limits[name] for name in limits)


def _joined(
    left: tuple[Condition, Predicate], right: tuple[Condition, Predicate], both: bool
) -> tuple[Condition, Predicate]:
    if both:
        return left[0] & right[0], lambda state: left[1](state) and right[1](state)
    return left[0] | right[0], lambda state: left[1](state) or right[1](state)


def _negated(operand: tuple[Condition, Predicate]) -> tuple[Condition, Predicate]:
    return ~operand[0], lambda state: not operand[1](state)


def conditions(names: Iterable[str]) -> st.SearchStrategy[tuple[Condition, Predicate]]:
    """Conditions on the named variables, each with its meaning for known states, got by other means."""
    limits = st.dictionaries(st.sampled_from(tuple(names)), st.just(None), min_size=1, max_size=2).flatmap(
        lambda chosen: st.fixed_dictionaries(
            {name: st.sets(st.sampled_from(VARIABLES[name].values), min_size=1) for name in chosen}
        )
    )
    leaves = limits.map(_leaf) | st.sampled_from([(ALWAYS, lambda _state: True), (NEVER, lambda _state: False)])
    return st.recursive(
        leaves,
        lambda inner: st.builds(_joined, inner, inner, st.booleans()) | inner.map(_negated),
        max_leaves=4,
    )


def request(command: str, arguments: object | Absent = ABSENT, *, oob: bool = False) -> Request:
    """The request for a command, as QEMU 5.2.0 understands it."""
    return understand(command, arguments, SCHEMA, oob=oob)


REQUESTS: tuple[Request, ...] = (
    request("migrate", {"uri": "unix:/s"}),
    request("migrate", {"uri": "exec:cat"}),
    request("migrate", {"uri": "bad"}),
    request("migrate", {"uri": "unix:"}),
    request("migrate", {"uri": "unix:/s", "resume": True}),
    request("migrate", {"uri": "exec:cat", "resume": True}),
    request("migrate_cancel"),
    request("migrate-continue", {"state": "pre-switchover"}),
    request("migrate-start-postcopy"),
    request("migrate-pause"),
    request("migrate-incoming", {"uri": "unix:/d"}),
    request("migrate-incoming", {"uri": "bad"}),
    request("migrate-recover", {"uri": "unix:/d"}),
    request("migrate-recover", {"uri": "bad"}),
    request("x-colo-lost-heartbeat"),
    request("stop"),
    request("cont"),
    request("human-monitor-command", {"command-line": "savevm s"}),
)
"""Requests of every kind that moves the state, `quit` and the settings aside."""

_ROWS = tuple(row for row in ROWS if QEMU_5_2_0 in row.profiles)
_BEGINNINGS = (
    READY,
    assign(READY, {"run": "inmigrate", "defer": "yes", "load": "deferred"}),
    assign(READY, {"run": "inmigrate", "load": "listening"}),
    assign(READY, {"run": "inmigrate", "load": "listening", "stream": "bitmaps"}),
    assign(READY, {"run": "inmigrate", "load": "listening", "stream": "colo", "autostart": "no"}),
)
_SETTINGS = ("postcopy-ram", "dirty-bitmaps", "pause-before-switchover", "x-colo", "multifd", "block")


def successors(state: int) -> Iterator[int]:
    """Every state to which one row or one request leads from a known `state`, its events being delivered."""
    if value(state, "life") not in ("alive", "quitting", "down"):
        return
    for row in _ROWS:
        if row.when.holds(state):
            yield from completions(_delivered(state & row.clear | row.put, row.emits))
    if value(state, "life") == "alive":
        for asked in REQUESTS:
            for answer in answers(asked, state, QEMU_5_2_0):
                yield from completions(_delivered(answer.state, answer.emits))


def _delivered(state: int, emits: Iterable[str]) -> int:
    for item in emits:
        if item.startswith("="):
            name, _, wanted = item[1:].partition(":")
            state = assign(state, {name: wanted})
    return state


@st.composite
def walks(draw: st.DrawFn) -> list[int]:
    """States that follow one another from a beginning, as the tables of QEMU 5.2.0 lead."""
    switched_on = draw(st.sets(st.sampled_from(_SETTINGS)))
    start = assign(draw(st.sampled_from(_BEGINNINGS)), {f"cap.{name}": "yes" for name in switched_on})
    path = [start]
    for choice in draw(st.lists(st.integers(0, 999), max_size=20)):
        following = sorted(set(successors(path[-1])) - {path[-1]})
        if not following:
            break
        path.append(following[choice % len(following)])
    return path
