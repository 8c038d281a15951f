"""Mutants of the code: which tests are run for a module, and what is not mutated."""

from pathlib import Path, PurePosixPath

import pytest
from tests.mutants import code
from tests.mutants.targeted import changed, mirrored

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("module", "tests"),
    [
        ("spec/migspec/spec/uri.py", ["tests/spec/test_uri.py"]),
        ("spec/migspec/spec/wire/numbers.py", ["tests/spec/wire/test_numbers.py"]),
        ("spec/migspec/spec/numbers/ram.py", ["tests/spec/test_numbers.py"]),
        ("spec/migspec/spec/lifecycle/outgoing.py", ["tests/spec/test_rows.py", "tests/spec/test_steps.py"]),
        ("spec/migspec/spec/commands/outgoing.py", ["tests/spec/test_contracts.py"]),
        ("traces/migspec/traces/cursor.py", ["tests/traces/test_cursor.py"]),
    ],
)
def test_a_module_has_tests(module: str, tests: list[str]) -> None:
    assert list(mirrored(PurePosixPath(module), PROJECT)) == tests


def test_what_differs_is_found(tmp_path: Path) -> None:
    for copy in ("here", "pristine"):
        for root in ("spec", "traces"):
            (tmp_path / copy / root).mkdir(parents=True)
            (tmp_path / copy / root / "a.py").write_text("A = 1\n")
    (tmp_path / "here/spec/a.py").write_text("A = 2\n")
    assert list(changed(tmp_path / "here", tmp_path / "pristine")) == [PurePosixPath("spec/a.py")]


def test_annotations_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("def f(a: int | None) -> int | str:\n    return a | 1\n")
    assert not code.is_evaluated(path, (1, 13))
    assert not code.is_evaluated(path, (1, 28))
    assert code.is_evaluated(path, (2, 13))


def test_the_sample_is_of_both_packages() -> None:
    modules = {each.module for each in code.stored().mutants}
    assert all(any(module.startswith(package) for module in modules) for package in code.PACKAGES)
