"""A scheduler double and a recording sink: what an executor needs to be tested alone."""

from __future__ import annotations

import logging
import signal
import threading
import time
from datetime import UTC, datetime

import pytest
from executors.workers_of_a_test import Pool, Starts, opened

from apscheduler.events import EVENT_JOB_EXECUTED
from apscheduler.executors._child import coroutines
from apscheduler.executors._foreign.collecting import Collector
from apscheduler.executors.base import now_us
from apscheduler.executors.pool import ProcessPoolExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.job import Job
from apscheduler.runs.claims import Claim
from apscheduler.runs.ledger import Ledger
from apscheduler.triggers.base import BaseTrigger

SECONDS = 20
"""How long a test waits for what must come at once."""


class UTCTrigger(BaseTrigger):
    """A trigger that never fires by itself: these tests say what is due."""

    timezone = UTC

    def get_next_fire_time(self, previous_fire_time, now):
        return None


class Recorder:
    """The sink: keeps every accepted result, and lets a test wait for them."""

    def __init__(self):
        self.results = []
        self.events = []
        self.late_words = []
        self.released = []
        self.told_at = []
        self.changed = threading.Condition()

    def settle(self, claim, result):
        accepted = claim.take(result.fire)
        with self.changed:
            (self.results if accepted else self.late_words).append(result)
            self.told_at.append(time.monotonic())
            self.changed.notify_all()
        return accepted

    def release(self, claim):
        if claim.take_release():
            with self.changed:
                self.released.append(claim)
                self.changed.notify_all()

    def hand_back(self, claim):
        return False

    def wait(self, results=1, releases=None, seconds=SECONDS):
        releases = results if releases is None else releases
        with self.changed:
            done = self.changed.wait_for(
                lambda: len(self.results) >= results and len(self.released) >= releases, seconds
            )
        assert done, f"{len(self.results)} results, {len(self.released)} releases: {self.results}"
        return self.results

    @property
    def outcomes(self):
        return [result.outcome for result in self.results]


class FakeScheduler:
    """What executors use of a scheduler."""

    def __init__(self, recorder):
        self.recorder = recorder
        self.ledger = Ledger()
        self._lane_sink = FakeLane(self)
        self.timezone = UTC

    def _create_lock(self):
        return threading.RLock()

    def _dispatch_event(self, event):
        with self.recorder.changed:
            self.recorder.events.append(event)
            self.recorder.changed.notify_all()


class FakeLane:
    """Where the outcomes of plain jobs go."""

    def __init__(self, scheduler):
        self.mask = EVENT_JOB_EXECUTED
        self.recorder = scheduler.recorder
        self.tell = scheduler._dispatch_event

    def settle(self, job, result):
        if result.outcome is Outcome.EXECUTED:
            job._ledger.executed(job, result.fire, result.started, result.finished)
        job._busy = 0
        with self.recorder.changed:
            self.recorder.results.append(result)
            self.recorder.changed.notify_all()


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def scheduler(recorder):
    return FakeScheduler(recorder)


@pytest.fixture
def make_job(scheduler):
    def make(func, *args, id="job", timeout=None, grace=None, max_instances=1, **kwargs):
        job = Job(
            scheduler,
            id=id,
            func=func,
            args=args,
            kwargs=kwargs,
            name=id,
            trigger=UTCTrigger(),
            executor="default",
            misfire_grace_time=grace,
            coalesce=False,
            max_instances=max_instances,
            next_run_time=datetime.now(UTC),
        )
        job.timeout = timeout
        job._jobstore_alias = "default"
        job._ledger = scheduler.ledger
        job._refresh()
        return job

    return make


@pytest.fixture
def make_claim(make_job, recorder):
    def make(func, *args, fires=1, late=0.0, **options):
        job = make_job(func, *args, **options)
        first = now_us() - round(late * 1_000_000)
        return Claim(job, [first + number for number in range(fires)], recorder)

    return make


@pytest.fixture
def started(scheduler):
    """Start executors; shut them down at the end."""
    running = []

    def start(executor, alias="default"):
        executor.start(scheduler, alias)
        running.append(executor)
        return executor

    yield start
    for executor in running:
        executor.shutdown(wait=False)


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("apscheduler").setLevel(logging.NOTSET)


@pytest.fixture
def suites_alarm():
    """Give the suite its own alarm back: a timeout in the main thread needs the only one there is."""
    handler = signal.getsignal(signal.SIGALRM)
    began, left = time.monotonic(), signal.setitimer(signal.ITIMER_REAL, 0)[0]
    yield
    signal.signal(signal.SIGALRM, handler)
    if left:
        signal.setitimer(signal.ITIMER_REAL, max(0.01, left - (time.monotonic() - began)))


@pytest.fixture
def own_runner(monkeypatch):
    """Give the test's coroutines in the main thread a loop that ends with it."""
    monkeypatch.setattr(coroutines, "_runner", None)
    yield
    if coroutines._runner is not None:
        coroutines._runner.close()


@pytest.fixture
def answered_at_once(monkeypatch):
    """Have the answers of other people's pools taken where they come, and nobody look at the clock but the test."""
    monkeypatch.setattr(Collector, "ensure_thread", lambda collector: None)


@pytest.fixture
def owner(scheduler):
    """Return a pool executor that was not started; here and below, what the tests of its manager stand on."""
    owner = ProcessPoolExecutor(2)
    owner._alias = "mine"
    return owner


@pytest.fixture
def workers():
    return 2


@pytest.fixture
def pool(owner, workers):
    return Pool(owner, workers)


@pytest.fixture
def starts():
    return Starts()


@pytest.fixture
def manager(pool, starts):
    with opened(pool, starts) as manager:
        yield manager
