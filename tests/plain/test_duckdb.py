"""The SQL store on DuckDB, for which there is no claim protocol: in the reference's environment, which has it, both run."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from plain.beside import HERE
from plain.services import miss

from apscheduler.testing.contracts import PlainStoreContract
from tools import ROOT, TESTED

pytestmark = pytest.mark.slow

OURS = os.pathsep.join(map(str, (TESTED, ROOT / "tests")))


@pytest.fixture
def run(reference_python):
    """Return a function that runs a script of this folder, with ours or with 3.11.3."""

    def call(script, *arguments, paths=""):
        done = subprocess.run(
            [str(reference_python), str(HERE / script), *arguments],
            cwd="/",
            env={**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            timeout=100,
        )
        if (
            "No module named 'duckdb" in done.stderr
            or "plugin: sqlalchemy.dialects:duckdb" in done.stderr
        ):
            miss("the reference's environment has no duckdb-engine")
        assert done.returncode == 0, done.stderr[-3000:]
        return done

    return call


def test_the_contract_of_plain_stores_is_kept(run):
    tests = [name for name in dir(PlainStoreContract) if name.startswith("test_")]
    assert run("duckdb_side.py", "contract", paths=OURS).stdout == f"{len(tests)} passed\n"


def test_jobs_run_from_a_file_and_from_memory(run):
    done = run("duckdb_side.py", "runs", paths=OURS)
    first, second, memory = done.stdout.splitlines()
    assert first == "['executed', 'executed', '30']"
    assert second == "['executed', '40']"
    assert memory == "['executed', '20']"
    assert done.stderr.count("This job store is on duckdb") == 3


class Beside:
    """One file, and two implementations."""

    def __init__(self, run, folder) -> None:
        self._run = run
        self._url = f"duckdb:///{folder / 'jobs.duckdb'}"

    def __call__(self, action, paths=""):
        module, name = "apscheduler.jobstores.sqlalchemy", "SQLAlchemyJobStore"
        asked = json.dumps([module, name, {"url": self._url}, action])
        return json.loads(self._run("reference_side.py", asked, paths=paths).stdout)


@pytest.fixture
def beside(run, tmp_path):
    return Beside(run, tmp_path)


def test_what_3_11_3_wrote_is_read_and_changed(beside):
    written = beside("add_all")
    assert len(written["jobs"]) == 8
    assert beside("read", OURS) == written
    changed = beside("change_all", OURS)
    assert changed != written
    assert beside("read") == changed


def test_what_is_written_here_is_read_and_changed_by_3_11_3(beside):
    written = beside("add_all", OURS)
    assert len(written["jobs"]) == 8
    assert beside("read") == written
    changed = beside("change_all")
    assert beside("read", OURS) == changed
