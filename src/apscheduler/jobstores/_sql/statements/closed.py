"""Rows of fire times that have an outcome from the start: they are inserted as they will stay."""

from __future__ import annotations

from apscheduler.history.states import STATES
from apscheduler.jobstores._sql.schema.tables import AT_MOST_ONCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.history.outcomes import Outcome


def closed_row(
    common: dict[str, Any],
    key: tuple[str, int, int],
    outcome: Outcome,
    seq: int,
    *,
    count: int = 1,
    last: int | None = None,
    reason: str | None = None,
    error: str | None = None,
) -> dict[str, Any]:
    """Return a whole row, for ``Statements.insert_closed``.

    :param common: node, node_name, batch, claimed_us
    :param key: job id, generation and fire time
    :param seq: its number in the ledger
    :param count: how many fire times the row stands for
    :param last: the last of them, if the row stands for several
    """
    id, generation, fire = key
    return {
        **common,
        "job_id": id,
        "generation": generation,
        "kind": 0,
        "fire_us": fire,
        "state": STATES[outcome],
        "token": 1,
        "lead": fire,
        "attempt": 1,
        "delivery": AT_MOST_ONCE,
        "count": count,
        "last_us": last,
        "seq": seq,
        "finished_us": common["claimed_us"],
        "reason": reason,
        "error": error,
    }
