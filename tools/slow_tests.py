"""Which tests take long: measured, and kept in two lists.

    slow_tests.txt   functions that ``dev.py test --fast`` leaves out. A mark in a test's file is for what takes seconds
                     on any machine; the list has what takes more than a tenth of one. Of seven thousand tests those few
                     hundred take nine tenths of the time.
    long_files.txt   files in the order in which the suite begins them, the longest first: each is one worker's, and a
                     long one at the end would have the others wait.

``dev.py slow`` measures again.
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LIST = ROOT / "tests" / "slow_tests.txt"
LONG_FILES = ROOT / "tests" / "long_files.txt"
LIMIT_SECONDS = 0.1
LONG_FILE_SECONDS = 10.0
_PARALLEL = ("-n", "2", "--dist", "loadfile")
MEASURES = "TICKWRIGHT_MEASURES"
"""Names the file in which a run notes how long its tests take; such a run heeds the marks only, not the list."""


class Report(Protocol):
    """What pytest says of a phase of a test."""

    nodeid: str
    duration: float


class Stopwatch:
    """A plugin of pytest: the seconds of each test with its fixtures, one a line, when the run ends."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: Report) -> None:
        """Add up."""
        self._seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write down."""
        lines = (f"{seconds:.3f} {name}\n" for name, seconds in self._seconds.items())
        self._file.write_text("".join(lines), encoding="utf-8")


def function_of(name: str) -> str:
    """Return a test's name without what it was given."""
    return name.partition("[")[0]


def listed() -> frozenset[str]:
    """Return the functions that are slow by measure."""
    return frozenset(LIST.read_text(encoding="utf-8").splitlines())


def in_order(names: Sequence[str]) -> list[int]:
    """Return the places of the tests in the order in which they begin: those of long files first."""
    places = {file: at for at, file in enumerate(LONG_FILES.read_text("utf-8").splitlines())}
    return sorted(
        range(len(names)), key=lambda at: places.get(names[at].partition("::")[0], len(places))
    )


def long_ones(seconds: Mapping[str, float]) -> list[str]:
    """Return the files whose tests take longer than the limit together, the longest first."""
    files: defaultdict[str, float] = defaultdict(float)
    for name, took in seconds.items():
        files[name.partition("::")[0]] += took
    return sorted(
        (file for file, took in files.items() if took > LONG_FILE_SECONDS),
        key=lambda file: -files[file],
    )


def slow_ones(seconds: Mapping[str, float]) -> list[str]:
    """Return the functions of which one case at least takes longer than the limit, in order."""
    return sorted({function_of(name) for name, took in seconds.items() if took > LIMIT_SECONDS})


def seconds_in(lines: Iterable[str]) -> dict[str, float]:
    """Return what a stopwatch wrote."""
    split = (line.rstrip("\n").partition(" ") for line in lines)
    return {name: float(took) for took, _, name in split}


def measure(python: str, fast: Mapping[str, str], suite: Sequence[str]) -> int:
    """Run the tests that are not marked by hand, then the whole suite, and write the lists.

    :param fast: what the environment has where the fast tests run
    :param suite: the arguments of pytest that choose the suite
    """
    status, seconds = _measured(python, [*_PARALLEL, "-m", "not slow and not serial"], fast)
    if status:
        return status
    slow = slow_ones(seconds)
    LIST.write_text("".join(f"{name}\n" for name in slow), encoding="utf-8")
    left = sum(took for name, took in seconds.items() if function_of(name) not in set(slow))
    print(
        f"{len(slow)} functions are slow; the others take {left:.0f} of {sum(seconds.values()):.0f} s."
    )
    status, seconds = _measured(python, suite, {})
    if status:
        return status
    files = long_ones(seconds)
    LONG_FILES.write_text("".join(f"{file}\n" for file in files), encoding="utf-8")
    print(f"{len(files)} files take longer than {LONG_FILE_SECONDS:.0f} s.")
    return 0


def _measured(
    python: str, chosen: Sequence[str], environment: Mapping[str, str]
) -> tuple[int, dict[str, float]]:
    file = ROOT / ".slow_tests"
    status = subprocess.run(
        [python, "-m", "pytest", "-q", *chosen],
        cwd=ROOT,
        env=os.environ | environment | {MEASURES: str(file)},
        check=False,
    ).returncode
    if status:
        return status, {}
    seconds = seconds_in(file.read_text(encoding="utf-8").splitlines())
    file.unlink()
    return 0, seconds
