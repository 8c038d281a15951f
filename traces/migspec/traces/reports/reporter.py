"""What a reporter is, and the two that write what `migspec.traces.report` words: lines of text, and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from migspec.spec.rules import Rule
from migspec.traces.catalogue import CATALOGUE
from migspec.traces.findings import Report
from migspec.traces.report import Line, Piece, Tally, as_json, as_text


class Reporter(Protocol):
    """What tells of judged traces in one format.

    All that it says is lines.  It may keep the findings of a report, never the report.
    """

    def add(self, report: Report) -> Iterable[Line]:
        """What can be said as soon as a trace is judged; they come in the order of the inputs."""

    def finish(self, tally: Tally) -> Iterable[Line]:
        """What is left to say once all traces are judged."""


class Text:
    """Lines for people, and a summary; `verbose` adds the rules that no trace has exercised to it."""

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose

    def add(self, report: Report) -> Iterator[Line]:
        """The verdict and the findings."""
        return as_text(report)

    def finish(self, tally: Tally) -> Iterator[Line]:
        """The summary."""
        return tally.as_text(verbose=self._verbose)


class Json:
    """One JSON object a line and trace."""

    def __init__(self, rules: Mapping[str, Rule] = CATALOGUE) -> None:
        self._rules = rules

    def add(self, report: Report) -> Iterator[Line]:
        """The object of the trace."""
        yield unadorned(as_json(report, self._rules))

    def finish(self, _tally: Tally) -> tuple[Line, ...]:
        """Nothing: the objects say it all."""
        return ()


def unadorned(text: str) -> Line:
    """A line that looks the same with colours and without."""
    return (Piece(text),)
