"""A store that was copied, or set back to an earlier state, is held by its schedulers until somebody adopts it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from cluster.processes import Cluster
from databases import SERVERS, SHARED, Place
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from apscheduler.cli import main
from apscheduler.cluster.creation import created_at
from apscheduler.events import EVENT_JOBSTORE_DOUBTED
from apscheduler.jobstores._sql.guarding import identity
from apscheduler.jobstores._sql.guarding.identity import Identity
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import FakeClock, ManualScheduler

START = datetime(2031, 5, 1, 12, tzinfo=UTC)


def nothing() -> None:
    """Be a job."""


@pytest.fixture
def clock():
    return FakeClock(START)


@pytest.fixture
def opened(clock):
    """Make schedulers, and end them."""
    made = []

    def open_one(store) -> ManualScheduler:
        scheduler = ManualScheduler(jobstores={"default": store}, timezone="UTC", clock=clock)
        scheduler.doubts = []
        scheduler.add_listener(scheduler.doubts.append, EVENT_JOBSTORE_DOUBTED)
        scheduler.start()
        made.append(scheduler)
        return scheduler

    yield open_one
    for each in made:
        if each.running:
            each.shutdown()


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


def add(scheduler) -> None:
    scheduler.add_job(nothing, "interval", seconds=10, id="a", misfire_grace_time=None)


def ran(scheduler) -> int:
    return len(scheduler.get_runs(outcome="executed", limit=1000))


def file_of(place) -> str:
    return place.url.removeprefix("sqlite:///")


def store_at(url, place, **options):
    return SQLAlchemyJobStore(url, tablename=place.table, **options)


def recorded(place) -> dict:
    ((number, told),) = place.rows("SELECT number, text FROM {t}_state WHERE name = 'identity'")
    return {**json.loads(told), "adopted": number}


def is_held(scheduler) -> bool:
    scheduler.advance(10)
    return scheduler._jobstores["default"].held is not None


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_store_gets_its_identity_at_its_first_start_in_silence(place, opened, caplog):
    first = opened(place.store())
    add(first)
    assert not is_held(first)
    told = recorded(place)
    assert told["adopted"] == 0
    assert (
        told.keys()
        >= {
            "sqlite": {"file"},
            "postgresql": {"database", "table", "timeline"},
            "mariadb": {"database"},
        }[place.kind]
    )
    second = opened(place.store())
    assert not is_held(second)
    assert recorded(place) == told
    assert ran(first) >= 1
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


def test_a_sqlite_store_in_memory_has_none(opened):
    scheduler = opened(Place("sqlite-memory", "").store())
    add(scheduler)
    assert not is_held(scheduler)
    assert ran(scheduler) == 1


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_file_that_its_owner_moves_is_the_same_store(place, opened, tmp_path):
    first = opened(place.store())
    add(first)
    first.shutdown()
    moved = tmp_path / "moved.sqlite"
    Path(file_of(place)).rename(moved)
    second = opened(store_at(f"sqlite:///{moved}", place))
    assert not is_held(second)
    second.shutdown()
    with closing(sqlite3.connect(moved)) as connection:
        connection.execute("VACUUM")
    assert not is_held(opened(store_at(f"sqlite:///{moved}", place)))


def _checkpointed(file) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE something (else_)")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")


def _vacuumed(file) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("VACUUM")


def _backed_up(file) -> None:
    other = Path(file).with_name("backup")
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(other)) as target:
        source.backup(target)
    shutil.copy2(file, other)
    with closing(sqlite3.connect(file)) as source:
        source.execute("VACUUM INTO ?", (str(other.with_name("vacuumed")),))


def _touched(file) -> None:
    os.utime(file, (1, 1))
    Path(file).chmod(0o600)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("done", [_vacuumed, _checkpointed, _backed_up, _touched])
def test_what_happens_to_a_file_in_its_life_makes_no_copy_of_it(place, opened, done):
    first = opened(place.store())
    add(first)
    first.shutdown()
    before = recorded(place)
    done(file_of(place))
    second = opened(place.store())
    assert not is_held(second)
    assert ran(second) >= 1
    assert recorded(place) == before


def _removed_and_copied(backup, file) -> None:
    Path(file).unlink()
    shutil.copy2(backup, file)


def _removed_and_copied_to_its_number(backup, file) -> None:
    """The usual outcome of ``rm`` and ``cp`` on ext4, whatever numbers are free: a new file has the old one's."""
    number = Path(file).stat().st_ino
    Path(file).unlink()
    for each in range(2000):
        made = Path(f"{file}.{each}")
        made.touch()
        if made.stat().st_ino == number:
            break
    else:
        pytest.skip("this file system gives no number twice")
    made.replace(file)
    shutil.copy2(backup, file)
    assert Path(file).stat().st_ino == number


