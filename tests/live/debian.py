"""Programs of the Debian archive without root: the packages are unpacked into a cache folder, not installed.

The archive is the one that the machine's own apt is configured for.
"""

import contextlib
import fcntl
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATIENCE: Final = 600
"""Seconds that a download may take before the program counts as unavailable."""

LIBRARIES: Final = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/pulseaudio")
"""The folders of the libraries in what was unpacked."""

_APT: Final = Path("/etc/apt")


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why there is no such program."""

    reason: str
    """One line."""


@dataclass(frozen=True, slots=True)
class Archive:
    """One Debian archive that the machine is configured for."""

    uri: str
    """Where it is."""
    signed_by: str | None
    """Its keyring, if the configuration names one."""


def cache(name: str) -> Path:
    """The folder under the user's cache folder in which a program of this name is kept."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "migspec" / name


def own_suite() -> str:
    """The suite that the machine runs itself, empty if it does not tell."""
    return platform.freedesktop_os_release().get("VERSION_CODENAME", "")


def unpacked(
    what: str, root: Path, suite: str, packages: Sequence[str], prepare: Callable[[Path], None] = lambda _: None
) -> Path | Unavailable:
    """The folder that holds these packages of a suite, fetched on first use; `what` is their name in a sentence.

    `prepare` changes what was unpacked before anybody sees it. Callers at the same time wait for the first.
    """
    if root.is_dir():
        return root
    if platform.machine() != "x86_64" or shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return Unavailable(f"{what} is unpacked from Debian packages for x86-64, which needs apt and dpkg")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with _locked(root.with_name(root.name + ".lock")):
            return root if root.is_dir() else _fetch(what, root, suite, packages, prepare)
    except OSError as error:
        return Unavailable(f"{what} cannot be kept in {root}: {error.strerror}")


def archives(folder: Path = _APT) -> list[Archive]:
    """Read the machine's apt configuration: the archives of the Debian release that it runs itself."""
    suite = own_suite()
    found: list[Archive] = []
    for path in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]:
        if path.is_file():
            found += _one_line_style(path.read_text(), suite)
    for path in sorted((folder / "sources.list.d").glob("*.sources")):
        found += _deb822_style(path.read_text(), suite)
    return list(dict.fromkeys(found))


def _one_line_style(text: str, suite: str) -> Iterator[Archive]:
    for match in re.finditer(r"^deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+main\b", text, re.MULTILINE):
        options, uri, named = match.groups()
        if named == suite:
            keyring = re.search(r"signed-by=(\S+)", options or "", re.IGNORECASE)
            yield Archive(uri, keyring and keyring.group(1))


def _deb822_style(text: str, suite: str) -> Iterator[Archive]:
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", text):
        fields = {
            name.lower(): value.split()
            for name, value in re.findall(r"^(\S+?):(.*(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        }
        if suite in fields.get("suites", []) and "main" in fields.get("components", []):
            keyring = [word for word in fields.get("signed-by", []) if word.startswith("/")]
            for uri in fields.get("uris", []):
                yield Archive(uri, keyring[0] if keyring else None)


def _fetch(
    what: str, root: Path, suite: str, packages: Sequence[str], prepare: Callable[[Path], None]
) -> Path | Unavailable:
    failure = "apt has no archive configured for the machine's own release"
    for archive in archives():
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=root.name + ".") as scratch:
            try:
                folder = _unpack(archive, suite, Path(scratch), packages)
            except subprocess.CalledProcessError as error:
                lines = [line for line in str(error.stderr).splitlines() if line.startswith("E:")]
                failure = lines[0] if lines else f"{error.cmd[0]} failed"
            except subprocess.TimeoutExpired:
                failure = f"the download took more than {PATIENCE} seconds"
            else:
                prepare(folder)
                folder.rename(root)
                return root
    return Unavailable(f"{what} cannot be fetched: {failure}")


def _unpack(archive: Archive, suite: str, scratch: Path, packages: Sequence[str]) -> Path:
    """Download packages into an apt root of our own, and unpack; return the folder that stands for `/`.

    Raises what `subprocess.run` raises for a program that fails or takes too long.
    """
    for folder in ("state/lists/partial", "cache/archives/partial", "root"):
        (scratch / folder).mkdir(parents=True)
    (scratch / "status").touch()
    options = f"[signed-by={archive.signed_by}] " if archive.signed_by else ""
    (scratch / "sources.list").write_text(f"deb {options}{archive.uri} {suite} main\n")
    settings = {
        "Dir::State": scratch / "state",
        "Dir::State::status": scratch / "status",
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::sourcelist": scratch / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "APT::Update::Error-Mode": "any",
        "Acquire::Check-Valid-Until": "false",  # an old suite is no longer signed anew
    }
    apt = [
        "apt-get",
        "-q",
        "-y",
        *(word for name, value in settings.items() for word in ("-o", f"{name}={value}")),
    ]
    for command in ("update",), ("install", "--download-only", "--no-install-recommends", *packages):
        subprocess.run([*apt, *command], check=True, capture_output=True, text=True, timeout=PATIENCE)
    for package in sorted((scratch / "cache/archives").glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(package), str(scratch / "root")], check=True, capture_output=True, text=True)
    return scratch / "root"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
