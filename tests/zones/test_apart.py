"""Tests of other zone data run in a process of their own: a zone that was loaded before is another one afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

APART = Path(__file__).parent / "apart"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", sorted(path.name for path in APART.glob("test_*.py")))
def test_the_tests_of_zone_data_pass_in_a_process_of_their_own(name):
    environment = os.environ | {"TICKWRIGHT_ZONES": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    for mark in ("PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST"):
        environment.pop(mark, None)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(APART / name)],
        capture_output=True,
        text=True,
        timeout=280,
        env=environment,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" in ended.stdout
