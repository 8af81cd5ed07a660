"""Starting, killing and pausing the processes of a cluster, and judging what they did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cluster.support import judge

from apscheduler._engine.instants import to_us
from apscheduler.schedulers.background import BackgroundScheduler
from tools import TESTED

HERE = Path(__file__).parent
PATHS = [str(TESTED), str(HERE.parent)]


class Nursery:
    """The process that forks workers, and what it says about them.

    :param prefix: what its command line begins with, to have it run elsewhere than here
    """

    def __init__(self, folder: Path, prefix: Sequence[str] = ()) -> None:
        path = os.pathsep.join([*PATHS, os.environ.get("PYTHONPATH", "")])
        with (folder / "nursery.log").open("ab") as errors:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, str(HERE / "worker.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": path},
            )
        self.pids: dict[str, int] = {}
        self.ready: set[str] = set()
        self.exits: dict[str, int] = {}
        self.changed = threading.Condition()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        for line in self.process.stdout:
            said = json.loads(line)
            with self.changed:
                if "pid" in said:
                    self.pids[said["name"]] = said["pid"]
                elif "ready" in said:
                    self.ready.add(said["ready"])
                else:
                    self.exits[said["exit"]] = said["status"]
                self.changed.notify_all()

    def fork(self, **told) -> None:
        self.process.stdin.write(json.dumps(told).encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, condition, seconds: float = 60.0) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, seconds), "a worker does not answer"

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)
        self.listener.join(10)
        self.process.stdout.close()


class Worker:
    """A scheduler process."""

    def __init__(self, nursery: Nursery, place, folder: Path, name: str, **told) -> None:
        self.name = name
        self.errors = folder / f"{name}.log"
        self.nursery = nursery
        where = {"url": place.url, "table": place.table}
        nursery.fork(name=name, errors=str(self.errors), **{**where, **told})
        nursery.wait(lambda: name in nursery.pids)
        self.pid = nursery.pids[name]

    def wait_ready(self) -> None:
        """Wait until it schedules, or is killed."""
        self.nursery.wait(lambda: self.name in self.nursery.ready or self.is_dead)
        if self.nursery.exits.get(self.name, 0) not in (0, signal.SIGKILL):
            raise AssertionError(f"{self.name} did not start: {self.said()}")

    def said(self) -> str:
        return self.errors.read_text()[-3000:] if self.errors.exists() else ""

    @property
    def is_dead(self) -> bool:
        return self.name in self.nursery.exits

    @property
    def was_killed(self) -> bool:
        """Whether it is dead by SIGKILL."""
        return self.nursery.exits.get(self.name) == signal.SIGKILL

    @property
    def is_stopped(self) -> bool:
        """Whether it is stopped by SIGSTOP."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] == "T"

    def signal(self, number: int) -> None:
        if not self.is_dead:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.nursery.wait(lambda: self.is_dead)

    def end(self) -> None:
        """End it as a service manager does."""
        end_all([self])


