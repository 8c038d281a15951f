"""Graphs made small: what may be read is the same as before, and no two places say the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.traces.vectors.driving import Object, fits

from migspec.traces.vectors.graph import End, Move, Place
from migspec.traces.vectors.minimal import as_objects

_STATUSES = [{"return": {"members": {"status": status}, "with": []}} for status in ("active", "failed")]
PATTERNS: Sequence[dict[str, Any]] = (
    {"event": "STOP"},
    {"event": "MIGRATION", "data": {"status": "setup"}},
    *({"error": {"class": "GenericError", "desc": {"is": [text]}}} for text in ("a", "b")),
    *_STATUSES,
    {"return": {"members": {"status": "failed"}, "with": ["error-desc"]}},
    {"exit": {"is": [0]}},
    {"exit": {"is": [-6]}},
)
READ: Sequence[Object] = (
    {"event": "STOP"},
    {"event": "MIGRATION", "data": {"status": "setup"}},
    *({"error": {"class": "GenericError", "desc": text}} for text in ("a", "b")),
    *({"return": {"status": status}} for status in ("active", "failed")),
    {"return": {"status": "failed", "error-desc": "x"}},
    {"exit": 0},
    {"exit": -6},
)
"""What is read where each of the patterns fits, in their order."""


@st.composite
def graphs(draw: st.DrawFn) -> list[Place]:
    """Any graphs: places that do something, that are ends, and that have any moves."""
    count = draw(st.integers(1, 8))
    places = []
    for _ in range(count):
        to = st.integers(0, count - 1)
        kind = draw(st.sampled_from(["do", "end", "moves", "moves"]))
        if kind == "do":
            places.append(Place(draw(st.integers(0, 1)), [Move({}, frozenset(), (), draw(to))]))
        elif kind == "end":
            places.append(Place(end=draw(st.sampled_from(End))))
        else:
            chosen = draw(st.lists(st.sampled_from(range(len(PATTERNS))), min_size=1, unique=True))
            rules = st.frozensets(st.sampled_from(["r", "s"]), max_size=1)
            places.append(Place(None, [Move(PATTERNS[i], draw(rules), (), draw(to)) for i in chosen]))
    return places


def went(places: Sequence[Place], words: Sequence[int]) -> list[object]:
    """What a reader of the graph as it was does with what is read, until something is not allowed."""
    at, way = 0, list[object]()
    for word in words:
        place = places[at]
        way.append(place.end.value if place.end else place.does)
        if place.end:
            break
        move = next((m for m in place.moves if place.does is not None or m.pattern is PATTERNS[word]), None)
        if move is None:
            return [*way, "not allowed"]
        at = move.to
    return way


def went_small(places: Sequence[Object], words: Sequence[int]) -> list[object]:
    """The same with the graph as it is written."""
    at, way = 0, list[object]()
    for word in words:
        place = places[at]
        way.append(place.get("end", place.get("do")))
        if "end" in place:
            break
        found = next((m for m in place.get("moves", ()) if fits(m, READ[word])), None)
        if "do" not in place and found is None:
            return [*way, "not allowed"]
        at = place["to"] if found is None else found["to"]
    return way


@given(graphs(), st.lists(st.lists(st.integers(0, len(PATTERNS) - 1), max_size=8), min_size=1, max_size=20))
def test_the_small_graph_allows_the_same(places: list[Place], tries: list[list[int]]) -> None:
    small = as_objects(places)
    for words in tries:
        assert went_small(small, words) == went(places, words)


@given(graphs())
def test_no_two_places_are_the_same_and_each_can_be_come_to(places: list[Place]) -> None:
    small = as_objects(places)
    assert len(small) <= len(places)
    assert len({json.dumps({**place, "moves": _without_rules(place)}) for place in small}) == len(small)
    reached, frontier = {0}, [0]
    for at in frontier:
        nexts = {small[at].get("to", at), *(move["to"] for move in small[at].get("moves", ()))}
        frontier += sorted(nexts - reached)
        reached |= nexts
    assert reached == set(range(len(small)))


def _without_rules(place: Object) -> list[Object]:
    return [{name: value for name, value in move.items() if name != "rules"} for move in place.get("moves", ())]


def test_what_can_be_said_in_one_move_is() -> None:
    end = Place(end=End.WHOLE)
    moves = [Move(pattern, frozenset({f"r{i}"}), (), 1) for i, pattern in enumerate(PATTERNS)]
    (first, _) = as_objects([Place(None, moves), end])
    assert first["moves"] == [
        {"event": "MIGRATION", "data": {"status": "setup"}, "rules": ["r1"], "to": 1},
        {"event": "STOP", "rules": ["r0"], "to": 1},
        {"error": {"class": "GenericError", "desc": {"is": ["a", "b"]}}, "rules": ["r2", "r3"], "to": 1},
        {"return": {"is": {"status": "active"}}, "rules": ["r4"], "to": 1},
        {"return": {"members": {"status": "failed"}, "maybe": ["error-desc"]}, "rules": ["r5", "r6"], "to": 1},
        {"exit": {"is": [-6, 0]}, "rules": ["r7", "r8"], "to": 1},
    ]


def test_what_says_more_comes_first() -> None:
    texts = [{"but": ["x"]}, {"contains": "b"}, {"begins": "a"}, {"is": ["ab"]}]
    moves = [Move({"error": {"desc": text}}, frozenset(), (), 1) for text in texts]
    (first, _) = as_objects([Place(None, moves), Place(end=End.SHORT)])
    assert [move["error"]["desc"] for move in first["moves"]] == texts[::-1]
