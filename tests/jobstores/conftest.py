"""Nodes on a SQLite file, for what a store does step by step."""

from __future__ import annotations

import shutil

import pytest
from jobstores.guards import Clock, World
from jobstores.stages import CopiedPlace, made_tables, staged

from apscheduler.jobstores._sql.guarding import copies


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return made_tables(tmp_path_factory.mktemp("tables"))


@pytest.fixture
def stage(tmp_path, tables):
    place = CopiedPlace(tables, tmp_path)
    with staged(place) as stage:
        yield stage
    place.close()


@pytest.fixture
def node(stage):
    return stage.a


@pytest.fixture(scope="module")
def tables_alone(tmp_path_factory):
    """A file with the tables: making them takes longer than a test."""
    path = tmp_path_factory.mktemp("tables") / "jobs.sqlite"
    World(path).close()
    return path


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(copies, "clocks", clock)
    return clock


@pytest.fixture
def world(tmp_path, clock, tables_alone):
    path = tmp_path / "jobs.sqlite"
    shutil.copy(tables_alone, path)
    world = World(path)
    yield world
    world.close()
