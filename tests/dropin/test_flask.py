"""A Flask site with flask-apscheduler, driven over its REST API."""

from __future__ import annotations

import time

import pytest

from tests.dropin.applications import serving

pytestmark = pytest.mark.slow


@pytest.fixture
def site(dropin_python, tmp_path):
    with serving(dropin_python, "flask_site.py", log=tmp_path / "log") as client:
        client.sign_in("operator", "secret")
        yield client


def count(site, name: str, at_least: int) -> int:
    """Wait until something was counted so often, and return its count."""
    _, told = site("GET", f"/tally/{name}/{at_least}")
    assert told["reached"], f"{name} was not counted {at_least} times"
    return told["count"]


def fire_times(site, job: str, outcome: str = "executed") -> list[float]:
    _, runs = site("GET", "/ledger")
    return [run["fire_time"] for run in runs if (run["job"], run["outcome"]) == (job, outcome)]


def test_jobs_are_added_paused_resumed_changed_run_and_removed_over_rest(site):
    assert site("GET", "/scheduler")[1]["running"] is True
    greet = {"id": "greet", "func": "__main__:beat", "args": ["greet"]}
    status, told = site("POST", "/scheduler/jobs", greet | {"trigger": "interval", "seconds": 0.2})
    assert (status, told["id"], told["trigger"]) == (200, "greet", "interval")
    assert site("POST", "/scheduler/jobs", greet)[0] == 409
    count(site, "greet", 2)

    status, told = site("POST", "/scheduler/jobs/greet/pause")
    assert (status, told["next_run_time"]) == (200, None)
    paused_at = time.time()
    count(site, "beat", count(site, "beat", 0) + 3)
    assert max(fire_times(site, "greet")) <= paused_at < max(fire_times(site, "beat"))

    status, told = site("POST", "/scheduler/jobs/greet/resume")
    assert (status, bool(told["next_run_time"])) == (200, True)
    count(site, "greet", count(site, "greet", 0) + 2)
    assert max(fire_times(site, "greet")) > paused_at

    status, told = site("PATCH", "/scheduler/jobs/greet", {"trigger": "interval", "hours": 5})
    assert (status, told["hours"]) == (200, 5)
    before = count(site, "greet", 0)
    assert site("POST", "/scheduler/jobs/greet/run")[0] == 200
    assert count(site, "greet", before + 1) <= before + 2  # one run may have been on its way

    assert site("DELETE", "/scheduler/jobs/greet")[0] == 204
    assert site("GET", "/scheduler/jobs/greet")[0] == 404
    assert {job["id"] for job in site("GET", "/scheduler/jobs")[1]} == {"beat", "each_second"}


def test_configured_and_decorated_jobs_run_and_listeners_hear_of_them(site):
    count(site, "beat", 2)
    count(site, "event%20of%20beat", 2)
    count(site, "cron%20in%20flask_site", 1)
    ran = fire_times(site, "each_second")
    assert ran
    assert all(fire_time == int(fire_time) for fire_time in ran)


def test_the_scheduler_is_paused_stopped_and_started_again_over_rest(site):
    assert site("POST", "/scheduler/pause")[0] == 204
    assert site("POST", "/scheduler/resume")[0] == 204
    count(site, "beat", 1)
    assert site("POST", "/scheduler/shutdown", {"wait": True})[0] == 204
    assert site("GET", "/scheduler")[1]["running"] is False
    assert site("POST", "/scheduler/start")[0] == 204
    # As in 3.x, jobs in memory end with the scheduler; new ones run.
    assert site("GET", "/scheduler/jobs")[1] == []
    again = {"id": "again", "func": "__main__:beat", "args": ["again"]}
    assert (
        site("POST", "/scheduler/jobs", again | {"trigger": "interval", "seconds": 0.2})[0] == 200
    )
    count(site, "again", 2)


def test_who_has_no_password_changes_nothing(site):
    site.sign_in("operator", "guess")
    assert site("POST", "/scheduler/jobs/beat/pause")[0] == 401
    site.sign_in("operator", "secret")
    assert site("GET", "/scheduler/jobs/beat")[1]["next_run_time"]
