"""A Java to run TLC with: the machine's own, or one of the Debian archive, unpacked as the releases of QEMU are."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest
from tests.live.debian import Unavailable, cache, own_suite, unpacked

PACKAGES = ("default-jre-headless",)
"""What is fetched; it depends on whatever Java the release of Debian has."""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java: its program, and what its environment needs besides the caller's."""

    program: Path
    environment: tuple[tuple[str, str], ...] = ()


@lru_cache(maxsize=1)
def find() -> Java | Unavailable:
    """The Java on the path; failing that one from the cache, and failing that one from the network."""
    own = shutil.which("java")
    if own is not None:
        return Java(Path(own))
    return fetch(cache("java"))


def fetch(root: Path) -> Java | Unavailable:
    """The Java that lies in this folder, fetched if there is none."""
    found = unpacked("Java", root, own_suite(), PACKAGES, _lead_inside)
    return found if isinstance(found, Unavailable) else _in(found)


def or_skip() -> Java:
    """A Java; without one the test that asks is skipped, with the reason."""
    found = find()
    if isinstance(found, Unavailable):
        pytest.skip(f"TLC needs Java: {found.reason}")
    return found


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
