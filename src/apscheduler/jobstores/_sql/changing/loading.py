"""Restores jobs from their rows, and quarantines those that cannot be restored.

A quarantined job stays in its row and is not run. It is listed with the reason, announced once, and tried again after a
delay that doubles each time. Nothing is ever removed because it could not be loaded (rule 14).
"""

from __future__ import annotations

import pickle
from datetime import date, datetime, timedelta
from threading import get_ident

from apscheduler import clocks
from apscheduler._engine.backoff import delay
from apscheduler._engine.records import Record
from apscheduler.job import Job
from apscheduler.jobstores._outlines import said_of
from apscheduler.jobstores._rows import (
    EARLIEST_SECONDS,
    LATEST_SECONDS,
    as_read,
    bytes_of,
    check_generation,
    check_shape,
    due_of,
    from_float,
    id_text,
)
from apscheduler.serializers import PickleSerializer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from apscheduler.serializers.base import Serializer

_KEPT = 20_000
"""At most this many jobs are kept unpickled. At that number all are dropped, and loaded anew when they fire."""
_FIRST_RETRY, _LONGEST_RETRY = 1.0, 60.0
"""Seconds until a job that cannot be loaded is tried again: after the first failure, and at most."""
_NOTED = 10_000
"""At most this many unloadable jobs are remembered. At that number all are forgotten, and announced again."""

_WRITER: Final = "written_by"
"""Key of our own entry in a job's pickled state: 3.x ignores it when it reads, and drops it when it writes."""
_OURS: Final = "tickwright"

_SHAREABLE: Final = frozenset(
    (bool, int, float, complex, str, bytes, type(None), date, datetime, timedelta)
)
"""Types of arguments that runs can share, because no run can change them."""


class Unloadable(Exception):  # noqa: N818 - it says what the job is
    """The job cannot be restored now; the text says why."""


class Note(Record):
    """Why a job could not be loaded.

    :ivar blob: the bytes that could not be loaded
    :ivar retry_at: monotonic seconds from which a claim tries again
    :ivar told: whether it was announced
    """

    __slots__ = ("blob", "reason", "retry_at", "told", "tries")

    def __init__(self, blob: Any, reason: str, retry_at: float, tries: int, told: bool) -> None:
        self.told = told
        self.blob = blob
        self.reason = reason
        self.retry_at = retry_at
        self.tries = tries


