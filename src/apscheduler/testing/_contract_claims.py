"""The contract of the claim, as tests to inherit: due jobs become runs, each fire time once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apscheduler._engine.instants import SECOND
from apscheduler.history.outcomes import Outcome
from apscheduler.history.rows import RunQuery
from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.testing._contract_jobs import (
    INTERVAL,
    NOW,
    ForeignTrigger,
    RaisingTrigger,
    claim,
    make_job,
    moment,
    once,
    repeating,
)
from apscheduler.testing._contract_plain import WithStore, raised


class ClaimRules(WithStore):
    """What a claim does to due jobs, with one claim after the other."""

    executor_patience = 0
    """Microseconds for which a due job is left to other schedulers if its executor is not here."""

    def due_of(self, id: str) -> Any:
        """Return a job's next fire time as the store knows it."""
        return self.store.lookup_job(id).next_run_time

    def outcomes(self, id: str) -> list[tuple[Outcome | None, int]]:
        """Return outcome and count of a job's rows, newest first."""
        return [(row.outcome, row.count) for row in self.store.runs(RunQuery(job_id=id))]

    # -- what is due ----------------------------------------------------------------------------------

    def test_a_claim_takes_what_is_due_and_moves_its_next_fire_time(self) -> None:
        self.add("due", NOW)
        self.add("later", NOW + 1)
        self.add("paused", None)
        assert claim(self.store).fires == [("due", NOW)]
        assert self.due_of("due") == moment(NOW + INTERVAL)
        assert self.due_of("later") == moment(NOW + 1)
        assert self.due_of("paused") is None

    def test_a_fire_time_is_claimed_once(self) -> None:
        self.add("a", NOW)
        assert claim(self.store).fires == [("a", NOW)]
        assert claim(self.store).fires == []

    def test_a_clock_that_was_set_back_repeats_no_fire_time(self) -> None:
        self.add("a", NOW)
        claim(self.store).finish()
        assert claim(self.store, NOW - INTERVAL).fires == []
        assert claim(self.store, NOW).fires == []

    def test_each_following_fire_time_is_claimed_at_its_instant(self) -> None:
        self.add("a", NOW)
        for step in range(4):
            now = NOW + step * INTERVAL
            claimed = claim(self.store, now)
            assert claimed.fires == [("a", now)]
            claimed.finish()

    def test_a_job_without_further_fire_time_is_removed_and_reported(self) -> None:
        self.add("a", NOW, trigger=once(NOW))
        claimed = claim(self.store)
        assert claimed.fires == [("a", NOW)]
        assert [job.id for job in claimed.batch.finished] == ["a"]
        assert self.store.lookup_job("a") is None
        claimed.finish()
        assert self.outcomes("a") == [(Outcome.EXECUTED, 1)]

    def test_a_foreign_trigger_is_asked_by_datetimes(self) -> None:
        self.add("a", NOW - 2 * INTERVAL, trigger=ForeignTrigger(), coalesce=True)
        claimed = claim(self.store)
        assert claimed.fires == [("a", NOW)]
        assert self.due_of("a") == moment(NOW + INTERVAL)

    # -- several overdue fire times ---------------------------------------------------------------------

    def test_overdue_fire_times_run_in_one_instance_in_order(self) -> None:
        self.add("a", NOW - 3 * INTERVAL)
        claimed = claim(self.store)
        expected = [NOW - back * INTERVAL for back in (3, 2, 1, 0)]
        assert [each.submitted for each in claimed.batch.claims] == [expected]
        assert self.due_of("a") == moment(NOW + INTERVAL)

    def test_coalesced_fire_times_are_one_run_and_one_record(self) -> None:
        self.add("a", NOW - 3 * INTERVAL, coalesce=True)
        claimed = claim(self.store)
        assert claimed.fires == [("a", NOW)]
        ((job, outcome, rollup),) = claimed.batch.rolled
        assert (job.id, outcome, rollup.count) == ("a", Outcome.COALESCED, 3)
        (row,) = self.store.runs(RunQuery(job_id="a"))
        assert (row.outcome, row.count) == (Outcome.COALESCED, 3)
        assert row.fire_time == moment(NOW - 3 * INTERVAL)
        assert row.last_fire_time == moment(NOW - INTERVAL)

    def test_fire_times_beyond_the_bound_are_missed_as_one_record(self) -> None:
        self.add("a", NOW - 9 * INTERVAL)
        claimed = claim(self.store, catch_up=4)
        assert [fire for _, fire in claimed.fires] == [
            NOW - back * INTERVAL for back in (3, 2, 1, 0)
        ]
        assert [(outcome, each.count) for _, outcome, each in claimed.batch.rolled] == [
            (Outcome.MISSED, 6)
        ]
        assert self.outcomes("a") == [(Outcome.MISSED, 6)]

    def test_a_claim_that_comes_late_says_why(self) -> None:
        self.add("a", NOW - 5 * SECOND, misfire_grace_time=1)
        (only,) = claim(self.store).batch.claims
        assert only.late_because == "asleep"

    # -- instances --------------------------------------------------------------------------------------

    def test_max_instances_are_counted_and_freed_by_release(self) -> None:
        self.add("a", NOW, max_instances=2)
        first, second = claim(self.store, NOW), claim(self.store, NOW + INTERVAL)
        third = claim(self.store, NOW + 2 * INTERVAL)
        assert (len(first.fires), len(second.fires), third.fires) == (1, 1, [])
        ((job, fires),) = third.batch.skipped
        assert (job.id, fires) == ("a", [NOW + 2 * INTERVAL])
        assert self.outcomes("a") == [(Outcome.SKIPPED, 1)]
        first.finish()
        assert claim(self.store, NOW + 3 * INTERVAL).fires == [("a", NOW + 3 * INTERVAL)]

    def test_an_instance_is_freed_once_however_often_it_is_released(self) -> None:
        self.add("a", NOW, max_instances=2)
        first = claim(self.store, NOW)
        claim(self.store, NOW + INTERVAL)
        first.finish()
        first.finish()
        assert len(claim(self.store, NOW + 2 * INTERVAL).fires) == 1
        assert claim(self.store, NOW + 3 * INTERVAL).fires == []

    def test_a_job_added_anew_is_not_blocked_by_the_runs_of_the_old_one(self) -> None:
        self.add("a", NOW)
        hung = claim(self.store)
        self.store.remove_job("a")
        self.add("a", NOW + 1)
        assert claim(self.store, NOW + 1).fires == [("a", NOW + 1)]
        hung.finish()
        assert claim(self.store, NOW + 1 + INTERVAL).fires == []

    # -- what goes wrong ----------------------------------------------------------------------------------

    def test_an_unknown_executor_keeps_the_job_and_records_the_run(self) -> None:
        self.add("a", NOW, executor="nowhere")
        now = NOW + self.executor_patience
        claimed = claim(self.store, now)
        assert claimed.fires == []
        ((job, results),) = claimed.batch.refused
        expected = list(range(NOW, now + 1, INTERVAL))
        assert (job.id, [result.fire for result in results]) == ("a", expected)
        assert self.outcomes("a") == [(Outcome.FAILED, 1)] * len(expected)
        assert "nowhere" in self.store.runs(RunQuery(job_id="a"))[0].error
        assert self.due_of("a") == moment(now + INTERVAL)
        again = claim(self.store, now + INTERVAL, executors=("default", "nowhere"))
        assert again.fires == [("a", now + INTERVAL)]

    def test_a_job_with_an_unknown_executor_is_left_to_others_for_a_while(self) -> None:
        self.add("a", NOW, executor="nowhere")
        if not self.executor_patience:
            return
        assert claim(self.store, NOW + self.executor_patience - 1).batch.refused == []
        assert self.due_of("a") == moment(NOW)
        other = claim(self.store, NOW + 1, executors=("nowhere",))
        assert other.fires == [("a", NOW)]

    def test_the_last_fire_time_with_an_unknown_executor_leaves_the_job_paused(self) -> None:
        self.add("a", NOW, trigger=once(NOW), executor="nowhere")
        claimed = claim(self.store, NOW + self.executor_patience)
        assert claimed.batch.finished == []
        assert self.store.lookup_job("a").next_run_time is None

    def test_a_trigger_that_raises_costs_its_own_job_only(self) -> None:
        self.add("a", NOW)
        self.add("broken", NOW, trigger=RaisingTrigger())
        self.add("c", NOW)
        claimed = claim(self.store)
        assert claimed.ids == ["a", "c"]
        assert [job.id for job, _ in claimed.batch.broken] == ["broken"]
        assert self.due_of("broken") == moment(NOW)

    def test_a_trigger_that_raises_is_tried_again_but_not_at_once(self) -> None:
        self.add("broken", NOW, trigger=RaisingTrigger())
        claim(self.store)
        due = self.store.next_due()
        assert due is not None
        assert due > NOW
        assert claim(self.store).batch.broken == []
        assert len(claim(self.store, NOW + 120 * SECOND).batch.broken) == 1

    def test_a_job_whose_trigger_was_repaired_runs(self) -> None:
        self.add("a", NOW, trigger=RaisingTrigger())
        claim(self.store)
        self.store.update_job(make_job(self.scheduler, "a", NOW + 1, trigger=repeating(NOW + 1)))
        assert claim(self.store, NOW + 1).fires == [("a", NOW + 1)]

    def test_an_interrupted_claim_loses_no_fire_time(self) -> None:
        for number in range(6):
            self.add(f"job {number}", NOW + number)

        def interrupt(job: Job) -> None:
            if job.id == "job 3":
                raise KeyboardInterrupt

        try:
            first = claim(self.store, NOW + 9, during=interrupt).fires
        except KeyboardInterrupt:
            first = []
        second = claim(self.store, NOW + 9).fires
        assert sorted(first + second) == [(f"job {number}", NOW + number) for number in range(6)]

    # -- changes between taking and committing ------------------------------------------------------------

    def test_a_job_removed_while_it_is_planned_does_not_run(self) -> None:
        self.add("a", NOW)
        self.add("b", NOW)
        claimed = claim(self.store, during=self._once("a", lambda _: self.store.remove_job("a")))
        assert claimed.ids == ["b"]
        assert claimed.batch.error is None
        assert self.store.lookup_job("a") is None

    def test_a_job_paused_while_it_is_planned_stays_paused(self) -> None:
        self.add("a", NOW)
        claimed = claim(self.store, during=self._once("a", lambda _: self._modify("a", None)))
        assert claimed.fires == []
        assert self.due_of("a") is None

    def test_a_job_moved_while_it_is_planned_keeps_its_new_time(self) -> None:
        self.add("a", NOW)
        move = self._once("a", lambda _: self._modify("a", NOW + 3))
        assert claim(self.store, during=move).fires == []
        assert self.due_of("a") == moment(NOW + 3)
        assert claim(self.store, NOW + 3).fires == [("a", NOW + 3)]

    def test_a_job_added_anew_while_it_is_planned_runs_once(self) -> None:
        self.add("a", NOW)

        def replace(_: Job) -> None:
            self.store.remove_job("a")
            self.add("a", NOW + 5)

        first = claim(self.store, during=self._once("a", replace))
        second = claim(self.store, NOW + 5)
        assert first.fires + second.fires == [("a", NOW + 5)]

    def _once(self, id: str, change: Callable[[Job], object]) -> Callable[[Job], None]:
        """Return a hook that makes one change while that job is planned."""
        left = [change]

        def hook(job: Job) -> None:
            if job.id == id and left:
                left.pop()(job)

        return hook

    def _modify(self, id: str, due: int | None, **changes: Any) -> None:
        """Change a job by the store's ``modify_job``."""
        job = self.store.lookup_job(id)
        changes["next_run_time"] = None if due is None else moment(due)
        job._scheduler = self.scheduler
        self.store.modify_job(job, job._checked(changes))

    # -- changing ------------------------------------------------------------------------------------------

    def test_a_change_takes_effect_as_a_whole(self) -> None:
        self.add("a", NOW)
        self._modify("a", NOW + 3, trigger=repeating(NOW + 3), name="changed", max_instances=4)
        found = self.store.lookup_job("a")
        assert (found.name, found.max_instances) == ("changed", 4)
        assert claim(self.store).fires == []
        assert claim(self.store, NOW + 3).fires == [("a", NOW + 3)]
        assert self.due_of("a") == moment(NOW + 3 + INTERVAL)

    def test_a_change_to_an_earlier_time_is_not_overlooked(self) -> None:
        self.add("a", NOW + 100 * SECOND)
        assert self.store.next_due() == NOW + 100 * SECOND
        self._modify("a", NOW)
        assert self.store.next_due() == NOW
        assert claim(self.store).fires == [("a", NOW)]

    def test_a_changed_job_keeps_its_running_instances(self) -> None:
        self.add("a", NOW)
        running = claim(self.store)
        self._modify("a", NOW + 1, name="changed")
        assert claim(self.store, NOW + 1).fires == []
        running.finish()
        assert len(claim(self.store, NOW + 1 + INTERVAL).fires) == 1

    def test_a_change_by_an_older_view_of_a_job_repeats_no_fire_time(self) -> None:
        self.add("a", NOW)
        view = self.store.lookup_job("a")
        claim(self.store).finish()
        self.store.modify_job(view, view._checked({"name": "changed"}))
        assert claim(self.store).fires == []
        assert self.due_of("a") == moment(NOW + INTERVAL)
        assert self.store.lookup_job("a").name == "changed"

    def test_a_job_that_is_gone_cannot_be_changed(self) -> None:
        job = self.add("a", NOW)
        self.store.remove_job("a")
        raised(JobLookupError, self.store.modify_job, job, job._checked({"name": "x"}))
        assert self.store.lookup_job("a") is None

    # -- when to come back -----------------------------------------------------------------------------------

    def test_next_due_is_the_earliest_fire_time(self) -> None:
        assert self.store.next_due() is None
        self.add("paused", None)
        assert self.store.next_due() is None
        self.add("b", NOW + 2)
        assert self.store.next_due() == NOW + 2
        self.add("a", NOW + 1)
        assert self.store.next_due() == NOW + 1

    def test_next_due_is_never_later_than_the_earliest_fire_time(self) -> None:
        """It may be earlier: a store may keep the entry of a removed job for a while."""
        self.add("a", NOW + 1)
        self.add("b", NOW + 3 * SECOND)
        self.store.remove_job("a")
        assert self.store.next_due() <= NOW + 3 * SECOND
        assert claim(self.store, NOW + 1).fires == []
        assert self.store.next_due() == NOW + 3 * SECOND

    def test_next_due_follows_a_claim(self) -> None:
        self.add("a", NOW)
        claim(self.store)
        assert self.store.next_due() == NOW + INTERVAL
