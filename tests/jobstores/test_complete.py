"""A start finds out in one statement that all tables and columns are there, and makes what is not."""

from __future__ import annotations

import pytest
from databases import SHARED, Place
from sqlalchemy import Column, event
from sqlalchemy.exc import DBAPIError

from apscheduler.jobstores._sql.schema.additions import ADDITIONS
from apscheduler.jobstores._sql.schema.complete import is_complete
from apscheduler.jobstores._sql.schema.migrations import STEPS, SchemaError, prepare

MOST = {"sqlite": 1, "postgresql": 2, "mariadb": 2}
"""Statements of a start that finds all there; a server is also asked for its encoding or its database."""


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def made(place):
    """Make the tables; return an engine and their descriptions."""
    store = place.store()
    engine = place.engine()
    prepare(engine, store._parts.tables, create=True)
    store.engine.dispose()
    return engine, store._parts.tables


def complete(made):
    engine, tables = made
    with engine.connect() as connection:
        return is_complete(connection, tables, len(STEPS))


def damages():
    """Return by name the statement that takes away one thing that must be there."""
    found = {
        f"column {column}": f"ALTER TABLE {{t}}{table} DROP COLUMN {column}"
        for table, column in added()
    }
    found |= {f"note of addition {each.number}": _note(each.key) for each in ADDITIONS}
    for number in range(1, len(STEPS) + 1):
        found[f"note of step {number}"] = f"DELETE FROM {{t}}_schema WHERE step = {number}"
    return found | {f"table {{t}}{each}": f"DROP TABLE {{t}}{each}" for each in ("_state", "")}


def _note(key):
    return f"DELETE FROM {{t}}_state WHERE name = '{key}'"


def added():
    """Return table and name of each column that was added; what is added otherwise needs a look of its own."""
    tables = Place("sqlite-memory", None).store()._parts.tables
    parts = [part for each in ADDITIONS for part in each.parts(tables)]
    assert all(isinstance(part, Column) for part in parts)
    return [(part.table.name.removeprefix(tables.name), part.name) for part in parts]


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_start_that_finds_everything_asks_once(place, made):
    engine, tables = made
    asked = []
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    tables.additions = frozenset()
    assert prepare(engine, tables, create=False) == []
    assert tables.additions == {each.number for each in ADDITIONS}
    assert len(asked) <= MOST[place.kind], asked


@pytest.mark.parametrize("place", SHARED, indirect=True)
@pytest.mark.parametrize("damage", damages().items(), ids=lambda each: each[0])
def test_what_is_not_there_is_seen_and_made(place, made, damage):
    assert complete(made)
    place.change(damage[1])
    assert not complete(made)
    engine, tables = made
    assert prepare(engine, tables, create=True) == []
    assert complete(made)
    assert tables.additions == {each.number for each in ADDITIONS}


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_tables_of_a_newer_version_are_refused(place, made):
    place.change(f"INSERT INTO {{t}}_schema (step, made_us) VALUES ({len(STEPS) + 1}, 0)")
    assert not complete(made)
    with pytest.raises(SchemaError, match="newer version"):
        prepare(*made, create=True)


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_later_addition_is_no_obstacle(place, made):
    place.change("INSERT INTO {t}_state (name, number) VALUES ('addition 99', 1)")
    assert complete(made)


def test_where_nothing_can_be_asked_the_start_says_why(tmp_path):
    place = Place("sqlite", tmp_path / "no such folder")
    with pytest.raises(DBAPIError, match="unable to open"):
        prepare(place.engine(), place.store()._parts.tables, create=True)
