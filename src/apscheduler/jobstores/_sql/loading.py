"""From a job's row to a job, and what happens where that does not work.

A job that cannot be restored is quarantined: it stays in its row, is not run, is listed with its reason, told once,
and tried again after a while that doubles. Nothing is ever removed because it could not be loaded (rule 14).
"""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta

from apscheduler._engine.instants import NEVER, SECOND
from apscheduler._engine.records import Record
from apscheduler.job import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from apscheduler.serializers.base import Serializer

_KEPT = 20_000
"""So many jobs are kept unpickled; beyond it all are forgotten and loaded anew when they fire."""
_LONGEST_RETRY = 60.0
_NOTED = 10_000
"""So many unloadable jobs are remembered by claims; those beyond are tried, and told, again."""

_SHAREABLE: Final = frozenset(
    (bool, int, float, complex, str, bytes, type(None), date, datetime, timedelta)
)
"""Types of arguments that no run can change under the next one."""


class Unloadable(Exception):  # noqa: N818 - it says what the job is
    """The job cannot be restored now; the text says why."""


class Note(Record):
    """Why a job could not be loaded.

    :ivar blob: the bytes it was tried with
    :ivar retry_at: ``time.monotonic()`` from which a claim tries again
    """

    __slots__ = ("blob", "reason", "retry_at", "tries")

    def __init__(self, blob: bytes, reason: str, retry_at: float, tries: int) -> None:
        self.blob = blob
        self.reason = reason
        self.retry_at = retry_at
        self.tries = tries


def to_float(due: int) -> float | None:
    """Return a next fire time as 3.x's column has it: seconds, exact to the microsecond."""
    return None if due == NEVER else due / SECOND


def from_float(moment: float | None) -> int:
    """Return the column's value as an instant, ``NEVER`` for a paused job."""
    return NEVER if moment is None else round(moment * SECOND)


class Loader:
    """Makes jobs of rows, and keeps those that may be used again.

    :param name: what signatures call this store
    :param link: tells a job its scheduler and store
    :param on_bad: called once per job and bytes that cannot be loaded
    :param on_good: called when such a job loads again
    """

    def __init__(
        self,
        serializer: Serializer,
        name: str,
        link: Callable[[Job], None],
        on_bad: Callable[[str, str], None],
        on_good: Callable[[str], None],
    ) -> None:
        self.serializer = serializer
        self._name = name
        self._link = link
        self._on_bad = on_bad
        self._on_good = on_good
        self._kept: dict[str, tuple[bytes, Job]] = {}
        self._notes: dict[str, Note] = {}

    def dumps(self, job: Job) -> bytes:
        """Return the job's bytes.

        :raises ValueError: if it cannot be written down
        """
        return self.serializer.dumps(job.__getstate__(), store=self._name, job_id=job.id)

    def load(self, id: str, blob: bytes, moment: float | None) -> Job:
        """Return a job of its own for whoever asked.

        :raises Unloadable: if it cannot be restored
        """
        note = self._notes.get(id)
        try:
            job = self._loaded(id, blob)
        except (Exception, SystemExit) as exc:
            self._note(id, blob, note, exc)
            raise Unloadable(_said(exc)) from exc
        if note is not None:
            self._notes.pop(id, None)
            self._on_good(id)
        self._place(job, moment)
        return job

    def load_for_claim(self, id: str, blob: bytes, moment: float | None) -> Job:
        """Return a job that claims may share, loaded anew only when its bytes have changed.

        :raises Unloadable: if it cannot be restored, without a try where one has just failed
        """
        kept = self._kept.get(id)
        if kept is not None and kept[0] == blob:
            job = kept[1]
            self._place(job, moment)
            return job
        note = self._notes.get(id)
        if note is not None and note.blob == blob and time.monotonic() < note.retry_at:
            raise Unloadable(note.reason)
        job = self.load(id, blob, moment)
        if is_shareable(job):
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[id] = (blob, job)
        return job

    def forget(self, id: str) -> None:
        """Drop what is kept of a job that is gone or was changed."""
        self._kept.pop(id, None)

    def forget_all(self) -> None:
        """Drop everything that is kept."""
        self._kept.clear()
        self._notes.clear()

    def _loaded(self, id: str, blob: bytes) -> Job:
        state = self.serializer.loads(bytes(blob), store=self._name, job_id=id)
        job = Job.__new__(Job)
        job.__setstate__(state)
        if job.id != id:
            raise ValueError(f"the row {id!r} holds the job {job.id!r}")
        job._refresh()
        return job

    def _place(self, job: Job, moment: float | None) -> None:
        job._due = from_float(moment)
        self._link(job)

    def _note(self, id: str, blob: bytes, note: Note | None, exc: BaseException) -> None:
        known = note is not None and note.blob == blob
        tries = note.tries + 1 if note is not None and known else 1
        reason = _said(exc)
        if len(self._notes) >= _NOTED:
            self._notes.clear()
        retry_at = time.monotonic() + min(_LONGEST_RETRY, 2.0 ** (tries - 1))
        self._notes[id] = Note(blob, reason, retry_at, tries)
        if not known:
            self._on_bad(id, reason)


def is_shareable(job: Job) -> bool:
    """Return whether runs of this very object cannot change what later runs are given."""
    return (
        job.trigger.native
        and all(type(each) in _SHAREABLE for each in job.args)
        and all(type(each) in _SHAREABLE for each in job.kwargs.values())
        and getattr(job.func, "__self__", None) is None
    )


def _said(exc: BaseException) -> str:
    text = str(exc.args[0]) if isinstance(exc, LookupError) and exc.args else str(exc)
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
