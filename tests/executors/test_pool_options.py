"""The options of the process pool that decide how its processes begin."""

from __future__ import annotations

import multiprocessing

import pytest

from apscheduler.executors.pool import ProcessPoolExecutor


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
