"""Lines that are no command are answered in the words of a real QEMU."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migspec.reference_impl.answers.lines import COMMANDS, NEWLINE, Question, complaint, question, words_of
from migspec.spec.requests import understand
from migspec.spec.schema import QEMU_5_2_0

STRING = '{0}: string expected\r\nTry "help {0}" for more information\r\n'
EXTRA = '{}: extraneous characters at the end of line\r\nTry "help {}" for more information\r\n'
SWITCH = "Expected 'on' or 'off'\r\nTry \"help migrate_set_capability\" for more information\r\n"

# as observed on QEMU 5.2.0
GOLDEN = {
    "foo": "unknown command: 'foo'\r\n",
    "foo bar": "unknown command: 'foo'\r\n",
    "stop;cont": "unknown command: 'stop;cont'\r\n",
    "s": "unknown command: 's'\r\n",
    "": "",
    "  ": "",
    "info foo": "unknown command: 'info foo'\r\n",
    "info foo bar": "unknown command: 'info foo'\r\n",
    "info status x": EXTRA.format("status", "info status"),
    "migrate": STRING.format("migrate"),
    "migrate -d -b": STRING.format("migrate"),
    'migrate "unix:/a': STRING.format("migrate"),
    "migrate_continue": STRING.format("migrate_continue"),
    "migrate_incoming": STRING.format("migrate_incoming"),
    "migrate_set_parameter": STRING.format("migrate_set_parameter"),
    "migrate_set_parameter max-bandwidth": STRING.format("migrate_set_parameter"),
    "migrate_set_capability": STRING.format("migrate_set_capability"),
    "loadvm": STRING.format("loadvm"),
    "migrate unix:/a b": EXTRA.format("migrate", "migrate"),
    "cont x": EXTRA.format("c|cont", "cont"),
    "stop x": EXTRA.format("stop", "stop"),
    "migrate -x unix:/a": 'migrate: unsupported option -x\r\nTry "help migrate" for more information\r\n',
    "migrate_set_capability events": SWITCH,
    "migrate_set_capability events maybe": SWITCH,
    "migrate_set_capability events ON": SWITCH,
    "migrate_set_capability bogus on": "Error: invalid parameter value: bogus\r\n",
    "migrate_set_capability 'events' on": "Error: invalid parameter value: 'events'\r\n",
    "migrate_set_parameter bogus 1": "Error: invalid parameter value: bogus\r\n",
    "migrate_continue bogus": "Error: invalid parameter value: bogus\r\n",
    "migrate_continue SETUP": "Error: invalid parameter value: SETUP\r\n",
}
COMMANDS_GIVEN = (
    "  stop  ",
    "cont",
    "c",
    "quit",
    "q",
    "migrate -d unix:/a",
    'migrate "unix:/a b"',
    "migrate -r unix:/a",
    "migrate_cancel",
    "migrate_continue pre-switchover",
    "migrate_incoming tcp::0",
    "migrate_set_capability events on",
    "migrate_set_parameter max-bandwidth 1",
    "savevm",
    "savevm one",
    "loadvm one",
)


@pytest.mark.parametrize("line", GOLDEN)
def test_what_is_wrong_with_a_line(line: str) -> None:
    assert complaint(line) == GOLDEN[line]
    assert question(line) is None


@pytest.mark.parametrize("line", COMMANDS_GIVEN)
def test_nothing_is_wrong_with_a_command(line: str) -> None:
    assert complaint(line) is None
    assert question(line) is None
    assert understand("human-monitor-command", {"command-line": line}, QEMU_5_2_0).command != "human-monitor-command"


@pytest.mark.parametrize("asked", Question)
def test_a_question(asked: str) -> None:
    assert question(f"info {asked}") == asked
    assert complaint(f"info {asked}") is None


WORDS = st.sampled_from([*COMMANDS, "info", "-d", "-x", "on", "events", '"a b"', '"', "'", "pre-switchover", "é"])


@given(st.lists(WORDS | st.text(max_size=5), max_size=5).map(" ".join))
def test_whatever_is_complained_of_is_a_line(line: str) -> None:
    told = complaint(line)
    assert told is None or told == "" or told.endswith(NEWLINE)
    understood = understand("human-monitor-command", {"command-line": line}, QEMU_5_2_0)
    if told is None and question(line) is None and "'" not in line and '"' not in line:
        assert understood.command != "human-monitor-command"


@given(st.text())
def test_a_word_in_quotes(word: str) -> None:
    quoted = word.replace("\\", "\\\\").replace('"', '\\"')
    if "\n" not in word:
        assert words_of(f'a "{quoted}" b') == ("a", word, "b")
