"""The columns of 3.x's table: exact to the microsecond, and made on every server."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from databases import SHARED, Place
from sqlalchemy import inspect

from apscheduler.testing import FakeClock, ManualScheduler


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


def scheduler_on(place):
    made = ManualScheduler(
        jobstores={"default": place.store(poll_interval=3600)},
        clock=FakeClock(datetime(2030, 1, 1, tzinfo=UTC)),
    )
    made.start(paused=True)
    return made


@pytest.mark.trap(7)
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_next_run_time_keeps_its_microseconds(place):
    scheduler = scheduler_on(place)
    for number, year in enumerate((1971, 2030, 2099)):
        moment = datetime(year, 12, 31, 23, 59, 59, 999_999 - number, tzinfo=UTC)
        scheduler.add_job("os:getpid", "date", run_date=moment, id=str(year))
        assert scheduler.get_job(str(year)).next_run_time == moment
    scheduler.shutdown()


@pytest.mark.trap(8)
@pytest.mark.parametrize("place", ["mariadb"], indirect=True)
def test_the_tables_are_made_on_mariadb_with_keys_that_fit(place):
    scheduler = scheduler_on(place)
    found = inspect(place.engine())
    columns = {each["name"]: each["type"] for each in found.get_columns(place.table)}
    assert columns["id"].length == 191
    assert type(columns["next_run_time"]).__name__ == "DOUBLE"
    long = "ü" * 191
    scheduler.add_job("os:getpid", "interval", hours=1, id=long)
    scheduler.add_job("os:getpid", "interval", hours=1, id=long[:-1] + "Ü")
    assert len(scheduler.get_jobs()) == 2
    scheduler.shutdown()
