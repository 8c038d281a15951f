"""What crosses between a QMP server, the machine that it serves, and the methods of the commands.

A *call* is a request that has reached the point where a command is looked up; what comes of it is a *return* or a
*failure*.  Bytes, ids and the order of replies are the server's business, states are the machine's.
"""

from dataclasses import dataclass

from migspec.spec.requests import Request
from migspec.spec.schema import ABSENT, Absent
from migspec.spec.vocabulary import ErrorClass


@dataclass(frozen=True, slots=True)
class Call:
    """A request for `command` with its decoded `arguments`.

    `request` is what contracts look at.  `id` is sent back with the reply, `ABSENT` for none; `descriptors` are the
    file descriptors that came with the request.
    """

    command: str
    arguments: object | Absent
    request: Request
    id: object | Absent = ABSENT
    descriptors: tuple[int, ...] = ()

    @property
    def oob(self) -> bool:
        """Whether it was sent out of band."""
        return self.request.oob

    def given(self) -> dict[str, object]:
        """Its arguments, an empty object if it has none."""
        return self.arguments if isinstance(self.arguments, dict) else {}


@dataclass(frozen=True, slots=True)
class Return:
    """The command succeeded; `value` is what it returns, an empty object for most."""

    value: object


@dataclass(frozen=True, slots=True)
class Failure:
    """The command was refused, with an error of this class and text."""

    text: str
    error_class: ErrorClass = ErrorClass.GENERIC_ERROR


Reply = Return | Failure
"""What comes of a call."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """Input that was no request: `failure` is the answer that it gets when its turn comes.

    `id` is sent back with it, `ABSENT` for none; `oob` tells whether it asked to be answered out of turn.
    """

    failure: Failure
    id: object | Absent = ABSENT
    oob: bool = False


Item = Call | Complaint
"""What a server hands on to its machine, and what one reply answers."""
