"""Settings and fixtures of the whole suite."""

from __future__ import annotations

import os
import signal
import sys
import zoneinfo
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tools import TESTED, commands, slow_tests

ROOT = Path(__file__).resolve().parent.parent

sys.path.insert(0, str(TESTED))

# The asserts of what tests share say what they saw, as those of the tests themselves do. (The suite in hosts/ is started
# by a program that has imported that folder before.)
SHARING = ("cluster", "executors", "jobstores", "plain", "pools", "schedulers", "zones")
for folder in SHARING:
    pytest.register_assert_rewrite(folder, f"tests.{folder}")

# A shell starts what it puts into the background with SIGINT ignored, and children inherit that: their Ctrl-C would do
# nothing. A handler of our own is not inherited.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadlines: they measure this machine, not the product.
settings.register_profile(
    "normal", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("normal"), max_examples=5000)
settings.register_profile("fast", settings.get_profile("normal"), max_examples=10)
PROFILES = {commands.LONG_MARK: "long", commands.FAST_MARK: "fast"}
settings.load_profile(next((PROFILES[mark] for mark in PROFILES if os.environ.get(mark)), "normal"))


def pytest_configure(config: pytest.Config) -> None:
    """Time the tests where that is asked for."""
    file = os.environ.get(slow_tests.MEASURES)
    if file and not hasattr(config, "workerinput"):
        config.pluginmanager.register(slow_tests.Stopwatch(Path(file)))


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with long files, and mark what is slow by measure."""
    items[:] = [items[at] for at in slow_tests.in_order([item.nodeid for item in items])]
    if os.environ.get(slow_tests.MEASURES):
        return
    slow = slow_tests.listed()
    for item in items:
        if slow_tests.function_of(item.nodeid) in slow:
            item.add_marker(pytest.mark.slow)


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
