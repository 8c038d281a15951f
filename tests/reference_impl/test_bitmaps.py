"""Dirty bitmaps between two machines, with and without a mapping."""

from hypothesis import given
from hypothesis import strategies as st

from migspec.reference_impl.bitmaps import arrived, travelling
from migspec.reference_impl.options import MIB, Disk
from migspec.spec.bitmaps import BitmapAlias, BitmapMapping, NodeAlias
from migspec.spec.schema import ABSENT

NAMES = st.sampled_from(["a", "b", "c", "d"])
DISKS = st.lists(
    st.builds(Disk, NAMES, st.just(MIB), st.lists(NAMES, unique=True, max_size=3).map(tuple)),
    unique_by=lambda disk: disk.node,
    max_size=3,
)
MAPPINGS = st.lists(
    st.builds(
        NodeAlias,
        NAMES,
        NAMES.map(str.upper),
        st.lists(
            st.builds(BitmapAlias, NAMES, NAMES.map(str.upper)),
            unique_by=(lambda bitmap: bitmap.name, lambda bitmap: bitmap.alias),
            max_size=3,
        ).map(tuple),
    ),
    unique_by=(lambda node: node.node_name, lambda node: node.alias),
    max_size=3,
).map(tuple)


@given(DISKS)
def test_without_a_mapping_all_travel_under_their_own_names(disks: list[Disk]) -> None:
    bitmaps, staying = travelling(disks, ABSENT)
    assert bitmaps == tuple((disk.node, name) for disk in disks for name in disk.bitmaps)
    assert not staying
    assert arrived(bitmaps, disks, ABSENT) == (bitmaps, ())


@given(DISKS, MAPPINGS)
def test_what_a_mapping_leaves_out_stays_and_the_rest_comes_back(disks: list[Disk], mapping: BitmapMapping) -> None:
    every = {(disk.node, name) for disk in disks for name in disk.bitmaps}
    mapped = {(node.node_name, bitmap.name) for node in mapping for bitmap in node.bitmaps}
    bitmaps, staying = travelling(disks, mapping)
    assert {f"{node}/{name}" for node, name in every - mapped} == set(staying)
    taken, reports = arrived(bitmaps, disks, mapping)
    assert set(taken) == every & mapped
    assert not reports


@given(DISKS, MAPPINGS, st.data())
def test_an_unknown_alias_is_reported_and_ends_it(
    disks: list[Disk], mapping: BitmapMapping, data: st.DataObject
) -> None:
    bitmaps, _ = travelling(disks, mapping)
    place = data.draw(st.integers(0, len(bitmaps)))
    stranger = data.draw(st.sampled_from([("Z", "Z"), *((node, "Z") for node, _ in bitmaps)]))
    taken, reports = arrived((*bitmaps[:place], stranger, *bitmaps[place:]), disks, mapping)
    assert taken == arrived(bitmaps[:place], disks, mapping)[0]
    kind = "node" if stranger[0] == "Z" else "bitmap"
    assert reports == (f"Unknown {kind} alias 'Z'",)
