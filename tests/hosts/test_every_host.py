"""One behaviour suite for all hosts: each runs it in a process whose main thread has the host's loop."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hosts.drivers import DRIVERS

RUN = Path(__file__).parent / "run.py"
NEEDS = {
    "tornado": "tornado",
    "twisted": "twisted",
    "qt": "PySide6",
    "pyqt": "PyQt6",
    "gevent": "gevent",
    "gevent-patched": "gevent",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DRIVERS)
def test_the_suite_passes_on(name):
    needed = NEEDS.get(name)
    if needed is not None and find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    for mark in ("PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST"):
        environment.pop(mark, None)
    ended = subprocess.run(
        [sys.executable, str(RUN), name],
        capture_output=True,
        text=True,
        timeout=110,
        env=environment,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" in ended.stdout
