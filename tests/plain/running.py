"""How jobs run from a store for one process, and what becomes of those that cannot be restored: tests to inherit."""

from __future__ import annotations

import io
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from apscheduler._engine.instants import SECOND
from apscheduler.events import EVENT_JOB_QUARANTINED
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores.base import (
    BaseJobStore,
    JobLookupError,
    QuarantinedJobError,
    SharedJobStore,
    UnknownJobError,
)
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.testing._contract_jobs import NOW, moment

FUNCTION = "posixpath:join"
GONE = "shop_of_yesterday:update"
TOKYO = ZoneInfo("Asia/Tokyo")


def started(store):
    """Return a scheduler on the store that runs jobs when told to."""
    made = ManualScheduler(clock=FakeClock(moment(NOW)))
    made.add_jobstore(store, "default")
    made.start()
    return made


def add_gone(scheduler, **options):
    """Add a job at nine in Tokyo, whose function is not to be found any more."""
    scheduler.add_job(
        FUNCTION, "cron", hour=9, timezone=TOKYO, args=["a"], id="daily", name="update prices"
    )
    job = scheduler.get_job("daily")
    job._apply(options)
    job.func_ref = GONE
    scheduler._jobstores["default"].update_job(job)
    return job.next_run_time


def printed(scheduler):
    """Return the line of the only job."""
    out = io.StringIO()
    scheduler.print_jobs(out=out)
    (line,) = [each for each in out.getvalue().split("\n") if "quarantined" in each]
    return line.strip()