def _moved_over(backup, file) -> None:
    Path(backup).replace(file)


def _vacuumed_and_moved_over(backup, file) -> None:
    made = Path(backup).with_name("vacuumed")
    with closing(sqlite3.connect(backup)) as source:
        source.execute("VACUUM INTO ?", (str(made),))
    made.replace(file)


def _in_a_folder_made_anew(backup, file) -> None:
    folder = Path(file).parent
    safe = Path(shutil.copy2(backup, folder.with_name("safe")))
    shutil.rmtree(folder)
    folder.mkdir()
    shutil.copy2(safe, file)


WAYS_BACK = (
    _removed_and_copied,
    _removed_and_copied_to_its_number,
    _moved_over,
    _vacuumed_and_moved_over,
    _in_a_folder_made_anew,
)


@pytest.mark.parametrize("way", WAYS_BACK)
def test_a_back_up_that_takes_the_files_place_is_held_after_all_were_stopped(tmp_path, opened, way):
    folder = tmp_path / "folder"
    folder.mkdir()
    file = folder / "jobs.sqlite"
    if created_at(str(folder)) is None:
        pytest.skip(f"the file system of {folder} keeps no time of creation")
    first = opened(SQLAlchemyJobStore(f"sqlite:///{file}"))
    add(first)
    first.advance(10)
    first.shutdown()
    backup = shutil.copy2(file, folder / "backup")
    second = opened(SQLAlchemyJobStore(f"sqlite:///{file}"))
    second.advance(10)
    second.shutdown()
    way(backup, file)
    third = opened(SQLAlchemyJobStore(f"sqlite:///{file}"))
    before = ran(third)
    assert is_held(third)
    assert ran(third) == before
    assert "the file" in third._jobstores["default"].held
    third.adopt_store()
    assert not is_held(third)
    assert ran(third) > before
    third.shutdown()
    assert not is_held(opened(SQLAlchemyJobStore(f"sqlite:///{file}")))


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_file_with_the_number_and_another_creation_is_held_and_says_both(place, opened):
    first = opened(place.store())
    add(first)
    first.shutdown()
    told = recorded(place)
    if "created" not in told:
        pytest.skip("this file system keeps no time of creation")
    kept = json.dumps({"file": told["file"], "created": "2001-01-01 00:00:00.000000000 UTC"})
    place.change("UPDATE {t}_state SET text = :kept WHERE name = 'identity'", kept=kept)
    second = opened(place.store())
    assert is_held(second)
    said = f"the file's time of creation is another one ({told['created']}, not 2001-01-01 00:00:00"
    assert said in second._jobstores["default"].held


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_an_identity_of_an_earlier_version_is_completed_in_silence(place, opened, caplog):
    """It has the file's number only."""
    first = opened(place.store())
    add(first)
    first.shutdown()
    told = recorded(place)
    kept = json.dumps({"file": told["file"], "timeline": None})
    place.change("UPDATE {t}_state SET text = :kept WHERE name = 'identity'", kept=kept)
    assert not is_held(opened(place.store()))
    assert recorded(place) == told
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_creation_that_is_told_no_more_is_kept_and_not_compared(place, opened, monkeypatch):
    first = opened(place.store())
    add(first)
    first.shutdown()
    told = recorded(place)
    monkeypatch.setattr(identity, "created_at", lambda _: None)
    assert not is_held(opened(place.store()))
    assert recorded(place) == told


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("lives", [True, False])
def test_a_back_up_written_into_the_same_file_is_noticed_by_who_lives_through_it(
    place, opened, tmp_path, lives
):
    """The file is the same one; nothing outside it says what was in it."""
    scheduler = opened(place.store())
    add(scheduler)
    scheduler.advance(10)
    scheduler._jobstores["default"]._session.outbox.flush()
    shutil.copy2(file_of(place), tmp_path / "backup")
    scheduler.advance(10)
    scheduler._jobstores["default"]._session.outbox.flush()
    if not lives:
        scheduler.shutdown()
    with (
        closing(sqlite3.connect(tmp_path / "backup")) as source,
        closing(sqlite3.connect(file_of(place))) as target,
    ):
        source.backup(target)
    assert is_held(scheduler if lives else opened(place.store())) is lives


