"""An event loop that the test is: it says when a call, a task or a thread goes on."""

from __future__ import annotations

from collections import deque
from contextvars import copy_context

from apscheduler.executors._tasks.executor import LoopExecutor
from apscheduler.executors._tasks.runs import TaskRuns


class Handle:
    """Something planned or started."""

    def __init__(self, coroutine=None, ended=None, seconds=None, function=None):
        self.coroutine = coroutine
        self.ended = ended
        self.seconds = seconds
        self.function = function
        self.cancelled = 0
        self.context = copy_context()

    def cancel(self):
        self.cancelled += 1

    def step(self, raised=None):
        """Let the coroutine go on, or raise something where it waits; whether it waits again."""
        try:
            if raised is None:
                self.context.run(self.coroutine.send, None)
            else:
                self.context.run(self.coroutine.throw, raised)
        except StopIteration:
            self.ended()
            return False
        except BaseException:
            self.ended()
            raise
        return True


class Port:
    """A loop in which nothing happens by itself."""

    def __init__(self):
        self.here = True
        self.running = True
        self.closed = False
        self.calls = deque()
        self.tasks = []
        self.timers = []
        self.forgiven = 0

    def call(self, function, *args):
        if self.closed:
            raise RuntimeError("the loop is closed")
        self.calls.append((function, args))

    def turn(self):
        while self.calls:
            function, args = self.calls.popleft()
            function(*args)

    def later(self, seconds, function):
        self.timers.append(Handle(seconds=seconds, function=function))
        return self.timers[-1]

    def is_here(self):
        return self.here

    def is_running(self):
        return self.running and not self.closed

    def is_closed(self):
        return self.closed

    def end(self):
        """Be closed, and give up what still waits in it."""
        self.here, self.closed = False, True
        for task in self.tasks:
            task.coroutine.close()

    def start(self, coroutine, ended):
        self.tasks.append(Handle(coroutine, ended))
        return self.tasks[-1]

    def forgive(self):
        self.forgiven += 1

    def result_of(self, awaitable, context, started):
        return awaitable, context, started


class Executor(LoopExecutor):
    """An executor on that loop; its threads run when the test says so."""

    def _make_runs(self, scheduler):
        self.port = Port()
        self.threads = []
        return TaskRuns(self, self.port, self._in_thread, "the pool")

    def _in_thread(self, function, arguments, ended):
        handle = Handle(ended=ended)
        handle.function = lambda: function(*arguments)
        self.threads.append(handle)
        return handle


class Once:
    """Awaitable: waits once."""

    def __await__(self):
        yield


async def wait_once():
    await Once()
    return "done"


async def wait_and_swallow():
    try:
        await Once()
    except BaseException:
        await Once()
    return "went on"
