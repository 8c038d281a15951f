"""Pages made in tests: of traces in memory, taken apart again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from html.parser import HTMLParser
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from migspec.traces.html import page
from migspec.traces.judge import Options, judge_file
from migspec.traces.picture.texts import joined

HEADER = '{"format":"qmp-trace","version":1}'


@dataclass
class Parts(HTMLParser):
    """What a browser finds in a page: its elements, its text, and its scripts."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text.append(data)

    @property
    def data(self) -> Any:
        """The block of data."""
        return json.loads(self.scripts[0])

    @property
    def messages(self) -> list[str]:
        """The texts of all marks, in order."""
        data = self.data
        texts = [mark[6] for mark in data["marks"] if len(mark) > 6 and mark[6]]
        return [joined(data["templates"][place], values) for place, values in texts]


def parts(html: str) -> Parts:
    """A page taken apart."""
    found = Parts()
    found.feed(html)
    found.close()
    return found


def made(path: Path) -> str:
    """The page of a log."""
    options = Options()
    return "".join(page(str(path), judge_file(str(path), options), options))


def made_elsewhere(path: Path) -> str:
    """The same, made in a new process, which has none of the tests' type checks to slow it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(made, path).result()


def of_lines(lines: Iterable[str]) -> str:
    """The page of a trace with these lines after its header."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.jsonl"
        path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
        return made(path)


def of_messages(messages: Iterable[str]) -> str:
    """The page of a trace of one VM that sends these messages, given as JSON text."""
    return of_lines(f'{{"vm":"a","dir":"<-","msg":{message}}}' for message in messages)
