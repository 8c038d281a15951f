"""The machine: what it does to a subject, when it stops, and that a model keeps everything that is asked of it."""

import re
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.properties.stateful.puppets import puppet_arena

from migspec.cli.fuzzing.judging import LineJudge
from migspec.cli.fuzzing.virtual import VirtualSubject
from migspec.properties.stateful import Arena, BrokenError, Explorer, Grade, Run, Step, machine, perform
from migspec.properties.stateful.scene import RULES, Scene

QUICK = settings(
    max_examples=40,
    stateful_step_count=8,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
)


class Kept:
    """Keeps every run."""

    def __init__(self) -> None:
        self.runs: list[Run] = []

    def begins(self) -> bool:
        return True

    def ended(self, run: Run) -> None:
        self.runs.append(run)


def test_a_model_keeps_the_properties_and_its_trace_is_clean() -> None:
    quick = settings(QUICK, max_examples=5, stateful_step_count=25)
    run_state_machine_as_test(machine(Arena(VirtualSubject, LineJudge)), settings=quick)


def test_a_violation_is_raised_and_shrunk() -> None:
    explorer = machine(puppet_arena(word="migrate_cancel"))
    with pytest.raises(BrokenError) as raised:
        run_state_machine_as_test(explorer, settings=QUICK)
    program = raised.value.run.program
    assert program[0].rule == "begin"
    assert [step.rule for step in program[1:]] in (["cancel"], ["hurry"])


def test_what_hypothesis_prints_can_be_pasted() -> None:
    explorer = machine(puppet_arena(word="migrate_cancel"))
    with pytest.raises(BrokenError) as raised:
        run_state_machine_as_test(explorer, settings=settings(QUICK, verbosity=Verbosity.normal, print_blob=False))
    printed = "\n".join(raised.value.__notes__)
    pasted = printed[printed.index("state = Pair()") :]
    with pytest.raises(BrokenError):
        exec(pasted, {"Pair": explorer})


def test_a_known_defect_is_kept_and_the_run_goes_on() -> None:
    kept = Kept()
    state = machine(puppet_arena(defect="migrate_cancel"), kept)()
    perform((Step("begin", {}), Step("cancel", {"vm": "source"}), Step("stop", {"vm": "source"})), state)
    state.teardown()
    [run] = kept.runs
    assert not run.fails
    assert [found.rule for found in run.objections(Grade.DEFECT)] == ["disliked.migrate_cancel"]
    assert run.program[-1].rule == "stop"


def test_nothing_is_done_after_a_violation() -> None:
    kept = Kept()
    state = machine(puppet_arena(word="migrate_cancel"), kept)()
    perform((Step("begin", {}), Step("cancel", {"vm": "source"}), Step("stop", {"vm": "source"})), state)
    state.teardown()
    assert [step.rule for step in kept.runs[0].program] == ["begin", "cancel"]


def test_a_program_without_a_listener_raises() -> None:
    state = machine(puppet_arena(word="migrate_cancel"))()
    state.begin()
    with pytest.raises(BrokenError, match=re.escape("disliked.migrate_cancel: migrate_cancel was said.")):
        state.cancel(vm="source")
    state.teardown()


def test_a_swarm_enables_only_the_rules_of_its_themes() -> None:
    kept = Kept()
    run_state_machine_as_test(machine(puppet_arena(), kept), settings=settings(QUICK, max_examples=100))
    for run in kept.runs:
        if run.program:
            allowed = Scene(**run.program[0].arguments).rules
            assert {step.rule for step in run.program[1:]} <= allowed


def test_every_rule_is_taken() -> None:
    kept = Kept()
    run_state_machine_as_test(
        machine(puppet_arena(), kept), settings=settings(QUICK, max_examples=150, stateful_step_count=20)
    )
    taken = sum((run.rules for run in kept.runs), Counter[str]())
    assert set(taken) == RULES


def test_rules_are_those_of_the_class() -> None:
    assert all(hasattr(Explorer, name) for name in RULES)
