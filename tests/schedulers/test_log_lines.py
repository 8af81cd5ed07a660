"""What the log says of a normal day: one line for each run, in order, short enough to read.

Neighbours tried beyond the reported ones: runs that are coalesced, missed, too many or skipped, a span over midnight, jobs
that end, executors whose runs are not logged, a plain store and an executor of 3.x's kind, exceptions with long texts, long
classes, line breaks, escapes and wide letters, names of up to 400 characters.
"""

from __future__ import annotations

import logging
import re
import threading
from datetime import UTC, datetime, timedelta

import pytest

from apscheduler.events import EVENT_EVERYTHING, EVENT_JOB_EXECUTED
from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import DictStore, FakeClock, ManualScheduler

PATIENCE = 30
LONG = 160
"""Characters of a line where the job's name and id together have 24 at most."""


class Own(BaseExecutor):
    """As they were written for 3.x."""

    def _do_submit_job(self, job, run_times):
        def work():
            events = run_job(job, job._jobstore_alias, run_times, self._logger.name)
            self._run_job_success(job.id, events)

        threading.Thread(target=work).start()


STORES = {
    "memory": lambda path: MemoryJobStore(),
    "rows": lambda path: SQLAlchemyJobStore(f"sqlite:///{path}/jobs.db"),
    "plain": lambda path: DictStore(),
}
EXECUTORS = {
    "debug": DebugExecutor,
    "threads": lambda: ThreadPoolExecutor(2),
    "processes": lambda: ProcessPoolExecutor(1),
    "own": Own,
}


def nothing():
    pass


def fail():
    raise ValueError("no price")


@pytest.fixture
def lines(caplog):
    """The log's records from INFO on."""
    caplog.set_level(logging.INFO, logger="apscheduler")
    return caplog


def day(store, executor, func, quiet=()):
    """Run a job twice, and one a single time, to their ends."""
    scheduler = BackgroundScheduler(
        jobstores={"default": store}, executors={"there": executor}, timezone="UTC"
    )
    ended = threading.Semaphore(0)
    scheduler.add_listener(
        lambda event: ended.release() if hasattr(event, "retval") else None, EVENT_EVERYTHING
    )
    for name in quiet:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        scheduler.start()
        now = datetime.now(UTC)
        options = {"executor": "there", "misfire_grace_time": None, "coalesce": False}
        if isinstance(executor, ProcessPoolExecutor):
            options["max_instances"] = 2  # a process may take longer to start than the interval is
        span = {
            "start_date": now + timedelta(seconds=0.3),
            "end_date": now + timedelta(seconds=0.7),
        }
        scheduler.add_job(func, "interval", seconds=0.3, id="twice", **span, **options)
        scheduler.add_job(func, "date", run_date=now, id="once", name="all prices", **options)
        for _ in range(3):
            assert ended.acquire(timeout=PATIENCE)
    finally:
        scheduler.shutdown()
        for name in quiet:
            logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("store", STORES)
def test_each_run_has_one_line_with_id_and_duration_and_farewells_come_last(
    store, executor, lines, tmp_path
):
    day(STORES[store](tmp_path), EXECUTORS[executor](), nothing)
    told = [(each.name, each.levelname, each.getMessage()) for each in lines.records]
    runs = [text for name, _, text in told if name == "apscheduler.executors.there"]
    assert len(runs) == 3
    for text in runs:
        assert re.search(r"executed successfully in \d+\.\d{3} s", text)
        assert " (twice) " in text or '"all prices" (once)' in text
    for job_id, count in (("twice", 2), ("once", 1)):
        own = [text for _, _, text in told if job_id in text and "Added" not in text]
        assert len(own) == count + 1
        assert own[-1] == f"Job {job_id} has no further fire time and was removed"
    assert {level for _, level, _ in told} == {"INFO"}
    for _, _, text in told:
        assert "paused" not in text
        assert len(text) < LONG


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("store", STORES)
def test_a_farewell_comes_after_a_failure_also_where_runs_are_not_logged(
    store, executor, lines, tmp_path
):
    day(STORES[store](tmp_path), EXECUTORS[executor](), fail, ["apscheduler.executors.there"])
    told = [each.getMessage() for each in lines.records]
    for job_id, count in (("twice", 2), ("once", 1)):
        own = [text for text in told if job_id in text and "Added" not in text]
        assert ["raised an exception" in text for text in own] == [True] * count + [False]
        assert own[-1] == f"Job {job_id} has no further fire time and was removed"


def a_page():
    raise ValueError(f"no price: {PAGE}")


def lines_and_controls():
    raise ValueError("\n\x1b[31m\u2028" * 300 + PAGE)


def of_a_long_class():
    raise type("E" * 300, (Exception,), {})(PAGE)


def behind_another():
    try:
        a_page()
    except ValueError as exc:
        raise RuntimeError(PAGE * 2) from exc


PAGE = "定x" * 800 + "end"
LONG_TEXTS = {
    a_page: "ValueError: no price: 定x",
    lines_and_controls: "ValueError: ",
    of_a_long_class: "EEEEEE",
    behind_another: "RuntimeError: 定x",
}


@pytest.mark.parametrize(
    ("executor", "func"),
    [
        (executor, func)
        for executor in EXECUTORS
        for func in LONG_TEXTS
        if executor != "processes" or func is not of_a_long_class  # which does not travel
    ],
)
def test_a_long_text_of_an_exception_is_cut_in_the_headline_and_whole_below_it(
    executor, func, lines
):
    day(MemoryJobStore(), EXECUTORS[executor](), func)
    failures = [each for each in lines.records if "raised an exception" in each.getMessage()]
    assert len(failures) == 3
    for each in failures:
        headline = each.getMessage()
        assert len(headline) < LONG
        assert headline.endswith("…")
        assert LONG_TEXTS[func] in headline
        assert "end" in logging.Formatter().format(each)
        assert "end" in str(each.exc_info[1])


