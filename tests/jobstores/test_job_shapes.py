"""What a job that was read must look like before the engine takes it: each attribute by itself is looked at."""

from __future__ import annotations

from datetime import UTC

import pytest

from apscheduler.jobstores._rows import check_shape
from apscheduler.testing import ManualScheduler


class Words(str):
    """No plain text, and yet one."""

    __slots__ = ()


def as_read(**changed):
    """Return a job as it comes from a pickle: nobody has looked at what it says."""
    scheduler = ManualScheduler(timezone=UTC)
    scheduler.start()
    job = scheduler.add_job(print, "interval", seconds=1, name="usual")
    scheduler.shutdown()
    for name, value in changed.items():
        setattr(job, name, value)
    return job


GOOD = [
    {},
    {"timeout": 5},
    {"misfire_grace_time": None},
    {"misfire_grace_time": 7},
    {"name": Words("another")},
    {"delivery": "at_least_once"},
    {"executor": Words("pool")},
]
BAD = [
    {"trigger": "every second"},
    {"args": "one"},
    {"kwargs": [("one", 1)]},
    {"name": 7},
    {"executor": 7},
    {"max_instances": "3"},
    {"max_instances": 0},
    {"misfire_grace_time": "7"},
    {"misfire_grace_time": 0},
    {"timeout": "5"},
    {"timeout": -5},
    {"delivery": "perhaps"},
    {"delivery": 7},
]


@pytest.mark.parametrize("changed", GOOD, ids=str)
def test_a_good_one_is_taken(changed):
    check_shape(as_read(**changed))


@pytest.mark.parametrize("changed", BAD, ids=str)
@pytest.mark.parametrize("beside", [{}, {"misfire_grace_time": 7}, {"timeout": 5}], ids=str)
def test_one_bad_attribute_is_refused_whatever_the_others_are(changed, beside):
    with pytest.raises((TypeError, ValueError)):
        check_shape(as_read(**{**beside, **changed}))
