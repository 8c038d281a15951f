"""Answers that do not change while a process lives: who it is, what it runs on, what it can be asked.

Clients ask these when they open a monitor.  Source: observed on QEMU 5.2.0 as it is packaged, without KVM.
"""

from collections.abc import Callable, Mapping
from typing import Final

from migspec.reference_impl.answers.introspection import commands_told, events_told, schema_told
from migspec.reference_impl.options import Options
from migspec.spec.vocabulary import QmpCapability

RELEASE: Final = (5, 2, 0)
"""The release that is modelled."""
PACKAGE: Final = "Debian 1:5.2+dfsg-11+deb11u3"
"""What the packager calls it."""
ARCHITECTURE: Final = "x86_64"
"""What the guest's processors are."""


def version() -> dict[str, object]:
    """The VersionInfo of the greeting and of query-version."""
    major, minor, micro = RELEASE
    return {"qemu": {"micro": micro, "minor": minor, "major": major}, "package": PACKAGE}


def greeting(release: Mapping[str, object] | None = None, *, oob: bool = True) -> dict[str, object]:
    """The first message of a monitor: its release, by default the modelled one, and whether it offers OOB execution."""
    offered = [word.value for word in QmpCapability] if oob else []
    return {"QMP": {"version": dict(release or version()), "capabilities": offered}}


def _name(options: Options) -> object:
    return {"name": options.name} if options.name else {}


ANSWERS: Final[Mapping[str, Callable[[Options], object]]] = {
    "query-version": lambda _options: version(),
    "query-qmp-schema": lambda options: list(schema_told(options.profile)),
    "query-commands": lambda options: list(commands_told(options.profile)),
    "query-events": lambda options: list(events_told(options.profile)),
    "query-name": _name,
    "query-uuid": lambda options: {"UUID": options.uuid},
    "query-target": lambda _options: {"arch": ARCHITECTURE},
    "query-kvm": lambda _options: {"enabled": False, "present": True},
    "query-iothreads": lambda _options: [],
}
"""What is answered to each of these commands, which take no arguments and never fail."""
