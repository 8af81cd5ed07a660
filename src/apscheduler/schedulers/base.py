"""The base class of all schedulers. Options, parts and jobs are in _api, the loop in _dispatch.

A host is a subclass of :class:`BaseScheduler` that says how to wait: its ``wakeup`` has
:meth:`BaseScheduler._process_jobs` called soon, and the host calls that method again after the seconds it returned.
"""

from __future__ import annotations

import weakref
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from threading import get_ident

from apscheduler import ends
from apscheduler._engine.instants import from_us, to_us
from apscheduler.clocks import monotonic, time_ns
from apscheduler.elsewhere import names_of_3x
from apscheduler.events import (
    EVENT_ALL,
    EVENT_ALL_JOBS_REMOVED,
    EVENT_EXECUTOR_ADDED,
    EVENT_EXECUTOR_REMOVED,
    EVENT_JOB_ADDED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MODIFIED,
    EVENT_JOB_REMOVED,
    EVENT_JOB_SUBMITTED,
    EVENT_JOBSTORE_ADDED,
    EVENT_JOBSTORE_REMOVED,
    EVENT_SCHEDULER_PAUSED,
    EVENT_SCHEDULER_RESUMED,
    EVENT_SCHEDULER_SHUTDOWN,
    EVENT_SCHEDULER_STARTED,
    SchedulerEvent,
)
from apscheduler.forks import after_fork, look
from apscheduler.installation import warn_of_foreign_copies
from apscheduler.schedulers import SchedulerAlreadyRunningError, SchedulerNotRunningError
from apscheduler.schedulers._end.stopping import Stopping
from apscheduler.schedulers._start.environment import check_uwsgi, is_reimporting_main
from apscheduler.schedulers._states import STATE_PAUSED, STATE_RUNNING, STATE_STOPPED
from apscheduler.zones.watching import watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Any

    from apscheduler.schedulers._dispatch.leading import Leading
    from apscheduler.schedulers._dispatch.loop import Dispatcher
    from apscheduler.schedulers._dispatch.settling import LaneSink

__all__ = [
    "EVENT_ALL",
    "EVENT_ALL_JOBS_REMOVED",
    "EVENT_EXECUTOR_ADDED",
    "EVENT_EXECUTOR_REMOVED",
    "EVENT_JOBSTORE_ADDED",
    "EVENT_JOBSTORE_REMOVED",
    "EVENT_JOB_ADDED",
    "EVENT_JOB_MAX_INSTANCES",
    "EVENT_JOB_MODIFIED",
    "EVENT_JOB_REMOVED",
    "EVENT_JOB_SUBMITTED",
    "EVENT_SCHEDULER_PAUSED",
    "EVENT_SCHEDULER_RESUMED",
    "EVENT_SCHEDULER_SHUTDOWN",
    "EVENT_SCHEDULER_STARTED",
    "STATE_PAUSED",
    "STATE_RUNNING",
    "STATE_STOPPED",
    "BaseScheduler",
]

_real_datetime = datetime


def get_localzone() -> Any:
    """Return the machine's time zone."""
    from apscheduler.moments import local_zone

    return local_zone()


