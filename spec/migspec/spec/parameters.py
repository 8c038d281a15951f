"""The parameters of migration: what each holds, how a new value is stored, and which values are refused.

Everything about a parameter that is not in the schema stands here once. Its types to set and to read are the schema's;
between them lies the storage, which is as wide as the type to read: a number is cut to that width first and checked
afterwards, so 257 channels are one channel. The checks are made on the *merged* set, the values in force with the new
ones over them, in an order of their own. Nothing is stored unless all pass.

Known values may be few (a trace that begins late knows none), so a check may be undecided. Stored values have passed
their checks, so only new ones are looked at, and what is compared with them.

Source: observed on QEMU 5.2.0, for targets with pages of 4096 bytes. What its text promises is `written_changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from math import isfinite, trunc
from typing import Any, Final, NamedTuple

from migspec.spec.bitmaps import BitmapMapping, mapping_fault, mapping_of
from migspec.spec.schema.model import ABSENT, Absent, IntegerType, Member
from migspec.spec.schema.structs import MIGRATE_SET_PARAMETERS, MIGRATION_PARAMETERS
from migspec.spec.vocabulary import MigrationParameter as P
from migspec.spec.vocabulary import MultiFDCompression


class Unknown(Enum):
    """The value of a parameter of which nothing certain can be said."""

    UNKNOWN = "unknown"
    """Anything that fits the type."""


UNKNOWN: Final = Unknown.UNKNOWN

Value = int | bool | str | BitmapMapping | Absent
"""A stored value; absent is that of a mapping which was never set."""

PAGE_SIZE = 4096
"""Bytes of a page of the target, the least size of the XBZRLE cache."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a release.

    `default` is its value in a fresh process; `takes_effect` says when a migration heeds a new value. One that is
    `ignored` can be set to anything and keeps its value.
    """

    name: P
    default: Value
    takes_effect: str
    ignored: bool = False

    @property
    def written(self) -> Member:
        """The member with which it is set."""
        return _SET[self.name]

    @property
    def read(self) -> Member:
        """The member with which it is read."""
        return _READ[self.name]

    @property
    def values(self) -> int | None:
        """How many numbers its storage can tell apart; None for what is no number."""
        return self.read.type.maximum + 1 if isinstance(self.read.type, IntegerType) else None

    def stored(self, value: Any) -> Value:
        """What is kept of a value that fits the type to set: numbers are cut to their width, null is empty."""
        if value is None:
            return ""
        if isinstance(value, list):
            return mapping_of(value)
        kept: Value = value
        if isinstance(kept, int) and not isinstance(kept, bool) and self.values is not None:
            return kept % self.values
        return kept


_SET: Final[Mapping[str, Member]] = {member.name: member for member in MIGRATE_SET_PARAMETERS.members}
_READ: Final[Mapping[str, Member]] = {member.name: member for member in MIGRATION_PARAMETERS.members}

_AT_ONCE = "at once"
_NEXT = "at the next migration"
_CONNECTING = "when a connection is made"

_ROWS: Final[tuple[Parameter, ...]] = (
    Parameter(P.ANNOUNCE_INITIAL, 50, "when the guest is announced"),
    Parameter(P.ANNOUNCE_MAX, 550, "when the guest is announced"),
    Parameter(P.ANNOUNCE_ROUNDS, 5, "when the guest is announced"),
    Parameter(P.ANNOUNCE_STEP, 100, "when the guest is announced"),
    Parameter(P.COMPRESS_LEVEL, 1, _NEXT),
    Parameter(P.COMPRESS_THREADS, 8, "at once, though the threads are not: a higher number crashes a running source"),
    Parameter(P.COMPRESS_WAIT_THREAD, True, _AT_ONCE),
    Parameter(P.DECOMPRESS_THREADS, 2, "when the destination begins to load"),
    Parameter(P.THROTTLE_TRIGGER_THRESHOLD, 50, "at the next pass"),
    Parameter(P.CPU_THROTTLE_INITIAL, 20, "when throttling starts"),
    Parameter(P.CPU_THROTTLE_INCREMENT, 10, "at the next step of the throttle"),
    Parameter(P.CPU_THROTTLE_TAILSLOW, False, "at the next step of the throttle"),
    Parameter(P.TLS_CREDS, "", _CONNECTING),
    Parameter(P.TLS_HOSTNAME, "", _CONNECTING),
    Parameter(P.TLS_AUTHZ, "", "when a destination shakes hands"),
    Parameter(P.MAX_BANDWIDTH, 128 << 20, "at once in precopy; 0 is no limit"),
    Parameter(P.DOWNTIME_LIMIT, 300, "at the next estimate, after 100 ms at most"),
    Parameter(P.X_CHECKPOINT_DELAY, 20_000, "at once, and makes a checkpoint"),
    Parameter(P.BLOCK_INCREMENTAL, False, _NEXT),
    Parameter(
        P.MULTIFD_CHANNELS, 2, "at once, though the channels are not: a change stalls or aborts a running source"
    ),
    Parameter(P.XBZRLE_CACHE_SIZE, 64 << 20, "at the next migration, though it is shown at once"),
    Parameter(P.MAX_POSTCOPY_BANDWIDTH, 0, "at once in postcopy; 0 is no limit"),
    Parameter(P.MAX_CPU_THROTTLE, 99, "at the next step of the throttle"),
    Parameter(P.MULTIFD_COMPRESSION, MultiFDCompression.NONE.value, _NEXT),
    Parameter(P.MULTIFD_ZLIB_LEVEL, 1, "never: it can only be set on the command line", ignored=True),
    Parameter(P.MULTIFD_ZSTD_LEVEL, 1, "never: it can only be set on the command line", ignored=True),
    Parameter(P.BLOCK_BITMAP_MAPPING, ABSENT, "when a migration starts, or begins to load"),
)

PARAMETERS: Final[Mapping[str, Parameter]] = {row.name.value: row for row in _ROWS}
"""Every parameter of the release, by name, in the order of the schema."""

DEFAULTS: Final[Mapping[str, Value]] = {name: parameter.default for name, parameter in PARAMETERS.items()}
"""The values of a fresh process."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the merged set: the stored values that a parameter may have, both ends included.

    With `least_is` the least value is that of another parameter; with `power_of_two` only those will do.
    """

    parameter: P
    least: int
    most: int
    wording: str
    least_is: P | None = None
    power_of_two: bool = False

    @property
    def text(self) -> str:
        """The error's text, which spells the name with underscores."""
        return f"Parameter '{self.parameter.value.replace('-', '_')}' expects {self.wording}"

    @property
    def range(self) -> str:
        """The accepted values, for people."""
        if self.power_of_two:
            return f"a power of two from {self.least} on"
        least = f"the value of {self.least_is.value}" if self.least_is else str(self.least)
        return f"{least} to {self.most}"

    def passes(self, merged: Mapping[str, Value | Unknown]) -> bool | None:
        """Whether the merged set passes; None where that depends on a value that is not known."""
        value = merged.get(self.parameter, UNKNOWN)
        if isinstance(value, int) and not self.admits(value):
            return False
        if self.least_is is None:
            return True if isinstance(value, int) else None
        other = merged.get(self.least_is, UNKNOWN)
        # a stored value has passed its check, so even one that is not known lies within its range
        least = _CHECK_OF[self.least_is].least
        low, high = (value, value) if isinstance(value, int) else (least, self.most)
        lowest, highest = (other, other) if isinstance(other, int) else (least, _CHECK_OF[self.least_is].most)
        return True if low >= highest else (None if high >= lowest else False)

    def admits(self, value: int) -> bool:
        """Whether a stored value passes by itself."""
        return self.least <= value <= self.most and not (self.power_of_two and value & (value - 1))


