"""A store that was set back is held: what this process has committed is not there any more."""

from __future__ import annotations

import pytest
from jobstores.guards import EPOCH, why_held


@pytest.mark.parametrize(
    ("beat", "batch", "held"), [(3, 5, False), (4, 6, False), (2, 5, True), (3, 4, True)]
)
def test_an_own_entry_that_is_an_earlier_one_holds_the_store(world, beat, batch, held):
    world.enter_node(beat, batch)
    guard = world.guard()
    why_held(guard)
    guard.fenced(EPOCH, 3, 5, lambda: True)
    said = why_held(guard)
    assert (said is not None and "an earlier one" in said) is held
    world.change("DELETE FROM jobs_nodes")
    guard._stale = True
    said = why_held(guard)
    assert (said is not None and "vanished" in said) is held, (
        "a look that finds it has done with it"
    )


def test_an_earlier_entry_is_none_any_more_once_the_store_is_adopted(world):
    world.enter_node(2, 5)
    guard, other = world.guard(), world.guard()
    why_held(guard)
    for who in (other, guard):
        guard.fenced(EPOCH, 3, 5, lambda: True)
        assert "an earlier one" in why_held(guard)
        who.adopt()
        assert why_held(guard) is None


def test_an_own_entry_that_vanished_after_its_lease_is_nothing_to_hold_a_store_for(world):
    guard = world.guard()
    why_held(guard)
    guard.fenced(EPOCH, 3, 5, lambda: False)
    assert why_held(guard) is None


def test_an_own_entry_that_another_node_took_away_since_holds_nothing(world):
    """The store said that the lease was over while it held here: its clock was set. The look came later."""
    guard = world.guard()
    why_held(guard)
    left = [True]
    guard.fenced(EPOCH, 3, 5, lambda: bool(left))
    left.clear()
    assert why_held(guard) is None


def test_an_own_entry_that_has_vanished_holds_the_store_beyond_the_lease(world):
    guard = world.guard()
    why_held(guard)
    left = [True]
    guard.fenced(EPOCH, 3, 5, lambda: bool(left))
    assert "vanished" in why_held(guard)
    left.clear()
    assert "vanished" in why_held(guard)


def test_an_entry_of_another_node_is_not_taken_for_ones_own(world):
    world.enter_node(9, 9)
    guard = world.guard()
    guard.fenced(EPOCH + 1, 3, 5, lambda: True)
    assert "vanished" in why_held(guard)


@pytest.mark.parametrize(
    ("newest", "after", "keeps", "held"),
    [
        (None, 0.0, True, True),
        (41, 0.0, True, True),
        (41, 599.0, True, True),
        (42, 0.0, True, False),
        (43, 0.0, True, False),
        (41, 600.0, True, False),
        (41, 0.0, False, False),
    ],
)
def test_what_was_committed_of_late_and_is_not_there_holds_the_store(
    world, clock, newest, after, keeps, held
):
    if newest is not None:
        world.enter_run(newest)
    guard = world.guard(keeps=keeps)
    why_held(guard)
    guard.committed(42)
    clock.now += after
    world.connect_anew()
    said = why_held(guard)
    assert (said is not None and "that this scheduler has committed are missing" in said) is held


def test_who_has_committed_nothing_misses_nothing(world):
    guard = world.guard()
    why_held(guard)
    world.connect_anew()
    assert why_held(guard) is None
