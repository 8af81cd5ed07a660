"""The errors of runs. Users know them as names of ``apscheduler.executors.base``, and pickles name them there."""

from __future__ import annotations

from apscheduler.runs.raised import as_it_is

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.job import Job

_PUBLIC = "apscheduler.executors.base"


class MaxInstancesReachedError(Exception):
    """As many instances of the job are running as its ``max_instances`` allows."""

    __module__ = _PUBLIC
    __reduce__ = as_it_is

    def __init__(self, job: Job) -> None:
        super().__init__(
            f"job {job.id!r} has reached its maximum number of instances ({job.max_instances})"
        )


class JobTimeoutError(TimeoutError):
    """The job did not end within its ``timeout``."""

    __module__ = _PUBLIC


class WorkerDiedError(RuntimeError):
    """The process that ran the job ended before the job did."""

    __module__ = _PUBLIC


class InterpreterEndingError(RuntimeError):
    """The run came when the interpreter was ending already, so it cannot be started. Nothing is wrong with it."""

    __module__ = _PUBLIC
    __reduce__ = as_it_is

    def __init__(self) -> None:
        super().__init__("the interpreter is ending")