class BaseScheduler(Stopping, metaclass=ABCMeta):
    """Abstract base class of all schedulers.

    Takes the options of :meth:`configure`:

    :param logger: the logger of the scheduler's own log lines, or a reference to one (default: ``apscheduler.scheduler``)
    :param timezone: the zone of triggers that name none, or its name (default: the machine's)
    :param jobstore_retry_interval: seconds until a failed job store is asked again (default: 10)
    :param job_defaults: ``misfire_grace_time``, ``coalesce``, ``max_instances``, ``timeout``, ``delivery`` of jobs that
        give none
    :param jobstores: job stores by alias (default: a memory store as ``"default"``)
    :param executors: executors by alias (default: that of the host as ``"default"``, with 10 threads where it has threads)
    :param executor: the default executor: an executor, its name, or a ``concurrent.futures.Executor``. Added in 1.0.
    :param leader_lock: a file's path, or a job store that processes share (or its alias): of the schedulers with the
        same lock only one runs jobs at a time, and another takes over when it ends. Added in 1.0.
    :param clock: an object with ``now_us()``, the time in microseconds UTC, instead of the system's clock. Added in 1.0.
    """

    def __init__(self, gconfig: Mapping[str, Any] = {}, **options: Any) -> None:
        self.state = STATE_STOPPED
        super().__init__()
        self._ended_jobs = set()
        self._ending_jobs = {}
        _living.add(self)
        self.configure(gconfig, **options)

    def __getstate__(self) -> None:
        raise TypeError(
            "schedulers cannot be pickled: a job must not hold its scheduler as an argument or owner. "
            "Let the job's function find it in a module instead"
        )

    # -- life --------------------------------------------------------------------------------------------

    _state = STATE_STOPPED

    @property
    def state(self) -> int:
        """``STATE_STOPPED``, ``STATE_RUNNING`` or ``STATE_PAUSED``; stopped in a child process after a fork."""
        if self._state:
            look()
        return self._state

    @state.setter
    def state(self, state: int) -> None:
        self._state = state

    def start(self, paused: bool = False) -> None:
        """Start the executors and job stores and process jobs from now on.

        In a worker process that is re-importing the main module (a script without a main guard) it does nothing.

        :param paused: whether to process no jobs until :meth:`resume`
        :raises SchedulerAlreadyRunningError: if the scheduler is running. A shutdown that is under way in another
            thread is waited for; but if it waits for the calling job or listener, or the calling thread has the
            scheduler's event loop, this error is raised
        :raises RuntimeError: under uWSGI with threads disabled
        """
        if self.state != STATE_STOPPED:
            raise SchedulerAlreadyRunningError
        self._let_shutdown_end("start")
        self._pending_by = 0  # even if the start fails, nobody has forgotten to call it
        if is_reimporting_main():
            self._logger.info(
                "Not started: this process is only re-importing its parent's main module"
            )
            return
        self._check_uwsgi()
        self._forget_time_before()
        warn_of_foreign_copies(self._logger)
        watch(self._logger)
        self._add_default_parts()
        self._lead = self._made_lead()
        try:
            self._start_parts()
            self._has_begun = not paused
            if not paused:
                self._dispatcher.begin_later(self._make_due_at_start())
        except BaseException:
            self._give_up_lead()
            raise
        self._ends = False
        self._starts += 1
        self._started_at_monotonic = monotonic()
        self.state = STATE_PAUSED if paused else STATE_RUNNING
        ends.watch_children_end()
        self._logger.info("Scheduler started")
        self._dispatch_event(SchedulerEvent(EVENT_SCHEDULER_STARTED))
        if not paused:
            self._look_for_twins()
            self.wakeup()

    def _start_parts(self) -> None:
        """Start the executors and job stores, and store the jobs that waited."""
        for alias, executor in list(self._executors.items()):
            executor.start(self, alias)
        for alias, store in list(self._jobstores.items()):
            self._start_store(store, alias)
        self._dispatcher.lateness.started(self._now_us())
        try:
            self._add_pending_jobs()
        except Exception:
            self._stop_executors(wait=False)
            raise

    def _give_up_lead(self) -> None:
        """Release the leader lock after a start that failed, so that the lock's store can be removed."""
        lead, self._lead = self._lead, None
        if lead is not None:
            lead.release()

    def _check_uwsgi(self) -> None:
        """Refuse to start under uWSGI with threads disabled.

        :raises RuntimeError: in that case
        """
        check_uwsgi()

    def _look_for_twins(self) -> None:
        """Warn if another worker of this application has such a scheduler too, if each job would run in both."""
        if self._twin_byte is not None or self._lead is not None or self._clock is not None:
            return
        from apscheduler.schedulers._start import twins
        from apscheduler.schedulers._store_calls import is_private

        if all(is_private(store) for _, store in self._claiming_stores()):
            self._twin_byte = twins.look(self)

    def _made_lead(self) -> Leading | None:
        if self._leader_lock is None:
            return None
        from apscheduler.schedulers._dispatch.leading import Leading, lock_of, store_of

        lock = lock_of(self._leader_lock, self._jobstores)
        return Leading(self, lock, store_of(self._leader_lock, self._jobstores))

    def _add_default_parts(self) -> None:
        if "default" not in self._executors:
            self.add_executor(self._create_default_executor(), "default")
        if "default" not in self._jobstores:
            self.add_jobstore(self._create_default_jobstore(), "default")

    @abstractmethod
    def shutdown(self, wait: bool = True, *, timeout: float | timedelta | None = None) -> None:
        """Stop processing jobs and free executors and job stores.

        :param wait: whether to wait until running jobs have ended
        :param timeout: for how many seconds (or a timedelta) to wait at most. What has not begun is given back at once
            if others share the job store. What still runs after this time is logged, goes on, and is not waited for at
            the program's end. Added in 1.0.
        :raises SchedulerNotRunningError: if the scheduler is not running
        :raises TypeError, ValueError: if ``timeout`` is no number of seconds
        """
        seconds = self._begin_shutdown(timeout)
        self._finish_shutdown(wait=wait, timeout=seconds)

    _starts = 0
    """How often the scheduler was started; a loop ends when this is no longer its own start's number."""

    def pause(self) -> None:
        """Stop processing jobs until :meth:`resume`; what runs goes on.

        :raises SchedulerNotRunningError: if the scheduler is not running
        """
        if self.state == STATE_STOPPED:
            raise SchedulerNotRunningError
        if self.state == STATE_RUNNING:
            self.state = STATE_PAUSED
            self._logger.info("Paused scheduler job processing")
            self._dispatch_event(SchedulerEvent(EVENT_SCHEDULER_PAUSED))

    def resume(self) -> None:
        """Go on processing jobs.

        :raises SchedulerNotRunningError: if the scheduler is not running
        """
        if self.state == STATE_STOPPED:
            raise SchedulerNotRunningError
        if self.state == STATE_PAUSED:
            self._dispatcher.lateness.resumed(self._now_us())
            if not self._has_begun:
                self._has_begun = True
                self._dispatcher.begin_later(self._make_due_at_start())
            self.state = STATE_RUNNING
            self._logger.info("Resumed scheduler job processing")
            self._look_for_twins()
            self._dispatch_event(SchedulerEvent(EVENT_SCHEDULER_RESUMED))
            self.wakeup()

    @property
    def running(self) -> bool:
        """Whether the scheduler has been started; also true while it is paused."""
        return self.state != STATE_STOPPED

    @property
    def is_leader(self) -> bool:
        """Whether the scheduler is running and is the one that runs the jobs (always without ``leader_lock``). Added in 1.0."""
        return self.running and (self._lead is None or self._lead.held)

    @abstractmethod
    def wakeup(self) -> None:
        """Have the loop look for due jobs now. Does nothing while the scheduler is not running."""

    def _process_jobs(self) -> float | None:
        """Run what is due and return the seconds until the next job is (``None``: nothing is scheduled)."""
        self._passes += 1
        self._in_pass = get_ident()
        try:
            return self._dispatcher.run_pass() if self._is_dispatching() else None
        finally:
            self._in_pass = 0

    _started_at_monotonic = 0.0
    _runs_beside = False
    """Whether ``start()`` returns, so that jobs run only for as long as the program goes on."""
    _how_to_last = "Have the program go on"
    """What to write in a program so that it goes on, for a warning when it ends too early."""
    _in_pass = 0
    """Ident of the thread that is in a pass, 0 while none is."""
    _passes = 0
    """How many passes have begun."""
    _has_begun = False
    """Whether processing jobs has begun since the start; a paused start leaves that to :meth:`resume`."""

    @property
    def _dispatcher(self) -> Dispatcher:
        """The loop, imported and made when it is first needed: at the start."""
        if self._loop is None:
            from apscheduler.schedulers._dispatch.loop import Dispatcher

            self._loop = Dispatcher(self)
        return self._loop

    _made_lane_sink: LaneSink | None = None

    @property
    def _lane_sink(self) -> LaneSink:
        """Where the executors report plain jobs, made when the first executor starts."""
        from apscheduler.schedulers._dispatch.settling import LaneSink

        with self._listeners_lock:
            if self._made_lane_sink is None:
                self._made_lane_sink = LaneSink(self)
            return self._made_lane_sink

    def _is_dispatching(self) -> bool:
        return self.state == STATE_RUNNING and not self._ends

    # -- time --------------------------------------------------------------------------------------------

    def _now_us(self) -> int:
        """Return the scheduler's time, microseconds UTC (tests of users patch this module's ``datetime``)."""
        if self._clock is not None:
            instant: int = self._clock.now_us()
            return instant
        if datetime is _real_datetime:
            return time_ns() // 1000
        return to_us(datetime.now(UTC))

    def _has_real_time(self) -> bool:
        """Return whether the scheduler's time is the host's clock."""
        return self._clock is None and datetime is _real_datetime

    def _now(self) -> datetime:
        return from_us(self._now_us(), self.timezone)

    # -- fork ------------------------------------------------------------------------------------------------

    def _after_fork_in_child(self) -> None:
        """Set the state to stopped, because the threads are in the parent only. The scheduler may be started again."""
        self._executors_lock = self._create_lock()
        self._jobstores_lock = self._create_lock()
        self._listeners_lock = self._create_lock()
        self._loop = None
        self._lead = None
        self._twin_byte = None
        self._in_pass = 0
        self._shutdown = None
        self.state = STATE_STOPPED


_living: weakref.WeakSet[BaseScheduler] = weakref.WeakSet()


def _forked() -> None:
    for scheduler in list(_living):
        if scheduler._state != STATE_STOPPED or scheduler._shutdown is not None:
            scheduler._after_fork_in_child()


def _interpreter_ends() -> None:
    from apscheduler.schedulers._end.ending import wind_up

    for scheduler in list(_living):
        if scheduler.state != STATE_STOPPED:
            _tell_at_end(scheduler)
            wind_up(scheduler)
        elif scheduler._pending_jobs:
            _tell_at_end(scheduler)
        scheduler._tell_the_rest()


def _tell_at_end(scheduler: BaseScheduler) -> None:
    """Warn if a script has forgotten to start the scheduler, or to go on while it runs."""
    from apscheduler.schedulers._end import exit_words

    try:
        if scheduler.state == STATE_STOPPED:
            exit_words.tell_of_no_start(scheduler)
        else:
            exit_words.tell_of_early_end(scheduler)
    except Exception as exc:
        scheduler._logger.debug("Nothing is known about what waits at the end", exc_info=exc)


after_fork(_forked)
ends.at_begin(_interpreter_ends)


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
