"""Whether the checker and the explorer mean the same: what the checker accepts is what the explorer shows.

A *word* is what crosses the monitor of one VM: requests, events, replies, and the end. The checker is started from what
the explorer starts from, and both are walked side by side, as sets of what may be the case after a word; a pair
of sets that was met before is not walked again. Where that ends, all words of any length are compared.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import NamedTuple

from tests.properties.probes import Probe, probe_of

from migspec.properties.explorer.environment import ASKS, MOST, Environment
from migspec.properties.explorer.graph import Composition, Edge
from migspec.properties.explorer.local import ENDING, Kind
from migspec.properties.explorer.written import text_of
from migspec.spec.composition import Side
from migspec.spec.state import VARIABLES, Stream, assign
from migspec.spec.steps import IO, MAIN, Due
from migspec.traces.automaton import Automaton, Node
from migspec.traces.hypotheses import Hypothesis
from migspec.traces.judge import bench_of
from migspec.traces.observations import Emitted, Ended, Observation, Replied, Reply, Sent


class Letter(NamedTuple):
    """One observation: of what kind, what it is, and the text of a refusal."""

    kind: Kind
    what: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.what}{f': {self.text}' if self.text else ''}"


Shown = Letter | Probe
"""What a client sees of one VM."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A word that the checker accepts and the explorer does not show."""

    word: tuple[Letter, ...]


@dataclass(slots=True)
class Comparison:
    """What was compared: how many pairs of sets, the longest word, and what differs; `complete` if nothing is left.

    `excused` are the keys of `LOOSE` that excused something.
    """

    pairs: int = 0
    longest: int = 0
    complete: bool = False
    differences: list[Difference] = field(default_factory=list)
    excused: set[str] = field(default_factory=set)


_PAUSE = Letter(Kind.ASKED, "pause")
_RESUME = Letter(Kind.ASKED, "resume")
_PAUSED = Letter(Kind.EVENT, "MIGRATION:postcopy-paused")


def _completes_after_pause(word: tuple[Letter, ...]) -> bool:
    """A pause is accepted, so that what is left cannot arrive; it completes all the same, and is not paused for it.

    Before a recovery that was asked for there has been a pause of its own, which may be told of late.
    """
    *before, last = word
    if last != Letter(Kind.EVENT, "MIGRATION:completed") or _PAUSE not in before:
        return False
    return before.count(_PAUSED) <= before[: before.index(_PAUSE)].count(_RESUME)


def _recovers_after_pause(word: tuple[Letter, ...]) -> bool:
    """A pause is accepted before the switch is made, so that the devices cannot arrive; what never began recovers."""
    *before, last = word
    if last != Letter(Kind.EVENT, "MIGRATION:postcopy-recover") or _PAUSE not in before:
        return False
    return Letter(Kind.EVENT, "STOP") not in before[: before.index(_PAUSE)]


LOOSE: Mapping[str, Callable[[tuple[Letter, ...]], bool]] = {
    "completes-after-pause": _completes_after_pause,
    "recovers-after-pause": _recovers_after_pause,
}
"""Words that the checker accepts though no run shows them, by a name: what it misses, knowing one VM and no link."""


class Projection:
    """The explorer's graph as the client of one VM sees it, who when `probed` asks how the VM is whenever it likes.

    `dues` has what each reply that was met is to the server.
    """

    def __init__(
        self, environment: Environment, side: Side, composition: Composition | None = None, *, probed: bool = False
    ) -> None:
        self._composition = composition or Composition(environment)
        self._side = side
        self._probed = probed
        self.dues: dict[Letter, Due] = {}
        self._steps: dict[int, tuple[tuple[int, ...], dict[Shown, tuple[int, ...]]]] = {}

    def beginning(self) -> frozenset[int]:
        """What may be the case before anything is seen."""
        return frozenset(self._composition.beginnings())

    def after(self, states: frozenset[int]) -> Mapping[Shown, frozenset[int]]:
        """What may be the case after each letter that may come next."""
        shown: dict[Shown, set[int]] = {}
        known = set(states)
        waiting = list(states)
        while waiting:
            hidden, letters = self._of(waiting.pop())
            for letter, reached in letters.items():
                shown.setdefault(letter, set()).update(reached)
            for state in hidden:
                if state not in known:
                    known.add(state)
                    waiting.append(state)
        return {letter: frozenset(reached) for letter, reached in shown.items()}

    def shown(self, word: Sequence[Shown]) -> int:
        """How many letters of a word may be seen, one after the other."""
        states = self.beginning()
        for place, letter in enumerate(word):
            states = self.after(states).get(letter, frozenset())
            if not states:
                return place
        return len(word)

    def _of(self, state: int) -> tuple[tuple[int, ...], dict[Shown, tuple[int, ...]]]:
        found = self._steps.get(state)
        if found is None:
            hidden: list[int] = []
            letters: dict[Shown, tuple[int, ...]] = {}
            probe = probe_of(self._composition.configuration(state, self._side)) if self._probed else None
            if probe is not None:
                letters[probe] = (state,)
            for edge in self._composition.edges(state):
                letter = self._letter(edge)
                if letter is None:
                    hidden.append(edge.after)
                else:
                    letters[letter] = (*letters.get(letter, ()), edge.after)
            found = self._steps[state] = tuple(hidden), letters
        return found

    def observations(self, letter: Shown) -> tuple[Observation, ...]:
        """A letter that was met as the checker sees it."""
        if isinstance(letter, Probe):
            return letter.observations
        match letter.kind:
            case Kind.ASKED:
                return (Sent(0, ASKS[letter.what].request),)
            case Kind.EVENT:
                return (Emitted(0, letter.what),)
            case Kind.REPLY:
                return (reply_of(self.dues[letter]),)
        return (Ended(0, exit=int(letter.what)),)

    def _letter(self, edge: Edge) -> Letter | None:
        move = edge.move
        if move is None or edge.side is not self._side or move.kind is Kind.HIDDEN:
            return None
        match move.kind:
            case Kind.ASKED:
                return Letter(Kind.ASKED, move.name.removeprefix("asked:"))
            case Kind.EVENT:
                return Letter(Kind.EVENT, str(move.shown))
            case Kind.REPLY if isinstance(move.shown, Due):
                letter = _replied(move.shown)
                self.dues[letter] = move.shown
                return letter
        return Letter(move.kind, str(move.shown))


