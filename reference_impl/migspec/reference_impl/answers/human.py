"""What human-monitor-command returns: the text that a person would see.

A command that has done its work says nothing.  A question, `info ...`, is answered in lines; everything that they are
made of is an answer to a query.  Source: observed on QEMU 5.2.0.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from migspec.reference_impl.answers.general import PACKAGE, RELEASE
from migspec.reference_impl.answers.lines import NEWLINE, Question, complaint, error, question
from migspec.reference_impl.calls import Failure, Reply
from migspec.reference_impl.options import Options
from migspec.spec.parameters import Value
from migspec.spec.schema import ABSENT
from migspec.spec.vocabulary import MigrationParameter as P
from migspec.spec.vocabulary import MigrationStatus, RunState, SocketAddressType


@dataclass(frozen=True, slots=True)
class View:
    """What questions are answered from: the run state, the answers to three queries, and the options.

    `migration` answers query-migrate and `capabilities` query-migrate-capabilities; `values` are the parameters in
    force.
    """

    run: str
    migration: Mapping[str, Any]
    capabilities: Sequence[Mapping[str, object]]
    values: Mapping[str, Value]
    options: Options


def output(reply: Reply) -> str:
    """What a command leaves on the screen that was executed, or refused."""
    return error(reply.text) if isinstance(reply, Failure) else ""


def shown(line: str, view: View) -> str:
    """What a line shows that is no command: the answer to a question, or a complaint."""
    asked = question(line)
    if asked is not None:
        return "".join(f"{text}{NEWLINE}" for text in _SHOWN[asked](view))
    return complaint(line) or ""


# ---- the answers, line by line ----


def _status(view: View) -> Iterator[str]:
    if view.run == RunState.RUNNING:
        yield "VM status: running"
    else:
        yield "VM status: paused" + (f" ({view.run})" if view.run != RunState.PAUSED else "")


_GLOBALS: Final = (
    "globals:",
    "store-global-state: on",
    "only-migratable: off",
    "send-configuration: on",
    "send-section-footer: on",
    "decompress-error-check: on",
    "clear-bitmap-shift: 18",
)
"""What no option of a modelled process changes."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with one member: what it begins with, the member, and what stands behind.

    Sizes are shown in `kilo`bytes, rates with two decimals; with `unless_zero` a line is left out that would say 0.
    """

    begins: str
    member: str
    behind: str = ""
    kilo: bool = False
    rate: bool = False
    unless_zero: bool = False

    def told(self, values: Mapping[str, Any]) -> Iterator[str]:
        """The line, if there is one."""
        value = values.get(self.member)
        if value is None or (self.unless_zero and not value):
            return
        figure = f"{value:.2f}" if self.rate else str(value >> 10 if self.kilo else value)
        yield f"{self.begins}: {figure}{self.behind}"


_TIMES: Final = (
    _Line("expected downtime", "expected-downtime", " ms"),
    _Line("downtime", "downtime", " ms"),
    _Line("setup", "setup-time", " ms"),
)
_RAM: Final = (
    _Line("transferred ram", "transferred", " kbytes", kilo=True),
    _Line("throughput", "mbps", " mbps", rate=True),
    _Line("remaining ram", "remaining", " kbytes", kilo=True),
    _Line("total ram", "total", " kbytes", kilo=True),
    _Line("duplicate", "duplicate", " pages"),
    _Line("skipped", "skipped", " pages"),
    _Line("normal", "normal", " pages"),
    _Line("normal bytes", "normal-bytes", " kbytes", kilo=True),
    _Line("dirty sync count", "dirty-sync-count"),
    _Line("page size", "page-size", " kbytes", kilo=True),
    _Line("multifd bytes", "multifd-bytes", " kbytes", kilo=True),
    _Line("pages-per-second", "pages-per-second"),
    _Line("dirty pages rate", "dirty-pages-rate", " pages", unless_zero=True),
    _Line("postcopy request count", "postcopy-requests", unless_zero=True),
)
_DISK: Final = (
    _Line("transferred disk", "transferred", " kbytes", kilo=True),
    _Line("remaining disk", "remaining", " kbytes", kilo=True),
    _Line("total disk", "total", " kbytes", kilo=True),
)
_CACHE: Final = (
    _Line("cache size", "cache-size", " bytes"),
    _Line("xbzrle transferred", "bytes", " kbytes", kilo=True),
    _Line("xbzrle pages", "pages", " pages"),
    _Line("xbzrle cache miss", "cache-miss", " pages"),
    _Line("xbzrle cache miss rate", "cache-miss-rate", rate=True),
    _Line("xbzrle encoding rate", "encoding-rate", rate=True),
    _Line("xbzrle overflow", "overflow"),
)
_COMPRESSION: Final = (
    _Line("compression pages", "pages", " pages"),
    _Line("compression busy", "busy"),
    _Line("compression busy rate", "busy-rate", rate=True),
    _Line("compressed size", "compressed-size", " kbytes", kilo=True),
    _Line("compression rate", "compression-rate", rate=True),
)
_PARTS: Final[Mapping[str, tuple[_Line, ...]]] = {
    "ram": _RAM,
    "disk": _DISK,
    "xbzrle-cache": _CACHE,
    "compression": _COMPRESSION,
}
"""The members that are objects, in the order in which they are shown."""

_LAST: Final = (
    _Line("cpu throttle percentage", "cpu-throttle-percentage"),
    _Line("postcopy blocktime", "postcopy-blocktime"),
)


def _lines(lines: Iterable[_Line], values: Mapping[str, Any]) -> Iterator[str]:
    for line in lines:
        yield from line.told(values)


def _migration(view: View) -> Iterator[str]:
    yield from _GLOBALS
    told = view.migration
    status = told.get("status")
    if status is not None:
        why = told.get("error-desc") if status == MigrationStatus.FAILED else None
        yield f"Migration status: {status}" + (f" ({why})" if why is not None else "")
        yield f"total time: {told.get('total-time', 0)} ms"
        yield from _lines(_TIMES, told)
    for part, lines in _PARTS.items():
        yield from _lines(lines, told.get(part, {}))
    yield from _lines(_LAST, told)
    if "postcopy-vcpu-blocktime" in told:
        yield f"postcopy vcpu blocktime: {_ranges(told['postcopy-vcpu-blocktime'])}"
    if "socket-address" in told:
        yield "socket address: ["
        yield from (f"\t{_address(address)}" for address in told["socket-address"])
        yield "]"


def _ranges(numbers: Iterable[int]) -> str:
    """Different numbers, the least first; those that follow one another as `FIRST-LAST`."""
    ordered = sorted(set(numbers))
    runs = [[number for _, number in run] for _, run in groupby(enumerate(ordered), lambda pair: pair[1] - pair[0])]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _address(address: Mapping[str, str]) -> str:
    if address["type"] == SocketAddressType.UNIX:
        return f"unix:{address['path']}"
    # a vsock address is shown as one of TCP too
    return f"tcp:{address.get('host', address.get('cid'))}:{address['port']}"


def _capabilities(view: View) -> Iterator[str]:
    for entry in view.capabilities:
        yield f"{entry['capability']}: {_switch(entry['state'] is True)}"


_UNITS: Final[Mapping[P, str]] = {
    P.ANNOUNCE_INITIAL: " ms",
    P.ANNOUNCE_MAX: " ms",
    P.ANNOUNCE_ROUNDS: "",
    P.ANNOUNCE_STEP: " ms",
    P.COMPRESS_LEVEL: "",
    P.COMPRESS_THREADS: "",
    P.COMPRESS_WAIT_THREAD: "",
    P.DECOMPRESS_THREADS: "",
    P.THROTTLE_TRIGGER_THRESHOLD: "",
    P.CPU_THROTTLE_INITIAL: "",
    P.CPU_THROTTLE_INCREMENT: "",
    P.CPU_THROTTLE_TAILSLOW: "",
    P.MAX_CPU_THROTTLE: "",
    P.TLS_CREDS: "",
    P.TLS_HOSTNAME: "",
    P.MAX_BANDWIDTH: " bytes/second",
    P.DOWNTIME_LIMIT: " ms",
    P.X_CHECKPOINT_DELAY: " ms",
    P.BLOCK_INCREMENTAL: "",
    P.MULTIFD_CHANNELS: "",
    P.MULTIFD_COMPRESSION: "",
    P.XBZRLE_CACHE_SIZE: " bytes",
    P.MAX_POSTCOPY_BANDWIDTH: "",
    P.TLS_AUTHZ: "",
}
"""The parameters that are shown, in order, with their units."""

_QUOTED: Final = frozenset({P.TLS_CREDS, P.TLS_HOSTNAME, P.TLS_AUTHZ})


def _parameters(view: View) -> Iterator[str]:
    for name, unit in _UNITS.items():
        value = view.values[name]
        text = _switch(value) if isinstance(value, bool) else f"'{value}'" if name in _QUOTED else value
        yield f"{name.value}: {text}{unit}"
    mapping = view.values[P.BLOCK_BITMAP_MAPPING]
    if mapping is ABSENT or not isinstance(mapping, tuple):
        return
    yield "block-bitmap-mapping:"
    for node in mapping:
        yield f"  '{node.node_name}' -> '{node.alias}'"
        yield from (f"    '{bitmap.name}' -> '{bitmap.alias}'" for bitmap in node.bitmaps)


def _switch(on: bool) -> str:
    return "on" if on else "off"


def _cache_size(view: View) -> Iterator[str]:
    size = view.values[P.XBZRLE_CACHE_SIZE]
    yield f"xbzrel cache size: {size >> 10 if isinstance(size, int) else 0} kbytes"  # QEMU's spelling


def _version(_view: View) -> Iterator[str]:
    yield ".".join(map(str, RELEASE)) + PACKAGE


def _name(view: View) -> Iterator[str]:
    if view.options.name:
        yield view.options.name


def _uuid(view: View) -> Iterator[str]:
    yield view.options.uuid


def _kvm(_view: View) -> Iterator[str]:
    yield "kvm support: disabled"


_SHOWN: Final[Mapping[Question, Callable[[View], Iterator[str]]]] = {
    Question.STATUS: _status,
    Question.MIGRATE: _migration,
    Question.CAPABILITIES: _capabilities,
    Question.PARAMETERS: _parameters,
    Question.CACHE_SIZE: _cache_size,
    Question.NAME: _name,
    Question.UUID: _uuid,
    Question.VERSION: _version,
    Question.KVM: _kvm,
}
"""What is shown to each question."""
