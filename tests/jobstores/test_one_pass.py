"""What one pass claims is handed over whole, and told whole, whatever came before it in the page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from databases import KINDS, Place

from apscheduler.events import EVENT_JOB_REMOVED
from apscheduler.testing import FakeClock, ManualScheduler

RAN: list[str] = []


def note(name: str) -> None:
    RAN.append(name)


@pytest.fixture
def scheduler(request, tmp_path):
    RAN.clear()
    place = Place(request.param, tmp_path)
    scheduler = ManualScheduler(jobstores={"default": place.store()}, clock=FakeClock())
    scheduler.start()
    yield scheduler
    scheduler.shutdown()
    place.close()


@pytest.mark.parametrize(
    "scheduler",
    [pytest.param(kind, marks=[] if "sqlite" in kind else pytest.mark.slow) for kind in KINDS],
    indirect=True,
)
@pytest.mark.parametrize("first", ["interval", "date"])
def test_every_due_job_of_a_pass_runs_in_it_and_every_end_is_told(scheduler, first) -> None:
    removed: list[str] = []
    scheduler.add_listener(lambda event: removed.append(event.job_id), EVENT_JOB_REMOVED)
    names = ["a", "b", "c", "d"]  # of those due at one instant the first id comes first
    once = names[2:] if first == "interval" else names[:2]
    due = scheduler._now() + timedelta(seconds=30)
    for name in names:
        if name in once:
            scheduler.add_job(note, "date", run_date=due, args=[name], id=name)
        else:
            scheduler.add_job(note, "interval", seconds=30, args=[name], id=name)
    scheduler.clock.advance(31)
    scheduler.tick()
    assert sorted(RAN) == names
    assert sorted(removed) == once
