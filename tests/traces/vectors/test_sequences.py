"""Command sequences: together they try everything, and the model takes no way that a graph does not have."""

from __future__ import annotations

import json

import pytest
from tests.traces.vectors.driving import NotAllowedError, drive
from tests.traces.vectors.made import DOCUMENTED, SMALL, events_of, listed, made

from migspec.properties.explorer.environment import Ask
from migspec.reference_impl.scheduling import Shuffled
from migspec.spec.commands import CONTRACTS, envelope
from migspec.spec.commands.machine import ONLY_HUMAN
from migspec.spec.parameters import CHECKS
from migspec.spec.profiles import PROFILES
from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.spec.vocabulary import MigrationCapability
from migspec.traces.vectors.graph import Await
from migspec.traces.vectors.requests import FOLDER, commands
from migspec.traces.vectors.sequences import SITUATIONS

FEW = (
    *SMALL,
    *("fresh/capability-events", "fresh/parameter-max-cpu-throttle", "fresh/capabilities-that-clash"),
    *("failed/migrate", "deferred/migrate-incoming", "cancelled/stop", "completed/cont"),
    *("out-of-band/everything-that-moves-nothing", "greeted/everything-that-moves-nothing"),
    *("held/migrate-continue", "postcopy/quit", "paused/released"),
)
"""Sequences of every kind that take no time."""

ELSEWHERE = {
    "It takes a destination of which the source is driven as well.": (
        "migrate-recover.repeated",
        "migrate-recover.uri",
        "x-colo-lost-heartbeat.repeated",
    ),
    "It takes a guest that has shut down.": ("cont.reset-needed",),
    "It is the human monitor's.": ("savevm.refused", "loadvm.refused"),
    "No value has it: what is out of range is cut to what is not.": ("migrate_set_speed.range",),
}
"""The refusals that no sequence shows."""


def asks_of(name: str) -> list[Ask]:
    return [step for step in listed()[name].steps if isinstance(step, Ask)]


def test_every_command_is_tried_in_every_situation() -> None:
    tried: dict[str, set[str]] = {}
    for sequence in listed().values():
        asked = {step.command for step in sequence.asks if isinstance(step, Ask)}
        tried.setdefault(sequence.situation.name, set()).update(asked)
    assert tried.keys() == {situation.name for situation in SITUATIONS}
    for asked in tried.values():
        assert asked >= set(commands(PROFILES[QEMU_5_2_0]))
    assert {*PROFILES[QEMU_5_2_0].schema.commands, *CONTRACTS} - set(commands(PROFILES[QEMU_5_2_0])) == ONLY_HUMAN


def test_every_capability_and_every_checked_parameter_has_a_sequence() -> None:
    for capability in MigrationCapability:
        for situation in ("fresh", "deferred"):
            steps = made(f"{situation}/capability-{capability.value}")["steps"]
            asked = [step["send"].get("arguments", {}) for step in steps]
            states = [entry["state"] for arguments in asked for entry in arguments.get("capabilities", ())][1:]
            assert states == [True, False, False, True, False]
    for check in CHECKS:
        values = [
            (ask.arguments or {})[check.parameter.value]
            for ask in asks_of(f"fresh/parameter-{check.parameter.value}")
            if check.parameter.value in (ask.arguments or {})
        ]
        assert {check.least, check.most} <= {*values, 2**64 - 1}
        assert {check.least - 1, check.most + 1} & {*values}


def test_the_real_release_was_driven_through_all_of_them() -> None:
    """Whoever adds one drives it through that, too, before saying so."""
    assert f"through all {len(listed())} sequences of its profile" in " ".join(DOCUMENTED.split())


@pytest.mark.soak
def test_the_refusals_that_no_sequence_shows_have_a_reason() -> None:
    """The large graphs are left out: what they show, smaller ones show as well."""
    shown = set()
    for name in listed():
        if not name.startswith(
            ("active/", "postcopy/everything", "failed/everything", "fresh/migrate-9", "fresh/migrate-11")
        ):
            rules = (m.get("rules", ()) for place in made(name)["places"] for m in place.get("moves", ()))
            shown |= {rule for each in rules for rule in each}
    refusals = {
        case.id
        for contract in (*CONTRACTS.values(), envelope.CONTRACT)
        for case in contract.cases
        if case.words is not None and QEMU_5_2_0 in case.profiles
    }
    assert refusals - shown == {rule for rules in ELSEWHERE.values() for rule in rules}


@pytest.mark.parametrize("name", FEW)
def test_the_model_goes_the_way_of_a_graph(name: str) -> None:
    end, way = drive(made(name), events_of(made(name)))
    assert end == "whole"
    assert way[0] == 0


@pytest.mark.parametrize("name", ["failed/migrate", "held/quit", "held/migrate-continue", "paused/released"])
def test_whatever_order_its_threads_take(name: str) -> None:
    for seed in range(1, 4):
        assert drive(made(name), events_of(made(name)), Shuffled(seed, rare=0.2), seed)[0] in ("whole", "short")


def test_what_is_not_allowed_is_noticed() -> None:
    sequence = json.loads(json.dumps(made("fresh/stop")).replace('"event": "STOP"', '"event": "RESUME"'))
    with pytest.raises(NotAllowedError) as caught:
        drive(sequence, frozenset({"STOP"}))
    assert caught.value.read is not None
    assert caught.value.read["event"] == "STOP"


def test_the_written_schema_judges_replies_alone() -> None:
    for sequence in listed(SEED).values():
        assert not any(isinstance(step, Await) and step.events for step in sequence.steps)
    for name in ("fresh/everything-that-moves-nothing", "fresh/quit", "fresh/capability-events"):
        graph = made(name, SEED)
        assert not events_of(graph)
        assert drive(graph, frozenset())[0] == "whole"


def test_nothing_leaves_the_folder_and_no_command_is_run() -> None:
    for sequence in listed().values():
        for step in sequence.steps:
            text = json.dumps(step.message) if isinstance(step, Ask) else ""
            assert "exec:" not in text
            assert text.count("unix:") == text.count(f"unix:{FOLDER}/") + text.count('"unix:"')
            assert "/tmp" not in text


def test_another_vm_is_told_where_to_listen() -> None:
    assert made("held/quit")["peer"] == [
        {"execute": "qmp_capabilities"},
        {"execute": "migrate-incoming", "arguments": {"uri": "unix:{folder}/peer"}},
    ]
    assert "peer" not in made("fresh/stop")
    assert made("paused/released")["start"] == {"incoming": "", "stopped": False}
    assert made("told/stop")["start"]["incoming"] == "defer"
