"""The thread hosts' flag: who raised it after it was taken down wakes the waiter again."""

from __future__ import annotations

from threading import Thread

from apscheduler.schedulers._hosts.waiting import Wakeup


def test_a_flag_that_was_taken_down_can_be_raised_again() -> None:
    flag = Wakeup()
    for _ in range(3):
        assert not flag.is_set()
        assert not flag.wait(0)
        flag.set()
        flag.set()
        assert flag.is_set()
        assert flag.wait(0)
        assert flag.is_set(), "waiting does not take it down"
        flag.clear()
        flag.clear()


def test_a_flag_wakes_a_thread_that_waits_for_it() -> None:
    flag = Wakeup()
    for _ in range(2):
        seen: list[bool] = []
        waiter = Thread(target=lambda seen=seen: seen.append(flag.wait(60)))
        waiter.start()
        flag.set()
        waiter.join()
        assert seen == [True]
        flag.clear()


def test_a_wait_of_less_than_nothing_asks_once() -> None:
    assert not Wakeup().wait(-1)
