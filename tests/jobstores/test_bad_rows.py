"""A row that nobody could have meant costs itself only, whoever wrote it, on every database and in every call."""

from __future__ import annotations

import io
import json
import logging
import pickle
import sqlite3
from datetime import timedelta

import pytest
from databases import SHARED, Place
from sqlalchemy import create_engine, text

from apscheduler.events import EVENT_JOB_QUARANTINED
from apscheduler.jobstores._sql.claiming.transaction import Writing
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError, QuarantinedJobError
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.triggers.base import BaseTrigger

pytestmark = pytest.mark.slow

ran = []


def note(name):
    ran.append(name)


# -- ways for a job's row to be bad ---------------------------------------------------------------------------


class Damage:
    """One way for the row of a job to be bad.

    :ivar does: given a place and the job's id
    :ivar said: what its reason names
    :ivar kinds: the databases that can hold it
    :ivar shown: the job's id, as it is shown then
    """

    def __init__(self, does, said, kinds=SHARED, shown=None):
        self.does, self.said, self.kinds = does, said, kinds
        self.shown = shown


def moment(value, *kinds):
    def does(place, id):
        place.change("UPDATE {t} SET next_run_time = :value WHERE id = :id", value=value, id=id)

    return Damage(does, f"next_run_time in the table is {value!r}", kinds or SHARED)


def state(**changes):
    def does(place, id):
        ((blob,),) = place.rows("SELECT job_state FROM {t} WHERE id = :id", id=id)
        changed = pickle.dumps({**pickle.loads(bytes(blob)), **changes})
        place.change("UPDATE {t} SET job_state = :value WHERE id = :id", value=changed, id=id)

    ((_, value),) = changes.items()
    return Damage(does, "NaN" if repr(value) == "nan" else repr(value))


def raw_state(value):
    def does(place, id):
        place.change("UPDATE {t} SET job_state = :value WHERE id = :id", value=value, id=id)

    return Damage(does, f"job_state in the table is {value!r}", ("sqlite",))


def id_is(sql, shown):
    def does(place, id):
        place.change(f"UPDATE {{t}} SET id = {sql} WHERE id = :id", id=id)

    return Damage(does, "holds the job", ("sqlite",), shown)


def generation(value, *kinds):
    def does(place, id):
        if value is None:
            allow_null(place)
        place.change("DELETE FROM {t}_meta WHERE job_id = :id", id=id)
        place.change(
            "INSERT INTO {t}_meta (job_id, generation, born) VALUES (:id, :value, 0)",
            value=value,
            id=id,
        )

    return Damage(does, f"generation in the table is {value!r}", kinds or SHARED)


def allow_null(place):
    """Have the column for generations take NULL, as a table made by hand may."""
    if place.kind != "sqlite":
        place.change("ALTER TABLE {t}_meta ALTER COLUMN generation DROP NOT NULL")
        return
    place.change("ALTER TABLE {t}_meta RENAME TO {t}_old")
    place.change("CREATE TABLE {t}_meta (job_id PRIMARY KEY, generation BIGINT, born BIGINT)")
    place.change("INSERT INTO {t}_meta SELECT job_id, generation, born FROM {t}_old")
    place.change("DROP TABLE {t}_old")


INFINITE = ("sqlite", "postgresql")  # MariaDB refuses them
DAMAGES = {
    "-Infinity": moment(float("-inf"), *INFINITE),
    "Infinity": moment(float("inf"), *INFINITE),
    "NaN": moment(float("nan"), "postgresql"),  # SQLite makes it NULL: a paused job
    "1e300": moment(1e300),
    "-1e300": moment(-1e300),
    "1.7e308": moment(1.7e308),
    "-1.7e308": moment(-1.7e308),
    "year 20000": moment(568971820800.0),
    "year -1": moment(-62198755200.0),
    "milliseconds": moment(1893456000000.0),
    "a text as time": moment("soon", "sqlite"),
    "bytes as time": moment(b"\xff", "sqlite"),
    "args is 5": state(args=5),
    "kwargs is a list": state(kwargs=[1]),
    "executor is a list": state(executor=["x"]),
    "max_instances is a text": state(max_instances="3"),
    "max_instances is 0": state(max_instances=0),
    "trigger is None": state(trigger=None),
    "grace is NaN": state(misfire_grace_time=float("nan")),
    "timeout is a text": state(timeout="soon"),
    "delivery is 7": state(delivery=7),
    "name is None": state(name=None),
    "state is a number": raw_state(10**12),
    "state is a text": raw_state("no bytes"),
    "id is no UTF-8": id_is("CAST(x'626164ff' AS TEXT)", "bad\udcff"),
    "id is bytes": id_is("x'626164ff'", "b'bad\\xff'"),
    "generation at its end": generation(2**63 - 1),
    "generation below 0": generation(-5),
    "generation is a text": generation("many", "sqlite"),
    "generation is a fraction": generation(1.5, "sqlite"),
    "generation is NULL": generation(None, "sqlite", "postgresql"),
}


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


