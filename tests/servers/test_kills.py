"""Servers and scripts with a job that does not end: told to end and killed ten seconds later, or killed at once.

What had ended a second before the KILL is in the ledger; after the restart the dead process holds nothing up.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from itertools import product
from pathlib import Path

import pytest
from cluster.processes import Cluster
from cluster.support.judge import CLOCK
from databases import Place
from servers.running import Server

from apscheduler._engine.instants import to_us
from tools.commands import LONG_MARK

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform == "win32", reason="these servers fork"),
]

LEASE = 60
"""Nothing here is to wait for its end."""
SECOND = 1_000_000
SOON = 5 * SECOND
"""So long after its fire time a run may start on a busy machine; the dead process's lease is much longer."""
JOBS = {"short-0", "short-1", "middling-0", "middling-1", "endless", "endless-again"}
LONG = bool(os.environ.get(LONG_MARK))
SERVERS = {
    "gunicorn": (("gunicorn",), {"start": "import"}),
    "uvicorn": (("uvicorn",), {"start": "lifespan", "end": "hook"}),
    "uvicorn without a hook": (("uvicorn",), {"start": "import", "end": "nobody"}),
    "sanic": (("sanic",), {"start": "listener", "end": "hook"}),
    "blocking script": (("script", "blocking"), {"start": "script"}),
    "script with an exit": (("script", "background"), {"start": "script"}),
}


def now() -> int:
    return time.clock_gettime_ns(CLOCK) // 1000


class Play:
    """A server that is ended with work under way, and its successor."""

    def __init__(self, kind: str, server: str, folder) -> None:
        self.place = Place(kind, folder)
        self.folder = folder
        self.server = server
        self.cluster = Cluster(self.place, folder, lease=LEASE)
        args = (self.cluster.log,)
        for number, delivery in enumerate(("at_most_once", "at_least_once")):
            ticks = {"seconds": 0.5, "max_instances": 30, "delivery": delivery}
            self.cluster.add(f"short-{number}", args=(*args, 0.1), **ticks)
            self.cluster.add(f"middling-{number}", args=(*args, 2.5), **ticks)
        endless = {"func": "cluster.work:run_as_told", "args": args}
        self.cluster.add("endless", seconds=1, **endless)
        self.cluster.add("endless-again", "date", delivery="at_least_once", **endless)
        self.cluster.editor.shutdown()
        self.last(3600)
        self.servers: list[Server] = []

    def last(self, seconds: float) -> None:
        """Have the jobs that are called endless take so long from now on."""
        Path(f"{self.cluster.log}.seconds").write_text(str(seconds), encoding="ascii")

    def start(self, *more: str) -> Server:
        """Start the server on the jobs that are there, and wait until it has run each of them."""
        (server, *arguments), told = SERVERS[self.server]
        where = {"url": self.place.url, "table": self.place.table, "lease": LEASE}
        folder = self.folder / f"server-{len(self.servers)}"
        folder.mkdir()
        told = {**where, **told, "threads": 60, "tell": "start"}
        running = Server(server, folder, *arguments, *more, workers=1, log=self.cluster.log, **told)
        self.servers.append(running)
        return running

    def wait_for_all(self, since: int = 0) -> None:
        """Wait until each job has begun, and one that takes long has ended."""
        running = self.servers[-1]
        running.wait_until(lambda: self.jobs(since, "start") >= JOBS, "run of each job")
        running.wait_until(lambda: "middling-0" in self.jobs(since, "end"), "end")

    def jobs(self, since: int, phase: str) -> set[str]:
        return {each.job for each in self.cluster.marks()[since:] if each.phase == phase}

    def pids(self) -> set[int]:
        """Return the processes that have scheduled so far."""
        return {each.pid for each in self.cluster.marks()}

    def judge(self, killed_at: int, dead: set[int]) -> None:
        """Hold the promises against what was seen.

        :param killed_at: when the last of the processes was killed
        :param dead: their numbers
        """
        verdict = self.cluster.verdict(self.until)
        rows = self.cluster.rows()
        outcomes = {(row.job_id, to_us(row.fire_time)): str(row.outcome) for row in rows}
        marks = self.cluster.marks()
        ended = [each for each in marks if each.phase == "end" and each.pid in dead]
        forgotten = [
            each
            for each in ended
            if each.at <= killed_at - SECOND and outcomes.get((each.job, each.fire)) != "executed"
        ]
        assert ended
        assert not forgotten
        assert verdict.clean, str(verdict)
        self.judge_the_restart(marks, rows, dead)

    def judge_the_restart(self, marks, rows, dead: set[int]) -> None:
        """No due time after the restart's ``start()`` is missed, or held up by the dead."""
        to_wall = time.time_ns() // 1000 - now()
        started = min(each.at for each in marks if each.phase == "started" and each.pid not in dead)
        first, last = started + to_wall, self.at_rest + to_wall
        due = [row for row in rows if first <= to_us(row.fire_time) <= last]
        assert {row.job_id for row in due} >= JOBS - {"endless-again"}
        missed = [
            (row.job_id, str(row.fire_time), str(row.outcome), row.reason)
            for row in due
            if str(row.outcome) != "executed"
        ]
        assert not missed
        begun = {(each.job, each.fire): each.at for each in marks if each.phase == "start"}
        late = [
            (row.job_id, row.fire_time)
            for row in due
            if begun[row.job_id, to_us(row.fire_time)] + to_wall > to_us(row.fire_time) + SOON
        ]
        assert not late
        # What the dead one had begun: once is once, and at least once runs again, in the first pass.
        again = [each for each in marks if each.job == "endless-again" and each.phase == "start"]
        assert [each.pid in dead for each in again] == [True, False]
        assert again[1].at < started + SOON

    def go_on(self, since: int) -> None:
        """Let what was started after the KILL run for a while, then let it come to rest, and end it.

        :param since: how many marks there were before
        """
        self.wait_for_all(since)
        self.at_rest = now()
        self.cluster.open_editor()
        self.until = self.cluster.rest()
        running = self.servers[-1]
        running.process.terminate()
        running.process.wait(60)

    def close(self) -> None:
        for each in self.servers:
            each.end()
        self.cluster.close()
        self.place.close()


