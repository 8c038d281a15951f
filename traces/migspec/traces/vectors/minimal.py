"""The smallest graph that allows the same, and its form in JSON.

Places from which the same may be read for ever after are one place.  Moves that lead to the same place are put together
where a pattern can say both: several texts of an error, several exit codes, and members that an answer may have or not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from migspec.traces.vectors.graph import Move, Place
from migspec.traces.vectors.patterns import Pattern

Object = dict[str, Any]


def as_objects(places: Sequence[Place]) -> list[Object]:
    """The places as members of a file, each named by its number in the list; the first is the beginning."""
    smallest = _numbered(_together(places, _classes(places)))
    return [_as_object(place) for place in smallest]


def _classes(places: Sequence[Place]) -> list[int]:
    """For each place the number of its class: two places are of one class if the same may happen from then on."""
    numbers: dict[object, int] = {}
    labels = [[(numbers.setdefault(_label(m), len(numbers)), m.to) for m in place.moves] for place in places]
    classes = [0] * len(places)
    count = 0
    while count != len(set(classes)):
        count = len(set(classes))
        signatures: dict[object, int] = {}
        classes = [
            signatures.setdefault(
                (old, place.does, place.end, frozenset((label, classes[to]) for label, to in moves)), len(signatures)
            )
            for old, place, moves in zip(classes, places, labels, strict=True)
        ]
    return classes


def _label(move: Move) -> tuple[str, tuple[str, ...]]:
    """What tells a move from the others of a place."""
    return json.dumps(move.pattern, sort_keys=True), move.defects


def _together(places: Sequence[Place], classes: Sequence[int]) -> dict[int, Place]:
    """One place for each class, by its number; that of the beginning is the first."""
    merged: dict[int, Place] = {}
    moves: dict[int, dict[object, Move]] = {}
    for place, number in zip(places, classes, strict=True):
        merged.setdefault(number, Place(place.does, end=place.end))
        known = moves.setdefault(number, {})
        for move in place.moves:
            key = (_label(move), classes[move.to])
            rules = move.rules | known[key].rules if key in known else move.rules
            known[key] = Move(move.pattern, rules, move.defects, classes[move.to])
    for number, place in merged.items():
        place.moves = list(_joined(moves[number].values()))
        if place.does is None:
            place.moves.sort(key=_rank)
    return merged


def _numbered(places: Mapping[int, Place]) -> list[Place]:
    """The same places, numbered in the order in which they are met from the beginning."""
    order = [next(iter(places))]
    numbers = {order[0]: 0}
    for old in order:
        for move in places[old].moves:
            if move.to not in numbers:
                numbers[move.to] = len(order)
                order.append(move.to)
    for old in order:
        places[old].moves = [replace(move, to=numbers[move.to]) for move in places[old].moves]
    return [places[old] for old in order]


# ---- moves that say the same ----


def _joined(moves: Iterable[Move]) -> Iterator[Move]:
    """The moves of a place, in as few as their patterns can say."""
    groups: dict[object, list[Move]] = {}
    for move in moves:
        groups.setdefault((_family(move.pattern), move.defects, move.to), []).append(move)
    for group in groups.values():
        patterns = [move.pattern for move in group]
        joined = _alternatives(patterns) if len(group) > 1 else patterns[0]
        if joined is None:
            yield from (replace(move, pattern=_plain(move.pattern)) for move in group)
        else:
            yield replace(group[0], pattern=_plain(joined), rules=frozenset().union(*(move.rules for move in group)))


def _family(pattern: Pattern) -> str:
    """What the patterns that may be put together have in common; all of it, where none may be."""
    match pattern:
        case {"error": {"desc": {"is": _}} as error}:
            return json.dumps([error.get("class")])
        case {"return": {"members": told}}:
            return json.dumps(told, sort_keys=True)
        case {"exit": {"is": _}}:
            return "exit"
    return json.dumps(pattern, sort_keys=True)


def _alternatives(patterns: Sequence[Pattern]) -> Pattern | None:
    """The pattern of all that fits one of these; None if there is no such pattern."""
    if "error" in patterns[0]:
        texts = sorted(text for pattern in patterns for text in pattern["error"]["desc"]["is"])
        return {"error": {**patterns[0]["error"], "desc": {"is": texts}}}
    if "exit" in patterns[0]:
        return {"exit": {"is": sorted(code for pattern in patterns for code in pattern["exit"]["is"])}}
    present = [frozenset(pattern["return"]["with"]) for pattern in patterns]
    always = frozenset.intersection(*present)
    maybe = frozenset().union(*present) - always
    if len(present) != 1 << len(maybe):
        return None
    return {"return": {**patterns[0]["return"], "with": sorted(always), "maybe": sorted(maybe)}}


def _plain(pattern: Pattern) -> Pattern:
    """The pattern without empty members; an object of which all is told is told as it is."""
    match pattern:
        case {"return": {"members": told} as answer}:
            others = {name: answer[name] for name in ("with", "maybe") if answer.get(name)}
            return {"return": {"members": told, **others} if others else {"is": told}}
    return pattern


_KINDS: Final = ("event", "error", "return", "exit")
_NARROW: Final = ("is", "begins", "members", "lacks", "contains")


def _rank(move: Move) -> tuple[object, ...]:
    """Where a move stands: what says more comes before what says less, so that the first that fits is right."""
    kind = next(kind for kind in _KINDS if kind in move.pattern)
    said: Any = move.pattern[kind]
    if kind == "error":
        said = said.get("desc", {})
    form = next((place for place, form in enumerate(_NARROW) if isinstance(said, dict) and form in said), len(_NARROW))
    data = -len(move.pattern.get("data", ()))
    return _KINDS.index(kind), form, data, _label(move)


def _as_object(place: Place) -> Object:
    if place.does is not None:
        return {"do": place.does, "to": place.moves[0].to}
    if place.end is not None:
        return {"end": place.end.value}
    return {
        "moves": [
            {
                **move.pattern,
                **({"rules": sorted(move.rules)} if move.rules else {}),
                **({"defects": list(move.defects)} if move.defects else {}),
                "to": move.to,
            }
            for move in place.moves
        ]
    }
