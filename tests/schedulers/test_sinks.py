"""Where outcomes go that a store does not take, and the further claims of a catch-up."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from apscheduler.events import EVENT_JOB_EXECUTED
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers._dispatch.settling import StoreSink
from apscheduler.testing import ManualScheduler


class Executor:
    def __init__(self, takes):
        self.takes, self.given = takes, []

    def submit_claims(self, claims):
        self.given += claims
        return [] if self.takes else [(claim, RuntimeError("full")) for claim in claims]


@pytest.mark.parametrize("takes", [True, False])
def test_a_further_claim_is_handed_on_if_its_executor_takes_it(takes):
    executor = Executor(takes)
    scheduler = SimpleNamespace(_executors={"there": executor})
    claim = SimpleNamespace(job=SimpleNamespace(executor="there"))
    assert StoreSink(scheduler, SimpleNamespace(paced=False)).hand_on(claim) is takes
    assert executor.given == [claim]


def test_a_further_claim_of_an_executor_that_is_gone_is_not_handed_on():
    scheduler = SimpleNamespace(_executors={})
    claim = SimpleNamespace(job=SimpleNamespace(executor="there"))
    assert StoreSink(scheduler, SimpleNamespace(paced=False)).hand_on(claim) is False


class Forgetful(MemoryJobStore):
    """A store that takes no outcome."""

    def settle(self, claim, result):
        raise OSError("disk full")


def test_an_outcome_that_its_store_does_not_take_is_told_and_the_job_goes_on(caplog):
    scheduler = ManualScheduler(jobstores={"default": Forgetful()})
    told = []
    scheduler.add_listener(lambda event: told.append(event.job_id), EVENT_JOB_EXECUTED)
    scheduler.add_job(int, "interval", minutes=1, id="a", timeout=50)
    scheduler.start()
    scheduler.advance(120)
    assert told == ["a", "a"]
    text = "The outcome of job 'a' (executed) could not be written to its store"
    assert caplog.text.count(text) == 2
    assert "OSError: disk full" in caplog.text
    scheduler.shutdown()
