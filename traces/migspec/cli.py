"""The command line: the only place with arguments, colours and exit codes.

Standard output carries the outcome and nothing else; complaints and the progress bar go to standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from enum import IntEnum
from importlib import metadata
from typing import NoReturn

from rich.color import ColorSystem
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.style import Style

from migspec.spec.profiles import PROFILES
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.schema.comparison import compare
from migspec.traces import pages
from migspec.traces.findings import Report, Verdict
from migspec.traces.format import TraceError
from migspec.traces.inputs import STANDARD_INPUT, Source, sources
from migspec.traces.introspection import SchemaSourceError, from_file, from_server
from migspec.traces.judge import Options, judge_file
from migspec.traces.ledger import Ledger
from migspec.traces.record import Address, RecordError, main_loop
from migspec.traces.report import Line, Piece, Tally, Tone, as_json, as_text, printable
from migspec.traces.schema_report import SchemaReport, profile_of

_SHOWN = QEMU_5_2_0
"""The profile that `migspec show` tells of unless it is told another."""

_PATIENCE = 1.0
"""Seconds of work before a progress bar appears."""


class Exit(IntEnum):
    """What the process ends with."""

    CONFORMS = 0
    """All traces conform, perhaps with notes and known defects; the recording is complete; the schemas are the same."""
    VIOLATES = 1
    """At least one trace violates its profile; or the schemas differ."""
    USAGE = 2
    """The command line is wrong."""
    UNREADABLE = 3
    """An input cannot be read, or an output not be written."""
    INCONCLUSIVE = 4
    """With `--strict`: at least one trace is inconclusive."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it."""
    UNHEARD = 141
    """Whoever read standard output has gone, as shells count it."""


_PRECEDENCE = (
    (Verdict.VIOLATES, Exit.VIOLATES),
    (Verdict.UNREADABLE, Exit.UNREADABLE),
    (Verdict.INCONCLUSIVE, Exit.INCONCLUSIVE),
)
"""Which verdict decides where the traces have several."""

_EPILOG = """\
exit codes:
  0    all traces conform (there may be notes and known defects)
  1    at least one trace violates its profile
  2    the command line is wrong
  3    an input is unreadable
  4    with --strict: a trace is inconclusive

Where several hold, 1 goes before 3, and 3 before 4.  The other traces are judged in any case.
"""

_SCHEMA_EPILOG = """\
exit codes:
  0    the schemas are the same, but for what is not in the VM's build
  1    they differ
  2    the command line is wrong
  3    the file cannot be read or is no such reply, or the VM cannot be asked
"""

