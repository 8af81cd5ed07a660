"""Our pools at the interpreter's end, and in a child after a fork."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from apscheduler import ends
from apscheduler.executors._ending import pools as pools_module
from apscheduler.executors._ending import waits as waited_for
from apscheduler.executors._ending.pools import Ending
from apscheduler.executors.base import InterpreterEndingError


class Pool:
    """A pool that tells what is done with it, one after another."""

    def __init__(self, told, name, running=0):
        self.told = told
        self.name = name
        self.running = running
        self.closing = False

    def shutdown(self, wait):
        self.closing = True
        self.told.append(("shutdown", self.name, wait))

    def in_flight(self):
        return [SimpleNamespace(id=f"job {number}") for number in range(self.running)]

    def forked(self):
        self.told.append(("forked", self.name))


@pytest.fixture
def told():
    return []


@pytest.fixture
def at_end(monkeypatch, told):
    """What is to be called at the end and after a fork, in place of the program's own."""
    waits, forks = [], []
    monkeypatch.setattr(ends, "at_wait", waits.append)
    monkeypatch.setattr(ends, "begin", lambda: told.append("begin"))
    monkeypatch.setattr(pools_module, "after_fork", forks.append)
    return SimpleNamespace(waits=waits, forks=forks)


@pytest.fixture
def ending(at_end, told):
    return Ending(
        wait=lambda pool: told.append(("wait", pool.name)),
        kill=lambda pool: told.append(("kill", pool.name)),
    )


def interrupted(_pool):
    raise KeyboardInterrupt


def end(at_end):
    (wait,) = at_end.waits
    wait()


def test_every_pool_is_closed_before_one_is_waited_for(at_end, ending, told):
    pools = [Pool(told, "a"), Pool(told, "b")]
    ending.pools.update(pools)
    assert not ending.begun
    end(at_end)
    assert ending.begun
    assert told[0] == "begin"
    assert set(told[1:3]) == {("shutdown", "a", False), ("shutdown", "b", False)}
    assert set(told[3:]) == {("wait", "a"), ("wait", "b")}
    assert len(told) == 5


def test_a_pool_that_is_left_behind_is_not_waited_for(at_end, ending, told):
    pool = Pool(told, "a")
    ending.pools.add(pool)
    ending.leave_behind(pool)
    ending.leave_behind(pool)
    end(at_end)
    assert told == ["begin"]


def test_a_pool_that_nobody_holds_is_not_waited_for(at_end, ending, told):
    ending.pools.add(Pool(told, "a"))
    end(at_end)
    assert told == ["begin"]


def test_a_wait_that_a_person_notices_is_explained(at_end, ending, told, monkeypatch, caplog):
    monkeypatch.setattr(waited_for, "PATIENCE", 0.0)
    pool = Pool(told, "a", running=1)
    ending.pools.add(pool)
    end(at_end)
    assert "The program's end waits for jobs that still run: job 0" in caplog.text
    assert caplog.records[0].name == "apscheduler.executors"
    assert told[-1] == ("wait", "a")


def test_ctrl_c_ends_the_wait_and_the_work(at_end, told, monkeypatch, caplog):
    monkeypatch.setattr(waited_for, "PATIENCE", 0.0)
    ending = Ending(wait=interrupted, kill=lambda pool: told.append(("kill", pool.name)))
    pools = [Pool(told, "a", running=2), Pool(told, "b", running=1)]
    ending.pools.update(pools)
    end(at_end)
    assert set(told[-2:]) == {("kill", "a"), ("kill", "b")}
    assert "interrupted at exit: 3 jobs that were queued or running" in caplog.text


def test_ctrl_c_ends_the_wait_where_the_work_cannot_be_ended(at_end, told, caplog):
    ending = Ending(wait=interrupted)
    pool = Pool(told, "a")
    ending.pools.add(pool)
    end(at_end)
    assert "interrupted at exit: 0 jobs" in caplog.text


def test_a_pool_that_takes_nothing_says_who_closed_it(at_end, ending, told):
    before, by_end = pools = [Pool(told, "a"), Pool(told, "b")]
    ending.pools.update(pools)
    before.shutdown(wait=False)
    end(at_end)
    assert "was shut down" in str(ending.refusal(before))
    assert isinstance(ending.refusal(by_end), InterpreterEndingError)
    (forget,) = at_end.forks
    forget()
    assert "was shut down" in str(ending.refusal(by_end))


def test_in_a_child_the_end_is_still_to_come_and_the_pools_are_the_parents(at_end, ending, told):
    pools = [Pool(told, "a"), Pool(told, "b")]
    ending.pools.update(pools)
    ending.begun = True
    (forget,) = at_end.forks
    forget()
    assert not ending.begun
    assert set(told) == {("forked", "a"), ("forked", "b")}
