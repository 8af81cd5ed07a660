"""The contract of 3.x's eight methods, as tests to inherit."""

from __future__ import annotations

from typing import Any

from apscheduler._engine.instants import SECOND
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.testing._contract_jobs import NOW, make_job, moment, once, repeating
from apscheduler.testing.manual import ManualScheduler


def raised(expected: type[BaseException], call: Any, *args: Any) -> BaseException:
    """Return the exception of the expected type that a call raises.

    :raises AssertionError: if it raises none
    """
    try:
        call(*args)
    except expected as exc:
        return exc
    raise AssertionError(f"expected {expected.__name__} from {call!r} with {args!r}")


class WithStore:
    """A new store for each test, and jobs to put into it."""

    store: Any

    def make_store(self) -> Any:
        """Return a new, empty store."""
        raise NotImplementedError(f"{type(self).__name__} must say how to make_store()")

    def setup_method(self) -> None:
        """Make and start a store (called by pytest before each test)."""
        self.scheduler = ManualScheduler()
        self.store = self.make_store()
        if hasattr(self.store, "start"):
            self.store.start(self.scheduler, "default")

    def teardown_method(self) -> None:
        """Empty the store and shut it down (called by pytest after each test)."""
        self.store.remove_all_jobs()
        if hasattr(self.store, "shutdown"):
            self.store.shutdown()

    def add(self, id: str, due: int | None = NOW, **options: Any) -> Any:
        """Add a job and return it."""
        job = make_job(self.scheduler, id, due, **options)
        self.store.add_job(job)
        return job

    def listed(self) -> list[str]:
        """Return the ids of all jobs in the order of the store."""
        return [job.id for job in self.store.get_all_jobs()]


class PlainStoreContract(WithStore):
    """The contract of every job store: the eight methods of 3.x. Subclass it and say how to ``make_store()``."""

    # -- finding ------------------------------------------------------------------------------------

    def test_a_job_is_found_as_it_was_added(self) -> None:
        given = self.add("a", args=(1, "x"), kwargs={"sep": "-"}, name="named", max_instances=3)
        found = self.store.lookup_job("a")
        assert found == given
        for name in (
            "func",
            "args",
            "kwargs",
            "name",
            "max_instances",
            "next_run_time",
            "coalesce",
        ):
            assert getattr(found, name) == getattr(given, name), name

    def test_a_job_that_is_not_there_is_not_found(self) -> None:
        assert self.store.lookup_job("nobody") is None

    def test_an_empty_store_has_nothing_to_say(self) -> None:
        assert self.store.get_all_jobs() == []
        assert self.store.get_due_jobs(moment(NOW)) == []
        assert self.store.get_next_run_time() is None

    def test_ids_are_any_text(self) -> None:
        ids = ["with space", "quo'te\"", "slash/\\", "定时任务", "%s{}", "x" * 150]
        for id in ids:
            self.add(id)
        assert sorted(self.listed()) == sorted(ids)
        assert all(self.store.lookup_job(id).id == id for id in ids)

    # -- order --------------------------------------------------------------------------------------

    def test_jobs_are_listed_by_next_fire_time_and_paused_ones_last(self) -> None:
        self.add("paused", None)
        self.add("third", NOW + 3)
        self.add("first", NOW + 1)
        self.add("second", NOW + 2)
        assert self.listed() == ["first", "second", "third", "paused"]

    def test_due_jobs_come_in_order_and_without_later_and_paused_ones(self) -> None:
        self.add("paused", None)
        self.add("later", NOW + 1)
        self.add("now", NOW)
        self.add("before", NOW - SECOND)
        assert [job.id for job in self.store.get_due_jobs(moment(NOW))] == ["before", "now"]

    def test_the_next_run_time_is_the_earliest_of_all(self) -> None:
        self.add("paused", None)
        self.add("second", NOW + 2)
        assert self.store.get_next_run_time() == moment(NOW + 2)
        self.add("first", NOW + 1)
        assert self.store.get_next_run_time() == moment(NOW + 1)

    def test_paused_jobs_alone_have_no_next_run_time(self) -> None:
        self.add("paused", None)
        assert self.store.get_next_run_time() is None
        assert self.store.get_due_jobs(moment(NOW)) == []

    def test_a_fire_time_keeps_its_microseconds(self) -> None:
        self.add("a", NOW + 123_457)
        assert self.store.get_next_run_time() == moment(NOW + 123_457)
        assert self.store.get_due_jobs(moment(NOW + 123_456)) == []
        assert len(self.store.get_due_jobs(moment(NOW + 123_457))) == 1

    # -- changing -----------------------------------------------------------------------------------

    def test_an_id_is_taken_once(self) -> None:
        kept = self.add("a", NOW)
        raised(ConflictingIdError, self.store.add_job, make_job(self.scheduler, "a", NOW + 5))
        assert self.store.lookup_job("a").next_run_time == kept.next_run_time
        assert self.listed() == ["a"]

    def test_an_update_replaces_the_job_and_its_place(self) -> None:
        self.add("a", NOW)
        self.add("b", NOW + 1)
        self.store.update_job(make_job(self.scheduler, "a", NOW + 2, name="changed"))
        assert self.listed() == ["b", "a"]
        assert self.store.lookup_job("a").name == "changed"
        assert self.store.get_next_run_time() == moment(NOW + 1)

    def test_an_update_can_pause_a_job_and_wake_it(self) -> None:
        job = self.add("a", NOW)
        job.next_run_time = None
        self.store.update_job(job)
        assert self.store.get_next_run_time() is None
        job.next_run_time = moment(NOW + 5)
        self.store.update_job(job)
        assert self.store.get_next_run_time() == moment(NOW + 5)

    def test_an_update_can_change_the_trigger(self) -> None:
        self.add("a", NOW)
        changed = make_job(self.scheduler, "a", NOW + 7, trigger=once(NOW + 7))
        self.store.update_job(changed)
        assert str(self.store.lookup_job("a").trigger) == str(changed.trigger)

    def test_a_job_that_is_not_there_cannot_be_updated(self) -> None:
        raised(JobLookupError, self.store.update_job, make_job(self.scheduler, "nobody"))
        assert self.listed() == []

    # -- removing -----------------------------------------------------------------------------------

    def test_a_removed_job_is_gone_and_its_id_free(self) -> None:
        self.add("a", NOW)
        self.add("b", NOW + 1)
        self.store.remove_job("a")
        assert self.store.lookup_job("a") is None
        assert self.listed() == ["b"]
        assert self.store.get_next_run_time() == moment(NOW + 1)
        self.add("a", NOW + 2, trigger=repeating(NOW + 2))
        assert self.listed() == ["b", "a"]

    def test_a_job_that_is_not_there_cannot_be_removed(self) -> None:
        raised(JobLookupError, self.store.remove_job, "nobody")

    def test_all_jobs_can_be_removed_at_once(self) -> None:
        for number in range(5):
            self.add(f"job {number}", None if number == 3 else NOW + number)
        self.store.remove_all_jobs()
        assert self.listed() == []
        assert self.store.get_next_run_time() is None
        self.store.remove_all_jobs()
