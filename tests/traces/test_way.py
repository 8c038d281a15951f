"""A way that is kept short leads where the whole of it leads."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from migspec.spec.commands.queries import MigrateAnswer
from migspec.spec.requests import understand
from migspec.spec.schema import ABSENT, QEMU_5_2_0
from migspec.spec.steps import Monitor
from migspec.traces.automaton import Automaton, Node
from migspec.traces.beginnings import LATE, beginnings
from migspec.traces.hypotheses import Relation
from migspec.traces.observations import Emitted, Observation, Replied, Reply, Sent
from migspec.traces.way import MOST_NEW, Appeared, Changed, Repeated, Step, Way, shortened

ASKED = Sent(0, understand("query-migrate", ABSENT, QEMU_5_2_0))
PROGRESS = frozenset({"setup-time", "total-time", "expected-downtime", "ram"})
ACTIVE = Replied(0, "query-migrate", Reply(answer=MigrateAnswer("active", PROGRESS)))
PAUSED = Replied(0, "query-migrate", Reply(answer=MigrateAnswer("postcopy-paused", PROGRESS)))
RESULT = frozenset({"setup-time", "total-time", "downtime", "ram"})
COMPLETED = Replied(0, "query-migrate", Reply(answer=MigrateAnswer("completed", RESULT)))
PASS = Emitted(0, "MIGRATION_PASS:n")
STOP = Emitted(0, "STOP")

steps = st.lists(st.sampled_from([ASKED, ACTIVE, PAUSED, PASS, STOP]), max_size=40)
polling = st.lists(
    st.sampled_from([(ASKED, ACTIVE), (ASKED, ACTIVE, PASS), (PASS,), (ASKED, PAUSED)]).flatmap(
        lambda stretch: st.integers(1, 9).map(lambda times: stretch * times)
    ),
    max_size=6,
).map(lambda stretches: [step for stretch in stretches for step in stretch])


def expanded(kept: list[Step]) -> list[Step]:
    result: list[Step] = []
    for step in kept:
        result += step.stretch * step.times if isinstance(step, Repeated) else [step]
    return result


def as_steps(seen: list[Observation]) -> list[Step]:
    return list(seen)


def untouched(node: Node, _monitors: tuple[Monitor, ...]) -> Node:
    return node


@given(steps | polling)
def test_nothing_is_lost(seen: list[Observation]) -> None:
    assert expanded(shortened(as_steps(seen))) == seen


def test_what_is_no_observation_is_never_part_of_a_stretch() -> None:
    appeared, changed = Appeared((Monitor(),)), Changed(lambda node: node)
    kept: list[Step] = [appeared, appeared, changed, changed, ASKED, ASKED, appeared]
    assert shortened(kept) == [appeared, appeared, changed, changed, Repeated((ASKED,), 2), appeared]


def test_a_long_time_of_polling_takes_no_room() -> None:
    way = Way()
    for _ in range(3 * MOST_NEW):
        way.recent += [ASKED, ACTIVE]
        if len(way.recent) >= MOST_NEW:
            assert way.shorten()
    assert len(way.steps) + len(way.recent) < MOST_NEW
    assert way.observations()[:2] == [ASKED, ACTIVE]


AUTOMATON = Automaton(Relation("qemu-5.2.0"))
START = AUTOMATON.node(h._replace(monitors=(Monitor(),)) for h in beginnings(AUTOMATON.relation)[LATE])


@settings(max_examples=6)
@given(polling)
def test_the_short_way_leads_where_the_long_one_does(seen: list[Observation]) -> None:
    long, short = Way(), Way()
    long.recent += seen
    short.recent += seen
    short.shorten()
    assert short.go(AUTOMATON, START, untouched)[0] is long.go(AUTOMATON, START, untouched)[0]
    assert short.go(AUTOMATON, START, untouched)[1] == long.go(AUTOMATON, START, untouched)[1]


def test_a_change_and_a_monitor_are_made_again_on_the_way() -> None:
    made: list[str] = []

    def change(node: Node) -> Node:
        made.append("change")
        return node

    def appear(node: Node, monitors: tuple[Monitor, ...]) -> Node:
        made.append(f"{len(monitors)} monitors")
        return node

    way = Way()
    way.recent += [Appeared((Monitor(), Monitor())), ASKED, Changed(change), ACTIVE]
    assert way.go(AUTOMATON, START, appear)[1]
    assert made == ["2 monitors", "change"]


def test_a_way_that_leads_nowhere_tells_how_far_it_led() -> None:
    way = Way()
    # what is completed does not become active by itself; the first answer may be older than what came after it
    way.recent += [ASKED, COMPLETED, ASKED, COMPLETED, ASKED, ACTIVE]
    last, explains = way.go(AUTOMATON, START, untouched)
    assert not explains
    assert AUTOMATON.follow(last, ACTIVE).node is None
