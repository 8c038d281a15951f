"""Which version of migspec this is."""

from __future__ import annotations

from importlib import metadata


def installed_version() -> str:
    """The version, empty if migspec is used without having been installed."""
    try:
        return metadata.version("migspec")
    except metadata.PackageNotFoundError:
        return ""
