"""Another scheduler on the same table that knows nothing of claims is noticed, and nothing else is taken for one."""

from __future__ import annotations

import logging
import pickle
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from databases import SHARED, Place
from sqlalchemy import event, text

from apscheduler._engine.instants import SECOND, from_us, to_us
from apscheduler.cli import main
from apscheduler.cluster import points
from apscheduler.events import EVENT_JOB_SKIPPED, EVENT_JOBSTORE_DOUBTED
from apscheduler.history import reasons
from apscheduler.job import Job
from apscheduler.jobstores._sql.guarding import strangers
from apscheduler.testing import FakeClock, ManualScheduler
from apscheduler.triggers.interval import IntervalTrigger

START = datetime(2031, 5, 1, 12, tzinfo=UTC)


def nothing() -> None:
    """Be a job."""


class ThirdX:
    """The hand of 3.x: it writes column and pickle together, and no row of a ledger."""

    def __init__(self, place) -> None:
        self.place = place

    def read(self, job_id):
        ((moment, blob),) = self.place.rows(
            "SELECT next_run_time, job_state FROM {t} WHERE id = :id", id=job_id
        )
        return moment, pickle.loads(bytes(blob))

    def write(self, job_id, state, due) -> None:
        state = {key: value for key, value in state.items() if key != "written_by"}
        state["next_run_time"] = None if due is None else from_us(due, UTC)
        self.place.change(
            "UPDATE {t} SET next_run_time = :moment, job_state = :blob WHERE id = :id",
            id=job_id,
            moment=None if due is None else due / SECOND,
            blob=pickle.dumps(state, pickle.HIGHEST_PROTOCOL),
        )

    def due(self, job_id) -> tuple[int, dict]:
        """Read a job as it does before it hands it over."""
        moment, state = self.read(job_id)
        return round(moment * SECOND), state

    def move(self, job_id, fire, state) -> None:
        """Write what it writes after it has handed over the run of a fire time."""
        self.write(job_id, state, state["trigger"].next_us(fire, fire))

    def run(self, job_id) -> int:
        fire, state = self.due(job_id)
        self.move(job_id, fire, state)
        return fire


class Heard:
    """A scheduler of ours with its events."""

    def __init__(self, place, clock, **options) -> None:
        self.clock = clock
        self.scheduler = ManualScheduler(
            jobstores={"default": place.store(poll_interval=3600, **options)},
            timezone="UTC",
            clock=clock,
        )
        self.skipped: list = []
        self.doubts: list = []
        self.scheduler.add_listener(self.skipped.append, EVENT_JOB_SKIPPED)
        self.scheduler.add_listener(self.doubts.append, EVENT_JOBSTORE_DOUBTED)

    def rows(self, job_id="a"):
        found = self.scheduler.get_runs(job_id=job_id, limit=1000)
        return {to_us(run.fire_time): (str(run.outcome), run.reason) for run in found}


