"""Says which other processes hold the runs that keep a job from being started again."""

from __future__ import annotations

from apscheduler._engine.instants import SECOND
from apscheduler.history.states import PENDING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy.engine import Connection

    from apscheduler.jobstores._sql.statements import Statements

_SHOWN = 3


def held_by_others(
    connection: Connection, statements: Statements, ids: Sequence[str], own_epoch: int, now: int
) -> dict[str, str]:
    """Return by job, in words, who else holds its runs and when that process was last heard of.

    :param now: the store's time, microseconds UTC
    """
    values = {**statements.with_ids(ids), "node": own_epoch}
    found: dict[str, dict[str, None]] = {}
    for id, state, name, heard in connection.execute(statements.holders, values):
        found.setdefault(id, {})[_said(state, name, heard, now)] = None
    return {id: _listed(list(said)) for id, said in found.items()}


def _said(state: int, name: str, heard: Any, now: int) -> str:
    if state == PENDING:
        return "waiting for a process to take it over"
    if not isinstance(heard, int):
        return f"held by {name}, which is not listed any more"
    return f"held by {name}, last heard {max(now - heard, 0) // SECOND} s ago"


def _listed(said: list[str]) -> str:
    more = f" and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    return "; ".join(said[:_SHOWN]) + more
