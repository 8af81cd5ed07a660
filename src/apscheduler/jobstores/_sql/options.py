"""Checks the options of a store that are amounts, and works out those that follow from the lease."""

from __future__ import annotations

from datetime import timedelta

from apscheduler._engine.instants import SECOND
from apscheduler.amounts import checked_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_END_SECONDS: Final = 10.0
"""Longest time that a shutdown waits for the database."""


class Options:
    """The options of one store.

    :ivar lease_us: microseconds of a lease
    :ivar poll_us: microseconds until changes by other processes are seen where the database does not tell
    :ivar history: how many finished runs are kept (``None``: no limit)
    :ivar history_age: how old they may become (``None``: no limit)
    :ivar connect_seconds: within these a connection must be made
    :ivar answer_seconds: after these of silence a connection is broken
    :ivar end_seconds: how long a shutdown may take
    """

    create_tables: bool
    keep_results: bool
    follow_zone_data: bool

    def __init__(
        self,
        lease: float,
        poll_interval: float,
        connect_timeout: float | None,
        answer_timeout: float | None,
        history: int | None,
        history_age: timedelta | None,
    ) -> None:
        _check_seconds(lease, poll_interval, connect_timeout, answer_timeout)
        _check_history(history, history_age)
        self.lease_us = round(lease * SECOND)
        self.poll_us = round(poll_interval * SECOND)
        self.history = history
        self.history_age = history_age
        self.connect_seconds = max(2.0, lease / 3) if connect_timeout is None else connect_timeout
        self.answer_seconds = max(5.0, lease * 2 / 3) if answer_timeout is None else answer_timeout
        self.statement_seconds = lease / 2
        self.end_seconds = min(lease, _END_SECONDS)

    @property
    def keeps_recent(self) -> bool:
        """Whether the ledger keeps enough rows, for long enough, that recent rows are certainly there."""
        age, count = self.history_age, self.history
        return (age is None or age >= timedelta(hours=1)) and (count is None or count >= 1000)


def _check_seconds(
    lease: float,
    poll_interval: float,
    connect_timeout: float | None,
    answer_timeout: float | None,
) -> None:
    """Check the options that are amounts of seconds.

    :raises TypeError, ValueError: if one is not valid; the text names the option
    """
    seconds = "a number of seconds"
    if not checked_number("lease", lease, seconds) >= 1:
        raise ValueError(f"lease must be at least 1 second, not {lease!r}")
    if not checked_number("poll_interval", poll_interval, seconds) > 0:
        raise ValueError(f"poll_interval must be more than 0 seconds, not {poll_interval!r}")
    for name, value in (("connect_timeout", connect_timeout), ("answer_timeout", answer_timeout)):
        if value is not None and not checked_number(name, value, seconds) > 0:
            raise ValueError(f"{name} must be more than 0 seconds, not {value!r}")


def _check_history(history: int | None, history_age: timedelta | None) -> None:
    """Check how many runs are kept, and for how long.

    :raises TypeError: if one is not valid; the text names the option
    """
    if history is not None:
        checked_number("history", history, "a whole number of runs, or None for no limit")
    if history_age is not None and not isinstance(history_age, timedelta):
        raise TypeError(
            f"history_age must be a timedelta, or None for no limit, not {history_age!r}"
        )
