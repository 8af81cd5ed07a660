"""What a subclass, a mixin, a patch or an attribute puts in the place of a store's method is asked, as in 3.x.

Claims and edits of ours need none of 3.x's methods: they are one atomic step. Where one of these methods is someone
else's, the step is made all the same, and the method is asked around it: a read before the claim, whose answer says
what may be claimed; a write after it. A write that goes on to ours (``super().update_job(job)``) is told by a
:class:`Note` what it is part of, so that it undoes nothing that others did meanwhile.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from threading import get_ident

from apscheduler._engine.instants import SECOND
from apscheduler._engine.records import Record
from apscheduler.job_options import CHECKS
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.jobstores.standing import pass_claims

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Final

    from apscheduler.job import Job
    from apscheduler.jobstores.standing import Revise, Standing

STILL_DUE_POLL: Final = SECOND // 4
"""So soon a job that a store says is due, and does not give to a pass, is looked for again."""

COPIED: Final = (
    *(name for name in CHECKS if name != "next_run_time"),
    "func",
    "func_ref",
    "args",
    "kwargs",
)
"""What a newer version of a job brings, but for its next fire time."""

NOTHING: Final[frozenset[str]] = frozenset()


def own_methods(cls: type, *names: str) -> dict[str, Any]:
    """Return these methods of a class as this package has written them."""
    return {name: getattr(cls, name) for name in names}


def asked(store: Any, own: dict[str, Any]) -> frozenset[str]:
    """Return which of a store's methods are not these of ours: the quick question, for each pass and edit."""
    cls, given = store.__class__, store.__dict__
    others = None
    for name, method in own.items():
        if getattr(cls, name) is not method or name in given:
            others = [name] if others is None else [*others, name]
    return NOTHING if others is None else frozenset(others)


def add_one_by_one(store: Any, jobs: Sequence[Job], *, replace: bool) -> None:
    """Add several jobs by a store's ``add_job``; what was added before one that cannot be is removed again.

    :raises ConflictingIdError: if an id is taken (and ``replace`` is not set), or given twice
    """
    added: list[str] = []
    try:
        for job in jobs:
            try:
                store.add_job(job)
            except ConflictingIdError:
                if not replace or job.id in added:
                    raise
                store.replace_job(job, partial(pass_claims, job))
            else:
                added.append(job.id)
    except BaseException:
        for job_id in added:
            store.remove_job(job_id)
        raise


class Note(Record):
    """What a write of ours, called by someone else's, is part of.

    :ivar job: the job as the store has it
    :ivar revise: what the newer version of a job is computed with, in an edit
    :ivar is_made: whether the store has just moved or changed the job, or let it end
    :ivar ends: whether the job is removed because it has come to its end, not by a user's word
    :ivar left: what that has left of the job, for the store to compare
    """

    __slots__ = ("ends", "is_made", "job", "left", "revise")

    def __init__(
        self,
        job: Job,
        revise: Revise | None = None,
        *,
        is_made: bool = False,
        left: Any = None,
        ends: bool = False,
    ) -> None:
        self.job = job
        self.revise = revise
        self.is_made = is_made
        self.left = left
        self.ends = ends


def revised(note: Note, job: Job) -> Revise:
    """Return how the stored job is looked at for a newer version, which may be another object than the one noted."""

    def revise(standing: Standing) -> None:
        own = note.job
        given = own._due
        if note.revise is not None:
            note.revise(standing)
        if job is not own and job._due == given:
            job._due, job._shown = own._due, own._shown

    return revise


class Notes:
    """The notes of one store, by the thread that asks."""

    def __init__(self) -> None:
        self._by_thread: dict[int, Note] = {}

    @contextmanager
    def held(self, note: Note) -> Iterator[None]:
        """Have a note read by what this thread calls."""
        thread = get_ident()
        before = self._by_thread.get(thread)
        self._by_thread[thread] = note
        try:
            yield
        finally:
            if before is None:
                del self._by_thread[thread]
            else:
                self._by_thread[thread] = before

    def of(self, job_id: str) -> Note | None:
        """Return what this thread's write of a job is part of."""
        if not self._by_thread:
            return None
        note = self._by_thread.get(get_ident())
        return note if note is not None and note.job.id == job_id else None
