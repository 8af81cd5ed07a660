"""Settings and fixtures of the whole suite."""

from __future__ import annotations

import os
import signal
import zoneinfo
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tools import commands

ROOT = Path(__file__).resolve().parent.parent

# A shell starts what it puts into the background with SIGINT ignored, and children inherit that: their Ctrl-C would do
# nothing. A handler of our own is not inherited.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadlines: they measure this machine, not the product.
settings.register_profile(
    "normal", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("normal"), max_examples=5000)
settings.load_profile("long" if os.environ.get(commands.LONG_MARK) else "normal")


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The checkout's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The golden data of the reference and the documents that tests read."""
    return ROOT / "tests" / "data"


@pytest.fixture(scope="session")
def reference_python() -> Path:
    """The Python in whose environment the reference implementation is installed: ask it by subprocess."""
    given = os.environ.get("TICKWRIGHT_REFERENCE_PYTHON")
    return Path(given) if given else commands.reference()


@pytest.fixture
def newest_zone_data():
    """Have zoneinfo read the package tzdata: the system's data may be older, which is a finding."""
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(())
    yield
    zoneinfo.reset_tzpath(before)
