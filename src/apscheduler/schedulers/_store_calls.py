"""Says in the log what a call of a job store came to: for the loop, for calls of users, and at the end."""

from __future__ import annotations

import logging

from apscheduler.jobstores._plain.reaching import place_of, why_unreachable
from apscheduler.jobstores.base import SharedJobStore
from apscheduler.logs import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def say_trouble(
    logger: logging.Logger,
    store: Any,
    text: str,
    exc: Exception,
    *,
    level: int = logging.ERROR,
    away: str = "{text}: its store{place} is not reachable ({reason})",
) -> None:
    """Log what failed with a store: in one line if the cause is known, else with the traceback.

    :param away: format of the line for a store that cannot be reached
    """
    if isinstance(store, SharedJobStore) and store.tell_trouble(text, exc):
        return
    reason = why_unreachable(exc)
    if reason is None:
        say(logger, level, "%s", text, exc_info=exc)
    else:
        line = away.format(text=text, place=place_of(store), reason=reason)
        say(logger, level, "%s", line)
