"""One of several schedulers runs the jobs: who, when another takes over, and what becomes of jobs meanwhile."""

from __future__ import annotations

import logging
import os
import sys
from datetime import timedelta
from pathlib import Path
from threading import Event
from unittest.mock import Mock

import pytest

from apscheduler.events import EVENT_JOB_CANCELLED, EVENT_JOB_EXECUTED
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import FakeClock, ManualScheduler

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs flock")


@pytest.fixture
def make(tmp_path):
    """Return a maker of schedulers on one clock with one lock file, whose jobs say who ran them."""
    clock, made = FakeClock(), []

    def maker(**options):
        options.setdefault("leader_lock", tmp_path / "leader")
        scheduler = ManualScheduler(clock=clock, **options)
        made.append(scheduler)
        return scheduler

    yield maker
    for each in made:
        if each.running:
            each.shutdown()


def ticking(scheduler, **options):
    ran = []
    scheduler.add_job(ran.append, "interval", args=[1], seconds=10, id="tick", **options)
    scheduler.start()
    return ran


def pass_time(*schedulers, seconds):
    """Let time pass for schedulers on one clock, all of which look each second."""
    for _ in range(seconds):
        schedulers[0].clock.advance(1)
        for each in schedulers:
            if each.running:
                each.tick()


def test_only_the_leader_runs_jobs_and_both_are_running(make):
    first, second = make(), make()
    ran_first, ran_second = ticking(first), ticking(second)
    pass_time(first, second, seconds=30)
    assert (len(ran_first), len(ran_second)) == (3, 0)
    assert (first.running, first.is_leader) == (True, True)
    assert (second.running, second.is_leader) == (True, False)


def test_who_follows_runs_nothing_however_often_it_looks(make):
    first, second = make(), make()
    ran_first, ran_second = ticking(first), ticking(second)
    for _ in range(300):
        first.clock.advance(0.1)
        for each in (first, second):
            each.tick()
            each.tick()
    assert (len(ran_first), len(ran_second)) == (3, 0)
    assert not second.get_runs()


def test_without_a_lock_a_scheduler_leads_while_it_runs(make):
    alone = make(leader_lock=None)
    assert not alone.is_leader
    alone.start()
    assert alone.is_leader
    alone.shutdown()
    assert not alone.is_leader


@pytest.mark.parametrize("grace", [1, None])
@pytest.mark.parametrize("coalesce", [True, False])
def test_who_takes_over_runs_what_comes_and_never_what_was_the_others(make, grace, coalesce):
    first, second = make(), make()
    ran_first, ran_second = (
        ticking(first),
        ticking(second, misfire_grace_time=grace, coalesce=coalesce),
    )
    pass_time(first, second, seconds=30)
    first.shutdown()
    pass_time(second, seconds=5)
    assert second.is_leader
    assert (len(ran_first), len(ran_second)) == (3, 0)
    pass_time(second, seconds=20)
    assert len(ran_second) == 2
    counted = second.outcome_counts()
    assert counted == {"executed": 2, "missed": 3}
    reasons = {run.reason for run in second.get_runs(outcome="missed")}
    assert reasons == {"it was due while another scheduler led, or none"}


def test_years_as_a_follower_cost_no_time_at_the_takeover(make):
    first, second = make(), make()
    ran = []
    second.add_job(
        ran.append, "interval", args=[1], seconds=1, coalesce=False, misfire_grace_time=None
    )
    first.start()
    first.tick()
    second.start()
    second.tick()
    second.clock.advance(timedelta(days=3650, seconds=0.5))
    first.shutdown()
    second.tick()
    assert ran == []
    (missed,) = second.get_runs()
    assert (str(missed.outcome), missed.count) == ("missed", 10_000)  # counted up to there
    pass_time(second, seconds=2)
    assert len(ran) == 2


def test_a_job_for_now_runs_on_the_first_leader(make):
    scheduler = make()
    ran = []
    scheduler.add_job(ran.append, args=[1])
    scheduler.start()
    scheduler.clock.advance(0.5)  # the loop gets to it a little later
    scheduler.tick()
    assert ran == [1]


def test_who_leads_is_logged_once(make, caplog):
    caplog.set_level(logging.INFO, "apscheduler.scheduler")
    first, second = make(), make()
    for each in (first, second):
        each.start()
        each.tick()
    pass_time(first, second, seconds=20)
    said = [each.message for each in caplog.records if "lead" in each.message]
    assert len(said) == 2
    assert said[0] == "This scheduler leads: it runs the jobs"
    assert said[1].startswith(f"Another scheduler leads (process {os.getpid()} on ")