def end_all(workers: list[Worker], seconds: float = 60.0) -> None:
    """End workers as a service manager does, all at a time: one that is stopped may hold up the others.

    Each is sent SIGCONT until it is gone, since it may come to the point at which it stops itself only now.
    """
    workers = list(workers)
    for each in workers:
        each.signal(signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while any(not each.is_dead for each in workers) and time.monotonic() < deadline:
        for each in workers:
            each.signal(signal.SIGCONT)
        time.sleep(0.05)
    left = [each for each in workers if not each.is_dead]
    for each in left:
        each.kill()
    if left:
        said = "".join(f"\n{each.name}: {each.said()}" for each in left)
        raise AssertionError(f"{len(left)} did not end within {seconds:.0f} s{said}")


class Cluster:
    """Some workers on one store, jobs that tell the judge, and the verdict."""

    def __init__(self, place, folder: Path, **options) -> None:
        self.place = place
        self.folder = folder
        self.log = str(folder / "marks")
        Path(self.log).touch()
        self.options = options
        self.nursery = Nursery(folder)
        self.workers: list[Worker] = []
        self.started = 0
        self.triggers: dict[str, tuple] = {}
        self.delivery: dict[str, str] = {}
        self.open_editor()

    def open_editor(self) -> None:
        """Have a scheduler here that runs nothing; it recovers what dead nodes held, as any other one does."""
        self.editor = BackgroundScheduler(
            jobstores={"default": self.place.store(lease=self.options.get("lease", 15.0))},
            timezone="UTC",
        )
        self.editor.start(paused=True)

    def add(self, job_id: str, trigger: str = "interval", func="cluster.work:run", **options):
        options.setdefault("args", (self.log,))
        options.setdefault("misfire_grace_time", None)
        job = self.editor.add_job(func, trigger, id=job_id, **options)
        self.triggers[job_id] = (job.trigger, job._due)
        self.delivery[job_id] = job.delivery
        return job

    def start(self, nursery: Nursery | None = None, **told) -> Worker:
        self.started += 1
        worker = Worker(
            nursery or self.nursery,
            self.place,
            self.folder,
            f"worker-{self.started}",
            **{**self.options, **told},
        )
        self.workers.append(worker)
        return worker

    def start_all(self, count: int, **told) -> list[Worker]:
        workers = [self.start(**told) for _ in range(count)]
        for worker in workers:
            worker.wait_ready()
        return workers

    def wait_until(self, condition, seconds: float = 60.0) -> None:
        """Wait for processes to come to something."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                said = "".join(f"\n{each.name}: {each.said()[-1500:]}" for each in self.workers)
                raise AssertionError(f"waited {seconds} s in vain{said}")
            time.sleep(0.05)

    def marks(self) -> list:
        return judge.read(self.log)

    def rows(self) -> list:
        return [
            *self.editor.get_runs(limit=1_000_000),
            *self.editor._claiming_store("default").live_runs(),
        ]

    def settled(self) -> bool:
        """Whether no run is claimed or running any more."""
        return not self.editor._claiming_store("default").live_runs()

    def next_of(self, job_id: str) -> int | None:
        """Return a job's next fire time as the store knows it, ``None`` for one that is gone."""
        job = self.editor.get_job(job_id)
        return None if job is None or job.next_run_time is None else to_us(job.next_run_time)

    def expected(self, until: dict[str, int | None]) -> dict[str, list[int]]:
        """Return the fire times that each job must have a row for: those before its next one.

        :param until: the next fire time of each job when the cluster was at rest; ``None``: all of them
        """
        found: dict[str, list[int]] = {}
        for job_id, (trigger, first) in self.triggers.items():
            end, fires, fire = until[job_id], [], first
            while fire is not None and (end is None or fire < end):
                fires.append(fire)
                fire = trigger.next_us(fire, fire)
            found[job_id] = fires
        return found

    def rest(self, seconds: float = 60.0) -> dict[str, int | None]:
        """Let no further run begin, wait for those that run, and return where each job stopped."""
        jobs = {
            job.id: to_us(job.next_run_time) for job in self.editor.get_jobs() if job.next_run_time
        }
        until: dict[str, int | None] = dict.fromkeys(self.triggers)
        for job_id in jobs:
            until[job_id] = self.paused_at(job_id)
        self.wait_until(self.settled, seconds)
        return until

    def paused_at(self, job_id: str) -> int | None:
        """Pause a job and return the fire time that it would have had next."""
        store = self.editor._claiming_store("default")
        table = store.jobs_t
        while True:
            before = self.next_of(job_id)
            if before is None:
                return None
            with store.engine.begin() as connection:
                changed = connection.execute(
                    table.update()
                    .where(table.c.id == job_id, table.c.next_run_time == before / 1_000_000)
                    .values(next_run_time=None)
                )
            if changed.rowcount == 1:
                return before

    def verdict(self, until: dict[str, int | None], unplanned=frozenset()):
        expected = self.expected(until)
        return judge.judge(self.marks(), self.rows(), expected, self.delivery, unplanned)

    def end(self) -> None:
        end_all(self.workers)

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.nursery.close()
        if self.editor.running:
            self.editor.shutdown()
