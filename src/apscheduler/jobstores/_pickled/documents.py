"""Base of the stores in etcd and ZooKeeper: below a path, one pickle for each job, with its next fire time.

Such a pickle is a dictionary of ``next_run_time`` (seconds since 1970, ``None`` for a paused job) and ``job_state``.
The server cannot sort by time, so each look reads all jobs, as in 3.x.
"""

from __future__ import annotations

import pickle
from abc import abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime

from apscheduler._engine.instants import NEVER, SECOND, from_us, to_us
from apscheduler.jobstores._pickled.store import Entry, PickledJobStore
from apscheduler.jobstores._rows import due_of, from_float, short
from apscheduler.jobstores.base import due_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.job import Job


class DocumentJobStore(PickledJobStore):
    """A plain store that keeps documents below a path.

    :param path: where the jobs are; the id follows it, behind a slash
    :param pickle_protocol: protocol of the documents
    :raises ValueError: for an empty path
    """

    def __init__(self, path: str, pickle_protocol: int) -> None:
        super().__init__(pickle_protocol)
        if not path:
            raise ValueError("path must not be empty")
        self.path = path

    @abstractmethod
    def _read(self, job_id: str) -> bytes | None:
        """Return a job's document, ``None`` if there is none."""

    @abstractmethod
    def _read_all(self) -> Iterable[Entry]:
        """Return all documents, opened by :meth:`_opened`."""

    def _document(self, job: Job) -> bytes:
        due = None if job._due == NEVER else job._due / SECOND
        return self._pickled({"next_run_time": due, "job_state": job.__getstate__()})

    @staticmethod
    def _opened(job_id: str, raw: bytes) -> Entry:
        try:
            document = pickle.loads(raw)  # noqa: S301 - 3.x's stores hold pickles
            moment, state = document["next_run_time"], document["job_state"]
            due_of(moment)
            if not isinstance(state, dict):
                raise TypeError(f"its job_state is {short(state)}, and a dictionary is expected")  # noqa: TRY301 - noted below
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - unpickling runs what the pickle names
            return Entry(job_id, raw, None, fault=exc)
        return Entry(job_id, raw, moment, state=state)

    def _unpickled(self, raw: Any) -> Any:
        return super()._unpickled(raw)["job_state"]

    def _reconstitute_job(self, job_state: dict[str, Any]) -> Job:
        """Return a job made from its state (a name of 3.x's that other code uses and overrides)."""
        return self._job_of(job_state)

    def _get_jobs(self) -> list[dict[str, Any]]:
        """Return the jobs that can be restored, each in a record as 3.x has them (other code uses this name)."""
        entries = list(self._read_all())
        self._forget_all_but({entry.id for entry in entries})
        pairs = [(entry, self._restore(entry)) for entry in entries]
        return [
            {
                "job_id": entry.id,
                "next_run_time": entry.due,
                "job_state": entry.state,
                "job": job,
            }
            for entry, job in pairs
            if job is not None
        ]

    # -- finding ------------------------------------------------------------------------------------

    def lookup_job(self, job_id: str) -> Job | None:
        raw = self._read(job_id)
        if raw is None:
            self._forget(job_id)
            return None
        return self._restore(self._opened(job_id, raw))

    def get_due_jobs(self, now: datetime) -> list[Job]:
        latest = to_us(now)
        due = []
        for record in self._get_jobs():
            instant = _instant(record)
            if instant <= latest:
                record["job"]._due = instant
                due.append(record["job"])
        self._meet_due(latest)
        return due_order(due)

    def get_next_run_time(self) -> datetime | None:
        earliest = min(map(_instant, self._get_jobs()), default=NEVER)
        return None if earliest == NEVER else from_us(earliest, UTC)

    def get_all_jobs(self) -> list[Job]:
        return due_order(record["job"] for record in self._get_jobs())


def _instant(record: dict[str, Any]) -> int:
    moment = record["next_run_time"]
    return NEVER if moment is None else from_float(moment)
