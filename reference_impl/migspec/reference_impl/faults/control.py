"""The protocol of the control socket: requests for faults come in as lines of JSON, answers go out as such.

A request is an object with one of these members, and perhaps an `id` that comes back with the answer:

| member | what is done |
|---|---|
| `"fault": SCRIPT` | the script's faults are set; the answer has them as they are understood |
| `"clear": true` | faults that wait are forgotten, and what earlier ones go on doing ends |
| `"state": true` | the answer has all of the machine's state |
| `"wait": {VARIABLE: VALUE, ...}` | the answer comes when that is so, with the values; a list of values admits any |
|  | of them; after `timeout` seconds, 60 unless given, or when the process ends, it is an error |
| any action of a fault script | it is done at once: `{"cut": true}`, `{"take": "ROW"}`, `{"late": "2s"}` |

An answer is `{"return": ...}`, or `{"error": TEXT}`.  All but those to `wait` come in the order of the requests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from migspec.reference_impl.faults.model import Kill
from migspec.reference_impl.faults.script import FaultError, parse_action
from migspec.reference_impl.faults.watch import Faults
from migspec.reference_impl.faults.words import ACTIONS
from migspec.reference_impl.machine import Machine
from migspec.spec.state import VARIABLES

LONGEST_LINE: Final = 1 << 16
"""Bytes of a request at most."""
PATIENCE: Final = 60.0
"""Seconds for which `wait` waits unless told otherwise."""

_EXTRAS: Final = frozenset({"id", "timeout"})
_DECODER: Final = msgspec.json.Decoder(dict[str, object])


class RequestError(Exception):
    """A request to the control socket is wrong: `request` is the text or its part, `problem` why."""

    def __init__(self, request: str, problem: str) -> None:
        super().__init__(f"{request}: {problem}")
        self.request = request
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait that is not over: what is awaited, until when, and what the answer has for an id."""

    wanted: Mapping[str, frozenset[str]]
    deadline: float
    extras: Mapping[str, object]


