"""Where programs of Debian come from, without any download."""

import platform
from pathlib import Path

import pytest
from tests.live.debian import Archive, archives

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
