"""Programs: printed, they can be run; made smaller, they are smaller."""

from typing import Any

import pytest

from migspec.properties.stateful import Step, as_script, perform
from migspec.properties.stateful.program import smaller


class Log:
    """Notes what is called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.ended = 0

    def __getattr__(self, name: str) -> Any:
        return lambda **arguments: self.calls.append((name, arguments))

    def teardown(self) -> None:
        self.ended += 1


PROGRAM = (Step("begin", {"themes": ["a"], "pace": 0.5}), Step("migrate", {"vm": "source", "text": 'a "quote"\\'}))


def test_a_program_is_performed_in_order() -> None:
    log = Log()
    perform(PROGRAM, log)
    assert log.calls == [(step.rule, dict(step.arguments)) for step in PROGRAM]


def test_a_script_does_what_the_program_does() -> None:
    log = Log()
    text = as_script(
        PROGRAM,
        name="finding-1.py",
        title="It ends wrongly.",
        explanation='Says "why" in \\ and """.',
        prelude="from somewhere import Pair",
        machine="Pair",
    )
    scope: dict[str, Any] = {"Pair": lambda: log, "__name__": "pasted"}
    exec(text.replace("from somewhere import Pair\n", ""), scope)
    scope["test_finding_1"]()
    assert log.calls == [(step.rule, dict(step.arguments)) for step in PROGRAM]
    assert log.ended == 1


@pytest.mark.parametrize(
    ("value", "less"),
    [
        ([1, 2], [[2], [1]]),
        ({"a": 1, "b": 2}, [{"b": 2}, {"a": 1}]),
        (True, [False]),
        (False, []),
        (0.5, [0.0]),
        ("text", []),
    ],
)
def test_smaller_arguments(value: object, less: list[object]) -> None:
    assert [step.arguments["x"] for step in smaller(Step("r", {"x": value}))] == less
