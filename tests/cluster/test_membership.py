"""One process's membership, step by step: what it says to the store, and what it makes of no answer."""

from __future__ import annotations

from threading import Event, Thread

import pytest
from cluster.rolls import LEASE, Pause, Roll, Stop

from apscheduler._engine.instants import SECOND
from apscheduler.cluster.membership import Membership

BEAT = 60.0
PATIENCE = 10


@pytest.fixture
def roll():
    return Roll()


@pytest.fixture
def troubles():
    return []


@pytest.fixture
def member(roll, troubles):
    made = Membership(
        *(roll, LEASE, BEAT, lambda: roll.time),
        lambda text, exc: troubles.append((text, exc)),
    )
    yield made
    roll.fail.clear()
    made.leave()
    if made._thread is not None:
        made._thread.join(PATIENCE)


@pytest.fixture
def by_hand(member, monkeypatch):
    """Return a member whose heartbeat is this test, which calls ``_run``."""
    monkeypatch.setattr(Membership, "_start_beating", lambda self, epoch: None)
    member._drain_pause = Pause()
    assert member.ensure()
    return member


# -- joining --------------------------------------------------------------------------------------------


def test_without_a_thread_for_its_heartbeat_it_does_not_join(member, roll, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as there:
        there.setattr(Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            member.ensure()
    assert roll.said == ["join", "leave"]
    assert (member.lease.epoch, member.lease.trusted()) == (0, False)
    assert member.ensure()
    assert member._thread.is_alive()


def test_the_first_beat_of_who_has_not_joined_joins(by_hand, roll):
    by_hand.lease.lost()
    by_hand.beat()
    assert roll.said == ["join", "join"]
    assert by_hand.lease.epoch == roll.epochs[-1]
    by_hand.beat()
    assert roll.said == ["join", "join", "beat"]


def test_who_is_not_known_any_more_says_so_and_joins_anew(by_hand, roll, troubles):
    roll.known = False
    first = by_hand.lease.epoch
    by_hand.beat()
    assert roll.said == ["join", "beat", "join"]
    assert by_hand.lease.epoch not in (0, first)
    assert "lease in the store had ended" in troubles[0][0]


# -- the heartbeat --------------------------------------------------------------------------------------


def test_a_beat_that_got_no_answer_is_tried_again_in_a_fifth_of_the_time(by_hand, roll, troubles):
    roll.fail.add("beat")
    stop = by_hand._stop = Stop(3)
    really_wait = stop.wait

    def wait(seconds):
        if len(stop.pauses) == 2:
            roll.fail.clear()
        return really_wait(seconds)

    stop.wait = wait
    by_hand._run()
    assert stop.pauses == [BEAT, BEAT / 5, BEAT / 5, BEAT]
    assert [text for text, _ in troubles] == ["The heartbeat got no answer from the store"] * 2
    assert roll.said == ["join", "beat", "beat", "beat", "leave", "finish"]


@pytest.mark.parametrize("lost", [False, True], ids=["with a lease", "without one"])
def test_while_it_drains_it_beats_for_as_long_as_it_has_a_lease(by_hand, roll, lost):
    by_hand._stop = Stop(0)
    if lost:
        by_hand.lease.lost()
    answers = [False, False, False, True]
    by_hand._may_leave = lambda: answers.pop(0)
    by_hand._run()
    assert answers == []
    assert by_hand._drain_pause.seconds == [0.2] * 3
    assert roll.said == ["join", *([] if lost else ["beat"] * 3 + ["leave"]), "finish"]


def test_a_short_heartbeat_is_kept_up_while_it_drains(by_hand):
    by_hand._stop, by_hand._beat_seconds = Stop(0), 0.05
    answers = [False, True]
    by_hand._may_leave = lambda: answers.pop(0)
    by_hand._run()
    assert by_hand._drain_pause.seconds == [0.05]


# -- the end --------------------------------------------------------------------------------------------


def test_who_holds_nothing_leaves_at_once(member, roll):
    member.ensure()
    member.close(lambda: True)
    assert not member._thread.is_alive()
    assert [each for each in roll.said if each != "finish"] == ["join", "leave"]
    assert roll.said[-1] == "finish"
    assert not member.lease.trusted()


def test_who_never_joined_signs_nothing_and_frees_its_connections(member, roll):
    member.close(lambda: True)
    assert roll.said == ["finish"]


def test_who_holds_something_stays_until_its_process_ends(member, roll):
    drains, go_on = Event(), Event()

    class Gate:
        def wait(self, seconds):
            drains.set()
            go_on.wait(PATIENCE)

    member._drain_pause = Gate()
    member.ensure()
    member.close(lambda: False)
    assert drains.wait(PATIENCE)
    assert member.lease.trusted()
    assert roll.said == ["join", "beat"]
    member.leave()
    assert roll.said == ["join", "beat", "abandon", "finish"]
    go_on.set()
    member._thread.join(PATIENCE)
    assert not member._thread.is_alive()
    assert roll.said == ["join", "beat", "abandon", "finish", "finish"]
    assert member.lease.epoch == 0


def test_the_end_of_a_process_abandons_what_it_holds(by_hand, roll):
    by_hand._may_leave = lambda: False
    by_hand.leave()
    assert roll.said == ["join", "abandon", "finish"]
    assert by_hand._stop.is_set()
    assert by_hand._may_leave()


def test_the_end_of_a_process_stops_the_heartbeat(member, roll):
    member.ensure()
    member.leave()
    member._thread.join(PATIENCE)
    assert not member._thread.is_alive()
    assert "leave" not in roll.said


def test_at_the_end_of_a_process_the_heartbeats_thread_abandons_too_what_it_holds(by_hand, roll):
    """It wakes at the same moment, and may be the first of the two to sign off."""

    class Woken:
        def set(self):
            by_hand._run()

        def wait(self, seconds):
            return True

        def is_set(self):
            return True

    by_hand._stop = Woken()
    by_hand.leave()
    assert roll.said == ["join", "abandon", "finish"]


def test_a_process_that_never_joined_has_nothing_to_abandon(member, roll):
    member.leave()
    assert roll.said == []


def test_who_cannot_sign_off_is_told_and_frees_its_connections(by_hand, roll, troubles):
    roll.fail.add("abandon")
    by_hand.leave()
    (told,) = troubles
    assert told[0] == "The scheduler could not sign off from the store"
    assert isinstance(told[1], OSError)
    assert roll.said == ["join", "abandon", "finish"]
    assert not by_hand.lease.trusted()


# -- the store's clock ----------------------------------------------------------------------------------


def test_after_a_claim_ahead_of_the_stores_clock_that_is_read_afresh(by_hand, roll, troubles):
    readings = []

    class Offset:
        def asked(self):
            return 5

        def measured(self, began, store_now, *, afresh=False):
            readings.append((began, store_now, afresh))
            return 0

    by_hand.offset = Offset()
    by_hand.was_ahead()
    assert readings == [(5, roll.time, True)]
    assert "ahead of its clock" in troubles[0][0]


@pytest.mark.parametrize(("step", "way"), [(2 * SECOND, "forward"), (-2 * SECOND, "back")])
def test_a_clock_that_was_set_is_told(by_hand, roll, troubles, step, way):
    clock = [roll.time]
    by_hand.offset._clock = lambda: clock[0]
    by_hand.beat()
    clock[0] += step
    by_hand.beat()
    (told,) = troubles
    assert told[0].startswith(f"This host's clock was set {way} by 2.0 s")
