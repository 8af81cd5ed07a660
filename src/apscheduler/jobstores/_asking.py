"""Calls what a subclass, a mixin, a patch or an attribute puts in the place of a store's method, as 3.x does.

Our own claims and edits need none of 3.x's methods: they are one atomic step. If one of these methods is someone
else's, the step is still made, and the method is called around it. A read is asked before the claim: its answer says
what may be claimed. A write is called after the claim. A write may go on to our own method
(``super().update_job(job)``). Then a :class:`Note` tells ours what the write is part of, so that it undoes nothing that
others did meanwhile.
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
"""Microseconds until a pass looks again for a job that the store says is due but did not give to the last one."""

COPIED: Final = (
    *(name for name in CHECKS if name != "next_run_time"),
    "func",
    "func_ref",
    "args",
    "kwargs",
)
"""Attributes that a newer version of a job brings, apart from its next fire time."""

NOTHING: Final[frozenset[str]] = frozenset()


def own_methods(cls: type, *names: str) -> dict[str, Any]:
    """Return these methods of a class as this package has written them."""
    return {name: getattr(cls, name) for name in names}


def asked(store: Any, own: dict[str, Any]) -> frozenset[str]:
    """Return the names of a store's methods that are not ours. It is fast, because each pass and edit calls it."""
    cls, given = store.__class__, store.__dict__
    others = None
    for name, method in own.items():
        if getattr(cls, name) is not method or name in given:
            others = [name] if others is None else [*others, name]
    return NOTHING if others is None else frozenset(others)


def add_one_by_one(store: Any, jobs: Sequence[Job], *, replace: bool) -> None:
    """Add several jobs by a store's ``add_job``; if one cannot be added, remove those that were added before it.

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
    """What a write of ours is part of, if someone else's method calls it.

    :ivar job: the job as the store has it
    :ivar revise: in an edit, what computes the newer version of the job from the stored one
    :ivar is_made: whether the store has just moved or changed the job, or let it end
    :ivar ends: whether the job is removed because it has come to its end, not by a user's word
    :ivar left: what that step has left of the job, for the store to compare
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
    """Return the ``revise`` for a newer version of a job, which may be another object than the note has."""

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
        """Let our methods read this note when this thread calls them inside."""
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
        """Return the note on this thread's write of a job, ``None`` if there is none."""
        if not self._by_thread:
            return None
        note = self._by_thread.get(get_ident())
        return note if note is not None and note.job.id == job_id else None
