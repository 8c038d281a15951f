"""The order in which threads and monitors take steps, on random walks of one VM with one or two clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.states import READY, REQUESTS

from migspec.spec.requests import understand
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.schema import ABSENT
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.state import VARIABLES, assign
from migspec.spec.steps import (
    IO,
    MAIN,
    MIGRATION,
    NEGOTIATED,
    NEGOTIATING,
    Configuration,
    Due,
    Monitor,
    Relation,
    Step,
    announced,
    deliver_event,
    shows_all,
)

RELATION = Relation(QEMU_5_2_0)
MIGRATE = understand("migrate", {"uri": "unix:/s"}, SCHEMA)
POLL = understand("query-migrate", ABSENT, SCHEMA)
CANCEL = understand("migrate_cancel", ABSENT, SCHEMA)
AHEAD = "migrate_cancel.device-first"
OUT_OF_BAND = understand("migrate-pause", ABSENT, SCHEMA, oob=True)
HELD = assign(READY, {"outgoing": "pre-switchover", "stage": "held", "run": "finish-migrate", "cap.events": "yes"})
"""A source that waits in pre-switchover."""
LENGTH = 30


def shown(c: Configuration) -> Iterator[Configuration]:
    """Every way to show the next message on a monitor, whatever it is."""
    for index, monitor in enumerate(c.monitors):
        owed = [items[0] for items in c.owed if items] if not monitor.backlog else [monitor.backlog[0]]
        for item in owed:
            if isinstance(item, str):
                yield from deliver_event(c, index, item)
            elif item.monitor == index and monitor.backlog:
                yield c.with_monitor(index, monitor.without_first_shown())
            elif item.monitor == index:
                thread = IO if item.oob else MAIN
                yield c.owing(thread, c.owed[thread][1:])


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    """What a VM may come to while one or two clients ask this and that."""
    asked = st.lists(st.sampled_from(REQUESTS), max_size=3)
    monitors = tuple(Monitor(queue=tuple(draw(asked))) for _ in range(draw(st.integers(1, 2))))
    c = Configuration(READY, monitors=monitors)
    for _ in range(draw(st.integers(0, LENGTH))):
        ways = [step.after for step in RELATION.hidden(c)] + list(shown(c))
        if not ways:
            break
        c = ways[draw(st.integers(0, len(ways) - 1))]
    return c


def taken(c: Configuration) -> Iterator[tuple[Step, int]]:
    """The steps by a row or a case, each with the thread that comes to owe something, or nothing new."""
    for step in RELATION.hidden(c):
        if step.rule:
            changed = [i for i, (a, b) in enumerate(zip(c.owed, step.after.owed, strict=True)) if len(a) != len(b)]
            yield step, changed[0] if changed else -1


@given(configurations())
def test_a_thread_that_owes_a_message_takes_no_other_step(c: Configuration) -> None:
    for step, thread in taken(c):
        if thread >= 0:
            assert not c.owed[thread], step.rule


@given(configurations())
def test_requests_are_executed_in_the_order_of_their_monitor(c: Configuration) -> None:
    for step in RELATION.hidden(c):
        for before, after in zip(c.monitors, step.after.monitors, strict=True):
            assert after.queue in (before.queue, before.queue[1:])
            assert after.oob in (before.oob, before.oob[1:])


@given(configurations())
def test_no_step_makes_a_contradiction(c: Configuration) -> None:
    for step in RELATION.hidden(c):
        assert all(variable.of(step.after.state) for variable in VARIABLES.values()), step.rule


@given(configurations())
def test_an_event_goes_to_every_monitor_once(c: Configuration) -> None:
    for items in c.owed:
        if not items or not isinstance(items[0], str) or items[0].startswith("="):
            continue
        for index, monitor in enumerate(c.monitors):
            if monitor.backlog:
                continue
            for after in deliver_event(c, index, items[0]):
                others = [other for i, other in enumerate(after.monitors) if i != index]
                before = [other for i, other in enumerate(c.monitors) if i != index]
                for old, new in zip(before, others, strict=True):
                    assert new.backlog == ((*old.backlog, items[0]) if old.listens else old.backlog)


@given(configurations())
def test_what_is_owed_is_sent_before_the_thread_goes_on(c: Configuration) -> None:
    for after in shown(c):
        paid = sum(map(len, c.owed)) + sum(len(m.backlog) for m in c.monitors)
        left = sum(map(len, after.owed)) + sum(len(m.backlog) for m in after.monitors)
        assert left >= paid - 1
        assert after.state == c.state


def test_an_accepted_migrate_owes_its_event_before_its_reply() -> None:
    c = Configuration(READY, monitors=(Monitor(queue=(MIGRATE,)),))
    accepted = next(step for step in RELATION.hidden(c) if step.rule == "migrate.accepted")
    event, due = accepted.after.owed[MAIN]
    assert event == "MIGRATION:setup"
    assert isinstance(due, Due)
    assert due.request is MIGRATE
    assert not accepted.after.monitors[0].queue


def test_a_request_out_of_band_is_executed_while_the_main_loop_owes_something() -> None:
    waiting = Monitor(session=VARIABLES["session"].bits(("oob",)), queue=(POLL,), oob=(OUT_OF_BAND,))
    c = Configuration(READY, monitors=(waiting,)).owing(MAIN, ("STOP",))
    executed = [step.after for step in RELATION.hidden(c) if step.after.monitors[0].oob == ()]
    assert executed
    assert all(after.monitors[0].queue == (POLL,) and after.owed[IO] for after in executed)


@pytest.mark.parametrize(("setting", "told"), [("yes", ("MIGRATION:setup", "STOP")), ("no", ("STOP",))])
def test_migration_events_are_owed_while_they_are_switched_on(setting: str, told: tuple[str, ...]) -> None:
    state = assign(READY, {"cap.events": setting})
    assert list(announced(state, ("MIGRATION:setup", "STOP"))) == [(state, told)]


def test_whether_events_are_on_is_learned_from_one() -> None:
    state = assign(READY, {"cap.events": ("no", "yes")})
    found = {owed: VARIABLES["cap.events"].of(after) for after, owed in announced(state, ("MIGRATION:setup",))}
    assert found == {("MIGRATION:setup",): ("yes",), (): ("no",)}


def test_an_event_that_nobody_listens_to_is_dropped() -> None:
    c = Configuration(READY, monitors=(Monitor(session=NEGOTIATING),)).owing(MAIN, ("STOP",))
    assert not list(deliver_event(c, 0, "STOP"))
    assert not shows_all(c)
    assert c.owing(MAIN, ()) in [step.after for step in RELATION.hidden(c)]


def test_a_change_that_waits_its_turn_is_made_without_a_message() -> None:
    c = Configuration(READY, monitors=(Monitor(session=NEGOTIATED),)).owing(MAIN, ("=stage:cleaning", "STOP"))
    (step,) = [step for step in RELATION.hidden(c) if step.after.owed[MAIN] == ("STOP",)]
    assert VARIABLES["stage"].of(step.after.state) == ("cleaning",)


def test_a_process_that_exits_has_stopped_its_guest_and_told_nobody() -> None:
    asked = {name: understand(name, ABSENT, SCHEMA) for name in ("cont", "query-status")}
    exiting = assign(READY, {"life": "down", "run": "running"})
    for name, told in (("cont", "cont.reset-needed"), ("query-status", "query-status.answered")):
        c = Configuration(exiting, monitors=(Monitor(queue=(asked[name],)),))
        after = [step.after for step in RELATION.execute(c, 0, asked[name], oob=False)]
        dues = [h.owed[MAIN][-1] for h in after]
        assert told in {due.expect.rule for due in dues if isinstance(due, Due)}
        assert not any(due.expect.rule == "cont.no-effect" for due in dues if isinstance(due, Due))
        assert {VARIABLES["run"].known(h.state) for h in after} == {"running"}
    seen = [due.expect.seen for due in dues if isinstance(due, Due)]
    assert {VARIABLES["run"].known(state) for state in seen} == {"shutdown"}


def orders(c: Configuration, told: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every order in which the one monitor shows all that is owed, when no thread takes a step."""
    if not any(c.owed):
        yield told
    for items in c.owed:
        if items and isinstance(items[0], str):
            for after in deliver_event(c, 0, items[0]):
                yield from orders(after, (*told, items[0]))
        elif items:
            yield from orders(c.owing(MAIN, ()), (*told, "the reply"))


