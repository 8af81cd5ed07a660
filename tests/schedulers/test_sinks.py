"""Where the further claims of a catch-up go."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from apscheduler.schedulers._dispatch.settling import StoreSink


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
