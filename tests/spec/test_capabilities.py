"""migrate-set-capabilities against a second, independent formulation of it: any list, any table, any state."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from tests.spec.states import READY, request, value

from migspec.spec.commands import answers
from migspec.spec.commands.queries import listing
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.state import assign
from migspec.spec.vocabulary import MigrationCapability, MigrationStatus

GATED = (
    *("setup", "wait-unplug", "active", "pre-switchover", "device"),
    *("postcopy-active", "postcopy-paused", "postcopy-recover", "cancelling"),
)
NAMES = st.sampled_from(MigrationCapability) | st.sampled_from(("postcopy-ram", "x-ignore-shared", "block", "x-colo"))
LISTS = st.lists(st.tuples(NAMES, st.booleans()), max_size=6)
Setting = tuple[str, bool]
Outcome = str | frozenset[str]
"""The text of a refusal, or what is on after a success."""


def oracle(settings: Sequence[Setting], before: set[str], status: str, run: str, missing: set[str]) -> set[Outcome]:
    """What may come out: texts of refusals, and the table of a success."""
    if status in GATED:
        return {"There's a migration process in progress"}
    table = {name: name in before for name in MigrationCapability}
    for name, on in settings:
        table[MigrationCapability(name)] = on
    after = frozenset(name.value for name, on in table.items() if on)
    if "block" in after and "block-migration" in missing:
        return {"QEMU compiled without old-style (blk/-b, inc/-i) block migration"}
    if "x-colo" in after and "replication" in missing:
        return {"QEMU compiled without replication module can't enable COLO"}
    found: set[Outcome] = set()
    if "postcopy-ram" in after - before and run == "inmigrate":
        found.add("Postcopy is not supported")
    both = {"postcopy-ram", "x-ignore-shared"} <= after
    found.add("Postcopy is not compatible with ignore-shared" if both else after)
    return found


@given(
    LISTS,
    st.frozensets(NAMES),
    st.sampled_from(MigrationStatus),
    st.sampled_from(("running", "inmigrate")),
    st.frozensets(st.sampled_from(("block-migration", "replication"))),
)
def test_any_list_in_any_state(
    settings: list[Setting], before: frozenset[str], status: str, run: str, missing: frozenset[str]
) -> None:
    entries = [{"capability": name, "state": on} for name, on in settings]
    table = {f"cap.{name}": "yes" if name in before else "no" for name in MigrationCapability}
    lacking = dict.fromkeys(missing, "no")
    state = assign(READY, {**table, **lacking, "outgoing": status, "run": run})
    found: set[Outcome] = set()
    for answer in answers(request("migrate-set-capabilities", {"capabilities": entries}), state, QEMU_5_2_0):
        after = frozenset(name.value for name in MigrationCapability if value(answer.state, f"cap.{name}") == "yes")
        if answer.expect.words:
            # a refusal is whole: nothing of the list has taken effect
            assert answer.state == state
            found |= answer.expect.words.exact
        else:
            found.add(after)
    assert found == oracle(settings, set(before), status, run, set(missing))


@given(st.frozensets(st.sampled_from(MigrationCapability)), st.booleans(), st.booleans())
def test_the_list_shows_the_table_and_what_the_build_lacks(on: frozenset[str], has_block: bool, shown: bool) -> None:
    table = {f"cap.{name}": "yes" if name in on else "no" for name in MigrationCapability}
    state = assign(READY, {**table, "block-migration": "yes" if has_block else "no"})
    told = [(name, name in on) for name in MigrationCapability if shown or name != "block"]
    assert listing(told).holds(state) == (shown == has_block)
    wrong = [(name, (name in on) ^ (name == "events")) for name, _ in told]
    assert not listing(wrong).holds(state)
