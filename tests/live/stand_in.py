"""A program that takes QEMU's command line and becomes `migspec serve`.

What the options ask for and the model has no counterpart of is in `WITHOUT`.  Run once a process, it imports
little.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

WORKLOAD: Final = "zero:0.985"
"""What the memory of the smallest guest is like: the firmware leaves all but a MiB of it empty."""

WITHOUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tls-creds": "a model has no TLS",
        "virtio-rng-pci": "a model has no devices that another may lack",
        "amd-iommu": "a model has no devices that block a migration",
        "driver=replication": "a model has no replicated disks",
        "blkdebug": "a model has no disks that fail",
        "guest.raw": "a model's guest has no code",
        "-global": "a model has no properties",
        "-only-migratable": "a model has no devices that block a migration",
        "q35": "a model is no machine type that another may differ from",
    }
)
"""What in an option of QEMU has no counterpart in the model, and the reason in words."""

_IGNORED: Final[Mapping[str, int]] = MappingProxyType(
    {
        "-nodefaults": 0,
        "-no-shutdown": 0,
        "-display": 1,
        "-accel": 1,
        "-machine": 1,
        "-trace": 1,
        "-D": 1,
        "-netdev": 1,
        "-device": 1,
    }
)
"""The options that make no difference to the model, each with the number of its values."""

_HELD: Final = "now:hold=outgoing.wait-unplug-to-active"
_PROMPT: Final = "now:take=outgoing.setup-to-active"
_PRIMARY: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "keeps.boot": ("--failover", "--fault", _HELD),
        "gives.boot": ("--failover", "--fault", _PROMPT),
        "lingers.boot": ("--failover",),
    }
)
"""What a guest with a failover pair does about its primary, by the file that it is booted from."""

_DIRTIES: Final = re.compile(rb"\x81\xfe(....)\x72\xf0\xeb\xe9", re.DOTALL)  # where the boot sector has its size
_WRITES: Final = "10G"


class UntranslatableError(Exception):
    """An option of QEMU that the table does not know."""

    def __init__(self, option: str) -> None:
        super().__init__(f"no counterpart of {option} is known")
        self.option = option


def translated(arguments: Sequence[str]) -> list[str]:
    """Turn QEMU's options into those of `migspec serve`.

    Raises `UntranslatableError` for one that is not known.
    """
    line = ["--allow-exec"]
    workload = WORKLOAD
    words = iter(arguments)
    for word in words:
        if word in _IGNORED:
            for _ in range(_IGNORED[word]):
                next(words)
        elif word in ("-S", "-m", "-smp", "-uuid", "-name", "-incoming", "-qmp"):
            line += [word] if word == "-S" else [word, next(words)]
        elif word == "-spice":
            line += ["--spice"]
            next(words)
        elif word == "-object":
            line += ["--shared", _settings(next(words))["size"]]
        elif word in ("-drive", "-blockdev"):
            settings = _settings(next(words))
            name = Path(settings.get("file", "")).name
            if name.endswith(".boot") and name not in _PRIMARY:
                workload = f"{WORKLOAD}+hot:{_dirtied(Path(settings['file'])) - 1}M:{_WRITES}"
            else:
                line += _PRIMARY.get(name) or ["--disk", _disk(settings)]
        else:
            raise UntranslatableError(word)
    return [*line, "--workload", workload]


def _settings(text: str) -> dict[str, str]:
    return dict(setting.partition("=")[::2] for setting in text.split(","))


def _dirtied(path: Path) -> int:
    """The MiB of memory that the guest of a boot sector keeps writing."""
    found = _DIRTIES.search(path.read_bytes())
    return int.from_bytes(found[1], "little") >> 20 if found else 1


def _disk(settings: Mapping[str, str]) -> str:
    node = settings.get("node-name") or settings.get("id") or "ide0-hd0"
    return f"node={node},size={settings.get('size', '1M')},zero=1"


def main(arguments: Sequence[str]) -> None:
    """Become `migspec serve` with QEMU's options."""
    os.execv(sys.executable, [sys.executable, "-m", "migspec.cli", "serve", *translated(arguments)])


if __name__ == "__main__":
    main(sys.argv[1:])
