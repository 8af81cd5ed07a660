"""The table of a run's states is what databases see (test_rules.py asks the same of each rule)."""

from __future__ import annotations

import pytest
from cluster import rules
from cluster.rules import Node, Rule, play, settle
from cluster.support.states import NAMES, NOTHING, Recorder, allowed, lines
from databases import SHARED, Place

from apscheduler.jobstores._sql.membership.nodes import MAX_ATTEMPTS
from apscheduler.testing._contract_jobs import INTERVAL, NOW, once

pytestmark = pytest.mark.slow


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


def a_run_wears_out_five_processes(stage) -> None:
    stage.a.add("job", delivery="at_least_once", trigger=once(NOW))
    stage.a.claim()
    stage.place.change("UPDATE {t}_runs SET attempt = :most", most=MAX_ATTEMPTS)
    stage.bury(stage.a, by=stage.b)


def a_job_is_removed_while_its_run_is_free(stage) -> None:
    stage.a.add("job")
    (only,) = stage.a.claim().batch.claims
    stage.b.claim(NOW - INTERVAL)  # it joins
    stage.a.store.give_back(only)
    stage.a.store._session.outbox.flush()
    stage.a.store.remove_job("job")
    stage.b.store._session.claiming.look_for_free_runs()
    stage.b.claim()


def too_many_instances(stage) -> None:
    stage.a.add("job")
    stage.a.claim()
    stage.b.claim(NOW + INTERVAL)


def a_plain_run(stage) -> None:
    stage.a.add("job")
    settle(stage.a.claim())
    stage.a.store._session.outbox.flush()


EACH_LINE = (
    a_run_wears_out_five_processes,
    a_job_is_removed_while_its_run_is_free,
    too_many_instances,
    a_plain_run,
    rules.a_run_taken_from_the_dead_changes_its_token,
    rules.a_late_word_about_a_lost_run_is_the_truth,
    rules.a_free_run_is_taken_by_one,
)


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_each_line_of_the_table_is_a_step_that_is_taken(place):
    recorder = Recorder(place, Node)
    for number, scenario in enumerate(EACH_LINE):
        play(Rule(0, _on_jobs_of_its_own(scenario, number), None, "", None), place, taken_out=False)
    seen = recorder.seen()
    recorder.close()
    assert {line for line, steps in lines().items() if not steps & seen} == set()
    assert seen <= allowed()


def _on_jobs_of_its_own(scenario, number):
    """The scenarios share a place: each finds it empty, but for what the trigger has noted."""

    def played(stage) -> None:
        for name in ("{t}", "{t}_runs", "{t}_meta"):
            stage.place.change(f"DELETE FROM {name}")
        scenario(stage)

    played.__name__ = f"{scenario.__name__}_{number}"
    return played


def test_every_state_is_in_the_table():
    steps = allowed()
    assert {step.before for step in steps} | {step.after for step in steps} == {
        NOTHING,
        *NAMES.values(),
    }
