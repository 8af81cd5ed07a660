"""Worker processes of a test: pipes whose other end the test has, and a manager that takes its turns when it is told to."""

from __future__ import annotations

import multiprocessing
import pickle
from collections import deque
from contextlib import contextmanager

from apscheduler.executors._processes.manager import ProcessManager
from apscheduler.executors._processes.worker import WorkerProcess

SECONDS = 20


class Process:
    """A process that ends when it is told to."""

    pid = 4711

    def __init__(self):
        self.sentinel, self._alive = multiprocessing.Pipe(duplex=False)
        self.exitcode = None
        self.told = []
        self.heeds_kill = True

    def end(self, code):
        self.exitcode = code
        self._alive.close()

    def join(self, seconds):
        self.told.append(("join", seconds))

    def kill(self):
        self.told.append("kill")
        if self.heeds_kill and self.exitcode is None:
            self.end(-9)


class Starts:
    """Starts such workers."""

    def __init__(self):
        self.failures = 0
        self.pause = 0.0
        self.max_tasks = None
        self.raises = None
        self.theirs = []
        self.started = []

    def failed(self):
        self.failures += 1

    def start(self, name, slot, board, others):
        if self.raises is not None:
            raise self.raises
        self.started.append((name, slot, board, list(others)))
        ours, theirs = multiprocessing.Pipe()
        self.theirs.append(theirs)
        return WorkerProcess(Process(), ours, slot, 0.0, calls_left=self.max_tasks)


class Pool:
    """What a manager needs of its pool."""

    def __init__(self, owner, workers):
        self.owner = owner
        self._max_workers = workers
        self.queue = deque()
        self.closing = False
        self.is_ending = False
        self.ended = 0

    def thread_ended(self):
        self.ended += 1


@contextmanager
def opened(pool, starts):
    """A manager that is ended with all its workers."""
    manager = ProcessManager(pool, starts)
    manager.open()
    yield manager
    for worker in manager.workers:
        worker.process.end(0)
    manager._end()


def turn(manager):
    """Let it take one turn that does not wait."""
    manager.wake(surely=True)
    return manager._turn()


def greeted(manager, starts, number=-1):
    """Start a worker for what is queued, and let it greet."""
    turn(manager)
    starts.theirs[number].send_bytes(pickle.dumps(("ready", 4711)))
    turn(manager)
    return manager.workers[number]


def read(pipe):
    """Return the numbers and facts of the next message."""
    assert pipe.poll(SECONDS)
    message = pipe.recv_bytes()
    return [(number, facts) for number, _, facts in pickle.loads(message)] if message else None


def say(pipe, *answers):
    pipe.send_bytes(pickle.dumps(list(answers)))


def executed(fire, value=None):
    return (fire, "executed", 5, 6, None if value is None else pickle.dumps(value), None)


def short(manager, job):
    """Have it known that calls of this job are very short."""
    manager._durations.learn(job, 0.00001)
