"""Pages: all that is known about one rule, or one entity of the schema, put together for a reader.

A page is a tree of plain values, so that it is the same as JSON and as text.  `rules` and `entities` make pages,
`definitions` says what the schema defines, `probes` holds requests that show how a case depends on them, `examples`
the messages of the corpus, and `rendering` the form on paper.  `lookup` finds what a name means.  `outlook` evaluates
the contract of a command status by status, and `moves` tells what leads from one status to another; the documentation
shows both.
"""

from migspec.traces.pages.lookup import UnknownNameError, listing, page_of
from migspec.traces.pages.rendering import Page, as_json, as_text

__all__ = ["Page", "UnknownNameError", "as_json", "as_text", "listing", "page_of"]
