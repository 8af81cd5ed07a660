"""Keeps a store's ledger in memory: the writing and reading that all stores with such a ledger have in common."""

from __future__ import annotations

from datetime import UTC

from apscheduler._engine.instants import to_us
from apscheduler.runs.ledger import DEFAULT_CAPACITY, Entry, Ledger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from apscheduler.history.outcomes import Outcome
    from apscheduler.history.rows import Run, RunQuery
    from apscheduler.job import Job
    from apscheduler.runs.claims import Claim, Result


class RunsInMemory:
    """The ledger of one store, kept in this process.

    :param history: how many outcomes it keeps
    """

    def __init__(self, history: int = DEFAULT_CAPACITY) -> None:
        self.ledger = Ledger(history)

    def settle(self, claim: Claim, result: Result) -> None:
        """Write the outcome of one fire time of a claim."""
        self.ledger.write(claim.job, result, claim.attempt)

    def runs(self, query: RunQuery) -> list[Run]:
        """Return the rows that match, newest first."""
        found: list[Run] = []
        for entry in self._matching(query):
            if len(found) >= query.limit:
                break
            found.append(self._shown(entry))
        return found

    def _matching(self, query: RunQuery) -> Iterator[Entry]:
        if query.node is not None:
            return  # rows in memory have no node's name
        since = None if query.since is None else to_us(query.since)
        until = None if query.until is None else to_us(query.until)
        for entry in self.ledger.newest_first():
            if (
                (query.job_id is None or entry.job_id == query.job_id)
                and (query.outcome is None or entry.outcome is query.outcome)
                and (since is None or entry.fire >= since)
                and (until is None or entry.fire < until)
            ):
                yield entry

    def last_run(self, job: Job) -> Run | None:
        """Return the newest outcome of this job that is still kept."""
        entry = self.ledger.entry(job._last)
        from apscheduler.history.rows import RunQuery
        from apscheduler.runs.shown import as_run

        if entry is None or entry.job_id != job.id:
            return next(iter(self.runs(RunQuery(job_id=job.id, limit=1))), None)
        return as_run(entry, self.alias, job._zone())

    def outcome_counts(self) -> dict[Outcome, int]:
        """Return how many fire times the kept rows account for, by outcome."""
        return self.ledger.counts()

    def _shown(self, entry: Entry) -> Run:
        from apscheduler.runs.shown import as_run

        job = self._known_job(entry.job_id)
        return as_run(entry, self.alias, UTC if job is None else job._zone())

    @property
    def alias(self) -> str:
        """Alias of the store whose runs these are."""
        return str(getattr(self, "_alias", None) or "default")

    def _known_job(self, job_id: str) -> Any:
        """Return the job if asking for it costs nothing."""
        return None
