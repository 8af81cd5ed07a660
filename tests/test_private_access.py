"""Private names stay in their room: another room reads them only where this short list says why."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = "apscheduler"
OWN = {"self", "cls", "super()"}
# Slots that the engine keeps on a job. ``job.py`` says who writes each; methods beside them are the engine's too.
OF_A_JOB = {
    *("_apply", "_at", "_checked", "_fire", "_get_run_times", "_grace", "_jobstore_alias"),
    *("_lane", "_last_run", "_ledger", "_modify", "_refresh", "_series", "_step", "_zone"),
}
# A scheduler's time, which tests of users replace.
OF_A_SCHEDULER = {"_now_us"}
# What libraries call private, each with the reason at its place.
OF_LIBRARIES = {
    *("_current_frames", "_exit", "_getframe"),  # sys, os
    *(
        "_adjust_process_count",
        "_executor_manager_thread_wakeup",
        "_shutdown_lock",
    ),  # concurrent.futures
    *("_get_running_loop", "_topology_settings"),  # asyncio, pymongo
    *("_exdate", "_exrule", "_rdate"),  # dateutil
    *("_fields", "_make", "_replace"),  # named tuples
}
ALLOWED = OF_A_JOB | OF_A_SCHEDULER | OF_LIBRARIES


def room_of(path: Path, source: Path) -> str:
    """Return the room of a file: the first folder below the package, or the file itself if it lies at the top."""
    return path.relative_to(source / PACKAGE).parts[0]


def defined(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that a file gives something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value  # __slots__


def read(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Yield each private name that a file reads of another object: line, object, name."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr.startswith("_")
            and not node.attr.startswith("__")
        ):
            owner = ast.unparse(node.value)
            if owner not in OWN:
                yield node.lineno, owner, node.attr


@cache
def trespasses(source: Path) -> list[tuple[str, str]]:
    """Return each reading of a private name that the reader's room does not define: the name, and where."""
    trees = {
        path: ast.parse(path.read_text("utf-8"))
        for path in sorted((source / PACKAGE).rglob("*.py"))
    }
    names: dict[str, set[str]] = {}
    for path, tree in trees.items():
        names.setdefault(room_of(path, source), set()).update(defined(tree))
    return [
        (name, f"{path.relative_to(source)}:{line} reads {owner}.{name}")
        for path, tree in trees.items()
        for line, owner, name in read(tree)
        if name not in names[room_of(path, source)]
    ]


def test_no_room_reads_the_private_names_of_another() -> None:
    assert [where for name, where in trespasses(ROOT / "src") if name not in ALLOWED] == []


def test_each_name_on_the_list_is_still_read_elsewhere() -> None:
    assert ALLOWED - {name for name, _ in trespasses(ROOT / "src")} == set()


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f(job):\n    return job._secret", ["_secret"]),
        ("class A:\n    def f(self):\n        return self._own", []),
        ("class A:\n    _own = 1\ndef f(a):\n    return a._own", []),
        ("class A:\n    __slots__ = ('_own',)\ndef f(a):\n    return a._own", []),
        ("def f(job):\n    return job.__dict__", []),
    ],
)
def test_the_check_itself_catches_a_trespass(tmp_path, code, found) -> None:
    room = tmp_path / PACKAGE / "room"
    room.mkdir(parents=True)
    (room / "file.py").write_text(code)
    (tmp_path / PACKAGE / "other.py").write_text("_secret = 1")
    assert [name for name, _ in trespasses(tmp_path)] == found
