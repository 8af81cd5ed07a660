"""What is due while the interpreter ends: recorded, but no error of anybody's."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from apscheduler.executors.base import BaseExecutor, InterpreterEndingError
from apscheduler.testing import FakeClock, ManualScheduler

DUE = datetime(2030, 1, 1, tzinfo=UTC)


class EndingExecutor(BaseExecutor):
    """Refuses as the pools do when the interpreter is ending, which a test cannot survive."""

    def _do_submit_job(self, job, run_times):
        raise InterpreterEndingError


def test_a_run_that_the_ending_interpreter_refuses_is_recorded_as_cancelled_without_an_error(
    caplog,
):
    scheduler = ManualScheduler(
        executors={"default": EndingExecutor()}, clock=FakeClock(DUE), timezone="UTC"
    )
    scheduler.start()
    with caplog.at_level(logging.INFO):
        scheduler.add_job(print, "date", run_date=DUE, id="late")
        scheduler.tick()
    (run,) = scheduler.get_runs("late")
    assert (run.outcome, run.error) == (
        "cancelled",
        "InterpreterEndingError: the interpreter is ending",
    )
    (line,) = (each for each in caplog.records if "is ending" in each.getMessage())
    assert line.levelno == logging.INFO
    scheduler.shutdown()
