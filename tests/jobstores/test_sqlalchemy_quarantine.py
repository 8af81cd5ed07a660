"""A stored job that cannot be restored stays as it is, is told once, hinders nobody and comes back by itself."""

from __future__ import annotations

import importlib
import logging
import os
import pickle
import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest
from databases import SHARED, Place

from apscheduler.events import EVENT_JOB_QUARANTINED
from apscheduler.executors.debug import DebugExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._sql.changing import loading
from apscheduler.jobstores._sql.claiming.planning import PATIENCE
from apscheduler.jobstores.base import JobLookupError
from apscheduler.serializers import SignedPickleSerializer
from apscheduler.testing import FakeClock, ManualScheduler

pytestmark = pytest.mark.slow

MODULE = "quarantine_work"
WHOLE = "calls = []\n\n\ndef note(name):\n    calls.append(name)\n"
OLD_KEY, NEW_KEY = {"old": b"0123456789abcdef"}, {"new": b"fedcba9876543210"}


class Workshop:
    """A module that jobs call, which can be taken away and brought back."""

    def __init__(self, folder) -> None:
        self.path = folder / f"{MODULE}.py"
        self.bring(WHOLE)

    def bring(self, source) -> None:
        self.take()
        self.path.write_text(source, "utf-8")
        importlib.invalidate_caches()

    def take(self) -> None:
        self.path.unlink(missing_ok=True)
        sys.modules.pop(MODULE, None)
        importlib.invalidate_caches()

    @property
    def calls(self):
        return importlib.import_module(MODULE).calls


class Heard(logging.Handler):
    """Quarantine events and the error lines of the store."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.events = []
        self.lines = []

    def emit(self, record) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def place(request, tmp_path):
    place = Place(getattr(request, "param", "sqlite"), tmp_path)
    yield place
    place.close()


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # else a changed source may go unseen
    monkeypatch.syspath_prepend(tmp_path)
    workshop = Workshop(tmp_path)
    yield workshop
    workshop.take()


@pytest.fixture
def passing(monkeypatch):
    """Return a function that lets the loader's own time pass."""
    now = [1000.0]
    monkeypatch.setattr(loading, "clocks", SimpleNamespace(monotonic=lambda: now[0]))

    def let_pass(seconds):
        now[0] += seconds

    return let_pass


@pytest.fixture
def heard():
    handler, logger = Heard(), logging.getLogger("apscheduler.jobstores.default")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def opened(place, heard):
    """Return a function that starts a scheduler on the place."""
    made = []

    def start(clock=None, **options):
        scheduler = ManualScheduler(
            jobstores={"default": place.store(poll_interval=3600, **options)},
            timezone="UTC",
            clock=clock or FakeClock(),
        )
        scheduler.add_listener(heard.events.append, EVENT_JOB_QUARANTINED)
        scheduler.start()
        made.append(scheduler)
        return scheduler

    yield start
    for scheduler in made:
        if scheduler.running:
            scheduler.shutdown()


def add(scheduler, *ids, seconds=10, **options):
    options.setdefault("misfire_grace_time", None)
    for id_ in ids:
        scheduler.add_job(
            f"{MODULE}:note", "interval", seconds=seconds, id=id_, args=[id_], **options
        )


def fill(opened, *ids, **options):
    """Have one scheduler write jobs, due in 10 s of a fake clock, and leave."""
    scheduler = opened(**options)
    add(scheduler, *ids)
    scheduler.shutdown()


def the_row(place, id_="bad"):
    (row,) = place.rows("SELECT id, next_run_time, job_state FROM {t} WHERE id = :id", id=id_)
    return row[0], row[1], bytes(row[2])


def rewrite(place, blob):
    place.change("UPDATE {t} SET job_state = :blob WHERE id = 'bad'", blob=blob)


def lose_module(place, workshop):
    bad = pickle.loads(the_row(place)[2])
    rewrite(place, pickle.dumps({**bad, "func": "no_such_module_here:note"}))
    return "no_such_module_here"


def lose_attribute(place, workshop):
    bad = pickle.loads(the_row(place)[2])
    rewrite(place, pickle.dumps({**bad, "func": f"{MODULE}:nothing_of_this_name"}))
    return "nothing_of_this_name"


def corrupt(place, workshop):
    rewrite(place, b"\x80\x05these are no bytes of a pickle")
    return ""


def cut(place, workshop):
    rewrite(place, the_row(place)[2][:-20])
    return ""


def empty(place, workshop):
    rewrite(place, b"")
    return ""


def make_newer(place, workshop):
    bad = pickle.loads(the_row(place)[2])
    assert bad["version"] == 1
    rewrite(place, pickle.dumps({**bad, "version": 2}))
    return "version 2"


def swap(place, workshop):
    rewrite(place, the_row(place, "good")[2])
    return "'good'"


