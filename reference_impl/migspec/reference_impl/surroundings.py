"""What the two sides of a machine see of it: its state, its settings, its guest and its outside, none to be changed."""

from collections.abc import Iterable
from typing import Protocol

from migspec.reference_impl.host import Host
from migspec.reference_impl.options import Disk, Options
from migspec.reference_impl.physics.guest import Guest
from migspec.reference_impl.physics.settings import Settings
from migspec.spec.bitmaps import BitmapMapping
from migspec.spec.schema import Absent


class Surroundings(Settings, Protocol):
    """The machine that a side belongs to."""

    @property
    def now(self) -> float:
        """The time, in seconds."""

    @property
    def turn(self) -> int:
        """A number that has grown whenever something may have changed but the time."""

    @property
    def options(self) -> Options:
        """What the process was started with."""

    @property
    def disks(self) -> tuple[Disk, ...]:
        """The disks, with the dirty bitmaps that have come with a migration."""

    @property
    def host(self) -> Host:
        """The outside."""

    @property
    def guest(self) -> Guest:
        """The guest."""

    @property
    def guest_runs(self) -> bool:
        """Whether the guest runs."""

    @property
    def stands_by(self) -> bool:
        """Whether the guest has accepted that its primary is taken away for a migration."""

    def value(self, variable: str) -> str:
        """The value of a variable of the state."""

    def mapping(self) -> BitmapMapping | Absent:
        """The value of block-bitmap-mapping."""

    def streams(self, capabilities: Iterable[str]) -> None:
        """The stream that arrives is that of a source with these capabilities on."""
