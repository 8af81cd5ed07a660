"""The contract of the ledger beside the jobs, as tests to inherit: outcomes in, rows out."""

from __future__ import annotations

from typing import Any

from apscheduler.history.outcomes import Outcome, fire_id
from apscheduler.history.rows import RunQuery
from apscheduler.jobstores.base import JobLookupError
from apscheduler.runs.claims import Result
from apscheduler.testing._contract_jobs import INTERVAL, NOW, claim, moment, once
from apscheduler.testing._contract_plain import WithStore, raised


class LedgerRules(WithStore):
    """What a store keeps of outcomes, and how it answers questions about them."""

    def run(self, id: str, outcome: Outcome = Outcome.EXECUTED, **details: Any) -> None:
        """Add a job with one fire time, claim it and settle it."""
        self.add(id, NOW, trigger=once(NOW))
        claim(self.store).finish(outcome, **details)

    def rows(self, **query: Any) -> list[Any]:
        """Return the rows that match."""
        found: list[Any] = self.store.runs(RunQuery(**query))
        return found

    def test_an_empty_ledger_has_no_rows(self) -> None:
        assert self.rows() == []
        assert self.store.outcome_counts() == {}
        assert self.store.last_run(self.add("a", NOW)) is None

    def test_a_row_says_when_a_run_was_due_and_when_it_ran(self) -> None:
        self.run("a")
        (row,) = self.rows()
        assert (row.job_id, row.outcome, row.attempt, row.count) == ("a", Outcome.EXECUTED, 1, 1)
        assert (row.fire_time, row.started_at) == (moment(NOW), moment(NOW))
        assert row.finished_at == moment(NOW + 1000)
        assert row.fire_id == fire_id("a", NOW)
        assert (row.reason, row.error, row.traceback) == (None, None, None)

    def test_a_failure_keeps_its_error_and_traceback(self) -> None:
        self.run("a", Outcome.FAILED, exception=ValueError("no such\nthing"), traceback="Trace …")
        (row,) = self.rows()
        assert row.outcome is Outcome.FAILED
        assert row.error == "ValueError: no such thing"
        assert row.traceback is not None
        assert row.traceback.splitlines()[1].startswith("Trace …"), "the frames come first"
        assert "ValueError: no such\nthing" in row.traceback, "and what was raised after them"

    def test_a_run_that_never_started_has_no_start(self) -> None:
        self.add("a", NOW)
        claimed = claim(self.store)
        (only,) = claimed.batch.claims
        missed = Result(NOW, Outcome.MISSED, 0, NOW + 9, reason="the pool was full")
        claimed.request.sink.settle(only, missed)
        (row,) = self.rows()
        assert (row.outcome, row.reason) == (Outcome.MISSED, "the pool was full")
        assert (row.started_at, row.duration) == (None, None)

    def test_the_first_word_about_a_fire_time_is_the_only_one(self) -> None:
        self.add("a", NOW)
        claimed = claim(self.store)
        (only,) = claimed.batch.claims
        sink = claimed.request.sink
        assert sink.settle(only, Result(NOW, Outcome.TIMED_OUT, NOW, NOW + 5))
        assert not sink.settle(only, Result(NOW, Outcome.EXECUTED, NOW, NOW + 9))
        assert [row.outcome for row in self.rows()] == [Outcome.TIMED_OUT]

    def test_each_fire_time_of_an_instance_has_its_row(self) -> None:
        self.add("a", NOW - INTERVAL)
        claim(self.store).finish()
        assert [row.fire_time for row in self.rows()] == [moment(NOW), moment(NOW - INTERVAL)]

    def test_rows_come_newest_first_and_as_many_as_asked_for(self) -> None:
        for id in ("a", "b", "c"):
            self.run(id)
        assert [row.job_id for row in self.rows()] == ["c", "b", "a"]
        assert [row.job_id for row in self.rows(limit=2)] == ["c", "b"]

    def test_rows_can_be_asked_for_by_job_outcome_and_time(self) -> None:
        self.run("good")
        self.run("bad", Outcome.FAILED)
        self.add("later", NOW + INTERVAL)
        claim(self.store, NOW + INTERVAL).finish()
        assert [row.job_id for row in self.rows(job_id="good")] == ["good"]
        assert [row.job_id for row in self.rows(outcome=Outcome.FAILED)] == ["bad"]
        assert [row.job_id for row in self.rows(since=moment(NOW + 1))] == ["later"]
        assert self.rows(job_id="good", outcome=Outcome.FAILED) == []

    def test_rows_of_a_removed_job_stay(self) -> None:
        self.add("a", NOW)
        claim(self.store).finish()
        self.store.remove_job("a")
        assert [row.job_id for row in self.rows(job_id="a")] == ["a"]

    def test_a_run_that_ends_after_its_job_was_removed_is_recorded(self) -> None:
        self.add("a", NOW)
        claimed = claim(self.store)
        self.store.remove_job("a")
        claimed.finish()
        assert [row.outcome for row in self.rows(job_id="a")] == [Outcome.EXECUTED]

    def test_a_job_that_ends_is_gone_and_its_run_goes_on(self) -> None:
        job = self.add("a", NOW)
        claimed = claim(self.store)
        self.store.end_job(job)
        assert self.store.lookup_job("a") is None
        raised(JobLookupError, self.store.end_job, job)
        claimed.finish()
        assert [row.outcome for row in self.rows(job_id="a")] == [Outcome.EXECUTED]

    def test_the_last_run_is_the_newest_of_that_job(self) -> None:
        job = self.add("a", NOW)
        self.add("b", NOW)
        for step in range(3):
            claim(self.store, NOW + step * INTERVAL).finish()
        assert self.store.last_run(job).fire_time == moment(NOW + 2 * INTERVAL)
        assert self.store.last_run(job).job_id == "a"

    def test_outcomes_are_counted_by_the_fire_times_they_stand_for(self) -> None:
        self.run("good")
        self.run("bad", Outcome.FAILED)
        self.add("overdue", NOW - 4 * INTERVAL, coalesce=True)
        claim(self.store).finish()
        assert self.store.outcome_counts() == {
            Outcome.EXECUTED: 2,
            Outcome.FAILED: 1,
            Outcome.COALESCED: 4,
        }
