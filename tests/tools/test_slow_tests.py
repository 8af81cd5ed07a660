"""The lists of tests that take long by measure: they are heeded, made from what was measured, and name what is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from types import SimpleNamespace

from tools import slow_tests

LISTED = "tests/executors/test_deadlines_beside_others.py"


def collected(project_root, **more):
    """Return which tests of the file pytest takes for fast."""
    usual = {name: value for name, value in os.environ.items() if name != slow_tests.MEASURES}
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"]
    answered = subprocess.run(
        [*command, "-m", "not slow", LISTED],
        cwd=project_root,
        env={**usual, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    return {slow_tests.function_of(line) for line in answered.stdout.splitlines() if "::" in line}


def test_what_is_on_the_list_is_slow_but_where_it_is_measured_anew(project_root, tmp_path):
    slow = {name for name in slow_tests.listed() if name.startswith(LISTED)}
    measured = str(tmp_path / "measured")
    assert slow
    assert not collected(project_root) & slow
    assert collected(project_root, **{slow_tests.MEASURES: measured}) >= slow


def test_what_was_measured_makes_the_list(tmp_path):
    file = tmp_path / "measured"
    watch = slow_tests.Stopwatch(file)
    for name, took in [("a.py::x[1]", 0.06), ("a.py::x[1]", 0.06), ("a.py::x[2 é]", 0.0)]:
        watch.pytest_runtest_logreport(SimpleNamespace(nodeid=name, duration=took))
    watch.pytest_runtest_logreport(SimpleNamespace(nodeid="a.py::y", duration=0.1))
    watch.pytest_sessionfinish()
    seconds = slow_tests.seconds_in(file.read_text(encoding="utf-8").splitlines())
    assert seconds == {"a.py::x[1]": 0.12, "a.py::x[2 é]": 0.0, "a.py::y": 0.1}
    assert slow_tests.slow_ones(seconds) == ["a.py::x"]


def test_the_suite_begins_with_the_longest_file(monkeypatch, tmp_path):
    seconds = {"a.py::x": 6.0, "b.py::x[1]": 9.0, "a.py::y": 5.0, "b.py::x[2]": 9.0, "c.py::x": 9.9}
    files = slow_tests.long_ones(seconds)
    assert files == ["b.py", "a.py"]
    monkeypatch.setattr(slow_tests, "LONG_FILES", tmp_path / "files")
    slow_tests.LONG_FILES.write_text("".join(f"{file}\n" for file in files), encoding="utf-8")
    names = list(seconds)
    assert [names[at] for at in slow_tests.in_order(names)] == [
        *("b.py::x[1]", "b.py::x[2]", "a.py::x", "a.py::y", "c.py::x")
    ]


def test_each_long_file_is_there(project_root):
    files = slow_tests.LONG_FILES.read_text("utf-8").splitlines()
    assert files
    assert [file for file in files if not (project_root / file).is_file()] == []


def test_each_name_on_the_list_is_a_tests(project_root):
    sources = [*(project_root / "tests").rglob("*.py"), *(project_root / "src").rglob("*.py")]
    texts = {str(each.relative_to(project_root)): each.read_text("utf-8") for each in sources}
    functions = {name for text in texts.values() for name in re.findall(r"def (\w+)\(", text)}
    functions.add("runTest")  # a state machine's
    gone = []
    for name in slow_tests.listed():
        path, *inner, function = name.split("::")
        text = texts.get(path, "")
        is_there = re.search(rf"def {function}\(", text) or (inner and function in functions)
        if not is_there or not all(re.search(rf"\b{each}\b", text) for each in inner):
            gone.append(name)
    assert not gone, "moved or removed: move or remove its line, or measure with dev.py slow"