_COLOURS: Mapping[Tone, str] = {
    Tone.PLAIN: "none",
    Tone.PLACE: "bold",
    Tone.GOOD: "green",
    Tone.BAD: "bold red",
    Tone.UNSURE: "yellow",
    Tone.FAINT: "dim",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of the process, and return the exit code."""
    chosen = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], Exit] = chosen.run
    try:
        code = run(chosen)
        _flush()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _silence()
        return Exit.UNHEARD
    except (TraceError, RecordError, SchemaSourceError) as error:
        return _complain(str(error), Exit.UNREADABLE)
    return code


# -- arguments --


class _Parser(argparse.ArgumentParser):
    """A parser that complains in one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.USAGE, f"{self.prog}: {printable(message)}; see {self.prog} --help.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="migspec", description="Judge recordings of QEMU's live migration over QMP.")
    parser.add_argument("--version", action="version", version=f"migspec {_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_check(commands)
    _add_record(commands)
    _add_show(commands)
    _add_schema(commands)
    return parser


def _add_check(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = commands.add_parser(
        "check",
        help="judge traces",
        description="Say of each trace whether everything in it is allowed, and what is not.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_check)
    add = parser.add_argument
    add(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a trace, a folder of *.jsonl, *.jsonl.gz and *.jsonl.zst, or -",
    )
    add("--profile", choices=PROFILES, help="what to judge by; without it, what each VM's release asks for")
    add("--format", choices=("text", "json"), default="text", help="json: one object a line and trace")
    add("--strict", action="store_true", help="exit with 4 if a trace is inconclusive")
    add("--other-clients", action="store_true", help="admit clients of the VMs that are not in the trace")
    add("--jobs", type=_positive, default=1, metavar="N", help="judge so many traces at a time (default: 1)")
    add("--color", choices=("auto", "always", "never"), default="auto", help="auto: on a terminal only")
    add("--ledger", metavar="FILE", help="write how many messages exercised each rule, with a place, as JSON")
    add("-v", "--verbose", action="store_true", help="list the rules that no trace has exercised")


def _add_record(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = commands.add_parser(
        "record",
        help="record QMP monitors",
        description="Stand between QMP clients and their VMs, and write down what crosses, until Ctrl-C.",
        epilog="NAME is a VM's, or VM/MONITOR where it has several. ADDRESS is unix:PATH or tcp:HOST:PORT.",
    )
    parser.set_defaults(run=_record, usage_error=parser.error)
    add = parser.add_argument
    add("--qmp", action="append", required=True, metavar="NAME=ADDRESS", help="a monitor to record")
    add("-o", "--output", required=True, metavar="FILE", help="the trace; what is there is overwritten")
    add(
        "--listen",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="where clients of that monitor connect to; unix:PATH is understood too",
    )


def _add_show(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = commands.add_parser(
        "show",
        help="explain a rule or an entity of the schema",
        description="Print all that is known about a rule, a command, an event, a type, a member or word of one "
        "(Type.member), a capability or a parameter; or, with --list, which rules there are.",
        epilog="An unknown name ends with exit code 2, after the names that are near.",
    )
    parser.set_defaults(run=_show, usage_error=parser.error)
    add = parser.add_argument
    add("name", nargs="?", default="", metavar="NAME", help="what to show; with --list the beginning of rule ids")
    add("--list", action="store_true", help="list the ids of rules with their sentences")
    add("--profile", choices=PROFILES, help=f"whose rules (default: {_SHOWN}; with --list: all)")
    add("--format", choices=("text", "json"), default="text", help="json: one object")
    add("--color", choices=("auto", "always", "never"), default="auto", help="auto: on a terminal only")


def _add_schema(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = commands.add_parser(
        "schema",
        help="compare the schema of a VM",
        description="Say in what a VM's schema, its reply to query-qmp-schema, differs from that of a profile.",
        epilog=_SCHEMA_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=_schema, usage_error=parser.error)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", metavar="FILE", help="the reply, or JSON lines with one, or -")
    source.add_argument("--qmp", metavar="ADDRESS", help="the VM to ask: unix:PATH or tcp:HOST:PORT")
    add = parser.add_argument
    add("--profile", choices=PROFILES, help="what to compare with; without it, what the release asks for")
    add("--format", choices=("text", "json"), default="text", help="json: one object")
    add("--color", choices=("auto", "always", "never"), default="auto", help="auto: on a terminal only")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return int(text)


def _version() -> str:
    try:
        return metadata.version("migspec")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _complain(sentence: str, code: Exit) -> Exit:
    print(f"migspec: {printable(sentence)}", file=sys.stderr)
    return code


# -- migspec check --


def _check(chosen: argparse.Namespace) -> Exit:
    as_objects = chosen.format == "json"
    say = _speaker(chosen.color, as_objects=as_objects)
    inputs = sources(chosen.paths)
    options = Options(chosen.profile, chosen.other_clients)
    tally = Tally()
    ledger = Ledger()
    meter = _Meter(sum(source.size for source in inputs))
    try:
        with contextlib.closing(_judged(inputs, options, chosen.jobs, meter)) as reports:
            for report in reports:
                tally.add(report)
                ledger.add(report)
                meter.hide()
                if as_objects:
                    _write(as_json(report))
                else:
                    for line in as_text(report):
                        say(line)
                _flush()
    except BrokenProcessPool:
        return _complain("a process that judged a trace was killed; try a smaller --jobs.", Exit.UNREADABLE)
    finally:
        meter.hide()
    if chosen.ledger:
        _keep(ledger.as_json(), chosen.ledger)
    if not as_objects:
        for line in tally.as_text(verbose=chosen.verbose):
            say(line)
    return _exit_code(tally.verdicts, strict=chosen.strict)


def _keep(text: str, path: str) -> None:
    """Write a file.

    Raises `TraceError` where that cannot be done.
    """
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise TraceError(path, None, problem, "a place for the ledger") from None


def _exit_code(verdicts: Counter[Verdict], *, strict: bool) -> Exit:
    for verdict, code in _PRECEDENCE:
        if verdicts[verdict] and (strict or code is not Exit.INCONCLUSIVE):
            return code
    return Exit.CONFORMS


def _judged(inputs: Sequence[Source], options: Options, jobs: int, meter: _Meter) -> Generator[Report, None, None]:
    """The reports in the order of the inputs."""
    if min(jobs, len(inputs)) == 1:
        for source in inputs:
            yield _judge(source, options, meter)
        return
    workers = ProcessPoolExecutor(min(jobs, len(inputs)), multiprocessing.get_context("fork"))
    try:
        with _interrupts_held():
            # a worker has no standard input, and nothing to do where there is no file
            asked: deque[tuple[Source, Future[Report] | None]] = deque(
                (
                    source,
                    None
                    if source.error or source.path == STANDARD_INPUT
                    else workers.submit(judge_file, source.path, options),
                )
                for source in inputs
            )
        while asked:
            source, future = asked.popleft()
            if future is None:
                yield _judge(source, options, meter)
            else:
                report = future.result()
                meter.advance(source.size)
                yield report
        workers.shutdown()
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()
        workers.shutdown(cancel_futures=True)
        raise


@contextlib.contextmanager
def _interrupts_held() -> Generator[None, None, None]:
    """Hold Ctrl-C back for a moment; processes that are started meanwhile never hear of it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _judge(source: Source, options: Options, meter: _Meter) -> Report:
    if source.error:
        return Report(source.path, error=source.error)
    left = source.size

    def tick(read: int) -> None:
        nonlocal left
        step = 0 if source.packed else min(read, left)
        left -= step
        meter.advance(step)

    report = judge_file(source.path, options, tick)
    meter.advance(left)
    return report


# -- migspec record --


def _record(chosen: argparse.Namespace) -> Exit:
    complain: Callable[[str], NoReturn] = chosen.usage_error
    targets = _named(chosen.qmp, "--qmp", "NAME=ADDRESS", complain)
    listen = _named(chosen.listen, "--listen", "NAME=PATH", complain)
    for name, address in targets.items():
        try:
            Address.parse(address)
        except RecordError as error:
            complain(f"--qmp {name}={address}: {error.problem}, expected {error.expected}")
    for name in listen:
        if name not in targets:
            complain(f"--listen {name}: there is no --qmp of that name")
    main_loop(targets, chosen.output, listen={name: path.removeprefix("unix:") for name, path in listen.items()})
    return Exit.CONFORMS


def _named(settings: Sequence[str], option: str, form: str, complain: Callable[[str], NoReturn]) -> dict[str, str]:
    """What an option that may be repeated gives to each name."""
    values: dict[str, str] = {}
    for setting in settings:
        name, _, value = setting.partition("=")
        if not name.partition("/")[0] or not value:
            complain(f"{option} {setting}: expected {form}")
        if name in values:
            complain(f"{option} {setting}: {name} is there twice")
        values[name] = value
    return values


# -- migspec show --


def _show(chosen: argparse.Namespace) -> Exit:
    complain: Callable[[str], NoReturn] = chosen.usage_error
    as_object = chosen.format == "json"
    say = _speaker(chosen.color, as_objects=as_object)
    if chosen.list:
        found = pages.listing(chosen.name, chosen.profile)
        if not found:
            complain(f"no rule begins with {chosen.name}")
        if as_object:
            _write(pages.as_json(dict(found)))
        for rule, sentence in found if not as_object else ():
            say((Piece(rule, Tone.PLACE), Piece(f"  {sentence}")))
        return Exit.CONFORMS
    if not chosen.name:
        complain("the following arguments are required: NAME")
    try:
        page = pages.page_of(chosen.name, chosen.profile or _SHOWN)
    except pages.UnknownNameError as error:
        complain(str(error))
    if as_object:
        _write(pages.as_json(page))
    else:
        for line in pages.as_text(page):
            say(line)
    return Exit.CONFORMS


# -- migspec schema --


def _schema(chosen: argparse.Namespace) -> Exit:
    as_object = chosen.format == "json"
    say = _speaker(chosen.color, as_objects=as_object)
    if chosen.qmp is not None:
        complain: Callable[[str], NoReturn] = chosen.usage_error
        try:
            Address.parse(chosen.qmp)
        except RecordError as error:
            complain(f"--qmp {chosen.qmp}: {error.problem}, expected {error.expected}")
        source, told = chosen.qmp, from_server(chosen.qmp)
    else:
        source, told = chosen.file, from_file(chosen.file)
    profile = chosen.profile or profile_of(told.release)
    schemas = [known.schema for known in PROFILES.values()]
    report = SchemaReport(source, profile, compare(told.schema, PROFILES[profile].schema, schemas))
    if as_object:
        _write(report.as_json())
    else:
        for line in report.as_text():
            say(line)
    return Exit.CONFORMS if report.same else Exit.VIOLATES


# -- the terminal --


def _speaker(color: str, *, as_objects: bool) -> Callable[[Line], None]:
    """What prints a line, with colours or without."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8" if as_objects else None, errors="backslashreplace")
    wanted = sys.stdout is not None and sys.stdout.isatty() and _likes_colours()
    if color == "never" or (color == "auto" and not wanted):
        return lambda line: _write("".join(piece.text for piece in line))
    styles = {tone: Style.parse(colour) for tone, colour in _COLOURS.items()}
    return lambda line: _write(
        "".join(styles[piece.tone].render(piece.text, color_system=ColorSystem.STANDARD) for piece in line)
    )


def _likes_colours() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _write(text: str) -> None:
    """Print a line; whoever waits for it gets it at the next `_flush`."""
    if sys.stdout is not None:
        with _writing():
            sys.stdout.write(f"{text}\n")


def _flush() -> None:
    if sys.stdout is not None:
        with _writing():
            sys.stdout.flush()


@contextlib.contextmanager
def _writing() -> Generator[None, None, None]:
    """Turn a full disk into an error that names standard output."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        _silence()
        problem = f"cannot be written ({error.strerror})"
        raise TraceError("standard output", None, problem, "room for the report") from None


def _silence() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not complain on its way out."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Meter:
    """A progress bar on standard error, if that is a terminal, for work that takes longer than a moment."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._due = time.monotonic() + _PATIENCE
        self._bar: Progress | None = None

    def advance(self, size: int) -> None:
        """Count so many bytes as done."""
        self._done += size
        if not self._shown or time.monotonic() < self._due:
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn("judging"),
                BarColumn(),
                DownloadColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._bar.add_task("judging", total=self._total or None)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=self._done)

    def hide(self) -> None:
        """Take the bar away, until there is progress again, so that other output has the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


if __name__ == "__main__":
    sys.exit(main())
