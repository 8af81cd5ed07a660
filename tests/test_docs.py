"""The code in README.md and docs/ is true: Python blocks run, commands exist.

A block that cannot run here says so and why in its info string: ``python no-run: <reason>``; it must still
compile. The blocks of one file share a namespace and run in their order, in a process of their own.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from apscheduler.cli import main as apscheduler_command
from tools import ROOT
from tools.commands import command_names

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
COMMAND = re.compile(r"^\$ (?P<command>.*?)\s*(?:#.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced code block of a page."""

    page: str
    line: int
    info: str
    code: str

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @property
    def runs(self) -> bool:
        return self.info == "python"

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page) -> list[Block]:
    text = page.read_text("utf-8")
    return [
        Block(
            page=str(page.relative_to(ROOT)),
            line=text.count("\n", 0, match.start()) + 1,
            info=match["info"].strip(),
            code=textwrap.dedent(match["code"]),
        )
        for match in FENCE.finditer(text)
    ]


def listing() -> str:
    """Return one line per code block: where it is and what is done with it."""
    return "\n".join(f"{block}: {block.info or 'text'}" for page in PAGES for block in blocks(page))


ALL = [block for page in PAGES for block in blocks(page)]
PYTHON = [block for block in ALL if block.language == "python"]
COMMANDS = [
    pytest.param(found["command"], id=f"{block} {found['command']}")
    for block in ALL
    if block.language in ("console", "bash", "sh")
    for found in COMMAND.finditer(block.code)
]


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if any(b.runs for b in blocks(p))],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_the_python_blocks_of_a_page_run(page, tmp_path) -> None:
    # Line numbers of the page, so that a traceback leads there.
    script = ""
    for block in filter(lambda block: block.runs, blocks(page)):
        script += "\n" * (block.line - script.count("\n")) + block.code
    path = tmp_path / f"{page.stem}.py"
    path.write_text(script, "utf-8")
    run = subprocess.run(
        [sys.executable, "-W", "error", path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_a_block_that_does_not_run_says_why_and_compiles(block) -> None:
    compile(block.code, str(block), "exec")
    assert block.runs or re.fullmatch(r"python no-run: \S.+", block.info)


@pytest.mark.usefixtures("newest_zone_data")  # the doctor finds fault with a system's older data
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_in_the_documentation_exists(command) -> None:
    words = shlex.split(command)
    if words[:2] == ["python3", "dev.py"]:
        assert words[2] in command_names()
    elif words[0] in {"apscheduler", "tickwright"}:
        asked = CliRunner().invoke(apscheduler_command, words[1:])
        assert asked.exit_code == 0, asked.output
    else:
        assert words[0] in {"pip", "git", "apt", "uv", "cd"}, f"an unknown program: {command}"


def test_the_examples_of_the_readme_are_the_seed_documents() -> None:
    seed = (ROOT / "tests/data/seed-blocking-scheduler.md").read_text("utf-8")
    shown = [block for block in blocks(ROOT / "README.md") if "no-run" in block.info]
    assert len(shown) == 2
    assert all(block.code in seed for block in shown)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_fence_of_a_page_escapes_these_tests(page) -> None:
    fences = re.findall(r"^ *```", page.read_text("utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(blocks(page))


def test_blocks_are_found_where_they_stand(tmp_path) -> None:
    text = "a\n\n```python\nx = 1\n```\n- b\n\n  ```console\n  $ true # c\n  ```\n"
    found = [(text.count("\n", 0, m.start()) + 1, m["info"]) for m in FENCE.finditer(text)]
    assert found == [(3, "python"), (8, "console")]
    assert COMMAND.search("$ true # c")["command"] == "true"
