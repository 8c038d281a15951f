"""A process with nothing behind its commands: a state that does what the contracts say, and no world around it."""

from collections.abc import Callable, Mapping

from migspec.reference_impl.calls import Call, Return
from migspec.reference_impl.commands import Commands
from migspec.reference_impl.contracts import Refused, owed_by, settled
from migspec.spec.contracts import Case
from migspec.spec.parameters import DEFAULTS, READ_BY, Value, changes_of
from migspec.spec.requests import understand
from migspec.spec.rows import QEMU_5_2_0
from migspec.spec.schema import ABSENT, Absent
from migspec.spec.schema import QEMU_5_2_0 as SCHEMA
from migspec.spec.state import VARIABLES
from migspec.spec.vocabulary import MigrationCapability, MigrationParameter


class Plain(Commands, contracts=True):
    """Under contract.  `lets` are the cases that happen although they need not."""

    def __init__(self, state: int, *, lets: frozenset[str] = frozenset(), profile: str = QEMU_5_2_0) -> None:
        self.profile = profile
        self.values: Mapping[str, Value] = DEFAULTS
        self.lets = lets
        self.owed: tuple[str, ...] = ()
        self.asked: list[str] = []
        self._state = state

    @property
    def state(self) -> int:
        return self._state

    def decides(self, case: Case, call: Call) -> bool:
        self.asked.append(case.id)
        return case.id in self.lets

    def resolve(self, state: int, call: Call) -> int:
        return sum(bits & -bits for variable in VARIABLES.values() if (bits := state & variable.field))

    def owed_for(self, call: Call) -> tuple[str, ...]:
        return self.owed

    def carry_out(self, call: Call) -> Return:
        answer = settled(self, call)
        self._state = answer.state
        self.owed += owed_by(answer)
        if answer.expect.is_error:
            raise Refused(answer.case, self.refusal(answer, call))
        if not call.request.monitor_command:
            self.values = {**self.values, **changes_of(call.command, call.given())}
        return Return(self.told(call))

    def told(self, call: Call) -> object:
        """What a success returns."""
        if call.request.monitor_command:
            return ""
        tell = TOLD.get(call.command)
        return tell(self) if tell else {}

    def value(self, name: str) -> str:
        return VARIABLES[name].of(self._state)[0]


class Bare(Plain, contracts=False):
    """The same, not under contract."""


TOLD: Mapping[str, Callable[[Plain], object]] = {
    "query-status": lambda vm: {
        "status": vm.value("run"),
        "running": vm.value("run") == "running",
        "singlestep": False,
    },
    "query-migrate-capabilities": lambda vm: [
        {"capability": name.value, "state": vm.value(f"cap.{name}") == "yes"} for name in MigrationCapability
    ],
    **dict.fromkeys(READ_BY, lambda vm: vm.values[MigrationParameter.XBZRLE_CACHE_SIZE]),
    "query-version": lambda _vm: {"qemu": {"major": 5, "minor": 2, "micro": 0}, "package": ""},
    "query-colo-status": lambda _vm: {"mode": "none", "last-mode": "none", "reason": "none"},
    "query-dirty-rate": lambda _vm: {"status": "unstarted", "start-time": 0, "calc-time": 0},
    "query-xen-replication-status": lambda _vm: {"error": False},
}
"""The least that each query may tell."""


def call(command: str, arguments: object | Absent = ABSENT, *, oob: bool = False) -> Call:
    """A call as QEMU 5.2.0 understands it."""
    return Call(command, arguments, understand(command, arguments, SCHEMA, oob=oob))


def line(text: str) -> Call:
    """A line for the human monitor."""
    return call("human-monitor-command", {"command-line": text})
