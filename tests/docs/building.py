"""Builds the documentation for the tests, in a copy: a sample of its pages, or all of them."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.traces.command import ENVIRONMENT

PROJECT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 3600
"""Seconds after which a build hangs, on however busy a machine."""

SAMPLE: Final = (
    "index",
    "theory",
    "adding/rule",
    "tutorials/formal-methods",
    "reference/commands/migrate_cancel",
    "reference/statuses/cancelling",
    "reference/transitions/chart-qemu-5.2.0",
    "reference/answers/MigrationStats.normal-bytes",
    "reference/program/manual",
)
"""Pages of each kind."""

EXPECTED_OF_A_SAMPLE: Final = re.compile(
    r"there is no page of|toctree|unknown document|unknown source document|xref_missing|reference target not found",
    re.IGNORECASE,
)
"""What is complained about where most pages are missing."""

_PROGRAM: Final = """
import sys
from sphinx.cmd.build import main
for builder in ("html", "man"):
    code = main(["-q", "-b", builder, "-d", "build/doctrees", *sys.argv[1:], "docs", f"build/{builder}"])
    if code:
        sys.exit(code)
"""
"""Both builders in one process, which makes the pages of the tables once."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build has made: the generated pages below `docs`, the pages of the browser, and the manual page."""

    docs: Path
    html: Path
    manual: Path
    complaints: tuple[str, ...]


def build(folder: Path, *options: str) -> Built:
    """Build the documentation from a copy in an empty folder, beside all that it is made of."""
    ignored = shutil.ignore_patterns("reference", "__pycache__")
    shutil.copytree(PROJECT / "docs", folder / "docs", ignore=ignored)
    for path in PROJECT.iterdir():
        if path.name in ("spec", "reference_impl", "properties", "traces") or path.suffix == ".md":
            (folder / path.name).symlink_to(path)
    line = [sys.executable, "-c", _PROGRAM, *options]
    done = subprocess.run(
        line, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    complaints = tuple(line for line in done.stderr.splitlines() if "WARNING" in line or "ERROR" in line)
    return Built(folder / "docs", folder / "build/html", folder / "build/man/migspec.1", complaints)


def build_sample(folder: Path) -> Built:
    """Build the sample; all generated pages are written, but most are not read again."""
    patterns = ",".join(f"{page}.*" for page in SAMPLE)
    return build(folder, "-D", f"include_patterns={patterns}")