def _replied(due: Due) -> Letter:
    line = " of the human monitor" if due.request.monitor_command else ""
    return Letter(Kind.REPLY, f"{due.request.command}{line}", text_of(due.expect))


class Checker:
    """The checker, started from what the explorer starts from."""

    def __init__(self, environment: Environment, side: Side) -> None:
        self._automaton: Automaton = bench_of(environment.profile).automaton
        self._environment = environment
        self._requests = {name: ASKS[name].request for name in environment.asks.get(side, {})}
        composition = Composition(environment)
        self._beginnings = tuple(
            _expecting(Hypothesis(*composition.configuration(state, side)), side) for state in composition.beginnings()
        )

    def beginning(self) -> Node:
        """What may be the case before anything is seen."""
        return self._automaton.node(self._beginnings)

    def follow(self, node: Node, seen: Observation) -> Node | None:
        """What may be the case after an observation; None if it is not accepted."""
        return self._automaton.follow(node, seen).node

    def after(self, node: Node, open_: int, left: Mapping[str, int]) -> Iterator[tuple[Letter, Node]]:
        """What may be the case after each letter that it accepts next, of those that the environment knows."""
        for letter, observation in self._candidates(node, open_, left):
            edge = self._automaton.follow(node, observation)
            if edge.node is not None:
                yield letter, edge.node

    def _candidates(self, node: Node, open_: int, left: Mapping[str, int]) -> Iterator[tuple[Letter, Observation]]:
        if open_ < self._environment.pipelined:
            for name, request in self._requests.items():
                if left[name]:
                    yield Letter(Kind.ASKED, name), Sent(0, request)
        events: set[str] = set()
        replies: dict[Letter, Replied] = {}
        for reached in self._automaton.closure(node):
            for thread, items in enumerate(reached.hypothesis.owed):
                if items and isinstance(items[0], Due) and thread in (MAIN, IO):
                    replies[_replied(items[0])] = reply_of(items[0])
                elif items and isinstance(items[0], str) and items[0][0] != "=":
                    events.add(items[0])
        for event in sorted(events):
            yield Letter(Kind.EVENT, event), Emitted(0, event)
        yield from replies.items()
        for code in sorted(set(ENDING.values())):
            yield Letter(Kind.ENDED, str(code)), Ended(0, exit=code)


def _expecting(h: Hypothesis, side: Side) -> Hypothesis:
    """The same, of a destination with the knowledge of what will come: the source has the same capabilities on."""
    if side is Side.SOURCE:
        return h
    for stream, capability in ((Stream.COLO, "cap.x-colo"), (Stream.BITMAPS, "cap.dirty-bitmaps")):
        if VARIABLES[capability].known(h.state) == "yes":
            return h.moved(assign(h.state, {"stream": stream}))
    return h


def reply_of(due: Due) -> Replied:
    """The reply that is due, as the checker sees it."""
    expect = due.expect
    oob = 0 if due.oob else None
    if due.request.monitor_command or expect.words is None:  # what the human monitor refuses is a text inside a success
        return Replied(0, due.request.command, Reply(empty=True), oob)
    return Replied(0, due.request.command, Reply(error_class=expect.error_class, text=text_of(expect)), oob)


class _Pair(NamedTuple):
    """What both may be after a word, how many requests are open, and how often each may still be made."""

    node: Node
    states: frozenset[int]
    open: int
    left: tuple[tuple[str, int], ...]


