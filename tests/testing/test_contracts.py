"""The contracts of stores, run against a store as third parties write them, and by themselves."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import UTC

import pytest

from apscheduler._engine.instants import NEVER, to_us
from apscheduler.job import Job
from apscheduler.jobstores._plain.claims import PlainStore
from apscheduler.jobstores.base import BaseJobStore, ConflictingIdError, JobLookupError
from apscheduler.testing._contract_claims import ClaimRules
from apscheduler.testing._contract_ledger import LedgerRules
from apscheduler.testing._contract_plain import raised
from apscheduler.testing._contract_shared import together
from apscheduler.testing.contracts import PlainStoreContract, StoreContract


class PicklingStore(BaseJobStore):
    """Keeps jobs as bytes, as stores in databases do: what it returns are copies."""

    def __init__(self):
        self.rows = {}

    def lookup_job(self, job_id):
        return self.restored(self.rows[job_id]) if job_id in self.rows else None

    def get_due_jobs(self, now):
        return [job for job in self.get_all_jobs() if job._due <= to_us(now)]

    def get_next_run_time(self):
        jobs = self.get_all_jobs()
        return jobs[0].next_run_time if jobs else None

    def get_all_jobs(self):
        return sorted(map(self.restored, self.rows.values()), key=lambda job: (job._due, job.id))

    def add_job(self, job):
        if job.id in self.rows:
            raise ConflictingIdError(job.id)
        self.rows[job.id] = pickle.dumps(job.__getstate__())

    def update_job(self, job):
        if job.id not in self.rows:
            raise JobLookupError(job.id)
        self.rows[job.id] = pickle.dumps(job.__getstate__())

    def remove_job(self, job_id):
        if self.rows.pop(job_id, None) is None:
            raise JobLookupError(job_id)

    def remove_all_jobs(self):
        self.rows.clear()

    def restored(self, row):
        job = Job.__new__(Job)
        job.__setstate__(pickle.loads(row))
        job._scheduler, job._jobstore_alias = self._scheduler, self._alias
        return job


class TestThirdPartyStore(PlainStoreContract):
    def make_store(self):
        return PicklingStore()


class TestThirdPartyStoreThatIsClaimedFrom(ClaimRules, LedgerRules):
    def make_store(self):
        store = PicklingStore()
        store.start(self.scheduler, "default")
        return PlainStore(store, "default", UTC)


class Forgetful(PicklingStore):
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
