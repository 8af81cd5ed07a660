"""What a program waits for before its scheduler works: measured inside a fresh process, after Python's own start."""

from __future__ import annotations

import subprocess
import sys

_IMPORT = "from apscheduler.schedulers.blocking import BlockingScheduler"
_START_STOP = (
    "from apscheduler.schedulers.background import BackgroundScheduler;"
    "s = BackgroundScheduler(); s.start(); s.shutdown()"
)


def importing() -> dict[str, float]:
    """Importing ``BlockingScheduler``."""
    return _fresh(_IMPORT)


def starting() -> dict[str, float]:
    """Importing ``BackgroundScheduler``, starting one and shutting it down."""
    return _fresh(_START_STOP)


def _fresh(statement: str) -> dict[str, float]:
    code = (
        "from time import perf_counter as clock; began = clock()\n"
        f"{statement}\n"
        "print((clock() - began) * 1e3)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return {"ms": float(done.stdout)}
