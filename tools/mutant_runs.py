"""Runs the tests against one-line mutants of the core, and says which of them nobody noticed.

Which tests run a line is measured once per commit. A mutant meets the fast tests of its line first, then the slow
ones, those that run the fewest lines before the others: they are short, and close to the line. A test that fails on
the original too, asked right afterwards, has noticed nothing and is asked no more. Several mutants are tried side by
side, each in a tree of its own. Whether a survivor says the same as the original is for a person to judge.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING

from tools import ROOT, environments, mutation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

WORK = ROOT / ".mutants"
FAST_MARK = "TICKWRIGHT_FAST"
"""Set where only the fast tests run: they generate fewer examples."""
_TESTS_SECONDS = 900
_PLUGIN = """
import json, os, pathlib
def pytest_collection_modifyitems(items):
    chosen = os.environ.get("TICKWRIGHT_CHOSEN")
    if chosen:
        places = {name: i for i, name in enumerate(json.loads(pathlib.Path(chosen).read_text()))}
        items[:] = sorted((item for item in items if item.nodeid in places), key=lambda item: places[item.nodeid])
def pytest_collection_finish(session):
    listed = os.environ.get("TICKWRIGHT_SLOW")
    if listed:
        slow = [i.nodeid for i in session.items if i.get_closest_marker("slow") or i.get_closest_marker("serial")]
        pathlib.Path(listed).write_text(json.dumps(slow))
def pytest_runtest_logreport(report):
    told = os.environ.get("TICKWRIGHT_FAILED")
    if told and report.failed:
        with open(told, "a") as file:
            file.write(report.nodeid + "\\n")
"""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: ``"fast"`` and ``"slow"`` say which tests noticed it."""

    mutant: mutation.Mutant
    killed_by: str | None
    seconds: float


def run(
    count: int,
    seed: int,
    *,
    fast_only: bool,
    jobs: int = 2,
    numbers: Collection[int] = (),
    most: int | None = None,
) -> int:
    """Draw mutants, try them, print the table; the exit status says nothing about the number.

    :param jobs: how many are tried side by side
    :param numbers: try these of the sample only, counted from 1; none: all
    :param most: how many tests of a group are asked at most, the narrowest ones: sooner done, and more seem to survive
    """
    python = environments.ensure(".venv-mutants", "mutants", project=True)
    lines = _measured(python, fast_only=fast_only)
    trials = _Trials(lines, jobs, lambda number: _Trial(python, number, most), fast_only=fast_only)
    drawn = enumerate(mutation.draw(count, seed), 1)
    verdicts = trials.verdicts([each for each in drawn if not numbers or each[0] in numbers])
    _report(verdicts, seed)
    print(f"asked no more, as they failed on the original: {sorted(trials.unsound) or 'none'}")
    return 0


class _Trials:
    """Tries mutants side by side, and says what became of each as soon as it is known."""

    def __init__(
        self, lines: _Lines, jobs: int, make: Callable[[int], _Trial], *, fast_only: bool
    ) -> None:
        self._lines = lines
        self._fast_only = fast_only
        self._free: Queue[_Trial] = Queue()
        self._trials = [make(number) for number in range(jobs)]
        for trial in self._trials:
            self._free.put(trial)

    def verdicts(self, mutants: list[tuple[int, mutation.Mutant]]) -> list[Verdict]:
        with ThreadPoolExecutor(len(self._trials)) as pool:
            return list(pool.map(self._verdict, mutants))

    def _verdict(self, numbered: tuple[int, mutation.Mutant]) -> Verdict:
        number, mutant = numbered
        original = (ROOT / mutant.path).read_text(encoding="utf-8")
        trial = self._free.get()
        try:
            tests = self._lines.tests_of(mutant)
            verdict = trial.verdict(mutant, tests, original, fast_only=self._fast_only)
        finally:
            self._free.put(trial)
        seconds = f"{len(tests)} tests, {verdict.seconds:.0f} s"
        print(f"{number}: {_said(verdict)} ({seconds}): {mutant.shown(original)}", flush=True)
        return verdict

    @property
    def unsound(self) -> set[str]:
        return {each for trial in self._trials for each in trial.unsound}


def _said(verdict: Verdict) -> str:
    return f"noticed by {verdict.killed_by} tests" if verdict.killed_by else "SURVIVED"


def _report(verdicts: list[Verdict], seed: int) -> None:
    fast = sum(each.killed_by == "fast" for each in verdicts)
    slow = sum(each.killed_by == "slow" for each in verdicts)
    total = len(verdicts)
    print(
        f"\nseed {seed}: {total} mutants, {fast} noticed by fast tests, {slow} by slow ones only,"
    )
    print(f"{total - fast - slow} survived; those that say the same as the original do not count.")


# -- one mutant ------------------------------------------------------------------------------------------


