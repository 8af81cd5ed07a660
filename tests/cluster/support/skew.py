"""One process's wall clock, set from outside while it runs; the clocks that nobody can set stay true.

Stands in for a host whose clock is set. libfaketime cannot: told to leave the monotonic clock alone, it breaks
time.sleep() of CPython 3.11 and newer (see findings).
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from pathlib import Path

_FORM = struct.Struct("<q")


class Skew:
    """How far a clock is from the true one, in a file that processes share."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(_FORM.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _FORM.size)

    def step(self, seconds: int) -> None:
        """Set the clock so far from the true one."""
        self._memory[:] = _FORM.pack(seconds)

    def seconds(self) -> int:
        return int(_FORM.unpack(self._memory)[0])

    def close(self) -> None:
        self._memory.close()


def live_by(skew: Skew) -> None:
    """Have this process's modules read the shifted wall clock from now on."""
    true_time, true_time_ns = time.time, time.time_ns
    shifted = {
        "time": (true_time, lambda: true_time() + skew.seconds()),
        "time_ns": (true_time_ns, lambda: true_time_ns() + skew.seconds() * 1_000_000_000),
    }
    for module in list(sys.modules.values()):
        for name, (true, new) in shifted.items():
            if getattr(module, name, None) is true:
                setattr(module, name, new)
