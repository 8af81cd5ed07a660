"""The memory store: the contract of stores that claim, and what is special to memory."""

from __future__ import annotations

import os
from datetime import timedelta
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler._engine.instants import NEVER, SECOND, to_us
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores.base import JobLookupError, SharedJobStore
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.testing import ManualScheduler
from apscheduler.testing._contract_jobs import INTERVAL, NOW, RaisingTrigger, claim, make_job, once
from apscheduler.testing.contracts import StoreContract


class TestMemoryStore(StoreContract):
    racing_jobs = 300

    def make_store(self):
        return MemoryJobStore()


@pytest.fixture
def scheduler():
    return ManualScheduler()


@pytest.fixture
def store(scheduler):
    store = MemoryJobStore()
    store.start(scheduler, "default")
    return store


def test_entries_left_behind_by_changes_are_swept(store, scheduler):
    job = make_job(scheduler, "a", NOW)
    store.add_job(job)
    for step in range(10_000):
        store.modify_job(job, {"_due": NOW + step * SECOND, "_shown": None})
    assert len(store._queue) < 2500
    assert claim(store, NOW + 9998 * SECOND).fires == []
    assert claim(store, NOW + 9999 * SECOND).fires == [("a", NOW + 9999 * SECOND)]


def test_entries_left_behind_by_removed_jobs_are_swept(store, scheduler):
    for number in range(5000):
        store.add_job(make_job(scheduler, str(number), NOW + number * SECOND))
        store.remove_job(str(number))
    assert len(store._queue) < 2500
    assert claim(store, NOW + 9999 * SECOND).fires == []
    assert store.next_due() is None


def test_a_removed_job_that_someone_still_holds_is_never_due(store, scheduler):
    job = make_job(scheduler, "a", NOW)
    store.add_job(job)
    store.remove_job("a")
    assert job._due > NEVER
    assert to_us(job.next_run_time) == NOW  # as in 3.x it still says what it was

    store.add_job(job)
    assert claim(store, NOW).fires == [("a", NOW)]


@pytest.mark.parametrize("leave", ["remove", "remove_all", "shutdown", "replace", "finish"])
def test_a_job_that_leaves_keeps_its_last_next_run_time(store, scheduler, leave):
    job = make_job(scheduler, "a", NOW, trigger=once(NOW))
    store.add_job(job)
    if leave == "replace":
        store.update_job(make_job(scheduler, "a", NOW + SECOND))
    elif leave == "finish":
        claim(store, NOW)
        assert store.get_all_jobs() == []
    else:
        {
            "remove": lambda: store.remove_job("a"),
            "remove_all": store.remove_all_jobs,
            "shutdown": store.shutdown,
        }[leave]()
    assert to_us(job.next_run_time) == NOW
    assert claim(store, NOW).fires == []


def test_a_paused_job_that_leaves_has_no_next_run_time(store, scheduler):
    job = make_job(scheduler, "a", NOW, next_run_time=None)
    store.add_job(job)
    store.remove_job("a")
    assert job.next_run_time is None


def test_a_hundred_thousand_jobs_are_claimed_in_order_and_once(store, scheduler):
    many = 100_000
    trigger = once(NOW + 1)
    options = {"trigger": trigger, "next_run_time": trigger.run_date}
    jobs = [make_job(scheduler, f"{n}", NOW, **options) for n in range(many)]
    for number, job in enumerate(jobs):
        job._due = NOW + number * 7919 % many * 50  # over five seconds, not in order
    store.add_jobs(jobs)
    fires = []
    while (claimed := claim(store, NOW + 5 * SECOND, limit=2000, lanes=("default",))).batch.more:
        fires += [fire for _, fire in claimed.fires]
    fires += [fire for _, fire in claimed.fires]
    assert fires == [NOW + number * 50 for number in range(many)]
    assert store.get_all_jobs() == []


