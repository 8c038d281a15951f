"""Writes the sample pages anew: `migspec show` of a dozen names, without what the corpus says of them.

    python -m tests.traces.sample_pages

They are text that people read: look at what has changed before you commit it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from migspec.traces.pages import Page, as_text, page_of
from migspec.traces.pages.examples import OF_THE_CORPUS

FOLDER = Path(__file__).with_name("golden") / "pages"

NAMES = (
    "outgoing.active-to-colo",
    "incoming.active-to-failed",
    "migrate.resume.not-paused",
    "migrate.connected.unplug",
    "migrate-continue.other-state",
    "migrate_cancel.idle",
    "query-migrate.status",
    "trace.gap",
    "migrate",
    "migrate_cancel",
    "migrate-set-parameters",
    "COLO_EXIT",
    "MigrationStats",
    "COLOMode",
    "SocketAddress",
    "MigrationStatus.device",
    "MigrationInfo.ram",
    "x-colo",
    "xbzrle-cache-size",
)
"""What is shown, one of each kind at least."""

PROFILE = "qemu-5.2.0"


def lasting(page: Page) -> Page:
    """The page without what the next recording may change."""
    return {name: value for name, value in page.items() if name not in OF_THE_CORPUS}


def text_of(name: str) -> str:
    """The sample page of a name."""
    lines = ("".join(piece.text for piece in line).rstrip() for line in as_text(lasting(page_of(name, PROFILE))))
    return "".join(f"{line}\n" for line in lines)


def samples() -> Mapping[str, Path]:
    """Where the samples lie, by name."""
    return {name: FOLDER / f"{name}.txt" for name in NAMES}


def main() -> None:
    """Write all of them, and remove those of other names."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        if old not in samples().values():
            old.unlink()
    for name, path in samples().items():
        path.write_text(text_of(name), encoding="utf-8")


if __name__ == "__main__":
    main()