def test_a_removed_file_ends_the_right_of_its_holder(make, caplog):
    first, second = make(), make()
    ran_first, ran_second = ticking(first), ticking(second)
    pass_time(first, second, seconds=10)
    Path(first._lead._lock.path).unlink()
    pass_time(second, first, seconds=20)
    assert second.is_leader
    assert not first.is_leader
    assert (len(ran_first), len(ran_second)) == (1, 2)
    assert "has lost the leader lock" in caplog.text


def test_a_run_that_waits_in_a_queue_is_not_started_when_the_lock_is_lost(tmp_path):
    """The lock is asked again just before the function is called."""
    hold, begun, cancelled, ran = Event(), Event(), Event(), []

    def block():
        begun.set()
        hold.wait(20)

    scheduler = BackgroundScheduler(
        leader_lock=tmp_path / "leader", executors={"default": ThreadPoolExecutor(1)}
    )
    scheduler.add_listener(lambda event: cancelled.set(), EVENT_JOB_CANCELLED)
    scheduler.add_job(block)
    scheduler.start()
    try:
        assert begun.wait(20)
        scheduler.add_job(ran.append, args=[1], id="waits", misfire_grace_time=None)
        while not any(run.job_id == "waits" for run in scheduler.get_running()):
            hold.wait(0.01)
        (tmp_path / "leader").unlink()
        hold.set()
        assert cancelled.wait(20)
    finally:
        hold.set()
        scheduler.shutdown()
    assert ran == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "store"])
def test_a_leader_has_its_jobs_run_in_processes_too(tmp_path, kind):
    ended = Event()
    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path / 'jobs.db'}")
    scheduler = BackgroundScheduler(
        leader_lock=tmp_path / "leader" if kind == "file" else "default",
        jobstores={"default": store},
        executors={"default": ProcessPoolExecutor(1)},
    )
    told = []
    scheduler.add_listener(
        lambda event: (told.append(event.retval), ended.set()), EVENT_JOB_EXECUTED
    )
    scheduler.start()
    try:
        scheduler.add_job(os.getpid, misfire_grace_time=None)
        assert ended.wait(60)
    finally:
        scheduler.shutdown()
    assert told != [os.getpid()]


def test_a_lock_that_is_got_while_the_scheduler_is_shut_down_is_let_go(make):
    first, second = make(), make()
    first.start()
    took = first._lead._lock.take

    def take_and_be_shut_down():
        first.shutdown()
        return took()

    first._lead._lock.take = take_and_be_shut_down
    first.tick()
    second.start()
    second.tick()
    assert second.is_leader


def test_a_lock_that_does_not_answer_runs_no_job_and_is_told_of_now_and_then(make, caplog):
    scheduler = make()
    ran = ticking(scheduler)
    lock = scheduler._lead._lock
    took, lock.take = lock.take, Mock(side_effect=OSError("no answer"))
    pass_time(scheduler, seconds=25)
    assert (ran, scheduler.is_leader) == ([], False)
    told = [each.message for each in caplog.records if "does not answer" in each.message]
    assert len(told) == 3  # at its first look, and every ten seconds
    assert "no job runs here" in told[0]
    assert "OSError: no answer" in caplog.text
    lock.take = took
    pass_time(scheduler, seconds=6)
    assert (len(ran), scheduler.is_leader) == (1, True)


def test_a_lock_that_cannot_be_released_does_not_keep_a_scheduler_from_ending(make, caplog):
    scheduler = make()
    scheduler.start()
    scheduler.tick()
    lock = scheduler._lead._lock
    release, lock.release = lock.release, Mock(side_effect=OSError("no answer"))
    scheduler.shutdown()
    assert not scheduler.running
    assert "The leader lock could not be released" in caplog.text
    release()


def test_a_paused_leader_keeps_the_lock(make):
    first, second = make(), make()
    ran_first, ran_second = ticking(first), ticking(second)
    pass_time(first, second, seconds=10)
    first.pause()
    pass_time(first, second, seconds=20)
    assert (len(ran_first), len(ran_second)) == (1, 0)


def test_a_job_that_only_a_follower_has_is_warned_about_once(make, caplog):
    first, second = make(), make()
    for each in (first, second):
        each.start()
        each.tick()
    for each in (first, second, second):
        each.add_job(int, "interval", seconds=10)
    said = [each.message for each in caplog.records if "only this process has" in each.message]
    assert len(said) == 1


# -- options ----------------------------------------------------------------------------------------


def test_it_is_an_option_of_configuration_files(tmp_path):
    scheduler = ManualScheduler({"apscheduler.leader_lock": f"{tmp_path}/leader"})
    scheduler.start()
    scheduler.tick()
    assert scheduler.is_leader
    assert oct((tmp_path / "leader").stat().st_mode & 0o777) == "0o600"
    scheduler.shutdown()


