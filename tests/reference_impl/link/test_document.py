"""The document of the link names every message, and no other."""

import re
from pathlib import Path
from typing import get_args

from migspec.reference_impl.link.messages import LinkMessage

DOCUMENT = Path(__file__).parents[3] / "docs/link.md"


def test_every_message_is_described() -> None:
    described = re.findall(r"^\| `([a-z-]+)` \| (?:source|destination|both) \|", DOCUMENT.read_text(), re.MULTILINE)
    tags = [message.__struct_config__.tag for message in get_args(LinkMessage)]
    assert sorted(described) == sorted(tags)
