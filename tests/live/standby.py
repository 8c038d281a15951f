"""A guest that takes part in the failover of a network card: it accepts STANDBY, and may give the primary back.

It is a boot sector in real mode that speaks to the configuration space of PCI only.  The registers of the
virtio card are reached through the capability that the specification of virtio has for such guests
(`VIRTIO_PCI_CAP_PCI_CFG`).  The primary sits behind a port that can be hot-plugged; the guest gives it back
by switching the power of that port off.
"""

import struct
from pathlib import Path
from typing import Final

STANDBY: Final = "standby"
"""The id of the virtio card, which FAILOVER_NEGOTIATED names."""

PRIMARY: Final = "primary"
"""The id of the card that is unplugged for a migration, which UNPLUG_PRIMARY names."""

_SECTOR: Final = 510
_DISK: Final = 1 << 20  # the firmware refuses to boot from less

_NEGOTIATE: Final = bytes.fromhex(
    "fa 31c0 8ed8 8ed0 bc007c"  # cli; ds = ss = 0; a stack
    "66bb00180080"  # ebx = what selects device 3 of bus 0, the virtio card
    "66bf09000005 66bdff0000ff e86800"  # find the capability that is vendor specific and of type 5
    "bec27c"  # si = the writes, at the end
    "ac 660fb6c0 b108 e87900"  # next: its register is the first byte
    "ac 660fb6c0 b10c e86f00"  # its length is the second
    "66ad b110 e86800"  # its value is the other four
    "803cff 75e0"  # until there is none left
)
_PLUG: Final = bytes.fromhex(
    "66bb00280080"  # ebx = what selects device 5, the port
    "66bf10000000 66bdff000000 e83000"  # find the capability of PCI Express
    "66b8c0011900 b118 e84300"  # slot control: power on; slot status: clear what the plugging has set
)
_EJECT: Final = bytes.fromhex(
    "e84600 66be"  # look at slot control and status for ever; esi = how often to look again, which follows
)
_RELEASE: Final = bytes.fromhex(
    "66ed 66a900000100 74f6"  # until the attention button is pressed
    "66ed 664e 75fa"  # look again that often
    "66b8c0070100 e82100"  # slot control: power off
)
_HALT: Final = bytes.fromhex("f4 ebfd")
_SUBROUTINES: Final = bytes.fromhex(
    "b93400 e81e00 ec"  # find, the capability edi under the mask ebp: al = the first capability
    "88c5 b100 e81600 66ed"  # again: ch = its register; read it
    "6689c2 6621ea 6639fa 88e0 75ea c3"  # not the one? al = the next
    "e80300 66ef c3"  # write eax to register ch + cl
    "6650 88e8 00c8 660fb6c0 6609d8 baf80c 66ef b2fc 6658 c3"  # select register ch + cl; dx = the data port
)

_STATUS: Final = 20
_WRITES: Final = (
    (_STATUS, 1, 0),  # reset
    (_STATUS, 1, 1),  # acknowledged
    (_STATUS, 1, 3),  # and there is a driver
    (8, 4, 0),
    (12, 4, 0),  # none of the features 0 to 31
    (8, 4, 1),
    (12, 4, 1 << (32 - 32) | 1 << (62 - 32)),  # of the others, VERSION_1 and STANDBY
    (_STATUS, 1, 11),  # these it is
)
"""Writes to the common configuration: offset, length, value."""


def write_guests(folder: Path) -> None:
    """Write `keeps.boot`, whose guest keeps the primary, and two whose guests give it back at once or later."""
    for name, looks in (("keeps", 0), ("gives", 1), ("lingers", 150_000)):
        (folder / f"{name}.boot").write_bytes(_boot_sector(looks).ljust(_DISK, b"\0"))


def _boot_sector(looks: int) -> bytes:
    """Return a boot sector that looks this often at the port before it gives the primary back; 0: never does."""
    release = _EJECT + struct.pack("<I", looks) + _RELEASE
    writes = b"".join(struct.pack("<BBI", *write) for write in _WRITES) + b"\xff"
    code = _NEGOTIATE + _PLUG + (release if looks else _HALT.ljust(len(release))) + _HALT + _SUBROUTINES + writes
    return code.ljust(_SECTOR, b"\0") + b"\x55\xaa"


def failover_options(guest: str) -> tuple[str, ...]:
    """Return QEMU's options for a pair of cards and one of the guests, whose file is in `{dir}`."""
    card = "mac=52:54:00:12:34:56,romfile="
    return (
        *("-machine", "q35"),
        *("-drive", f"file={{dir}}/{guest}.boot,format=raw,if=ide,snapshot=on"),
        *("-netdev", "hubport,id=net0,hubid=0", "-netdev", "hubport,id=net1,hubid=0"),
        *("-device", "pcie-root-port,id=root1,bus=pcie.0,addr=5,chassis=1,slot=1"),
        *("-device", f"virtio-net-pci,id={STANDBY},bus=pcie.0,addr=3,failover=on,disable-legacy=on,netdev=net0,{card}"),
        *("-device", f"virtio-net-pci,id={PRIMARY},bus=root1,failover_pair_id={STANDBY},netdev=net1,{card}"),
    )
