"""Finds what belongs to one machine in the project's files: absolute paths and index addresses."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MACHINE_PATH = re.compile(
    r"(?<![\w.-])/(?:root|home|Users|work|opt|mnt|srv)/[\w.-]+|[A-Z]:\\(?:Users|Program)"
)
_REGISTRY = re.compile(r"\b(?:pypi|files\.pythonhosted|registry\.npmjs)\.org\b", re.IGNORECASE)
_ADDRESS = re.compile(r"\b(?:https?|file|ftp)://|--(?:extra-)?index-url|--find-links")
# Documents copied as they are, and this file, which has to spell what it looks for.
_EXEMPT = ("tests/data/", "tools/machine_names.py", "tests/tools/test_machine_names.py")


def findings() -> list[str]:
    """Return one line per machine path or registry host in a file that git tracks or would."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {what}"
        for path in project_files()
        if not str(path.relative_to(ROOT)).startswith(_EXEMPT)
        for number, what in _in_file(path)
    ]


def project_files() -> list[Path]:
    """Return the files that git tracks or would track here; without git, all that are not hidden."""
    names = _names_from_git()
    paths = [ROOT / name for name in names] if names else _visible_files()
    return sorted(path for path in paths if path.is_file())


def _names_from_git() -> set[str]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607 - the user's git
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return set()
    return {name for name in listed.stdout.decode().split("\0") if name}


def _visible_files() -> list[Path]:
    hidden = (".", "__pycache__")
    return [
        path
        for path in ROOT.rglob("*")
        if not any(part.startswith(hidden) for part in path.relative_to(ROOT).parts)
    ]


def _in_file(path: Path) -> Iterator[tuple[int, str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return
    pinned = path.parent == ROOT / "requirements"
    for number, line in enumerate(lines, 1):
        yield from ((number, what) for what in in_line(line, pinned=pinned))


def in_line(line: str, *, pinned: bool = False) -> list[str]:
    """Return what one line names of a machine; ``pinned``: a requirements file, no address at all."""
    found = [
        f"the path {hit[0]} exists on one machine only" for hit in _MACHINE_PATH.finditer(line)
    ]
    found += [
        f"the registry host {hit[0]} is a machine's choice" for hit in _REGISTRY.finditer(line)
    ]
    if pinned and _ADDRESS.search(line):
        found.append("a requirements file names no address")
    return found
