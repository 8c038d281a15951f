"""A real QEMU for the tests: fetch a release without root, run it, speak QMP to it one call at a time.

Its packages are unpacked, not installed, and run through their own loader.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from tests.live.debian import LIBRARIES, Unavailable, cache, unpacked

SUITES: Final[Mapping[str, str]] = MappingProxyType(
    {"5.2.0": "bullseye", "7.2": "bookworm", "10.0": "trixie", "11.1": "sid"}
)
"""The suite of the Debian archive that holds each release of QEMU."""

PACKAGES: Final = ("qemu-system-x86", "qemu-utils")

_ACCELERATOR: Final = "usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so"
_LOADER: Final = "ld-linux-x86-64.so.2"


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
        libraries = [self.root / part for part in LIBRARIES]
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


def fetch(release: str = "5.2.0") -> QemuInstall | Unavailable:
    """Return a release of QEMU, from the cache if it is there, from the network otherwise.

    The cache is `$MIGSPEC_QEMU_CACHE` or, under the user's cache folder, `migspec/qemu-RELEASE`.
    """
    if release not in SUITES:
        return Unavailable(f"no suite is known to hold QEMU {release}")
    root = Path(os.environ.get("MIGSPEC_QEMU_CACHE") or cache(f"qemu-{release}"))
    found = unpacked(f"QEMU {release}", root, SUITES[release], PACKAGES)
    return found if isinstance(found, Unavailable) else QemuInstall(release, found)
