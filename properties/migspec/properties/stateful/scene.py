"""What a run is like from its beginning: the rules that it may take, the set-up of both VMs, the pace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from hypothesis import strategies as st

from migspec.spec.vocabulary import MigrationCapability

MIB: Final = 1 << 20

CAPABILITIES: Final = (
    *(MigrationCapability.RETURN_PATH,) * 4,
    MigrationCapability.POSTCOPY_RAM,
    MigrationCapability.PAUSE_BEFORE_SWITCHOVER,
    MigrationCapability.XBZRLE,
    MigrationCapability.AUTO_CONVERGE,
    MigrationCapability.ZERO_BLOCKS,
    MigrationCapability.RELEASE_RAM,
    MigrationCapability.LATE_BLOCK_ACTIVATE,
    MigrationCapability.POSTCOPY_BLOCKTIME,
    MigrationCapability.VALIDATE_UUID,
    MigrationCapability.MULTIFD,
    MigrationCapability.COMPRESS,
    MigrationCapability.DIRTY_BITMAPS,
    MigrationCapability.X_COLO,
)
"""What a run may have switched on from the start on, what makes a difference more often."""

PACES: Final = (0.005, 0.0, 0.02, 0.1)
"""Seconds that pass after each step of a run."""

BANDWIDTHS: Final = (None, None, 4 * MIB, 512 << 10, 64 << 10)
"""Bytes a second that a migration may send; None leaves it alone."""

THEMES: Final[Mapping[str, tuple[str, ...]]] = {
    "precopy": ("cancel", "limit", "query", "stop", "cont"),
    "postcopy": ("start_postcopy", "pause", "recover", "rejoin", "cut", "limit"),
    "switchover": ("proceed", "cancel", "stop", "cont"),
    "deaths": ("kill", "quit"),
    "settings": ("switch", "tune", "limit"),
    "addresses": ("migrate_nowhere", "listen_nowhere", "listen", "new_link"),
    "chaos": ("query", "request", "hurry", "reset", "take_over", "cut"),
}
"""The rules that a swarm enables together."""

ALWAYS_ENABLED: Final = frozenset({"wait", "migrate", "advance", "replace"})
"""Without these a run comes to nothing."""

RULES: Final = ALWAYS_ENABLED.union({"begin"}, *THEMES.values())
"""Every rule, and how a run begins."""

IMPLIED: Final[Mapping[str, str]] = {
    "postcopy": MigrationCapability.POSTCOPY_RAM,
    "switchover": MigrationCapability.PAUSE_BEFORE_SWITCHOVER,
}
"""The capabilities without which a theme comes to nothing."""

DOWNTIMES: Final = (300, 1, 2000)
"""Milliseconds that the guest may stand still."""


@dataclass(frozen=True, slots=True)
class Scene:
    """How a run begins."""

    themes: Sequence[str] = ()
    """Names of what this run may do: its swarm."""
    pace: float = 0.0
    """Seconds that pass after each step."""
    polls: bool = True
    """Whether both VMs are asked after each step what they are doing."""
    capabilities: Sequence[str] = ()
    """What the source has on from the start on, besides what a theme implies."""
    events: bool = True
    """Whether both have events on."""
    alike: bool = True
    """Whether the destination has the same on as the source."""
    listening: Literal["told", "from the start", "no"] = "told"
    """How the destination comes to listen on the first link."""
    migrating: bool = False
    """Whether the source migrates over it at once."""
    bandwidth: int | None = None
    """Bytes a second that the source may send, in postcopy too; None leaves it alone."""
    downtime: int = 300
    """Milliseconds that the guest may stand still."""
    busy: int = 0
    """MiB of memory that the guest writes for ever."""
    stopped: bool = False
    """Whether the guests are not started."""
    oob: bool = False
    """Whether clients may send out of band."""
    chance: int = 0
    """What decides whatever is left to chance in a subject that can repeat it."""

    @property
    def rules(self) -> frozenset[str]:
        """The rules that a run may take."""
        return ALWAYS_ENABLED.union(*(THEMES.get(theme, ()) for theme in self.themes))

    @property
    def common(self) -> frozenset[str]:
        """The capabilities that both have on."""
        implied = {str(IMPLIED[theme]) for theme in self.themes if theme in IMPLIED}
        return frozenset(implied.union(self.capabilities if self.alike else ()))


SCENES: Final[Mapping[str, Any]] = {
    "themes": st.lists(st.sampled_from(sorted(THEMES)), min_size=2, max_size=5, unique=True).map(sorted),
    "pace": st.sampled_from(PACES),
    "polls": st.sampled_from([True, True, True, False]),
    "capabilities": st.lists(st.sampled_from(CAPABILITIES).map(str), max_size=3, unique=True).map(sorted),
    "events": st.sampled_from([True] * 9 + [False]),
    "alike": st.sampled_from([True] * 7 + [False]),
    "listening": st.sampled_from(["told", "told", "told", "from the start", "no"]),
    "migrating": st.sampled_from([True, True, True, False]),
    "bandwidth": st.sampled_from(BANDWIDTHS),
    "downtime": st.sampled_from(DOWNTIMES),
    "busy": st.sampled_from([0, 0, 8]),
    "stopped": st.sampled_from([False] * 7 + [True]),
    "oob": st.booleans(),
    "chance": st.integers(0, 999),
}
"""What draws each part of a scene."""
