"""The corpus of recorded traces, judged: what several tests and `make ledger` share."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

from migspec.spec import steps
from migspec.spec.lifecycle import ROWS
from migspec.traces.findings import Report
from migspec.traces.judge import Options, judge_file

PROJECT = Path(__file__).resolve().parents[2]
CORPUS = PROJECT / "traces/corpus"
RECORDED = sorted((CORPUS / "qemu-5.2.0").glob("*.jsonl*"))
OTHER_CLIENTS = sorted((CORPUS / "other-clients").glob("*.jsonl*"))

OBSERVED = Options()
WRITTEN = Options(profile="seed")
ADMITTED = Options(other_clients=True)
AT_REST = Options(at_rest=True)

ATTACHED = {"late-attach.jsonl", "late-attach-and-cancel.jsonl"}
"""The traces whose monitors were attached when the migration was under way."""


def judge_without(rule: str, path: Path) -> Report:
    """Judge a file, in a new process, as if the step of that rule were not in the relation."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_judge_without, rule, str(path)).result()


def _judge_without(rule: str, path: str) -> Report:
    with patch.object(steps, "ROWS", tuple(row for row in ROWS if row.id != rule)):
        return judge_file(path)


def judge_all(paths: Iterable[Path], options: Options = OBSERVED) -> dict[str, Report]:
    """Judge files side by side, in new processes, which have none of the tests' type checks to slow them."""
    names = [str(path) for path in paths]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return dict(zip(names, pool.map(partial(judge_file, options=options), names), strict=True))
