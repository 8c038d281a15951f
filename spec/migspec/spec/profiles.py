"""Profiles: the yardsticks that a trace can be held against, and which one a release answers to.

`seed` is the written schema, silent where it is silent; the others are what a release does, exactly.
The rows of a release carry its name; a later release is added by naming it in the rows and cases that
it keeps and by writing the rows that are its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from migspec.spec.rows import QEMU_5_2_0, SEED
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA_5_2_0
from migspec.spec.schema import SEED as SEED_SCHEMA
from migspec.spec.schema import Schema


@dataclass(frozen=True, slots=True)
class Profile:
    """A yardstick: its name, the schema that it goes by, and the releases that it describes."""

    name: str
    schema: Schema
    releases: tuple[str, ...]
    doc: str


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            SEED,
            SEED_SCHEMA,
            (),
            "What the schema's text says, for implementations that nobody has measured.",
        ),
        Profile(QEMU_5_2_0, SCHEMA_5_2_0, ("5.2.",), "What QEMU 5.2.0 does, error texts included."),
    )
}
"""Every profile, by name."""


def profile_for(release: str | None) -> str:
    """The name of the profile for a release such as `5.2.0`; that of the schema where there is none."""
    for profile in PROFILES.values():
        if release is not None and any(f"{release}.".startswith(prefix) for prefix in profile.releases):
            return profile.name
    return SEED
