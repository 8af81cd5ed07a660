"""Schedulers of whichever host runs the suite."""

from __future__ import annotations

import pytest
from hosts.told import Told


@pytest.fixture
def made(host):
    """Make schedulers, and end those that run still."""
    schedulers = []

    def make(**options):
        schedulers.append(host.scheduler(**options))
        return schedulers[-1]

    yield make
    for scheduler in schedulers:
        if scheduler.running:
            host.call(lambda scheduler=scheduler: scheduler.shutdown(wait=False))


@pytest.fixture
def scheduler(host, made):
    scheduler = made()
    host.start(scheduler)
    return scheduler


@pytest.fixture
def told(scheduler):
    return Told(scheduler)