_LEVEL = "is invalid, it should be in the range of 0 to 9"
_COUNT = "is invalid, it should be in the range of 1 to 255"
_PERCENT = "an integer in the range of 1 to 99"
_DELAY = "is invalid, it must be less than 100000 ms"

CHECKS: Final[tuple[Check, ...]] = (
    Check(P.COMPRESS_LEVEL, 0, 9, _LEVEL),
    Check(P.COMPRESS_THREADS, 1, 255, _COUNT),
    Check(P.DECOMPRESS_THREADS, 1, 255, _COUNT),
    Check(P.THROTTLE_TRIGGER_THRESHOLD, 1, 100, "an integer in the range of 1 to 100"),
    Check(P.CPU_THROTTLE_INITIAL, 1, 99, _PERCENT),
    Check(P.CPU_THROTTLE_INCREMENT, 1, 99, _PERCENT),
    Check(P.DOWNTIME_LIMIT, 0, 2_000_000, "an integer in the range of 0 to (2000 * 1000) ms"),
    Check(P.MULTIFD_CHANNELS, 1, 255, _COUNT),
    Check(
        P.XBZRLE_CACHE_SIZE,
        PAGE_SIZE,
        2**64 - 1,
        "is invalid, it should be bigger than target page size and a power of 2",
        power_of_two=True,
    ),
    Check(
        P.MAX_CPU_THROTTLE,
        0,
        99,
        "an integer in the range of cpu_throttle_initial to 99",
        least_is=P.CPU_THROTTLE_INITIAL,
    ),
    Check(P.ANNOUNCE_INITIAL, 0, 100_000, _DELAY),
    Check(P.ANNOUNCE_MAX, 0, 100_000, _DELAY),
    Check(P.ANNOUNCE_ROUNDS, 0, 1000, "is invalid, it must be in the range of 0 to 1000"),
    Check(P.ANNOUNCE_STEP, 1, 10_000, "is invalid, it must be in the range of 1 to 10000 ms"),
)
"""The checks of the merged set, in order; the mapping of bitmaps comes after them."""

