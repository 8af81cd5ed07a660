"""Tests that exchange the zone data of the process are not collected with the others: see test_apart.py."""

from __future__ import annotations

import os

import pytest
from databases import Place
from zones.old_notes import DUBAI, NOW, TOKYO

from apscheduler.jobstores._sql.connection.database import Database
from apscheduler.jobstores._sql.zones import rezoning
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.zones import names

collect_ignore = [] if os.environ.get("TICKWRIGHT_ZONES") else ["apart"]


@pytest.fixture
def few_zones(newest_zone_data, monkeypatch):
    """Have two zones only, as the clocks of 600 take a second; a store's time stands still, and the host's with it."""
    monkeypatch.setattr(names, "known_names", lambda: frozenset({TOKYO, DUBAI}))
    monkeypatch.setattr(rezoning, "_today", {})
    monkeypatch.setattr(Database, "now", lambda *_: NOW)
    monkeypatch.setattr(SQLAlchemyJobStore, "_clock", lambda _: NOW)


@pytest.fixture
def place(tmp_path):
    place = Place("sqlite", tmp_path)
    yield place
    place.close()