class Heard(logging.Handler):
    """Quarantine events and log lines."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines, self.events = [], []

    def emit(self, record):
        self.lines.append(record.getMessage())


@pytest.fixture
def heard():
    handler = Heard()
    logging.getLogger("apscheduler").addHandler(handler)
    yield handler
    logging.getLogger("apscheduler").removeHandler(handler)


@pytest.fixture
def opened(place, heard):
    made = []
    ran.clear()

    def start(**options):
        scheduler = ManualScheduler(
            jobstores={"default": place.store(**options)}, clock=FakeClock()
        )
        scheduler.add_listener(heard.events.append, EVENT_JOB_QUARANTINED)
        scheduler.start()
        made.append(scheduler)
        return scheduler

    yield start
    for scheduler in made:
        if scheduler.running:
            scheduler.shutdown()


def fill(opened, *ids):
    """Have one scheduler write jobs, due in 10 s of a fake clock, and leave."""
    scheduler = opened()
    for each in ids:
        scheduler.add_job(
            note, "interval", seconds=10, id=each, args=[each], misfire_grace_time=None
        )
    scheduler.shutdown()


def printed(scheduler):
    out = io.StringIO()
    scheduler.print_jobs(out=out)
    return out.getvalue()


def exported(scheduler):
    out = io.StringIO()
    scheduler.export_jobs(out)
    return [job["id"] for job in json.loads(out.getvalue())["jobs"]]


def ids(jobs):
    return sorted(job.id for job in jobs)


def damaged(place, opened, heard):
    """Damage a job in each way that this database can hold, beside two good ones; return the ways by the ids shown."""
    names = {name: each for name, each in DAMAGES.items() if place.kind in each.kinds}
    fill(opened, *names, "good", "other")
    for name, damage in names.items():
        damage.does(place, name)
    heard.lines.clear()
    return {damage.shown or name: damage for name, damage in names.items()}


GOOD = ["good", "other"]


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_bad_rows_of_jobs_cost_themselves_only(place, opened, heard):
    damages = damaged(place, opened, heard)
    bad = "SELECT next_run_time, job_state FROM {t} WHERE id NOT IN ('good', 'other') ORDER BY 1, 2"
    before = place.rows(bad)
    assert len(before) == len(damages) >= 18
    scheduler = opened()
    scheduler.advance(35)
    assert sorted(ran) == ["good"] * 3 + ["other"] * 3
    told = [line for line in heard.lines if "is quarantined: " in line]
    store, now = scheduler._jobstores["default"], scheduler.clock.now()
    assert ids(scheduler.get_jobs()) == GOOD
    asked = [each for each, damage in damages.items() if damage.shown is None]
    assert [each for each in asked if scheduler.get_job(each) is not None] == []
    assert scheduler.get_job("good").next_run_time > now
    assert sorted(exported(scheduler)) == GOOD
    assert len(scheduler.get_runs(limit=1000)) == 6
    assert [node.is_self for node in scheduler.nodes()] == [True]
    assert scheduler.outcome_counts() == {"executed": 6}
    assert store.get_due_jobs(now) == []
    assert store.get_next_run_time() is not None
    assert scheduler.get_running() == []
    preview = scheduler.preview(hours=1)
    assert {*GOOD} <= {run.job_id for run in preview}
    unplanned = {each.job_id for each in preview.unplanned if each.kind == "quarantined"}
    assert unplanned == set(damages)
    assert scheduler.to_ical(1).count("BEGIN:VEVENT") > 100
    found = {each.job_id: each.reason for each in scheduler.get_quarantined()}
    assert found.keys() == damages.keys()
    table = printed(scheduler)
    left_out = [line for line in heard.lines if "left out of the export" in line]
    for shown, damage in damages.items():
        reason = found[shown]
        assert damage.said in reason or damage.said == "NaN"
        assert reason in table
        assert any(repr(shown) in line and reason in line for line in left_out)
        assert len([line for line in told if repr(shown) in line and reason in line]) == 1, told
        events = [event.reason for event in heard.events if event.job_id == shown]
        assert events == [reason]
    scheduler.shutdown()
    assert repr(place.rows(bad)) == repr(before)


ODD_GENERATIONS = [
    (name, kind)
    for name, damage in DAMAGES.items()
    if name.startswith("generation")
    for kind in damage.kinds
]


@pytest.mark.parametrize(("name", "place"), ODD_GENERATIONS, indirect=["place"])
def test_edits_of_a_job_whose_generation_is_odd_say_so_and_adding_it_again_helps(
    place, opened, heard, name
):
    damage = DAMAGES[name]
    scheduler = opened()
    scheduler.add_job(note, "interval", seconds=10, id="bad", args=["old"])
    scheduler.advance(11)
    view = scheduler.get_job("bad")
    damage.does(place, "bad")
    store, meta = scheduler._jobstores["default"], "SELECT generation, born FROM {t}_meta"
    before = place.rows(meta)
    calls = (
        lambda: scheduler.reschedule_job("bad", trigger="interval", seconds=5),
        lambda: scheduler.modify_job("bad", next_run_time=scheduler.clock.now()),
        lambda: scheduler.modify_job("bad", name="else"),
        lambda: scheduler.pause_job("bad"),
        lambda: scheduler.resume_job("bad"),
        lambda: store.modify_job(view, {"next_run_time": scheduler.clock.now()}),
        lambda: store.edit_job(view, lambda standing: {"name": "else"}),
    )
    for call in calls:
        with pytest.raises(QuarantinedJobError) as caught:
            call()
        assert damage.said in caught.value.reason
        assert "replace_existing=True" in caught.value.reason
    assert place.rows(meta) == before
    scheduler.add_job(note, "interval", seconds=10, id="bad", args=["new"], replace_existing=True)
    assert scheduler.get_quarantined() == []
    assert place.rows(meta) == [(1, 0)]
    ran.clear()
    scheduler.advance(11)
    assert ran == ["new"]
    damage.does(place, "bad")
    again = {"func": note, "id": "bad", "args": ["again"], "replace_existing": True}
    more = {"func": note, "id": "more", "args": ["more"], "replace_existing": True}
    scheduler.add_jobs([{**each, "trigger": "interval", "seconds": 10} for each in (again, more)])
    scheduler.advance(11)
    assert ran == ["new", "again", "more"]


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_run_of_an_odd_generation_keeps_nobody_from_adding_the_job_anew(place, opened):
    scheduler = opened()
    for generation in (-5, 2**63 - 1):
        scheduler.add_job(note, "interval", seconds=10, id="bad", args=["bad"])
        scheduler.advance(11)
        scheduler._jobstores[
            "default"
        ]._session.outbox.flush()  # else its outcome may find no row any more
        change = "UPDATE {t}_runs SET generation = :generation WHERE generation >= 0"
        place.change(change, generation=generation)
        scheduler.remove_job("bad")
        scheduler.add_job(note, "interval", seconds=10, id="bad", args=["bad"])
        assert scheduler.get_quarantined() == []
        scheduler.advance(11)
        assert len(ran) == 2
        ran.clear()
        scheduler.remove_job("bad")


@pytest.mark.trap(120)
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_edits_of_a_quarantined_job_say_so_and_replacing_or_removing_it_helps(place, opened, heard):
    scheduler = opened()
    for damage in (DAMAGES["1e300"], DAMAGES["args is 5"]):
        scheduler.add_job(note, "interval", seconds=10, id="bad", args=["bad"])
        damage.does(place, "bad")
        (found,) = scheduler.get_quarantined()
        calls = (
            lambda: scheduler.modify_job("bad", name="else"),
            lambda: scheduler.pause_job("bad"),
            lambda: scheduler.resume_job("bad"),
            lambda: scheduler.reschedule_job("bad", trigger="interval", seconds=5),
        )
        for call in calls:
            with pytest.raises(QuarantinedJobError) as caught:
                call()
            assert caught.value.reason == found.reason
            assert found.reason in str(caught.value)
        with pytest.raises(JobLookupError) as caught:
            scheduler.modify_job("nobody", name="else")
        assert not isinstance(caught.value, QuarantinedJobError)
        scheduler.add_job(
            note, "interval", seconds=10, id="bad", args=["bad"], replace_existing=True
        )
        assert scheduler.get_quarantined() == []
        scheduler.advance(11)
        assert ran.pop() == "bad"
        damage.does(place, "bad")
        scheduler.remove_job("bad")
        assert scheduler.get_quarantined() == []
        assert scheduler.get_jobs() == []


@pytest.mark.parametrize("place", SHARED, indirect=True)
@pytest.mark.parametrize("name", ["1e300", "args is 5", "generation at its end"])
def test_a_job_that_never_fires_takes_the_place_of_a_quarantined_one(place, opened, heard, name):
    scheduler = opened()
    scheduler.add_job(note, "interval", seconds=10, id="bad", args=["bad"])
    DAMAGES[name].does(place, "bad")
    never = {"func": note, "trigger": "cron", "year": 2020, "id": "bad", "args": ["bad"]}
    with pytest.raises(ConflictingIdError):
        scheduler.add_job(**never)
    assert len(scheduler.get_quarantined()) == 1
    scheduler.add_job(**never, replace_existing=True)
    assert scheduler.get_quarantined() == []
    assert place.rows("SELECT id FROM {t}") == []


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_hundreds_of_rows_without_a_time_starve_nobody(place, opened):
    fill(opened, "bad", "good", "other")
    ((blob,),) = place.rows("SELECT job_state FROM {t} WHERE id = 'bad'")
    rows = [{"id": f"bad {n}", "blob": bytes(blob)} for n in range(1500)]
    insert = f"INSERT INTO {place.table} (id, next_run_time, job_state) VALUES (:id, -1e300, :blob)"
    with place.engine().begin() as connection:
        connection.execute(text(insert), rows)
    scheduler = opened()
    scheduler.advance(35)
    assert ran.count("good") == ran.count("other") == ran.count("bad") == 3
    assert len(scheduler.get_quarantined()) == 1500


class Spoilt(BaseTrigger):
    """A trigger of somebody else's that cannot be written down any more once it has fired."""

    fired = False

    def get_next_fire_time(self, previous_fire_time, now):
        self.fired = previous_fire_time is not None
        return (previous_fire_time or now) + timedelta(seconds=10)

    def __getstate__(self):
        if self.fired:
            raise RuntimeError("a socket cannot be pickled")
        return {}

    def __setstate__(self, state):
        self.fired = False


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_trigger_that_cannot_be_written_any_more_costs_its_own_job_only(place, opened, heard):
    scheduler = opened()
    for id in ("a good", "z good"):  # noqa: A001 - as the column
        scheduler.add_job(note, "interval", seconds=10, id=id, args=[id])
    scheduler.add_job(note, Spoilt(), id="spoilt", args=["spoilt"])
    scheduler.advance(35)
    assert sorted(ran) == ["a good"] * 3 + ["z good"] * 3
    said = [line for line in heard.lines if "(spoilt)" in line]
    assert 2 <= len(said) <= 6  # once for each try, at growing distances


