"""How soon the outcomes of runs are written, and when their thread pauses."""

from __future__ import annotations

import threading
from datetime import UTC

import pytest
from databases import Place

from apscheduler.jobstores._sql.claiming.outbox import Outbox
from apscheduler.testing import ManualScheduler


@pytest.fixture
def place(tmp_path):
    place = Place("sqlite", tmp_path)
    yield place
    place.close()


class Pauses:
    """Waits for nobody, and counts how often one would have waited."""

    def __init__(self) -> None:
        self.count = 0

    def wait(self, seconds) -> None:
        self.count += 1


def test_after_what_was_written_nobody_pauses(place, monkeypatch):
    pauses, written = Pauses(), threading.Event()
    monkeypatch.setattr(Outbox, "_pause", pauses)
    flush = Outbox.flush

    def flushed(outbox):
        flush(outbox)
        written.set()

    monkeypatch.setattr(Outbox, "flush", flushed)
    scheduler = ManualScheduler(jobstores={"default": place.store()}, timezone=UTC)
    scheduler.start()
    scheduler.add_job(print, "interval", seconds=1, id="job")
    for _ in range(3):
        written.clear()
        scheduler.advance(1)
        assert written.wait(30)
    scheduler.shutdown()
    assert [run.outcome for run in scheduler.get_runs("job")] == ["executed"] * 3
    assert not pauses.count