def test_what_is_left_to_the_migration_thread_is_shown_whenever_it_comes_to_that() -> None:
    c = Configuration(HELD, monitors=(Monitor(queue=(CANCEL,)),))
    (after,) = [step.after for step in RELATION.execute(c, 0, CANCEL, oob=False) if step.rule == AHEAD]
    assert set(orders(after)) == {
        ("MIGRATION:device", "MIGRATION:cancelling", "the reply"),
        ("MIGRATION:cancelling", "MIGRATION:device", "the reply"),
        ("MIGRATION:cancelling", "the reply", "MIGRATION:device"),
    }


def test_a_migration_thread_that_owes_something_has_not_got_ahead() -> None:
    c = Configuration(HELD, monitors=(Monitor(queue=(CANCEL,)),)).owing(MIGRATION, ("MIGRATION:pre-switchover",))
    assert AHEAD not in {step.rule for step in RELATION.execute(c, 0, CANCEL, oob=False)}


def test_nothing_is_left_to_the_migration_thread_while_the_events_are_off() -> None:
    c = Configuration(assign(HELD, {"cap.events": "no"}), monitors=(Monitor(queue=(CANCEL,)),))
    (after,) = [step.after for step in RELATION.execute(c, 0, CANCEL, oob=False) if step.rule == AHEAD]
    assert set(orders(after)) == {("the reply",)}
