"""What the changelog is made from: a file for each change that users notice, and which commits have none."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = ROOT / "changes"
KINDS = ("added", "changed", "deprecated", "removed", "fixed", "security")
SOURCES = ("src/apscheduler/", "src/tickwright")
PLACES = ("changes/", "CHANGELOG.md")
NOTHING_TO_SAY = "No change for users."
_WIDTH = 160
_NAME = re.compile(rf"\+[a-z0-9]+(-[a-z0-9]+)*\.({'|'.join(KINDS)})\.md")
_NO_FRAGMENTS = {"README.md", "template.md.jinja"}
_BETWEEN = "\x1e"


def findings(folder: Path = FOLDER) -> list[str]:
    """Return what is wrong with the files, and which commits say nothing to users."""
    wrong = [f"{FOLDER.name}/{path.name}: {why}" for path in fragments(folder) for why in _of(path)]
    return wrong + [f"commit {each} changes src/ and has no file in changes/" for each in silent()]


def fragments(folder: Path = FOLDER) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name not in _NO_FRAGMENTS)


def _of(path: Path) -> Iterator[str]:
    if not _NAME.fullmatch(path.name):
        yield f"its name is to be +WORDS.KIND.md, KIND one of {', '.join(KINDS)}"
    text = path.read_text("utf-8").strip()
    if not text.endswith((".", ")")) or text.startswith("-"):
        yield "its text is to be sentences, without a dash in front"
    if any(len(line) > _WIDTH for line in text.splitlines()):
        yield f"its lines are to be {_WIDTH} characters at most"


def silent() -> list[str]:
    """Return the commits since there is such a folder that change the sources and say nothing to users."""
    since = _git("log", "--diff-filter=A", "--format=%H", "--", "changes/README.md").split()
    if not since:
        return []
    form = f"--format={_BETWEEN}%h %s%n%b%n"
    told = _git("log", "--no-merges", "--name-only", form, f"{since[-1]}..HEAD")
    return [each.splitlines()[0] for each in told.split(_BETWEEN)[1:] if is_silent(each)]


def is_silent(commit: str) -> bool:
    """Return whether a commit, as its message and the names of its files, changes the sources and says nothing."""
    lines = commit.splitlines()
    changes = any(line.startswith(SOURCES) for line in lines)
    return (
        changes
        and NOTHING_TO_SAY not in lines
        and not any(line.startswith(PLACES) for line in lines)
    )


def _git(*words: str) -> str:
    command = ["git", *words]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
