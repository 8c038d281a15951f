"""The model in QEMU's place: an install whose command line serves a model.

`ModelInstall` is used wherever a `QemuInstall` is, so that a scenario runs unchanged against the model and is recorded
by the same recorder.  The process that a scenario starts is `tests.live.stand_in`.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.live.session import RELEASE, Vm
from tests.live.stand_in import WITHOUT

REPOSITORY: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class ModelInstall:
    """The model, where a QEMU is expected."""

    release: str = RELEASE
    """The release whose behaviour the model shows."""

    def command(self, *arguments: str, program: str = "qemu-system-x86_64") -> list[str]:
        """Return the command line that serves a model, or makes an empty disk."""
        if program == "qemu-img":
            *_, path, size = arguments
            return ["truncate", "-s", size, path]
        return [sys.executable, "-m", "tests.live.stand_in", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """What the command line needs besides the caller's environment: where the tests are."""
        return {"PYTHONPATH": os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))}


def lacks(vms: Iterable[Vm]) -> str:
    """Why a scenario with these VMs cannot be run against the model; empty if it can."""
    for vm in vms:
        words = " ".join(vm.arguments)
        failover = "failover_pair_id" in words
        for part, reason in WITHOUT.items():
            if part in words and not (part == "q35" and failover):
                return reason
    return ""
