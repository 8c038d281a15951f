"""Inputs: every trace that the command line means is found once, in an order that is always the same."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migspec.traces.inputs import STANDARD_INPUT, Source, sources

ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")
NAMES = st.sampled_from([f"{stem}{ending}" for stem in "abc" for ending in (*ENDINGS, ".json", ".gz", ".jsonl.xz", "")])
FOLDERS = st.sampled_from(["", "one", "one/deep", "two", "two/deep.jsonl"])
FILES = st.dictionaries(st.tuples(FOLDERS, NAMES), st.integers(0, 20), max_size=8)

one_folder = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def laid_out(root: Path, files: dict[tuple[str, str], int]) -> Path:
    """A fresh folder with these files of these sizes."""
    place = root / str(len(list(root.iterdir())))
    place.mkdir()
    for (folder, name), size in files.items():
        (place / folder).mkdir(parents=True, exist_ok=True)
        (place / folder / name).write_bytes(b"x" * size)
    return place


@one_folder
@given(FILES)
def test_a_folder_means_all_traces_in_it_at_any_depth(tmp_path: Path, files: dict[tuple[str, str], int]) -> None:
    place = laid_out(tmp_path, files)
    expected = {str(place / folder / name): size for (folder, name), size in files.items() if name.endswith(ENDINGS)}
    found = sources([str(place)])
    if expected:
        assert {source.path: source.size for source in found} == expected
        assert not any(source.error for source in found)
    else:
        (nothing,) = found
        assert nothing.path == str(place)
        assert "there is no trace in this folder" in nothing.error
        assert all(f"*{ending}" in nothing.error for ending in ENDINGS)


@one_folder
@given(FILES, st.permutations(["", "one", "two", "."]))
def test_what_is_named_twice_is_one_input(tmp_path: Path, files: dict[tuple[str, str], int], named: list[str]) -> None:
    place = laid_out(tmp_path, files)
    paths = [str(place / name) for name in named if (place / name).is_dir()]
    once, twice = sources(paths), sources([*paths, *paths])
    assert once == twice
    assert len({source.path for source in once}) == len(once)


class Entries:
    """What a folder holds, in an order of one's own."""

    def __init__(self, entries: Iterable[os.DirEntry[str]]) -> None:
        self._entries = iter(entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> os.DirEntry[str]:
        return next(self._entries)


def place_in_order(path: str) -> list[tuple[bool, str]]:
    """What traces of a folder are ordered by: its files first, then its folders, each by name."""
    *folders, name = path.split(os.sep)
    return [*((True, folder) for folder in folders), (False, name)]


@one_folder
@given(FILES, st.booleans())
def test_the_order_does_not_depend_on_the_file_system(
    tmp_path: Path, files: dict[tuple[str, str], int], backwards: bool
) -> None:
    place = laid_out(tmp_path, files)
    read = os.scandir

    def in_order(folder: str) -> Entries:
        return Entries(sorted(read(folder), key=lambda entry: entry.name, reverse=backwards))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", in_order)
        found = [os.path.relpath(source.path, place) for source in sources([str(place)])]
    assert found == sorted(found, key=place_in_order)


def test_files_are_taken_as_they_are_named_and_in_their_order(tmp_path: Path) -> None:
    place = laid_out(tmp_path, {("", "b.txt"): 3, ("", "a.jsonl"): 5})
    paths = [str(place / "b.txt"), str(place / "a.jsonl"), str(place / "missing")]
    assert sources(paths) == [Source(paths[0], 3), Source(paths[1], 5), Source(paths[2])]
    assert sources([]) == []


def test_a_path_that_cannot_be_one_is_left_to_the_reader() -> None:
    assert sources(["a\0b"]) == [Source("a\0b")]


def test_the_dash_is_standard_input_even_beside_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "-").mkdir()
    monkeypatch.chdir(tmp_path)
    (source,) = sources([STANDARD_INPUT])
    assert (source.path, source.error) == ("-", "")


def test_what_would_only_wait_is_not_looked_for(tmp_path: Path) -> None:
    """A pipe or a folder is no trace, whatever its name; a link that leads nowhere is told of when it is read."""
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "link.jsonl").symlink_to("nowhere")
    assert [source.path for source in sources([str(tmp_path)])] == [str(tmp_path / "link.jsonl")]


def test_a_folder_that_cannot_be_read_is_told_of_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "a.jsonl").touch()
    shut = str(tmp_path / "shut")
    read = os.scandir

    def refuse(folder: str) -> Any:
        if folder == shut:
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return read(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    beside = {source.path: source.error for source in sources([str(tmp_path)])}
    assert beside == {str(tmp_path / "a.jsonl"): "", shut: beside[shut]}
    assert "this folder cannot be read (Permission denied)" in beside[shut]
    assert [source.error for source in sources([shut])] == [beside[shut]]
    (tmp_path / "a.jsonl").unlink()
    assert [source.path for source in sources([str(tmp_path)])] == [shut]


@pytest.mark.parametrize(
    ("name", "packed"), [("a.jsonl", False), ("a.jsonl.gz", True), ("a.jsonl.zst", True), ("-", True)]
)
def test_only_a_plain_trace_has_the_size_of_its_text(name: str, packed: bool) -> None:
    assert Source(name).packed is packed