def compare(environment: Environment, side: Side, *, longest: int | None = None, stop_at: int = 5) -> Comparison:
    """Compare all words, up to a length if one is given, until so many differences are found."""
    projection, checker = Projection(environment, side), Checker(environment, side)
    asks = tuple(sorted(environment.asks.get(side, {}).items()))
    first = _Pair(checker.beginning(), projection.beginning(), 0, asks)
    words: dict[tuple[int, frozenset[int], int, tuple[tuple[str, int], ...]], tuple[Letter, ...]] = {}
    comparison = Comparison()
    frontier: deque[tuple[_Pair, tuple[Letter, ...]]] = deque([(first, ())])
    while frontier:
        pair, word = frontier.popleft()
        key = (id(pair.node), pair.states, pair.open, pair.left)
        if key in words:
            continue
        words[key] = word
        comparison.pairs += 1
        comparison.longest = len(word)
        if longest is not None and len(word) >= longest:
            continue
        shown = projection.after(pair.states)
        for letter, node in checker.after(pair.node, pair.open, dict(pair.left)):
            states = shown.get(letter, frozenset())
            if not states:
                longer = (*word, letter)
                if loose := next((name for name, excuses in LOOSE.items() if excuses(longer)), ""):
                    comparison.excused.add(loose)
                    continue
                comparison.differences.append(Difference(longer))
                if len(comparison.differences) >= stop_at:
                    return comparison
                continue
            if letter.kind is Kind.ENDED:
                continue  # nothing comes after it, for the client of a process that is gone
            frontier.append((_next(pair, letter, node, states), (*word, letter)))
    comparison.complete = True
    return comparison


def _next(pair: _Pair, letter: Letter, node: Node, states: frozenset[int]) -> _Pair:
    match letter.kind:
        case Kind.ASKED:
            left = tuple((name, times - (name == letter.what)) for name, times in pair.left)
            return _Pair(node, states, pair.open + 1, left)
        case Kind.REPLY:
            return _Pair(node, states, pair.open - 1, pair.left)
    return _Pair(node, states, pair.open, pair.left)


def sample(environment: Environment, side: Side, *, count: int, longest: int, seed: int | None = None) -> int:
    """Try so many random words that the checker accepts; how many of them the explorer shows to the end.

    What it shows is looked for among the runs of the guest one after the other, for all of them at once may have more
    states than memory.
    """
    rng = random.Random(seed)
    checker = Checker(environment, side)
    words = [_drawn(checker, environment, side, longest, rng) for _ in range(count)]
    longest_shown = dict.fromkeys(words, 0)
    for run in environment.runs:
        projection = Projection(replace(environment, runs=(run,)), side)
        for word, letters in longest_shown.items():
            if letters < len(word):
                longest_shown[word] = max(letters, projection.shown(word))
    differing = {word[: letters + 1] for word, letters in longest_shown.items() if letters < len(word)}
    differing = {word for word in differing if not any(excuses(word) for excuses in LOOSE.values())}
    for word in differing:
        print("; ".join(map(str, word)))
    return sum(word[: longest_shown[word] + 1] not in differing for word in words)


def _drawn(
    checker: Checker, environment: Environment, side: Side, longest: int, rng: random.Random
) -> tuple[Letter, ...]:
    """A random word that the checker accepts."""
    pair = _Pair(checker.beginning(), frozenset(), 0, tuple(sorted(environment.asks.get(side, {}).items())))
    word: list[Letter] = []
    while len(word) < longest and (choices := list(checker.after(pair.node, pair.open, dict(pair.left)))):
        letter, node = rng.choice(choices)
        word.append(letter)
        if letter.kind is Kind.ENDED:
            break
        pair = _next(pair, letter, node, frozenset())
    return tuple(word)


def accepts(environment: Environment, side: Side, word: Iterable[Letter]) -> tuple[bool, bool]:
    """Whether the checker accepts a word, and whether the explorer shows it."""
    projection, checker = Projection(environment, side), Checker(environment, side)
    node: Node | None = checker.beginning()
    letters = tuple(word)
    endless = dict.fromkeys(environment.asks.get(side, {}), MOST)
    for letter in letters:
        if node is not None:
            node = dict(checker.after(node, 0, endless)).get(letter)
    return node is not None, projection.shown(letters) == len(letters)


class Containment(NamedTuple):
    """Whether every word that is shown is accepted: the shortest that is not, and whether all were tried."""

    word: tuple[Shown, ...]
    complete: bool


def contained(projection: Projection, checker: Checker, *, seconds: float = inf) -> Containment:
    """Hold every word of a projection against the checker, for so many seconds of a processor."""
    until = time.process_time() + seconds
    known: set[tuple[int, frozenset[int]]] = set()
    waiting: deque[tuple[Node, frozenset[int], tuple[Shown, ...]]] = deque(
        [(checker.beginning(), projection.beginning(), ())]
    )
    while waiting:
        node, states, word = waiting.popleft()
        if (id(node), states) in known:
            continue
        if time.process_time() > until:
            return Containment((), False)
        known.add((id(node), states))
        for letter, after in projection.after(states).items():
            if letter.kind is Kind.STARTED:
                continue  # another process is another word
            reached: Node | None = node
            for observation in projection.observations(letter):
                reached = checker.follow(reached, observation) if reached is not None else None
            if reached is None:
                return Containment((*word, letter), False)
            if letter.kind is not Kind.ENDED:
                waiting.append((reached, after, (*word, letter)))
    return Containment((), True)
