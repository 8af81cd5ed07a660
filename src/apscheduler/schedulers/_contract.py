"""What the parts of a scheduler need of it: types only, loaded by type checkers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from apscheduler.job import Job
    from apscheduler.jobstores.base import Quarantined


class ShowsJobs(Protocol):
    """What a preview asks a scheduler."""

    timezone: Any
    _calendars: dict[str, Any]
    _pending_jobs: list[tuple[Job, str, bool]]

    @property
    def state(self) -> int: ...

    @property
    def _jobstores(self) -> Mapping[str, Any]: ...

    def _now_us(self) -> int: ...

    def get_job(self, job_id: str, jobstore: str | None = None, /) -> Job | None: ...

    def get_jobs(self, jobstore: str | None = None, /) -> list[Job]: ...

    def get_quarantined(self, jobstore: str | None = None, /) -> Sequence[Quarantined]: ...