@pytest.mark.parametrize("place", SHARED, indirect=True)
@pytest.mark.parametrize("coalesce", [True, False])
def test_a_job_that_is_two_thousand_years_overdue_costs_nobody_anything(place, opened, coalesce):
    scheduler = opened()
    common = {"trigger": "interval", "coalesce": coalesce, "misfire_grace_time": None}
    scheduler.add_job(note, seconds=10, id="good", args=["good"], **common)
    scheduler.add_job(note, seconds=1, id="old", args=["old"], **common)
    place.change("UPDATE {t} SET next_run_time = -62000000000 WHERE id = 'old'")
    scheduler.tick()
    scheduler.advance(35)
    assert ran.count("good") == 3
    assert ran.count("old") >= 30


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_value_that_the_database_refuses_costs_its_own_job_only(
    place, opened, heard, monkeypatch
):
    scheduler = opened()
    for id in ("a", "bad", "c", "d", "e"):  # noqa: A001 - as the column
        scheduler.add_job(note, "interval", seconds=10, id=id, args=[id])
    written = Writing._insert

    def insert(self, connection):
        for each in self.running:
            if each.job.id == "bad":
                each.plan.run[:] = [2**70]
        written(self, connection)

    monkeypatch.setattr(Writing, "_insert", insert)
    if place.kind == "mariadb":
        pytest.skip("INSERT IGNORE takes the nearest value there is")
    scheduler.advance(35)
    assert sorted(ran) == sorted(["a", "c", "d", "e"] * 3)
    assert any("(bad)" in line for line in heard.lines)


def test_a_text_factory_of_ones_own_stays(tmp_path):
    chosen = []

    def factory(text):
        chosen.append(text)
        return text.decode()

    def connect():
        connection = sqlite3.connect(tmp_path / "jobs", check_same_thread=False)
        connection.text_factory = factory
        return connection

    scheduler = ManualScheduler()
    engine = create_engine(f"sqlite:///{tmp_path}/jobs", creator=connect)
    scheduler.add_jobstore("sqlalchemy", engine=engine)
    scheduler.start()
    scheduler.add_job(note, "interval", seconds=10, id="mine", args=["mine"])
    chosen.clear()
    assert [job.id for job in scheduler.get_jobs()] == ["mine"]
    assert b"mine" in chosen
    scheduler.shutdown()
    engine.dispose()
