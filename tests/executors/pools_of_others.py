"""A pool of a kind that nobody knows: it does what the test tells it, when the test tells it."""

from __future__ import annotations

from concurrent.futures import Future

from apscheduler.executors._foreign import away


class Keeping:
    """Keeps the calls it is given."""

    def __init__(self):
        self.calls = []
        self.ended = []

    def submit(self, function, *args):
        future = Future()
        self.calls.append((future, function, args))
        return future

    def run_here(self, number=-1):
        """Do a call in the calling thread of this process."""
        _, function, args = self.calls[number]
        return function(*args)

    def run_beside(self, number=-1, *, host=None):
        """Do a call as another process of this host does it, or one of another host."""
        _, _, (what, args, kwargs, facts, ticket) = self.calls[number]
        key, here, *rest = ticket
        ticket = (f"0-{key}", host or here, *rest)
        return away.run_object(what, args, kwargs, facts, ticket)

    def answer(self, value, number=-1):
        self.calls[number][0].set_result(value)

    def fail(self, exc, number=-1):
        self.calls[number][0].set_exception(exc)

    def call_off(self, number=-1):
        assert self.calls[number][0].cancel()
        self.calls[number][0].set_running_or_notify_cancel()

    def shutdown(self, wait=True):
        self.ended.append(wait)


class OfThisHost(Keeping):
    """Its workers are processes of this host, as is known of its package."""

    __module__ = "deadpool"


def begun_beside(pool):
    """Have a process of this host begin with the last call, and stop in the middle of it."""
    _, _, (_, _, _, _, ticket) = pool.calls[-1]
    _, _, number, path, slot, _ = ticket
    board = away._board_at(path)
    assert board.begin(slot, number)
    assert board.go_on(slot, number, 0)
    return board, slot, number
