"""The greeting: the first message of a server, which says who it is and what it offers."""

from collections.abc import Mapping


def greeting(version: Mapping[str, object], *, oob: bool) -> dict[str, object]:
    """The greeting of a server of this version, a `VersionInfo`; it offers out-of-band execution or nothing."""
    return {"QMP": {"version": dict(version), "capabilities": ["oob"] if oob else []}}
