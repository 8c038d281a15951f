"""Conversations in the notation of QEMU's documentation are read message by message."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.traces.importers.judging import judged
from tests.traces.importers.logs import damaged, read

from migspec.traces.findings import Grade, Verdict
from migspec.traces.importers.table import recognised
from migspec.traces.importers.transcript import IMPORTER

DOCUMENTED = b"""\
# Example:
#
# -> { "execute": "migrate-set-capabilities",
#      "arguments": { "capabilities": [
#         { "capability": "events", "state": true } ] } }
# <- { "return": {} }
# -> { 'execute': 'migrate', 'arguments': { 'uri': "tcp:0:4446" } }
# <- { "event": "MIGRATION", "data": {"status": "setup"},
#      "timestamp": { "seconds": 1, "microseconds": 2 } }
# <- { "return": {} }
#
# Example:
#
# -> { "execute": "query-migrate" }
# <- { "return": {} }
""".split(b"\n")


def shown(lines: list[bytes]) -> list[tuple[str, object]]:
    """The VM of each entry, and its message or what it is."""
    entries, _ = read(IMPORTER, lines)
    return [(line["vm"], line.get("msg", "gap")) for _, text in entries for line in [msgspec.json.decode(text)]]


def test_examples_of_the_documentation_conform(tmp_path: Path) -> None:
    path = tmp_path / "migration.json"
    path.write_bytes(b"\n".join(DOCUMENTED))
    report = judged(path)
    assert (report.importer, report.verdict, report.messages) == ("transcript", Verdict.CONFORMS, 7)
    assert recognised(DOCUMENTED) is IMPORTER


def test_an_example_is_a_conversation_of_its_own() -> None:
    assert [vm for vm, _ in shown(DOCUMENTED)] == ["vm1"] * 5 + ["vm2"] * 2
    sections = [b"1 Stop", b"------", b'C: {"execute": "stop"}', b"2 Go on", b"------", b'C: {"execute": "cont"}']
    assert [vm for vm, _ in shown(sections)] == ["vm1", "vm2"]


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([("->", "execute"), ("C:", "exec-oob"), ("<-", "return"), ("S:", "event")]),
            st.sampled_from([None, 1, 4]),
            st.sampled_from(["", "# ", "  ", "> ", "* "]),
            st.sampled_from(["", "Now the guest runs.", "it's {odd}", "a -> b"]),
        ),
        max_size=5,
    )
)
def test_messages_are_found_however_they_are_laid_out(
    parts: list[tuple[tuple[str, str], int | None, str, str]],
) -> None:
    lines: list[bytes] = []
    expected: list[object] = []
    for (arrow, member), indent, margin, prose in parts:
        message = {member: "x", "arguments": {"a": [1, {"b": "{ -> }"}]}}
        text = f"{arrow} {json.dumps(message, indent=indent)}"
        lines += [(margin + line).encode() for line in (*text.split("\n"), prose)]
        expected.append(message)
    assert [message for _, message in shown(lines)] == expected


@pytest.mark.parametrize(
    "cut",
    [
        b"<- { ... }",
        b'<- { "return": { "status": "active", ... } }',
        b'<- { "return": {\n     "status": "active",\n     ...\n   } }',
        b'<- { "return": { "status": "...',
        b'<- { "return": "..." }',
        b"<-",
        b"<- { 'return': {} }",
        b'<- { "execute": "stop" }',
        b'<- { "status": "active" }',
    ],
)
def test_what_is_elided_or_no_such_message_is_a_gap_and_a_doubt(cut: bytes) -> None:
    lines = [b'-> { "execute": "stop" }', *cut.split(b"\n"), b'-> { "execute": "cont" }']
    assert [message for _, message in shown(lines)] == [{"execute": "stop"}, "gap", {"execute": "cont"}]
    _, remarks = read(IMPORTER, lines)
    assert [(finding.line, finding.grade) for finding in remarks.findings] == [(2, Grade.DOUBT)]


def test_an_arrow_may_stand_alone_before_its_message() -> None:
    assert shown([b"<-", b'{"return": {}}', b'{"return": 1}']) == [("vm1", {"return": {}})]


@pytest.mark.parametrize(
    "lines",
    [
        [b"C: is a drive", b"-> see below", b"S: hello"],
        [b'the request {"execute": "stop"} -> {"return": {}}'],
        [b'2026-11-23 06:42:05,255 DEBUG qemu.qmp.protocol.src: --> {"execute": "stop"}'],
    ],
)
def test_arrows_in_other_text_are_no_transcript(lines: list[bytes]) -> None:
    assert not IMPORTER.recognises(lines)


@settings(max_examples=60)
@given(st.data())
def test_no_damage_makes_the_importer_fail(data: st.DataObject) -> None:
    lines = data.draw(damaged(DOCUMENTED))
    entries, _ = read(IMPORTER, lines)
    assert all(1 <= number <= len(lines) and b"\n" not in text for number, text in entries)
