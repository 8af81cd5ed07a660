"""A long queue of due jobs, shared by several nodes: who loses rows to others reads a part of its own first."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from databases import SHARED, Place

from apscheduler.testing import FakeClock, ManualScheduler

pytestmark = pytest.mark.slow

DUE = datetime(2030, 1, 1, tzinfo=UTC)
IDS = [*(f"job-{number}" for number in range(120)), 'quote"d', "back\\slash", "{a,b}", "日", "NULL"]


def done() -> None:
    """What the jobs do."""


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def opened(place):
    made = []

    def open_one() -> ManualScheduler:
        scheduler = ManualScheduler(
            jobstores={"default": place.store()}, clock=FakeClock(DUE), timezone="UTC"
        )
        scheduler.start()
        made.append(scheduler)
        return scheduler

    yield open_one
    for each in made:
        if each.running:
            each.shutdown()


def add_all(scheduler) -> None:
    scheduler.add_jobs(
        {
            "func": done,
            "trigger": "date",
            "id": each,
            "run_date": DUE,
            "misfire_grace_time": None,
        }
        for each in IDS
    )


def claiming_of(scheduler):
    return scheduler._claiming_store("default")._session.claiming


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_each_due_job_is_of_exactly_one_part(place, opened):
    one = opened()
    add_all(one)
    claiming = claiming_of(one)
    now = one._now_us()
    for parts in (1, 2, 3):
        claiming._membership.alive = parts
        seen = []
        for part in range(parts):
            claiming._membership.place = part
            seen.append({row[0] for row in claiming.queue.read(now, 1000, apart=True)})
        assert sorted(each for part in seen for each in part) == sorted(IDS)
        assert parts == 1 or all(len(part) > len(IDS) // parts // 3 for part in seen)


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_who_reads_apart_claims_its_own_part_and_then_everybodys(place, opened):
    one, two = opened(), opened()
    add_all(one)
    for each in (one, two):
        each._claiming_store("default")._session.membership.ensure()
    one._claiming_store("default")._session.membership.sweep()
    claiming = claiming_of(one)
    assert (claiming._membership.alive, claiming._membership.place) in ((2, 0), (2, 1))
    claiming.queue.apart = 5
    one.tick()
    runs = one.get_runs(limit=1000)
    assert sorted(run.job_id for run in runs) == sorted(IDS)
    assert claiming.queue.apart == 0, "its own part was done, so that it read everything"
    assert one.get_jobs() == []
