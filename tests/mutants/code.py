"""Mutants of the code: cosmic-ray changes the specification's modules and the judge's, and the tests are to notice.

`python -m tests.mutants.code [COUNT]` copies the repository, has cosmic-ray list every mutant, picks so many of them by
a fixed seed, and runs the targeted tests for each. What stands in an annotation is not mutated: nothing evaluates it.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from tests.mutants.index import CACHE, PROJECT
from tests.mutants.targeted import PRISTINE

STORED: Final = Path(__file__).with_name("code.json")
"""What came of the last sample."""
CONFIG: Final = Path(__file__).with_name("cosmic-ray.toml")
COUNT: Final = 60
"""Mutants of a sample, unless told."""
SEED: Final = 1
"""What picks them."""

PACKAGES: Final = ("spec/migspec/spec", "traces/migspec/traces")
_ROOTS: Final = ("spec", "reference_impl", "properties", "traces")
_COPIED: Final = (*_ROOTS, "tests", "docs", "pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")


class Killed(msgspec.Struct, frozen=True):
    """A mutant of the code, and whether the tests noticed."""

    module: str
    line: int
    operator: str
    killed: bool


class Sample(msgspec.Struct, frozen=True):
    """Some mutants, and of how many they are a sample."""

    of: int
    mutants: tuple[Killed, ...]


def stored() -> Sample:
    """What came of the last sample."""
    return msgspec.json.decode(STORED.read_bytes(), type=Sample)


def store(sample: Sample) -> None:
    """Keep a sample, a mutant a line."""
    lines = b",\n".join(map(msgspec.json.encode, sample.mutants))
    STORED.write_bytes(b'{"of":%d,"mutants":[\n' % sample.of + lines + b"\n]}\n")


# ---- the copies ----


def _copy(target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in _COPIED:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)


def _environment(copy: Path, pristine: Path) -> Mapping[str, str]:
    paths = os.pathsep.join(str(copy / root) for root in ("", *_ROOTS))
    return {**os.environ, "PYTHONPATH": paths, PRISTINE: str(pristine), "PYTHONDONTWRITEBYTECODE": "1"}


# ---- which mutants ----


@cache
def _annotations(path: Path) -> tuple[tuple[tuple[int, int], tuple[int, int]], ...]:
    """Where annotations begin and end in a module, as lines and columns."""
    fields = ("annotation", "returns")
    every = (getattr(node, name, None) for node in ast.walk(ast.parse(path.read_text())) for name in fields)
    found = [each for each in every if isinstance(each, ast.expr)]
    return tuple(
        ((each.lineno, each.col_offset), (each.end_lineno or each.lineno, each.end_col_offset or each.col_offset))
        for each in found
    )


def is_evaluated(path: Path, place: tuple[int, int]) -> bool:
    """Whether what stands at a place of a module is more than an annotation."""
    return not any(begin <= place <= end for begin, end in _annotations(path))


def _mutations(listed: str) -> Iterator[Mapping[str, Any]]:
    for line in listed.splitlines():
        item, _ = json.loads(line)
        yield {**item["mutations"][0], "job_id": item["job_id"]}


def _cosmic_ray(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cosmic_ray.cli", *arguments]


def main(arguments: list[str]) -> int:
    """Make a sample and run it."""
    count = int(arguments[0]) if arguments else COUNT
    copy, pristine = CACHE / "code", CACHE / "pristine"
    _copy(copy)
    _copy(pristine)
    environment = _environment(copy, pristine)
    config = copy / "cosmic-ray.toml"
    config.write_text(CONFIG.read_text().replace("PYTHON", sys.executable))
    settings = tomllib.loads(config.read_text())["cosmic-ray"]
    session = CACHE / "code.sqlite"
    session.unlink(missing_ok=True)
    subprocess.run(_cosmic_ray("init", config.name, str(session)), cwd=copy, env=environment, check=True)
    dumped = subprocess.run(
        _cosmic_ray("dump", str(session)), cwd=copy, env=environment, check=True, capture_output=True, text=True
    )
    every = [
        mutation
        for mutation in _mutations(dumped.stdout)
        if is_evaluated(pristine / mutation["module_path"], tuple(mutation["start_pos"]))
    ]
    every.sort(key=lambda mutation: (mutation["module_path"], mutation["start_pos"], mutation["operator_name"]))
    chosen = Random(SEED).sample(every, min(count, len(every)))
    print(f"{len(every)} mutants, {len(chosen)} of them in the sample", flush=True)
    found: list[Killed] = []
    for mutation in chosen:
        killed = _is_killed(mutation, copy, environment, settings)
        found.append(Killed(mutation["module_path"], mutation["start_pos"][0], mutation["operator_name"], killed))
        print(found[-1], flush=True)
        store(Sample(len(every), tuple(found)))
        shutil.copy(pristine / mutation["module_path"], copy / mutation["module_path"])
    return 0


def _is_killed(
    mutation: Mapping[str, Any], copy: Path, environment: Mapping[str, str], settings: Mapping[str, Any]
) -> bool:
    """Apply a mutation to the copy, and run the tests."""
    operator, occurrence = mutation["operator_name"], str(mutation["occurrence"])
    apply = _cosmic_ray("apply", mutation["module_path"], operator, occurrence)
    subprocess.run(apply, cwd=copy, env=environment, check=True)
    try:
        done = subprocess.run(
            settings["test-command"].split(),
            cwd=copy,
            env=environment,
            check=False,
            capture_output=True,
            timeout=settings["timeout"],
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
