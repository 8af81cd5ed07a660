"""A scheduler without a thread: it processes jobs when told to, on a clock that moves when told to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler._engine.instants import SECOND, duration_us
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.base import BaseScheduler
from apscheduler.testing.clock import FakeClock


class ManualScheduler(BaseScheduler):
    """Runs jobs in the calling thread, at :meth:`tick` and :meth:`advance`.

    Takes the options of every scheduler; without them its zone is UTC, its clock a :class:`FakeClock` and its
    default executor the debug one, so that nothing is left to chance. Time goes from fire time to fire time, however
    far apart these are, also on a store that processes share::

        scheduler = ManualScheduler()
        scheduler.add_job(job, "interval", minutes=5)
        scheduler.start()
        scheduler.advance(timedelta(hours=1))  # job ran twelve times, each at its own time
    """

    clock: FakeClock

    def __init__(self, gconfig: Mapping[str, Any] = {}, **options: Any) -> None:
        self.woken = 0
        options.setdefault("timezone", UTC)
        options.setdefault("clock", FakeClock())
        super().__init__(gconfig, **options)
        self.clock = self._clock

    def _create_default_executor(self) -> DebugExecutor:
        return DebugExecutor()

    def wakeup(self) -> None:
        self.woken += 1
        self._dispatcher.lateness.asked_to_look(self._now_us())

    def shutdown(self, wait: bool = True, *, timeout: float | timedelta | None = None) -> None:
        """Stop. See :meth:`BaseScheduler.shutdown`."""
        super().shutdown(wait, timeout=timeout)

    def tick(self) -> float | None:
        """Run what is due at the clock's time; return the seconds until the next job is."""
        # What others do to a shared store is seen at the next call. Looking for it in between would take
        # thousands of passes for an hour.
        self._dispatcher.polls = False
        return self._process_jobs()

    def advance(self, by: timedelta | float) -> None:
        """Let time pass: run each fire time at its own instant, up to the new time.

        :param by: a timedelta or seconds, not negative
        :raises ValueError: for a negative one
        """
        span = duration_us(by) if isinstance(by, timedelta) else round(by * SECOND)
        if span < 0:
            raise ValueError(f"time passes forwards here, so by must not be negative: {by!r}")
        self.advance_to_us(self.clock.now_us() + span)

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until an (aware) moment."""
        self.advance((moment - self.clock.now()).total_seconds())

    def advance_to_us(self, target: int) -> None:
        """Let time pass until an instant in microseconds, UTC."""
        wait = self.tick()
        while wait is not None:
            due = self.clock.now_us() + round(wait * SECOND)
            if due > target:
                break
            self.clock.advance(wait)
            wait = self.tick()
        self.clock.advance((target - self.clock.now_us()) / SECOND)