DAMAGES = [lose_module, lose_attribute, corrupt, cut, empty, make_newer, swap]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_job_that_cannot_be_restored_stays_as_it_is_and_is_told_once(
    place, workshop, passing, heard, opened, damage
):
    fill(opened, "bad", "good")
    said = damage(place, workshop)
    before = the_row(place)
    scheduler = opened()
    for _ in range(6):
        passing(100)  # the loader tries again each time
        scheduler.advance(10)
        assert [job.id for job in scheduler.get_jobs()] == ["good"]
        assert scheduler.get_job("bad") is None
    (found,) = scheduler.get_quarantined()
    assert (found.job_id, found.jobstore) == ("bad", "default")
    assert said in found.reason
    assert found.reason
    assert found.next_run_time == FakeClock().now() + timedelta(seconds=10)
    assert [(event.job_id, event.jobstore) for event in heard.events] == [("bad", "default")]
    assert heard.events[0].reason == found.reason
    (line,) = heard.lines
    assert "'bad'" in line
    assert found.reason in line
    assert workshop.calls == ["good"] * 6
    assert scheduler.get_runs("bad") == []
    scheduler.shutdown()
    assert the_row(place) == before


def test_a_failed_load_is_not_repeated_by_each_claim(place, workshop, passing, opened):
    fill(opened, "bad")
    lose_module(place, workshop)
    scheduler = opened()
    tried = []
    loaded = scheduler._jobstores["default"]._parts.loader._restored
    scheduler._jobstores["default"]._parts.loader._restored = lambda *args: (
        tried.append(args),
        loaded(*args),
    )[1]
    scheduler.advance(10)
    assert len(tried) == 1
    for wait, tries in ((0.9, 1), (0.2, 2), (1.8, 2), (0.3, 3)):
        passing(wait)
        scheduler.advance(1)
        scheduler.advance(1)
        assert len(tried) == tries
    passing(3600)
    for _ in range(9):
        passing(3600)
        scheduler.advance(1)
    many = len(tried)
    passing(59)
    scheduler.advance(1)
    assert len(tried) == many
    passing(2)
    scheduler.advance(1)
    assert len(tried) == many + 1  # a minute at the longest


@pytest.mark.parametrize("place", SHARED, indirect=True)
@pytest.mark.parametrize("source", [None, "calls = []\n", "raise RuntimeError('half written')\n"])
def test_a_job_runs_again_when_its_function_can_be_imported_again(
    place, workshop, passing, heard, opened, source
):
    fill(opened, "bad")
    workshop.take()
    if source is not None:
        workshop.bring(source)
    scheduler = opened()
    scheduler.advance(15)
    assert [each.job_id for each in scheduler.get_quarantined()] == ["bad"]
    workshop.bring(WHOLE)
    passing(100)
    scheduler.advance(1)
    assert workshop.calls == ["bad"]
    assert scheduler.get_quarantined() == []
    scheduler.advance(10)
    assert workshop.calls == ["bad", "bad"]
    assert len(heard.events) == len(heard.lines) == 1


def test_a_job_that_comes_back_and_is_lost_again_is_told_again(
    place, workshop, passing, heard, opened
):
    fill(opened, "bad")
    for turn in (1, 2):
        workshop.take()
        scheduler = opened()
        scheduler.advance(15)
        assert len(heard.events) == turn
        workshop.bring(WHOLE)
        passing(100)
        assert scheduler.get_quarantined() == []
        scheduler.shutdown()


def test_a_module_that_ends_the_process_at_its_import_costs_its_job_only(
    place, workshop, heard, opened
):
    fill(opened, "bad")
    workshop.bring("import sys\nsys.exit('not on this machine')\n")
    scheduler = opened()
    scheduler.advance(15)
    assert "not on this machine" in scheduler.get_quarantined()[0].reason
    assert len(heard.events) == 1


@pytest.mark.parametrize("place", SHARED, indirect=True)
@pytest.mark.parametrize("how", ["flipped", "other key", "unsigned", "another id"])
def test_a_job_whose_signature_is_not_right_is_quarantined(
    place, workshop, heard, opened, how, tmp_path
):
    fill(opened, "bad", "good", serializer=SignedPickleSerializer(OLD_KEY))
    blob = the_row(place)[2]
    if how == "flipped":
        rewrite(place, blob[:-40] + bytes([blob[-40] ^ 1]) + blob[-39:])
    elif how == "other key":
        forged = SignedPickleSerializer(NEW_KEY)
        state = SignedPickleSerializer(OLD_KEY).loads(blob, store=place.table, job_id="bad")
        rewrite(place, forged.dumps(state, store=place.table, job_id="bad"))
    elif how == "unsigned":
        rewrite(place, pickle.dumps(Canary(tmp_path / "canary")))
    else:
        rewrite(place, the_row(place, "good")[2])
    before = the_row(place)
    scheduler = opened(serializer=SignedPickleSerializer(OLD_KEY))
    scheduler.advance(15)
    assert [each.job_id for each in scheduler.get_quarantined()] == ["bad"]
    assert [event.job_id for event in heard.events] == ["bad"]
    assert workshop.calls == ["good"]
    assert not (tmp_path / "canary").exists()
    scheduler.shutdown()
    assert the_row(place) == before


