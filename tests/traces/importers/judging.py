"""Judging for tests, in a process of its own, which has none of the tests' type checks to slow it."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from migspec.traces.findings import Report
from migspec.traces.judge import Options, judge_file


@cache
def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def judged(path: Path, profile: str | None = None, importer: str | None = None) -> Report:
    """The report on a log."""
    return _pool().submit(judge_file, str(path), Options(profile, importer=importer)).result()
