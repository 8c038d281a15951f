"""Dirty bitmaps on their way: under which aliases they leave, and what the destination makes of them.

Source: schema, MigrationParameter.block-bitmap-mapping.  What the mapping leaves out does not travel; an alias that the
destination does not know is reported, and everything after it is discarded.
"""

from collections.abc import Iterable, Sequence

from migspec.reference_impl.options import Disk
from migspec.spec.bitmaps import BitmapMapping
from migspec.spec.schema import ABSENT, Absent

Bitmap = tuple[str, str]
"""A bitmap by the names, or the aliases, of its node and of its own."""


def travelling(disks: Iterable[Disk], mapping: BitmapMapping | Absent) -> tuple[tuple[Bitmap, ...], tuple[str, ...]]:
    """The aliases under which the bitmaps of `disks` travel, and those that stay, as ``node/bitmap``."""
    aliases = None if mapping is ABSENT else _aliases(mapping)
    leaving, staying = [], []
    for disk in disks:
        for name in disk.bitmaps:
            alias = (disk.node, name) if aliases is None else aliases.get((disk.node, name))
            if alias is None:
                staying.append(f"{disk.node}/{name}")
            else:
                leaving.append(alias)
    return tuple(leaving), tuple(staying)


def arrived(
    bitmaps: Sequence[Bitmap], disks: Iterable[Disk], mapping: BitmapMapping | Absent
) -> tuple[tuple[Bitmap, ...], tuple[str, ...]]:
    """The bitmaps that `disks` get from aliases, each by its names, and what is to be reported."""
    names = None if mapping is ABSENT else {alias: name for name, alias in _aliases(mapping).items()}
    nodes = {disk.node for disk in disks}
    taken: list[Bitmap] = []
    for node_alias, alias in bitmaps:
        known = (node_alias, alias) if names is None else names.get((node_alias, alias))
        if known is None or known[0] not in nodes:
            unknown = "node" if _is_unknown_node(node_alias, nodes, names) else "bitmap"
            return tuple(taken), (f"Unknown {unknown} alias '{node_alias if unknown == 'node' else alias}'",)
        taken.append(known)
    return tuple(taken), ()


def _is_unknown_node(alias: str, nodes: set[str], names: dict[Bitmap, Bitmap] | None) -> bool:
    if names is None:
        return alias not in nodes
    return not any(node == alias and name[0] in nodes for (node, _), name in names.items())


def _aliases(mapping: BitmapMapping | Absent) -> dict[Bitmap, Bitmap]:
    if not isinstance(mapping, tuple):
        return {}
    return {(node.node_name, bitmap.name): (node.alias, bitmap.alias) for node in mapping for bitmap in node.bitmaps}
