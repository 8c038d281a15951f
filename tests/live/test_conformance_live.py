"""The model does what QEMU does: the same scripts, judged, compared message by message, and led to every sequence."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.live import exceptions, likeness
from tests.live.conformance import Likeness, Table, hold, likenesses, recording
from tests.live.likeness import differences, statuses
from tests.live.model import ModelInstall, lacks
from tests.live.qemu import QemuInstall
from tests.live.scenarios import SCENARIOS
from tests.live.stand_in import UntranslatableError, translated
from tests.traces.talk import Talk

from migspec.traces.findings import Verdict
from migspec.traces.format import open_trace
from migspec.traces.judge import judge_file

SAMPLE = (
    "migrate-to-malformed-addresses",
    "cancel-in-active",
    "precopy-unix",
    "postcopy-running-guest",
    "recover-once",
    "pause-before-switchover",
    "source-killed-in-active",
    "multifd",
    "unplug-primary",
    "two-monitors-one-cancels",
)
"""Scenarios of many themes."""

SIDE_BY_SIDE = ("precopy-unix", "cancel-in-pre-switchover", "postcopy-running-guest", "recover-once", "multifd")
"""Scenarios that are run on both in one test."""

INAPPLICABLE = {
    name: reason
    for name, scenario in SCENARIOS.items()
    if (reason := lacks(scenario.vms.values()) or exceptions.INAPPLICABLE.get(name, ""))
}


def check(found: Likeness) -> None:
    assert not found.inapplicable
    assert not found.unexpected


@pytest.mark.parametrize("name", SAMPLE)
def test_model_does_what_was_recorded(tmp_path: Path, name: str) -> None:
    found = hold(name, tmp_path)
    check(found)
    assert found.conforms
    assert found.equal


@pytest.mark.parametrize("name", INAPPLICABLE)
def test_scenario_applies(name: str) -> None:
    pytest.skip(INAPPLICABLE[name])


def test_every_exception_is_of_a_scenario() -> None:
    named = {*exceptions.INAPPLICABLE, *exceptions.DIFFERENT, *exceptions.UNREACHED}
    assert named <= set(SCENARIOS)
    assert not set(exceptions.DIFFERENT) & set(INAPPLICABLE)


@pytest.mark.soak
def test_everything(tmp_path: Path) -> None:
    table = Table()
    for found in likenesses(SCENARIOS, tmp_path):
        table.add(found)
    print(table)
    assert not table.unexpected
    assert table.conform == table.applicable > len(SCENARIOS) * 3 // 4


@pytest.mark.live
@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_both_side_by_side(qemu52: QemuInstall, tmp_path: Path, name: str) -> None:
    original, model = tmp_path / "original.jsonl", tmp_path / "model.jsonl"
    SCENARIOS[name].record(qemu52, original)
    SCENARIOS[name].record(ModelInstall(), model)
    assert [judge_file(str(trace)).verdict for trace in (original, model)] == [Verdict.CONFORMS] * 2
    assert differences(original, model) == []
    assert statuses(original) == statuses(model)


# ---- the comparison itself


def changed(name: str, folder: Path, change: Callable[[list[dict[str, object]]], object]) -> list[str]:
    """What is told of a recording in which something was changed, compared with itself."""
    original = recording(name)
    assert original is not None
    with open_trace(str(original)) as lines:
        header, *rest = [text.decode() for _, text in lines if text]
    entries = [json.loads(text) for text in rest]
    change(entries)
    copy = folder / "changed.jsonl"
    copy.write_text("\n".join([header, *map(json.dumps, entries)]) + "\n")
    return [found.what for found in differences(original, copy)]


def place_of(entries: list[dict[str, object]], part: str) -> int:
    return next(place for place, entry in enumerate(entries) if part in json.dumps(entry))


def test_recording_is_like_itself(tmp_path: Path) -> None:
    assert not changed("precopy-unix", tmp_path, lambda entries: None)


def test_missing_event_is_told(tmp_path: Path) -> None:
    def drop(entries: list[dict[str, object]]) -> None:
        del entries[place_of(entries, '"STOP"')]

    assert "events" in changed("precopy-unix", tmp_path, drop)


def test_statuses_in_another_order_are_told(tmp_path: Path) -> None:
    def swap(entries: list[dict[str, object]]) -> None:
        first, second = (place_of(entries, f'"status": "{status}"') for status in ("cancelling", "cancelled"))
        entries[first]["msg"], entries[second]["msg"] = entries[second]["msg"], entries[first]["msg"]

    assert "order" in changed("cancel-in-active", tmp_path, swap)


def test_pass_more_is_not_told(tmp_path: Path) -> None:
    def repeat(entries: list[dict[str, object]]) -> None:
        place = place_of(entries, '"pass": 2')
        entries.insert(place, json.loads(json.dumps(entries[place])))

    assert not changed("precopy-unix", tmp_path, repeat)


def test_other_text_of_an_error_is_told(tmp_path: Path) -> None:
    def rephrase(entries: list[dict[str, object]]) -> None:
        place = place_of(entries, '"desc"')
        entries[place] = json.loads(json.dumps(entries[place]).replace('"desc": "', '"desc": "Oh: '))

    assert any(what.startswith("reply") for what in changed("migrate-to-malformed-addresses", tmp_path, rephrase))


def test_replies_are_not_as_good_where_only_an_unlikely_beginning_explains_the_rest(tmp_path: Path) -> None:
    for doubled in (False, True):
        talk = Talk()
        src = talk.wire().greeting().done("qmp_capabilities").capabilities(events=True)
        src.request("migrate", uri="unix:/s").status("setup").reply()
        accepted = talk.line
        src.status("1", *("1",) * doubled, "active")
        trace = tmp_path / "trace.jsonl"
        trace.write_text(talk.text())
        assert judge_file(str(trace)).verdict is Verdict.CONFORMS
        assert likeness._as_good(trace, accepted, {"return": {}}) is not doubled


def test_unknown_option_is_told() -> None:
    with pytest.raises(UntranslatableError):
        translated(["-cdrom", "cd.iso"])
