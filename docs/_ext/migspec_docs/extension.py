"""What Sphinx is told of the generated pages: their form, their parser, their names and their looks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from migspec_docs.document import SUFFIX
from migspec_docs.domain import SpecificationDomain
from migspec_docs.generating import generate
from migspec_docs.nodes import FoldNode, PictureNode, depart_fold, visit_fold, visit_picture
from migspec_docs.parser import FORM, PageParser

BEFORE_THE_THEME: Final = 400
"""The priority of what happens before the theme makes its parts of a page."""


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx what there is."""
    app.add_source_suffix(SUFFIX, FORM)
    app.add_source_parser(PageParser)
    app.add_domain(SpecificationDomain)
    app.add_node(FoldNode, html=(visit_fold, depart_fold))
    app.add_node(PictureNode, html=(visit_picture, None))
    app.add_css_file("spec.css")
    app.connect("builder-inited", _generate)
    app.connect("include-read", _relink_included)
    app.connect("source-read", _relink)
    app.connect("html-page-context", _narrow_navigation, priority=BEFORE_THE_THEME)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _generate(app: Sphinx) -> None:
    generate(Path(app.srcdir))


_PAGES: Final[Mapping[str, str]] = {
    "README.md": "/index.md",
    "CONTRIBUTING.md": "/contributing.md",
    "CHANGELOG.md": "/changelog.md",
}
"""The documents of the project that are pages, too."""
_LEADS_ASIDE: Final = re.compile(r"\]\((?:\.\./)*(?:docs/(?P<page>[^)]+)|(?P<document>[A-Z]+\.md))")


def relinked(text: str) -> str:
    """A document with the links that lead to other documents of the project leading to their pages."""
    return _LEADS_ASIDE.sub(_to_page, text)


def _to_page(link: re.Match[str]) -> str:
    place = f"/{link['page']}" if link["page"] else _PAGES.get(link["document"])
    return link[0] if place is None else f"]({place}"


def _relink(_app: Sphinx, _page: str, content: list[str]) -> None:
    content[0] = relinked(content[0])


def _relink_included(_app: Sphinx, _path: Path, _page: str, content: list[str]) -> None:
    content[0] = relinked(content[0])


def _narrow_navigation(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Show beside a page only what is above it and beside it: all pages would be too many to look through."""
    whole = context.get("toctree")
    if whole is not None:
        context["toctree"] = lambda **options: whole(**{**options, "collapse": True})
