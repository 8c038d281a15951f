"""What is known of VMs from their answers and events, and the properties that it breaks."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.properties.stateful.puppets import Dislikes, Puppet

from migspec.properties.stateful import PROPERTIES, Arena, Event, Grade, Reply
from migspec.properties.stateful.observed import Observed
from migspec.properties.stateful.session import Session
from migspec.properties.stateful.watching import View, Watch
from migspec.properties.temporal import Taken
from migspec.spec.composition import Side
from migspec.spec.state import describe

STATUS, RUN = "query-migrate", "query-status"
SRC, DST = Side.SOURCE, Side.DESTINATION


def known(view: View, *names: str) -> dict[str, str]:
    return describe(view.state(), names or ("outgoing", "incoming", "run"))


def test_a_status_is_that_of_the_migration_that_was_asked_for() -> None:
    source, destination = View(receives=False), View(receives=True)
    source.asked("migrate")
    for view in (source, destination):
        view.answered(STATUS, None, Reply({"status": "active"}))
    assert known(source) == {"outgoing": "active", "incoming": "none", "run": "?"}
    assert known(destination) == {"outgoing": "none", "incoming": "active", "run": "?"}


def test_a_status_of_a_vm_that_plays_both_parts_is_not_attributed() -> None:
    view = View(receives=True)
    view.asked("migrate")
    view.answered(STATUS, None, Reply({"status": "completed"}))
    assert known(view) == {"outgoing": "?", "incoming": "?", "run": "?"}


def test_capabilities_are_learnt() -> None:
    view = View(receives=False)
    listed = [{"capability": "xbzrle", "state": False}, {"capability": "events", "state": True}]
    view.answered("query-migrate-capabilities", None, Reply(listed))
    arguments = {"capabilities": [{"capability": "xbzrle", "state": True}]}
    view.answered("migrate-set-capabilities", arguments, Reply(error="no", error_class="GenericError"))
    assert known(view, "cap.xbzrle", "cap.events") == {"cap.xbzrle": "no", "cap.events": "yes"}
    view.answered("migrate-set-capabilities", arguments, Reply({}))
    assert known(view, "cap.xbzrle") == {"cap.xbzrle": "yes"}
    view.answered("migrate-set-capabilities", arguments, None)
    assert known(view, "cap.xbzrle") == {"cap.xbzrle": "?"}


def test_of_what_has_ended_only_that_is_known() -> None:
    view = View(receives=False)
    view.answered(RUN, None, Reply({"status": "running"}))
    view.ended()
    assert known(view, "run", "outgoing") == {"run": "?", "outgoing": "?"}
    assert "alive" not in known(view, "life")["life"]


def watched(answers: Mapping[tuple[Side, str], Any]) -> tuple[Puppet, Watch]:
    puppet = Puppet(answers, set(Side))
    watch = Watch(puppet)
    for side in Side:
        watch.started(side)
    return puppet, watch


def test_a_listening_destination_is_in_no_setup() -> None:
    puppet, watch = watched({})
    puppet.heard[DST] += [Event("MIGRATION", {"status": status}) for status in ("setup", "active")]
    assert [passed.status for passed in watch.passed()] == ["active"]
    assert watch.passed() == []


def test_what_is_told_while_it_is_asked_makes_the_answer_uncertain() -> None:
    class Late(Puppet):
        def tell(self, side: Side, command: str, arguments: Any = None) -> None:
            super().tell(side, command, arguments)
            if (side, command) == (DST, STATUS):
                self.heard[SRC].append(Event("MIGRATION", {"status": "failed"}))

    late = Late({(SRC, STATUS): {"status": "active"}, (SRC, RUN): {"status": "running"}}, set(Side))
    watch = Watch(late)
    for side in Side:
        watch.started(side)
    watch.views[SRC].asked("migrate")
    moment, meanwhile = watch.look(ask=True)
    assert describe(moment.source, ("outgoing", "run")) == {"outgoing": "?", "run": "?"}
    assert [passed.status for passed in meanwhile] == ["failed"]


BOTH_RUN = {(side, RUN): {"status": "running"} for side in Side} | {
    (SRC, "query-migrate-capabilities"): [{"capability": "x-colo", "state": False}]
}


def session(answers: Mapping[tuple[Side, str], Any], properties: tuple[Observed, ...] = PROPERTIES) -> Session:
    made = Session(Arena(lambda: Puppet(answers), Dislikes, properties))
    made.start(SRC)
    made.start(DST)
    made.settle(Taken(None, "begin"))
    return made


def broken(made: Session) -> dict[str, Grade]:
    return {found.rule: found.grade for found in made.finish().judgement.objections}


def test_two_guests_that_run_are_found() -> None:
    assert broken(session(BOTH_RUN)) == {"guest.one-side": Grade.VIOLATION}


def test_two_guests_that_run_by_a_late_cancellation_are_a_known_defect() -> None:
    answers = {**BOTH_RUN, (SRC, STATUS): {"status": "cancelled"}, (DST, STATUS): {"status": "completed"}}
    made = session({})
    made.ask(SRC, "migrate")
    assert isinstance(made.subject, Puppet)
    made.subject.answers = {**answers}
    made.ask(SRC, "query-migrate-capabilities")
    made.settle(Taken(None, "wait"))
    assert broken(made) == {"guest.one-side.cancelled-too-late": Grade.DEFECT}


def test_a_client_may_start_a_guest_twice() -> None:
    made = session({})
    made.ask(SRC, "migrate")
    made.ask(SRC, "cont")
    assert isinstance(made.subject, Puppet)
    made.subject.answers = BOTH_RUN
    made.ask(SRC, "query-migrate-capabilities")
    made.settle(Taken(None, "wait"))
    assert broken(made) == {}


@pytest.mark.parametrize(("step", "grade"), [("wait", Grade.VIOLATION), ("migrate", None)])
def test_a_terminal_status_lasts_until_the_next_migration(step: str, grade: Grade | None) -> None:
    made = session({})
    made.ask(SRC, "migrate")
    assert isinstance(made.subject, Puppet)
    made.subject.answers = {(SRC, STATUS): {"status": "failed"}}
    made.settle(Taken(SRC, "migrate"))
    made.subject.answers = {(SRC, STATUS): {"status": "active"}}
    made.settle(Taken(SRC, step))
    assert broken(made).get("outgoing.failed.lasts") is grade


def cancelling(run: str, *capabilities: str) -> dict[str, Grade]:
    made = session({})
    made.ask(SRC, "migrate")
    assert isinstance(made.subject, Puppet)
    made.subject.answers = {
        (SRC, STATUS): {"status": "cancelling"},
        (SRC, RUN): {"status": run},
        (SRC, "query-migrate-capabilities"): [{"capability": name, "state": True} for name in capabilities],
    }
    made.ask(SRC, "query-migrate-capabilities")
    made.settle(Taken(SRC, "migrate_cancel"))
    return broken(made)


def test_a_cancellation_that_never_ends_is_found() -> None:
    assert cancelling("running") == {"cancelling.ends": Grade.VIOLATION}


def test_known_cancellations_that_never_end_are_known() -> None:
    colo = ("pause-before-switchover", "x-colo")
    assert cancelling("finish-migrate", "postcopy-ram") == {"cancelling.ends.postcopy": Grade.DEFECT}
    assert cancelling("finish-migrate", *colo) == {"cancelling.ends.colo-after-pause": Grade.DEFECT}
    assert cancelling("running", "multifd") == {"cancelling.ends.multifd": Grade.DEFECT}


def test_a_status_needs_its_capability() -> None:
    made = session({(SRC, "query-migrate-capabilities"): [{"capability": "pause-before-switchover", "state": False}]})
    made.ask(SRC, "migrate")
    assert isinstance(made.subject, Puppet)
    made.subject.answers = {(SRC, STATUS): {"status": "pre-switchover"}}
    made.settle(Taken(SRC, "migrate"))
    assert broken(made) == {"outgoing.needs.pause-before-switchover": Grade.VIOLATION}


@pytest.mark.parametrize(
    ("told", "known_of"),
    [
        (("cancelling", "failed"), (True, True)),
        (("failed", "cancelling"), (True, False)),  # the migration thread was quicker than the main loop
        (("failed", "cancelling", "cancelling"), (True, False, False)),
        (("failed", "setup", "cancelling"), (True, True, True)),
        (("completed", "cancelling"), (True, True)),
        (("pre-switchover", "device", "cancelling"), (True, True, True)),
        (("cancelling", "device", "cancelled"), (True, False, True)),  # it was quicker, and told of it later
        (("cancelling", "postcopy-active"), (True, False)),
    ],
)
def test_what_the_other_thread_has_overtaken_tells_nothing(told: tuple[str, ...], known_of: tuple[bool, ...]) -> None:
    view = View(receives=False)
    assert tuple(view.told(status) is not None for status in told) == known_of
