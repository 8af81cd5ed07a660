"""What all executors of ours share: 3.x's hooks stay called, and the log line of a run that goes well."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from apscheduler.executors._lines import log_start, log_success
from apscheduler.executors.base import BaseExecutor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.job import Job

_HOOKS = ("submit_job", "_do_submit_job", "_run_job_success", "_run_job_error")


class OwnExecutor(BaseExecutor):
    """An executor that takes claims directly, unless a subclass of someone else hooks into 3.x's way."""

    timeout_grace: float = 0.5
    """How many seconds a run that was told to stop at its timeout has, before its worker is replaced. New."""

    _hooked = False
    _info = False

    def start(self, scheduler: Any, alias: str) -> None:
        """Called by the scheduler; may be called again after ``shutdown()``."""
        super().start(scheduler, alias)
        self._info = self._logger.isEnabledFor(logging.INFO)
        # Hooks into 3.x's way of submitting or answering must find themselves called.
        self._hooked = any(self._is_hooked(name) for name in _HOOKS)
        if type(self).lane:
            self.lane = not self._hooked
        if type(self).any_thread:
            self.any_thread = not self._hooked

    def _is_hooked(self, name: str) -> bool:
        function = getattr(getattr(self, name), "__func__", None)
        return function is not getattr(OwnExecutor, name)

    def submit_claims(self, items: Sequence[Any]) -> list[tuple[Any, BaseException]]:
        """Take claims (and plain jobs, where ``lane`` is true); return those that were refused, with why."""
        if self._hooked:
            return super().submit_claims(items)
        self._info = self._logger.isEnabledFor(logging.INFO)
        return self._submit(items)

    def _submit(self, items: Sequence[Any]) -> list[tuple[Any, BaseException]]:
        """Start the items; return those that were refused, with why."""
        raise NotImplementedError

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        from apscheduler.executors._direct import DirectClaim, EventSink

        claim = DirectClaim(job, job._jobstore_alias, run_times, EventSink(self))
        for _, exc in self._submit([claim]):
            raise exc

    def _log_start(self, job: Job, fire: int) -> None:
        if self._info and self._logger.isEnabledFor(logging.DEBUG):
            log_start(self._logger, job, _moment(job, fire))

    def _log_success(self, job: Job, fire: int, started: int, finished: int) -> None:
        if self._info:
            log_success(self._logger, job, _moment(job, fire), finished - started)


def _moment(job: Job, fire: int) -> object:
    """Return the fire time for a log line, whatever the job's trigger is."""
    try:
        return job._at(fire)
    except Exception:  # noqa: BLE001 - a trigger of someone else, or a mock
        return fire
