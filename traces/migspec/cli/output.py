"""Standard output and standard error, plainly.

Standard output may be closed, full, a pipe that nobody reads any more, or in an encoding that lacks a letter: what
becomes of that is decided here.  Complaints go to standard error.  What colours need is in `migspec.cli.console`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator

from migspec.traces.format import TraceError
from migspec.traces.printable import printable


def complain(sentence: str) -> None:
    """Say on standard error what went wrong."""
    print(f"migspec: {printable(sentence)}", file=sys.stderr)


def write(text: str) -> None:
    """Print a line; whoever waits for it gets it at the next `flush`.

    Raises what `flush` raises.
    """
    if sys.stdout is not None:
        with _writing():
            sys.stdout.write(f"{text}\n")


def flush() -> None:
    """Hand on what has been printed.

    Raises `TraceError` where standard output cannot take it, and `BrokenPipeError` where nobody reads it.
    """
    if sys.stdout is not None:
        with _writing():
            sys.stdout.flush()


def silence() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not complain on its way out."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _writing() -> Generator[None, None, None]:
    """Turn a full disk into an error that names standard output."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        silence()
        problem = f"cannot be written ({error.strerror})"
        raise TraceError("standard output", None, problem, "room for the report") from None
