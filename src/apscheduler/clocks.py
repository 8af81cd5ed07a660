"""The only file that reads time. Everything else is given an instant, or asks here.

=================  ==================================================================================================
now_us, time_ns    this host's clock. People and programs set it, also backwards
monotonic          seconds that only grow, for waits inside this process. The clock may stop while the machine sleeps
boot_us            microseconds that only grow, also while the machine sleeps where the system counts that. Processes of
                   one host agree on it, so leases and limits between them go by it
=================  ==================================================================================================

A scheduler's own time is ``BaseScheduler._now_us()``: tests may give it another clock. A few modules of 3.x read the
clock through their own name ``datetime``, because programs patch it there; ``tests/test_layers.py`` lists them.
"""

from __future__ import annotations

import time
from time import monotonic, monotonic_ns, time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime, tzinfo

__all__ = ["boot_us", "counts_sleep", "monotonic", "monotonic_ns", "now", "now_us", "time_ns"]

_BOOT = getattr(time, "CLOCK_BOOTTIME", None)


def now_us() -> int:
    """Return the instant by this host's clock, microseconds UTC."""
    return time_ns() // 1000


def now(zone: tzinfo) -> datetime:
    """Return the instant by this host's clock as a datetime in the zone."""
    import datetime as dt

    return dt.datetime.now(zone)


def boot_us() -> int:
    """Return microseconds of a clock that nobody sets and that runs during suspend (where the system has one)."""
    if _BOOT is None:
        return monotonic_ns() // 1000
    return time.clock_gettime_ns(_BOOT) // 1000


def counts_sleep() -> bool:
    """Return whether :func:`boot_us` goes on while the machine sleeps."""
    return _BOOT is not None
