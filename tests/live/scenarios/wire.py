"""What a monitor reads: bad JSON in every way, values that are no requests, ids, and the queue of a busy monitor."""

import json
from collections.abc import Iterable
from typing import Any, Final

from tests.live.monitor import Monitor
from tests.live.scenarios.steps import WAIT, cancel, complete, look, poll, slow_start
from tests.live.scenarios.table import scenario
from tests.live.session import Session, Vm, pause

ONE: Final = {"src": Vm()}

BAD_TEXTS: Final[tuple[bytes, ...]] = (
    b"}",
    b"[}",
    b"tru ",
    b"{1:2}",
    b'{"a" 1}',
    b'{"a":1,}',
    b'{"a":1 "b":2}',
    b"[1 2]",
    b'{"a":1]',
    b'{"execute":"query-status","execute":"query-status","id":1}',
    b'{"execute":"query-status","id":{"a":1,"a":2}}',
    rb'{"execute":"\x","id":2}',
    rb'{"execute":"\ud800","id":3}',
    rb'{"execute":"\u12","id":4}',
    b'{"execute":"\x80","id":5}',
    b'{"execute":"query-status","id":"\xef\xbf\xbf"}',
    b"01\n",
    b"1.}\n",
    b"-\n",
    b'"a\n',
    b"\x00\n",
    b"\xff\n",
    b"\x1b\n",
)
"""Input that is no JSON, in each of the ways that QEMU tells apart."""

CHAINS: Final[tuple[bytes, ...]] = (
    b'{"a":01}\n',
    b'{"a":[1,2,#,3]}\n',
    b"}}]],,::\n",
    b"\xff\xff\x00\x01\n",
    b"nul tru fals \n",
    b"[" * 1025 + b"]" * 3 + b"\n",
    b'{"execute":"query-status"\xff,"id":1}\n',
)
"""Input that leads to several errors."""

NO_REQUESTS: Final[tuple[Any, ...]] = (
    {},
    {"id": None},
    {"arguments": {}, "id": False},
    {"execute": None, "id": 0},
    {"execute": 1, "id": ""},
    {"execute": ["query-status"], "id": []},
    {"execute": "query-status", "arguments": None, "id": {}},
    {"execute": "query-status", "arguments": [], "id": [{"a": None}]},
    {"execute": "query-status", "bogus": 1, "id": 1.5},
    {"execute": "query-status", "data": {}, "id": "data"},
    {"execute": "query-status", "event": "STOP", "timestamp": {"seconds": 1, "microseconds": 1}},
    {"execute": "query-status", "return": {}, "id": "return"},
    {"execute": 1, "arguments": 2, "bogus": 3, "id": "three faults"},
    {"execute": "query-status", "exec-oob": "query-status", "id": "both"},
    {"execute": 1, "exec-oob": "query-status", "id": "both, one bad"},
    {"execute": "query-status", "exec-oob": None, "id": "both, the other bad"},
    {"exec-oob": 1, "id": "bad out of band"},
    {"exec-oob": "migrate-pause", "bogus": 1, "id": "out of band and more"},
    {"exec-oob": "migrate-pause", "arguments": [], "id": "out of band with a list"},
    *([], 1, "query-status", None, True, [{"execute": "query-status"}]),
)
"""JSON that is no request, with and without ids of every kind."""


def _say(monitor: Monitor, inputs: Iterable[bytes]) -> None:
    for data in inputs:
        monitor.send_raw(data)
        pause(0.004)
    monitor.execute("query-status")


@scenario(ONE)
def bad_json(s: Session) -> None:
    """One error for each kind of input that is no JSON."""
    _say(s.monitor("src"), BAD_TEXTS)


@scenario(ONE)
def bad_json_with_several_errors(s: Session) -> None:
    """Input that is read afresh after its first error, and leads to more."""
    _say(s.monitor("src"), CHAINS)


@scenario(ONE)
def bad_json_before_negotiation(s: Session) -> None:
    """Errors about JSON and about the form of requests are the same in negotiation."""
    src = s.monitor("src", negotiate=False)
    _say(src, [*BAD_TEXTS[:6], *CHAINS[:2], *(json.dumps(value).encode() for value in NO_REQUESTS)])
    src.negotiate()
    look(src)


@scenario(ONE)
def unbalanced_input(s: Session) -> None:
    """What is not closed waits without a word, over several pieces and whatever is inside it."""
    src = s.monitor("src")
    src.send_raw(b"{ bad ")
    src.send(["inside"])
    pause(0.02)
    src.send_raw(b"}")
    for piece in (b'{"execute":', b' "query-', b'status", "id"', b":'in pieces'", b"}\n"):
        src.send_raw(piece)
        pause(0.004)
    src.wait_reply("in pieces", WAIT)
    src.send_raw(b'{"execute":"query-status","arguments":{"a":[1,')
    pause(0.01)
    src.send_raw(b'\xff\n{"execute":"query-status","id":"after the end"}')
    src.wait_reply("after the end", WAIT)
    src.send_raw(b"{'never': ")


