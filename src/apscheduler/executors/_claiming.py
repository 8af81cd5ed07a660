"""Holds what all our own executors share: they still call users' hooks of 3.x, and log each run that goes well."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from datetime import datetime

from apscheduler.executors._attempt.lines import log_start, log_success
from apscheduler.executors.base import BaseExecutor, run_coroutine_job, run_job
from apscheduler.job import Job
from apscheduler.runs.raised import traceback_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class OwnExecutor(BaseExecutor):
    """An executor that takes claims directly, unless user code hooks into 3.x's way of running jobs."""

    timeout_grace: float = 0.5
    """How many seconds a run has to stop after its timeout, before its worker is replaced. Added in 1.0."""

    _hooked = False
    _runs_by = ""
    """The module in which 3.x's executor of this kind finds ``run_job``."""
    _runs_in: dict[str, Any] | None = None
    """The namespace of that module; ``None`` until this executor is started."""
    _pool: Any = None
    _own_pool: Any = None
    """The pool that this executor has made. User code may put another one into ``_pool``, which is used then."""
    _info = False

    def start(self, scheduler: Any, alias: str) -> None:
        """Called by the scheduler; may be called again after ``shutdown()``."""
        super().start(scheduler, alias)
        self._info = self._logger.isEnabledFor(logging.INFO)
        module = sys.modules.get(self._runs_by)
        self._runs_in = None if module is None else module.__dict__
        self._heed_hooks()

    def _heed_hooks(self) -> bool:
        """Return whether user code hooks into 3.x's way of submitting, running or answering; if so, it is called."""
        cls = self.__class__
        # Called once or twice a pass, and there may be ten thousand passes a second, so no loop over names.
        hooked = not (
            cls.submit_job is _OWN_SUBMIT
            and cls._do_submit_job is _OWN_DO_SUBMIT
            and cls._run_job_success is _OWN_SUCCESS
            and cls._run_job_error is _OWN_ERROR
            and self.__dict__.keys().isdisjoint(_OWN_WAY)
            and (self._pool is self._own_pool or not cls.any_thread)
            and (
                self._runs_in is None
                or (
                    self._runs_in.get("run_job") in _OWN_RUNNERS
                    and self._runs_in.get("run_coroutine_job") in _OWN_RUNNERS
                )
            )
        )
        if hooked is not self._hooked:
            self._hooked = hooked
            if cls.lane:
                self.lane = not hooked
            if cls.any_thread:
                self.any_thread = not hooked
        return hooked

    def _runner_of_others(self, job: Job) -> Any:
        """Return the user's replacement of the function that runs such a job, from the module where 3.x looks it up."""
        found = None if self._runs_in is None else self._runs_in.get(self._runner_of(job))
        return None if found in _OWN_RUNNERS else found

    def _runner_of(self, _job: Job) -> str:
        """Return the name of the function by which 3.x's executor of this kind runs a job."""
        return "run_job"

    def submit_claims(self, items: Sequence[Any]) -> list[tuple[Any, BaseException]]:
        """Take claims (and plain jobs, if ``lane`` is true); return those that were refused, each with an exception."""
        # Before it sends plain jobs, the scheduler has looked for hooks in the same pass.
        if not (items and items[0].__class__ is Job) and self._heed_hooks():
            jobs = [
                item for item in items if item.__class__ is Job
            ]  # taken just before a program hooked in
            others = [item for item in items if item.__class__ is not Job]
            return [*self._submit(jobs), *super().submit_claims(others)]
        self._info = self._logger.isEnabledFor(logging.INFO)
        return self._submit(items)

    def _submit(self, items: Sequence[Any]) -> list[tuple[Any, BaseException]]:
        """Start the items; return those that were refused, each with its exception."""
        raise NotImplementedError

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        run = self._runner_of_others(job)
        if run is not None:
            self._run_by(run, job, run_times)
            return
        from apscheduler.executors._v3.runs import DirectClaim, EventSink

        claim = DirectClaim(job, job._jobstore_alias, run_times, EventSink(self))
        for _, exc in self._submit([claim]):
            raise exc

    def _run_by(self, run: Any, job: Job, run_times: list[datetime]) -> None:
        """Run a job with a user's replacement of ``run_job``, and answer with what it returns."""
        try:
            events = run(job, job._jobstore_alias, run_times, self._logger.name)
        except BaseException as exc:  # noqa: BLE001 - whatever it raises is the job's outcome, as in 3.x
            self._run_job_error(job.id, exc, traceback_of(exc))
        else:
            self._run_job_success(job.id, events)

    def _log_start(self, job: Job, fire: int) -> None:
        if self._info and self._logger.isEnabledFor(logging.DEBUG):
            log_start(self._logger, job, _moment(job, fire))

    def _log_success(self, job: Job, fire: int, started: int, finished: int) -> None:
        if self._info:
            log_success(self._logger, job, _moment(job, fire), finished - started)


# ``None``: the executor's module has these names only after user code has asked it for them.
_OWN_RUNNERS = (None, run_job, run_coroutine_job)
_OWN_SUBMIT, _OWN_DO_SUBMIT = OwnExecutor.submit_job, OwnExecutor._do_submit_job
_OWN_SUCCESS, _OWN_ERROR = OwnExecutor._run_job_success, OwnExecutor._run_job_error
_OWN_WAY = ("submit_job", "_do_submit_job", "_run_job_success", "_run_job_error")


def _moment(job: Job, fire: int) -> object:
    """Return the fire time for a log line, whatever the job's trigger is."""
    try:
        return job._at(fire)
    except Exception:  # noqa: BLE001 - a trigger of someone else, or a mock
        return fire
