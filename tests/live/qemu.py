"""A real QEMU for the tests: fetch a release without root, run it, speak QMP to it one call at a time.

Nothing is installed: the packages are unpacked into a cache folder and run through their own loader.  The
archive they come from is the one that the machine's own apt is configured for.
"""

import contextlib
import fcntl
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

SUITES: Final[Mapping[str, str]] = MappingProxyType(
    {"5.2.0": "bullseye", "7.2": "bookworm", "10.0": "trixie", "11.1": "sid"}
)
"""The suite of the Debian archive that holds each release of QEMU."""

PACKAGES: Final = ("qemu-system-x86", "qemu-utils")
PATIENCE: Final = 600
"""Seconds that the download may take before the release counts as unavailable."""

_LIBRARIES: Final = (
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu/pulseaudio",
)
_ACCELERATOR: Final = "usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so"
_LOADER: Final = "ld-linux-x86-64.so.2"
_APT: Final = Path("/etc/apt")


class Install(Protocol):
    """Something that a VM can be started from: a QEMU, or whatever takes its command line."""

    @property
    def release(self) -> str:
        """The release whose behaviour it shows."""

    @property
    def environment(self) -> dict[str, str]:
        """What its programs need besides the caller's environment."""

    def command(self, *arguments: str, program: str = "qemu-system-x86_64") -> list[str]:
        """Return the command line that runs one of its programs with these arguments."""


@dataclass(frozen=True, slots=True)
class QemuInstall:
    """An unpacked QEMU."""

    release: str
    """The release that was asked for, a key of `SUITES`."""
    root: Path
    """The folder that stands for `/`."""

    def command(self, *arguments: str, program: str = "qemu-system-x86_64") -> list[str]:
        """Return the command line that runs one of its programs with these arguments."""
        libraries = [self.root / part for part in _LIBRARIES]
        loader = next(path for part in libraries if (path := part / _LOADER).exists())
        line = [
            str(loader),
            "--library-path",
            ":".join(map(str, libraries)),
            str(self.root / "usr/bin" / program),
        ]
        if program.startswith("qemu-system"):
            line += ["-L", str(self.root / "usr/share/seabios"), "-L", str(self.root / "usr/share/qemu")]
        return [*line, *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """What its programs need besides the caller's environment: where their modules are, if TCG is one."""
        modules = next((path.parent for path in self.root.glob(_ACCELERATOR)), None)
        return {} if modules is None else {"QEMU_MODULE_DIR": str(modules)}


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why there is no QEMU."""

    reason: str
    """One line."""


@dataclass(frozen=True, slots=True)
class Archive:
    """One Debian archive that the machine is configured for."""

    uri: str
    """Where it is."""
    signed_by: str | None
    """Its keyring, if the configuration names one."""


def fetch(release: str = "5.2.0") -> QemuInstall | Unavailable:
    """Return a release of QEMU, from the cache if it is there, from the network otherwise.

    The cache is `$MIGSPEC_QEMU_CACHE` or, under the user's cache folder, `migspec/qemu-RELEASE`.  Callers at
    the same time wait for the first.
    """
    if release not in SUITES:
        return Unavailable(f"no suite is known to hold QEMU {release}")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = Path(os.environ.get("MIGSPEC_QEMU_CACHE") or home / "migspec" / f"qemu-{release}")
    if root.is_dir():
        return QemuInstall(release, root)
    if platform.machine() != "x86_64" or shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return Unavailable(f"QEMU {release} is unpacked from Debian packages for x86-64, which needs apt and dpkg")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with _locked(root.with_name(root.name + ".lock")):
            return QemuInstall(release, root) if root.is_dir() else _install(release, root)
    except OSError as error:
        return Unavailable(f"QEMU {release} cannot be kept in {root}: {error.strerror}")


def archives(folder: Path = _APT) -> list[Archive]:
    """Read the machine's apt configuration: the archives of the Debian release that it runs itself."""
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
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


def _install(release: str, root: Path) -> QemuInstall | Unavailable:
    candidates = archives()
    failure = "apt has no archive configured for the machine's own release"
    for archive in candidates:
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=root.name + ".") as scratch:
            try:
                unpacked = unpack(archive, SUITES[release], Path(scratch), PACKAGES)
            except subprocess.CalledProcessError as error:
                lines = [line for line in str(error.stderr).splitlines() if line.startswith("E:")]
                failure = lines[0] if lines else f"{error.cmd[0]} failed"
            except subprocess.TimeoutExpired:
                failure = f"the download took more than {PATIENCE} seconds"
            else:
                unpacked.rename(root)
                return QemuInstall(release, root)
    return Unavailable(f"QEMU {release} cannot be fetched: {failure}")


def unpack(archive: Archive, suite: str, scratch: Path, packages: Sequence[str]) -> Path:
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
