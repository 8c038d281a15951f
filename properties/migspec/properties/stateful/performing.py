"""How a step is done, whatever it is: written down, taken, looked at and judged; and how a run ends."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, Concatenate, ParamSpec, Protocol

from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from migspec.properties.stateful.program import Step
from migspec.properties.stateful.session import Arena, BrokenError, Run, Session
from migspec.properties.temporal import Taken

P = ParamSpec("P")


class Listener(Protocol):
    """Who is told of runs, where a violation is to be collected and not raised."""

    def begins(self) -> bool:
        """A run is about to begin; false if nothing is to be done in it."""

    def ended(self, run: Run) -> None:
        """A run has ended."""


class Performer(RuleBasedStateMachine):
    """A machine that performs steps in an arena; with a `listener` it raises nothing."""

    arena: ClassVar[Arena]
    listener: ClassVar[Listener | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(self.arena)
        self.enabled: frozenset[str] = frozenset()
        """The rules that the swarm of this run has."""
        self._finished = False

    def perform(self, step: Step, act: Callable[[], Taken]) -> None:
        """Do a step and judge; nothing where something was wrong before."""
        session = self.session
        if session.over:
            return
        session.begin(step)
        session.settle(act())
        if self.session.over and self.listener is None:
            raise BrokenError(self._finish())

    def _finish(self) -> Run:
        self._finished = True
        return self.session.finish()

    def teardown(self) -> None:
        """End the run, unless it has been."""
        if self._finished:
            return
        run = self._finish()
        if self.listener is not None:
            self.listener.ended(run)
        elif run.fails:
            raise BrokenError(run)


def act(
    **strategies: Any,
) -> Callable[[Callable[Concatenate[Any, P], Taken]], Callable[Concatenate[Any, P], None]]:
    """Make a rule that the swarm may switch off: it is written down, done, and everything is looked at afterwards.

    What is decorated returns the step that it was, for properties that speak of steps.
    """

    def decorate(function: Callable[Concatenate[Any, P], Taken]) -> Callable[Concatenate[Any, P], None]:
        name = function.__name__

        @functools.wraps(function)
        def taken(self: Performer, *args: P.args, **kwargs: P.kwargs) -> None:
            self.perform(Step(name, kwargs), lambda: function(self, *args, **kwargs))

        limited = precondition(lambda self: name in self.enabled)(taken)
        make: Callable[[Any], Callable[Concatenate[Any, P], None]] = rule(**strategies)
        return make(limited)

    return decorate
