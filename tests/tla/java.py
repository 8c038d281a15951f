"""A Java to run TLC with: the machine's own, or one of the Debian archive, unpacked as the releases of QEMU are."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from tests.live.qemu import Unavailable, archives, unpack

PACKAGES = ("default-jre-headless",)
"""What is fetched; it depends on whatever Java the release of Debian has."""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java: its program, and what its environment needs besides the caller's."""

    program: Path
    environment: tuple[tuple[str, str], ...] = ()


@cache
def find() -> Java | Unavailable:
    """The Java on the path; failing that one from the cache, and failing that one from the network."""
    own = shutil.which("java")
    if own is not None:
        return Java(Path(own))
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return fetch(home / "migspec" / "java")


def fetch(root: Path) -> Java | Unavailable:
    """The Java that lies in this folder, fetched if there is none."""
    if platform.machine() != "x86_64" or shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return Unavailable("there is no java, and none can be unpacked without apt and dpkg on x86-64")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with root.with_name(root.name + ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return _in(root) if root.is_dir() else _install(root)
    except OSError as error:
        return Unavailable(f"there is no java, and none can be kept in {root}: {error.strerror}")


def or_skip() -> Java:
    """A Java; without one the test that asks is skipped, with the reason."""
    found = find()
    if isinstance(found, Unavailable):
        pytest.skip(f"TLC needs Java: {found.reason}")
    return found


def _install(root: Path) -> Java | Unavailable:
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    failure = "apt has no archive configured for the machine's own release"
    for archive in archives():
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=root.name + ".") as scratch:
            try:
                unpacked = unpack(archive, suite, Path(scratch), PACKAGES)
            except subprocess.CalledProcessError as error:
                failure = f"{error.cmd[0]} failed"
            except subprocess.TimeoutExpired:
                failure = "the download took too long"
            else:
                _lead_inside(unpacked)
                unpacked.rename(root)
                return _in(root)
    return Unavailable(f"there is no java, and none can be fetched: {failure}")


def _in(root: Path) -> Java | Unavailable:
    program = next(root.glob("usr/lib/jvm/java-*-openjdk-*/bin/java"), None)
    if program is None:
        return Unavailable(f"there is no java in {root}")
    libraries = ":".join(str(root / part) for part in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"))
    return Java(program, (("LD_LIBRARY_PATH", libraries),))


def _lead_inside(root: Path) -> None:
    """Let the links of the packages, which are meant for `/`, lead to where they were unpacked."""
    for path in root.rglob("*"):
        if path.is_symlink():
            target = os.readlink(path)
            if target.startswith("/"):
                path.unlink()
                path.symlink_to(os.path.relpath(root / target[1:], path.parent))
