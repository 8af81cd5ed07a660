"""Says what the parts of an executor need of it, and what an executor needs of its scheduler. For types only.

No module imports this one when a program runs: each does so below ``if TYPE_CHECKING``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from logging import Logger
from typing import Any, Protocol

from apscheduler.events import JobExecutionEvent, SchedulerEvent
from apscheduler.job import Job
from apscheduler.runs.claims import Result


class Scheduler(Protocol):
    """What an executor needs of the scheduler that starts it. A mock or a user's double may take its place."""

    def _create_lock(self) -> Any:
        """Return a lock of the kind that this scheduler's threads or greenlets need; ``None`` for the usual kind."""

    def _dispatch_event(self, event: SchedulerEvent) -> None:
        """Tell the listeners."""


class Lane(Protocol):
    """Where the outcomes of plain jobs go, which have no claim. Callable from any thread."""

    mask: int
    """The codes of all events that some listener waits for."""

    def settle(self, job: Job, result: Result) -> None:
        """Record and report an outcome, and free the job's instance slot."""

    def tell(self, event: SchedulerEvent) -> None:
        """Tell the listeners. The caller has recorded the outcome itself."""


class Answering(Protocol):
    """What answers in 3.x's way need of the executor: they come as events."""

    @property
    def _logger(self) -> Logger:
        """Where failures are logged."""

    def _know(self, job_id: str, result: Result) -> None:
        """Keep what became of a run until it is answered."""

    def _run_job_success(self, job_id: str, events: Sequence[JobExecutionEvent] | None) -> None:
        """Take the events of a job's runs."""


class AttemptOwner(Protocol):
    """What the steps of a run need of the executor, or of who runs a job without one."""

    @property
    def _now_us(self) -> Callable[[], int]:
        """Returns the current instant, microseconds UTC."""

    def _log_start(self, job: Job, fire: int) -> None:
        """Log that a job's function is called, if that is wanted."""

    def _log_success(self, job: Job, fire: int, started: int, finished: int) -> None:
        """Log that a job's function returned, if that is wanted."""


class Owner(AttemptOwner, Protocol):
    """What the parts of an executor need of it."""

    timeout_grace: float
    """Seconds that a run has to stop after its timeout."""
    _alias: str
    _info: bool
    """Whether runs that go well are logged."""

    @property
    def _logger(self) -> Logger:
        """Where what happens to its runs is logged."""


class LaneOwner(Owner, Protocol):
    """What threads need of an executor that takes plain jobs too."""

    @property
    def _lane_sink(self) -> Lane:
        """Where the outcomes of plain jobs go."""


class LoopOwner(LaneOwner, Protocol):
    """What the runs in an event loop need of their executor."""

    _pending_futures: set[Any]
    """What was started and has not ended, under 3.x's name."""

    def is_coroutine_job(self, job: Job) -> bool:
        """Return whether the job's function is to be called in the loop rather than in a thread."""

    def _name_what_is_left(self, runs: Any) -> None:
        """Have Python's end log which jobs it waits for."""
