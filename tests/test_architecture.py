"""The architecture page against the tree: each room is listed once, in the order of layers, and so is each thread."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys

import pytest
from test_layers import imports, layer, modules

from tools import ROOT, TESTED

SOURCE = ROOT / "src" / "apscheduler"
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text("utf-8")
STARTERS = {"Thread", "start_new_thread"}


def table(title: str) -> list[list[str]]:
    """Return the cells of the rows of the table in a section."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def listed(cell: str) -> list[str]:
    """Return what a cell has in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def rooms() -> list[str]:
    """Return the rooms of the page, in its order."""
    return [name for row in table("Rooms") for name in listed(row[0])]


def test_every_package_and_top_file_is_listed_once() -> None:
    folders = {f"{path.parent.relative_to(SOURCE)}/" for path in SOURCE.rglob("*.py")} - {"./"}
    files = {path.name for path in SOURCE.glob("*.py")} - {"__init__.py"}
    assert sorted(rooms()) == sorted(folders | files)


def test_rooms_are_listed_in_the_order_of_their_layers() -> None:
    heights = [layer(f"apscheduler.{re.split('[/.]', room)[0]}") for room in rooms()]
    assert heights == sorted(heights)


def room_of(module: str, known: list[str]) -> str:
    """Return the innermost listed room of a module."""
    path = "/".join(module.split(".")[1:]) + "/"
    return max((room for room in known if path.startswith(room.replace(".py", "/"))), key=len)


def test_rooms_inside_a_folder_import_from_those_above_them_only() -> None:
    known, every = rooms(), modules(SOURCE.parent)
    arrows = {
        (room_of(name, known), room_of(target, known))
        for name, path in every.items()
        for target, _ in imports(name, path, set(every))
        if target in every and "." in name and "." in target
    }
    upwards = [
        (room, other)
        for room, other in sorted(arrows)
        if is_inner(room) and is_inner(other) and known.index(room) < known.index(other)
    ]
    assert [pair for pair in upwards if not pair[1].startswith(pair[0])] == []


def is_inner(room: str) -> bool:
    return room.count("/") > 1


def test_every_package_opens_with_a_page_that_says_more_than_its_name() -> None:
    short = [
        f"{path.parent.relative_to(SOURCE)}"
        for path in sorted(SOURCE.rglob("__init__.py"))
        if len((ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")) < 3
    ]
    assert short == []


def test_every_file_that_starts_a_thread_is_in_the_table_of_threads() -> None:
    starting = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if "testing" not in path.parts and any(starts(path))
    }
    assert starting == {name for row in table("Threads") for name in listed(row[1])}


def starts(path) -> list[ast.Call]:
    """Return the calls in a file that make a thread of ours."""
    calls = [
        node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    return [call for call in calls if ast.unparse(call.func).rpartition(".")[2] in STARTERS]


@pytest.mark.parametrize("title", ["Rooms", "Threads"])
def test_no_cell_is_empty(title) -> None:
    assert all(all(row) for row in table(title))


def test_every_path_on_the_page_exists() -> None:
    named = {name for name in listed(PAGE) if re.fullmatch(r"[\w/]+(\.py|/)", name) and "/" in name}
    assert [
        name
        for name in sorted(named)
        if not (SOURCE / name).exists() and not (ROOT / name).exists()
    ] == []


def walk(title: str) -> list[str]:
    """Return the files of a walk, in its order."""
    section = PAGE.split(f"\n### {title}\n")[1].split("\n#")[0]
    return re.findall(r"^\d+\. `([^`]+)`", section, re.MULTILINE)


@pytest.mark.parametrize(
    ("title", "kind", "place", "most"),
    [
        ("In memory, in threads", "threadpool", "memory", 9),
        ("On SQL, in processes", "processpool", "jobs.sqlite", 16),
        ("On SQL, in an asyncio loop", "asyncio", "jobs.sqlite", 12),
    ],
)
def test_one_fire_time_goes_through_the_files_of_its_walk(
    tmp_path, title, kind, place, most
) -> None:
    listed = walk(title)
    assert len(listed) == len(set(listed)) <= most
    where = place if place == "memory" else str(tmp_path / place)
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "walked.py"), kind, where],
        env={"PYTHONPATH": str(TESTED)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [path for path in listed if path not in json.loads(done.stdout)] == []


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
LONG_FILE, FULL_FOLDER = 350, 14


def named_as(kind: str) -> set[str]:
    """Return what the table of large files, or that of large folders, names."""
    section = CONTRIBUTING.split("\n## Sizes\n")[1].split(f"| {kind} | one concept |")[1]
    return {listed(line)[0] for line in section.split("\n\n")[0].splitlines() if "`" in line}


def test_what_is_large_has_a_sentence_that_says_why() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in SOURCE.rglob("*.py")}
    long = {str(path.relative_to(SOURCE)) for path, count in lines.items() if count > LONG_FILE}
    assert named_as("file") == long
    folders = {path.parent for path in lines}
    full = {
        f"{each.relative_to(SOURCE)}/"
        for each in folders
        if len(list(each.glob("*.py"))) > FULL_FOLDER
    }
    assert named_as("folder") == full
