"""Shows what a scheduler will run: the fire times of all jobs in order, and the jobs without any, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, overload

from apscheduler.texts import line
from apscheduler.triggers.previews import FireTime, Remark

__all__ = ("PlannedRun", "SchedulePreview", "Unplanned")


class PlannedRun(NamedTuple):
    """One fire time of one job.

    :ivar at: the fire time in the trigger's zone
    :ivar utc: the same in UTC
    :ivar remarks: see :class:`apscheduler.triggers.previews.Remark`
    :ivar jobstore: alias of the job's store
    """

    at: datetime
    utc: datetime
    remarks: tuple[Remark, ...]
    job_id: str
    job_name: str
    jobstore: str

    def __str__(self) -> str:
        return line(f"{FireTime(self.at, self.utc, self.remarks)}  {self.job_name} [{self.job_id}]")


class Unplanned(NamedTuple):
    """A job without fire times to show.

    :ivar kind: ``"paused"``, ``"at_start"`` (``@reboot``), ``"never"``, ``"steps"``, ``"error"`` or ``"quarantined"``
    :ivar reason: in words
    """

    job_id: str
    jobstore: str
    kind: str
    reason: str

    def __str__(self) -> str:
        return line(f"[{self.job_id}] {self.reason}")


class SchedulePreview(Sequence[PlannedRun]):
    """Planned runs in order of time.

    :ivar start: when the time shown begins (aware); overdue runs lie before it
    :ivar end: when the time shown ends (aware); all runs lie before it
    :ivar truncated: whether the limit left some runs out
    :ivar complete_until: no run before this time is left out; it is ``end``, or the time of the first run left out
    :ivar unplanned: the jobs without fire times to show, each with the reason
    """

    def __init__(
        self,
        runs: list[PlannedRun],
        start: datetime,
        end: datetime,
        first_left_out: PlannedRun | None,
        unplanned: list[Unplanned],
    ) -> None:
        self._runs = runs
        self.start, self.end = start, end
        self.truncated = first_left_out is not None
        self.complete_until = end if first_left_out is None else first_left_out.at
        self.unplanned = tuple(unplanned)

    @overload
    def __getitem__(self, index: int) -> PlannedRun: ...

    @overload
    def __getitem__(self, index: slice) -> list[PlannedRun]: ...

    def __getitem__(self, index: int | slice) -> PlannedRun | list[PlannedRun]:
        return self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def __str__(self) -> str:
        lines = [str(run) for run in self._runs]
        if self.truncated:
            lines.append(f"... and more from {self.complete_until.isoformat(sep=' ')} on")
        return "\n".join([*lines, *map(str, self.unplanned)])

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} ({len(self)} runs from {self.start} to {self.end}, truncated="
            f"{self.truncated}, {len(self.unplanned)} jobs without)>"
        )