@pytest.mark.parametrize("length", [30, 50, 100, 400])
def test_a_long_name_leaves_room_for_the_beginning_of_what_failed(length, lines):
    scheduler = ManualScheduler(clock=FakeClock(datetime(2026, 3, 1, 9, tzinfo=UTC)))
    scheduler.start()
    scheduler.add_job(a_page, "interval", minutes=1, id="job", name="n" * length)
    scheduler.advance(60)
    scheduler.shutdown()
    (headline,) = [
        each.getMessage() for each in lines.records if "raised an exception" in each.getMessage()
    ]
    assert f'"{"n" * length}" (job)' in headline
    assert "ValueError: no price: 定" in headline
    assert headline.endswith("…")
    assert len(headline) < LONG or length >= 100


@pytest.mark.parametrize("executor", ["threads", "debug"])
def test_a_short_text_of_an_exception_is_not_cut(executor, lines):
    day(MemoryJobStore(), EXECUTORS[executor](), fail)
    failures = [each.getMessage() for each in lines.records if "no price" in each.getMessage()]
    assert len(failures) == 3
    assert all(each.endswith("ValueError: no price") for each in failures)


def overdue(scheduler, **options):
    """Have a job that runs every minute overdue by so many runs, and look."""
    count = options.pop("count")
    scheduler.add_job(nothing, "interval", minutes=1, id="job", name="read prices", **options)
    scheduler.clock.advance(60 * count + 30)
    scheduler.tick()


DAYS = {
    "one coalesced": (
        {"count": 2, "coalesce": True, "misfire_grace_time": None},
        (
            'Job "read prices" (job): 1 overdue run (2026-03-01 09:01:00 UTC) '
            "was rolled into a later one (coalesce)"
        ),
    ),
    "several coalesced": (
        {"count": 5, "coalesce": True, "misfire_grace_time": None},
        (
            'Job "read prices" (job): 4 overdue runs (2026-03-01 09:01:00 to 09:04:00 UTC) '
            "were rolled into a later one (coalesce)"
        ),
    ),
    "over midnight": (
        {"count": 1000, "coalesce": True, "misfire_grace_time": None},
        (
            'Job "read prices" (job): 999 overdue runs (2026-03-01 09:01:00 UTC to 2026-03-02 01:39:00 UTC) '
            "were rolled into a later one (coalesce)"
        ),
    ),
    "missed": (
        {"count": 1, "misfire_grace_time": 7},
        (
            'Job "read prices" (job) missed 2026-03-01 09:01:00 UTC by 30.000 s: '
            "the process was asleep or held up, or the clock was set forward; misfire_grace_time is 7 s"
        ),
    ),
    "too many": (
        {"count": 10_007, "coalesce": False, "misfire_grace_time": None},
        (
            'Job "read prices" (job) missed 7 runs (2026-03-01 09:01:00 to 09:07:00 UTC): '
            "more than 10000 were overdue; with coalesce=True one runs for all"
        ),
    ),
}


@pytest.mark.parametrize("case", DAYS)
def test_what_was_not_run_is_one_short_line(case, lines):
    options, expected = DAYS[case]
    scheduler = ManualScheduler(clock=FakeClock(datetime(2026, 3, 1, 9, tzinfo=UTC)))
    scheduler.start()
    lines.clear()
    overdue(scheduler, **options)
    scheduler.shutdown()
    told = [each.getMessage() for each in lines.records]
    assert expected in told
    assert max(map(len, told)) < LONG


def test_a_run_that_is_skipped_is_one_short_line(lines):
    go, begun = threading.Event(), threading.Event()

    def holds():
        begun.set()
        assert go.wait(PATIENCE)

    clock = FakeClock(datetime(2026, 3, 1, 9, tzinfo=UTC))
    scheduler = ManualScheduler(clock=clock, executors={"default": ThreadPoolExecutor(2)})
    done = threading.Event()
    scheduler.add_listener(lambda event: done.set(), EVENT_JOB_EXECUTED)
    scheduler.start()
    scheduler.add_job(holds, "interval", minutes=1, id="job", name="read prices")
    scheduler.advance(60)
    assert begun.wait(PATIENCE)
    scheduler.advance(60)
    go.set()
    assert done.wait(PATIENCE)
    scheduler.shutdown()
    (line,) = [each.getMessage() for each in lines.records if "skipped" in each.getMessage()]
    assert line == (
        'Job "read prices" (job) skipped 2026-03-01 09:02:00 UTC: 1 instance was still running, '
        "and max_instances is 1; a timeout or a longer interval helps"
    )
    assert len(line) < LONG


@pytest.mark.parametrize("store", ["memory", "sqlalchemy"])
def test_what_was_missed_together_says_why_it_was_late(store, tmp_path, lines):
    options = {"url": f"sqlite:///{tmp_path}/jobs"} if store == "sqlalchemy" else {}
    scheduler = ManualScheduler(clock=FakeClock(datetime(2026, 3, 1, 9, tzinfo=UTC)))
    scheduler.add_jobstore(store, **options)
    scheduler.start()
    overdue(scheduler, count=500, coalesce=False, misfire_grace_time=61)
    missed = scheduler.get_runs(outcome="missed", limit=1000)
    scheduler.shutdown()
    assert {run.reason for run in missed} == {
        "the process was asleep or held up, or the clock was set forward"
    }
    assert max(run.count for run in missed) == 399
    assert (
        'Job "read prices" (job) missed 399 runs (2026-03-01 09:01:00 to 15:39:00 UTC): '
        "the process was asleep or held up, or the clock was set forward"
    ) in [each.getMessage() for each in lines.records]
