"""The contract of the claim, as tests to inherit: due jobs become runs, each fire time once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

from apscheduler._engine.instants import SECOND
from apscheduler.history.outcomes import Outcome
from apscheduler.history.rows import RunQuery
from apscheduler.job import Job
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
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

_PATIENCE = 60.0  # seconds; only a store that hangs ever needs them


def together(count: int, work: Callable[[], None]) -> None:
    """Call ``work`` in several threads at once and wait; the first exception of any is raised here."""
    barrier = Barrier(count)
    errors: list[BaseException] = []

    def begin() -> None:
        try:
            barrier.wait(_PATIENCE)
            work()
        except BaseException as exc:  # noqa: BLE001 - shown by the waiting thread
            errors.append(exc)

    threads = [Thread(target=begin, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "a store call did not return"


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


class SharedRules(WithStore):
    """What a store must do if many threads claim from it at once."""

    threads = 6
    """How many threads race in :meth:`test_each_fire_time_is_claimed_once_by_racing_threads`."""
    racing_jobs = 60
    """How many jobs they race for."""

    def test_each_fire_time_is_claimed_once_by_racing_threads(self) -> None:
        self.store.add_jobs(
            [make_job(self.scheduler, f"job {n}", NOW + n) for n in range(self.racing_jobs)]
        )
        seen: Counter[tuple[str, int]] = Counter()
        skipped: list[Any] = []

        def work(now: int) -> None:
            claimed = claim(self.store, now, limit=7)
            while claimed.fires or claimed.batch.more:
                seen.update(claimed.fires)
                skipped.extend(claimed.batch.skipped)
                claimed.finish()
                claimed = claim(self.store, now, limit=7)

        rounds = [NOW + SECOND + step * INTERVAL for step in range(4)]
        for now in rounds:
            together(self.threads, lambda now=now: work(now))  # type: ignore[misc]
        expected = {
            (f"job {n}", NOW + n + step * INTERVAL)
            for n in range(self.racing_jobs)
            for step in range(len(rounds))
        }
        assert set(seen) == expected
        assert set(seen.values()) == {1}
        assert skipped == []
        assert self.store.outcome_counts() == {Outcome.EXECUTED: len(expected)}

    def test_racing_threads_start_no_more_instances_than_allowed(self) -> None:
        self.add("a", NOW, max_instances=3)
        started: list[Any] = []
        for step in range(8):
            together(
                self.threads,
                lambda now=NOW + step * INTERVAL: started.extend(claim(self.store, now).fires),  # type: ignore[misc]
            )
        assert len(started) == 3

    def test_a_limit_cuts_the_batch_and_the_earliest_come_first(self) -> None:
        for number in (3, 0, 4, 1, 2):
            self.add(f"job {number}", NOW + number)
        batches = [claim(self.store, NOW + 9, limit=2) for _ in range(3)]
        assert [each.ids for each in batches] == [["job 0", "job 1"], ["job 2", "job 3"], ["job 4"]]
        assert [each.batch.more for each in batches] == [True, True, False]

    def test_a_lane_takes_jobs_as_they_are_and_no_fire_time_twice(self) -> None:
        for number in range(5):
            self.add(f"plain {number}", NOW)
        self.add("overdue", NOW - 2 * INTERVAL)
        self.add("elsewhere", NOW, executor="other")
        claimed = claim(self.store, lanes=("default",), executors=("default", "other"))
        expected = [(f"plain {number}", NOW) for number in range(5)]
        expected += [("overdue", NOW - back * INTERVAL) for back in (0, 1, 2)]
        assert sorted(claimed.fires) == sorted([*expected, ("elsewhere", NOW)])
        claimed.finish()
        assert self.store.outcome_counts() == {Outcome.EXECUTED: 9}

    def test_a_job_in_a_lane_counts_as_an_instance_until_it_ends(self) -> None:
        self.add("a", NOW)
        first = claim(self.store, lanes=("default",))
        assert claim(self.store, NOW + INTERVAL, lanes=("default",)).fires == []
        first.finish()
        third = claim(self.store, NOW + 2 * INTERVAL, lanes=("default",))
        assert third.fires == [("a", NOW + 2 * INTERVAL)]

    def test_several_jobs_are_added_at_once(self) -> None:
        self.store.add_jobs([make_job(self.scheduler, id, NOW) for id in ("a", "b", "c")])
        assert self.listed() == ["a", "b", "c"]
        assert claim(self.store).ids == ["a", "b", "c"]

    def test_of_several_jobs_all_are_added_or_none(self) -> None:
        self.add("b", NOW + 5)
        jobs = [make_job(self.scheduler, id, NOW) for id in ("a", "b", "c")]
        raised(ConflictingIdError, self.store.add_jobs, jobs)
        assert self.listed() == ["b"]
        assert claim(self.store).fires == []

    def test_two_jobs_of_one_id_are_not_added_at_once(self) -> None:
        jobs = [make_job(self.scheduler, "a", NOW + number) for number in range(2)]
        raised(ConflictingIdError, self.store.add_jobs, jobs)
        assert self.listed() == []
        assert claim(self.store, NOW + 9).fires == []
