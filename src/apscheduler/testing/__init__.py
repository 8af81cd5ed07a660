"""For tests, ours and yours: a clock that stands still, a scheduler that runs when told to, contracts to run.

``clock.py`` and ``manual.py`` let a test step through time without waiting. ``contracts.py`` has the contracts of stores
as classes of tests to inherit; ``_contract_*.py`` are their parts.

Easy to get wrong: a trigger made before the fake clock was given begins by the host's clock.
"""

from apscheduler.testing.clock import FakeClock
from apscheduler.testing.manual import ManualScheduler

__all__ = ["FakeClock", "ManualScheduler"]
