"""What real QEMUs answered: every different answer of the corpus, by command."""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.traces.corpus import RECORDED

from migspec.reference_impl.qmp.printing import printed

_WANTED = frozenset(
    {
        "query-migrate",
        "query-migrate-parameters",
        "query-migrate-capabilities",
        "query-migrate-cache-size",
        "query-status",
        "query-colo-status",
        "query-dirty-rate",
        "query-xen-replication-status",
    }
)


def _lines() -> Iterator[bytes]:
    for path in RECORDED:
        if path.suffix == ".jsonl":
            yield from path.read_bytes().splitlines()
        elif path.suffix == ".gz" and path.stat().st_size < _LARGE:
            yield from gzip.decompress(path.read_bytes()).splitlines()


_LARGE = 20_000  # bytes of a file that says the same again and again


def text_of(value: object) -> str:
    """What is told, as it is printed."""
    return printed(value).decode()


@cache
def answers() -> dict[str, list[str]]:
    """The different answers of successful replies to each command, as they were printed."""
    asked: dict[tuple[str, str, str], str] = {}
    found: dict[str, dict[str, None]] = {}
    for line in _lines():
        if b'"query-' in line or b'"return"' in line:
            entry = json.loads(line)
            message: Any = entry.get("msg")
            if not isinstance(message, dict) or "id" not in message:
                continue
            key = (entry["vm"], entry.get("mon", ""), json.dumps(message["id"]))
            command = message.get("execute")
            if isinstance(command, str) and command in _WANTED:
                asked[key] = command
            elif "return" in message and key in asked:
                found.setdefault(asked.pop(key), {})[json.dumps(message["return"])] = None
    return {command: list(texts) for command, texts in found.items()}