@pytest.fixture(autouse=True)
def at_once(monkeypatch) -> None:
    """Look at each pass, since the clock of these tests stands still."""
    monkeypatch.setattr(strangers, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(strangers, "RIPE_SECONDS", 0.0)


@pytest.fixture(params=SHARED)
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def clock():
    return FakeClock(START)


@pytest.fixture
def heard(place, clock):
    heard = Heard(place, clock)
    heard.scheduler.start()
    yield heard
    heard.scheduler.shutdown()


def add(heard, job_id="a", **options):
    options = {"seconds": 10, "misfire_grace_time": None, **options}
    return heard.scheduler.add_job(nothing, "interval", id=job_id, **options)


def test_it_watches_so_many_jobs_at_once_and_no_more(monkeypatch):
    monkeypatch.setattr(strangers, "WATCHED_JOBS", 3)
    watch = strangers.Strangers(None, None)

    def candidates(*names):
        trigger, plan = SimpleNamespace(native=False), SimpleNamespace(next=20 * SECOND)
        jobs = [SimpleNamespace(id=name, trigger=trigger) for name in names]
        return [SimpleNamespace(job=job, moment=10.0, generation=1, plan=plan) for job in jobs]

    watch.claimed(candidates("a", "b"))
    watch.claimed(candidates("c", "d"))
    watch.claimed(candidates("e"))
    assert list(watch._expected) == ["a", "b", "c"]
    watch.lost(candidates("f"))
    assert list(watch._expected) == ["a", "b", "c"]


def test_a_fire_time_that_3x_took_gets_its_row_when_it_has_passed(heard, place, caplog):
    job = add(heard)
    due = job._due
    heard.scheduler.tick()
    heard.clock.advance(10)
    fire = ThirdX(place).run("a")
    assert fire == due
    with caplog.at_level(logging.WARNING):
        heard.scheduler.tick()
    assert heard.rows() == {fire: ("skipped", reasons.MOVED_BY_ANOTHER)}
    assert [event.job_id for event in heard.skipped] == ["a"]
    assert to_us(heard.skipped[0].first) == fire
    assert [event.held for event in heard.doubts] == [False]
    assert sum("knows nothing of claims" in each for each in caplog.messages) == 1
    heard.scheduler.advance(10)
    assert heard.rows()[fire + 10 * SECOND][0] == "executed"


@pytest.mark.usefixtures("newest_zone_data")  # older data is a fault to the doctor
def test_the_doctor_says_that_fire_times_were_taken(heard, place):
    add(heard)
    asked = ["doctor", "--store", place.url, "--table", place.table]
    well = CliRunner().invoke(main, asked)
    assert well.exit_code == 0, well.output
    assert "no other program took a fire time" in well.output
    heard.scheduler.tick()
    heard.clock.advance(10)
    ThirdX(place).run("a")
    heard.scheduler.tick()
    told = CliRunner().invoke(main, asked)
    assert told.exit_code == 1
    assert "took 1 fire times without a row" in told.output


def test_several_that_3x_took_in_one_go_get_a_row_each(heard, place):
    job = add(heard)
    due = job._due
    heard.scheduler.tick()
    other = ThirdX(place)
    heard.clock.advance(35)
    taken = [other.run("a") for _ in range(3)]
    heard.scheduler.tick()
    assert {fire for fire, (_, why) in heard.rows().items() if why} == set(taken)
    assert taken[0] == due
    heard.scheduler.advance(10)
    assert heard.rows()[due + 30 * SECOND][0] == "executed"


def test_one_that_3x_took_gets_its_row_though_the_next_is_due_at_our_first_look(heard, place):
    fire = add(heard)._due
    heard.scheduler.tick()
    heard.clock.advance(10)
    assert ThirdX(place).run("a") == fire
    heard.clock.advance(10)
    heard.scheduler.tick()
    heard.scheduler.advance(1)
    assert heard.rows() == {
        fire: ("skipped", reasons.MOVED_BY_ANOTHER),
        fire + 10 * SECOND: ("executed", None),
    }
    assert [event.held for event in heard.doubts] == [False]


def test_one_that_3x_took_right_after_our_claim_gets_its_row_though_no_look_came_between(
    heard, place, monkeypatch
):
    fire = add(heard)._due
    heard.scheduler.tick()
    for name in ("LOOK_SECONDS", "RIPE_SECONDS"):
        monkeypatch.setattr(strangers, name, 3600.0)
    heard.scheduler.advance(10)
    heard.clock.advance(10)
    assert ThirdX(place).run("a") == fire + 10 * SECOND
    heard.scheduler.tick()
    assert heard.rows() == {
        fire: ("executed", None),
        fire + 10 * SECOND: ("skipped", reasons.MOVED_BY_ANOTHER),
    }


def test_one_that_3x_took_between_our_claim_and_our_look_gets_its_row(heard, place):
    fire = add(heard)._due
    heard.scheduler.tick()
    heard.clock.advance(9.9)
    assert ThirdX(place).run("a") == fire
    heard.scheduler.tick()
    assert not heard.rows()
    heard.clock.advance(0.2)
    heard.scheduler.tick()
    assert heard.rows() == {fire: ("skipped", reasons.MOVED_BY_ANOTHER)}


def test_one_that_3x_took_between_our_reading_and_our_lock_gets_its_row(heard, place, monkeypatch):
    fire = add(heard)._due
    heard.scheduler.tick()
    other = ThirdX(place)

    def hook(name):
        if name == "claim.read" and heard.clock.now_us() >= fire and not taken:
            taken.append(other.run("a"))

    taken = []
    monkeypatch.setattr(points, "hook", hook)
    heard.scheduler.advance(10)
    assert taken == [fire]
    assert heard.rows() == {fire: ("skipped", reasons.MOVED_BY_ANOTHER)}


@pytest.mark.parametrize("place", ["postgresql", "mariadb"], indirect=True)
def test_one_that_3x_was_taking_while_we_looked_gets_its_row(heard, place):
    """Its transaction holds the row, so we pass it over, and the column still says what it did."""
    fire = add(heard)._due
    heard.scheduler.tick()
    heard.clock.advance(10)
    taking = "UPDATE {t} SET next_run_time = :moment, job_state = :blob WHERE id = 'a'"
    _, state = ThirdX(place).read("a")
    del state["written_by"]
    state["next_run_time"] = from_us(fire + 10 * SECOND, UTC)
    blob = pickle.dumps(state, pickle.HIGHEST_PROTOCOL)
    with place.engine().connect() as connection:
        values = {"moment": fire / SECOND + 10, "blob": blob}
        connection.execute(text(taking.format(t=place.table)), values)
        heard.scheduler.tick()
        connection.commit()
    assert not heard.rows()
    heard.clock.advance(0.1)
    heard.scheduler.tick()
    assert heard.rows() == {fire: ("skipped", reasons.MOVED_BY_ANOTHER)}


def test_fire_times_that_both_run_are_noticed_at_the_second(heard, place, caplog, monkeypatch):
    fire = add(heard)._due
    heard.scheduler.tick()
    other = ThirdX(place)
    for _ in range(2):
        read = other.due("a")
        monkeypatch.setattr(strangers, "RIPE_SECONDS", 3.0)
        heard.scheduler.advance(10)  # it runs here
        monkeypatch.setattr(strangers, "RIPE_SECONDS", 0.0)
        other.move("a", *read)  # and there
        assert not heard.doubts
        heard.scheduler.tick()
        if read[0] == fire:
            assert not heard.doubts, "once can be an edit"
            assert not caplog.messages
    assert len(heard.doubts) == 1
    assert any("knows nothing of claims" in each for each in caplog.messages)
    assert {outcome for outcome, _ in heard.rows().values()} == {"executed"}


def test_fire_times_that_both_run_are_noticed_where_other_jobs_are_watched_in_between(
    heard, place, monkeypatch
):
    first = add(heard, "a")._due
    add(heard, "b", start_date=from_us(first + 5 * SECOND, UTC))
    heard.scheduler.tick()
    other = ThirdX(place)
    for job_id, seconds, noticed in (("a", 10, 0), ("b", 5, 0), ("a", 5, 1)):
        read = other.due(job_id)
        monkeypatch.setattr(strangers, "RIPE_SECONDS", 3.0)
        heard.scheduler.advance(seconds)  # it runs here
        monkeypatch.setattr(strangers, "RIPE_SECONDS", 0.0)
        other.move(job_id, *read)  # and there
        heard.scheduler.tick()
        assert len(heard.doubts) == noticed


def test_a_fire_time_that_only_we_ran_clears_the_suspicion(heard, place, monkeypatch):
    add(heard)
    heard.scheduler.tick()
    other = ThirdX(place)
    for both_run, noticed in ((True, 0), (False, 0), (True, 0), (True, 1)):
        read = other.due("a")
        monkeypatch.setattr(strangers, "RIPE_SECONDS", 3.0)
        heard.scheduler.advance(10)
        monkeypatch.setattr(strangers, "RIPE_SECONDS", 0.0)
        if both_run:
            other.move("a", *read)
        heard.scheduler.tick()
        assert len(heard.doubts) == noticed


def test_two_nodes_that_notice_write_one_row_between_them(heard, place, clock):
    fire = add(heard)._due
    second = Heard(place, clock)
    second.scheduler.start()
    heard.scheduler.tick()
    second.scheduler.tick()
    clock.advance(10)
    ThirdX(place).run("a")
    heard.scheduler.tick()
    second.scheduler.tick()
    second.scheduler.shutdown()
    assert heard.doubts
    assert [*heard.rows()] == [fire]
    ((rows,),) = place.rows("SELECT COUNT(*) FROM {t}_runs")
    assert rows == 1


# -- what is nobody's run ---------------------------------------------------------------------------------------


def ours_edits(heard, place, name) -> None:
    scheduler = heard.scheduler
    if name == "modify":
        scheduler.modify_job("a", name="b")
    elif name == "next_run_time":
        scheduler.modify_job("a", next_run_time=heard.clock.now() + timedelta(seconds=20))
    elif name == "pause and resume":
        scheduler.pause_job("a")
        heard.clock.advance(10)
        scheduler.resume_job("a")
    elif name == "reschedule":
        scheduler.reschedule_job("a", trigger="interval", seconds=20)
    elif name == "replace":
        add(heard, replace_existing=True)
    elif name == "remove":
        scheduler.remove_job("a")
    elif name == "add anew":
        scheduler.remove_job("a")
        add(heard, seconds=20)


def third_edits(heard, place, name) -> None:
    other = ThirdX(place)
    fire, state = other.due("a")
    if name == "modify":
        other.write("a", {**state, "name": "b"}, fire)
    elif name == "nothing":
        other.write("a", state, fire)
    elif name == "pause":
        other.write("a", state, None)
    elif name == "run it now":
        other.write("a", state, heard.clock.now_us())
    elif name == "another time":
        other.write("a", state, fire + 3 * SECOND)
    elif name == "reschedule":
        trigger = IntervalTrigger(seconds=7, start_date=from_us(fire + SECOND, UTC))
        other.write("a", {**state, "trigger": trigger}, fire + SECOND)
    elif name == "remove":
        place.change("DELETE FROM {t} WHERE id = 'a'")
    elif name == "column alone":
        place.change("UPDATE {t} SET next_run_time = next_run_time + 10")


EDITS = [
    *((ours_edits, name) for name in ("modify", "next_run_time", "pause and resume")),
    *((ours_edits, name) for name in ("reschedule", "replace", "remove", "add anew")),
    *((third_edits, name) for name in ("modify", "nothing", "pause", "run it now")),
    *((third_edits, name) for name in ("another time", "reschedule", "remove", "column alone")),
]


@pytest.mark.parametrize(("edit", "name"), EDITS)
def test_an_edit_is_nobodys_run(heard, place, edit, name):
    add(heard)
    heard.scheduler.advance(12)
    edit(heard, place, name)
    heard.scheduler.advance(60)
    assert not heard.doubts, heard.doubts[0].reason
    assert not heard.skipped
    assert reasons.MOVED_BY_ANOTHER not in [why for _, why in heard.rows().values()]


def test_an_edit_by_3x_after_a_fire_time_is_nobodys_run(heard, place):
    add(heard)
    other = ThirdX(place)
    for _ in range(2):  # not at successive looks
        heard.scheduler.advance(10)
        third_edits(heard, place, "nothing")
        heard.scheduler.tick()
        heard.scheduler.advance(10)
        heard.scheduler.tick()
    assert other.due("a")[1].get("written_by") is None
    assert not heard.doubts


def test_claims_of_other_nodes_are_nobodys_run(heard, place, clock):
    for number in range(5):
        add(heard, f"{number}", seconds=1 + number)
    nodes = [heard, *(Heard(place, clock) for _ in range(2))]
    for each in nodes[1:]:
        each.scheduler.start()
    for step in range(40):
        for each in nodes[step % 3 :] + nodes[: step % 3]:
            each.scheduler.tick()
        clock.advance(0.5)
    for each in nodes[1:]:
        each.scheduler.shutdown()  # pickles are brought up to date
    for _ in range(10):
        clock.advance(1)
        heard.scheduler.tick()
    assert not [doubt for each in nodes for doubt in each.doubts]
    assert not [event for each in nodes for event in each.skipped]


def test_what_3x_ran_before_our_start_is_the_past(place, clock):
    first = Heard(place, clock)
    first.scheduler.start()
    add(first)
    first.scheduler.advance(20)
    first.scheduler.shutdown()
    other = ThirdX(place)
    clock.advance(25)
    other.run("a")
    other.run("a")
    again = Heard(place, clock)
    again.scheduler.start()
    again.scheduler.advance(60)
    again.scheduler.shutdown()
    assert not again.doubts


def test_rows_that_retention_removed_are_not_missed(heard, place):
    add(heard, seconds=1)
    for _ in range(5):
        heard.scheduler.advance(3)
        ((newest,),) = place.rows("SELECT MAX(seq) FROM {t}_runs")
        # A ledger without its newest row is one that was set back.
        place.change("DELETE FROM {t}_runs WHERE seq < :newest", newest=newest)
    assert not heard.doubts


def test_the_looks_cost_no_statement_of_their_own(heard, place, clock):
    add(heard)
    second = Heard(place, clock)
    second.scheduler.start()
    heard.scheduler.advance(10)
    engine = heard.scheduler._jobstores["default"].engine
    asked: list[str] = []
    counts = []
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    for _ in range(3):
        clock.advance(10)
        second.scheduler.tick()  # it takes the fire time
        asked.clear()
        heard.scheduler.tick()
        reads = [each for each in asked if each.lstrip().startswith("SELECT")]
        coming = [each for each in reads if "next_run_time > " in each and "1000" not in each]
        assert len(coming) == 1, coming
        counts.append(len(reads))
    assert min(counts) <= 3, counts  # now and then free runs, bad rows, and which database it is
    second.scheduler.shutdown()


def test_a_pickle_of_ours_is_read_by_old_ones_and_says_whose_it_is(heard, place):
    add(heard)
    _, state = ThirdX(place).read("a")
    assert state["written_by"] == "tickwright"
    job = Job.__new__(Job)
    job.__setstate__(state)
    assert "written_by" not in job.__getstate__()
