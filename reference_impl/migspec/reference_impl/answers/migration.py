"""What is told of migrations: the answer to query-migrate, and the addresses that are listened on.

The answer is put together of what either side has to tell; which of it is shown in a state is the specification's
(`migspec.spec.commands.queries`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from migspec.reference_impl.answers.status import UntoldError
from migspec.spec import uri
from migspec.spec.commands.queries import BLOCKTIME, EXTRAS, REQUIRED, MigrateAnswer, fits
from migspec.spec.state import VARIABLES
from migspec.spec.vocabulary import MigrationStatus, SocketAddressType

QUERY: Final = "query-migrate"

_EXTRA_OF: Final = {extra.member: extra for extra in EXTRAS}
_NO_STATUS: Final = MigrationStatus.NONE.value


@dataclass(frozen=True, slots=True)
class Sides:
    """What both sides have to tell, shown or not.

    `statistics` are members of the outgoing side, `error` is why it failed, empty if that is not known; `addresses` are
    those that the incoming side listens on, the newest first, and `blocktime` are the members with its blocktime.
    """

    statistics: Mapping[str, object]
    error: str = ""
    addresses: Sequence[Mapping[str, object]] = ()
    blocktime: Mapping[str, object] | None = None


def migration_told(state: int, sides: Sides) -> dict[str, object]:
    """The answer to query-migrate in a known state.

    What does not go with the state is not shown. Raises `UntoldError` where something is missing that does.
    """
    offered: dict[str, object] = dict(sides.statistics)
    if sides.error:
        offered["error-desc"] = sides.error
    if sides.addresses:
        offered["socket-address"] = list(sides.addresses)
    offered |= sides.blocktime or {}
    shown = answer_shown(state, frozenset(offered))
    answer = {name: value for name, value in offered.items() if name in shown.members}
    return {**({"status": shown.status} if shown.status is not None else {}), **answer}


@lru_cache(maxsize=1024)
def answer_shown(state: int, offered: frozenset[str]) -> MigrateAnswer:
    """The answer that shows as much of what is offered as goes with a known state; `UntoldError` where none does."""
    outgoing, incoming = (VARIABLES[name].known(state) for name in ("outgoing", "incoming"))
    status = outgoing if outgoing != _NO_STATUS else incoming
    own = frozenset(name for name in offered if _goes_with(name, outgoing or "", state))
    for behind in _behind(offered):
        answer = MigrateAnswer(None if status == _NO_STATUS else status, own | behind)
        if any(condition.holds(state) for condition in fits(answer)):
            return answer
    raise UntoldError(QUERY, state)


def _goes_with(member: str, outgoing: str, state: int) -> bool:
    """Whether a member of the outgoing side is shown."""
    extra = _EXTRA_OF.get(member)
    if extra is None:
        return member in REQUIRED.get(outgoing, frozenset())
    return outgoing in extra.statuses and extra.present.holds(state)


def _behind(offered: frozenset[str]) -> Iterator[frozenset[str]]:
    """What of the incoming side may be shown, the most first."""
    measured = offered & BLOCKTIME
    address = offered & {"socket-address"}
    yield from dict.fromkeys((measured | address, address, measured, frozenset[str]()))


# ---- addresses ----

_ANYWHERE: Final = ("::", "0.0.0.0")  # where a listener is that was given no host


def listeners_told(address: str, bound: Iterable[tuple[str, int]] = ()) -> tuple[dict[str, object], ...]:
    """What socket-address tells of a listener that was given an address: an entry for each socket, none for a pipe.

    `bound` are the numeric hosts and ports of the sockets over TCP; without them those of the address are told.
    """
    match uri.endpoint(address):
        case uri.Unix(path):
            return ({"type": SocketAddressType.UNIX.value, "path": path},)
        case uri.Vsock(cid, port):
            return ({"type": SocketAddressType.VSOCK.value, "cid": cid, "port": port},)
        case uri.Inet(host, port):
            given = ((each, port) for each in ((host,) if host else _ANYWHERE))
            return tuple(_inet(*where) for where in [(host, str(port)) for host, port in bound] or given)
    return ()


def _inet(host: str, port: str) -> dict[str, object]:
    family = "ipv6" if ":" in host else "ipv4"
    return {"type": SocketAddressType.INET.value, "host": host, "port": port, family: True}
