"""What the terminal shows while a campaign is under way, on standard error, if that is a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from migspec.cli.fuzzing.campaign import Limits
from migspec.properties.stateful import Outcome


class Display:
    """A line that says how far the campaign has got, as a context manager."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bar: Progress | None = None
        if sys.stderr is not None and sys.stderr.isatty():
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[told]}"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._bar.add_task("starting", total=1.0, told="")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, what: str, outcome: Outcome) -> None:
        """Show what is being done and what has come of it so far."""
        if self._bar is None:
            return
        elapsed = self._bar.tasks[0].elapsed or 0.0
        share = max(elapsed / self._limits.seconds, outcome.whole / self._limits.runs)
        told = (
            f"{outcome.begun} runs, {outcome.steps} steps, {len(outcome.exercised)} rules, "
            f"{len(outcome.known)} known defects, {len(outcome.found)} violations"
        )
        self._bar.update(self._task, description=what, completed=min(share, 1.0), told=told)
