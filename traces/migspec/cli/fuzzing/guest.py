"""A guest for a QEMU without a disk image: a boot sector that keeps writing memory."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

_ORIGIN: Final = 0x7C00  # where the firmware loads a boot sector
_ENTER: Final = bytes.fromhex(
    "fa 31c0 8ed8"  # cli; ds = 0
    "e492 0c02 e692"  # open the A20 gate
    "0f0116"  # lgdt [descriptor], whose address follows
)
_PROTECTED: Final = bytes.fromhex(
    "0f20c0 0c01 0f22c0"  # protected mode on
    "ea1d7c0800"  # far jump to the next instruction, as 32-bit code
    "66b81000 8ed8"  # ds = all memory
    "be00001000"  # outer: esi = 1 MiB
    "ff06"  # inner: count in the first word of the page
    "81c600100000"  # the next page
    "81fe"  # is it the last one, whose address follows?
)
_LOOP: Final = bytes.fromhex("72f0 ebe9")  # no: inner; yes: outer
_SEGMENTS: Final = struct.pack("<QQQ", 0, 0x00CF9A000000FFFF, 0x00CF92000000FFFF)  # none, code, data


def boot_sector_options(path: Path, megabytes: int = 32) -> list[str]:
    """Write a disk whose boot sector rewrites this much memory for ever; return QEMU's options for it.

    It touches every page from 1 MiB up to `megabytes` MiB, so a VM with a small `max-bandwidth` never has a
    clean enough memory to end its precopy phase.
    """
    tail = _PROTECTED + struct.pack("<I", megabytes << 20) + _LOOP
    segments = _ORIGIN + len(_ENTER) + 2 + len(tail)
    descriptor = struct.pack("<HI", len(_SEGMENTS) - 1, segments)
    code = _ENTER + struct.pack("<H", segments + len(_SEGMENTS)) + tail + _SEGMENTS + descriptor
    path.write_bytes(code.ljust(510, b"\0") + b"\x55\xaa" + bytes(64 << 10))
    return ["-drive", f"file={path},format=raw,if=ide,snapshot=on"]