class Control:
    """One client of the control socket.

    Whoever hands bytes over advances the machine before, so that it knows the time, and after, so that it does what was
    asked for.  `send` is called with each answer, a line; it may be called from within any call of the machine.
    """

    def __init__(self, machine: Machine, faults: Faults, send: Callable[[bytes], None]) -> None:
        self._machine = machine
        self._faults = faults
        self._send = send
        self._buffer = bytearray()
        self._waits: list[Wait] = []
        self._skipping = False
        self._verbs: Mapping[str, Callable[[object], object]] = {
            "fault": self._fault,
            "clear": self._clear,
            "state": self._state,
        }
        faults.attend(self)

    def close(self) -> None:
        """The client is gone."""
        self._waits.clear()
        self._faults.dismiss(self)

    def receive(self, data: bytes) -> None:
        """Bytes of the client; nothing in them is an error to the caller."""
        self._buffer += data
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            if self._skipping:
                self._skipping = False
            elif len(line) > LONGEST_LINE:
                self._refuse_length()
            elif line.strip():
                self._line(bytes(line))
        if len(self._buffer) > LONGEST_LINE:
            if not self._skipping:
                self._refuse_length()
            self._skipping = True
            self._buffer.clear()

    def _refuse_length(self) -> None:
        self._answer({"error": f"a request of more than {LONGEST_LINE} bytes"}, {})

    def _line(self, line: bytes) -> None:
        try:
            request = _DECODER.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            self._answer({"error": "not a JSON object on a line of its own"}, {})
            return
        extras = {"id": request["id"]} if "id" in request else {}
        try:
            self._request(request, extras)
        except (RequestError, FaultError) as error:
            self._answer({"error": str(error)}, extras)

    def _request(self, request: Mapping[str, object], extras: Mapping[str, object]) -> None:
        verbs = [name for name in request if name not in _EXTRAS]
        known = [*self._verbs, "wait", *(name for name in ACTIONS if name not in self._verbs)]
        if len(verbs) != 1 or verbs[0] not in known:
            named = ", ".join(verbs) or "a request without a member"
            raise RequestError(named, f"a request has one of {', '.join(known)}, and perhaps an id")
        (verb,) = verbs
        argument = request[verb]
        if "timeout" in request and verb != "wait":
            raise RequestError("timeout", "goes with wait alone")
        if verb == "wait":
            self._wait(_wanted(argument), _seconds(request.get("timeout", PATIENCE)), extras)
        elif verb in self._verbs:
            self._answer({"return": self._verbs[verb](argument)}, extras)
        else:
            self._act(verb, argument, extras)

    def _answer(self, answer: Mapping[str, object], extras: Mapping[str, object]) -> None:
        self._send(msgspec.json.encode({**answer, **extras}) + b"\n")

    # --- what can be asked for

    def _fault(self, script: object) -> object:
        if not isinstance(script, str):
            raise RequestError("fault", "needs a script, such as 'at=40%:cut'")
        return [str(fault) for fault in self._faults.add(script)]

    def _clear(self, argument: object) -> object:
        _alone("clear", argument)
        self._faults.clear()
        return {}

    def _act(self, verb: str, argument: object, extras: Mapping[str, object]) -> None:
        if argument is True:
            text = verb
        elif isinstance(argument, str) or (isinstance(argument, int | float) and not isinstance(argument, bool)):
            text = f"{verb}={argument}"
        else:
            raise RequestError(verb, f"needs true or a text, as in {ACTIONS[verb].shape}")
        action = parse_action(text)
        if isinstance(action, Kill):
            # nothing can be answered afterwards
            self._answer({"return": {}}, extras)
            self._faults.perform(action)
            return
        problem = self._faults.perform(action)
        if problem:
            raise RequestError(verb, problem)
        self._answer({"return": {}}, extras)

    def _state(self, argument: object) -> object:
        _alone("state", argument)
        machine = self._machine
        attempt, arrival = machine.source.attempt, machine.destination.arrival
        # of the session each monitor has its own
        variables = {name: machine.value(name) for name in VARIABLES if name != "session"}
        return {
            "time": machine.now,
            "exit": None if machine.exit is None else machine.exit.value,
            **{name: variables[name] for name in ("outgoing", "incoming", "stage", "load", "run")},
            "variables": variables,
            "channels": {
                "outgoing": None
                if attempt is None
                else {
                    "address": attempt.address,
                    "connected": machine.source.can_shut,
                    "recovering": attempt.recovery is not None,
                    "sent": attempt.work.sent(),
                    "left": attempt.work.left(),
                },
                "incoming": {
                    "addresses": machine.destination.addresses,
                    "connected": machine.destination.can_shut,
                    "recovering": arrival.recovery is not None,
                },
            },
            "bitmaps": {disk.node: list(disk.bitmaps) for disk in machine.disks},
            "announced": list(machine.destination.announced),
            "wishes": sorted(machine.wishes),
            "late": machine.reply_delay,
            "faults": [str(fault) for fault in self._faults.armed],
        }

    # --- waiting

    def _wait(self, wanted: Mapping[str, frozenset[str]], seconds: float, extras: Mapping[str, object]) -> None:
        self._waits.append(Wait(wanted, self._machine.now + seconds, extras))
        self.looks()

    def looks(self) -> None:
        """Answer the waits that are over."""
        for wait in tuple(self._waits):
            values = {name: self._machine.value(name) for name in wait.wanted}
            if all(values[name] in wanted for name, wanted in wait.wanted.items()):
                self._settle(wait, {"return": values})
            elif self._machine.exit is not None:
                self._settle(wait, {"error": f"the process has ended with {self._machine.exit.value}"})
            elif self._machine.now >= wait.deadline:
                shown = ", ".join(f"{name} is {value}" for name, value in values.items())
                self._settle(wait, {"error": f"waited in vain: {shown}"})

    def wakes(self) -> float | None:
        """When the first wait is in vain."""
        return min((wait.deadline for wait in self._waits), default=None)

    def _settle(self, wait: Wait, answer: Mapping[str, object]) -> None:
        self._waits.remove(wait)
        self._answer(answer, wait.extras)


def _alone(verb: str, argument: object) -> None:
    if argument is not True:
        raise RequestError(verb, "needs true")


def _seconds(timeout: object) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout <= 1e6:
        raise RequestError("timeout", "needs a number of seconds")
    return float(timeout)


def _wanted(argument: object) -> Mapping[str, frozenset[str]]:
    """The variables that are waited for, and the values that end the wait."""
    if not isinstance(argument, dict) or not argument:
        raise RequestError("wait", 'needs variables and values, such as {"outgoing": "active"}')
    wanted: dict[str, frozenset[str]] = {}
    for name, given in argument.items():
        values = [given] if isinstance(given, str) else given
        variable = VARIABLES.get(name) if name != "session" else None
        if variable is None:
            raise RequestError(f"wait for {name}", "there is no such variable; {'state': true} shows them all")
        if not isinstance(values, list) or not values or any(value not in variable.values for value in values):
            raise RequestError(f"wait for {name}", f"it is one of {', '.join(variable.values)}")
        wanted[name] = frozenset(values)
    return wanted
