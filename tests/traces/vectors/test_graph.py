"""Graphs of sequences: what is awaited, where they end, and what the parameters in force decide."""

from __future__ import annotations

import pytest
from tests.traces.vectors.driving import Object
from tests.traces.vectors.made import SMALL, made

from migspec.properties.explorer.environment import Ask
from migspec.spec.parameters import READ, SET
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.state import FRESH
from migspec.traces.automaton import Automaton
from migspec.traces.vectors import graph
from migspec.traces.vectors.graph import UNTIL_END, Alone, Await, Growing, Rest, Step
from migspec.traces.vectors.minimal import as_objects
from migspec.traces.vectors.requests import EVENTS, NEGOTIATE, NOWHERE

AUTOMATON = Automaton(Alone(QEMU_5_2_0))


def grown(*steps: Step) -> list[Object]:
    return as_objects(Growing(AUTOMATON, "test", (NEGOTIATE, *steps)).grow(FRESH))


def moves(places: list[Object]) -> list[Object]:
    return [move for place in places for move in place.get("moves", ())]


def test_a_request_that_has_one_answer_makes_a_line() -> None:
    assert grown(Ask("stop"), Rest(0.5)) == [
        {"do": 0, "to": 1},
        {"moves": [{"return": {"is": {}}, "rules": ["qmp_capabilities.accepted"], "to": 2}]},
        {"do": 1, "to": 3},
        {"moves": [{"event": "STOP", "rules": ["stop.running"], "to": 4}]},
        {"moves": [{"return": {"is": {}}, "rules": ["stop.running"], "to": 5}]},
        {"do": 2, "to": 6},
        {"end": "whole"},
    ]


def test_what_is_awaited_may_have_come_before_and_other_ends_leave_the_sequence() -> None:
    places = grown(EVENTS, Ask("migrate", {"uri": "bad"}), Await(("MIGRATION:failed",)), Ask("query-migrate"))
    # the event comes before the refusal, so nothing is left to wait for
    announced = next(
        n for n, place in enumerate(places) if place.get("moves", [{}])[0].get("data") == {"status": "failed"}
    )
    (refused,) = places[places[announced]["moves"][0]["to"]]["moves"]
    assert "error" in refused
    assert "do" in places[refused["to"]]
    begun = (EVENTS, Ask("migrate", {"uri": NOWHERE}))
    left = grown(*begun, Await(("MIGRATION:completed",), ("MIGRATION:failed",)))
    failed = [move for move in moves(left) if move.get("data") == {"status": "failed"}]
    assert {left[move["to"]].get("end") for move in failed} == {"short"}


def test_what_cannot_come_is_not_waited_for() -> None:
    places = grown(Ask("query-status"), Await(("MIGRATION:failed",)))
    (told,) = [move for move in moves(places) if "members" in move["return"]]
    assert places[told["to"]] == {"end": "short"}


def test_the_end_of_a_process_is_waited_for() -> None:
    places = grown(Ask("quit"), UNTIL_END)
    ends = [move for move in moves(places) if "exit" in move]
    assert [move["exit"] for move in ends] == [{"is": [0]}] * len(ends)
    assert {places[move["to"]]["end"] for move in ends} == {"whole", "short"}
    assert {"event": "SHUTDOWN", "data": {"reason": "host-qmp-quit"}}.items() <= next(
        move for move in moves(places) if "event" in move
    ).items()


def test_parameters_are_read_back_as_they_were_set_and_decide_what_may_be_set() -> None:
    places = grown(
        Ask(SET, {"cpu-throttle-initial": 50}),
        Ask(SET, {"max-cpu-throttle": 40}),
        Ask(SET, {"max-cpu-throttle": 60}),
        Ask(READ),
    )
    told = [move for move in moves(places) if "query-migrate-parameters.answered" in move["rules"]]
    assert [(t["return"]["is"]["cpu-throttle-initial"], t["return"]["is"]["max-cpu-throttle"]) for t in told] == [
        (50, 60)
    ]
    refused = [move for move in moves(places) if "error" in move]
    assert [move["error"]["desc"]["is"] for move in refused] == [
        ["Parameter 'max_cpu_throttle' expects an integer in the range of cpu_throttle_initial to 99"]
    ]


@pytest.mark.parametrize("name", SMALL)
def test_from_every_place_there_is_a_way_to_an_end(name: str) -> None:
    places = made(name)["places"]
    ends = {number for number, place in enumerate(places) if "end" in place}
    assert {places[number]["end"] for number in ends} <= {"whole", "short"}
    while True:
        more = {
            number
            for number, place in enumerate(places)
            if ends & {place.get("to"), *(move["to"] for move in place.get("moves", ()))}
        }
        if more <= ends:
            break
        ends |= more
    assert ends == set(range(len(places)))


def test_a_sequence_that_says_too_little_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MOST_PLACES", 3)
    with pytest.raises(graph.TooLargeError, match="test: there are more than"):
        grown(Ask("query-status"), Ask("query-status"), Ask("query-status"))
