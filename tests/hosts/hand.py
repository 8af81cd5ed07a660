"""An event loop that is turned by hand, a scheduler on it, and an executor that is busy."""

from __future__ import annotations

import threading

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers._hosts.callback import CallbackScheduler

PATIENCE = 20


class Timed:
    """What was asked for later."""

    def __init__(self, seconds, function):
        self.seconds, self.function, self.cancelled = seconds, function, False

    def cancel(self):
        self.cancelled = True


class Hand:
    """A port to a loop that turns when it is told to."""

    def __init__(self):
        self.soon, self.timers = [], []
        self.closed, self.running = False, True
        self.thread = threading.get_ident()

    def call(self, function, *args):
        if self.closed:
            raise RuntimeError("Event loop is closed")
        self.soon.append((function, args))

    def later(self, seconds, function):
        self.timers.append(Timed(seconds, function))
        return self.timers[-1]

    def is_here(self):
        return threading.get_ident() == self.thread

    def is_running(self):
        return self.running

    def is_closed(self):
        return self.closed

    def finish(self, coroutine):
        raise NotImplementedError

    def turn(self):
        """Do what was asked for, once."""
        soon, self.soon = self.soon, []
        for function, args in soon:
            function(*args)

    @property
    def waits(self):
        """After how many seconds the loop looks again by itself."""
        return [each.seconds for each in self.timers if not each.cancelled]


class Turned(CallbackScheduler):
    """A scheduler on a loop that is turned by hand."""

    port = None

    def _find_port(self):
        return self.port


class Busy(DebugExecutor):
    """Says how it was shut down, and what it has not come to the end of."""

    def __init__(self):
        super().__init__()
        self.said, self.items = [], []
        self.waits, self.gate, self.waited = (threading.Event() for _ in range(3))

    def shutdown(self, wait=True):
        if not wait:
            self.said.append("does not wait")
            return
        self.waits.set()
        self.gate.wait(PATIENCE)
        self.waited.set()

    def leave_behind(self):
        self.said.append("leaves them behind")

    def in_flight(self):
        return self.items
