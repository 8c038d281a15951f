"""`migspec vectors`: where it writes, what it never overwrites, and what it says where it cannot."""

from __future__ import annotations

import errno
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import jsonschema
import pytest
from tests.traces.command import ENVIRONMENT, GOOD, WRONG

from migspec.cli import scenes, vectors
from migspec.cli.command import Exit
from migspec.cli.entry import main
from migspec.spec.profiles import PROFILES
from migspec.spec.rows import QEMU_5_2_0
from migspec.traces.vectors.files import INDEX, PLACES
from migspec.traces.vectors.samples import entities_of


def test_a_scene_that_does_not_come_to_its_end_is_told() -> None:
    # without postcopy-ram, the order to switch to it is refused
    (postcopy,) = (scene for scene in scenes.SCENES if scene.name == "postcopy")
    with pytest.raises(scenes.UnplayedError, match="the scene postcopy has not come to postcopy-active"):
        scenes.played(replace(postcopy, capabilities=()))


@pytest.fixture
def _little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither traces that are played nor sequences, which take a minute, and few samples."""
    monkeypatch.setattr(vectors, "recordings", lambda: iter(()))
    monkeypatch.setattr(vectors, "faulty", lambda _played: iter(()))
    monkeypatch.setattr("migspec.traces.vectors.files.Sequences.every", lambda _self: iter(()))
    few = list(islice(entities_of(PROFILES[QEMU_5_2_0]), 2))
    monkeypatch.setattr("migspec.traces.vectors.files.entities_of", lambda _profile: iter(few))


def written(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def asked(*words: str | Path) -> int:
    return main(["vectors", "--profile", QEMU_5_2_0, *map(str, words)])


@pytest.mark.usefixtures("_little")
def test_a_folder_is_made_and_what_it_holds_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "deep" / "down"
    assert asked(folder) == Exit.CONFORMS
    files = written(folder)
    size = sum(map(len, files.values())) / 1e6
    assert capsys.readouterr().out == f"{folder}: {len(files)} files, {size:.1f} MB ({QEMU_5_2_0})\n"
    assert {Path(name).parts[0] for name in files} == {*PLACES} - {"traces"}


@pytest.mark.usefixtures("_little")
def test_older_vectors_are_overwritten_and_others_files_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("mine")
    assert asked(tmp_path) == Exit.CONFORMS
    first = written(tmp_path)
    (tmp_path / "traces.json").write_text("old")
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "mine.jsonl").write_text("mine")
    assert asked(tmp_path) == Exit.CONFORMS
    assert written(tmp_path) == first | {"traces/mine.jsonl": b"mine"}


@pytest.mark.parametrize("name", PLACES)
def test_what_is_not_ours_is_not_overwritten(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text('{"format": "another"}')
    assert asked(tmp_path) == Exit.UNREADABLE
    assert capsys.readouterr().err == (
        f"migspec: {tmp_path}: there is already something called {name}, and these are no vectors of migspec;"
        " expected a new folder, or one with vectors.\n"
    )
    assert written(tmp_path) == {name: b'{"format": "another"}'}


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/vectors"])
def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    assert asked(tmp_path / place) == Exit.UNREADABLE
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"migspec: {tmp_path / place}: the vectors cannot be written (")
    assert sentence.endswith("); expected a new folder, or one with vectors.")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.usefixtures("_little")
def test_a_disk_that_is_full_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(tmp_path) == Exit.CONFORMS
    before = written(tmp_path)
    capsys.readouterr()

    def full(path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data[:1])
        if path.name == INDEX and path.parent.name.startswith(".migspec-"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert asked(tmp_path) == Exit.UNREADABLE
    assert capsys.readouterr().err == (
        f"migspec: {tmp_path}: the vectors cannot be written (No space left on device);"
        " expected a new folder, or one with vectors.\n"
    )
    assert written(tmp_path) == before


@pytest.mark.usefixtures("_little")
def test_traces_that_are_given_have_their_verdicts(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    for name, data in {"good.jsonl": GOOD, "wrong.jsonl": WRONG, "empty.jsonl": b"", "log.jsonl": b"\xff\n"}.items():
        (tmp_path / "given" / name).write_bytes(data)
    (tmp_path / "good.jsonl").write_bytes(GOOD)
    folder = tmp_path / "vectors"
    assert asked("--traces", tmp_path / "given", "--traces", tmp_path / "good.jsonl", folder) == Exit.CONFORMS
    shown = json.loads((folder / "traces.json").read_bytes())["traces"]
    assert {trace["file"]: trace["verdicts"][0]["verdict"] for trace in shown} == {
        "traces/given/empty.jsonl": "unreadable",
        "traces/given/good.jsonl": "conforms",
        "traces/given/log.jsonl": "unreadable",
        "traces/given/wrong.jsonl": "violates",
        "traces/given/good+.jsonl": "conforms",
    }
    assert (folder / "traces" / "given" / "wrong.jsonl").read_bytes() == WRONG


@pytest.mark.usefixtures("_little")
def test_empty_lines_of_a_trace_are_left_out_as_they_are_when_it_is_checked(tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_bytes(GOOD.replace(b"\n", b"\n\n"))
    assert asked("--traces", tmp_path / "good.jsonl", tmp_path / "vectors") == Exit.CONFORMS
    (shown,) = json.loads((tmp_path / "vectors" / "traces.json").read_bytes())["traces"]
    assert [verdict["verdict"] for verdict in shown["verdicts"]] == ["conforms"]
    assert (tmp_path / "vectors" / shown["file"]).read_bytes() == GOOD


@pytest.mark.parametrize("place", ["none.jsonl", "empty"])
def test_traces_that_are_not_there_are_told_before_anything_is_made(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert asked("--traces", tmp_path / place, tmp_path / "new") == Exit.UNREADABLE
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"migspec: {tmp_path / place}: ")
    assert not (tmp_path / "new").exists()


@pytest.mark.soak
def test_everything_is_as_its_schema_says_and_the_same_every_time(tmp_path: Path) -> None:
    found = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        line = [sys.executable, "-m", "migspec.cli", "vectors", str(folder)]
        subprocess.run(line, env=ENVIRONMENT | {"PYTHONHASHSEED": seed}, check=True)
        found.append({name: hashlib.sha256(data).hexdigest() for name, data in written(folder).items()})
    assert found[0] == found[1]
    for validator, part in _parts(tmp_path / "1"):
        validator.validate(part)


def _parts(folder: Path) -> Iterator[tuple[jsonschema.Draft202012Validator, object]]:
    """Everything in a folder of which there is a schema, with the schema."""
    index = json.loads((folder / INDEX).read_bytes())
    entries = [{"file": INDEX, "kind": "index", "schema": "schemas/index.json"}, *index["files"]]
    for entry in entries:
        if "schema" in entry:
            validator = jsonschema.Draft202012Validator(json.loads((folder / entry["schema"]).read_bytes()))
            data = (folder / entry["file"]).read_bytes()
            for part in data.splitlines() if entry["kind"] == "trace" else [data]:
                yield validator, json.loads(part)
