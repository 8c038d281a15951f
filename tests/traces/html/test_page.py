"""A page of every kind of input, and input that can be read only once."""

import io
import os
import sys
from pathlib import Path
from threading import Thread

import pytest
from tests.traces.corpus import CORPUS
from tests.traces.html import pages

from migspec.traces.html import page
from migspec.traces.judge import Options, judge_file
from migspec.traces.picture.rereading import readable_twice

SAMPLE = CORPUS / "qemu-5.2.0/precopy-unix.jsonl"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\0\1\2", "this is a binary file"),
        (b"nonsense", "this begins neither a trace nor a log"),
        (b"{nonsense", "this is no header"),
        (pages.HEADER.encode(), "The trace has no messages."),
    ],
)
def test_bad_input_has_a_page_that_says_so(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad"
    path.write_bytes(content)
    assert said in "".join(pages.parts(pages.made(path)).text)


def test_no_file_has_a_page_too(tmp_path: Path) -> None:
    assert "cannot be opened" in pages.made(tmp_path / "absent")


def test_a_file_is_read_where_it_is() -> None:
    with readable_twice(str(SAMPLE)) as path:
        assert path == str(SAMPLE)


def test_what_cannot_be_opened_is_left_to_the_judge(tmp_path: Path) -> None:
    for path in (str(tmp_path), str(tmp_path / "absent"), "\0"):
        with readable_twice(path) as same:
            assert same == path


def test_a_pipe_is_kept_while_it_is_needed(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=lambda: pipe.write_bytes(SAMPLE.read_bytes()))
    writer.start()
    with readable_twice(str(pipe)) as path:
        report = judge_file(path)
        report.trace = str(pipe)
        html = "".join(page(path, report, Options()))
    writer.join()
    assert not Path(path).exists()
    assert report.messages == 40
    assert len(pages.parts(html).data["marks"]) == 42


def test_standard_input_is_kept_while_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    with SAMPLE.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        with readable_twice("-") as path:
            assert Path(path).read_bytes() == SAMPLE.read_bytes()
