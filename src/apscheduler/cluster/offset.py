"""Tells how far the host's clock is off the store's at any moment, also between two readings of the store's clock.

A host's clock can be set at any moment: by hand, by a time service that sets a slow one right, for one process alone by
a test tool. So a reading of the store's clock is kept as its difference from the clock of :func:`boot_us`, which nobody
can set. The offset is computed from it whenever it is asked for, not only at the next heartbeat.
"""

from __future__ import annotations

from apscheduler.clocks import boot_us

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LEAST = 1_000
_MOST = 50_000
_STEP = 1_000_000


class Offset:
    """The difference between the store's clock and this host's.

    :param clock: the host's clock, microseconds UTC
    """

    __slots__ = ("_base", "_clock", "_host", "_round_trip")

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._base: int | None = None
        self._host: int | None = None
        self._round_trip = _LEAST

    @property
    def us(self) -> int:
        """Microseconds to add to the host's clock; 0 where the difference cannot be told from the round trip."""
        if self._base is None:
            return 0
        # In this order: a thread that is held up in between takes the store's time to be earlier than it is, not later.
        store_now = boot_us() + self._base
        difference = store_now - self._clock()
        return 0 if abs(difference) <= self._round_trip else difference

    @property
    def slack(self) -> int:
        """How far a plan may be ahead of the store's clock: the round trip, at most 50 ms (microseconds)."""
        return min(self._round_trip, _MOST)

    @property
    def is_exact(self) -> bool:
        """Whether the last reading was quick enough to tell the store's clock to 50 ms."""
        return self._round_trip <= _MOST

    def asked(self) -> int:
        """Return the time at which a reading of the store's clock begins, to be given to :meth:`measured`."""
        return boot_us()

    def measured(self, began: int, store_now: int, *, afresh: bool = False) -> int:
        """Take a reading; return by how many microseconds the host's clock was set since the last one.

        Returns 0 if that is less than a second. A reading that took much longer than the one that is kept, and agrees
        with it, tells less: the kept one stays.

        :param afresh: whether the readings before were wrong
        """
        ended = boot_us()
        host = self._clock() - ended
        self._take(store_now - (began + ended) // 2, max(ended - began, _LEAST), afresh=afresh)
        step = 0 if self._host is None else host - self._host
        self._host = host
        return step if abs(step) >= _STEP else 0

    def _take(self, base: int, round_trip: int, *, afresh: bool) -> None:
        agrees = self._base is not None and abs(base - self._base) <= round_trip
        if afresh or not agrees or round_trip <= 2 * self._round_trip:
            self._base, self._round_trip = base, round_trip
