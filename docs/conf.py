"""How Sphinx builds the documentation: `make docs` runs it, and turns every warning into an error."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
for folder in (DOCS / "_ext", *(DOCS.parent / root for root in ("spec", "reference_impl", "properties", "traces"))):
    sys.path.insert(0, str(folder))

project = "migspec"
author = "The migspec developers"
project_copyright = author
language = "en"

extensions = ["myst_parser", "migspec_docs.extension"]
exclude_patterns = ["_ext", "_static"]
nitpicky = True
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

html_theme = "furo"
html_title = "migspec"
html_static_path = ["_static"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "monokai"

man_pages = [
    (
        "reference/program/manual",
        "migspec",
        "judge recordings of QEMU's live migration, and stand in for it",
        [author],
        1,
    )
]
man_show_urls = False