@pytest.mark.usefixtures("newest_zone_data")  # older data is a fault to the doctor
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_copy_of_a_file_is_held_until_it_is_adopted(place, opened, tmp_path, caplog):
    first = opened(place.store())
    add(first)
    first.shutdown()
    copied = tmp_path / "copied.sqlite"
    shutil.copy(file_of(place), copied)
    url = f"sqlite:///{copied}"
    copy = opened(store_at(url, place))
    assert is_held(copy)
    assert not copy.get_runs()
    assert not copy.nodes()
    assert [(event.alias, event.held) for event in copy.doubts] == [("default", True)]
    (line,) = [each for each in caplog.messages if "not the one it was" in each]
    assert "apscheduler adopt" in line
    asked = ["--store", url, "--table", place.table]
    doctor = CliRunner().invoke(main, ["doctor", *asked])
    assert doctor.exit_code == 1
    assert "a copy of another store" in doctor.output
    assert not is_held(opened(place.store())), "the original"
    adopted = CliRunner().invoke(main, ["adopt", *asked])
    assert adopted.exit_code == 0, adopted.output
    assert not is_held(copy)
    assert ran(copy) >= 1
    assert CliRunner().invoke(main, ["doctor", *asked]).exit_code == 0


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_adopting_by_a_call_frees_a_copy(place, opened, tmp_path):
    first = opened(place.store())
    add(first)
    first.shutdown()
    copied = tmp_path / "copied.sqlite"
    shutil.copy(file_of(place), copied)
    copy = opened(store_at(f"sqlite:///{copied}", place))
    assert is_held(copy)
    copy.adopt_store()
    assert not is_held(copy)
    assert ran(copy) >= 1


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", ["mv", "cp"])
def test_a_file_set_back_under_a_living_node_is_held(place, opened, tmp_path, how):
    scheduler = opened(place.store())
    add(scheduler)
    scheduler.advance(10)
    store = scheduler._jobstores["default"]
    store._session.outbox.flush()
    shutil.copy(file_of(place), tmp_path / "backup")
    assert not is_held(scheduler)
    store._session.outbox.flush()
    before = ran(scheduler)
    if how == "mv":
        (tmp_path / "backup").replace(file_of(place))
    else:  # the inode stays: what this node has committed is missing
        shutil.copy(tmp_path / "backup", file_of(place))
    assert is_held(scheduler)
    assert ran(scheduler) < before
    scheduler.adopt_store()
    assert not is_held(scheduler)