class RunsFromPlace:
    """Subclasses have a fixture ``place``."""

    def test_it_is_a_plain_store_for_one_process(self, place):
        store = place.store()
        assert isinstance(store, BaseJobStore)
        assert not isinstance(store, SharedJobStore)
        assert repr(store).startswith(f"<{type(store).__name__}")
        store.shutdown()

    def test_an_empty_place_is_read_before_the_start_and_nothing_is_made_there(self, place):
        reader = ManualScheduler(jobstores={"shop": place.store()})
        for alias in (None, "shop"):
            assert reader.get_runs(jobstore=alias) == []
            assert reader.nodes(alias) == reader.get_quarantined(alias) == []
            with pytest.raises(UnknownJobError):
                reader.get_runs("never", alias)
        assert (reader.get_running(), reader.outcome_counts()) == ([], {})
        reader._jobstores["shop"].shutdown()
        assert place.is_bare()

    def test_jobs_run_when_they_are_due_and_the_next_time_is_written(self, scheduler, place):
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="each")
        scheduler.add_job(FUNCTION, "date", ["a"], run_date=moment(NOW + SECOND), id="once")
        scheduler.advance(timedelta(seconds=25))
        outcomes = [(run.job_id, run.outcome) for run in scheduler.get_runs()]
        assert sorted(outcomes) == [("each", Outcome.EXECUTED)] * 2 + [("once", Outcome.EXECUTED)]
        assert scheduler.get_job("once") is None
        other = place.store()
        other.start(scheduler, "other")
        assert [job.id for job in other.get_all_jobs()] == ["each"]
        assert other.get_next_run_time() == moment(NOW + 30 * SECOND)
        other.shutdown()

    def test_jobs_that_wait_for_the_start_come_into_the_store(self, place):
        waiting = ManualScheduler(clock=FakeClock(moment(NOW)))
        waiting.add_jobstore(place.store(), "default")
        waiting.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
        waiting.start()
        assert [job.id for job in waiting.get_jobs()] == ["a"]
        waiting.shutdown()
        again = ManualScheduler(clock=FakeClock(moment(NOW)))
        again.add_jobstore(place.store(), "default")
        again.add_job(FUNCTION, "interval", ["b"], seconds=10, id="a", replace_existing=True)
        again.start()
        assert [job.args for job in again.get_jobs()] == [("b",)]
        again.shutdown()

    def test_a_job_that_cannot_be_restored_stays_and_comes_back(self, scheduler, place):
        told = []
        scheduler.add_listener(told.append, EVENT_JOB_QUARANTINED)
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="bad")
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="good")
        place.spoil("bad")
        before = place.raw_bytes("bad")
        scheduler.advance(timedelta(seconds=15))
        assert {run.job_id for run in scheduler.get_runs()} == {"good"}
        assert place.raw_bytes("bad") == before
        assert [event.job_id for event in told] == ["bad"]
        (kept,) = scheduler.get_quarantined()
        assert kept.job_id == "bad"
        assert kept.next_run_time == moment(NOW + 10 * SECOND)
        assert place.complaint in kept.reason
        assert [job.id for job in scheduler.get_jobs()] == ["good"]
        with pytest.raises(QuarantinedJobError):
            scheduler.pause_job("bad")
        place.mend("bad")
        assert sorted(job.id for job in scheduler.get_jobs()) == ["bad", "good"]
        assert scheduler.get_quarantined() == []
        scheduler.advance(timedelta(seconds=10))
        assert {run.job_id for run in scheduler.get_runs()} == {"bad", "good"}

    def test_a_job_whose_function_is_gone_is_shown_with_its_name_trigger_and_next_run(
        self, scheduler, place
    ):
        nine = add_gone(scheduler)
        reader = ManualScheduler(clock=scheduler._clock, jobstores={"shop": place.store()})
        for asked, alias in ((scheduler, "default"), (reader, "shop")):
            (kept,) = asked.get_quarantined()
            assert (kept.job_id, kept.jobstore, kept.is_paused) == ("daily", alias, False)
            assert (kept.name, kept.trigger, kept.func) == ("update prices", "cron[hour='9']", GONE)
            assert kept.next_run_time == nine
            assert kept.next_run_time.tzinfo == TOKYO
            assert "shop_of_yesterday" in kept.reason
            with pytest.raises(JobLookupError):
                asked.get_runs("never")
            assert asked.get_runs("daily") == []
        reader._jobstores["shop"].shutdown()
        shown = "update prices [daily] (trigger: cron[hour='9'], next run at: "
        assert printed(scheduler).startswith(f"{shown}{nine:%Y-%m-%d} 09:00:00 JST; quarantined: ")

    def test_a_paused_job_whose_function_is_gone_is_shown_as_paused(self, scheduler):
        add_gone(scheduler, next_run_time=None)
        (kept,) = scheduler.get_quarantined()
        assert (kept.is_paused, kept.next_run_time, kept.name) == (True, None, "update prices")
        shown = "update prices [daily] (trigger: cron[hour='9'], paused; quarantined: "
        assert printed(scheduler).startswith(shown)

    def test_a_job_that_cannot_be_read_is_not_said_to_be_paused(self, scheduler, place):
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="bad")
        place.spoil("bad")
        (kept,) = scheduler.get_quarantined()
        assert not kept.is_paused
        assert "paused" not in printed(scheduler)

    def test_a_job_that_cannot_be_restored_can_be_removed_and_replaced(self, scheduler, place):
        for job_id in ("gone", "again"):
            scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id=job_id)
            place.spoil(job_id)
        scheduler.remove_job("gone")
        with pytest.raises(JobLookupError):
            scheduler.remove_job("gone")
        scheduler.add_job(
            FUNCTION, "interval", ["a"], seconds=10, id="again", replace_existing=True
        )
        assert scheduler.get_quarantined() == []
        assert [job.id for job in scheduler.get_jobs()] == ["again"]

    @pytest.mark.parametrize("how", ["removed elsewhere", "written anew"])
    def test_what_is_removed_elsewhere_or_written_anew_is_in_quarantine_no_more(
        self, scheduler, place, how
    ):
        for job_id in ("bad", "good"):
            scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id=job_id)
        place.spoil("bad")
        store = scheduler._jobstores["default"]
        assert place.complaint in store.why_quarantined("bad")
        if how == "removed elsewhere":
            other = place.store()
            other.start(ManualScheduler(), "default")
            other.remove_job("bad")
            other.shutdown()
            assert [job.id for job in store.get_all_jobs()] == ["good"]
        else:
            job = scheduler.get_job("good")
            job.id = "bad"
            store.update_job(job)
        assert store.quarantined() == []

    def test_a_due_job_that_cannot_be_restored_is_looked_for_now_and_then_only(self, place):
        store = place.store()
        scheduler = started(store)
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="bad")
        place.spoil("bad")
        assert store.retry_after() is None
        assert store.get_due_jobs(moment(NOW + 10 * SECOND)) == []
        assert 0 < store.retry_after() <= 1
        assert store.get_next_run_time() is None
        place.pause_in_store("bad")
        assert store.get_due_jobs(moment(NOW + 10 * SECOND)) == []
        assert store.retry_after() is None
        scheduler.shutdown()

    def test_what_a_subclass_makes_of_a_jobs_state_is_what_runs(self, place):
        class Own(place.store_class):
            def _reconstitute_job(self, job_state):
                job = super()._reconstitute_job(job_state)
                job.args = ("own",)
                return job

        store = Own(**place.options)
        scheduler = started(store)
        scheduler.add_job(FUNCTION, "date", ["a"], run_date=moment(NOW + SECOND), id="a")
        assert scheduler.get_job("a").args == ("own",)
        assert [job.args for job in store.get_due_jobs(moment(NOW + SECOND))] == [("own",)]
        scheduler.shutdown()

    def test_what_cannot_be_written_is_not_added(self, scheduler):
        with pytest.raises(ValueError, match="importable"):
            scheduler.add_job(lambda: None, id="lambda")
        # CPython 3.13 does not name pickle.
        with pytest.raises(Exception, match=r"pickle|local object") as raised:
            scheduler.add_job(FUNCTION, args=[lambda: None], id="argument")
        assert not isinstance(raised.value, ValueError)  # as in 3.11.3: pickle's own error
        assert scheduler.get_jobs() == []

    def test_the_pickle_protocol_can_be_set_later(self, scheduler, place):
        scheduler._jobstores["default"].pickle_protocol = 2
        scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="a")
        assert b"\x80\x02" in place.raw_bytes("a")
        scheduler._jobstores["default"].pickle_protocol = 99
        with pytest.raises(ValueError, match="protocol"):
            scheduler.add_job(FUNCTION, "interval", ["a"], seconds=10, id="b")
