"""The rooms of the SQL store lie upon each other as its page says, also in what is imported late or for types only."""

from __future__ import annotations

import ast
import re

import apscheduler.jobstores._sql as page
from tools import ROOT

FOLDER = ROOT / "src" / "apscheduler" / "jobstores" / "_sql"
PACKAGE = "apscheduler.jobstores._sql."
FACE = "apscheduler.jobstores.sqlalchemy"
ROOMS = re.findall(r"^    (\w+)   ", page.__doc__.partition("Beside the rooms")[0], re.MULTILINE)


def imported(path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def test_the_page_names_each_room():
    assert sorted(ROOMS) == sorted(each.parent.name for each in FOLDER.glob("*/__init__.py"))


def test_a_room_imports_from_those_below_it_only():
    found = []
    for height, room in enumerate(ROOMS):
        above = tuple(PACKAGE + each for each in ROOMS[height + 1 :])
        beside = tuple(PACKAGE + each.stem for each in FOLDER.glob("*.py"))
        found += [
            f"{path.relative_to(FOLDER)} imports {module}"
            for path in sorted((FOLDER / room).rglob("*.py"))
            for module in sorted(imported(path))
            if module.startswith((*above, *beside))
        ]
    assert found == []


def test_nothing_behind_the_face_imports_it():
    assert [str(path) for path in FOLDER.rglob("*.py") if FACE in imported(path)] == []
