"""The house rules: what is where, who knows whom, what is shipped, and what the documents say of it."""

import ast
import contextlib
import gzip
import importlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import zstandard
from typeguard import TypeCheckError

from migspec.spec import uri
from migspec.traces.record import Address

PROJECT = Path(__file__).resolve().parent.parent
ROOTS = ("spec", "reference_impl", "properties", "traces")
PYPROJECT: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *sorted(p.relative_to(PROJECT).as_posix() for p in PROJECT.glob("docs/**/*.md")),
)
REGISTRIES = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("crates", "io"),
    ("debian", "org"),
)
"""Host names in parts, so that this file does not contain what it forbids."""


def repository_files() -> list[Path]:
    """Every file that is, or would be, in the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
    )
    names = set(os.fsdecode(listing.stdout).split("\0")) - {""}
    return [path for name in sorted(names) if (path := PROJECT / name).is_file()]


def run(program: str, *arguments: str, folder: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment on the four roots in `folder`."""
    roots = os.pathsep.join(str(folder / root) for root in ROOTS)
    line = [str(Path(sys.executable).parent / program), *arguments]
    environment = os.environ | {"PYTHONPATH": roots, "NO_COLOR": "1"}
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def dependency_name(requirement: str) -> str:
    """The name in a requirement such as `rich>=13.7`."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return match.group()


# -- the namespace --


@pytest.mark.parametrize("root", ROOTS)
def test_namespace_is_open(root: str) -> None:
    """An `__init__.py` here would hide the other three roots."""
    assert not (PROJECT / root / "migspec/__init__.py").exists()


@pytest.mark.parametrize("root", ROOTS)
def test_root_holds_its_typed_package(root: str) -> None:
    package = PROJECT / root / "migspec" / root
    assert (package / "__init__.py").is_file()
    assert (package / "py.typed").is_file()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[PurePosixPath]:
    """The names in the wheel."""
    out = tmp_path_factory.mktemp("wheel")
    built = run("python", "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(PROJECT))
    assert built.returncode == 0, built.stdout + built.stderr
    (file,) = out.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        return [PurePosixPath(name) for name in archive.namelist()]


def test_wheel_installs_one_name(wheel: list[PurePosixPath]) -> None:
    tops = {name.parts[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"migspec"}
    assert len(tops) == 2


def test_wheel_holds_every_module_and_nothing_else(wheel: list[PurePosixPath]) -> None:
    expected = {
        path.relative_to(PROJECT / root).as_posix()
        for root in ROOTS
        for path in repository_files()
        if path.is_relative_to(PROJECT / root / "migspec")
    }
    assert {str(name) for name in wheel if name.parts[0] == "migspec"} == expected
    assert {f"migspec/{root}/py.typed" for root in ROOTS} <= expected


def test_wheel_carries_the_licence(wheel: list[PurePosixPath]) -> None:
    assert [name for name in wheel if name.name == "LICENSE"]


# -- who knows whom --


def test_import_contracts_hold() -> None:
    checked = run("lint-imports")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("spec/migspec/spec", "migspec.traces"),
        ("spec/migspec/spec", "migspec.reference_impl"),
        ("properties/migspec/properties", "migspec.traces"),
        ("properties/migspec/properties", "migspec.reference_impl"),
        ("reference_impl/migspec/reference_impl", "migspec.properties"),
        ("traces/migspec/traces", "migspec.reference_impl"),
        ("traces/migspec/traces", "migspec.cli"),
    ],
)
def test_import_contracts_can_fail(importer: str, imported: str, tmp_path: Path) -> None:
    """Against contracts that hold because they look at nothing."""
    (tmp_path / "pyproject.toml").write_bytes((PROJECT / "pyproject.toml").read_bytes())
    for root in ROOTS:
        package = tmp_path / root / "migspec" / root
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        for plugin in (PROJECT / root / "migspec").glob("*.py"):
            (package.parent / plugin.name).touch()
    (tmp_path / "traces/migspec/cli").mkdir()
    (tmp_path / "traces/migspec/cli/__init__.py").touch()
    assert run("lint-imports", folder=tmp_path).returncode == 0
    (tmp_path / importer / "intruder.py").write_text(f"import {imported}\n")
    broken = run("lint-imports", folder=tmp_path)
    assert broken.returncode == 1
    assert "1 broken" in broken.stdout


# -- types at run time --


@pytest.mark.parametrize("root", ROOTS)
def test_every_package_is_instrumented(root: str) -> None:
    """typeguard's import hook knows each package of the namespace."""
    module = importlib.import_module(f"migspec.{root}")
    assert type(module.__loader__).__name__ == "TypeguardLoader"


