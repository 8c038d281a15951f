"""A run written down as what was done in it: a list of calls that can be done again, printed, and made shorter.

The calls are those of the machine's rules, and their arguments plain values, so that what is printed can be pasted and
run.  Hypothesis prints a failure in the same form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a rule: its name, and its arguments."""

    rule: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.rule}({given})"


Program = tuple[Step, ...]
"""What was done in a run, in order."""


def perform(program: Iterable[Step], state: object) -> None:
    """Do everything again to a machine that has done nothing yet; its teardown is the caller's."""
    for step in program:
        getattr(state, step.rule)(**step.arguments)


def smaller(step: Step) -> Iterator[Step]:
    """The steps that do a little less: with an argument that lacks a part, or that is switched off."""
    for name, value in step.arguments.items():
        for less in _less(value):
            yield Step(step.rule, {**step.arguments, name: less})


def _less(value: object) -> Iterator[object]:
    match value:
        case bool():
            if value:
                yield False
        case list():
            for index in range(len(value)):
                yield [*value[:index], *value[index + 1 :]]
        case dict():
            for key in value:
                yield {name: kept for name, kept in value.items() if name != key}
        case float() if value:
            yield 0.0


_SCRIPT = '''\
"""{title}

{explanation}
Run it with pytest, or as a program: python {name}
"""

{prelude}


def {function}() -> None:
    state = {machine}()
    try:
{body}
    finally:
        state.teardown()


if __name__ == "__main__":
    {function}()
'''


def as_script(program: Program, *, name: str, title: str, explanation: str, prelude: str, machine: str) -> str:
    """The program as a file of Python that fails where the run failed.

    `prelude` are the lines that bind `machine`, the class that the calls are made of.
    """
    shown = explanation.replace("\\", "\\\\").replace('"""', "'''")
    return _SCRIPT.format(
        title=title.replace('"""', "'''"),
        explanation=f"{shown.rstrip()}\n" if shown else "",
        prelude=prelude,
        machine=machine,
        name=name,
        function="test_"
        + "".join(letter if letter.isalnum() else "_" for letter in name.removesuffix(".py").removeprefix("test_")),
        body="".join(f"        state.{step}\n" for step in program).rstrip("\n") or "        pass",
    )
