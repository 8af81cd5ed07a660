"""Runs the tests with coverage.py in every process that they start, and says which lines and branches none of them ran.

A process that is killed tells nothing: what only such a process runs is among the uncovered lines.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

WORK = ROOT / ".uncovered"
LIST = WORK / "list.txt"
"""For each file that is not covered whole: its lines, and its branches as ``from->to``."""
_SETTINGS = """\
[run]
branch = true
parallel = true
data_file = {work}/data
source = {root}/src
# Children of os.fork() measure for themselves, and os._exit() writes down what was measured before it.
patch =
    fork
    _exit
disable_warnings =
    no-data-collected
    module-not-measured
    module-not-imported
    no-sysmon

[report]
# Protocols, which no module imports when a program runs.
omit =
    */_contract.py
    */needs.py
exclude_also =
    if TYPE_CHECKING:
    @(typing\\.)?overload
    @abstractmethod
    raise NotImplementedError$
# Always true at run time.
partial_also =
    if not TYPE_CHECKING:
    if __name__ == "__main__":
"""


def measure(python: Path, run: Callable[[dict[str, str]], object]) -> None:
    """Run the tests, combine what their processes measured, print the figure and write :data:`LIST`.

    Some tests fail when they are measured: they look at what a process imports, or at how long something takes.

    :param python: the one whose coverage.py reads what was measured
    :param run: runs the tests with the environment variables that it is given
    """
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    settings = WORK / "settings.ini"
    settings.write_text(_SETTINGS.format(work=WORK, root=ROOT), encoding="utf-8")
    # Every Python that finds this variable measures: coverage.py installs a file .pth that sees to it.
    run(os.environ | {"COVERAGE_PROCESS_START": str(settings)})
    _asked(python, "combine", "--quiet")
    LIST.write_text(_asked(python, "report", "--show-missing", "--skip-covered"), encoding="utf-8")
    total = _asked(python, "report", "--format=total", "--precision=1").strip()
    print(
        f"lines and branches that tests run: {total} %; the others are in {LIST.relative_to(ROOT)}"
    )


def _asked(python: Path, command: str, *options: str) -> str:
    """Return what coverage.py prints."""
    settings = f"--rcfile={WORK / 'settings.ini'}"
    words = [str(python), "-m", "coverage", command, settings, *options]
    return subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
