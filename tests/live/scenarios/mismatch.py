"""Machines that do not fit: found early or late by the destination, with and without a word to the source."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from tests.live.scenarios.steps import look, migrate, open_pair, poll, reach
from tests.live.scenarios.table import add
from tests.live.session import Session, Vm

_RNG: Final = ("-device", "virtio-rng-pci")
_UUID: Final = "00000000-0000-0000-0000-00000000000"

Options = tuple[str, ...]

MISFITS: Final[Mapping[str, tuple[str, Options, Options, Options]]] = MappingProxyType(
    {
        "memory-size": ("has more memory", ("-m", "64"), ("-m", "96"), ()),
        "missing-device": ("lacks a device", _RNG, (), ()),
        "extra-device": ("has a device more, which does no harm", (), _RNG, ()),
        "machine-type": ("is another machine", ("-machine", "pc"), ("-machine", "q35"), ()),
        "processors": ("has fewer processors", ("-smp", "2"), ("-smp", "1"), ()),
        "uuid": ("has another UUID", ("-uuid", _UUID + "1"), ("-uuid", _UUID + "2"), ("validate-uuid",)),
    }
)
"""How the destination differs, the options of both, and the capabilities that it takes to notice."""


def _act(*capabilities: str) -> Callable[[Session], None]:
    def act(s: Session) -> None:
        src, dst, uri = open_pair(s, *capabilities)
        migrate(src, uri)
        final = poll(src, ("completed", "failed"), every=0.02)
        try:
            reach(dst, "completed")
        except EOFError:
            s.ended("dst")
        look(src)
        if final["status"] == "completed":
            src.execute("cont")
            look(src)

    return act


for _name, (_difference, _source, _destination, _noticed) in MISFITS.items():
    for _suffix, _means, _capabilities in (
        ("", "", ()),
        ("-with-return-path", ", and there is a return path to say so", ("return-path",)),
    ):
        add(
            f"mismatch-of-{_name}{_suffix}",
            f"The destination {_difference}{_means}.",
            MappingProxyType({"src": Vm(_source), "dst": Vm(_destination, incoming="defer")}),
            _act(*_noticed, *_capabilities),
        )