_CHECK_OF: Final[Mapping[str, Check]] = {check.parameter.value: check for check in CHECKS}


class Refusal(NamedTuple):
    """The refusal of new values: which parameter is at fault, and the error's text."""

    parameter: str
    text: str


class Verdict(NamedTuple):
    """What becomes of new values: `certain` is the refusal that comes in any case, `possible` what may come before it.

    Without a certain refusal they may be stored.
    """

    certain: Refusal | None = None
    possible: tuple[Refusal, ...] = ()


def judge_changes(changes: Mapping[str, Value], known: Mapping[str, Value | Unknown]) -> Verdict:
    """What becomes of `changes`, stored values by name, over the values that are known to be in force."""
    merged: dict[str, Value | Unknown] = {**known, **changes}
    possible: list[Refusal] = []
    for check in CHECKS:
        if check.parameter not in changes and check.least_is not in changes:
            continue
        passes = check.passes(merged)
        refusal = Refusal(check.parameter, check.text)
        if passes is False:
            return Verdict(refusal, tuple(possible))
        if passes is None:
            possible.append(refusal)
    mapping = changes.get(P.BLOCK_BITMAP_MAPPING)
    fault = mapping_fault(mapping) if isinstance(mapping, tuple) else None
    certain = None if fault is None else Refusal(P.BLOCK_BITMAP_MAPPING, fault)
    return Verdict(certain, tuple(possible))


@dataclass(frozen=True, slots=True)
class Shorthand:
    """A deprecated command that sets one parameter.

    `changed` turns its value into that of the parameter; `written` is what the schema's text says of it, None where it
    leaves a choice. `fault` is the text with which the command itself refuses a value.
    """

    command: str
    parameter: P
    changed: Callable[[float], int]
    written: Callable[[float], int | None]
    fault: Callable[[float], str | None] = lambda _value: None


LONGEST_DOWNTIME = 2000
"""Seconds that migrate_set_downtime admits."""

_DOWNTIME_TEXT = f"Parameter 'downtime_limit' expects an integer in the range of 0 to {LONGEST_DOWNTIME} seconds"


def _milliseconds(seconds: float) -> int:
    # what is longer is refused, and may be too long to be counted
    return trunc(max(-1, min(seconds, LONGEST_DOWNTIME + 1)) * 1000)


def _whole_milliseconds(seconds: float) -> int | None:
    exact = seconds * 1000
    return round(exact) if (isinstance(exact, int) or isfinite(exact)) and abs(exact - round(exact)) < 1e-6 else None


def _downtime_fault(seconds: float) -> str | None:
    return None if 0 <= seconds <= LONGEST_DOWNTIME else _DOWNTIME_TEXT


def _same(value: float) -> int:
    return int(value)


def _rounded_down(size: float) -> int | None:
    return 1 << (int(size).bit_length() - 1) if size > 0 else None


