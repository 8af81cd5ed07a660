"""For tests, ours and yours: a clock that stands still, a scheduler that runs when told to, a store, contracts to run.

``clock.py`` and ``manual.py`` let a test step through time without waiting. ``dict_store.py`` is a store as others write
theirs. ``contracts.py`` has the contracts of stores as classes of tests to inherit; ``_contract_*.py`` are their parts.

Easy to get wrong: a trigger made before the fake clock was given begins by the host's clock.
"""

from apscheduler.testing.clock import FakeClock
from apscheduler.testing.dict_store import DictStore
from apscheduler.testing.manual import ManualScheduler

__all__ = ["DictStore", "FakeClock", "ManualScheduler"]
