"""APScheduler 3.11.3 and schedulers of ours on one table, in processes of their own; then 3.x alone again."""

from __future__ import annotations

import os
import pickle
import subprocess
import threading
import time
from collections import Counter
from contextlib import contextmanager
from itertools import pairwise

import pytest
from databases import Place

from apscheduler._engine.instants import SECOND, to_us
from apscheduler.events import EVENT_JOBSTORE_DOUBTED
from apscheduler.history import reasons
from apscheduler.schedulers.background import BackgroundScheduler
from tools.commands import LONG_MARK

pytestmark = pytest.mark.slow

SECONDS = 600 if os.environ.get(LONG_MARK) else 10
LEASE = 10.0  # a disk that is slow for seconds is no subject here
JOBS = {"every second": 1, "every two": 2, "another second": 1, "every three": 3}

THIRD = """
import os, sys
from apscheduler.events import EVENT_JOB_EXECUTED, EVENT_JOB_MISSED
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
url, table, log, *edits = sys.argv[1:]
handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
def mark(event):
    fire = round(event.scheduled_run_time.timestamp() * 1_000_000)
    os.write(handle, f"{fire} {event.job_id}\\n".encode())
scheduler = BackgroundScheduler(
    jobstores={"default": SQLAlchemyJobStore(url, tablename=table)}, timezone="UTC",
    job_defaults={"misfire_grace_time": None},
)
scheduler.add_listener(mark, EVENT_JOB_EXECUTED | EVENT_JOB_MISSED)
scheduler.start(paused=bool(edits))
print("up", flush=True)
while edits and sys.stdin.readline():
    for job in scheduler.get_jobs():
        job.modify(name=job.name + "'") if edits[0] == "names" else job.modify(coalesce=job.coalesce)
sys.stdin.read()
scheduler.shutdown()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@contextmanager
def third(reference_python, place, log, *edits):
    """Run 3.11.3 on the table until the block ends."""
    python = [str(reference_python), "-E", "-W", "ignore"]  # no PYTHONPATH leads it to ours
    command = [*python, "-c", THIRD, place.url, place.table, str(log)]
    process = subprocess.Popen(
        [*command, *edits], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "up\n"
        yield process
        process.stdin.close()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


class Ours:
    """Two nodes of ours on the table."""

    def __init__(self, place) -> None:
        self.doubts: list[float] = []
        self.noticed = threading.Event()
        self.nodes = []
        for _ in range(2):
            node = BackgroundScheduler(
                jobstores={"default": place.store(poll_interval=0.2, lease=LEASE)}, timezone="UTC"
            )
            node.add_listener(self._note, EVENT_JOBSTORE_DOUBTED)
            node.start()
            self.nodes.append(node)

    def _note(self, _) -> None:
        self.doubts.append(time.time())
        self.noticed.set()

    def add_jobs(self) -> None:
        for job_id, seconds in JOBS.items():
            self.nodes[0].add_job(
                "time:time",
                "interval",
                seconds=seconds,
                id=job_id,
                misfire_grace_time=None,
                coalesce=False,  # nobody makes one run of several that a slow disk held up
                max_instances=100,
            )

    def rows(self) -> dict[tuple[str, int], tuple[str, str | None]]:
        runs = self.nodes[0].get_runs(limit=1_000_000)
        told = Counter((run.job_id, to_us(run.fire_time)) for run in runs)
        assert max(told.values()) == 1
        return {(run.job_id, to_us(run.fire_time)): (str(run.outcome), run.reason) for run in runs}

    def end(self) -> None:
        nodes, self.nodes = self.nodes, []
        for node in nodes:
            node.shutdown()


@pytest.fixture
def ours(place):
    ours = Ours(place)
    ours.add_jobs()
    yield ours
    ours.end()


def marks(log) -> list[tuple[str, int]]:
    if not log.exists():
        return []
    lines = (line.split(" ", 1) for line in log.read_text(encoding="utf-8").splitlines())
    return [(job_id, int(fire)) for fire, job_id in lines]


def let_pass(seconds: float) -> None:
    time.sleep(seconds)


@pytest.mark.timeout(SECONDS + 120)
def test_3x_beside_ours_is_noticed_and_each_fire_time_has_one_true_outcome(
    place, ours, reference_python, tmp_path, caplog
):
    log = tmp_path / "marks"
    let_pass(2)
    assert not ours.doubts
    began = time.monotonic()
    with third(reference_python, place, log):
        assert ours.noticed.wait(30), "it was not noticed"
        let_pass(SECONDS)
    let_pass(4)
    rows, theirs = ours.rows(), set(marks(log))
    assert theirs, "3.x ran nothing: nothing was tried"
    lines = sum("knows nothing of claims" in each for each in caplog.messages)
    assert 1 <= lines <= 2 * (1 + (time.monotonic() - began) // 10)
    taken = {key for key, (_, why) in rows.items() if why == reasons.MOVED_BY_ANOTHER}
    assert taken <= theirs, "a fire time that nobody took"
    assert taken, "3.x took nothing alone: half was not tried"
    first_alone = min(fire for _, fire in taken) / SECOND
    assert min(ours.doubts) - first_alone < 4, "noticed too late"
    assert all(rows[key] == ("executed", None) for key in rows.keys() - taken)
    for job_id, seconds in JOBS.items():
        fires = sorted(fire for each, fire in rows if each == job_id)
        steps = {after - before for before, after in pairwise(fires)}
        assert steps == {seconds * SECOND}, f"{job_id}: a due time without a row"
    print(f"{place.kind}: {len(theirs)} by 3.x, {len(taken)} of them alone, {len(rows)} rows")
    ours.end()
    # Back to 3.11.3: the pickles say what the columns say, and it goes on where ours ended.
    ended = {}
    for key, moment, blob in place.rows("SELECT id, next_run_time, job_state FROM {t}"):
        state = pickle.loads(bytes(blob))
        assert to_us(state["next_run_time"]) == round(moment * SECOND)
        ended[key] = round(moment * SECOND)
    again = tmp_path / "again"
    with third(reference_python, place, again):
        let_pass(4)
    ran = marks(again)
    assert len(ran) == len(set(ran))
    for job_id, end in ended.items():
        first = min(fire for each, fire in ran if each == job_id)
        late = first - end  # what was due before it was up is one run there (coalesce)
        assert late >= 0, "it ran again what had run"
        assert late % (JOBS[job_id] * SECOND) == 0


@pytest.mark.parametrize("edits", ["names", "nothing"])
def test_3x_that_only_edits_is_not_taken_for_a_scheduler(
    place, ours, reference_python, tmp_path, edits
):
    with third(reference_python, place, tmp_path / "marks", edits) as process:
        for _ in range(6):
            let_pass(0.9)
            process.stdin.write("\n")
            process.stdin.flush()
        let_pass(1)
    assert not ours.doubts
    assert {outcome for outcome, _ in ours.rows().values()} == {"executed"}
