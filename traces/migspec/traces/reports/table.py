"""The table of formats; a further one is a line of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from migspec.traces.reports.github import GitHub
from migspec.traces.reports.junit import JUnit
from migspec.traces.reports.reporter import Json, Reporter, Text
from migspec.traces.reports.sarif import Sarif
from migspec.traces.version import installed_version


@dataclass(frozen=True, slots=True)
class Wishes:
    """What reporters may be asked for beside their format."""

    verbose: bool = False
    """Whether to list the rules that no trace has exercised, where the format has a place for that."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format, and what writes it."""

    contents: str
    """What is written, in a few words; empty for what needs no words."""
    reporter: Callable[[Wishes], Reporter]
    """Makes a reporter, for one run."""


TEXT: Final = "text"
"""The format for people; all others are for programs, and therefore in UTF-8 whatever the locale says."""

FORMATS: Final[Mapping[str, Format]] = {
    TEXT: Format("", lambda wishes: Text(verbose=wishes.verbose)),
    "json": Format("one object a line and trace", lambda _: Json()),
    "junit": Format("JUnit XML, a suite for each trace", lambda _: JUnit()),
    "sarif": Format("SARIF 2.1.0, one run", lambda _: Sarif(installed_version())),
    "github": Format("annotations of GitHub Actions", lambda _: GitHub()),
}
"""Every format by its name, in the order in which the help lists them."""
