"""What several tables of relations are made with: words for statuses, for capabilities, and for members that stay."""

from __future__ import annotations

from collections.abc import Iterable

from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.spec.schema.structs import MIGRATION_STATS
from migspec.spec.vocabulary import MigrationStatus as Status

WRITTEN = frozenset({SEED, QEMU_5_2_0})
"""The profiles of what the schema's text says, too."""

PRECOPY = frozenset({Status.ACTIVE, Status.PRE_SWITCHOVER, Status.DEVICE})
"""The statuses between the set-up and the end or the switch to postcopy."""

CANCELLING = frozenset({Status.CANCELLING})
"""The status in which everything may still be on its way."""

PAUSED = frozenset({Status.POSTCOPY_PAUSED})
"""The status of a postcopy without a connection."""

NO_CLOCK_STEP = "the host's clock is not set meanwhile"
"""What relations between times need."""

_COUNTERS = tuple(f"ram.{member.name.replace('-', '_')}" for member in MIGRATION_STATS.members)


def unchanged(members: Iterable[str]) -> str:
    """The formula which says that these members are as in the answer before."""
    return " and ".join(f"{member} == before.{member}" for member in members)


def counters(*left_out: str) -> tuple[str, ...]:
    """The members of `ram`, but for those."""
    return tuple(counter for counter in _COUNTERS if counter not in left_out)
