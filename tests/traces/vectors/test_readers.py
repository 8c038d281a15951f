"""The readers of `docs/vectors` in Perl: they count what was written, and find the model's behaviour allowed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.traces.command import COMMAND, DEADLINE, ENVIRONMENT
from tests.traces.vectors.made import ROOT, listed, maker

from migspec.spec.rows import QEMU_5_2_0
from migspec.traces.vectors.files import Vectors
from migspec.traces.vectors.verdicts import Recorded

PROGRAMS = ROOT / "docs" / "vectors"
MODULES = ("JSON::PP", "IO::Socket::UNIX", "File::Temp", "List::Util")
LONGEST = 60
"""Lines that a reader may have."""


@pytest.fixture(scope="module")
def perl() -> str:
    found = shutil.which("perl")
    if found is None:
        pytest.skip("there is no perl on this machine")
    lacking = subprocess.run([found, *(f"-M{name}" for name in MODULES), "-e", "1"], capture_output=True, check=False)
    if lacking.returncode:
        pytest.skip(f"this perl lacks one of {', '.join(MODULES)}")
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors with few sequences, and a trace."""
    root = tmp_path_factory.mktemp("vectors")
    header = json.dumps({"format": "qmp-trace", "version": 1}).encode()
    names = ("fresh/stop", "fresh/quit", "held/migrate-continue", "deferred/migrate-incoming")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maker(), "every", lambda: iter([listed()[name] for name in names]))
        patch.setattr("migspec.traces.vectors.files.Sequences", lambda _profile: maker())
        for file in Vectors([QEMU_5_2_0], [Recorded("empty", "Nothing.", (header,))], {}).files():
            path = root / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.data)
    return root


def run(perl: str, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [perl, str(PROGRAMS / program), *map(str, arguments)]
    return subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=DEADLINE)


@pytest.mark.parametrize("program", ["count.pl", "drive.pl"])
def test_a_reader_is_short(program: str) -> None:
    assert len((PROGRAMS / program).read_text().splitlines()) <= LONGEST


def test_what_was_written_is_counted(perl: str, folder: Path) -> None:
    counted = run(perl, "count.pl", folder)
    assert counted.returncode == 0, counted.stderr
    assert counted.stdout == "files: 4\n"


def test_a_wrong_count_is_noticed(perl: str, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "v")
    samples = tmp_path / "v" / "samples" / "qemu-5.2.0.json"
    samples.write_text(samples.read_text().replace('{"valid": true},\n', "", 1))
    counted = run(perl, "count.pl", tmp_path / "v")
    assert counted.returncode != 0
    assert "samples/qemu-5.2.0.json" in counted.stderr


def test_a_sample_that_is_judged_wrong_is_noticed(perl: str, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "v")
    samples = tmp_path / "v" / "samples" / "qemu-5.2.0.json"
    good = '{"valid": true, "value": {"status": "pre-switchover"}}'
    assert good in samples.read_text()
    samples.write_text(samples.read_text().replace(good, good.replace("pre-", "past-")))
    counted = run(perl, "count.pl", tmp_path / "v")
    assert counted.returncode != 0
    assert "misjudged" in counted.stderr


def test_the_served_model_does_nothing_that_is_not_allowed(perl: str, folder: Path) -> None:
    driven = run(perl, "drive.pl", folder, "^(fresh/quit|held/)", *COMMAND, "serve", "--contracts", "off")
    assert driven.returncode == 0, driven.stderr
    assert driven.stdout.splitlines() == ["whole: fresh/quit", "whole: held/migrate-continue"]


def test_a_server_that_does_otherwise_is_noticed(perl: str, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "v")
    sequences = tmp_path / "v" / "sequences" / "qemu-5.2.0.json"
    sequences.write_text(sequences.read_text().replace('{"event": "STOP"', '{"event": "RESUME"'))
    driven = run(perl, "drive.pl", tmp_path / "v", "^fresh/stop$", *COMMAND, "serve", "--contracts", "off")
    assert driven.returncode != 0
    assert "fresh/stop: not allowed at place " in driven.stderr
