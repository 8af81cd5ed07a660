"""A Flask site with flask-apscheduler, driven over its REST API."""

from __future__ import annotations

import time

import pytest

from tests.dropin.applications import serving, troubles

pytestmark = pytest.mark.slow


@pytest.fixture
def site(dropin_python, tmp_path):
    with serving(dropin_python, "flask_site.py", log=tmp_path / "log") as client:
        client.sign_in("operator", "secret")
        yield client


def test_jobs_are_added_paused_resumed_changed_run_and_removed_over_rest(site):
    assert site("GET", "/scheduler")[1]["running"] is True
    greet = {"id": "greet", "func": "__main__:beat", "args": ["greet"]}
    status, told = site("POST", "/scheduler/jobs", greet | {"trigger": "interval", "seconds": 0.2})
    assert (status, told["id"], told["trigger"]) == (200, "greet", "interval")
    assert site("POST", "/scheduler/jobs", greet)[0] == 409
    site.count("greet", 2)

    status, told = site("POST", "/scheduler/jobs/greet/pause")
    assert (status, told["next_run_time"]) == (200, None)
    paused_at = time.time()
    site.wait_for_fire_time("beat", paused_at + 0.5)
    assert site.last_fire_time("greet") <= paused_at

    status, told = site("POST", "/scheduler/jobs/greet/resume")
    assert (status, bool(told["next_run_time"])) == (200, True)
    site.wait_for_fire_time("greet", paused_at)

    status, told = site("PATCH", "/scheduler/jobs/greet", {"trigger": "interval", "hours": 5})
    assert (status, told["hours"]) == (200, 5)
    before = site.count("greet", 0)
    assert site("POST", "/scheduler/jobs/greet/run")[0] == 200
    site.count("greet", before + 1)

    assert site("DELETE", "/scheduler/jobs/greet")[0] == 204
    assert site("GET", "/scheduler/jobs/greet")[0] == 404
    assert {job["id"] for job in site("GET", "/scheduler/jobs")[1]} == {"beat", "each_second"}


def test_configured_and_decorated_jobs_run_and_listeners_hear_of_them(site):
    site.count("beat", 2)
    site.count("event of beat", 2)
    site.count("event of each_second", 1)
    assert site.count("cron in flask_site", 1)
    ran = site.runs("each_second")
    assert ran
    assert all(run["fire_time"] == int(run["fire_time"]) for run in ran)
    assert troubles(ran + site.runs("beat")) == []


def test_the_scheduler_is_paused_stopped_and_started_again_over_rest(site):
    assert site("POST", "/scheduler/pause")[0] == 204
    assert site("POST", "/scheduler/resume")[0] == 204
    site.count("beat", 1)
    assert site("POST", "/scheduler/shutdown", {"wait": True})[0] == 204
    assert site("GET", "/scheduler")[1]["running"] is False
    assert site("POST", "/scheduler/start")[0] == 204
    # As in 3.x, jobs in memory end with the scheduler; new ones run.
    assert site("GET", "/scheduler/jobs")[1] == []
    again = {"id": "again", "func": "__main__:beat", "args": ["again"]}
    assert (
        site("POST", "/scheduler/jobs", again | {"trigger": "interval", "seconds": 0.2})[0] == 200
    )
    site.count("again", 2)


def test_who_has_no_password_changes_nothing(site):
    site.sign_in("operator", "guess")
    assert site("POST", "/scheduler/jobs/beat/pause")[0] == 401
    site.sign_in("operator", "secret")
    assert site("GET", "/scheduler/jobs/beat")[1]["next_run_time"]
