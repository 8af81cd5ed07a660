"""A job's bytes are the same bytes, whether a driver gives them as bytes, a bytearray or a memoryview of any format."""

from __future__ import annotations

import io

import pytest
from databases import URLS, Place, PlaceOn, require
from sqlalchemy import make_url

from apscheduler.jobstores._sql.changing.loading import Loader, Unloadable
from apscheduler.serializers import PickleSerializer
from apscheduler.testing import FakeClock, ManualScheduler

NOT_A_JOB = b"\x80\x04N."
VIEWS = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "memoryview of characters": lambda blob: memoryview(blob).cast("c"),  # as psycopg2 has it
}
DRIVERS = {
    "sqlite": None,
    "mariadb": None,
    "psycopg": "postgresql+psycopg",
    "psycopg2": "postgresql+psycopg2",
    "pg8000": "postgresql+pg8000",
}


@pytest.fixture(params=sorted(DRIVERS))
def place(request, tmp_path):
    driver = DRIVERS[request.param]
    if driver is None:
        made = Place(request.param, tmp_path)
    else:
        require("postgresql")
        url = make_url(URLS["postgresql"]).set(drivername=driver)
        made = PlaceOn("postgresql", url.render_as_string(hide_password=False))
    yield made
    made.close()


def work():
    pass


def test_a_job_that_cannot_be_imported_is_told_once_however_it_is_asked_for(place, caplog):
    clock = FakeClock()
    writer = ManualScheduler(clock=clock, jobstores={"default": place.store()})
    writer.start()
    writer.add_job(work, "interval", seconds=1, id="f")
    writer.shutdown()
    place.change("UPDATE {t} SET job_state = :blob WHERE id = 'f'", blob=NOT_A_JOB)
    scheduler = ManualScheduler(clock=clock, jobstores={"default": place.store()})
    scheduler.start()
    try:
        for _ in range(8):
            scheduler.advance(1)
            scheduler.get_jobs()
            scheduler.get_quarantined()
            scheduler.print_jobs(out=io.StringIO())
            assert scheduler.get_job("f") is None
    finally:
        scheduler.shutdown()
    said = [each for each in caplog.messages if "cannot be restored" in each]
    assert len(said) == 1


ASKED = {
    "load": lambda loader, blob: loader.load("f", blob, 1.0),
    "load for a claim": lambda loader, blob: loader.load_for_claim("f", blob, 1.0),
    "load for a run": lambda loader, blob: loader.load_for_run("f", 1, blob, 1.0),
}


@pytest.mark.parametrize("second", VIEWS)
@pytest.mark.parametrize("first", VIEWS)
@pytest.mark.parametrize("way", ASKED)
def test_what_failed_in_one_form_is_known_in_each_other(way, first, second):
    told = []
    loader = Loader(
        PickleSerializer(),
        "store",
        lambda job: None,
        lambda *bad: bool(told.append(bad)) or True,
        lambda job_id: None,
    )
    for view in (VIEWS[first], VIEWS[second]):
        with pytest.raises(Unloadable):
            ASKED[way](loader, view(NOT_A_JOB))
    assert len(told) == 1
