"""Probes: a client that asks a VM how it is, and is answered at once.

A word of requests, events and replies shows what a VM does, not what it is in between. A *probe* is a letter that does:
the queries that tell of a migration, all answered in one moment. The explorer's graph is not larger for them, since
they change nothing; a checker is given the requests and the answers.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from migspec.properties.explorer.environment import Ask
from migspec.properties.explorer.local import Kind
from migspec.reference_impl.answers.migration import answer_shown
from migspec.reference_impl.answers.settings import capabilities_told
from migspec.reference_impl.answers.status import colo_answer
from migspec.spec.commands.colo import ColoAnswer
from migspec.spec.commands.queries import BLOCKTIME, EXTRAS, REQUIRED, MigrateAnswer
from migspec.spec.state import VARIABLES, Answer, Life
from migspec.spec.steps import MAIN, Configuration
from migspec.traces.observations import Observation, Replied, Reply, Sent

_ALIVE: Final = VARIABLES["life"].bits((Life.ALIVE,))
_QUESTIONS: Final = tuple(
    Ask(query).request
    for query in (
        "query-migrate",
        "query-status",
        "query-colo-status",
        "query-migrate-capabilities",
        "query-migrate-parameters",
    )
)
OFFERED: Final = frozenset[str]().union(
    *REQUIRED.values(), (extra.member for extra in EXTRAS), BLOCKTIME, ("socket-address",)
) - {"vfio"}
"""What an answer to query-migrate may tell of VMs that have no device passed through to them."""


class Probe(NamedTuple):
    """What a VM answers, asked how it is."""

    migration: MigrateAnswer
    run: str
    colo: ColoAnswer
    settings: tuple[tuple[str, bool], ...]
    block_incremental: bool

    @property
    def kind(self) -> Kind:
        """What a client sees: replies."""
        return Kind.REPLY

    def __str__(self) -> str:
        members = ", ".join(sorted(self.migration.members)) or "nothing else"
        parameter = (("block-incremental", self.block_incremental),)
        switched = ", ".join(name for name, on in (*self.settings, *parameter) if on)
        told = f"status {self.migration.status or 'absent'} with {members}, run state {self.run}"
        return f"told {told}, {self.colo}, on {switched}"

    @property
    def observations(self) -> tuple[Observation, ...]:
        """The same as the checker sees it."""
        replies = (
            Reply(answer=self.migration),
            Reply(run=self.run),
            Reply(shown=self.colo),
            Reply(settings=self.settings),
            Reply(block_incremental=self.block_incremental),
        )
        return tuple(
            seen
            for request, reply in zip(_QUESTIONS, replies, strict=True)
            for seen in (Sent(0, request), Replied(0, request.command, reply))
        )


def probe_of(c: Configuration) -> Probe | None:
    """What a VM answers that has nothing else to answer; None from one that is busy, or is about to end."""
    monitor = c.monitors[0]
    is_free = monitor.connected and not monitor.queue and not monitor.oob and not c.owed[MAIN]
    if not is_free or c.state & VARIABLES["life"].field != _ALIVE:
        return None
    told = ((entry["capability"], entry["state"]) for entry in capabilities_told(c.state))
    settings = tuple((str(name), state is True) for name, state in told)
    run = VARIABLES["run"].of(c.state)[0]
    incremental = VARIABLES["block-incremental"].known(c.state) == Answer.YES
    return Probe(answer_shown(c.state, OFFERED), run, colo_answer(c.state), settings, incremental)
