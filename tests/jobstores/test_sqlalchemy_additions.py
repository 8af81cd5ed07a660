"""What later versions add to a store's tables, beside nodes of the first version that go on using them."""

from __future__ import annotations

import json
import logging
import os
import secrets
import subprocess
import sys
import tarfile
import time
from io import BytesIO
from threading import Barrier, Thread

import pytest
from databases import SERVERS, SHARED, Place
from sqlalchemy import inspect, text

from apscheduler.jobstores._sql.schema.additions import ADDITIONS
from apscheduler.jobstores._sql.schema.tables import HOST_COLUMNS, PERMITTED, Tables
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import FakeClock, ManualScheduler

pytestmark = pytest.mark.slow

FIRST = "a43f8e3"
"""The commit whose tables are kept in tests/data/first-tables-*.sql."""
WAIT = 60.0
NUMBERS = [(f"addition {each.number}",) for each in ADDITIONS]
FIRST_JOIN = (
    "INSERT INTO {t}_nodes (epoch, name, pid, beat, batch, lease_us, lease_until, started_us) "
    "VALUES (7, 'of the first version', 1, 0, 0, 15000000, 99, 1)"
)


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def first(place, data_folder):
    """Make the tables as the first version made them."""
    script = (data_folder / f"first-tables-{place.kind}.sql").read_text("utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            place.change(statement)
    return place


@pytest.fixture
def opened():
    """Return a function that starts a scheduler on a store."""
    made = []

    def start(store):
        scheduler = ManualScheduler(jobstores={"default": store}, timezone="UTC", clock=FakeClock())
        made.append(scheduler)
        scheduler.start()
        return scheduler

    yield start
    for scheduler in made:
        if scheduler.running:
            scheduler.shutdown()


def works(scheduler):
    """Have it store a job, run it twice, and remove it."""
    name = secrets.token_hex(4)
    scheduler.add_job("os:getpid", "interval", seconds=10, id=name)
    scheduler.advance(25)
    assert len(scheduler.get_runs(name, outcome="executed")) == 2
    scheduler.remove_job(name)


def columns(place):
    return {each["name"] for each in inspect(place.engine()).get_columns(f"{place.table}_nodes")}


def numbers(place):
    return place.rows("SELECT name FROM {t}_state WHERE name LIKE 'addition%' ORDER BY name")


def warnings(caplog):
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and "lack" in record.getMessage()
    ]


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_store_of_the_first_version_gets_what_was_added_and_stays_open_to_that_version(
    first, opened, caplog
):
    works(opened(first.store()))
    assert set(HOST_COLUMNS) <= columns(first)
    assert numbers(first) == NUMBERS
    assert warnings(caplog) == []
    steps = first.rows("SELECT step FROM {t}_schema ORDER BY step")
    assert steps == [(1,), (2,)], "a further step would bar the first version"
    first.change(FIRST_JOIN)


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_every_added_column_may_be_empty(first, opened):
    opened(first.store()).shutdown()
    for table in ("meta", "runs", "nodes", "leader"):
        for each in inspect(first.engine()).get_columns(f"{first.table}_{table}"):
            in_first = f"    {each['name']} " in FIRST_TABLES[first.kind]
            assert in_first or each["nullable"] or each["default"] is not None, each


FIRST_TABLES = {}


@pytest.fixture(autouse=True)
def _first_tables(data_folder):
    for kind in SHARED:
        FIRST_TABLES[kind] = (data_folder / f"first-tables-{kind}.sql").read_text("utf-8")


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_without_the_right_to_create_everything_runs_as_before_and_one_line_says_what_is_off(
    first, opened, caplog
):
    store = first.store(create_tables=False)
    scheduler = opened(store)
    (said,) = warnings(caplog)
    assert "off is: taking over at once" in said
    assert "\n" not in said
    works(scheduler)
    assert scheduler.nodes()[0].version is None
    scheduler.shutdown()
    assert not set(HOST_COLUMNS) & columns(first)
    # The statements of the line, which are the last ones of ddl(), do what is missing.
    statements = said.partition("start again: ")[2].rstrip(";").split("; ")
    assert store.ddl().replace(";", "").splitlines()[-len(statements) :] == statements
    for statement in statements:
        first.change(statement.replace(first.table, "{t}"))
    caplog.clear()
    scheduler = opened(first.store(create_tables=False))
    assert warnings(caplog) == []
    works(scheduler)
    assert scheduler.nodes()[0].version


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_an_addition_that_was_made_by_half_is_completed(first, opened):
    opened(first.store()).shutdown()
    first.change("DELETE FROM {t}_state")
    first.change(f"ALTER TABLE {{t}}_nodes DROP COLUMN {HOST_COLUMNS[-1]}")
    works(opened(first.store()))
    assert set(HOST_COLUMNS) <= columns(first)
    assert numbers(first) == NUMBERS