class Loader:
    """Makes jobs from rows, and keeps those that may be used again.

    Some drivers give a row's bytes as another type (psycopg2: a memoryview, which equals no bytes). Those are converted
    first, so that they can be compared with the bytes that are kept.

    :param name: the name of this store in signatures
    :param link: sets the scheduler and the store of a job
    :param on_bad: called with the id and the reason when a job cannot be loaded; for the same bytes again only until it
        returns ``True``, which means that it has announced the job
    :param on_good: called when such a job loads again
    """

    def __init__(
        self,
        serializer: Serializer,
        name: str,
        link: Callable[[Job], None],
        on_bad: Callable[[str, str], bool],
        on_good: Callable[[str], None],
    ) -> None:
        self.serializer = serializer
        # 3.x reads neither signed bytes nor JSON, so only we can have written them.
        self._marks = isinstance(serializer, PickleSerializer)
        self._name = name
        self._link = link
        self._on_bad = on_bad
        self._on_good = on_good
        self._kept: dict[str, tuple[bytes, Job]] = {}
        self._notes: dict[str, Note] = {}
        self._odd_generations: set[str] = set()
        self._restoring: dict[
            int, str
        ] = {}  # by thread, the id of the job that an overriding method restores
        self.restorer: Callable[[], Callable[[bytes], Job] | None] = lambda: None
        """Returns the store's ``_reconstitute_job`` if it overrides ours, else ``None``."""
        self.is_asked = False
        """Whether the pass has found such an override. Then no job is kept, so that it is called for each job."""
        self.writes_itself: Callable[[], bool] = lambda: False
        """Returns whether a method that overrides one of ours may write jobs without our mark."""

    def dumps(self, job: Job) -> bytes:
        """Return the job's bytes.

        :raises ValueError: if it cannot be serialized
        """
        state = job.__getstate__()
        if self._marks:
            state[_WRITER] = _OURS
        return self.serializer.dumps(state, store=self._name, job_id=job.id)

    def read(self, id: str, blob: Any) -> tuple[Job, int, bool]:
        """Return the job in these bytes, the next fire time in them, and whether a store of ours wrote them.

        :raises Unloadable: if it cannot be restored; this is not announced
        """
        try:
            job, state = self._restored(id, bytes_of(blob))
        except (Exception, SystemExit) as exc:
            raise Unloadable(said_of(exc)) from exc
        due = job._due
        self._link(job)
        is_ours = not self._marks or state.get(_WRITER) == _OURS or self.writes_itself()
        return job, due, is_ours

    def state_in(self, id: str, blob: Any) -> dict[str, Any] | None:
        """Return the state in the bytes of a job that cannot be restored; ``None`` if they cannot be read either."""
        try:
            return self.serializer.loads(bytes_of(blob), store=self._name, job_id=id)
        except (Exception, SystemExit):  # noqa: BLE001 - reading calls what the bytes name
            return None

    def load(self, id: str, blob: Any, moment: Any, known_as: str | None = None) -> Job:
        """Return a job that is made anew for the caller.

        :param blob: what the row holds as the job's bytes
        :param moment: what the row holds as the next fire time
        :param known_as: the key by which failures are remembered, if it is not the id
        :raises Unloadable: if it cannot be restored
        """
        if blob.__class__ is not bytes:
            blob = as_read(blob)
        key = id if known_as is None else known_as
        note = self._notes.get(key)
        try:
            if moment.__class__ is not float or not EARLIEST_SECONDS <= moment <= LATEST_SECONDS:
                due_of(moment)
            job = self._restored(id, bytes_of(blob))[0]
        except (Exception, SystemExit) as exc:
            self._note(id, key, blob, note, exc)
            raise Unloadable(said_of(exc)) from exc
        if note is not None:
            self._notes.pop(key, None)
            self._on_good(id)
        self._place(job, moment)
        return job

    def load_for_claim(self, id: str, blob: Any, moment: float | None) -> Job:
        """Return a job that claims may share, loaded anew only when its bytes have changed.

        :raises Unloadable: if it cannot be restored; it is not tried if these bytes have failed a short time ago
        """
        if blob.__class__ is not bytes:
            blob = as_read(blob)
        kept = self._kept.get(id)
        if kept is not None and kept[0] == blob and not self.is_asked:
            job = kept[1]
            self._place(job, moment)
            return job
        if self._notes:
            self._check_not_noted(id, blob)
        job = self.load(id, blob, moment)
        if not self.is_asked and is_shareable(job):
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[id] = (blob, job)
        return job

    def check_generation(self, id: str, generation: Any) -> None:
        """Check a job's generation, and announce once that it is not valid.

        :raises Unloadable: if the job cannot be claimed with it
        """
        try:
            check_generation(generation)
        except ValueError as exc:
            if id not in self._odd_generations and self._on_bad(id_text(id), said_of(exc)):
                self._odd_generations.add(id)
            raise Unloadable(said_of(exc)) from None

    def load_for_run(self, id: str, generation: int, blob: Any, moment: float) -> Job:
        """Return a run's job from the definition in the run's row, because another job may have its id now.

        :raises Unloadable: if it cannot be restored; it is not tried if these bytes have failed a short time ago
        """
        known_as = f"{id}\n{generation}"
        blob = as_read(blob)
        self._check_not_noted(known_as, blob)
        return self.load(id, blob, moment, known_as)

    def _check_not_noted(self, key: str, blob: Any) -> None:
        note = self._notes.get(key)
        if (
            note is not None
            and note.told
            and note.blob == blob
            and clocks.monotonic() < note.retry_at
        ):
            raise Unloadable(note.reason)

    def forget(self, id: str) -> None:
        """Drop what is kept of a job that is gone or was changed."""
        self._kept.pop(id, None)

    def forget_all(self) -> None:
        """Drop everything that is kept."""
        self._kept.clear()
        self._notes.clear()
        self._odd_generations.clear()

    def _restored(self, id: str, blob: bytes) -> tuple[Job, dict[str, Any]]:
        restore = self.restorer()
        if restore is None:
            state = self.serializer.loads(blob, store=self._name, job_id=id)
            job = Job.__new__(Job)
            job.__setstate__(state)
        else:
            state = {}
            job = self._restored_by(restore, id, blob)
        if job.id != id:
            raise ValueError(f"the row {id!r} holds the job {job.id!r}")
        check_shape(job)
        job._refresh()
        return job, state

    def _restored_by(self, restore: Callable[[bytes], Job], id: str, blob: bytes) -> Job:
        thread = get_ident()
        self._restoring[thread] = id
        try:
            return restore(blob)
        finally:
            del self._restoring[thread]

    def state_of(self, blob: bytes) -> dict[str, Any]:
        """Return the state in a job's bytes, for an overriding method that calls ours."""
        id = self._restoring.get(get_ident())
        if id is None:
            state: dict[str, Any] = pickle.loads(blob)  # noqa: S301 - 3.x's stores hold pickles
            return state
        return self.serializer.loads(blob, store=self._name, job_id=id)

    def placed(self, job: Job, moment: float) -> Job:
        """Return a job that an overriding read method has returned, with the next fire time of its row.

        :raises Unloadable: if it is no job that can run
        """
        try:
            check_shape(job)
            job._refresh()
        except Exception as exc:
            self._note(job.id, job.id, None, self._notes.get(job.id), exc)
            raise Unloadable(said_of(exc)) from exc
        self._place(job, moment)
        return job

    def _place(self, job: Job, moment: float | None) -> None:
        job._due = from_float(moment)
        self._link(job)

    def reason(self, id: str) -> str | None:
        """Return why a job could not be loaded when it was last tried, ``None`` if it could."""
        note = self._notes.get(id)
        return None if note is None else note.reason

    def _note(self, id: str, key: str, blob: Any, note: Note | None, exc: BaseException) -> None:
        known = note is not None and note.blob == blob
        tries = note.tries + 1 if note is not None and known else 1
        reason = said_of(exc)
        if len(self._notes) >= _NOTED:
            self._notes.clear()
        retry_at = clocks.monotonic() + delay(tries, _FIRST_RETRY, _LONGEST_RETRY)
        told = (note is not None and known and note.told) or self._on_bad(id_text(id), reason)
        self._notes[key] = Note(blob, reason, retry_at, tries, told)


def is_shareable(job: Job) -> bool:
    """Return whether runs may share this object: none of them can change what later runs get."""
    return (
        job.trigger.native
        and (not job.args or _SHAREABLE.issuperset(map(type, job.args)))
        and (not job.kwargs or _SHAREABLE.issuperset(map(type, job.kwargs.values())))
        and getattr(job.func, "__self__", None) is None
    )
