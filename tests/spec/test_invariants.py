"""The invariants, held against the relation: proved by search where that is small, and met on random walks.

A proof looks at a few variables alone and takes every other one to be anything, so it finds more states than there are:
what holds in all of them holds in all that a process can reach.  Changes that wait their turn among events are waited
for, with every other thread going on meanwhile.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import given
from tests.spec.states import READY, request, walks

from migspec.spec.commands import contract_of
from migspec.spec.conditions import Condition
from migspec.spec.invariants import INVARIANTS, Invariant, broken, is_known, unknown
from migspec.spec.lifecycle import ROWS
from migspec.spec.requests import Request
from migspec.spec.rows import QEMU_5_2_0, Thread
from migspec.spec.state import ANYTHING, FRESH, VARIABLES, assign
from migspec.spec.steps import INSTANT_EVENTS, LIFE, LIVING, LOOPING, SESSION, Configuration, Monitor, Relation
from migspec.spec.vocabulary import MigrationCapability

READY_SESSION = SESSION.bits(("ready",))
ADDRESSES = ("unix:/s", "tcp:h:1", "exec:cat", "fd:x", "bad", "unix:", "rdma:h:1")


def switch(name: str, *, on: bool) -> Request:
    return request("migrate-set-capabilities", {"capabilities": [{"capability": name, "state": on}]})


def line(text: str) -> Request:
    return request("human-monitor-command", {"command-line": text})


ASKED: tuple[Request, ...] = (
    *(request("migrate", {"uri": uri, "resume": resume}) for uri in ADDRESSES for resume in (False, True)),
    *(request("migrate", {"uri": uri, option: True}) for uri in ADDRESSES for option in ("blk", "inc")),
    *(request(name, {"uri": uri}) for uri in ADDRESSES for name in ("migrate-incoming", "migrate-recover")),
    request("migrate_cancel"),
    *(request("migrate-continue", {"state": state}) for state in ("pre-switchover", "active", "device")),
    request("migrate-start-postcopy"),
    request("migrate-pause"),
    request("x-colo-lost-heartbeat"),
    request("stop"),
    request("cont"),
    request("quit"),
    line("savevm s"),
    line("loadvm s"),
    line("migrate_set_parameter multifd-channels 3"),
    request("migrate-set-parameters", {"multifd-channels": 4}),
    request("migrate-set-parameters", {"block-incremental": True}),
    request("migrate-set-parameters", {"tls-authz": None}),
    request("calc-dirty-rate", {"calc-time": 1}),
    request("xen-save-devices-state", {"filename": "/f"}),
    request("xen-load-devices-state", {"filename": "/f"}),
    *(switch(name, on=on) for name in MigrationCapability for on in (True, False)),
)
"""Requests of every kind that changes the state."""

BUILDS = [
    {"spice": spice, "replication": replication, "block-migration": blocks}
    for spice, replication, blocks in product(("no", "yes"), repeat=3)
]
STARTED = (
    {},
    {"run": "prelaunch", "autostart": "no"},
    *(
        {"run": "inmigrate", "autostart": autostart, "stream": stream, **how}
        for autostart in ("no", "yes")
        for stream in ("plain", "bitmaps", "colo")
        for how in (
            {"defer": "yes", "load": "deferred"},
            {"load": "listening"},
            {"load": "listening", "has-address": "yes"},
        )
    ),
)
BEGINNINGS = tuple(assign(FRESH, {**build, **how}) for build in BUILDS for how in STARTED)
"""Processes of every build that have just started in every way."""

Later = tuple[tuple[int, int], ...]
"""The changes that a thread has yet to make, as masks: which bits to keep and which to set."""

Pending = tuple[tuple[Thread, Later], ...]
"""Those of every thread that has some."""


class Move(NamedTuple):
    """A step of a thread that is open in the states within `allow`; it keeps some bits and sets others."""

    thread: Thread
    allow: int
    keep: int
    put: int
    later: Later


def moves() -> Iterator[Move]:
    """Every step of the release by itself, and by any request."""
    for row in ROWS:
        if QEMU_5_2_0 in row.profiles:
            for case in row.when.cases:
                allow = case.allow & (~LIFE.field | LIVING)
                yield Move(row.thread, allow, row.clear, row.put, later(row.emits))
    for asked in ASKED:
        yield from moves_of(asked)


def moves_of(asked: Request) -> Iterator[Move]:
    """The ways in which a request may go: each case, less the states in which one before it is certain."""
    states = [ANYTHING & (~LIFE.field | LOOPING) & (~SESSION.field | READY_SESSION)]
    for case in contract_of(asked.command, QEMU_5_2_0).cases:
        if not case.asks(asked):
            continue
        condition: Condition = case.condition(asked)
        effect = case.effect(asked)
        keep = ~sum(VARIABLES[name].field for name in effect)
        for before in states:
            for allow in condition.assume(before):
                yield Move(Thread.MAIN, allow, keep, assign(0, effect), later(case.emits))
        if case.final:
            states = list(dict.fromkeys(after for state in states for after in (~condition).assume(state)))


def later(emits: Iterable[str]) -> Later:
    changes = (item[1:].partition(":") for item in emits if item.startswith("="))
    return tuple((~VARIABLES[name].field, VARIABLES[name].bits((value,))) for name, _, value in changes)


@cache
def every_move() -> tuple[Move, ...]:
    return tuple(dict.fromkeys(moves()))


@cache
def reachable(names: frozenset[str]) -> frozenset[int]:
    """Everything that the named variables can be together, or more."""
    fields = [VARIABLES[name].field for name in names]
    whole = sum(fields)
    known = {
        Move(move.thread, move.allow & whole, move.keep & whole, move.put & whole, relevant(move.later, whole))
        for move in every_move()
    }
    changing = [move for move in known if move.keep != whole or move.later]
    found: set[tuple[int, Pending]] = {(state & whole, ()) for state in BEGINNINGS}
    frontier = list(found)
    while frontier:
        state, pending = frontier.pop()
        following = [
            (state & changes[0][0] | changes[0][1], waiting(pending, thread, changes[1:]))
            for thread, changes in pending
        ]
        busy = {thread for thread, _ in pending}
        for move in changing:
            if state & ~move.allow or move.thread in busy:
                continue
            put = waiting(pending, move.thread, move.later)
            following += [(after, put) for after in decided(state & move.keep | move.put, fields)]
        fresh = set(following) - found
        found |= fresh
        frontier += fresh
    return frozenset(state for state, _ in found)


def relevant(changes: Later, whole: int) -> Later:
    return tuple((keep & whole, put & whole) for keep, put in changes if keep & whole != whole)


def waiting(pending: Pending, thread: Thread, changes: Later) -> Pending:
    others = [item for item in pending if item[0] is not thread]
    return tuple(sorted([*others, (thread, changes)] if changes else others))


def decided(state: int, fields: Iterable[int]) -> list[int]:
    """Every way to decide what a state leaves open."""
    if state.bit_count() == len(list(fields)):
        return [state]
    choices = [list(bits_of(state & field)) for field in fields]
    return [sum(chosen) for chosen in product(*choices)]


def bits_of(bits: int) -> Iterator[int]:
    while bits:
        yield bits & -bits
        bits &= bits - 1


# -- the proof --

HELPERS = {"outgoing": frozenset({"outgoing", "stage"}), "incoming": frozenset({"incoming", "load"})}
"""What the search has to look at besides the variables of an invariant."""


def names_in(condition: Condition) -> frozenset[str]:
    return frozenset(literal.variable.name for case in condition.cases for literal in case.literals)


def parts(condition: Condition) -> list[tuple[frozenset[str], int]]:
    """The variables of a condition and what it allows them: one by one, for where all must hold each can be proved."""
    (case,) = condition.cases
    return [(frozenset({literal.variable.name}), literal.bits) for literal in case.literals]


each_invariant = pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: invariant.id)


@each_invariant
def test_it_holds_in_every_reachable_state(invariant: Invariant) -> None:
    helpers = HELPERS.get(invariant.id.partition(".")[0], frozenset())
    for names, allowed in parts(invariant.then):
        whole = names_in(invariant.when) | helpers | names
        rest = ANYTHING & ~sum(VARIABLES[name].field for name in whole)
        (field,) = (VARIABLES[name].field for name in names)
        stray = [s for s in reachable(whole) if invariant.when.assume(s | rest) and not s & field & allowed]
        assert not stray, VARIABLES[next(iter(names))].of(stray[0])


@each_invariant
def test_its_premise_is_met_and_is_not_met(invariant: Invariant) -> None:
    names = names_in(invariant.when) | HELPERS.get(invariant.id.partition(".")[0], frozenset())
    met = {invariant.when.holds(state) for state in reachable(names)}
    assert met == {False, True}


@each_invariant
def test_its_conclusion_does_not_hold_everywhere(invariant: Invariant) -> None:
    for names, allowed in parts(invariant.then):
        assert any(not state & allowed for state in reachable(names)), names


@each_invariant
def test_a_state_that_breaks_it_is_found(invariant: Invariant) -> None:
    for case in (invariant.when & ~invariant.then).cases:
        state = min(decided(case.forced(READY), [variable.field for variable in VARIABLES.values()]))
        assert invariant in broken(state)
        assert not invariant.condition.holds(state)
        assert set(invariant.variables) >= names_in(invariant.when) | names_in(invariant.then)


# -- walks --


@given(walks())
def test_no_walk_breaks_any(path: list[int]) -> None:
    for state in path:
        assert broken(state) == ()


STEPS = 3000
RARE = 0.02
"""How often a step is taken that ends the process, where there is another."""


def test_no_walk_through_the_relation_breaks_any() -> None:
    relation, chance = Relation(QEMU_5_2_0), random.Random(4)
    c = begun(chance)
    for _ in range(STEPS):
        assert broken(c.state & ~SESSION.field | READY_SESSION) == ()
        for names in HELPERS.values():  # the proofs have missed nothing
            assert c.state & sum(VARIABLES[name].field for name in names) in reachable(names)
        monitor = c.monitors[0]
        if not monitor.queue and chance.random() < 0.4:
            c = c.with_monitor(0, monitor.asked(chance.choice(ASKED)))
        steps = list(relation.hidden(c))
        if chance.random() < RARE:
            steps += relation.take_instant(c, chance.choice(sorted(INSTANT_EVENTS)))
        if not steps:
            c = begun(chance)
            continue
        lasting = [step for step in steps if not step.after.state & LIFE.field & ~LOOPING]
        after = chance.choice(lasting if lasting and chance.random() > RARE else steps).after
        c = Configuration(pinned(after.state, chance), after.owed, (after.monitors[0]._replace(session=READY_SESSION),))


def begun(chance: random.Random) -> Configuration:
    # nobody listens, so that events are dropped instead of being waited for
    monitor = Monitor(connected=False, session=READY_SESSION)
    return Configuration(chance.choice(BEGINNINGS) | SESSION.field, monitors=(monitor,))


def pinned(state: int, chance: random.Random) -> int:
    open_fields = (variable.field for variable in VARIABLES.values() if variable is not SESSION)
    return sum(chance.choice(list(bits_of(state & field))) for field in open_fields) | SESSION.field


# -- the form --


def test_ids_are_unique_and_sentences_are_sentences() -> None:
    assert len({invariant.id for invariant in INVARIANTS}) == len(INVARIANTS)
    for invariant in INVARIANTS:
        assert invariant.sentence[0].isupper() or invariant.sentence.startswith("migrate")
        assert invariant.sentence.endswith(".")


def test_what_is_known_of_a_state() -> None:
    assert is_known(FRESH)
    half = assign(FRESH, {"run": ("running", "paused")})
    assert not is_known(half)
    assert list(unknown(half)) == ["run"]
    # one value too many and one too few are not right together
    assert not is_known(half & ~VARIABLES["load"].field)
