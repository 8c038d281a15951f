"""What a modelled process is started with: the counterpart of QEMU's command line."""

from dataclasses import dataclass, field

from migspec.spec.rows import QEMU_5_2_0

MIB = 1 << 20
"""Bytes of a mebibyte."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of the guest: its node name, size in bytes, and the names of its dirty bitmaps.

    `written` are the bytes a second that the guest writes to it, `zero` the share of it that holds zeroes alone.
    """

    node: str
    size: int
    bitmaps: tuple[str, ...] = ()
    written: int = 0
    zero: float = 0.0


@dataclass(frozen=True, slots=True)
class Options:
    """What a process is started with; each default is that of a process started without the option.

    `incoming` is the argument of ``-incoming``, a URI or ``defer``; `stopped` is ``-S``; `memory` is the guest's RAM in
    bytes; `bandwidth` is that of the host's network in bytes a second, `latency` its delay one way in seconds, `loss`
    the share of its packets that is lost, from 0 to 1;
    `workload` says what the guest does to its memory, in the notation of `migspec.reference_impl.physics.workload`.
    `failover` tells whether the guest has a failover pair with a primary to be unplugged, `spice` whether SPICE is
    served, `shared` the bytes of RAM in shared files.  `seed` decides whatever is left to chance.
    """

    incoming: str = ""
    stopped: bool = False
    memory: int = 128 * MIB
    vcpus: int = 1
    profile: str = QEMU_5_2_0
    name: str = ""
    uuid: str = "00000000-0000-0000-0000-000000000000"
    workload: str = "idle"
    bandwidth: int = 1250 * MIB
    latency: float = 0.0002
    loss: float = 0.0
    disks: tuple[Disk, ...] = field(default=())
    shared: int = 0
    failover: bool = False
    spice: bool = False
    seed: int = 0
