"""A scheduler class of the user's own, as 3.x lets one write it: ``wakeup`` is called whenever a fire time may have come."""

from __future__ import annotations

import pytest

from apscheduler.schedulers.base import BaseScheduler


class OwnHost(BaseScheduler):
    """Counts how often it was woken; its passes are made by hand."""

    woken = 0

    def wakeup(self) -> None:
        self.woken += 1

    def shutdown(self, wait: bool = True) -> None:
        super().shutdown(wait=wait)


@pytest.fixture
def host():
    host = OwnHost(timezone="UTC")
    host.start()
    host.add_job(print, "interval", hours=1, id="old")
    yield host
    host.shutdown()


EDITS = {
    "add_job": lambda host: host.add_job(print, "interval", hours=1),
    "modify_job": lambda host: host.modify_job("old", next_run_time=host._now()),
    "reschedule_job": lambda host: host.reschedule_job("old", trigger="interval", hours=2),
    "resume": lambda host: (host.pause(), host.resume()),
    "resume_job": lambda host: (host.pause_job("old"), host.resume_job("old")),
}


@pytest.mark.parametrize("edit", EDITS)
def test_each_edit_wakes_it(host, edit) -> None:
    before = host.woken
    EDITS[edit](host)
    assert host.woken > before


def test_a_start_wakes_it() -> None:
    host = OwnHost(timezone="UTC")
    host.start()
    assert host.woken
    host.shutdown()
