"""A store that is started again while runs of an earlier session go on."""

from __future__ import annotations

from threading import Event

import pytest
from cluster.rules import Node
from databases import Place

from apscheduler.cluster.membership import Membership
from apscheduler.history.outcomes import Outcome
from apscheduler.history.states import RUNNING
from apscheduler.runs.claims import Result
from apscheduler.testing._contract_jobs import INTERVAL, NOW, once


@pytest.fixture
def place(tmp_path):
    place = Place("sqlite", tmp_path)
    yield place
    place.close()


@pytest.fixture
def node(place):
    node = Node(place)
    yield node
    for session in node.store._sessions.all():
        session.open.clear()  # what a failed assertion still holds must not keep the node draining
    node.close()


def until(what) -> None:
    assert any(what() or Event().wait(0.02) for _ in range(500))


def started_again(node):
    """Return what was claimed before the store was shut down and started again."""
    node.add("job", trigger=once(NOW))
    claimed = node.claim()
    node.store.shutdown()
    node.store.start(node.scheduler, "default")
    return claimed


def states(place):
    return [row[0] for row in place.rows("SELECT state FROM {t}_runs")]


def nodes(place):
    return [row[0] for row in place.rows("SELECT epoch FROM {t}_nodes")]


def test_a_run_of_an_earlier_session_is_written_by_that_session(node, place):
    before = node.store._session
    claimed = started_again(node)
    assert node.store._session is not before
    assert (states(place), nodes(place)) == ([RUNNING], [before.membership.lease.epoch])
    written = []
    before.outbox.settle = lambda claim, result: written.append(result.outcome)
    claimed.finish(Outcome.EXECUTED)
    assert written == [Outcome.EXECUTED]
    assert before.open.alive() == []


def test_a_session_signs_off_when_its_last_run_has_its_outcome(node, place):
    claimed = started_again(node)
    (earlier,) = nodes(place)
    node.add("other")
    other = node.claim()
    assert earlier in nodes(place)
    claimed.finish(Outcome.EXECUTED)
    until(lambda: earlier not in nodes(place))
    assert len(nodes(place)) == 1
    assert states(place).count(10) == 1
    other.finish(Outcome.EXECUTED)


def test_the_database_is_closed_by_the_session_that_leaves_last(node, monkeypatch):
    claimed = started_again(node)
    closed = []
    monkeypatch.setattr(node.store._database, "close", lambda: closed.append(None))
    node.store.shutdown()
    assert closed == []
    claimed.finish(Outcome.EXECUTED)
    until(lambda: closed)
    assert closed == [None]


def test_an_earlier_session_that_leaves_closes_nothing_of_the_one_that_goes_on(node, monkeypatch):
    claimed = started_again(node)
    closed = []
    monkeypatch.setattr(node.store._database, "close", lambda: closed.append(None))
    earlier, _ = node.store._sessions.all()
    claimed.finish(Outcome.EXECUTED)
    until(lambda: earlier.left)
    assert closed == []
    assert node.store._database.watch._thread is not None


class Pause(Event):
    """Where the thread that drains an ended session waits until the test says that it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = Event()

    def wait(self, timeout=None):
        self.reached.set()
        return super().wait(60)


@pytest.fixture
def drains_later(node, monkeypatch):
    pause = Pause()
    monkeypatch.setattr(Membership, "_drain_pause", pause)
    yield pause
    pause.set()


def test_what_waits_to_be_written_is_written_before_the_next_session_claims(
    node, place, drains_later
):
    node.add("job", trigger=once(NOW))
    claimed = node.claim()
    node.store.shutdown()
    assert drains_later.reached.wait(10)
    claimed.finish(Outcome.EXECUTED)
    assert states(place) == [RUNNING]  # it may be an event loop that settles: a thread writes
    node.store.start(node.scheduler, "default")
    assert states(place) == [10]


def test_what_is_given_back_after_a_restart_is_written_by_the_thread_that_drains(
    node, place, drains_later
):
    (claim,) = started_again(node).batch.claims
    assert drains_later.reached.wait(10)
    node.store.give_back(claim)
    assert states(place) == [RUNNING]
    drains_later.set()
    until(lambda: states(place) == [0])
    until(lambda: len(nodes(place)) == 0)


def test_the_end_of_the_process_gives_up_what_all_sessions_hold(node, place):
    claimed = started_again(node)
    node.store.last_word()
    assert states(place) == [16]
    assert nodes(place) == []
    claimed.finish(Outcome.EXECUTED)


def test_a_child_process_holds_nothing_of_any_session(node):
    claimed = started_again(node)
    earlier, now = node.store._sessions.all()
    lease = earlier.membership.lease
    node.store.forked()
    assert earlier.left
    assert now.left
    assert lease.epoch == 0
    assert earlier.open.alive() == []
    (claim,) = claimed.batch.claims
    assert not claim.may_start()
    node.store.start(node.scheduler, "default")
    assert len(node.store._sessions.all()) == 1


def test_a_child_process_has_no_last_word_on_what_its_parent_runs(node, place, caplog):
    _claimed = started_again(node)
    node.store.forked()
    node.store.last_word()
    assert caplog.messages == []
    assert states(place) == [RUNNING]


def test_a_child_process_writes_nothing_of_what_its_parent_runs(node, place, caplog):
    """A job has forked, and the child has come out of it: into our code, which goes on with what follows."""
    (claim,) = started_again(node).batch.claims
    node.store.forked()
    for _ in range(2):
        node.store.settle(claim, Result(NOW, Outcome.EXECUTED, NOW, NOW))
        node.store.give_back(claim)
        assert states(place) == [RUNNING]
        assert claim.unsettled == [NOW]
        node.store.start(node.scheduler, "default")  # the child's own, and still not that run's
    assert "in a child process that it had made by a fork" in caplog.text


def test_another_scheduler_counts_a_run_until_its_outcome_is_written(node, place, drains_later):
    """A job that shuts its scheduler down in its own run: a thread writes how it ended, soon after."""
    node.add("job")
    claimed = node.claim()
    node.store.shutdown()
    assert drains_later.reached.wait(10)
    claimed.finish(Outcome.EXECUTED)
    other = Node(place)
    try:
        assert other.claim(NOW + INTERVAL).fires == []
        drains_later.set()
        until(lambda: states(place)[0] == 10)
        again = other.claim(NOW + 2 * INTERVAL)
        assert again.fires == [("job", NOW + 2 * INTERVAL)]
        again.finish(Outcome.EXECUTED)
    finally:
        other.close()
