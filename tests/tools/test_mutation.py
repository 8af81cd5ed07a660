from __future__ import annotations

import ast

import pytest

from tools import ROOT, mutation

SMALL = ("cluster",)
SOURCE = '''"""Words."""
import os

LIMIT = 3


def f(a, log):
    """More words."""
    if a < LIMIT and not os.sep:
        log.warning("a text %s", a + 1)
        return a
    for each in a:
        break
    a.b = min(a, f"WHERE x = 1 AND y = :y{a}")
'''


def texts(kind: str) -> list[str]:
    found = mutation.mutants_of("m.py", SOURCE)
    return [each.applied(SOURCE) for each in found if each.kind == kind]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("comparison", "if a <= LIMIT and not os.sep:"),
        ("connective", "if a < LIMIT or not os.sep:"),
        ("without not", "if a < LIMIT and (os.sep):"),
        ("turned round", "if not (a < LIMIT and not os.sep):"),
        ("returns nothing", "return None"),
        ("loop", "continue"),
        ("function", 'a.b = max(a, f"WHERE x = 1 AND y = :y{a}")'),
        ("left out", "pass"),
        ("constant", "LIMIT = 4"),
        ("SQL condition", 'a.b = min(a, f"WHERE x = 1{a}")'),
    ],
)
def test_each_kind_of_mutant_changes_one_place(kind, line) -> None:
    made = texts(kind)
    assert any(line in [each.strip() for each in text.splitlines()] for text in made), made


def test_words_for_people_are_left_alone() -> None:
    for mutant in mutation.mutants_of("m.py", SOURCE):
        changed = mutant.applied(SOURCE)
        assert '"""Words."""' in changed
        assert 'log.warning("a text %s", a + 1)' in changed


def test_every_mutant_of_the_core_is_valid_python_and_another_text() -> None:
    for path in mutation.core_files(("cluster", "jobstores")):
        text = path.read_text(encoding="utf-8")
        for mutant in mutation.mutants_of(path.name, text)[::25]:
            changed = mutant.applied(text)
            assert changed != text
            ast.parse(changed)


def test_a_sample_can_be_drawn_again() -> None:
    first = mutation.draw(5, 7, SMALL)
    assert first == mutation.draw(5, 7, SMALL)
    assert first != mutation.draw(5, 8, SMALL)
    assert len({(each.path, each.line) for each in first}) == 5
    for each in first:
        assert (ROOT / each.path).is_file()
