"""The files of `migspec vectors`: which there are, what is in each, and how they are laid out.

Nothing is written here.  The same specification gives the same bytes, so that two versions of it can be compared by
comparing their vectors; therefore what is one thing stands on one line.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from migspec.spec.profiles import PROFILES
from migspec.traces.findings import Verdict
from migspec.traces.vectors.samples import entities_of
from migspec.traces.vectors.schemas import FORMAT, SCHEMAS, VERSION
from migspec.traces.vectors.sequences import Sequences
from migspec.traces.vectors.verdicts import Recorded
from migspec.traces.vectors.verdicts import as_object as trace_as_object

Object = dict[str, Any]

INDEX: Final = "index.json"
"""The file that names all others."""

_TRACES: Final = "traces.json"

PLACES: Final = (INDEX, "schemas", "samples", "sequences", "traces", _TRACES)
"""What there is in the folder of the vectors."""


@dataclass(frozen=True, slots=True)
class File:
    """A file: where it belongs below the folder, and its contents."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Listed:
    """A file, and what the index says of it."""

    file: File
    entry: Object


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of some profiles; `specification` says which one they were made of, for the index."""

    profiles: Sequence[str]
    recorded: Sequence[Recorded]
    specification: Mapping[str, str]

    def files(self) -> Iterator[File]:
        """Every file, the index last."""
        for kind, schema in SCHEMAS.items():
            yield File(_schema_of(kind), laid_out(schema))
        entries = []
        for listed in self._listed():
            entries.append(listed.entry)
            yield listed.file
        index = {
            "format": FORMAT,
            "version": VERSION,
            "specification": dict(self.specification),
            "profiles": list(self.profiles),
            "files": entries,
        }
        yield File(INDEX, laid_out(index))

    def _listed(self) -> Iterator[_Listed]:
        for profile in self.profiles:
            yield _samples(profile)
            yield _sequences(profile)
        yield from self._traces()

    def _traces(self) -> Iterator[_Listed]:
        shown = []
        for trace in self.recorded:
            told = trace_as_object(trace, self.profiles)
            shown.append(told)
            data = b"".join(line + b"\n" for line in trace.lines)
            is_one = all(verdict["verdict"] != Verdict.UNREADABLE for verdict in told["verdicts"])
            yield _listed(trace.path, "trace", self.profiles, {"lines": len(trace.lines)}, data, has_schema=is_one)
        found = Counter(verdict["verdict"] for trace in shown for verdict in trace["verdicts"])
        counts = {"traces": len(shown), **{verdict.value: found[verdict.value] for verdict in Verdict}}
        document = {"kind": "traces", "version": VERSION, "traces": shown}
        yield _listed(_TRACES, "traces", self.profiles, counts, laid_out(document))


def _samples(profile: str) -> _Listed:
    entities = list(entities_of(PROFILES[profile]))
    valid = Counter(sample["valid"] for entity in entities for sample in entity["samples"])
    counts = {"entities": len(entities), "valid": valid[True], "invalid": valid[False]}
    document = {"kind": "samples", "version": VERSION, "profile": profile, "entities": entities}
    return _listed(f"samples/{profile}.json", "samples", (profile,), counts, laid_out(document))


def _sequences(profile: str) -> _Listed:
    every = Sequences(PROFILES[profile])
    shown = [every.as_object(sequence) for sequence in every.every()]
    places = [place for sequence in shown for place in sequence["places"]]
    moves = [move for place in places for move in place.get("moves", ())]
    document = {
        "kind": "sequences",
        "version": VERSION,
        "profile": profile,
        "events": sorted({move["event"] for move in moves if "event" in move}),
        "sequences": shown,
    }
    counts = {"sequences": len(shown), "places": len(places), "moves": len(moves)}
    return _listed(f"sequences/{profile}.json", "sequences", (profile,), counts, laid_out(document))


def _listed(
    path: str, kind: str, profiles: Sequence[str], counts: Mapping[str, int], data: bytes, *, has_schema: bool = True
) -> _Listed:
    schema = {"schema": _schema_of(kind)} if has_schema else {}
    entry = {"file": path, "kind": kind, **schema, "profiles": list(profiles), "counts": dict(counts)}
    return _Listed(File(path, data), entry)


def _schema_of(kind: str) -> str:
    return f"schemas/{kind}.json"


# ---- layout ----

_DEEPEST: Final = 4
"""How deep the lists and objects are that still have a line for each of their parts."""


def laid_out(value: Any) -> bytes:
    """JSON for people and for programs that compare lines."""
    return "".join((*_laid_out(value, 0), "\n")).encode(errors="backslashreplace")


def _laid_out(value: Any, depth: int) -> Iterator[str]:
    if not isinstance(value, dict | list) or depth >= _DEEPEST or not any(map(_has_parts, _parts(value))):
        yield json.dumps(value, ensure_ascii=False)
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    indent = "  " * (depth + 1)
    yield opening
    names = (f"{json.dumps(name)}: " for name in value) if isinstance(value, dict) else ("" for _ in value)
    for place, (name, part) in enumerate(zip(names, _parts(value), strict=True)):
        yield f"{',' if place else ''}\n{indent}{name}"
        yield from _laid_out(part, depth + 1)
    yield f"\n{'  ' * depth}{closing}"


def _parts(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _has_parts(value: Any) -> bool:
    return isinstance(value, dict | list) and bool(value)