SHORTHANDS: Final[Mapping[str, Shorthand]] = {
    row.command: row
    for row in (
        Shorthand("migrate_set_downtime", P.DOWNTIME_LIMIT, _milliseconds, _whole_milliseconds, fault=_downtime_fault),
        Shorthand("migrate_set_speed", P.MAX_BANDWIDTH, _same, _same),
        Shorthand("migrate-set-cache-size", P.XBZRLE_CACHE_SIZE, _same, _rounded_down),
    )
}
"""The deprecated commands that set a parameter, by name."""

READ_BY: Final[Mapping[str, P]] = {"query-migrate-cache-size": P.XBZRLE_CACHE_SIZE}
"""The deprecated query of one parameter."""

SET, READ = "migrate-set-parameters", "query-migrate-parameters"


def changes_of(command: str, arguments: Mapping[str, Any]) -> dict[str, Value]:
    """What a command stores if it is accepted: values by name, cut to their width.

    Its arguments must fit the schema. A value that is ignored is left out. A null for tls-authz is not stored either:
    it ends the process.
    """
    shorthand = SHORTHANDS.get(command)
    if shorthand is not None:
        parameter = PARAMETERS[shorthand.parameter]
        return {shorthand.parameter.value: parameter.stored(shorthand.changed(arguments["value"]))}
    if command != SET:
        return {}
    return {
        name: parameter.stored(arguments[name])
        for name, parameter in PARAMETERS.items()
        if name in arguments and not parameter.ignored
    }


def written_changes(command: str, arguments: Mapping[str, Any]) -> dict[str, Value | Unknown]:
    """What the schema's text promises to be read back after a command has succeeded.

    A value that does not fit the type to read, and a null, are promised nothing about.
    """
    shorthand = SHORTHANDS.get(command)
    if shorthand is not None:
        value = shorthand.written(arguments["value"])
        return {shorthand.parameter.value: _as_written(PARAMETERS[shorthand.parameter], value)}
    if command != SET:
        return {}
    return {
        name: _as_written(parameter, arguments[name]) for name, parameter in PARAMETERS.items() if name in arguments
    }


def _as_written(parameter: Parameter, value: Any) -> Value | Unknown:
    if value is None or (isinstance(value, float) and not value.is_integer()):
        return UNKNOWN
    stored = parameter.stored(value)
    return UNKNOWN if isinstance(stored, int) and stored != value else stored


_MONITOR_COMMANDS: Final[Mapping[str, P]] = {
    row.command.replace("-", "_"): row.parameter for row in SHORTHANDS.values()
}


def monitor_changes(line: str) -> frozenset[str]:
    """The parameters that a line for the human monitor may change; to what is not looked into."""
    name, _, rest = line.strip().partition(" ")
    if name == "migrate_set_parameter":
        return frozenset(rest.split()[:1]).intersection(PARAMETERS)
    return frozenset({_MONITOR_COMMANDS[name].value}) if name in _MONITOR_COMMANDS else frozenset()


def own_fault(command: str, arguments: Mapping[str, Any]) -> str | None:
    """The text with which a shorthand refuses its value before the merged set is checked; None if it does not."""
    shorthand = SHORTHANDS.get(command)
    return None if shorthand is None else shorthand.fault(arguments["value"])


def peculiarities(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a successful migrate-set-parameters did that nobody should rely on: the rule's last part, and the name."""
    for name, parameter in PARAMETERS.items():
        if name not in arguments:
            continue
        if parameter.ignored:
            yield "ignored", name
        elif isinstance(arguments[name], int) and parameter.stored(arguments[name]) != arguments[name]:
            yield "narrowed", name


def read_values(answer: Mapping[str, Any]) -> dict[str, Value]:
    """The values that a query-migrate-parameters answer shows; it must fit the schema."""
    return {
        name: mapping_of(answer[name]) if isinstance(answer[name], list) else answer[name]
        for name in PARAMETERS
        if name in answer
    } | ({} if P.BLOCK_BITMAP_MAPPING in answer else {P.BLOCK_BITMAP_MAPPING.value: ABSENT})


def missing(answer: Mapping[str, Any]) -> list[str]:
    """The members that a query-migrate-parameters answer lacks; only a mapping that was never set may be missing."""
    return [name for name, parameter in PARAMETERS.items() if name not in answer and parameter.default is not ABSENT]
