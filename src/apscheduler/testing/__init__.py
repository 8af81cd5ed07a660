"""For tests, ours and yours: a clock that stands still, a scheduler that runs when told to, contracts to run."""

from apscheduler.testing.clock import FakeClock
from apscheduler.testing.manual import ManualScheduler

__all__ = ["FakeClock", "ManualScheduler"]
