"""Which event tells which outcome."""

from __future__ import annotations

from apscheduler.events import (
    EVENT_JOB_CANCELLED,
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MISSED,
)
from apscheduler.history.outcomes import Outcome

EVENT_CODES = {
    Outcome.EXECUTED: EVENT_JOB_EXECUTED,
    Outcome.FAILED: EVENT_JOB_ERROR,
    Outcome.TIMED_OUT: EVENT_JOB_ERROR,
    Outcome.LOST: EVENT_JOB_ERROR,
    Outcome.MISSED: EVENT_JOB_MISSED,
    Outcome.CANCELLED: EVENT_JOB_CANCELLED,
}
"""The code of the event by outcome; others have events of their own, or none."""

OUTCOMES = {
    EVENT_JOB_EXECUTED: Outcome.EXECUTED,
    EVENT_JOB_ERROR: Outcome.FAILED,
    EVENT_JOB_MISSED: Outcome.MISSED,
}
"""The outcome by the code of 3.x's event."""
