"""The contracts of stores, run against a store as third parties write them, and by themselves."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC

import pytest

from apscheduler._engine.instants import NEVER
from apscheduler.jobstores._plain.claims import PlainStore
from apscheduler.testing import DictStore, ManualScheduler
from apscheduler.testing._contract_claims import ClaimRules
from apscheduler.testing._contract_jobs import NOW, make_job, moment
from apscheduler.testing._contract_ledger import LedgerRules
from apscheduler.testing._contract_plain import raised
from apscheduler.testing._contract_shared import together
from apscheduler.testing.contracts import PlainStoreContract, StoreContract


class TestDictStore(PlainStoreContract):
    def make_store(self):
        return DictStore()


class TestDictStoreOfCopies(PlainStoreContract):
    def make_store(self):
        return DictStore(copies=True)


class TestThirdPartyStoreThatIsClaimedFrom(ClaimRules, LedgerRules):
    def make_store(self):
        store = DictStore(copies=True)
        store.start(self.scheduler, "default")
        return PlainStore(store, "default", UTC)


class Forgetful(DictStore):
    """A store with a bug for the contract to find."""

    def get_all_jobs(self):
        return sorted(super().get_all_jobs(), key=lambda job: job._due if job._due != NEVER else 0)


def test_the_contract_finds_a_store_that_lists_paused_jobs_first():
    class Suite(PlainStoreContract):
        def make_store(self):
            return Forgetful()

    suite = Suite()
    suite.setup_method()
    with pytest.raises(AssertionError):
        suite.test_jobs_are_listed_by_next_fire_time_and_paused_ones_last()


def test_a_contract_without_a_store_says_what_is_missing():
    class Suite(StoreContract):
        pass

    with pytest.raises(NotImplementedError, match=r"Suite must say how to make_store"):
        Suite().setup_method()


def test_contracts_do_not_import_pytest():
    code = "import sys, apscheduler.testing.contracts; sys.exit('pytest' in sys.modules)"
    path = [*sys.path]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {path!r}; {code}"],
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_the_contracts_own_expectation_fails_when_nothing_is_raised():
    with pytest.raises(AssertionError, match="expected KeyError"):
        raised(KeyError, lambda: None)


def test_an_error_in_a_racing_thread_is_raised_where_it_is_waited_for():
    def fail():
        raise LookupError("in the thread")

    with pytest.raises(LookupError, match="in the thread"):
        together(2, fail)


@pytest.mark.parametrize("copies", [False, True])
def test_each_method_of_a_dict_store_asks_first_and_a_refusal_leaves_all_as_it_was(copies):
    class Away(DictStore):
        def __init__(self):
            super().__init__(copies=copies)
            self.calls, self.is_away = [], False

        def asked(self, method):
            self.calls.append(method)
            if self.is_away:
                raise ConnectionError("no route to host")

    store = Away()
    scheduler = ManualScheduler(jobstores={"default": store})
    kept, other = make_job(scheduler, "kept"), make_job(scheduler, "other")
    store.add_job(kept)
    before = dict(store.rows)
    store.is_away, store.calls = True, []
    calls = {
        store.lookup_job: ["kept"],
        store.get_due_jobs: [moment(NOW)],
        store.get_next_run_time: [],
        store.get_all_jobs: [],
        store.add_job: [other],
        store.update_job: [kept],
        store.remove_job: ["kept"],
        store.remove_all_jobs: [],
    }
    for method, arguments in calls.items():
        raised(ConnectionError, method, *arguments)
    assert store.calls == [method.__name__ for method in calls]
    assert store.rows == before


def test_what_a_dict_store_returns_is_the_job_itself_or_a_copy():
    for copies in (False, True):
        store = DictStore(copies=copies)
        scheduler = ManualScheduler(jobstores={"default": store})
        store.start(scheduler, "kept")
        job = make_job(scheduler, "a")
        store.add_job(job)
        found = store.lookup_job("a")
        assert (found == job, found is job) == (True, not copies)
        if copies:
            assert (found._scheduler, found._jobstore_alias) == (scheduler, "kept")
