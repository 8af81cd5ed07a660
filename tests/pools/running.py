"""Starting programs whose jobs run in other people's pools, and what the judge outside finds of them."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster.support import judge

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from tools import ROOT, TESTED, commands, environments

PATHS = os.pathsep.join(map(str, (TESTED, ROOT / "tests")))
SECONDS = 240
GOES_ON_SECONDS = 3


@functools.cache
def python() -> Path:
    """Return the Python that has the pools, in an environment of its own."""
    try:
        return commands.pools()
    except environments.SetupError as error:
        reason = f"the pools could not be installed: {error}"
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@dataclass(frozen=True)
class Found:
    """What one run left: a row for each, and marks."""

    job: str
    outcome: str | None
    said: str
    seconds: float | None
    starts: int
    ends: int

    @property
    def problem(self) -> str | None:
        """What is untrue about its outcome."""
        tokens = [1] * self.starts
        if self.starts > 1:
            return f"started {self.starts} times"
        return judge._contradiction(self.outcome, tokens, self.ends)


def _end_session(leader: int) -> None:
    """End whatever outlives a program, and the program itself if it hangs: some pools make process groups of their own."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError):
            if os.getsid(int(folder.name)) == leader:
                os.kill(int(folder.name), signal.SIGKILL)


class Program:
    """A program that has ended, and all that is known of its runs."""

    def __init__(self, pool: str, scenario: str, folder: Path) -> None:
        self.marks = folder / "marks"
        self.marks.touch()
        self.log = folder / "log"
        told = {"POOLS_FOLDER": str(folder), "POOLS_MARKS": str(self.marks), "PYTHONPATH": PATHS}
        told["PATH"] = os.pathsep.join((str(python().parent), os.environ["PATH"]))
        command = [str(python()), "-W", "ignore", "-m", "pools.program", pool, scenario]
        with self.log.open("wb") as log:
            running = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ | told,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                self.code = running.wait(SECONDS)
                if scenario == "leave":
                    self._wait_for_ends()
            finally:
                _end_session(running.pid)
                running.wait()
        self._folder = folder
        report = folder / "report.json"
        self.report = json.loads(report.read_text(encoding="utf-8")) if report.exists() else None

    def _wait_for_ends(self) -> None:
        """Wait for what goes on after the program, such as the runs in a cluster that outlives it."""
        deadline = time.monotonic() + GOES_ON_SECONDS
        while time.monotonic() < deadline:
            phases = [mark.phase for mark in judge.read(str(self.marks))]
            if phases.count("start") == phases.count("end"):
                return
            time.sleep(0.1)

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def found(self) -> dict[str, Found]:
        """Return what became of each run, by job."""
        assert self.code == 0, self.said()
        rows = self._ledger() if self.report is None else self.report["runs"]
        marks = judge.read(str(self.marks))
        found = {}
        for row in rows:
            phases = [mark.phase for mark in marks if mark.job == row["job"]]
            found[row["job"]] = Found(
                row["job"],
                row["outcome"],
                row["said"],
                row["seconds"],
                phases.count("start"),
                phases.count("end"),
            )
        return found

    def _ledger(self) -> list[dict]:
        """Return the rows of the store, which has outlived its program."""
        store = SQLAlchemyJobStore(f"sqlite:///{self._folder / 'jobs.sqlite'}")
        scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
        scheduler.start(paused=True)
        try:
            return [
                {
                    "job": run.job_id,
                    "outcome": None if run.outcome is None else str(run.outcome),
                    "said": f"{run.reason or ''} {run.error or ''}",
                    "seconds": None,
                }
                for run in [*scheduler.get_runs(), *scheduler.get_running()]
            ]
        finally:
            scheduler.shutdown(wait=False)
