"""Shrinking: what is left is needed, and what does not always fail is tried again."""

import itertools

from tests.properties.stateful.puppets import Dislikes, Puppet, puppet_arena

from migspec.properties.stateful import Arena, Program, Step, attempts, replayed, shrunk

LONG = (
    Step("begin", {"themes": ["chaos"], "oob": True}),
    *(Step("stop", {"vm": "source"}) for _ in range(13)),
    Step("hurry", {"vm": "source", "commands": ["stop", "migrate_cancel", "cont"]}),
    Step("cont", {"vm": "source"}),
)
SHORT = (Step("begin", {"themes": [], "oob": False}), Step("hurry", {"vm": "source", "commands": ["migrate_cancel"]}))


def test_only_what_is_needed_is_left() -> None:
    arena = puppet_arena(word="migrate_cancel")
    run = shrunk(replayed(arena, LONG), attempts(arena, lambda run: run.fails))
    assert run.fails
    assert run.program[-1] == SHORT[-1]
    assert run.program[0].arguments["themes"] == []
    assert len(run.program) == 2


def test_what_fails_now_and_then_is_shrunk_too() -> None:
    turns = itertools.count()
    arena = Arena(Puppet, lambda: Dislikes("migrate_cancel" if next(turns) % 2 else ""), ())
    run = replayed(arena, LONG)
    if not run.fails:
        run = replayed(arena, LONG)
    short = shrunk(run, attempts(arena, lambda run: run.fails, tries=2))
    assert short.program[-1] == SHORT[-1]
    assert len(short.program) == 2


def test_it_ends_when_told() -> None:
    arena = puppet_arena(word="migrate_cancel")
    run = replayed(arena, LONG)
    turns = iter([True, True])
    tried: list[Program] = []

    def fails(program: Program) -> None:
        tried.append(program)

    assert shrunk(run, fails, goes_on=lambda: next(turns, False)) is run
    assert len(tried) == 2


def test_an_unbroken_program_stays_whole() -> None:
    arena = puppet_arena()
    run = replayed(arena, LONG)
    assert [step.rule for step in run.program] == [step.rule for step in LONG]
    assert not run.fails
