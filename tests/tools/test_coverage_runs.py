"""What `dev.py coverage` measures: lines and branches of every process that the tests start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tools import coverage_runs

SOURCE = """
def of_the_program():
    return 1

def of_a_program_that_it_starts():
    return 2

def of_a_child_that_it_forks(given):
    if given:
        return 3
    return 4

def of_nobody():
    return 5
"""
PROGRAM = """
import os, subprocess, sys
import some
some.of_the_program()
subprocess.run([sys.executable, "-c", "import some; some.of_a_program_that_it_starts()"], check=True)
child = os.fork()
if not child:
    some.of_a_child_that_it_forks(True)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_what_no_process_of_a_run_has_run_is_listed(tmp_path, monkeypatch, capsys):
    source = tmp_path / "src"
    source.mkdir()
    (source / "some.py").write_text(SOURCE)
    monkeypatch.setattr(coverage_runs, "ROOT", tmp_path)
    monkeypatch.setattr(coverage_runs, "WORK", tmp_path / "work")
    monkeypatch.setattr(coverage_runs, "LIST", tmp_path / "work" / "list.txt")

    def run(environment):
        told = environment | {"PYTHONPATH": str(source)}
        subprocess.run([sys.executable, "-c", PROGRAM], env=told, check=True, timeout=60)

    coverage_runs.measure(Path(sys.executable), run)
    (line,) = (line for line in coverage_runs.LIST.read_text().splitlines() if "some.py" in line)
    assert line.endswith("%   11, 14")
    assert "lines and branches that tests run: 75.0 %" in capsys.readouterr().out
