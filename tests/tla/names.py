"""What the module calls a step of the tables."""

from __future__ import annotations

import re


def action_of(rule: str) -> str:
    """The action of a row or case: its id in one word."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[.\-_:]", rule))
