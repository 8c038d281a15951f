"""What the harness reads from the machine, without any QEMU."""

import platform
from pathlib import Path

import pytest
from tests.live.qemu import Archive, Unavailable, archives, fetch

ONE_LINE = """
# deb http://commented.example/debian here main
deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian here main contrib
deb-src http://a.example/debian here main
deb http://urgent.example/debian here-security main
deb http://vendor.example/apt stable main
"""
DEB822 = """
Types: deb
# URIs: http://commented.example/debian
URIs: http://b.example/debian
 http://c.example/debian
Suites: here here-updates
Components: main
Signed-By: /k2.gpg

Types: deb
URIs: http://urgent.example/debian
Suites: here-security
Components: main
"""


def test_the_archives_of_the_machines_own_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"VERSION_CODENAME": "here"})
    assert archives(tmp_path) == []
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(ONE_LINE)
    (tmp_path / "sources.list.d" / "x.list").write_text(ONE_LINE)
    (tmp_path / "sources.list.d" / "x.sources").write_text(DEB822)
    assert archives(tmp_path) == [
        Archive("http://a.example/debian", "/k.gpg"),
        Archive("http://b.example/debian", "/k2.gpg"),
        Archive("http://c.example/debian", "/k2.gpg"),
    ]


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
