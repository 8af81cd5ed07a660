"""Finds out why a claim came late. Instants in microseconds; written by the loop's thread.

The loop knows when it last looked and when it meant to look again. So it can distinguish the causes: the machine slept,
the store was not reachable, the scheduler was not running, or the job came after its time.
"""

from __future__ import annotations

from collections.abc import Callable

from apscheduler._engine.instants import SECOND

_OVERSLEPT = SECOND
"""Microseconds. A later wake-up than this comes from a sleep or a clock step, not from the system's scheduling."""


class Lateness:
    """What the loop remembers about its own lateness."""

    def __init__(self) -> None:
        self._started_at = 0
        self._resumed_at = 0
        self._led_at = 0
        self._began_at = 0
        self._looked_at = 0
        self._ended_at = 0
        self._wake_at = 0
        self._overslept = False
        self._stores_down: set[str] = set()
        self._stores_back: set[str] = set()

    def started(self, now: int) -> None:
        """Called when the scheduler starts."""
        self._started_at, self._looked_at, self._resumed_at = now, 0, 0
        self._ended_at = 0

    def resumed(self, now: int) -> None:
        """Called when the scheduler goes on after a pause."""
        self._resumed_at = now

    def led(self, now: int) -> None:
        """Called when the scheduler begins to lead, after others did."""
        self._led_at = now

    def pass_began(self, now: int) -> None:
        """Called when a pass begins. A pass that took long is no sleep: what came due meanwhile waited for the loop."""
        self._began_at = now
        self._overslept = now - max(self._wake_at, self._ended_at) > _OVERSLEPT

    def pass_ended(self, now: int, wake_at: int) -> None:
        """Called after a pass that found all that was due as it began; the next one is planned for ``wake_at``."""
        self._looked_at, self._ended_at, self._wake_at = self._began_at, now, wake_at
        self._stores_back.clear()

    def asked_to_look(self, now: int) -> None:
        """Called when jobs were changed and a pass is due: the loop counts as woken for fire times after ``now``."""
        self._wake_at = min(self._wake_at, now)

    def store_went_down(self, alias: str) -> None:
        """Called when a call of the store raised."""
        self._stores_down.add(alias)

    def store_is_back(self, alias: str) -> None:
        """Called when the store answers again."""
        self._stores_down.discard(alias)
        self._stores_back.add(alias)

    def judge(self, now: int, alias: str) -> Callable[[int, int], str | None]:
        """Return a function for this pass, from (fire time, grace) to the cause, ``None`` if the claim is not late."""

        def cause(instant: int, grace: int) -> str | None:
            return self._cause(instant, alias) if now - instant > grace else None

        return cause

    def _cause(self, instant: int, alias: str) -> str:
        if alias in self._stores_down or alias in self._stores_back:
            return f"job store {alias!r} was not reachable"
        if instant < self._started_at:
            return "the scheduler was not running, or the job was not there yet"
        if instant < self._resumed_at:
            return "the scheduler was paused"
        if instant < self._led_at:
            return "another scheduler led, or none"
        if (
            instant <= self._looked_at or instant < self._wake_at
        ):  # else the loop would have woken for it
            return "its time had passed when it was added, changed or resumed"
        if self._overslept and instant < self._began_at:
            return "the process was asleep or held up, or the clock was set forward"
        return "the scheduler's loop was busy"
