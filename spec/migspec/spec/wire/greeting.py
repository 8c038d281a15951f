"""The greeting: the first message of a server, which says who it is and what may be negotiated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from migspec.spec.schema import Member, Origin, Ref, Schema, Struct
from migspec.spec.schema.model import Array
from migspec.spec.schema.validate import Mismatch, validate

GREETING: Final = Struct(
    name="the greeting",
    since="0.13",
    origin=Origin.EXTERNAL,
    doc="What a server says first.",
    members=(
        Member("version", Ref("VersionInfo"), "Which QEMU this is."),
        Member("capabilities", Array(Ref("QMPCapability")), "What the client may switch on with qmp_capabilities."),
    ),
)
"""The content of the member `QMP`; no schema has it, for it is part of the protocol itself."""


def mismatches(content: object, schema: Schema) -> Iterator[Mismatch]:
    """Everything that is wrong with the content of a greeting, a decoded JSON value."""
    yield from validate(content, GREETING, schema, "QMP")


def offered(content: object) -> frozenset[str] | None:
    """The capabilities that a greeting offers; None where it does not say."""
    capabilities = content.get("capabilities") if isinstance(content, dict) else None
    if not isinstance(capabilities, list):
        return None
    return frozenset(name for name in capabilities if isinstance(name, str))


def release_of(message: object) -> str | None:
    """The release that a greeting names, such as `5.2.0`; None for any other message."""
    match message:
        case {
            "QMP": {"version": {"qemu": {"major": int() as major, "minor": int() as minor, "micro": int() as micro}}}
        }:
            return f"{major}.{minor}.{micro}"
    return None