@pytest.mark.parametrize("place", ["postgresql", "mariadb"], indirect=True)
def test_rows_set_back_under_a_living_node_are_held(place, opened, clock):
    scheduler, second = opened(place.store()), opened(place.store())
    add(scheduler)
    scheduler.advance(10)
    second.tick()
    names = ("", "_meta", "_runs", "_nodes", "_state")
    scheduler._jobstores["default"]._session.outbox.flush()
    for name in names:
        place.change(f"CREATE TABLE {{t}}_backup{name} AS SELECT * FROM {{t}}{name}")
    for _ in range(3):
        scheduler.advance(10)
        second.tick()
    scheduler._jobstores["default"]._session.outbox.flush()
    done = ran(scheduler)
    for name in names:  # a restore that leaves the tables, as TRUNCATE and COPY do
        place.change(f"DELETE FROM {{t}}{name}")
        place.change(f"INSERT INTO {{t}}{name} SELECT * FROM {{t}}_backup{name}")
    assert is_held(scheduler)
    assert ran(scheduler) < done
    place.change("UPDATE {t}_nodes SET lease_until = 0")
    scheduler.adopt_store()
    assert not is_held(scheduler)
    assert not is_held(second)


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_lease_that_ended_is_no_store_set_back(place, opened):
    scheduler = opened(place.store())
    add(scheduler)
    scheduler.advance(10)
    store = scheduler._jobstores["default"]
    store._session.membership.lease.until = 0  # it was stopped for longer than its lease
    place.change("DELETE FROM {t}_nodes")
    assert not is_held(scheduler)
    assert ran(scheduler) == 2


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_database_made_from_another_is_held(place, opened):
    """The server, and the tables' numbers, are the same there."""
    first = opened(place.store())
    add(first)
    first.shutdown()
    copied = f"copy_{place.table}"
    admin = create_engine(place.url, isolation_level="AUTOCOMMIT")
    url = place.url.rpartition("/")[0] + "/" + copied
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {copied}"))
    try:
        dumped = Place.__new__(Place)
        dumped.table, dumped.url, dumped.kind, dumped._engines = place.table, url, place.kind, []
        restore(dumped, dump_of(place))
        copy = opened(dumped.store())
        assert is_held(copy)
        assert "the database is another one" in copy._jobstores["default"].held
        copy.adopt_store()
        assert not is_held(copy)
        copy.shutdown()
        for each in dumped._engines:
            each.dispose()
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {copied} WITH (FORCE)"))
        admin.dispose()


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_database_made_by_template_is_held_until_it_is_adopted(place, opened, tmp_path):
    """The server and the tables' numbers are the same there; nobody may be connected while it is made."""
    names = [f"{each}_{place.table}" for each in ("original", "copied")]
    urls = [make_url(place.url).set(database=name) for name in names]
    admin = create_engine(place.url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {names[0]}"))
    try:
        first = opened(store_at(urls[0], place))
        add(first)
        first.shutdown()
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {names[1]} TEMPLATE {names[0]}"))
        copy, original = (opened(store_at(url, place)) for url in reversed(urls))
        assert is_held(copy)
        assert not copy.get_runs()
        assert "the database is another one" in copy._jobstores["default"].held
        assert not is_held(original)
        asked = ["--store", urls[1].render_as_string(hide_password=False), "--table", place.table]
        adopted = CliRunner().invoke(main, ["adopt", *asked])
        assert adopted.exit_code == 0, adopted.output
        assert not is_held(copy)
        assert ran(copy) >= 1
        for each in (copy, original):
            each.shutdown()
    finally:
        with admin.connect() as connection:
            for name in names:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        admin.dispose()


def where(url) -> list[str]:
    return ["-h", url.host, "-p", str(url.port or 5432), "-U", url.username]


def dump_of(place) -> bytes:
    url = make_url(place.url)
    command = ["pg_dump", "--clean", "--if-exists", *where(url), "-t", f"{place.table}*"]
    return subprocess.run([*command, url.database], capture_output=True, check=True).stdout


def restore(place, dump: bytes) -> None:
    url = make_url(place.url)
    command = ["psql", "-q", "-1", *where(url), url.database]
    subprocess.run(command, input=dump, capture_output=True, check=True)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_an_older_dump_restored_under_living_processes_is_held_and_runs_nothing(place, tmp_path):
    """Real processes: pg_dump, runs go on, the dump is restored into the same database."""
    cluster = Cluster(place, tmp_path, lease=2.0)
    try:
        for number in range(3):
            cluster.add(f"job-{number}", seconds=1)
        workers = cluster.start_all(2)
        cluster.wait_until(lambda: len(cluster.marks()) >= 6)
        dump = dump_of(place)
        before = len(cluster.marks())
        cluster.wait_until(lambda: len(cluster.marks()) >= before + 12)
        restore(place, dump)
        cluster.wait_until(lambda: all("not the one it was" in each.said() for each in workers))
        started = [mark for mark in cluster.marks() if mark.phase == "start"]
        fires = Counter((mark.job, mark.fire) for mark in started)
        assert max(fires.values()) == 1, "a fire time ran twice"
        asked = ["adopt", "--store", place.url, "--table", place.table]
        adopted = CliRunner().invoke(main, asked)
        assert adopted.exit_code == 0, adopted.output
        cluster.wait_until(lambda: len(cluster.marks()) > 2 * len(started) + 4)
    finally:
        cluster.end()
        cluster.close()


@pytest.mark.slow
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_copied_file_runs_nothing_in_a_process_elsewhere_until_it_is_adopted(place, tmp_path):
    """Real processes: a file is copied while nobody uses it, and a scheduler is started on each."""
    cluster = Cluster(place, tmp_path, lease=2.0)
    copied = tmp_path / "copied.sqlite"
    url = f"sqlite:///{copied}"
    try:
        cluster.add("job", seconds=1)
        first = cluster.start_all(1)[0]
        cluster.wait_until(lambda: len(cluster.marks()) >= 4)
        first.end()
        shutil.copy(file_of(place), copied)
        elsewhere = cluster.start(url=url)
        original = cluster.start()
        for each in (elsewhere, original):
            each.wait_ready()
        cluster.wait_until(lambda: "not the one it was" in elsewhere.said())
        before = len(cluster.marks())
        cluster.wait_until(lambda: len(cluster.marks()) >= before + 6)
        assert elsewhere.pid not in {mark.pid for mark in cluster.marks()}
        asked = ["adopt", "--store", url, "--table", place.table]
        assert CliRunner().invoke(main, asked).exit_code == 0
        cluster.wait_until(lambda: elsewhere.pid in {mark.pid for mark in cluster.marks()})
    finally:
        cluster.end()
        cluster.close()


@pytest.mark.parametrize("place", SERVERS, indirect=True)
def test_who_is_second_to_write_the_identity_takes_the_first_ones(place, opened, monkeypatch):
    guard = opened(place.store())._jobstores["default"]._session.guard
    place.change("DELETE FROM {t}_state WHERE name = 'identity'")
    said = Identity.text
    left = ['{"database": "first"}']

    def after_another(identity):
        if left:
            insert = "INSERT INTO {t}_state (name, number, text) VALUES ('identity', 0, :text)"
            place.change(insert, text=left.pop())
        return said(identity)

    monkeypatch.setattr(Identity, "text", after_another)
    assert not guard.write(Identity({"database": "second"}), 0)
    assert recorded(place) == {"database": "first", "adopted": 0}
