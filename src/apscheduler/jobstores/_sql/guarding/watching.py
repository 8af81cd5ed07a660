"""Looks for strangers (strangers.py), writes a row for each fire time that they took, and reports them."""

from __future__ import annotations

from apscheduler.history import reasons
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._sql.statements.closed import closed_row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from apscheduler.cluster.membership import Membership
    from apscheduler.job import Job
    from apscheduler.jobstores._sql.claiming.passes import Claiming
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.guarding.strangers import Passed, Strangers
    from apscheduler.jobstores._sql.statements import Statements

SAID: Final = (
    "Another program schedules the jobs of this table and knows nothing of claims (APScheduler 3.x?): fire times that "
    "it takes run in it alone or in both. Stop it, or give it a table of its own"
)


class Watching:
    """Looks for strangers in one store. Used by the thread that claims.

    :param on_found: called with the jobs that a stranger has run, each with the fire times that it took (an empty list
        if they ran here too)
    """

    def __init__(
        self,
        database: Database,
        statements: Statements,
        strangers: Strangers,
        membership: Membership,
        claiming: Claiming,
        on_found: Callable[[list[tuple[Job, list[int]]]], None],
    ) -> None:
        self._database = database
        self._statements = statements
        self._strangers = strangers
        self._membership = membership
        self._claiming = claiming
        self._rights = claiming.rights
        self._on_found = on_found

    def earliest(self, upto: int) -> float | None:
        """Look for strangers; return the earliest next fire time after ``upto``, as the column has it.

        :param upto: microseconds UTC, the store's time
        """
        if self._database.is_private:
            with self._database.reading() as connection:
                moment: float | None = connection.scalar(
                    self._statements.earliest_after, {"now": upto / 1_000_000}
                )
            return moment
        with self._database.reading() as connection:
            moment, gone = self._strangers.look(connection, upto)
            asked = gone or self._strangers.is_asked
            passed = self._strangers.examine(connection, gone) if asked else []
        found = [(each.job, each.fires) for each in passed]
        if passed:
            self._write(passed)
        doubled, self._strangers.doubled = self._strangers.doubled, None
        if doubled is not None:
            found.append((doubled, []))
        if found:
            self._on_found(found)
        return moment

    def _write(self, passed: list[Passed]) -> None:
        """Write a row for each of these fire times, unless another node has written it."""
        rights, epoch = self._rights, self._membership.lease.epoch
        number = rights.numbered()
        common = {
            "node": epoch,
            "node_name": self._membership.name,
            "batch": number,
            "claimed_us": self._claiming.claimed_at,
        }
        rows = [
            closed_row(
                common,
                (each.job.id, each.generation, fire),
                Outcome.SKIPPED,
                rights.next_seq(1),
                reason=reasons.MOVED_BY_ANOTHER,
            )
            for each in passed
            for fire in each.fires
        ]
        with self._database.transaction() as connection:
            self._statements.insert_closed(connection, rows)
            rights.check(connection, epoch, number)