@pytest.mark.parametrize("given", [5, object(), ["a"], MemoryJobStore])
def test_what_can_be_no_lock_is_refused_at_once(given):
    with pytest.raises(TypeError, match="leader_lock must be a file's path, the alias"):
        ManualScheduler(leader_lock=given)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ("defualt", ValueError, "did you mean 'default'"),
        ("default", ValueError, "processes do not share"),
        (MemoryJobStore(), ValueError, "no job store of this scheduler"),
        ("./nowhere/leader", FileNotFoundError, "needs a file that can be made"),
        (Path(), IsADirectoryError, "needs a file that can be made"),
    ],
)
def test_what_is_no_lock_here_is_refused_at_the_start(tmp_path, monkeypatch, given, error, text):
    monkeypatch.chdir(tmp_path)
    scheduler = ManualScheduler(leader_lock=given)
    with pytest.raises(error, match=text):
        scheduler.start()
    assert not scheduler.running


def test_the_words_of_a_strangers_file_are_shown_as_plain_text(make, tmp_path, caplog):
    caplog.set_level(logging.INFO, "apscheduler.scheduler")
    first, second = make(), make()
    first.start()
    first.tick()
    (tmp_path / "leader").write_bytes(b"\x1b[31m\xff evil\n" + b"x" * 10_000)
    second.start()
    second.tick()
    (line,) = [each.message for each in caplog.records if "Another scheduler" in each.message]
    assert "\x1b" not in line
    assert "\n" not in line
    assert len(line) < 400


@pytest.mark.parametrize("by", ["alias", "store"])
def test_the_store_of_the_lock_is_not_removed_while_the_scheduler_runs(tmp_path, by):
    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path}/jobs.db")
    lock = {"alias": "shared", "store": store}[by]
    scheduler = ManualScheduler(jobstores={"shared": store}, leader_lock=lock)
    scheduler.start()
    scheduler.tick()
    assert scheduler.is_leader
    with pytest.raises(ValueError, match="job store 'shared' keeps the lock"):
        scheduler.remove_jobstore("shared")
    scheduler.tick()
    assert scheduler.is_leader
    scheduler.remove_jobstore("default")
    scheduler.shutdown()
    scheduler.remove_jobstore("shared")
    with pytest.raises(ValueError, match="leader_lock"):
        scheduler.start()


# -- a start that fails --------------------------------------------------------------------------------------


class Unwilling(MemoryJobStore):
    """Does not start."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def start(self, scheduler, alias):
        raise self.error


class UnwillingExecutor(ThreadPoolExecutor):
    def start(self, scheduler, alias):
        raise OSError("no threads")


def fail_by_a_store(scheduler):
    scheduler.add_jobstore(Unwilling(OSError("gone")), "broken")


def fail_by_a_ctrl_c(scheduler):
    scheduler.add_jobstore(Unwilling(KeyboardInterrupt()), "broken")


def fail_by_an_executor(scheduler):
    scheduler.add_executor(UnwillingExecutor(), "broken")


def fail_by_a_job(scheduler):
    scheduler.add_job(print, "date", id="a")
    scheduler.add_job(print, "date", id="b", executor="nowhere", jobstore="nowhere")


@pytest.mark.parametrize(
    "fail", [fail_by_a_store, fail_by_a_ctrl_c, fail_by_an_executor, fail_by_a_job]
)
@pytest.mark.parametrize("given", ["alias", "store", "file"])
def test_after_a_start_that_failed_the_locks_store_can_be_removed_and_the_lock_be_had(
    tmp_path, fail, given
):
    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path}/jobs.db")
    lock = {"alias": "locks", "store": store, "file": f"{tmp_path}/leader"}[given]
    scheduler = ManualScheduler(jobstores={"locks": store}, leader_lock=lock)
    fail(scheduler)
    with pytest.raises((OSError, KeyError, KeyboardInterrupt)):
        scheduler.start()
    assert not scheduler.running
    scheduler.remove_jobstore("locks")
    if given == "file":
        other = ManualScheduler(leader_lock=lock)
        other.start()
        other.tick()
        assert other.is_leader
        other.shutdown()


def test_after_a_start_that_failed_the_next_one_leads(tmp_path):
    store = SQLAlchemyJobStore(f"sqlite:///{tmp_path}/jobs.db")
    scheduler = ManualScheduler(jobstores={"default": store}, leader_lock="default")
    fail_by_a_store(scheduler)
    with pytest.raises(OSError, match="gone"):
        scheduler.start()
    scheduler.remove_jobstore("broken")
    scheduler.start()
    scheduler.tick()
    assert scheduler.is_leader
    with pytest.raises(ValueError, match="keeps the lock"):
        scheduler.remove_jobstore("default")
    scheduler.shutdown()
