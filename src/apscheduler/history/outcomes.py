"""The vocabulary of the ledger: what can become of a fire time, and which key a fire time has."""

from __future__ import annotations

from enum import StrEnum

from apscheduler.names import closest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Outcome(StrEnum):
    """What became of a fire time. Each fire time gets exactly one."""

    EXECUTED = "executed"
    """The function returned."""
    FAILED = "failed"
    """The function raised, or could not be called, or its worker died."""
    TIMED_OUT = "timed_out"
    """The function did not end within the job's ``timeout``."""
    MISSED = "missed"
    """The run could not start within the job's ``misfire_grace_time``."""
    SKIPPED = "skipped"
    """As many instances of the job as ``max_instances`` allows were still running, or a calendar was closed."""
    COALESCED = "coalesced"
    """Rolled into a later fire time because the job says ``coalesce``."""
    LOST = "lost"
    """Its node died while it ran; whether the function ended is not known."""
    CANCELLED = "cancelled"
    """Called off before the function was called, or cut off in it: by a shutdown, or a task that was cancelled."""


def outcome_named(name: Outcome | str) -> Outcome:
    """Return the outcome of this name.

    :raises ValueError: if there is none; the text lists those that there are
    """
    try:
        return Outcome(name)
    except ValueError:
        known = ", ".join(Outcome)
        near = closest(name, map(str, Outcome))
        meant = f"did you mean {near!r}? There" if near else "there"
        raise ValueError(f"there is no outcome {name!r}; {meant} are: {known}") from None


CODES: Final = tuple(Outcome)
"""Outcomes by the small integers that the ledger keeps."""

EXECUTED: Final = CODES.index(Outcome.EXECUTED)


def fire_id(job_id: str, instant: int) -> str:
    """Return the idempotency key of a job's fire time (microseconds, UTC)."""
    return f"{job_id}@{instant}"
