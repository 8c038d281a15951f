"""Standard output and standard error, plainly; and a file in the place of standard output.

Standard output may be closed, full, a pipe that nobody reads any more, or in an encoding that lacks a letter: what
becomes of that is decided here.  Complaints go to standard error.  What colours need is in `migspec.cli.console`.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Final, TextIO

from migspec.traces.format import TraceError
from migspec.traces.printable import printable

STANDARD_OUTPUT: Final = "-"
"""The name of standard output."""


def complain(sentence: str) -> None:
    """Say on standard error what went wrong."""
    print(f"migspec: {printable(sentence)}", file=sys.stderr)


@dataclass(frozen=True, slots=True)
class Output:
    """Where lines go."""

    stream: TextIO | None
    """None for a standard output that is closed: what is written goes nowhere."""
    path: str = ""
    """The file, as the user named it; empty for standard output."""

    def write(self, text: str) -> None:
        """Write a line; whoever waits for it gets it at the next `flush`.

        Raises what `flush` raises.
        """
        if self.stream is not None:
            with self._writing():
                self.stream.write(f"{text}\n")

    def flush(self) -> None:
        """Hand on what has been written.

        Raises `TraceError` where it cannot be written, and `BrokenPipeError` where nobody reads standard output.
        """
        if self.stream is not None:
            with self._writing():
                self.stream.flush()

    @contextlib.contextmanager
    def _writing(self) -> Generator[None, None, None]:
        """Turn a full disk into an error that names the output."""
        try:
            yield
        except OSError as error:
            if self.path:
                raise _unwritable(self.path, error, "room for the report") from None
            if isinstance(error, BrokenPipeError):
                raise
            silence()
            raise _unwritable("standard output", error, "room for the report") from None


@contextlib.contextmanager
def output_to(path: str) -> Generator[Output, None, None]:
    """A file to write to, overwritten if it is there, or standard output.

    Raises `TraceError` where that cannot be done.
    """
    if path == STANDARD_OUTPUT:
        yield Output(sys.stdout)
        return
    file = _opened(path)
    output = Output(file, path)
    try:
        yield output
        output.flush()
    finally:
        # closing writes once more what could not be written, and that has been said
        with contextlib.suppress(OSError):
            file.close()


def _opened(path: str) -> TextIO:
    try:
        return open(path, "w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise _unwritable(path, error, "a place for the report") from None


def write_trace(path: str, lines: Iterable[bytes]) -> None:
    """Write the lines of a trace to a file that only its owner can read, or to standard output.

    Raises `TraceError` where that cannot be done, and `BrokenPipeError` where nobody reads standard output.
    """
    if path == STANDARD_OUTPUT:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
        for line in lines:
            write(line.decode("utf-8", "surrogateescape"))
        flush()
        return
    try:
        with open(path, "wb", opener=_private) as file:
            file.writelines(line + b"\n" for line in lines)
    except OSError as error:
        raise _unwritable(path, error, "a place for the trace") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # a session may carry secrets


def write(text: str) -> None:
    """Print a line; raises what `flush` raises."""
    Output(sys.stdout).write(text)


def flush() -> None:
    """Hand on what has been printed.

    Raises `TraceError` where standard output cannot take it, and `BrokenPipeError` where nobody reads it.
    """
    Output(sys.stdout).flush()


def silence() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not complain on its way out."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unwritable(path: str, error: OSError, expected: str) -> TraceError:
    return TraceError(path, None, f"cannot be written ({error.strerror})", expected)
