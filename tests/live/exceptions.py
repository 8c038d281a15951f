"""Where the model is known to be unlike QEMU, and why: what keeps scenarios from applying, and what from being equal."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

INAPPLICABLE: Final[Mapping[str, str]] = MappingProxyType({})
"""Scenarios that cannot be run against the model for what they do, not for their options."""

DIFFERENT: Final[Mapping[str, str]] = MappingProxyType({})
"""Scenarios that the model does not do message by message."""

UNREACHED: Final[Mapping[str, str]] = MappingProxyType({})
"""Scenarios whose recorded status events the model cannot be brought to."""