def test_wrongly_typed_call_is_refused() -> None:
    """The hook does instrument modules of a namespace package."""
    wrong: Any = 7
    with pytest.raises(TypeCheckError):
        uri.outgoing(wrong)
    with pytest.raises(TypeCheckError):
        Address.parse(wrong)


# -- the documents --


def modules() -> Iterator[Path]:
    return (path for path in repository_files() if path.suffix == ".py")


@pytest.mark.parametrize("path", list(modules()), ids=lambda path: str(path.relative_to(PROJECT)))
def test_module_says_what_it_holds(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


DOCS = "migspec[docs]"
"""How one list of dependencies has those of the documentation in it."""


def reasons() -> dict[str, tuple[str, str]]:
    """Kind and reason of each dependency, as the table of CONTRIBUTING.md gives them."""
    text = (PROJECT / "CONTRIBUTING.md").read_text()
    section = text.split("\n## Dependencies\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", section, re.MULTILINE)
    return {name: (kind.strip(), reason.strip()) for name, kind, reason in rows}


def test_every_dependency_has_its_reason() -> None:
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    kinds = {"run": project["dependencies"], "development": [*extras["docs"], *extras["dev"]]}
    expected = {dependency_name(line): kind for kind, lines in kinds.items() for line in lines if line != DOCS}
    given = reasons()
    assert {name: kind for name, (kind, _) in given.items()} == expected
    assert [name for name, (_, reason) in given.items() if len(reason.split()) < 3] == []


def test_what_the_documentation_needs_is_needed_for_development() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    assert extras["docs"]
    assert DOCS in extras["dev"]


def test_build_requirements_can_be_met_offline() -> None:
    assert set(PYPROJECT["build-system"]["requires"]) <= set(PYPROJECT["project"]["optional-dependencies"]["dev"])


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_make_targets_in_documents_exist(document: str) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    code = re.findall(r"```.*?```|`[^`\n]+`", (PROJECT / document).read_text(), re.DOTALL)
    named = {target for piece in code for target in re.findall(r"\bmake ([a-z]+)", piece)}
    assert named
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_in_documents_lead_somewhere(document: str) -> None:
    file = PROJECT / document
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text())
    assert [target for target in targets if not (file.parent / target).exists()] == []


def is_there(name: str) -> bool:
    """Whether a module, or something in one, can be found by its dotted name."""
    module, _, attribute = name.rpartition(".")
    with contextlib.suppress(ModuleNotFoundError):
        return bool(importlib.import_module(name))
    return hasattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_and_modules_named_in_documents_exist(document: str) -> None:
    prose = re.sub(r"^ *```.*?^ *```$", "", (PROJECT / document).read_text(), flags=re.DOTALL | re.MULTILINE)
    words = set(re.findall(r"`([^`\n]+)`", prose))
    files = {word for word in words if re.fullmatch(r"[\w./-]+(\.(py|md)|/)", word)}
    there = [f"/{path.relative_to(PROJECT)}" for path in repository_files()]
    there += [f"{PurePosixPath(name).parent}/" for name in there]
    assert [file for file in sorted(files) if not any(name.endswith(f"/{file}") for name in there)] == []
    assert [word for word in sorted(words) if re.fullmatch(r"migspec(\.\w+)+", word) and not is_there(word)] == []


def contents(path: Path) -> bytes:
    """A file's bytes, unpacked if it is packed and not damaged."""
    data = path.read_bytes()
    with contextlib.suppress(EOFError, OSError, zlib.error, zstandard.ZstdError):
        if path.suffix == ".gz":
            return gzip.decompress(data)
        if path.suffix == ".zst":
            return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return data


def test_no_file_names_a_workplace_or_registry() -> None:
    """What is written here must hold on any machine, packed recordings included."""
    forbidden = [f"/{'work'}/".encode(), *(".".join(parts).encode() for parts in REGISTRIES)]
    found = [
        (str(path.relative_to(PROJECT)), word)
        for path in repository_files()
        for data in [contents(path)]
        for word in forbidden
        if word in data
    ]
    assert found == []
