"""An ASGI site with fastapi-scheduler, under a real uvicorn."""

from __future__ import annotations

import signal
import time

import pytest

from tests.dropin.applications import serving, troubles

pytestmark = pytest.mark.slow


def listed(site) -> dict[str, dict]:
    status, told = site("GET", "/admin/jobs/list")
    assert status == 200
    return {job["id"]: job for job in told["data"]["items"]}


def change(site, job: str, action: str) -> None:
    status, told = site("POST", f"/admin/jobs/item/{job}?action={action}")
    assert (status, told["status"]) == (200, 0), told


def pause_and_resume(site, job: str, other: str) -> None:
    site.count(job, 2)
    change(site, job, "pause")
    assert listed(site)[job]["next_run_time"] is None
    paused_at = time.time()
    site.wait_for_fire_time(other, paused_at + 0.5)
    assert site.last_fire_time(job) <= paused_at

    change(site, job, "resume")
    assert listed(site)[job]["next_run_time"]
    site.wait_for_fire_time(job, paused_at)


def test_jobs_are_paused_resumed_and_removed_over_the_admin_api(dropin_python, tmp_path):
    words = ["asgi_site.py", str(tmp_path)]
    with serving(dropin_python, *words, log=tmp_path / "log", stop=signal.SIGTERM) as site:
        assert listed(site).keys() == {"pulse", "beat"}
        pause_and_resume(site, "pulse", other="beat")  # in memory
        pause_and_resume(site, "beat", other="pulse")  # in SQLite

        change(site, "beat", "auto")  # the other of pause and resume
        assert listed(site)["beat"]["next_run_time"] is None
        for job in ("beat", "pulse"):
            change(site, job, "remove")
        assert listed(site) == {}

        site("POST", "/last-words")
        site.count("last words began", 1)
    (last,) = site.last_reports
    assert last["running"] is False
    (words,) = [run for run in last["ledger"] if run["job"] == "last words"]
    assert words["outcome"] == "cancelled"
    last["ledger"].remove(words)
    assert {run["job"] for run in last["ledger"]} == {"pulse", "beat"}
    assert troubles(last["ledger"]) == []
