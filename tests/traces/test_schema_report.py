"""The outcome of a comparison of schemas, in golden texts for real QEMUs, and the command that prints it."""

import gzip
import json
import socket
from pathlib import Path

import pytest
from tests.spec.told import RECORDED, RELEASES
from tests.traces.command import run

from migspec.cli import main
from migspec.spec.profiles import PROFILES
from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.spec.schema.comparison import Difference, DifferenceKind
from migspec.traces.schema_report import SchemaReport, profile_of

GOLDEN = Path(__file__).with_name("golden")
PAIRS = [("5.2.0", SEED), *((release, QEMU_5_2_0) for release in RELEASES)]


@pytest.mark.parametrize(("release", "profile"), PAIRS)
def test_text_is_as_agreed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, release: str, profile: str
) -> None:
    monkeypatch.chdir(RECORDED)
    code = main(["schema", f"qemu-{release}.json.gz", "--profile", profile])
    shown, complaints = capsys.readouterr()
    assert shown == (GOLDEN / f"schema-{release}-{profile}.txt").read_text()
    assert (code, complaints) == (0 if profile == f"qemu-{release}" else 1, "")


@pytest.mark.parametrize(("release", "profile"), PAIRS)
def test_json_says_the_same(capsys: pytest.CaptureFixture[str], release: str, profile: str) -> None:
    path = str(RECORDED / f"qemu-{release}.json.gz")
    codes = [main(["schema", path, "--profile", profile, *more]) for more in ((), ("--format", "json"))]
    *text, line = capsys.readouterr().out.splitlines()
    shown = json.loads(line)
    assert codes == [int(not shown["same"])] * 2
    assert (shown["source"], shown["profile"], shown["same"]) == (path, profile, not shown["differences"])
    told = {
        f"{difference['kind'].replace('build', 'note'):8} {difference['path']}: {difference['message']}"
        for difference in (*shown["differences"], *shown["notes"])
    }
    assert {difference for difference in text[1:] if not difference.startswith(" ")} == told


def test_what_does_not_print_cannot_steer_a_terminal() -> None:
    nasty = Difference(DifferenceKind.ADDED, "\x1b[1m", "\n", ("\r",))
    report = SchemaReport("\x07", SEED, (nasty,))
    assert all(piece.text.isprintable() for line in report.as_text() for piece in line)
    assert json.loads(report.as_json())["differences"][0]["path"] == "\x1b[1m"


@pytest.mark.parametrize(("release", "profile"), [(None, QEMU_5_2_0), ("5.2.0", QEMU_5_2_0), ("99.0", SEED)])
def test_the_profile_is_that_of_the_release(release: str | None, profile: str) -> None:
    assert profile_of(release) == profile
    assert profile in PROFILES


# -- the command --


def test_standard_input(tmp_path: Path) -> None:
    reply = gzip.decompress((RECORDED / "qemu-5.2.0.json.gz").read_bytes())
    done = run("schema", "-", folder=tmp_path, data=reply)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"-: same as qemu-5.2.0 (1 note)\n")


def test_colours_on_request(tmp_path: Path) -> None:
    done = run("schema", RECORDED / "qemu-7.2.json.gz", "--color", "always", folder=tmp_path)
    assert b"\x1b[1;31mdiffers from\x1b[0m" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        ((), 2, "one of the arguments FILE --qmp is required; see migspec schema --help."),
        (("x", "--qmp", "unix:s"), 2, "argument --qmp: not allowed with argument FILE; see migspec schema --help."),
        (
            ("--qmp", "nowhere"),
            2,
            "--qmp nowhere: this is no address, expected unix:PATH or tcp:HOST:PORT; see migspec schema --help.",
        ),
        (("missing",), 3, "missing: cannot be opened (No such file or directory); expected a readable file."),
        (("folder",), 3, "folder: this is a folder; expected a file."),
        (("none",), 3, "none: there is no such reply in it; expected a reply to query-qmp-schema."),
        (
            ("--qmp", "unix:s"),
            3,
            "unix:s: the server cannot be reached (No such file or directory); "
            "expected a QMP server that listens there.",
        ),
    ],
)
def test_errors_are_one_sentence(tmp_path: Path, arguments: tuple[str, ...], code: int, complaint: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "none").write_text("{}")
    done = run("schema", *arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (code, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("migspec")
    assert line.endswith(f": {complaint}")


def test_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["schema", "--help"])
    assert "the file cannot be read or is no such reply, or the VM cannot be asked" in capsys.readouterr().out


def test_a_monitor_that_is_not_listened_on(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(tmp_path / "s"))
        done = run("schema", "--qmp", "unix:s", folder=tmp_path)
    assert done.returncode == 3
    assert b"cannot be reached (Connection refused)" in done.stderr
