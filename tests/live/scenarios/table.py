"""The table of scenarios: each is a function, its name the scenario's and its docstring the trace's note."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.live.qemu import Install
from tests.live.session import Session, Vm

PAIR: Final = MappingProxyType({"src": Vm(), "dst": Vm(incoming="defer")})
"""A source and a destination that waits for `migrate-incoming`; neither has a disk."""

STILL_PAIR: Final = MappingProxyType({"src": Vm(), "dst": Vm(("-S",), incoming="defer")})
"""The same with a guest that the destination does not start: a running one that waits for a page may keep the
destination's main loop waiting too, and so its monitor."""

DIRTY_PAIR: Final = MappingProxyType({"src": Vm(dirty=16), "dst": Vm(dirty=16, incoming="defer")})
"""The same with a guest that keeps writing 16 MiB of its memory."""

Act = Callable[[Session], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing to record."""

    name: str
    """What it shows, in a few words joined by hyphens; the name of the trace too."""
    note: str
    """The same in a sentence."""
    vms: Mapping[str, Vm]
    """The VMs it needs."""
    act: Act
    """What is done with them."""

    def record(self, install: Install, trace: Path) -> Session:
        """Record it, and return its session, now over, with what QEMU itself logged.

        Raises `TimeoutError` or `EOFError` where QEMU did not do what the scenario is about.
        """
        with Session(install, trace, self.vms, self.name, self.note) as session:
            self.act(session)
        return session


SCENARIOS: Final[dict[str, Scenario]] = {}
"""All scenarios by name, in the order of definition."""


def add(name: str, note: str, vms: Mapping[str, Vm], act: Act) -> None:
    """Put a scenario into the table."""
    assert name not in SCENARIOS, name
    SCENARIOS[name] = Scenario(name, note, vms, act)


def scenario(vms: Mapping[str, Vm] = PAIR) -> Callable[[Act], Act]:
    """Put the decorated function into the table."""

    def register(act: Act) -> Act:
        add(act.__name__.replace("_", "-"), " ".join((act.__doc__ or "").split()), vms, act)
        return act

    return register


def both(*arguments: str) -> Mapping[str, Vm]:
    """Return a pair whose VMs both have these arguments."""
    return MappingProxyType({"src": Vm(arguments), "dst": Vm(arguments, incoming="defer")})
