"""Reads the generated pages: a parser of Sphinx for their form."""

from __future__ import annotations

from typing import ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.environment import BuildEnvironment
from sphinx.parsers import Parser

from migspec_docs.document import read
from migspec_docs.nodes import Writer

FORM = "migspec-page"
"""What the form is called among those that Sphinx knows."""


class PageParser(Parser):
    """Makes the nodes of a generated page."""

    supported: ClassVar[tuple[str, ...]] = (FORM,)

    def parse(self, inputstring: str | StringList, document: nodes.document) -> None:
        """Read a page, and put it into the document."""
        self.setup_parse(str(inputstring), document)
        text = inputstring if isinstance(inputstring, str) else "\n".join(inputstring)
        env: BuildEnvironment = document.settings.env
        document += Writer(env, env.docname).document(read(text.encode()))
        self.finish_parse()
