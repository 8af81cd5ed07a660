"""The options of the process pool that decide how its processes begin."""

from __future__ import annotations

import multiprocessing

import pytest

from apscheduler.executors._child import coroutines
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.runs.context import run_context
from apscheduler.testing import ManualScheduler


@pytest.mark.trap(89)
def test_processes_are_spawned_unless_another_way_is_asked_for():
    assert ProcessPoolExecutor()._options["mp_context"].get_start_method() == "spawn"


@pytest.mark.trap(89)
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_the_start_method_can_be_chosen_by_name_or_context(method):
    for given in (method, multiprocessing.get_context(method)):
        executor = ProcessPoolExecutor(pool_kwargs={"mp_context": given})
        assert executor._options["mp_context"].get_start_method() == method


def test_a_misspelt_start_method_is_refused_with_a_hint():
    with pytest.raises(ValueError, match="did you mean 'forkserver'"):
        ProcessPoolExecutor(pool_kwargs={"mp_context": "forkservr"})


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
@pytest.mark.parametrize("workers", [0, -1, "0"])
def test_a_pool_needs_a_worker(kind, workers):
    with pytest.raises(ValueError, match="max_workers must be at least 1, not "):
        kind(workers)


def test_a_pool_that_was_not_started_has_room_for_all_its_workers():
    assert ThreadPoolExecutor(3).free_slots() == 3


def test_each_coroutine_in_one_process_sees_its_own_run():
    async def ask():
        return run_context.get()

    for said in ("first", "second"):
        token = run_context.set(said)
        try:
            assert coroutines.run_coroutine(ask(), None) == said
        finally:
            run_context.reset(token)
    runner, coroutines._runner = coroutines._runner, None
    runner.close()


class Interrupted:
    """A pool in whose submit() a Ctrl-C arrives."""

    def submit(self, *_):
        raise KeyboardInterrupt


def test_a_ctrl_c_during_submission_is_felt_and_the_run_is_accounted_for():
    scheduler = ManualScheduler(executors={"default": FuturesExecutor(Interrupted())})
    scheduler.add_job(print, "interval", seconds=1, id="job")
    scheduler.start()
    scheduler.clock.advance(1)
    with pytest.raises(KeyboardInterrupt):
        scheduler.tick()
    assert [str(run.outcome) for run in scheduler.get_runs("job")] == ["cancelled"]
    scheduler.shutdown(wait=False)
