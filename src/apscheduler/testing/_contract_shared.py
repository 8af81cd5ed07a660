"""The contract of the claim where several ask at once, and of lanes and batches, as tests to inherit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

from apscheduler._engine.instants import SECOND
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.testing._contract_jobs import (
    INTERVAL,
    NOW,
    claim,
    make_job,
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
