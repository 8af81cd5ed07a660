"""The host's clock as the kernel has it, where a process's own may have been set apart from it.

It is the store's clock on SQLite, whose processes are all on one host: they must agree on what time it is, and a clock
that is wrong in one of them (a test tool that fakes time, a library that was told to) must not make it run the future.
Between its changes it is carried by the clock of :func:`boot_us`. A change of a second or more is believed if the kernel
tells the same (``btime`` in ``/proc/stat``: the time of boot, which moves when the clock is set): then the host has been
set, and that is a new time for all. Smaller ones, and all where the kernel does not tell, are believed.
"""

from __future__ import annotations

import time

from apscheduler.cluster.lease import boot_us

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SECOND = 1_000_000
_UNSURE = _SECOND
_EXACT = 1_500_000
"""``btime`` is in whole seconds."""


def process_us() -> int:
    """Return this process's idea of the time, microseconds UTC."""
    return time.time_ns() // 1000


def kernel_base() -> int | None:
    """Return the kernel's time minus :func:`boot_us`, to a second, never too late; ``None`` where it cannot be told."""
    try:
        with open("/proc/stat", encoding="ascii") as file:  # noqa: PTH123 - start-up time
            for line in file:
                if line.startswith("btime "):
                    return int(line.split()[1]) * _SECOND
    except (OSError, ValueError):
        return None
    return None


class HostClock:
    """Tells the host's time.

    :param own: this process's clock
    :param steady: a clock that nobody sets
    :param kernel: the kernel's word on the difference
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
        """Return whether the same difference was looked at within a second."""
        if self._doubted is None:
            return False
        doubted, at = self._doubted
        return abs(base - doubted) < _UNSURE and 0 <= steady - at < _SECOND
