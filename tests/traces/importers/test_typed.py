"""Typed lines become what qmp-shell sends: qmp-shell itself is asked."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from qemu.qmp.qmp_shell import QMPShell, QMPShellError

from migspec.traces.importers.typed import Shell, first_shell, later_shells

WORDS = st.sampled_from(
    [
        "migrate",
        "uri=exec:cat",
        'uri="exec:cat > /dev/null"',
        "a=1",
        "a=TRUE",
        "a=false",
        "a.b=1",
        "a.b.c=x",
        "c=2",
        "a={'b':true,'c':[null,1]}",
        'a={"b":true}',
        "a=[{'capability':'events','state':true}]",
        "a={'b'",
        "a={'b':f()}",
        "a=",
        "=1",
        "a==b",
        "a.=1",
        "bare",
        "transaction(",
        ")",
        "'quoted word'",
        "it's",
    ]
)
LINES = st.lists(WORDS, max_size=5).map(" ".join) | st.text(
    st.sampled_from("ab=.{}[]'\"1 \\:,-_tuer"), max_size=14
).filter(str.strip)


class RealShell(QMPShell):
    """qmp-shell as its library has it, without a connection."""

    def __init__(self) -> None:
        self._transmode = False
        self._actions = []

    def __del__(self) -> None:
        """There is nothing to close."""

    def request(self, line: str) -> bytes | None:
        """What is sent after a line; None where nothing is."""
        try:
            sent = self._build_cmd(line)
            return None if sent is None else json.dumps(sent, allow_nan=False).encode()
        except (QMPShellError, ValueError, TypeError):
            return None


def latest() -> Shell:
    return later_shells()[-1]


@settings(max_examples=150)
@given(st.lists(LINES, max_size=5))
@example(["transaction( a b=1 )", "c d=2"])
@example(["transaction(", "a b=1", ") x", "stop"])
def test_the_latest_generation_sends_what_qmp_shell_sends(lines: list[str]) -> None:
    shell, real = latest(), RealShell()
    for line in lines:
        assert shell.request(line) == real.request(line)


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("migrate uri=unix:/x", {"uri": "unix:/x"}),
        ("migrate", {}),
        ("x a=1 b=-2 c=0x3", {"a": 1, "b": -2, "c": "0x3"}),
        ("x a=true b=False c=null", {"a": True, "b": False, "c": "null"}),
        ("x a={'k':True,'n':null} b=[1,2]", {"a": {"k": True, "n": None}, "b": [1, 2]}),
        ("x a.b=1 c=2", {"a": {"b": 1, "c": 2}}),
        ('x a="b c"', {"a": '"b c"'}),
    ],
)
def test_a_line_is_read_as_the_grammar_says(line: str, arguments: dict[str, object]) -> None:
    name = line.split()[0]
    assert json.loads(latest().request(line) or b"") == {"execute": name, "arguments": arguments}


@pytest.mark.parametrize(
    "line", ["", "   ", "x bare", "x a=1 a=2", "x a=1 a.b=2", "x a.b=2 a=1", "x a={1:{}", "x a={1,2}"]
)
def test_a_line_after_which_nothing_is_sent_or_can_be_told(line: str) -> None:
    sent = latest().request(line)
    assert sent == RealShell().request(line)


def test_a_transaction_is_sent_when_it_is_closed() -> None:
    for shell in later_shells():
        assert [shell.request(line) for line in ("transaction(", "a b=1", "c")] == [None] * 3
        sent = json.loads(shell.request(")") or b"")
        actions = [{"type": "a", "data": {"b": 1}}, {"type": "c", "data": {}}]
        assert sent == {"execute": "transaction", "arguments": {"actions": actions}}


def test_generations_differ_in_what_they_split_and_read() -> None:
    first, (second, third) = first_shell(), later_shells()
    split = 'x a="b c=d"'
    assert [json.loads(shell.request(split) or b"null") for shell in (second, third)] == [
        {"execute": "x", "arguments": {"a": '"b', "c": 'd"'}},
        {"execute": "x", "arguments": {"a": '"b c=d"'}},
    ]
    nested = "x a.b=1 c=[1] d=True"
    assert json.loads(first.request(nested) or b"")["arguments"] == {"a": {"b": 1}, "c": "[1]", "d": "True"}
    assert json.loads(third.request(nested) or b"")["arguments"] == {"a": {"b": 1, "c": [1], "d": True}}
    assert first.request("x a={'b':1}") is None


@given(st.text(max_size=20))
def test_no_line_makes_a_shell_fail(line: str) -> None:
    for shell in (first_shell(), *later_shells()):
        sent = shell.request(line)
        assert sent is None or b"execute" in sent
