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


@pytest.mark.parametrize("job", ["pulse", "beat"])
def test_jobs_are_paused_resumed_changed_and_removed_over_the_admin_api(
    dropin_python, tmp_path, job
):
    other = {"pulse": "beat", "beat": "pulse"}[job]
    with serving(
        dropin_python, "asgi_site.py", str(tmp_path), log=tmp_path / "log", stop=signal.SIGTERM
    ) as site:
        site.count(job, 2)
        assert listed(site).keys() == {"pulse", "beat"}

        change(site, job, "pause")
        assert listed(site)[job]["next_run_time"] is None
        paused_at = time.time()
        site.wait_for_fire_time(other, paused_at + 0.5)
        assert site.last_fire_time(job) <= paused_at

        change(site, job, "resume")
        assert listed(site)[job]["next_run_time"]
        site.wait_for_fire_time(job, paused_at)

        change(site, job, "auto")  # the other of pause and resume
        assert listed(site)[job]["next_run_time"] is None
        change(site, job, "remove")
        assert listed(site).keys() == {other}

        site("POST", "/last-words")
        site.count("last words began", 1)
    (last,) = site.last_reports
    assert last["running"] is False
    (words,) = [run for run in last["ledger"] if run["job"] == "last words"]
    assert words["outcome"] == "cancelled"
    last["ledger"].remove(words)
    assert {run["job"] for run in last["ledger"]} == {"pulse", "beat"}
    assert troubles(last["ledger"]) == []
