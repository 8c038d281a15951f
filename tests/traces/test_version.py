"""Which version of migspec this is, by its package and by its clone."""

from __future__ import annotations

import subprocess
from pathlib import Path

from migspec.traces.version import commit_of, installed_version


def test_the_version_is_that_of_the_package() -> None:
    assert installed_version()[:1].isdigit()


def test_a_commit_is_that_of_the_clone_that_tracks_the_file(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    (tmp_path / "module.py").write_text("a")
    assert commit_of(tmp_path / "module.py") == ""
    subprocess.run([*git, "add", "module.py"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "One"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert commit_of(tmp_path / "module.py") == head
    (tmp_path / "module.py").write_text("b")
    assert commit_of(tmp_path / "module.py") == f"{head}-dirty"
