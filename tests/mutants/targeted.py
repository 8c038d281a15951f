"""The tests that are most likely to find a fault in one module: its own, and those of the sample faults.

`python -m tests.mutants.targeted` is what runs for a mutant of the code, in a copy of the repository. It finds out
which module differs from the copy that `PRISTINE` names, and runs the tests that mirror it, then the judge on every
sample fault; the exit status is not 0 as soon as one fails.
"""

from __future__ import annotations

import filecmp
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

PRISTINE: Final = "MIGSPEC_PRISTINE"
"""The environment variable that names the unchanged copy."""

ALWAYS: Final = ("tests/traces/test_faults.py",)
"""Tests that are run for every module."""

_ROOTS: Final = ("spec", "traces")


def changed(here: Path, pristine: Path) -> Iterator[PurePosixPath]:
    """The modules that differ."""
    for root in _ROOTS:
        for path in sorted((here / root).rglob("*.py")):
            relative = path.relative_to(here)
            if not filecmp.cmp(path, pristine / relative, shallow=False):
                yield PurePosixPath(relative)


def mirrored(module: PurePosixPath, here: Path) -> Iterator[str]:
    """The tests that mirror a module: of its own name, or else of its package."""
    _root, _name, package, *inner = module.with_suffix("").parts
    *folders, stem = inner
    candidates = [
        Path("tests", package, *folders, f"test_{stem}.py"),
        Path("tests", package, f"test_{stem}.py"),
        *(Path("tests", package, f"test_{folder}.py") for folder in folders),
    ]
    found = next((path for path in candidates if (here / path).exists()), None)
    if found is not None:
        yield str(found)
    elif folders == ["lifecycle"]:
        yield from ("tests/spec/test_rows.py", "tests/spec/test_steps.py")
    elif folders == ["commands"]:
        yield "tests/spec/test_contracts.py"


def main() -> int:
    """Run the tests of what differs; the first exit status that is not 0."""
    here, pristine = Path.cwd(), Path(os.environ[PRISTINE])
    own = [test for module in changed(here, pristine) for test in mirrored(module, here)]
    for test in (*dict.fromkeys(own), *ALWAYS):
        # the tests' own type checks would find more, and take several times as long
        line = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-o", "typeguard-packages=", test]
        status = subprocess.run([*line, "-m", "not soak and not live"], check=False).returncode
        if status not in (0, 5):
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
