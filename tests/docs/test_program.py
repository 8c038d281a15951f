"""The pages of the command line say what `--help` says, option by option, and the manual page says it once more."""

import pytest

from migspec.cli.entry import COMMANDS, parser_of
from migspec_docs.document import Document, Listing, Option, Para, blocks_in
from migspec_docs.program import MANUAL, WIDTH, parser_of_command, program


@pytest.fixture(scope="module")
def pages() -> dict[str, Document]:
    """The pages by their place."""
    return {page.place: page for page in program()}


def options(page: Document) -> dict[str, str]:
    """What is said of each option, in words."""
    told = {}
    for block in blocks_in(page.content):
        if isinstance(block, Option):
            paras = [part for part in block.content if isinstance(part, Para)]
            told[block.spelling] = "".join(
                part if isinstance(part, str) else part.text for para in paras for part in para.content
            )
    return told


def squeezed(text: str) -> str:
    """Text without what only lays it out."""
    return "".join(text.replace("`", "").split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_pages_are_made_of_the_help_that_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser_of([name]).parse_args([name, "--help"])
    assert capsys.readouterr().out == parser_of_command(name).format_help()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_says_what_the_help_says(name: str, pages: dict[str, Document]) -> None:
    """Each option with its words, and none is missing: the help is nothing but what stands on the page."""
    parser = parser_of_command(name)
    told = options(pages[f"reference/program/{name}"])
    parts = [(squeezed(spelling), squeezed(words)) for spelling, words in told.items()]
    _, _, listed = squeezed(parser.format_help()).partition(squeezed(parser.description or ""))
    for heading in ("positionalarguments:", "options:"):
        listed = listed.replace(heading, "", 1)
    assert listed == "".join(spelling + words for spelling, words in parts) + squeezed(parser.epilog or "")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_shows_the_usage_and_what_comes_last(name: str, pages: dict[str, Document]) -> None:
    parser = parser_of_command(name)
    shown = [
        block.text for block in blocks_in(pages[f"reference/program/{name}"].content) if isinstance(block, Listing)
    ]
    assert f"usage: {shown[0]}".split() == parser.format_usage().split()
    assert max(map(len, shown[0].splitlines())) <= WIDTH
    if parser.epilog and "\n" in parser.epilog.strip():
        assert shown[-1] == parser.epilog.rstrip()


def test_the_manual_page_has_every_option_of_every_command(pages: dict[str, Document]) -> None:
    found = [block for block in blocks_in(pages[MANUAL].content) if isinstance(block, Option)]
    expected = sum(len(options(pages[f"reference/program/{name}"])) for name in COMMANDS)
    assert len(found) == expected + len(options(pages["reference/program/index"]))
    synopsis = next(block.text for block in blocks_in(pages[MANUAL].content) if isinstance(block, Listing))
    assert all(f"migspec {name} " in synopsis for name in COMMANDS)


def test_every_command_is_listed(pages: dict[str, Document]) -> None:
    assert {*pages["reference/program/index"].links} == {f"migspec {name}" for name in COMMANDS}
