"""The ledger of a SQL store: questions, retention, texts; what several nodes see of it; adding many jobs at once."""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from time import monotonic

import pytest
from databases import SHARED, Place
from sqlalchemy import event, select

from apscheduler._engine.instants import SECOND, to_us
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import FakeClock, ManualScheduler

pytestmark = pytest.mark.slow

MODULE = "ledger_work"
SOURCE = """
from threading import Event

entered, leave = Event(), Event()
calls = []

def good(value=None):
    calls.append(value)
    return value

def bad(text="no"):
    raise ValueError(text)

def ping(levels):
    pong(levels)  # LONG

def pong(levels):
    if levels:
        ping(levels - 1)  # LONG
    raise ValueError("x" * 200_000)

def hold():
    calls.append("hold")
    entered.set()
    assert leave.wait(60)
""".replace("LONG", "so that each line of a traceback is long " * 20)
START = datetime(2030, 1, 1, tzinfo=UTC)
WAIT = 30.0
"""Seconds that a real thread is waited for at most."""


@pytest.fixture
def place(request, tmp_path):
    place = Place(getattr(request, "param", "sqlite"), tmp_path)
    yield place
    place.close()


@pytest.fixture
def work(tmp_path, monkeypatch):
    """The module of the jobs."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{MODULE}.py").write_text(SOURCE, "utf-8")
    importlib.invalidate_caches()
    yield importlib.import_module(MODULE)
    sys.modules.pop(MODULE, None)


@pytest.fixture
def opened(place, work):
    """Return a function that starts a scheduler on the place, each with a store of its own."""
    made = []

    def start(kind=ManualScheduler, *, paused=False, prepare=None, clock=None, **options):
        more = {} if kind is BackgroundScheduler else {"clock": clock or FakeClock()}
        options.setdefault("poll_interval", 3600)
        scheduler = kind(
            jobstores={"default": place.store(**options)},
            timezone="UTC",
            job_defaults={"misfire_grace_time": None},
            **more,
        )
        made.append(scheduler)
        if prepare is not None:
            prepare(scheduler)
        scheduler.start(paused=paused)
        return scheduler

    yield start
    work.leave.set()
    for scheduler in made:
        if scheduler.running:
            scheduler.shutdown()


def every(scheduler, id_, func="good", seconds=10, **options):
    return scheduler.add_job(f"{MODULE}:{func}", "interval", seconds=seconds, id=id_, **options)


def once(scheduler, id_, func="good", at=10, **options):
    when = START + timedelta(seconds=at)
    return scheduler.add_job(f"{MODULE}:{func}", "date", run_date=when, id=id_, **options)


def store_of(scheduler):
    return scheduler._jobstores["default"]


def settle(scheduler, seconds):
    """Let time pass, and have what one pass left claimed by the next ones."""
    scheduler.advance(seconds)
    for _ in range(5):
        scheduler.tick()


def second(run):
    return (to_us(run.fire_time) - to_us(START)) // SECOND


# -- questions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_runs_are_asked_for_by_job_outcome_time_node_and_number(place, opened):
    scheduler = opened()
    every(scheduler, "a")
    every(scheduler, "b", "bad")
    for _ in range(9):
        scheduler.advance(5)
        scheduler.tick()  # the first pass claims one of them only, see the next test
    runs = scheduler.get_runs()
    assert [second(run) for run in runs] == [40, 40, 30, 30, 20, 20, 10, 10]
    assert {run.outcome for run in scheduler.get_runs("a")} == {Outcome.EXECUTED}
    assert len(scheduler.get_runs("a")) == 4
    assert {run.job_id for run in scheduler.get_runs(outcome="failed")} == {"b"}
    assert scheduler.get_runs("a", outcome=Outcome.FAILED) == []
    since, until = START + timedelta(seconds=20), START + timedelta(seconds=40)
    assert [second(run) for run in scheduler.get_runs("a", since=since)] == [40, 30, 20]
    assert [second(run) for run in scheduler.get_runs("a", until=until)] == [30, 20, 10]
    assert [second(run) for run in scheduler.get_runs("a", since=since, until=until)] == [30, 20]
    assert [second(run) for run in scheduler.get_runs("b", limit=3)] == [40, 30, 20]
    (node,) = scheduler.nodes()
    assert {run.node for run in runs} == {node.name}
    assert len(scheduler.get_runs(node=node.name)) == 8
    assert scheduler.get_runs(node="nobody") == []
    with pytest.raises(JobLookupError):
        scheduler.get_runs("c")


def test_jobs_that_are_due_together_run_together_from_the_first_time_on(place, opened):
    scheduler = opened()
    for id_ in "abc":
        every(scheduler, id_)
    scheduler.advance(25)
    assert [second(run) for run in scheduler.get_runs(outcome="executed")] == [20] * 3 + [10] * 3


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_each_node_sees_the_runs_of_all_nodes_and_can_tell_them_apart(place, opened):
    clock = FakeClock()
    one, two = opened(clock=clock), opened(clock=clock)
    once(one, "a", at=10)
    once(one, "b", at=20)
    one.advance(15)
    two.advance(10)
    assert [run.job_id for run in one.get_runs()][-1] == "a"  # what it knows is written now
    names = {node.is_self: node.name for node in one.nodes()}
    assert [run.job_id for run in two.get_runs()] == ["b", "a"]
    assert [run.job_id for run in two.get_runs(node=names[True])] == ["a"]
    assert [run.job_id for run in one.get_runs(node=names[False])] == ["b"]


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_the_ledger_outlives_its_job_and_its_scheduler(place, opened):
    scheduler = opened()
    once(scheduler, "a", at=10)
    scheduler.advance(15)
    assert scheduler.get_job("a") is None
    (before,) = scheduler.get_runs()
    scheduler.shutdown()
    (after,) = opened().get_runs()
    assert (after.job_id, after.fire_time, after.outcome, after.node, after.fire_id) == (
        before.job_id,
        before.fire_time,
        Outcome.EXECUTED,
        before.node,
        before.fire_id,
    )
    assert after.started_at <= after.finished_at


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_fire_times_that_did_not_run_are_in_the_ledger_with_the_reason(place, opened):
    scheduler = opened()
    every(scheduler, "late", coalesce=True)
    scheduler.clock.advance(45)
    scheduler.tick()
    rolled, run = scheduler.get_runs("late")
    assert (run.outcome, second(run)) == (Outcome.EXECUTED, 40)
    assert (rolled.outcome, second(rolled), rolled.count) == (Outcome.COALESCED, 10, 3)
    assert rolled.last_fire_time == START + timedelta(seconds=30)
    assert "coalesce" in rolled.reason
    assert scheduler.outcome_counts() == {Outcome.EXECUTED: 1, Outcome.COALESCED: 3}


# -- texts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_results_are_kept_as_text_where_that_was_asked_for(place, opened):
    scheduler = opened(keep_results=True)
    values = {"a": [1, "zwei"], "none": None, "nul": "a\x00b", "half": "\ud800", "face": "🙂"}
    for id_, value in values.items():
        once(scheduler, id_, args=[value])
    once(scheduler, "long", args=["y" * 200_000])
    once(scheduler, "bad", "bad")
    settle(scheduler, 15)
    runs = {run.job_id: run for run in scheduler.get_runs()}
    assert {run.outcome for id_, run in runs.items() if id_ != "bad"} == {Outcome.EXECUTED}
    assert runs["a"].result == "[1, 'zwei']"
    assert runs["none"].result is None
    assert runs["nul"].result == r"'a\x00b'"
    assert runs["half"].result == r"'\ud800'"
    assert runs["face"].result == "'🙂'"
    assert runs["bad"].result is None
    assert 1000 < len(runs["long"].result) <= 64 * 1024


def test_results_are_not_kept_unless_asked_for(opened):
    scheduler = opened()
    once(scheduler, "a", args=["secret"])
    scheduler.advance(15)
    (run,) = scheduler.get_runs()
    assert (run.outcome, run.result) == (Outcome.EXECUTED, None)


@pytest.mark.parametrize("place", SHARED, indirect=True)
@pytest.mark.parametrize(
    ("text", "kept"),
    [("nul \x00 nul", r"\x00"), ("half \udc80 \ud83d", r"\udc80"), ("face 🙂", "🙂")],
    ids=["nul", "surrogate", "emoji"],
)
def test_errors_of_any_characters_are_kept(place, opened, text, kept):
    scheduler = opened()
    once(scheduler, "a", "bad", args=[text])
    scheduler.advance(15)
    (run,) = scheduler.get_runs()
    assert run.outcome is Outcome.FAILED
    assert run.error.startswith("ValueError: ")
    assert kept in run.error
    assert "ledger_work.py" in run.traceback


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_traceback_is_cut_at_64_kilobytes_and_its_ends_are_kept(place, opened):
    scheduler = opened()
    once(scheduler, "a", "ping", args=[100])
    scheduler.advance(15)
    (run,) = scheduler.get_runs()
    assert 60 * 1024 < len(run.traceback) <= 64 * 1024
    assert "in ping" in run.traceback.partition("characters left out")[0]
    *_, raising, headline, left_out, _ = run.traceback.rstrip().split("\n")
    assert raising.endswith('raise ValueError("x" * 200_000)')
    assert headline.startswith("ValueError: xxx")
    assert "characters left out" in left_out  # a message has its own limit
    assert len(run.error) <= 1000


# -- retention ------------------------------------------------------------------------------------------------


def fires(place):
    return place.rows("SELECT count(*) FROM {t}_runs")[0][0]


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_pruning_keeps_the_newest_rows_up_to_the_number(place, opened):
    scheduler = opened(history=5)
    every(scheduler, "a")
    scheduler.advance(205)
    scheduler.get_runs()
    assert fires(place) == 20
    assert store_of(scheduler).prune() == 15
    assert [second(run) for run in scheduler.get_runs()] == [200, 190, 180, 170, 160]
    assert store_of(scheduler).prune() == 0
    assert scheduler.outcome_counts() == {Outcome.EXECUTED: 5}


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_pruning_removes_what_is_too_old(place, opened):
    scheduler = opened(history=None, history_age=timedelta(hours=1))
    every(scheduler, "a")
    scheduler.advance(105)
    scheduler.get_runs()
    assert store_of(scheduler).prune() == 0
    hours = 3600 * SECOND
    place.change(
        "UPDATE {t}_runs SET seq = seq - :age WHERE fire_us <= :until",
        age=2 * hours,
        until=to_us(START) + 40 * SECOND,
    )
    assert store_of(scheduler).prune() == 4
    assert [second(run) for run in scheduler.get_runs()] == [100, 90, 80, 70, 60, 50]


@pytest.mark.parametrize(("history", "removed"), [(3, 7), (8, 4)])
def test_of_two_limits_the_one_counts_that_keeps_less(place, opened, history, removed):
    scheduler = opened(history=history, history_age=timedelta(hours=1))
    every(scheduler, "a")
    scheduler.advance(105)
    scheduler.get_runs()
    place.change(
        "UPDATE {t}_runs SET seq = seq - :age WHERE fire_us <= :until",
        age=2 * 3600 * SECOND,
        until=to_us(START) + 40 * SECOND,
    )
    assert store_of(scheduler).prune() == removed


def test_without_limits_nothing_is_pruned(place, opened):
    scheduler = opened(history=None, history_age=None)
    every(scheduler, "a")
    scheduler.advance(105)
    scheduler.get_runs()
    place.change("UPDATE {t}_runs SET seq = seq - :age", age=10 * 365 * 86400 * SECOND)
    assert store_of(scheduler).prune() == 0
    assert fires(place) == 10


def test_a_long_backlog_is_pruned_in_several_steps(place, opened):
    scheduler = opened(history=10)
    every(scheduler, "a", seconds=1)
    scheduler.advance(1)
    scheduler.get_runs()
    (row,) = place.rows("SELECT * FROM {t}_runs")
    values = dict(row._mapping)
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    from sqlalchemy import text

    with place.engine().begin() as connection:
        connection.execute(
            text(f"INSERT INTO {place.table}_runs ({names}) VALUES ({marks})"),
            [
                {**values, "fire_us": values["fire_us"] - n, "seq": values["seq"] - n}
                for n in range(1, 3500)
            ],
        )
    assert store_of(scheduler).prune() == 3490
    assert fires(place) == 10


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_run_that_goes_on_is_never_pruned(place, opened, work):
    scheduler = opened(
        BackgroundScheduler, history=0, history_age=timedelta(microseconds=1), poll_interval=1
    )
    scheduler.add_job(f"{MODULE}:good", id="done")
    scheduler.add_job(f"{MODULE}:hold", id="held")
    assert work.entered.wait(WAIT)
    written = "SELECT COUNT(*) FROM {t}_runs WHERE job_id = 'done' AND state = 10"
    until(lambda: place.rows(written) == [(1,)])
    place.change("UPDATE {t}_runs SET seq = seq - :age", age=86400 * SECOND)
    store_of(scheduler).prune()
    assert place.rows("SELECT job_id FROM {t}_runs WHERE state < 10") == [("held",)]
    work.leave.set()
    scheduler.shutdown()
    assert place.rows("SELECT state FROM {t}_runs WHERE job_id = 'held'") == [(10,)]


# -- several nodes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_runs_that_go_on_are_seen_by_every_node(place, opened, work):
    runner = opened(BackgroundScheduler, poll_interval=1)
    watcher = opened(paused=True)
    assert watcher.get_running() == []
    runner.add_job(f"{MODULE}:hold", id="held")
    assert work.entered.wait(WAIT)
    (seen,) = watcher.get_running()
    name = next(node.name for node in runner.nodes() if node.is_self)
    assert (seen.job_id, seen.jobstore, seen.outcome, seen.node) == ("held", "default", None, name)
    assert seen.finished_at is None
    assert [run.fire_id for run in runner.get_running()] == [seen.fire_id]
    assert watcher.get_runs() == []
    work.leave.set()
    runner.shutdown()
    assert watcher.get_running() == []
    assert [run.fire_id for run in watcher.get_runs()] == [seen.fire_id]


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_nodes_are_listed_while_they_claim(place, opened):
    import os

    one, two = opened(), opened()
    one.tick()
    two.tick()
    listed = one.nodes()
    assert len({node.name for node in listed}) == len({node.epoch for node in listed}) == 2
    assert [node.is_self for node in listed].count(True) == 1
    now = datetime.now(UTC)
    for node in listed:
        assert node.jobstore == "default"
        assert node.pid == os.getpid()
        assert node.alive
        assert abs(node.started_at - now) < timedelta(minutes=1)
        assert now < node.lease_until < now + timedelta(seconds=16)
    mine = next(node.epoch for node in listed if node.is_self)
    assert [node.epoch for node in two.nodes() if not node.is_self] == [mine]
    two.shutdown()
    assert [node.epoch for node in one.nodes()] == [mine]


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_max_instances_counts_the_runs_of_all_nodes(place, opened, work):
    runner = opened(BackgroundScheduler, poll_interval=1)
    now = datetime.now(UTC)
    runner.add_job(
        f"{MODULE}:hold", "interval", hours=1, id="held", next_run_time=now, max_instances=1
    )
    assert work.entered.wait(WAIT)
    runner.pause()
    other = opened(clock=FakeClock(now + timedelta(seconds=1)))
    other.advance(3600)
    (skipped,) = other.get_runs("held")
    assert skipped.outcome is Outcome.SKIPPED
    assert "max_instances is 1" in skipped.reason
    assert work.calls == ["hold"]
    work.leave.set()
    runner.shutdown()
    other.advance(3600)
    assert work.calls == ["hold", "hold"]


def test_max_instances_leaves_room_for_as_many_as_it_says(place, opened, work):
    runner = opened(BackgroundScheduler, poll_interval=1)
    now = datetime.now(UTC)
    runner.add_job(
        f"{MODULE}:hold", "interval", hours=1, id="held", next_run_time=now, max_instances=2
    )
    assert work.entered.wait(WAIT)
    runner.pause()
    other = opened(clock=FakeClock(now + timedelta(seconds=1)))
    work.leave.set()  # the second instance returns at once; the first one may be gone or not
    other.advance(3600)
    assert [run.outcome for run in other.get_runs("held", node=own_name(other))] == [
        Outcome.EXECUTED
    ]


def own_name(scheduler):
    return next(node.name for node in scheduler.nodes() if node.is_self)


# -- many jobs at once -----------------------------------------------------------------------------------------


def many(number, **options):
    return [
        {
            "func": f"{MODULE}:good",
            "trigger": "interval",
            "hours": 1,
            "id": f"job {n:05}",
            "misfire_grace_time": None,
            **options,
        }
        for n in range(number)
    ]


class Transactions:
    """How many transactions of an engine inserted into, or updated, the job table, and how many rows."""

    def __init__(self, scheduler, place) -> None:
        self.engine = store_of(scheduler).engine
        self.words = tuple(f"{verb} {place.table} " for verb in ("INSERT INTO", "UPDATE"))
        self.writing = {}
        self.count = 0
        event.listen(self.engine, "before_cursor_execute", self.executed)

    def executed(self, connection, cursor, statement, parameters, context, executemany):
        plain = statement.replace("`", "").replace('"', "")
        if statement.startswith("BEGIN IMMEDIATE"):
            connection.info["wrote"] = None
        transaction = connection.get_transaction()
        if plain.startswith(self.words) and connection.info.get("wrote") is not transaction:
            connection.info["wrote"] = transaction
            self.count += 1


@pytest.mark.parametrize("place", SHARED, indirect=True)
@pytest.mark.parametrize("taken", ["job 00000", "job 01234", "job 02499"])
def test_jobs_that_are_added_together_are_added_all_or_none(place, opened, taken):
    scheduler = opened()
    scheduler.add_job(f"{MODULE}:good", "interval", hours=9, id=taken)
    with pytest.raises(ConflictingIdError) as caught:
        scheduler.add_jobs(many(2500))
    assert caught.value.job_id == taken
    assert [job.id for job in scheduler.get_jobs()] == [taken]
    scheduler.remove_job(taken)
    assert len(scheduler.add_jobs(many(2500))) == 2500
    assert place.rows("SELECT count(*) FROM {t}") == [(2500,)]


def test_an_id_that_is_given_twice_adds_none_of_the_jobs(place, opened):
    scheduler = opened()
    with pytest.raises(ConflictingIdError):
        scheduler.add_jobs([*many(3), *many(1)])
    assert scheduler.get_jobs() == []


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_jobs_that_are_added_together_replace_those_of_their_ids(place, opened):
    scheduler = opened()
    scheduler.add_jobs(many(3))
    scheduler.add_jobs(many(5, name="new", replace_existing=True))
    assert [job.name for job in scheduler.get_jobs()] == ["new"] * 5


@pytest.mark.parametrize("place", SHARED, indirect=True)
@pytest.mark.parametrize("replace", [False, True])
def test_jobs_that_wait_for_the_start_are_written_in_one_transaction(place, opened, replace):
    if replace:
        opened().add_jobs(many(30, name="old"))
    counted = []

    def prepare(scheduler):
        for each in many(50, name="new"):
            scheduler.add_job(**each, replace_existing=replace)
        counted.append(Transactions(scheduler, place))

    scheduler = opened(prepare=prepare)
    assert counted[0].count == 1
    assert [job.name for job in scheduler.get_jobs()] == ["new"] * 50


@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_waiting_job_whose_id_is_taken_costs_itself_only(place, opened):
    first = opened()
    first.add_job(f"{MODULE}:good", "interval", hours=9, id="job 00002", name="first")
    waiting = []

    def prepare(scheduler):
        for each in many(5, name="new"):
            scheduler.add_job(**each)
        waiting.append(scheduler)

    with pytest.raises(ConflictingIdError) as caught:
        opened(prepare=prepare)
    assert caught.value.job_id == "job 00002"
    names = {job.id: job.name for job in first.get_jobs()}
    assert names == {f"job {n:05}": "first" if n == 2 else "new" for n in range(5)}


def test_threads_that_add_the_same_jobs_add_them_once(place, opened):
    scheduler = opened()
    conflicts, ready = [], Event()

    def add():
        ready.wait()
        try:
            scheduler.add_jobs(many(50))
        except ConflictingIdError as exc:
            conflicts.append(exc)

    threads = [Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    ready.set()
    for thread in threads:
        thread.join(WAIT)
    assert len(conflicts) == 3
    assert place.rows("SELECT count(*) FROM {t}") == [(50,)]


def test_outcomes_that_a_failed_claim_took_along_do_not_wait_for_another_claim(
    place, work, monkeypatch
):
    store = place.store()
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone=UTC)
    scheduler.start()
    try:
        with suppress(ZeroDivisionError), store._session.outbox.taken():
            raise ZeroDivisionError  # with nothing to take along, and before there is a thread
        scheduler.add_job(f"{MODULE}:good", id="first")
        until(lambda: _states(store) == {"first": EXECUTED})
        outbox = store._session.outbox
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "_add", outbox._waiting.append)  # the thread has not heard of it
            scheduler.add_job(f"{MODULE}:good", id="second")
            until(lambda: len(outbox) == 1)
        with suppress(ZeroDivisionError), outbox.taken() as outcomes:
            assert len(outcomes) == 1
            raise ZeroDivisionError
        until(lambda: _states(store) == {"first": EXECUTED, "second": EXECUTED})
    finally:
        scheduler.shutdown()


EXECUTED = 10


def _states(store):
    """The state of each job's run, as the table has it."""
    runs = store._parts.tables.runs
    with store.engine.connect() as connection:
        return dict(connection.execute(select(runs.c.job_id, runs.c.state)).all())


def until(condition):
    ends = monotonic() + WAIT
    while not condition():
        assert monotonic() < ends, "waited in vain"
        Event().wait(0.005)
