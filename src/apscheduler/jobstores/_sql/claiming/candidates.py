"""Due jobs on their way to a claim, and who else is told of them."""

from __future__ import annotations

from apscheduler._engine.records import Record
from apscheduler.jobstores._rows import as_read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Protocol

    from apscheduler.job import Job

    class Onlooker(Protocol):
        """Who is told what claims meet, and draws conclusions from it (guarding/strangers.py)."""

        def met(self, rows: Iterable[Sequence[Any]]) -> None:
            """Take note of jobs that a claim found due: id, next fire time, bytes and generation of each."""

        def lost(self, candidates: Iterable[Candidate]) -> None:
            """Take note of jobs that changed after the claim had read them and before it locked them."""

        def claimed(self, candidates: Sequence[Candidate]) -> None:
            """Take note of jobs that the claim committed."""


class Candidate(Record):
    """A due job on its way to a claim."""

    __slots__ = ("blob", "due", "generation", "job", "moment", "plan", "refused")

    def __init__(self, job: Job, blob: Any, moment: float, generation: int) -> None:
        self.job = job
        self.blob = as_read(blob)
        self.moment = moment
        self.due = job._due  # as it was placed
        self.generation = generation
        self.plan: Any = None
        self.refused = False
