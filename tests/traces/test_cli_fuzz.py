"""`migspec fuzz` as its users run it: how it complains, what it tells, what it finds and writes down."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.traces.command import COMMAND, run

from migspec.cli import main
from migspec.cli.command import Exit
from migspec.properties.stateful import BrokenError
from migspec.traces.findings import Verdict
from migspec.traces.judge import judge_file

WRONG = (
    "",
    "--source x",
    "--destination x",
    "--qmp-source unix:x",
    "--qemu x --model",
    "--source x --destination y --qemu z",
    "--qmp-source x --qmp-destination unix:y",
    "--model --seconds 0",
    "--model --seconds never",
    "--model --runs 0",
    "--model --steps many",
    "--model --seed -1",
    "--model --profile qemu-9",
    "--qemu x --fault link-lost",
    "--model --fault nonsense",
)


@pytest.mark.parametrize("arguments", WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_said_in_one_sentence(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fuzz", *arguments.split()])
    told = capsys.readouterr()
    assert ended.value.code == Exit.USAGE
    assert told.out == ""
    assert told.err.endswith("; see migspec fuzz --help.\n")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--qemu", "/nowhere/qemu"), "/nowhere/qemu cannot be run (No such file or directory)."),
        (("--source", "false", "--destination", "false"), "false did not come to serve a monitor (exit status 1)."),
        (("--qmp-source", "unix:/nowhere", "--qmp-destination", "unix:/nowhere"), "unix:/nowhere: nobody greets there"),
    ],
)
def test_what_cannot_be_reached_is_said_in_one_sentence(arguments: tuple[str, ...], says: str) -> None:
    done = run("fuzz", *arguments, "--runs", "1", "--seed", "1")
    assert done.returncode == Exit.UNREADABLE
    assert done.stdout == b""
    assert done.stderr.decode().startswith(f"migspec: {says}")
    assert done.stderr.count(b"\n") == 1


def test_the_model_is_explored_without_a_violation(tmp_path: Path) -> None:
    done = run("fuzz", "--model", "--runs", "4", "--steps", "40", "--seed", "7", "--format", "json", "-o", tmp_path)
    assert done.returncode == Exit.CONFORMS, done.stderr.decode()
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["findings"] == []
    assert told["seed"] == 7
    assert told["whole"] == 4
    assert told["covered"]["rules"]["seen"] > 100
    assert told["statuses"]["source"]["active"] > 0
    table = (tmp_path / "known-defects.md").read_text()
    for known in told["known"]:
        assert f"| `{known['rule']}` |" in table
        assert (tmp_path / f"known-{known['rule']}.jsonl").exists()


HANGS = ("--model", "--fault", "outgoing=cancelling:hang", "--seed", "20", "--runs", "4")


@pytest.fixture(scope="module")
def hanging(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, Path]:
    """What is told of a model whose cancellations never end, and the folder with what was found."""
    folder = tmp_path_factory.mktemp("found")
    done = run("fuzz", *HANGS, "--color", "never", "-o", folder)
    return done.returncode, done.stdout.decode(), folder


def test_a_violation_is_found_and_made_short(hanging: tuple[int, str, Path]) -> None:
    code, told, folder = hanging
    assert code == Exit.VIOLATES, told
    assert "finding 1: What is being cancelled is cancelled, completes or fails. [cancelling.ends]" in told
    script = (folder / "finding-1.py").read_text()
    assert 3 <= script.count("        state.") <= 6, script
    report = judge_file(str(folder / "finding-1.jsonl"))
    assert report.verdict is Verdict.CONFORMS
    assert "cancelling.ends" in (folder / "finding-1.txt").read_text()


def test_the_script_of_a_finding_shows_it_again(
    hanging: tuple[int, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["finding-1.py"])
    with pytest.raises(BrokenError, match=r"cancelling\.ends"):
        runpy.run_path(str(hanging[2] / "finding-1.py"), run_name="__main__")


def test_served_vms_are_explored() -> None:
    serve = f"{' '.join(COMMAND)} serve --contracts off -m 64"
    line = ("--source", serve, "--destination", serve, "--seed", "3", "--runs", "1", "--steps", "10")
    done = run("fuzz", *line, "--format", "json")
    told = json.loads(done.stdout)
    assert told["whole"] >= 1, done.stderr.decode()
    assert done.returncode == Exit.CONFORMS, told["findings"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("fuzz", "--model", "--runs", "1", "--steps", "2", "--seed", "1", "-o", tmp_path / "file")
    assert done.returncode == Exit.UNREADABLE
    assert b"cannot be made" in done.stderr
