"""Every field bug has a test, or an issue that brings it: markers are counted over the whole suite."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent
ALL = (*range(1, 110), 112, 113, 120, 126)

STORES = "the Redis, MongoDB and ZooKeeper stores"
LATER = {}


def marked(source: str) -> set[int]:
    """Return the numbers of all ``pytest.mark.trap(...)`` in a module."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return {
        argument.value
        for call in calls
        if ast.unparse(call.func) == "pytest.mark.trap"
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }


COVERED = set().union(
    *(marked(path.read_text(encoding="utf-8")) for path in TESTS.rglob("test_*.py"))
)


def test_every_trap_has_a_test_or_an_issue_that_brings_it():
    assert set(ALL) - COVERED - LATER.keys() == set()


def test_no_trap_is_both_tested_and_put_off():
    assert COVERED & LATER.keys() == set()


def test_no_marker_names_a_trap_that_does_not_exist():
    assert set(ALL) >= COVERED


def test_markers_are_found_wherever_they_stand():
    source = "pytestmark = pytest.mark.trap(1)\n@pytest.mark.trap(2, 3)\ndef test(): ..."
    assert marked(source) == {1, 2, 3}