def test_threads_that_add_remove_and_claim_leave_an_exact_account(store, scheduler):
    rounds, writers = 400, 4
    removed, fires = [], []

    def write(writer):
        for number in range(rounds):
            name = f"{writer}/{number}"
            store.add_job(make_job(scheduler, name, NOW + number, trigger=once(NOW + number)))
            if number % 3 == 0:
                try:
                    store.remove_job(name)
                except KeyError:
                    continue  # it was claimed before
                removed.append(name)

    threads = [Thread(target=write, args=(writer,), daemon=True) for writer in range(writers)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or store.next_due() is not None:
        claimed = claim(store, NOW + SECOND, limit=50, lanes=("default",))
        fires += claimed.fires
        claimed.finish()
    for thread in threads:
        thread.join(60)
    assert len(fires) == len(set(fires))
    assert len(fires) + len(removed) == rounds * writers
    assert {name for name, _ in fires}.isdisjoint(removed)
    assert store.outcome_counts() == {Outcome.EXECUTED: len(fires)}
    assert (store.get_all_jobs(), store.next_due(), len(store._queue)) == ([], None, 0)


def test_a_raising_trigger_is_asked_ever_less_often(store, scheduler):
    store.add_job(make_job(scheduler, "a", NOW, trigger=RaisingTrigger()))
    now, pauses = NOW, []
    for _ in range(9):
        assert len(claim(store, now).batch.broken) == 1
        pauses.append(round((store.next_due() - now) / SECOND))
        now = store.next_due()
    assert pauses[:3] == [pytest.approx(1, abs=1), pytest.approx(2, abs=1), pytest.approx(4, abs=1)]
    assert max(pauses) == pytest.approx(64, abs=1) == pauses[-1]


def test_the_list_of_jobs_is_the_callers_own(store, scheduler):
    store.add_job(make_job(scheduler, "a", NOW))
    store.get_all_jobs().clear()
    assert len(store.get_all_jobs()) == 1


def test_the_list_of_jobs_follows_each_claim(store, scheduler):
    for number, due in enumerate((NOW, NOW + 1)):
        store.add_job(make_job(scheduler, f"job {number}", due))
    assert [job.id for job in store.get_all_jobs()] == ["job 0", "job 1"]
    claim(store, NOW)
    assert [job.id for job in store.get_all_jobs()] == ["job 1", "job 0"]


@pytest.mark.parametrize("options", [{}, {"timeout": 5}], ids=["lane", "planned"])
def test_the_list_of_jobs_follows_claims_of_every_kind(store, scheduler, options):
    for number, due in enumerate((NOW, NOW + 1)):
        store.add_job(make_job(scheduler, f"job {number}", due, **options))
    store.get_all_jobs()
    claim(store, NOW, lanes=("default",), during=lambda job: store.get_all_jobs())
    assert [job.id for job in store.get_all_jobs()] == ["job 1", "job 0"]


def test_only_as_much_history_as_asked_for_is_kept(scheduler):
    store = MemoryJobStore(history=3)
    store.start(scheduler, "default")
    store.add_job(make_job(scheduler, "a", NOW))
    for step in range(5):
        claim(store, NOW + step * INTERVAL).finish()
    assert store.outcome_counts() == {Outcome.EXECUTED: 3}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_store_started_in_a_child_process_has_no_running_instances(store, scheduler, monkeypatch):
    store.add_job(make_job(scheduler, "a", NOW))
    claim(store, NOW)
    store._lock.acquire()  # whoever held it is not in the child
    monkeypatch.setattr(os, "getpid", lambda: 1)
    store.start(scheduler, "default")
    assert claim(store, NOW + INTERVAL).fires == [("a", NOW + INTERVAL)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "remove", "pause", "move", "replace", "behind", "list"]),
            st.integers(0, 12),
            st.integers(0, 6),
        ),
        max_size=60,
    )
)
def test_the_kept_list_is_what_sorting_anew_would_give(steps):
    scheduler = ManualScheduler()
    scheduler.start()
    store = scheduler._jobstores["default"]
    for what, number, second in steps:
        job = store.lookup_job(str(number))
        when = scheduler.clock.now() + timedelta(days=1, seconds=second)
        if what == "list":
            store.get_all_jobs()
        elif what == "add" and job is None:
            scheduler.add_job(print, "interval", days=9, id=str(number), next_run_time=when)
        elif what == "replace":
            scheduler.add_job(print, "date", run_date=when, id=str(number), replace_existing=True)
        elif job is None:
            continue
        elif what == "remove":
            job.remove()
        elif what == "pause":
            job.pause()
        elif what == "behind":  # as code of 3.x may: the object first, then the store
            job._modify(next_run_time=when)
            store.update_job(job)
        else:
            job.modify(next_run_time=when)
    expected = sorted(store._jobs.values(), key=lambda job: (job._due, job.id))
    assert [job.id for job in store.get_all_jobs()] == [job.id for job in expected]


