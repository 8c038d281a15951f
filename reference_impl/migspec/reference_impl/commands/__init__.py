"""One method a command: what executes a call, under the contract that the specification has of it.

The methods add nothing to their contracts: what a call does is carried out by the subclass that is a modelled process.
`outgoing` and `incoming` hold the commands of the two sides, `settings` those of capabilities and parameters, `queries`
what only tells, `process` those of the monitor, the guest and the process, `neighbours` what else a client needs.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from migspec.reference_impl.calls import Call, Failure, Reply, Return
from migspec.reference_impl.commands.incoming import IncomingCommands
from migspec.reference_impl.commands.neighbours import NeighbourCommands
from migspec.reference_impl.commands.outgoing import OutgoingCommands
from migspec.reference_impl.commands.process import ProcessCommands
from migspec.reference_impl.commands.queries import QueryCommands
from migspec.reference_impl.commands.settings import SettingsCommands
from migspec.reference_impl.contracts import ENABLED, Method, Refused, invariably, outcome
from migspec.spec.commands import envelope, machine
from migspec.spec.vocabulary import ErrorClass

_GROUPS = (OutgoingCommands, IncomingCommands, SettingsCommands, QueryCommands, ProcessCommands, NeighbourCommands)


def _methods() -> Iterator[tuple[str, Method]]:
    for group in _GROUPS:
        yield from ((name, method) for name, method in vars(group).items() if isinstance(method, Method))


METHODS: Mapping[str, Method] = dict(_methods())
"""The methods that execute commands, by their own names."""

NAMES: Mapping[str, str] = {method.command: name for name, method in METHODS.items()}
"""The name of the method that executes a command."""

_BARE = {name: method.bare for name, method in METHODS.items()}
_GUARDED, _INVARIANTS = invariably({name: method.guarded for name, method in METHODS.items()})


class Commands(
    OutgoingCommands,
    IncomingCommands,
    SettingsCommands,
    QueryCommands,
    ProcessCommands,
    NeighbourCommands,
):
    """A modelled process as far as commands go: every command is a method, and `execute` finds it.

    A subclass is under contract if it is told so, as in ``class Machine(Commands, contracts=True)``; one that is not
    told is, unless the environment has ``MIGSPEC_CONTRACTS=off``.  Under contract each method also checks before and
    after what always holds.
    """

    contracts: ClassVar[bool] = ENABLED
    """Whether the methods are under contract."""

    def __init_subclass__(cls, *, contracts: bool = ENABLED, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        cls.contracts = contracts
        chosen = {**_GUARDED, **_INVARIANTS} if contracts else _BARE
        for name, attribute in chosen.items():
            setattr(cls, name, attribute)

    def execute(self, call: Call) -> Reply:
        """Execute a call, and return what answers it.

        Never refuses by raising.  For a line of the human monitor an error is a text in a success.  What answers a call
        that ends the process without a reply (`replies` of its case) is never sent.  Raises `Broken` where contracts
        are checked and the model does not keep one.
        """
        name = _name_of(call)
        if name is None:
            return self._refuse_unknown(call)
        try:
            reply: Return = getattr(self, name)(call)
        except Refused as refused:
            if call.request.monitor_command and refused.case not in envelope.CONTRACT.cases:
                return Return(f"Error: {refused.failure.text}\r\n")
            return refused.failure
        return reply

    def _refuse_unknown(self, call: Call) -> Failure:
        """What answers a call of a command that there is not: the envelope's refusals come first."""
        answer = outcome(self, call)
        if answer.case in envelope.CONTRACT.cases:
            return self.refusal(answer, call)
        return Failure(f"The command {call.request.sent_as} has not been found", ErrorClass.COMMAND_NOT_FOUND)


def _name_of(call: Call) -> str | None:
    """The name of the method that executes a call; None if there is no such command."""
    request = call.request
    is_hidden = request.command in machine.ONLY_HUMAN and not request.monitor_command
    return None if is_hidden else NAMES.get(request.command)