@scenario({"src": Vm(monitors=2)})
def no_requests(s: Session) -> None:
    """JSON that is no request, on a monitor with out-of-band execution and on one without."""
    plain, oob = s.monitor("src"), s.monitor("src", 1, oob=True)
    for monitor in (plain, oob):
        _say(monitor, (json.dumps(value).encode() for value in NO_REQUESTS))


@scenario(ONE)
def ids_that_change(s: Session) -> None:
    """Numbers in ids come back as QEMU prints them."""
    src = s.monitor("src")
    for identity in (
        *("1.23456789", "1e-10", "-0.0", "-0", "10.0", "1e22", "0.1", "123456.7890625", "-1e-7"),
        *("9223372036854775807", "-9223372036854775808", "18446744073709551615", "18446744073709551616"),
        *(
            "-9223372036854775809",
            "[0.5, {'a': 2.0000001}]",
            '"\\u00e4\\/"',
            "'it\\'s'",
            "123456789012345678901234567890",
        ),
    ):
        src.send_raw(f'{{"execute":"query-status","id":{identity}}}\n'.encode())
        pause(0.002)
    src.execute("query-status")


@scenario(ONE)
def infinite_id(s: Session) -> None:
    """A number beyond all doubles is accepted as an id, and the reply to it is no JSON."""
    src = s.monitor("src")
    src.send_raw(b'{"execute":"query-status","id":1e400}{"execute":"query-migrate","id":1}')
    answered = b""
    while answered.count(b"\n") < 2:
        answered += src.socket.recv(1 << 16)
    assert b"inf" in answered
    look(src)


def _slow(identity: str) -> bytes:
    """A request that keeps the main loop busy for some tenths of a second."""
    arguments = {"command-line": f"sum 0 {6 << 20}"}
    return json.dumps({"execute": "human-monitor-command", "arguments": arguments, "id": identity}).encode()


@scenario(ONE)
def out_of_band_and_the_queue(s: Session) -> None:
    """One out of band overtakes up to eight others; with more of them, it is read when one is done."""
    src = s.monitor("src", oob=True)
    for waiting in (0, 3, 7, 8, 9, 10):
        queue = [f'{{"execute":"query-status","id":{number}}}'.encode() for number in range(waiting)]
        urgent = b'{"exec-oob":"migrate-pause","id":"urgent"}'
        src.send_raw(b"".join([_slow("slow"), *queue, urgent]))
        for _ in range(waiting + 2):
            src.receive(WAIT)


@scenario(ONE)
def out_of_band_without_being_negotiated(s: Session) -> None:
    """Without having been negotiated, out-of-band requests wait their turn to be refused."""
    src = s.monitor("src")
    urgent = b'{"exec-oob":"migrate-pause","id":"urgent"}{"exec-oob":1,"id":"bad"}'
    src.send_raw(_slow("slow") + b'{"execute":"query-status","id":"quick"}' + urgent)
    src.wait_reply("bad", WAIT)


@scenario(ONE)
def bad_input_in_the_queue(s: Session) -> None:
    """Bad input of a busy monitor takes its turn among the replies, and only what is out of band overtakes."""
    src = s.monitor("src", oob=True)
    bad = b'}{"a":01}{"bogus":1,"id":"bogus"}[]'
    src.send_raw(_slow("slow") + bad + b'{"exec-oob":"migrate-pause","bogus":1,"id":"urgent"}')
    src.send_raw(b'{"execute":"query-status"}tru {"execute":"query-status","id":"last"}')
    src.wait_reply("last", WAIT)


@scenario()
def bad_input_during_a_migration(s: Session) -> None:
    """Bad input changes nothing: the migration goes on, and so do the events."""
    src, dst, _ = slow_start(s)
    for monitor in (src, dst):
        _say(monitor, [*BAD_TEXTS[:4], *CHAINS[:2]])
        monitor.send({"execute": "query-migrate", "bogus": 1})
    complete(src, dst)


@scenario(ONE)
def bad_input_and_a_pipeline(s: Session) -> None:
    """A migration and its cancel in one write with bad input between them."""
    src = s.monitor("src", capabilities=("events",))
    start = b'{"execute":"migrate","arguments":{"uri":"exec:cat > /dev/null"},"id":1}'
    src.send_raw(
        start + b"}" + b'{"execute":"query-migrate","bogus":2,"id":2}[}' + b'{"execute":"query-status","id":3}'
    )
    src.wait_reply(3, WAIT)
    cancel(src)
    poll(src, ("cancelled", "completed", "failed"), every=0.02)
