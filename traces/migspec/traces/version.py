"""Which version of migspec this is."""

from __future__ import annotations

import os
import subprocess
from importlib import metadata
from pathlib import Path


def installed_version() -> str:
    """The version, empty if migspec is used without having been installed."""
    try:
        return metadata.version("migspec")
    except metadata.PackageNotFoundError:
        return ""


def commit_of(file: Path) -> str:
    """The commit of the clone that a file is tracked in, with `-dirty` behind it if something was changed since.

    Empty where there is no such clone, or no git: a package that is installed below another project is no part of it.
    """
    git = ["git", "-C", str(file.parent)]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    told = ""
    for arguments in (
        ["ls-files", "--error-unmatch", file.name],
        ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
    ):
        try:
            done = subprocess.run([*git, *arguments], env=environment, capture_output=True, check=True, text=True)
        except (OSError, subprocess.CalledProcessError):
            return ""
        told = done.stdout.strip()
    return told
