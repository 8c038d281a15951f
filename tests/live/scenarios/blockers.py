"""What keeps a VM from migrating: devices whose state cannot be saved, and block drivers that object."""

from pathlib import Path
from typing import Final

from tests.live.monitor import Message
from tests.live.scenarios.steps import cancel, look, migrate, reach, slow_start
from tests.live.scenarios.table import scenario
from tests.live.session import Session, Vm


def make_folder(folder: Path) -> None:
    """Make the folder that a block driver shows as a disk."""
    (folder / "fat").mkdir()


ALONE: Final = {"src": Vm(prepare=make_folder)}
IOMMU: Final = {"src": Vm(("-machine", "q35", "-device", "amd-iommu"))}


def _fat(s: Session, node: str = "fat") -> Message:
    return {"driver": "vvfat", "node-name": node, "dir": s.path("fat"), "rw": True}


@scenario(IOMMU)
def unmigratable_device(s: Session) -> None:
    """A device without a state that can be saved blocks the migration, which then does not begin."""
    src = s.monitor("src", capabilities=("events",))
    migrate(src, "exec:cat > /dev/null")
    migrate(src, "bogus")
    migrate(src, "exec:cat > /dev/null", resume=True)
    look(src)


@scenario(ALONE)
def blocked_by_a_block_driver(s: Session) -> None:
    """A writable vvfat blocks the migration as long as it is there; the newest blocker speaks."""
    src = s.monitor("src", capabilities=("events",))
    src.execute("blockdev-add", _fat(s))
    src.execute("blockdev-add", _fat(s, "newest"))
    migrate(src, "exec:cat > /dev/null")
    migrate(src, "bogus")
    look(src)
    src.execute("blockdev-del", {"node-name": "newest"})
    migrate(src, "exec:cat > /dev/null")
    src.execute("blockdev-del", {"node-name": "fat"})
    migrate(src, "exec:cat > /dev/null")
    reach(src, "completed")
    src.execute("blockdev-add", _fat(s))
    migrate(src, "exec:cat > /dev/null")
    look(src)


@scenario({"src": ALONE["src"], "dst": Vm(incoming="defer")})
def blocker_refused_meanwhile(s: Session) -> None:
    """A block driver that would block the migration is refused while one runs, and welcome afterwards."""
    src, _, uri = slow_start(s)
    src.execute("blockdev-add", _fat(s))
    look(src)
    cancel(src)
    src.execute("blockdev-add", _fat(s))
    reach(src, "cancelled")
    src.execute("blockdev-add", _fat(s))
    migrate(src, uri)
    look(src)


@scenario({"src": Vm(("-only-migratable",), prepare=make_folder)})
def blocker_refused_where_all_must_migrate(s: Session) -> None:
    """With -only-migratable nothing may be added that would block a migration."""
    src = s.monitor("src", capabilities=("events",))
    src.execute("blockdev-add", _fat(s))
    src.execute("device_add", {"driver": "nvme", "serial": "x"})
    migrate(src, "exec:cat > /dev/null")
    reach(src, "completed")
    look(src)
