"""Tells the host's time as the kernel has it, even if this process's own clock differs from it.

It is the store's clock on SQLite. The processes of such a store are all on one host, and must agree on what time it is.
If the clock of one of them is wrong (a test tool that fakes time, a library that was told to), it must not run jobs
ahead of their time. So a change of a second or more is believed only if the kernel tells the same (``btime`` in
``/proc/stat``: the time of boot, which moves when the clock is set): then the host's clock was set, for all processes.
Smaller changes are believed, and so are all changes where the kernel does not tell. Between changes the clock of
:func:`boot_us` gives the time.
"""

from __future__ import annotations

import os

from apscheduler import clocks
from apscheduler.clocks import boot_us

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SECOND = 1_000_000
_UNSURE = _SECOND
_EXACT = 1_500_000
"""How far the clock and ``btime`` may differ, microseconds: ``btime`` is in whole seconds."""


def process_us() -> int:
    """Return this process's idea of the time, microseconds UTC."""
    return clocks.now_us()


def kernel_base() -> int | None:
    """Return the kernel's time minus :func:`boot_us`, rounded down; ``None`` where it cannot be told.

    It is rounded to some milliseconds, or to a second where the kernel's stamps of files are faked or not to be had.
    """
    booted = _booted_us()
    stamp = _stamp_us()
    if booted is None or stamp is None:
        return booted
    base = stamp - boot_us()
    return base if abs(base - booted) < _EXACT else booted


def _booted_us() -> int | None:
    """Return when the machine was started, microseconds UTC, rounded down to a second."""
    try:
        with open("/proc/stat", encoding="ascii") as file:  # noqa: PTH123 - start-up time
            for line in file:
                if line.startswith("btime "):
                    return int(line.split()[1]) * _SECOND
    except (OSError, ValueError):
        return None
    return None


def _stamp_us() -> int | None:
    """Return the time that the kernel gives a new file, microseconds UTC: that of its last tick, some milliseconds ago."""
    try:
        file = os.memfd_create("time")
    except (AttributeError, OSError):  # another system, or one that does not allow it
        return None
    try:
        return os.fstat(file).st_mtime_ns // 1000
    finally:
        os.close(file)


class HostClock:
    """Tells the host's time.

    :param own: this process's clock
    :param steady: a clock that nobody sets
    :param kernel: the difference of the two, as the kernel tells it
    """

    def __init__(
        self,
        own: Callable[[], int] = process_us,
        steady: Callable[[], int] = boot_us,
        kernel: Callable[[], int | None] = kernel_base,
    ) -> None:
        self._own = own
        self._steady = steady
        self._kernel = kernel
        self._base: int | None = None
        self._doubted: tuple[int, int] | None = None  # a difference that was found wrong, and when

    def now(self) -> int:
        """Return the time in microseconds UTC."""
        steady = self._steady()
        base = self._own() - steady
        known = self._base
        if known is not None and abs(base - known) < _UNSURE:
            self._base, self._doubted = base, None
            return steady + base
        if self._is_doubted(base, steady) and known is not None:
            return steady + known
        told = self._kernel()
        if told is None or abs(base - told) < _EXACT:
            self._base, self._doubted = base, None
            return steady + base
        self._doubted = (base, steady)
        if known is None or abs(known - told) >= _EXACT:
            known = self._base = told
        return steady + known

    def _is_doubted(self, base: int, steady: int) -> bool:
        """Return whether the same difference was found wrong within the last second."""
        if self._doubted is None:
            return False
        doubted, at = self._doubted
        return abs(base - doubted) < _UNSURE and 0 <= steady - at < _SECOND
