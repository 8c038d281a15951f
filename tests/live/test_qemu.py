"""What the harness reads from the machine, without any QEMU."""

import platform
from pathlib import Path

import pytest
from tests.live.debian import Unavailable
from tests.live.qemu import fetch


def test_a_release_that_nobody_keeps() -> None:
    assert fetch("1.0") == Unavailable("no suite is known to hold QEMU 1.0")


def test_a_cached_release_needs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSPEC_QEMU_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    install = fetch("7.2")
    assert not isinstance(install, Unavailable)
    assert install.root == tmp_path


def test_a_machine_without_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSPEC_QEMU_CACHE", str(tmp_path / "new"))
    monkeypatch.setenv("PATH", "")
    answer = fetch()
    assert isinstance(answer, Unavailable)
    assert "needs apt and dpkg" in answer.reason


def test_a_machine_without_a_known_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSPEC_QEMU_CACHE", str(tmp_path / "new"))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr(platform, "freedesktop_os_release", dict)
    answer = fetch()
    assert isinstance(answer, Unavailable)
    assert answer.reason.endswith("apt has no archive configured for the machine's own release")
