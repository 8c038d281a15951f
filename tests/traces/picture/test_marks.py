"""What a line says in a few words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.traces.picture.marks import MOST_WORDS, Kind, Mark, Reader

RELEASE = {"major": 5, "minor": 2, "micro": 0}


def mark_of(reader: Reader, number: int, direction: str, message: Any, **others: Any) -> Mark:
    line = {"vm": "src", "dir": direction, "msg": message} | others
    mark = reader.mark(number, json.dumps(line).encode())
    assert mark is not None
    return mark


@pytest.mark.parametrize(
    ("direction", "message", "kind", "title", "words"),
    [
        ("->", {"execute": "query-status"}, Kind.REQUEST, "query-status", ""),
        ("->", {"execute": "migrate", "arguments": {"uri": "fd:m"}}, Kind.REQUEST, "migrate", "uri fd:m"),
        ("->", {"exec-oob": "migrate-pause"}, Kind.REQUEST, "migrate-pause", "out of band"),
        ("->", {"execute": 7}, Kind.REQUEST, "no request", ""),
        ("<-", {"event": "MIGRATION", "data": {"status": "active"}}, Kind.EVENT, "MIGRATION", "active"),
        ("<-", {"event": "SHUTDOWN", "data": {"guest": False}}, Kind.EVENT, "SHUTDOWN", "guest no"),
        ("<-", {"error": {"class": "GenericError", "desc": "No."}}, Kind.ERROR, "reply", "No."),
        ("<-", {"QMP": {"version": {"qemu": RELEASE}}}, Kind.GREETING, "greeting", "QEMU 5.2.0"),
        ("<-", {"QMP": []}, Kind.GREETING, "greeting", ""),
        ("<-", {}, Kind.BYTES, "no message", ""),
        ("<-", [1], Kind.BYTES, "no message", ""),
    ],
)
def test_a_message_has_a_name_and_words(direction: str, message: Any, kind: Kind, title: str, words: str) -> None:
    mark = mark_of(Reader(), 1, direction, message)
    assert (mark.kind, mark.title, mark.words) == (kind, title, words)


def test_capabilities_are_told_as_on_or_off() -> None:
    settings = [{"capability": "events", "state": True}, {"capability": "xbzrle", "state": False}]
    request = {"execute": "migrate-set-capabilities", "arguments": {"capabilities": settings}}
    assert mark_of(Reader(), 1, "->", request).words == "events on, xbzrle off"


@pytest.mark.parametrize(
    ("line", "title", "words"),
    [
        ({"vm": "a", "end": "eof", "by": "client"}, "connection closed", "by the client"),
        ({"vm": "a", "end": "eof", "exit": -9}, "process ended", "exit status -9"),
        ({"vm": "a", "gap": "lost"}, "messages are missing", "lost"),
        ({"vm": "a", "raw": "\u00ff", "dir": "->"}, "no JSON", "from the client"),
    ],
)
def test_what_is_no_message_has_words_too(line: dict[str, Any], title: str, words: str) -> None:
    mark = Reader().mark(3, json.dumps(line).encode())
    assert mark is not None
    assert (mark.title, mark.words) == (title, words)


def test_a_reply_is_named_after_the_request_that_it_answers() -> None:
    reader = Reader()
    mark_of(reader, 1, "->", {"execute": "query-status", "id": "a"})
    mark_of(reader, 2, "->", {"execute": "query-migrate", "id": "b"})
    later = mark_of(reader, 3, "<-", {"return": {"status": "active"}, "id": "b"})
    earlier = mark_of(reader, 4, "<-", {"return": {}, "id": "a"})
    assert (later.title, later.words, later.asked) == ("query-migrate", "active", 2)
    assert (earlier.title, earlier.asked) == ("query-status", 1)


def test_a_reply_without_a_known_id_answers_the_oldest_request_of_its_monitor() -> None:
    reader = Reader()
    mark_of(reader, 1, "->", {"execute": "stop"}, mon="one")
    mark_of(reader, 2, "->", {"execute": "cont"}, mon="two")
    assert mark_of(reader, 3, "<-", {"return": {}}, mon="two").title == "cont"
    assert mark_of(reader, 4, "<-", {"return": {}}, mon="two").asked == 0


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_line_raises(line: bytes) -> None:
    for text in (line, b'{"vm":"a","dir":"<-","msg":' + line + b"}"):
        mark = Reader().mark(1, text)
        assert mark is None or len(mark.words) <= MOST_WORDS


@pytest.mark.parametrize("time", ["1e300", "-1e300", "1e11"])
def test_a_time_that_is_none_is_not_known(time: str) -> None:
    mark = Reader().mark(1, b'{"vm":"a","t":%s,"end":"eof"}' % time.encode())
    assert mark is not None
    assert mark.t is None
