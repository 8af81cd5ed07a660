"""A Django project whose jobs and their history are kept by django-apscheduler on PostgreSQL."""

from __future__ import annotations

import secrets
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.databases import URLS, require
from tests.dropin.applications import APPS, reports

pytestmark = pytest.mark.slow


@pytest.fixture
def manage(dropin_python):
    """Call ``manage.py`` of the project, on a schema of its own."""
    require("postgresql")
    url = make_url(URLS["postgresql"])
    schema = f"shop_{secrets.token_hex(6)}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    variables = {
        "PYTHONPATH": str(APPS),
        "SHOP_DB_HOST": url.host or "",
        "SHOP_DB_PORT": str(url.port or ""),
        "SHOP_DB_NAME": url.database or "",
        "SHOP_DB_USER": url.username or "",
        "SHOP_DB_PASSWORD": url.password or "",
        "SHOP_DB_SCHEMA": schema,
    }

    def call(*words):
        return reports(dropin_python, "django_shop/manage.py", *words, **variables)

    yield call
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


def statuses(report, job: str) -> list[str]:
    return [status for job_id, status, _ in report["executions"] if job_id == job]


def outcomes(report, job: str) -> list[str]:
    return [run["outcome"] for run in report["ledger"] if run["job"] == job]


def test_jobs_and_their_history_are_kept_and_come_back(manage):
    manage("migrate", "--verbosity", "0")
    (opened,) = manage("runscheduler", "open")
    assert opened["reached"]
    assert opened["jobs"].keys() == {"stock", "bills", "paused", "late", "weekly"}
    assert statuses(opened, "stock").count("Executed") >= 3
    assert statuses(opened, "bills").count("Error!") >= 2
    assert any("out of paper" in (told or "") for _, _, told in opened["executions"])
    assert statuses(opened, "late") == ["Missed!"]
    assert statuses(opened, "paused") == []
    assert opened["jobs"]["paused"] is opened["jobs"]["bills"] is None
    monday = datetime.fromtimestamp(opened["jobs"]["weekly"], ZoneInfo("Europe/Berlin"))
    assert (monday.weekday(), monday.hour, monday.minute) == (0, 0, 0)

    # Every run of the function, every row of the database and every line of the ledger is the same run.
    assert opened["ran"] == outcomes(opened, "stock").count("executed")
    assert opened["ran"] == statuses(opened, "stock").count("Executed")
    assert outcomes(opened, "late") == ["missed"]

    (reopened,) = manage("runscheduler", "reopen")
    assert reopened["reached"]
    assert reopened["ran"] >= 2
    assert statuses(reopened, "stock").count("Executed") == opened["ran"] + reopened["ran"]
    assert statuses(reopened, "paused").count("Executed") >= 1
    assert statuses(reopened, "bills") == statuses(opened, "bills")  # it was left paused
    assert outcomes(reopened, "bills") == []

    (page,) = manage("runnow", "weekly")
    assert page["status"] == 200, page
    assert page["executions"] == ["Executed"], page
    assert page["jobs"] == sorted(reopened["jobs"])
