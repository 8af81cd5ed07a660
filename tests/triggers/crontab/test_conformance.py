"""The conformance table of docs/reference/crontab.md: every clause of OCPS has tests, and they exist."""

from __future__ import annotations

import ast
import re

from tools import ROOT

PAGE = (ROOT / "docs" / "reference" / "crontab.md").read_text("utf-8")
TESTS = ROOT / "tests" / "triggers" / "crontab" / "test_ocps.py"
ROW = re.compile(
    r"^\| (?P<clause>1\.[0-4][^|]*) \| (?P<rule>[^|]+) \| (?P<tests>[^|]+) \|$", re.MULTILINE
)

# The clauses as the specification's summary lists them; each needs a row.
CLAUSES = [
    *("1.0 form", "1.0 lists", "1.0 ranges", "1.0 steps", "1.0 errors", "1.0 days"),
    *("1.1 nicknames", "1.2 seconds", "1.2 years", "1.3 `L`", "1.3 `#`", "1.3 `W`"),
    *("1.4 AND", "1.4 `?`", "1.4 range", "1.4 DST (should)"),
]

ROWS = [match.groupdict() for match in ROW.finditer(PAGE)]
NAMED = {name for row in ROWS for name in re.findall(r"`(test_\w+)`", row["tests"])}
WRITTEN = {
    node.name
    for node in ast.parse(TESTS.read_text("utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
}


def test_every_clause_has_a_row_and_every_row_a_test():
    assert set(CLAUSES) <= {row["clause"] for row in ROWS}
    assert all("`test_" in row["tests"] for row in ROWS)


def test_the_named_tests_exist():
    assert NAMED <= WRITTEN


def test_every_test_of_a_clause_is_named():
    assert {name for name in WRITTEN if re.match(r"test_1_\d", name)} <= NAMED