class _Trial:
    """A tree in which mutants are tried, one after the other.

    :ivar unsound: tests that failed on the original
    """

    def __init__(self, python: Path, number: int = 0, most: int | None = None) -> None:
        self._python = python
        self._most = most
        self._folder = WORK / f"trial-{number}"
        self._folder.mkdir(exist_ok=True)
        self._tree = _copied_tree(self._folder)
        self._slow = set(json.loads((WORK / "slow.json").read_text(encoding="utf-8")))
        self.unsound: set[str] = set()

    def verdict(
        self, mutant: mutation.Mutant, tests: list[str], original: str, *, fast_only: bool
    ) -> Verdict:
        """Return which group of tests noticed the mutant, the fast ones asked first."""
        began = time.monotonic()
        groups = {"fast": [each for each in tests if each not in self._slow]}
        if not fast_only:
            groups["slow"] = [each for each in tests if each in self._slow]
        killed_by = next(
            (
                name
                for name, some in groups.items()
                if self._notices(mutant, some[: self._most], original, fast=name == "fast")
            ),
            None,
        )
        return Verdict(mutant, killed_by, time.monotonic() - began)

    def _notices(
        self, mutant: mutation.Mutant, tests: list[str], original: str, *, fast: bool
    ) -> bool:
        target = self._tree / mutant.path
        while asked := [each for each in tests if each not in self.unsound]:
            target.write_text(mutant.applied(original), encoding="utf-8")
            try:
                failed = self._failed(asked, fast=fast)
            finally:
                target.write_text(original, encoding="utf-8")
            if not failed or not self._failed(failed, fast=fast):
                return bool(failed)
            self.unsound.update(failed)
        return False

    def _failed(self, tests: list[str], *, fast: bool) -> list[str]:
        """Return the first test that fails, all of them where the run ended without saying it.

        Tests that take too long together have not noticed; each by itself has a limit that fails it.
        """
        failures, chosen = self._folder / "failed", self._folder / "chosen.json"
        failures.unlink(missing_ok=True)
        chosen.write_text(json.dumps(tests), encoding="utf-8")
        status = _status(self._python, self._tree, chosen, failures, fast=fast)
        if not status:
            return []
        told = failures.read_text(encoding="utf-8").split("\n") if failures.exists() else []
        return [each for each in told if each] or tests


def _status(python: Path, tree: Path, chosen: Path, failures: Path, *, fast: bool) -> int:
    """Return the exit status of pytest over the chosen tests; 0 where they take too long together."""
    tests = json.loads(chosen.read_text(encoding="utf-8"))
    files = sorted({each.partition("::")[0] for each in tests})
    command = [str(python), "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "chosen"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(tree / "src"), str(tree), str(WORK))),
        "TICKWRIGHT_CHOSEN": str(chosen),
        "TICKWRIGHT_FAILED": str(failures),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment |= {FAST_MARK: "1"} if fast else {}
    running = subprocess.Popen(
        [*command, "--timeout", "60", *files],
        cwd=tree,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return running.wait(_TESTS_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, 9)
        running.wait()
        return 0


def _copied_tree(folder: Path) -> Path:
    """Return a copy of the checkout in this folder, in which mutants may be written."""
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    left = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT, tree, ignore=left)
    for environment in ROOT.glob(".venv*"):
        (tree / environment.name).symlink_to(environment)
    return tree


# -- which tests run which lines --------------------------------------------------------------------------


class _Lines:
    """Which tests run which lines.

    :param tests: their names
    :param lines: by file and line, the places of its tests in that list
    """

    def __init__(self, tests: list[str], lines: dict[str, dict[str, list[int]]]) -> None:
        self._tests = tests
        self._lines = lines
        every = (i for file in lines.values() for some in file.values() for i in some)
        self._breadth = Counter(every)

    def tests_of(self, mutant: mutation.Mutant) -> list[str]:
        """Return the tests that run the line, the narrowest first; those of the whole file for what runs at import."""
        lines = self._lines.get(mutant.path, {})
        found = lines.get(str(mutant.line)) or {i for some in lines.values() for i in some}
        return [self._tests[i] for i in sorted(found, key=lambda i: (self._breadth[i], i))]


def _measured(python: Path, *, fast_only: bool) -> _Lines:
    """Return what was measured on this commit; of the fast tests alone that takes a fraction of the time."""
    WORK.mkdir(exist_ok=True)
    (WORK / "chosen.py").write_text(_PLUGIN, encoding="utf-8")
    asked = ["git", "rev-parse", "HEAD"]
    head = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout[:12]
    kept = WORK / f"lines-{head}.json"
    if fast_only and not kept.is_file():
        kept = WORK / f"lines-fast-{head}.json"
    if not kept.is_file():
        _measure(python, kept, fast_only=fast_only)
    found = json.loads(kept.read_text(encoding="utf-8"))
    return _Lines(found["tests"], found["lines"])


def _measure(python: Path, kept: Path, *, fast_only: bool) -> None:
    print("Measuring once which tests run which lines …", file=sys.stderr, flush=True)
    data = WORK / "coverage"
    environment = os.environ | {
        "COVERAGE_FILE": str(data),
        "PYTHONPATH": str(WORK),
        "TICKWRIGHT_SLOW": str(WORK / "slow.json"),
    }
    base = [str(python), "-m", "pytest", "-q", "-p", "chosen"]
    subprocess.run([*base, "--collect-only"], cwd=ROOT, env=environment, check=True)
    del environment["TICKWRIGHT_SLOW"]
    which = ["-m", "not slow and not serial"] if fast_only else []
    covering = ["--cov=src/apscheduler", "--cov-context=test", "--cov-report=", "-n", "2"]
    command = [*base, *which, *covering, "--dist", "loadfile"]
    subprocess.run(command, cwd=ROOT, env=environment, check=False)
    asked = subprocess.run(
        [str(python), "-c", _LINES, str(data), str(ROOT)], check=True, capture_output=True
    )
    kept.write_bytes(asked.stdout)


_LINES = """
import json, os, sys
from coverage import CoverageData
data = CoverageData(sys.argv[1]); data.read()
root = sys.argv[2]
places = {}
def tests(contexts):
    names = sorted({c.partition("|")[0] for c in contexts if c})
    return [places.setdefault(name, len(places)) for name in names]
lines = {os.path.relpath(f, root): {str(line): tests(c) for line, c in data.contexts_by_lineno(f).items()}
         for f in data.measured_files()}
json.dump({"tests": list(places), "lines": lines}, sys.stdout)
"""
