"""A part of what a real QEMU told of its schema, numbered as if there were nothing else."""

from collections.abc import Container
from typing import Any

Entry = dict[str, Any]

_PARTS = ("members", "variants")
_OWN = ("arg-type", "ret-type", "element-type")


class Part:
    """The commands and events of some names, and the types that they use, under the numbers that they would have."""

    def __init__(self, entries: list[Entry], names: Container[str]) -> None:
        self._by_name = {entry["name"]: entry for entry in entries}
        self._numbers: dict[str, str] = {}
        self._met: dict[str, None] = {}
        asked = [entry for entry in entries if entry["meta-type"] in ("command", "event") and entry["name"] in names]
        self.entries = [self._renumbered(entry, entry["name"]) for entry in asked]
        told = 0
        while told < len(self._met):
            name = list(self._met)[told]
            self.entries.append(self._renumbered(self._by_name[name], self._named(name)))
            told += 1

    def old(self, name: str) -> str:
        """The name that an entry had."""
        if name.startswith("["):
            return f"[{self.old(name[1:-1])}]"
        return next((old for old, new in self._numbers.items() if new == name), name)

    def _renumbered(self, entry: Entry, name: str) -> Entry:
        new: Entry = {"name": name}
        for key in _OWN:
            if key in entry:
                new[key] = self._used(entry[key])
        for key in _PARTS:
            if key in entry:
                new[key] = [part | ({"type": self._used(part["type"])}) for part in entry[key]]
        return {key: new.get(key, value) for key, value in entry.items()}

    def _used(self, name: str) -> str:
        self._met.setdefault(name)
        if name.startswith("["):
            self._used(name[1:-1])
        return self._named(name)

    def _named(self, name: str) -> str:
        if name.startswith("["):
            return f"[{self._named(name[1:-1])}]"
        return self._numbers.setdefault(name, str(len(self._numbers))) if name.isdigit() else name
