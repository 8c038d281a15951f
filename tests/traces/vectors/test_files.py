"""The files: their JSON Schemas, their layout, and that the same is written whatever the process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.traces.command import ENVIRONMENT
from tests.traces.vectors.made import listed, maker

from migspec.cli.scenes import recordings
from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.traces.vectors.faults import faulty
from migspec.traces.vectors.files import INDEX, Vectors, laid_out
from migspec.traces.vectors.schemas import SCHEMAS

NAMES = (
    "greeted/qmp_capabilities",
    "fresh/stop",
    "fresh/migrate-6",
    "fresh/quit",
    "held/quit",
    "fresh/capability-events",
)
"""Sequences whose graphs have every kind of place and nearly every kind of move."""


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The files, with a few of the sequences and of the traces."""
    first, *others = islice(recordings(), 4)
    # of a trace that is polled for long the beginning does
    played = [replace(first, lines=first.lines[:30]), others[-1]]
    no_traces = [replace(first, lines=first.lines[:count], name=f"{first.name}-{count}") for count in (0, 1)]
    some = [*played, *no_traces, *islice(faulty(played), 2)]
    with pytest.MonkeyPatch.context() as patch:
        for profile in (QEMU_5_2_0, SEED):
            chosen = [s for name, s in listed(profile).items() if name in NAMES]
            patch.setattr(maker(profile), "every", lambda chosen=chosen: iter(chosen))
        patch.setattr("migspec.traces.vectors.files.Sequences", lambda profile: maker(profile.name))
        made = list(Vectors([SEED, QEMU_5_2_0], some, {"version": "1"}).files())
    assert len({file.path for file in made}) == len(made)
    return {file.path: file.data for file in made}


def documents(files: dict[str, bytes]) -> list[tuple[dict[str, Any], bytes]]:
    """What the index says of each file, and the file."""
    index = json.loads(files[INDEX])
    return [(entry, files[entry["file"]]) for entry in index["files"]]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_one(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])


def test_every_file_is_as_its_schema_says(files: dict[str, bytes]) -> None:
    jsonschema.Draft202012Validator(SCHEMAS["index"]).validate(json.loads(files[INDEX]))
    for entry, data in documents(files):
        if not entry.get("schema"):
            assert entry["file"] == "traces/precopy-0.jsonl"
            continue
        validator = jsonschema.Draft202012Validator(json.loads(files[entry["schema"]]))
        parts = map(json.loads, data.splitlines()) if entry["kind"] == "trace" else [json.loads(data)]
        for part in parts:
            validator.validate(part)


def test_the_index_names_every_file_but_the_schemas(files: dict[str, bytes]) -> None:
    named = {entry["file"] for entry, _ in documents(files)}
    assert named == {path for path in files if path != INDEX and not path.startswith("schemas/")}
    schemas = {entry["schema"] for entry, _ in documents(files) if "schema" in entry}
    assert schemas | {"schemas/index.json"} == files.keys() - named - {INDEX}


SPOIL = {
    "sequences": lambda d: d["sequences"][0]["places"].append({"do": 0}),
    "samples": lambda d: d["entities"][0]["samples"].append({"valid": False, "value": 1}),
    "traces": lambda d: d["traces"][0]["verdicts"][0].update(verdict="fine"),
    "trace": lambda d: d.update(dir="<>"),
    "index": lambda d: d["files"].append({}),
}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_refuses_what_is_not_named(kind: str, files: dict[str, bytes]) -> None:
    """Against schemas that admit anything."""
    path = INDEX if kind == "index" else next(e["file"] for e, _ in documents(files) if e["kind"] == kind)
    document = json.loads(files[path].splitlines()[1] if kind == "trace" else files[path])
    validator = jsonschema.Draft202012Validator(SCHEMAS[kind])
    assert validator.is_valid(document)
    SPOIL[kind](document)
    assert not validator.is_valid(document)


def test_the_counts_are_those_of_the_files(files: dict[str, bytes]) -> None:
    for entry, data in documents(files):
        counts = entry["counts"]
        if entry["kind"] == "trace":
            assert counts == {"lines": data.count(b"\n")}
        elif entry["kind"] == "samples":
            samples = [sample for entity in json.loads(data)["entities"] for sample in entity["samples"]]
            assert counts["valid"] + counts["invalid"] == len(samples)
        elif entry["kind"] == "traces":
            verdicts = [verdict for trace in json.loads(data)["traces"] for verdict in trace["verdicts"]]
            assert counts.pop("traces") * len(entry["profiles"]) == len(verdicts)
            assert {name: count for name, count in counts.items() if count} == Counter(v["verdict"] for v in verdicts)
        elif entry["kind"] == "sequences":
            assert counts["sequences"] == len(json.loads(data)["sequences"])
            assert set(json.loads(data)["events"]) == (
                set() if entry["profiles"] == [SEED] else {"MIGRATION", "MIGRATION_PASS", "RESUME", "SHUTDOWN", "STOP"}
            )


@pytest.mark.parametrize(
    "line",
    [
        {"format": "qmp-trace", "version": 1, "unseen": ["events"], "tool": "mine"},
        {"vm": "src", "dir": "->", "msg": {"execute": "stop"}, "id": 7},
        {"vm": "src", "end": "eof", "exit": 0, "by": "server", "why": "it quit"},
    ],
)
def test_a_trace_may_have_members_that_its_readers_do_not_know(line: dict[str, Any]) -> None:
    assert jsonschema.Draft202012Validator(SCHEMAS["trace"]).is_valid(line)


@pytest.mark.parametrize(
    "line",
    [
        {"format": "qmp-trace", "version": 1, "unseen": ["answers"]},
        {"vm": "src", "dir": "->", "msg": {"execute": "stop"}, "raw": "x"},
        {"vm": "src", "dir": "->", "msg": {"execute": "stop"}, "end": "eof"},
        {"vm": "src", "msg": {"execute": "stop"}},
        {"vm": "src"},
    ],
)
def test_a_line_of_a_trace_is_one_thing(line: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(SCHEMAS["trace"]).is_valid(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON)
def test_the_layout_changes_nothing(value: Any) -> None:
    text = laid_out(value).decode()
    assert json.loads(text) == value
    assert text.endswith("\n")


def test_a_thing_has_a_line() -> None:
    assert laid_out({"a": [{"b": 1}, {"c": [], "d": [2, 3]}], "e": "ä"}).decode() == (
        '{\n  "a": [\n    {"b": 1},\n    {\n      "c": [],\n      "d": [2, 3]\n    }\n  ],\n  "e": "ä"\n}\n'
    )


PROGRAM = """
import hashlib, json
from migspec.spec.profiles import PROFILES
from migspec.traces.vectors.samples import entities_of
from migspec.traces.vectors.sequences import Sequences
profile = PROFILES["qemu-5.2.0"]
sequences = Sequences(profile)
made = [sequences.as_object(s) for s in sequences.every() if s.name.startswith(("held/q", "fresh/st", "fresh/quit"))]
print(len(made), hashlib.sha256(json.dumps([made, list(entities_of(profile))]).encode()).hexdigest())
"""


def test_other_processes_make_the_same() -> None:
    """The order of sets of texts is another in each of these."""
    told = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=ENVIRONMENT | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert int(next(iter(told)).split()[0]) >= 3
