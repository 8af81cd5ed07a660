"""What counts as noticed by a test: a failure that the original does not have."""

from __future__ import annotations

import json
import sys

import pytest

from tools import mutant_runs
from tools.mutation import Mutant

SOURCE = "def more(a):\n    return a + 1\n"
TESTS = """
import os, sys
sys.path.insert(0, "src")
from some import more

def test_that_notices(): assert more(1) == 2
def test_that_looks_away(): assert more(1) is not None
def test_that_fails_anyway(): assert more(1) == 3
def test_that_ends_the_process():
    if more(1) != 2: os._exit(1)
"""


@pytest.fixture
def trial(tmp_path, monkeypatch):
    tree, work = tmp_path / "tree", tmp_path / "work"
    for folder in (tree / "src", work):
        folder.mkdir(parents=True)
    (tree / "src" / "some.py").write_text(SOURCE)
    (tree / "test_some.py").write_text(TESTS)
    (work / "slow.json").write_text(json.dumps(["test_some.py::test_that_notices"]))
    (work / "chosen.py").write_text(mutant_runs._PLUGIN)
    monkeypatch.setattr(mutant_runs, "WORK", work)
    monkeypatch.setattr(mutant_runs, "_copied_tree", lambda _: tree)
    return mutant_runs._Trial(sys.executable)


@pytest.mark.parametrize(
    ("tests", "killed_by", "unsound"),
    [
        (["looks_away"], None, set()),
        (["looks_away", "notices"], "slow", set()),
        (["ends_the_process"], "fast", set()),
        (["fails_anyway"], None, {"fails_anyway"}),
        (["fails_anyway", "notices"], "slow", {"fails_anyway"}),
        ([], None, set()),
    ],
)
def test_a_test_that_fails_on_the_original_too_has_noticed_nothing(
    trial, tests, killed_by, unsound
) -> None:
    names = [f"test_some.py::test_that_{each}" for each in tests]
    place = SOURCE.index("+")
    mutant = Mutant("src/some.py", 2, place, place + 1, "-", "arithmetic")
    assert trial.verdict(mutant, names, SOURCE, fast_only=False).killed_by == killed_by
    assert {each.rpartition("_that_")[2] for each in trial.unsound} == unsound


def test_slow_tests_are_left_out_where_the_fast_ones_are_asked_for(trial) -> None:
    place = SOURCE.index("+")
    mutant = Mutant("src/some.py", 2, place, place + 1, "-", "arithmetic")
    slow = ["test_some.py::test_that_notices"]
    assert trial.verdict(mutant, slow, SOURCE, fast_only=True).killed_by is None


def test_the_narrowest_tests_of_a_line_are_asked_first() -> None:
    lines = {"src/some.py": {"1": [0, 1, 2], "2": [0, 2], "3": [0]}, "src/other.py": {"1": [1]}}
    found = mutant_runs._Lines(["wide", "middle", "narrow"], lines)
    assert found.tests_of(Mutant("src/some.py", 2, 0, 1, "-", "arithmetic")) == ["narrow", "wide"]
    at_import = Mutant("src/some.py", 9, 0, 1, "-", "arithmetic")
    assert found.tests_of(at_import) == ["middle", "narrow", "wide"]


def test_mutants_are_told_under_their_number_in_the_sample(trial, monkeypatch, capsys) -> None:
    monkeypatch.setattr(mutant_runs, "ROOT", trial._tree)
    place = SOURCE.index("+")
    mutant = Mutant("src/some.py", 2, place, place + 1, "-", "arithmetic")
    names = ["test_some.py::test_that_looks_away", "test_some.py::test_that_notices"]
    lines = mutant_runs._Lines(names, {"src/some.py": {"2": [0, 1]}})
    fast = mutant_runs._Trials(lines, 1, lambda _: trial, fast_only=True)
    assert [each.killed_by for each in fast.verdicts([(7, mutant)])] == [None]
    assert "7: SURVIVED (2 tests" in capsys.readouterr().out


@pytest.mark.parametrize(("most", "noticed"), [(1, None), (2, "fast")])
def test_no_more_tests_are_asked_than_one_wants(trial, most, noticed) -> None:
    trial._most = most
    place = SOURCE.index("+")
    mutant = Mutant("src/some.py", 2, place, place + 1, "-", "arithmetic")
    trial._slow = set()
    names = ["test_some.py::test_that_looks_away", "test_some.py::test_that_notices"]
    assert trial.verdict(mutant, names, SOURCE, fast_only=True).killed_by == noticed
