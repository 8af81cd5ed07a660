"""What a SQL store reports to its scheduler of what others did: a promotion, newer zone data, a stranger, a dead node."""

from __future__ import annotations

import pytest
from jobstores.stages import CopiedPlace, add

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_SKIPPED,
    EVENT_JOBSTORE_DOUBTED,
    JobSkippedEvent,
    StoreDoubtEvent,
)
from apscheduler.history import reasons
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores import _checkup as checkup
from apscheduler.jobstores import sqlalchemy as module
from apscheduler.jobstores._sql.connection.remedies import READ_ONLY_FILE
from apscheduler.jobstores._sql.guarding.watching import SAID
from apscheduler.jobstores.sqlalchemy import RunLostError
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.testing._contract_jobs import INTERVAL, NOW, moment


class Reporting:
    """A started scheduler on a store, with the events and the calls to look that came."""

    def __init__(self, place) -> None:
        self.store = place.store()
        self.scheduler = ManualScheduler(jobstores={"default": self.store}, clock=FakeClock())
        self.scheduler.start()
        self.events: list = []
        self.looks = 0
        codes = EVENT_JOB_ERROR | EVENT_JOB_SKIPPED | EVENT_JOBSTORE_DOUBTED
        self.scheduler.add_listener(self.events.append, codes)
        self.scheduler.wakeup = self._look

    def _look(self) -> None:
        self.looks += 1

    def job(self, name: str):
        add(self, name)
        return self.store.lookup_job(name)


@pytest.fixture
def reporting(tmp_path, tables):
    place = CopiedPlace(tables, tmp_path)
    reporting = Reporting(place)
    yield reporting
    reporting.scheduler.shutdown()
    place.close()


def test_a_promoted_server_is_told_with_the_runs_that_it_made_doubtful(
    reporting, monkeypatch, caplog
):
    doubted = [("a", NOW, Outcome.LOST, "the server was promoted")]
    monkeypatch.setattr(module, "mark_in_doubt", lambda *_: (doubted, "promoted since"))
    reporting.store._promoted(None, None)
    doubt, lost = reporting.events
    assert isinstance(doubt, StoreDoubtEvent)
    assert (doubt.alias, doubt.reason, doubt.held) == ("default", "promoted since", False)
    assert (lost.job_id, lost.scheduled_run_time) == ("a", moment(NOW))
    assert isinstance(lost.exception, RunLostError)
    assert "promoted since" in caplog.text


def test_a_promotion_that_left_nothing_in_doubt_is_told_to_nobody(reporting, monkeypatch):
    monkeypatch.setattr(module, "mark_in_doubt", lambda *_: ([], None))
    reporting.store._promoted(None, None)
    assert reporting.events == []


def test_a_fire_time_that_newer_zone_data_moved_is_told_and_looked_at(reporting):
    job = reporting.job("a")
    forgotten = []
    reporting.store._session.claiming.forget = forgotten.append
    looks = reporting.looks
    reporting.store._sessions.replanned(job, NOW, "its zone's clock is moved")
    (event,) = reporting.events
    assert isinstance(event, JobSkippedEvent)
    assert (event.job_id, event.jobstore, event.count) == ("a", "default", 1)
    assert (event.first, event.last) == (moment(NOW), moment(NOW))
    assert event.reason == "its zone's clock is moved"
    assert forgotten == ["a"]
    assert reporting.looks == looks + 1


def test_a_stranger_is_told_with_each_fire_time_that_it_took(reporting, caplog):
    fires = [NOW, NOW + INTERVAL]
    reporting.store._telling.strangers_found(
        [(reporting.job("a"), fires), (reporting.job("b"), [])]
    )
    *skipped, doubt = reporting.events
    assert [(each.job_id, each.count, each.first, each.last) for each in skipped] == [
        ("a", 1, moment(fire), moment(fire)) for fire in fires
    ]
    assert {each.reason for each in skipped} == {reasons.MOVED_BY_ANOTHER}
    assert (doubt.alias, doubt.reason, doubt.held) == ("default", SAID, False)
    assert SAID in caplog.text


@pytest.mark.parametrize("closed", ["the file", "its folder"])
def test_a_file_that_takes_no_writes_is_told_by_the_doctor(tmp_path, tables, monkeypatch, closed):
    place = CopiedPlace(tables, tmp_path)
    path = place.url.removeprefix("sqlite:///")
    shut = path if closed == "the file" else str(tmp_path)
    # A user for whom nothing is closed runs these tests where there are services, so the answer is made up.
    monkeypatch.setattr(checkup.os, "access", lambda asked, _mode: str(asked) != shut)
    told = [
        said for topic, said, _ in checkup.findings(place.url, place.table) if topic == "writing"
    ]
    assert told == [READ_ONLY_FILE.sentence.partition(": ")[0]]
    monkeypatch.setattr(checkup.os, "access", lambda _asked, _mode: True)
    assert "writing" not in {topic for topic, *_ in checkup.findings(place.url, place.table)}


def test_a_store_without_a_scheduler_reports_to_nobody(tmp_path, tables):
    place = CopiedPlace(tables, tmp_path)
    store = place.store()
    store._telling.event(StoreDoubtEvent(EVENT_JOBSTORE_DOUBTED, "default", "why", False))
    store._telling.changed()
    place.close()
