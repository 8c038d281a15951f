"""The terminal: lines with colours or without, and the progress bar, which goes to standard error."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Mapping

from rich.color import ColorSystem
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.style import Style

from migspec.cli.output import Output
from migspec.traces.report import Line, Tone, plain

_PATIENCE = 1.0
"""Seconds of work before a progress bar appears."""

_COLOURS: Mapping[Tone, str] = {
    Tone.PLAIN: "none",
    Tone.PLACE: "bold",
    Tone.GOOD: "green",
    Tone.BAD: "bold red",
    Tone.UNSURE: "yellow",
    Tone.FAINT: "dim",
}


def speaker(color: str, *, as_objects: bool, output: Output | None = None) -> Callable[[Line], None]:
    """What writes a line, with colours or without; to standard output if nothing else is said."""
    output = output or Output(sys.stdout)
    if isinstance(output.stream, io.TextIOWrapper):
        output.stream.reconfigure(encoding="utf-8" if as_objects else None, errors="backslashreplace")
    wanted = output.stream is not None and output.stream.isatty() and _likes_colours()
    if color == "never" or (color == "auto" and not wanted):
        return lambda line: output.write(plain(line))
    styles = {tone: Style.parse(colour) for tone, colour in _COLOURS.items()}
    return lambda line: output.write(
        "".join(styles[piece.tone].render(piece.text, color_system=ColorSystem.STANDARD) for piece in line)
    )


def _likes_colours() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Meter:
    """A progress bar on standard error, if that is a terminal, for work that takes longer than a moment.

    `total` is how many bytes there are, 0 if that is not known, and `doing` what is done with them.
    """

    def __init__(self, total: int, doing: str = "judging") -> None:
        self._total = total
        self._doing = doing
        self._done = 0
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._due = time.monotonic() + _PATIENCE
        self._bar: Progress | None = None

    def advance(self, size: int) -> None:
        """Count so many bytes as done."""
        self._done += size
        if not self._shown or time.monotonic() < self._due:
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn(self._doing),
                BarColumn(),
                DownloadColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._bar.add_task(self._doing, total=self._total or None)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=self._done)

    def hide(self) -> None:
        """Take the bar away, until there is progress again, so that other output has the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
