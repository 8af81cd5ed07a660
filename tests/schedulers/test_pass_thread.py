"""The thread beside a loop in which a pass over blocking stores runs."""

from __future__ import annotations

import threading

from apscheduler.schedulers._hosts.pass_thread import PassThread


def test_calls_are_made_in_their_order_and_joining_waits_for_the_last():
    thread, gate, made = PassThread(), threading.Event(), []
    thread.call(lambda: made.append(gate.wait(20)))
    thread.call(lambda: made.append(threading.current_thread().name))
    thread.close()
    waiting = threading.Thread(target=lambda: (thread.join(), made.append("joined")))
    waiting.start()
    gate.set()
    waiting.join(20)
    assert made == [True, "APScheduler", "joined"]


def test_a_call_may_join_the_thread_it_runs_in():
    thread, made = PassThread(), []
    thread.call(lambda: made.append(thread.join()))
    thread.close()
    thread.join()
    assert made == [None]


def test_a_thread_that_never_began_is_not_waited_for():
    thread = PassThread()
    thread.close()
    thread.join()