@pytest.fixture
def play(tmp_path):
    made = []

    def begin(kind: str, server: str) -> Play:
        made.append(Play(kind, server, tmp_path))
        return made[-1]

    yield begin
    for each in made:
        each.close()


def long(*values):
    reason = "the whole cross is played with --long"
    return pytest.param(*values, marks=pytest.mark.skipif(not LONG, reason=reason))


def cross(*always):
    """Return all stores and servers, of which some are played each time."""
    every = product(("sqlite", "postgresql"), SERVERS)
    return [each if each in always else long(*each) for each in every]


@pytest.mark.parametrize(
    ("kind", "server"),
    cross(("postgresql", "gunicorn"), ("sqlite", "uvicorn"), ("postgresql", "script with an exit")),
)
def test_told_to_end_and_killed_ten_seconds_later(play, kind, server):
    played = play(kind, server)
    running = played.start()
    played.wait_for_all()
    running.kill_after(10)
    killed_at, dead, since = now(), played.pids(), len(played.cluster.marks())
    played.last(0)
    played.start()
    played.go_on(since)
    played.judge(killed_at, dead)


@pytest.mark.parametrize(("kind", "server"), cross(("sqlite", "sanic")))
def test_killed_at_once_with_all_of_its_processes(play, kind, server):
    played = play(kind, server)
    running = played.start()
    played.wait_for_all()
    killed_at = now()
    os.killpg(running.process.pid, signal.SIGKILL)
    running.process.wait(10)
    dead, since = played.pids(), len(played.cluster.marks())
    played.last(0)
    played.start()
    played.go_on(since)
    played.judge(killed_at, dead)


@pytest.mark.parametrize("kind", [long("sqlite"), "postgresql"])
def test_a_gunicorn_worker_that_is_killed_is_followed_by_one_that_goes_on(play, kind):
    played = play(kind, "gunicorn")
    played.start()
    played.wait_for_all()
    dead = played.pids()
    (worker,) = dead
    played.last(0)
    killed_at = now()
    os.kill(worker, signal.SIGKILL)
    played.go_on(len(played.cluster.marks()))
    played.judge(killed_at, dead)


@pytest.mark.parametrize("kind", [long("sqlite"), "postgresql"])
def test_a_gunicorn_worker_that_has_had_its_requests_and_does_not_end_is_followed_by_one_that_goes_on(
    play, kind
):
    """gunicorn kills it when it has said nothing for ``--timeout`` seconds."""
    played = play(kind, "gunicorn")
    running = played.start("--max-requests", "3", "--timeout", "6")
    played.wait_for_all()
    dead = played.pids()
    (worker,) = dead
    played.last(0)
    running.wait_until(lambda: (running.status() or {}).get("pid") != worker, "end of requests")
    running.wait_until(lambda: not Path(f"/proc/{worker}").exists(), "end of the worker")
    killed_at = now()
    played.go_on(len(played.cluster.marks()))
    played.judge(killed_at, dead)
