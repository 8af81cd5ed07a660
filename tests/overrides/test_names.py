"""Names of 3.x that code takes from where they only happen to be, and those of pools and jobs."""

from __future__ import annotations

import json
import threading
from importlib import import_module
from unittest import mock

import pytest

from apscheduler import job as job_module
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing.manual import ManualScheduler
from tools import ROOT

GOLDEN: dict[str, dict[str, str | None]] = json.loads(
    (ROOT / "tests/data/names-3.11.3.json").read_text("utf-8")
)


LEFTOVERS = {
    "schedulers.qt": {"QTimer", "import_module", "pkgname", "product", "qtcore", "version"},
    "schedulers.twisted": {"default_reactor"},
}
"""What 3.x's search for a binding of Qt leaves behind, and the reactor, which is installed by importing it."""


@pytest.mark.parametrize("module", GOLDEN)
def test_a_module_has_the_names_of_3x_wherever_they_come_from(module) -> None:
    here = pytest.importorskip(f"apscheduler.{module}", exc_type=ImportError)
    missing = {name for name in GOLDEN[module] if not hasattr(here, name)}
    assert missing == LEFTOVERS.get(module, set())
    others = {name: home for name, home in GOLDEN[module].items() if name not in missing}
    for name, home in others.items():
        if home is not None:
            place, _, path = home.partition(":")
            found = getattr(here, name)
            assert callable(found)
            assert not isinstance(found, type) or found is getattr(import_module(place), path)


def test_a_name_that_3x_has_not_is_missing_as_ever() -> None:
    base = import_module("apscheduler.schedulers.base")
    with pytest.raises(AttributeError, match=r"apscheduler\.schedulers\.base.*'Nothing'"):
        _ = base.Nothing
    assert base.TIMEOUT_MAX == threading.TIMEOUT_MAX


def test_default_parts_are_those_that_the_module_names() -> None:
    class Mine(MemoryJobStore):
        pass

    class Threads(ThreadPoolExecutor):
        pass

    with (
        mock.patch("apscheduler.schedulers.base.MemoryJobStore", Mine),
        mock.patch("apscheduler.schedulers.base.ThreadPoolExecutor", Threads),
    ):
        scheduler = BackgroundScheduler()
        scheduler.start(paused=True)
        try:
            assert type(scheduler._jobstores["default"]) is Mine
            assert type(scheduler._executors["default"]) is Threads
        finally:
            scheduler.shutdown()
    other = BackgroundScheduler()
    other.start(paused=True)
    assert type(other._jobstores["default"]) is MemoryJobStore
    other.shutdown()


def test_ids_are_made_by_the_name_that_tests_patch() -> None:
    with mock.patch.object(job_module, "uuid4") as made:
        made.return_value.hex = "ab"
        assert ManualScheduler().add_job(print).id == "ab"
    assert len(ManualScheduler().add_job(print).id) == 32


def test_the_next_run_time_of_a_pending_job_can_be_taken_away() -> None:
    job = ManualScheduler().add_job(print, next_run_time=None)
    assert job.next_run_time is None
    del job.next_run_time
    assert not hasattr(job, "next_run_time")
    with pytest.raises(AttributeError):
        del job.next_run_time


def test_a_stored_job_keeps_its_next_run_time() -> None:
    scheduler = ManualScheduler()
    scheduler.start()
    job = scheduler.add_job(print, "interval", hours=1)
    with pytest.raises(AttributeError, match="pause it"):
        del job.next_run_time
    assert job.next_run_time is not None
    scheduler.shutdown()


def test_uwsgi_is_looked_for_by_the_schedulers_method() -> None:
    class Here(ManualScheduler):
        def _check_uwsgi(self):
            raise RuntimeError("not here")

    with pytest.raises(RuntimeError, match="not here"):
        Here().start()


def divided(one: int, by: int = 1) -> float:
    return one / by


@pytest.fixture(params=[ThreadPoolExecutor, ProcessPoolExecutor])
def pool(request):
    scheduler = BackgroundScheduler(executors={"default": request.param(2)})
    executor = scheduler._executors["default"]
    assert executor._pool.submit(divided, 6, 4).result(30) == 1.5  # as soon as there is an executor
    scheduler.start()
    yield executor._pool
    assert scheduler.get_runs() == []
    scheduler.shutdown()
    with pytest.raises(RuntimeError):
        executor._pool.submit(divided, 6)


def test_a_pool_takes_calls_as_those_of_the_standard_library_do(pool) -> None:
    assert pool.submit(divided, 6, by=3).result(30) == 2
    with pytest.raises(ZeroDivisionError):
        pool.submit(divided, 6, 0).result(30)
    assert pool._max_workers == 2
    assert pool._work_queue.qsize() == 0
    assert pool._work_queue.empty()


def test_a_pool_of_threads_shows_its_threads() -> None:
    scheduler = BackgroundScheduler()
    scheduler.start()
    pool = scheduler._executors["default"]._pool
    here = pool.submit(threading.current_thread).result(30)
    assert here in pool._threads
    assert all(isinstance(each, threading.Thread) for each in pool._threads)
    gate, began = threading.Event(), threading.Event()

    def held() -> None:
        began.set()
        gate.wait(30)

    future = pool.submit(held)
    assert began.wait(30)
    assert scheduler.get_running() == []
    gate.set()
    assert future.result(30) is None
    scheduler.shutdown()


def test_a_call_that_was_cancelled_settles_nothing(pool) -> None:
    future = pool.submit(divided, 6)
    future.cancel()
    assert pool.submit(divided, 8).result(30) == 8


def test_job_is_the_same_class_everywhere() -> None:
    base = import_module("apscheduler.schedulers.base")
    assert base.Job is Job
