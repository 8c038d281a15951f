"""JSON Schemas (draft 2020-12) of the files that `migspec vectors` writes, one for each kind.

They are as strict as can be said in a schema: what is not named is not there, but in a trace, whose format lets readers
ignore what they do not know.  What each member means is told in `docs/vectors.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

from migspec.spec.composition import Side
from migspec.spec.profiles import PROFILES
from migspec.spec.schema.validate import MismatchKind
from migspec.traces.findings import Grade, Verdict
from migspec.traces.format import FORMAT as TRACE_FORMAT
from migspec.traces.format import VERSION as TRACE_VERSION
from migspec.traces.format import Closer, Direction, Unseen
from migspec.traces.vectors.graph import End

Schema = dict[str, Any]

FORMAT: Final = "migspec-vectors"
VERSION: Final = 1
"""The version of all these files together: it changes when a reader of theirs has to."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_INTEGER: Final[Schema] = {"type": "integer"}
_FLAG: Final[Schema] = {"type": "boolean"}
_ANY_OBJECT: Final[Schema] = {"type": "object"}
_PROFILE: Final[Schema] = {"enum": list(PROFILES)}


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Schema:
    """The schema of an object with exactly these members, of which some may be missing."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": items, **({"minItems": least} if least else {})}


def _one_of(*schemas: Schema) -> Schema:
    return {"oneOf": list(schemas)}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _document(kind: str, title: str, body: Schema, definitions: Mapping[str, Schema] | None = None) -> Schema:
    named = {"$defs": dict(definitions)} if definitions else {}
    return {"$schema": _DIALECT, "$id": f"urn:migspec:vectors:{VERSION}:{kind}", "title": title, **body, **named}


def _file(kind: str, members: Mapping[str, Any]) -> Schema:
    return _object({"kind": {"const": kind}, "version": {"const": VERSION}, **members})


# ---- the command sequences ----

_REQUEST: Final = _one_of(
    _object({"execute": _TEXT}, {"arguments": _ANY_OBJECT}), _object({"exec-oob": _TEXT}, {"arguments": _ANY_OBJECT})
)
_EVENT: Final[Mapping[str, Schema]] = {"data": _ANY_OBJECT, "unless": _list(_ANY_OBJECT, 1)}
_RETURN: Final = _one_of(
    _object({"is": {}}),
    _object({"members": _ANY_OBJECT}, {"with": _list(_TEXT, 1), "maybe": _list(_TEXT, 1)}),
    _object({"lacks": _list({}, 1)}),
    _object({}),
)
_DESCRIPTION: Final = _one_of(
    _object({"is": _list(_TEXT, 1)}),
    _object({"begins": _TEXT}),
    _object({"contains": _TEXT}, {"but": _list(_TEXT, 1)}),
    _object({"but": _list(_TEXT, 1)}),
)
_ERROR: Final = _object({}, {"class": _TEXT, "desc": _DESCRIPTION})
_EXIT: Final = _object({}, {"is": _list(_INTEGER, 1)})
_RULES: Final[Mapping[str, Schema]] = {"rules": _list(_TEXT, 1), "defects": _list(_TEXT, 1)}


def _move(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return _object({**required, "to": _COUNT}, {**(optional or {}), **_RULES})


_SEQUENCE: Final = _object(
    {
        "name": _TEXT,
        "about": _TEXT,
        "start": _object({"incoming": _TEXT, "stopped": _FLAG}),
        "steps": _list(
            _one_of(
                _object({"send": _reference("request")}),
                _object({"rest": {"type": "number", "exclusiveMinimum": 0}}),
                _object({"await": _list(_reference("event"))}, {"or": _list(_reference("event"), 1)}),
            )
        ),
        "places": _list(
            _one_of(
                _object({"do": _COUNT, "to": _COUNT}),
                _object({"moves": _list(_reference("move"), 1)}),
                _object({"end": {"enum": [end.value for end in End]}}),
            ),
            1,
        ),
    },
    {"peer": _list(_reference("request"), 1)},
)

# ---- the traces ----

_FINDING: Final = _object(
    {
        "line": {"type": "integer", "minimum": 1},
        "vm": _TEXT,
        "rule": _TEXT,
        "grade": {"enum": [grade.value for grade in Grade]},
        "message": _TEXT,
    }
)
_VERDICT: Final = _object(
    {
        "profile": _PROFILE,
        "verdict": {"enum": [verdict.value for verdict in Verdict]},
        "messages": _COUNT,
        "findings": _list(_FINDING),
    },
    {"error": _TEXT},
)
_TRACE: Final = _object(
    {"file": _TEXT, "about": _TEXT, "verdicts": _list(_VERDICT, 1)}, {"base": _TEXT, "fault": _TEXT}
)
_VM: Final[Schema] = {
    "type": "object",
    "properties": {"role": {"enum": [side.value for side in Side]}, "implementation": _TEXT, "release": _TEXT},
}
_HEADER: Final[Schema] = {
    "type": "object",
    "properties": {
        "format": {"const": TRACE_FORMAT},
        "version": {"const": TRACE_VERSION},
        "vms": {"type": "object", "additionalProperties": _VM},
        "scenario": _TEXT,
        "note": _TEXT,
        "unseen": _list({"enum": list(get_args(Unseen))}),
    },
    "required": ["format", "version"],
}


def _line(required: Sequence[str], **members: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {"vm": _TEXT, "mon": _TEXT, "t": {"type": "number"}, **members},
        "required": ["vm", *required],
    }


_DIRECTION: Final[Schema] = {"enum": [direction.value for direction in Direction]}

# ---- the samples ----

_PLACE: Final = _list(_one_of(_TEXT, _COUNT))
_FAULT: Final = _object({"at": _PLACE, "kind": {"enum": [kind.value for kind in MismatchKind]}})
_SAMPLE: Final = _one_of(
    _object({"valid": {"const": True}}, {"value": {}}),
    _object({"valid": {"const": False}, "faults": _list(_FAULT, 1)}, {"value": {}, "errors": _list(_TEXT, 1)}),
)

# ---- all of them ----

_LISTED: Final[Mapping[str, Schema]] = {
    "sequences": _document(
        "sequences",
        "Command sequences, each with everything that may come of it.",
        _file(
            "sequences", {"profile": _PROFILE, "events": _list(_TEXT), "sequences": _list(_reference("sequence"), 1)}
        ),
        {
            "sequence": _SEQUENCE,
            "request": _REQUEST,
            "event": _object({"event": _TEXT}, _EVENT),
            "move": _one_of(
                _move({"event": _TEXT}, _EVENT),
                _move({"return": _RETURN}),
                _move({"error": _ERROR}),
                _move({"exit": _EXIT}),
            ),
        },
    ),
    "samples": _document(
        "samples",
        "Values that fit the schema, and values that do not.",
        _file(
            "samples",
            {
                "profile": _PROFILE,
                "entities": _list(
                    _object(
                        {
                            "subject": {"enum": ["arguments", "return", "event"]},
                            "name": _TEXT,
                            "samples": _list(_SAMPLE, 1),
                        }
                    ),
                    1,
                ),
            },
        ),
    ),
    "traces": _document(
        "traces",
        "Traces, with the verdict of each.",
        _file("traces", {"traces": _list(_TRACE, 1)}),
    ),
    "trace": _document(
        "trace",
        "A line of a trace: the first is the header.",
        _one_of(
            _HEADER,
            _line(("dir", "msg"), dir=_DIRECTION, msg={}),
            _line(("dir", "raw"), dir=_DIRECTION, raw=_TEXT),
            _line(("end",), end={"const": "eof"}, exit=_INTEGER, by={"enum": list(get_args(Closer))}),
            _line(("gap",), gap=_TEXT),
        ),
    ),
}
"""The schema of each kind of file that the index lists, by the kind."""

SCHEMAS: Final[Mapping[str, Schema]] = {
    "index": _document(
        "index",
        "The index: what the other files are.",
        _object(
            {
                "format": {"const": FORMAT},
                "version": {"const": VERSION},
                "specification": _object({}, {"version": _TEXT, "commit": _TEXT}),
                "profiles": _list(_PROFILE, 1),
                "files": _list(
                    _object(
                        {
                            "file": _TEXT,
                            "kind": {"enum": list(_LISTED)},
                            "profiles": _list(_PROFILE, 1),
                            "counts": {"type": "object", "additionalProperties": _COUNT},
                        },
                        {"schema": _TEXT},
                    )
                ),
            }
        ),
    ),
    **_LISTED,
}
"""The schema of each kind of file, by the kind."""