class Canary:
    """A pickle that makes a folder where it is unpickled."""

    def __init__(self, folder) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_job_whose_executor_is_not_here_waits_for_it(place, workshop, heard, opened):
    scheduler = opened()
    scheduler.add_executor(DebugExecutor(), "elsewhere")
    add(scheduler, "bad", executor="elsewhere")
    add(scheduler, "good")
    scheduler.shutdown()
    before = the_row(place)
    scheduler = opened()
    scheduler.advance(35)
    assert workshop.calls == ["good"] * 3
    (found,) = scheduler.get_quarantined()
    assert found.job_id == "bad"
    assert "'elsewhere'" in found.reason
    assert the_row(place) == before
    scheduler.add_executor(DebugExecutor(), "elsewhere")
    assert scheduler.get_quarantined() == []
    scheduler.advance(2)
    assert workshop.calls.count("bad") == 1
    counts = scheduler.outcome_counts()
    assert (counts[Outcome.EXECUTED], counts[Outcome.COALESCED]) == (4, 2)


def test_a_job_whose_executor_nobody_had_for_a_minute_is_recorded_as_failed(
    place, workshop, opened
):
    scheduler = opened()
    scheduler.add_executor(DebugExecutor(), "elsewhere")
    add(scheduler, "bad", executor="elsewhere", seconds=600)
    scheduler.shutdown()
    scheduler = opened()
    scheduler.advance(600 + PATIENCE // 1_000_000 - 2)
    assert scheduler.get_runs("bad") == []
    scheduler.advance(4)
    (run,) = scheduler.get_runs("bad")
    assert run.outcome is Outcome.FAILED
    assert "'elsewhere'" in run.error
    assert [each.job_id for each in scheduler.get_quarantined()] == ["bad"]


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_quarantined_job_can_be_removed(place, workshop, opened):
    fill(opened, "bad")
    corrupt(place, workshop)
    scheduler = opened()
    scheduler.advance(15)
    scheduler.remove_job("bad")
    assert scheduler.get_quarantined() == []
    assert place.rows("SELECT id FROM {t}") == []
    with pytest.raises(JobLookupError):
        scheduler.remove_job("bad")


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_quarantined_job_is_repaired_by_replacing_it(place, workshop, heard, opened):
    fill(opened, "bad")
    corrupt(place, workshop)
    scheduler = opened()
    scheduler.advance(15)
    add(scheduler, "bad", replace_existing=True)
    assert scheduler.get_quarantined() == []
    scheduler.advance(10)
    assert workshop.calls == ["bad"]
    assert len(heard.events) == 1


def test_a_quarantined_job_is_not_changed_by_calls_that_need_it(place, workshop, opened):
    fill(opened, "bad")
    corrupt(place, workshop)
    before = the_row(place)
    scheduler = opened()
    for call in (scheduler.pause_job, scheduler.resume_job, scheduler.modify_job):
        with pytest.raises(JobLookupError):
            call("bad")
    assert the_row(place) == before


def test_a_paused_job_that_cannot_be_restored_is_listed_without_a_time(place, workshop, opened):
    scheduler = opened()
    add(scheduler, "bad", next_run_time=None)
    scheduler.shutdown()
    corrupt(place, workshop)
    (found,) = opened().get_quarantined()
    assert (found.job_id, found.next_run_time) == ("bad", None)


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_hundreds_of_due_jobs_that_cannot_be_restored_keep_no_other_from_running(
    place, workshop, heard, opened
):
    scheduler = opened()
    common = {"func": f"{MODULE}:note", "trigger": "interval"}
    bad = [{**common, "id": f"bad {n}", "args": ["bad"], "seconds": 5} for n in range(700)]
    good = [{**common, "id": f"good {n}", "args": ["good"], "seconds": 10} for n in range(3)]
    scheduler.add_jobs(bad + good)
    scheduler.shutdown()
    place.change("UPDATE {t} SET job_state = :blob WHERE id LIKE 'bad%'", blob=b"broken")
    scheduler = opened()
    scheduler.advance(25)
    assert workshop.calls == ["good"] * 6
    assert len(heard.events) == len(heard.lines) == 700
    assert len(scheduler.get_quarantined()) == 700
    assert place.rows("SELECT count(*) FROM {t} WHERE id LIKE 'bad%'") == [(700,)]