@pytest.mark.parametrize("leave", ["remove", "pause"])
def test_nothing_is_waited_for_after_the_last_job_has_left(leave):
    scheduler = ManualScheduler()
    scheduler.start()
    job = scheduler.add_job(print, "interval", hours=1)
    assert scheduler.tick() == 3600
    getattr(job, leave)()
    assert scheduler.tick() is None


@pytest.mark.parametrize("edit", ["pause_job", "resume_job"])
def test_a_subclass_is_told_of_a_job_that_is_paused_or_resumed(edit):
    class Told(MemoryJobStore):
        def update_job(self, job):
            told.append((job.id, job.next_run_time))
            super().update_job(job)

    told = []
    scheduler = ManualScheduler(jobstores={"default": Told()})
    scheduler.start()
    scheduler.add_job(print, "interval", hours=1, id="a")
    if edit == "resume_job":
        scheduler.pause_job("a")
    told.clear()
    getattr(scheduler, edit)("a")
    assert told == [("a", scheduler.get_job("a").next_run_time)]
    scheduler.shutdown()


# -- a job that others change meanwhile -------------------------------------------------------------------


def restless(store, times):
    """Return a change during which somebody else moves the job, so many times."""
    left = [times]

    def change(standing):
        if left[0]:
            left[0] -= 1
            store.modify_job(standing.job, {"_due": standing.job._due + SECOND, "_shown": None})
        return {"name": "edited"}

    return change


def test_an_edit_is_made_again_where_the_job_was_moved_meanwhile(store, scheduler):
    job = make_job(scheduler, "a", NOW)
    store.add_job(job)
    assert store.edit_job(job, restless(store, 2))
    assert (store.lookup_job("a").name, job._due) == ("edited", NOW + 2 * SECOND)


def test_an_edit_or_a_replacement_of_a_job_that_never_stands_still_is_given_up(store, scheduler):
    job = make_job(scheduler, "a", NOW)
    store.add_job(job)
    always = "job 'a' is being claimed or changed all the time; it was left"
    with pytest.raises(RuntimeError, match=always):
        store.edit_job(job, restless(store, 1000))
    with pytest.raises(RuntimeError, match=always):
        store.replace_job(make_job(scheduler, "a", NOW, name="new"), restless(store, 1000))
    assert store.lookup_job("a") is job
    assert job.name not in ("edited", "new")


@pytest.mark.parametrize("again", [False, True])
def test_an_edit_of_a_job_that_goes_meanwhile_is_refused(store, scheduler, again):
    job = make_job(scheduler, "a", NOW)
    store.add_job(job)

    def change(standing):
        store.remove_job("a")
        if again:
            store.add_job(make_job(scheduler, "a", NOW, name="another"))
        return {"name": "edited"}

    with pytest.raises(JobLookupError):
        store.edit_job(job, change)
    assert job.name != "edited"


# -- a shared store of someone else's that goes by the defaults -------------------------------------------


class ByDefaults(MemoryJobStore):
    """Has what the contract asks of every store that claims, and leaves the rest as the base class has it."""

    edit_job = SharedJobStore.edit_job
    replace_job = SharedJobStore.replace_job
    waiting_for_start = SharedJobStore.waiting_for_start
    live_runs = SharedJobStore.live_runs


class TestStoreByDefaults(StoreContract):
    racing_jobs = 50

    def make_store(self):
        return ByDefaults()


def test_a_store_that_goes_by_the_defaults_serves_a_scheduler():
    scheduler = ManualScheduler(jobstores={"default": ByDefaults()})
    scheduler.add_job(print, "crontab", "@reboot", id="at start")
    scheduler.start()
    scheduler.add_job(print, "interval", minutes=1, id="a")
    scheduler.tick()
    scheduler.modify_job("a", name="edited")
    scheduler.add_job(print, "interval", minutes=2, id="a", name="new", replace_existing=True)
    assert scheduler.get_job("a").name == "new"
    scheduler.advance(120)
    assert [run.job_id for run in scheduler.get_runs()] == ["a", "at start"]
    scheduler.shutdown()