@pytest.mark.parametrize("place", SHARED, indirect=True)
@pytest.mark.parametrize("create", [True, False])
def test_a_number_without_what_it_stands_for_is_not_believed(first, opened, caplog, create):
    opened(first.store()).shutdown()
    first.change(f"ALTER TABLE {{t}}_nodes DROP COLUMN {HOST_COLUMNS[0]}")
    works(opened(first.store(create_tables=create)))
    assert (HOST_COLUMNS[0] in columns(first)) is create
    assert len(warnings(caplog)) == (not create)


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_additions_of_a_later_version_are_left_alone(first, opened, caplog):
    opened(first.store()).shutdown()
    first.change("INSERT INTO {t}_state (name, number) VALUES ('addition 99', 0)")
    first.change("ALTER TABLE {t}_nodes ADD COLUMN of_later INTEGER")
    works(opened(first.store()))
    assert warnings(caplog) == []
    assert ("addition 99",) in numbers(first)


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_threads_that_start_at_once_make_an_addition_once(first):
    barrier, failures = Barrier(4), []

    def start():
        scheduler = ManualScheduler(jobstores={"default": first.store()})
        barrier.wait(WAIT)
        try:
            scheduler.start()
            scheduler.shutdown()
        except Exception as exc:
            failures.append(exc)

    threads = [Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert failures == []
    assert numbers(first) == NUMBERS


@pytest.mark.parametrize("place", SERVERS, indirect=True)
def test_a_table_that_somebody_reads_for_long_is_waited_for_briefly(first, opened, caplog):
    """A back-up's lock: an ALTER that waits for it has every claim wait behind it."""
    with first.engine().connect() as reader:
        reader.execute(text(f"SELECT * FROM {first.table}_nodes"))  # its transaction stays open
        works(opened(first.store()))
        (said,) = warnings(caplog)
        assert "timeout" in said.lower()
    caplog.clear()
    works(opened(first.store()))
    assert warnings(caplog) == []
    assert set(HOST_COLUMNS) <= columns(first)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_file_that_cannot_be_written_goes_without_at_once(first, opened, caplog):
    """There a lock is not the cause, so nobody waits for one."""
    url = first.url.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true"
    scheduler = ManualScheduler(
        jobstores={"default": SQLAlchemyJobStore(url, tablename=first.table)}, clock=FakeClock()
    )
    before = time.monotonic()
    scheduler.start(paused=True)
    assert time.monotonic() - before < WAIT / 2
    (said,) = warnings(caplog)
    assert "readonly database" in said
    assert scheduler.get_jobs() == []
    scheduler.shutdown()


RUN = """
import json, sys
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import FakeClock, ManualScheduler
scheduler = ManualScheduler(
    jobstores={"default": SQLAlchemyJobStore(sys.argv[1], tablename=sys.argv[2])}, clock=FakeClock(), timezone="UTC"
)
scheduler.start()
scheduler.add_job("os:getpid", "interval", seconds=10, id="of the first")
scheduler.advance(25)
print(json.dumps([[run.job_id, run.outcome] for run in scheduler.get_runs(limit=1000)]), flush=True)
print(len(scheduler.nodes()), flush=True)
scheduler.shutdown()
"""


@pytest.fixture(scope="session")
def first_source(project_root, tmp_path_factory):
    """The source of the first version, out of the history."""
    packed = subprocess.run(
        ["git", "archive", FIRST, "src"], cwd=project_root, capture_output=True, check=False
    )
    if packed.returncode:
        pytest.skip(f"the history here does not reach back to {FIRST} (a shallow clone)")
    folder = tmp_path_factory.mktemp("first")
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_the_first_version_starts_and_runs_beside_ours_on_a_store_with_additions(
    first, opened, first_source
):
    ours = opened(first.store())
    works(ours)
    done = subprocess.run(
        [sys.executable, "-c", RUN, first.url, first.table],
        env={**os.environ, "PYTHONPATH": str(first_source)},
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT,
    )
    assert done.returncode == 0, done.stderr
    runs, nodes = done.stdout.splitlines()
    assert json.loads(runs).count(["of the first", "executed"]) == 2
    assert nodes == "2"
    assert ours.get_job("of the first") is not None
    ours.remove_job("of the first")
    works(ours)


def test_released_additions_keep_their_numbers_and_what_they_add():
    tables = Tables("jobs", None, None, partial_indexes=True)
    parts = {each.number: [part.name for part in each.parts(tables)] for each in ADDITIONS}
    assert parts == {1: list(HOST_COLUMNS), 2: [PERMITTED]}
