"""How long a heartbeat may be silent: a third of the lease, so that the lease can be renewed on another connection."""

from __future__ import annotations

import pytest
from databases import Place

from apscheduler.testing import FakeClock, ManualScheduler


@pytest.mark.parametrize(("lease", "bound"), [(15.0, 5.0), (30.0, 10.0), (1.5, 0.5), (1.0, 0.5)])
def test_a_heartbeat_may_be_silent_for_a_third_of_its_lease(tmp_path, monkeypatch, lease, bound):
    store = Place("sqlite", tmp_path).store(lease=lease)
    scheduler = ManualScheduler(jobstores={"default": store}, clock=FakeClock())
    scheduler.start()
    scheduler.add_job(print, "interval", hours=1)
    scheduler.tick()
    named, bounds = store._database.watch.named, {}

    def noted(what, bound=None):
        bounds[what] = bound
        return named(what, bound)

    monkeypatch.setattr(store._database.watch, "named", noted)
    assert store._session.membership._beat_safely()
    scheduler.shutdown()
    assert bounds["heartbeat"] == pytest.approx(bound)
