"""Jobs that worker processes can import."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from apscheduler import current_run


def add(a, b=1):
    return a + b


def nothing():
    return None


def pid():
    return os.getpid()


def fail():
    raise ValueError("boom")


def whoami():
    run = current_run()
    return (run.job_id, run.jobstore, run.scheduled_time, run.attempt, run.fire_id)


async def whoami_async():
    await asyncio.sleep(0)
    return whoami()


async def double(x):
    await asyncio.sleep(0)
    return 2 * x


async def fail_async():
    await asyncio.sleep(0)
    raise ValueError("boom")


class Doubler:
    async def __call__(self, x):
        return await double(x)


def returns_coroutine(x):
    return double(x)


def raise_system_exit():
    raise SystemExit(3)


def raise_keyboard_interrupt():
    raise KeyboardInterrupt


def raise_generator_exit():
    raise GeneratorExit


class BadInitError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class BadReduceError(Exception):
    def __reduce__(self):
        raise RuntimeError("not me")


class BadTextError(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class FatalTextError(Exception):
    """Ends who shows it."""

    def __init__(self, kind):
        super().__init__(kind)
        self.kind = kind

    def __str__(self):
        raise self.kind

    __repr__ = __str__


def raise_fatal_text(kind):
    raise FatalTextError(kind)


@dataclass(frozen=True)
class FrozenError(Exception):
    code: int


class TracebackOnlyError(Exception):
    """Lets nothing be set but its traceback."""

    def __setattr__(self, name, value):
        if name != "__traceback__":
            raise ValueError(name)
        super().__setattr__(name, value)


class UntouchableError(Exception):
    """Lets nothing of it be looked at."""

    def __setattr__(self, name, value):
        raise SystemExit

    __getattribute__ = __setattr__


def raise_frozen():
    raise FrozenError(5)


async def raise_frozen_async():
    await asyncio.sleep(0)
    raise FrozenError(5)


def raise_frozen_from_a_cause():
    raise FrozenError(5) from FrozenError(4)


def raise_traceback_only():
    raise TracebackOnlyError("q")


def raise_untouchable():
    raise UntouchableError("q")


@dataclass(frozen=True, kw_only=True)
class FrozenInWordsError(Exception):
    code: int
    name: str = "x"


@dataclass(frozen=True)
class FrozenOwnWayError(Exception):
    code: int

    def __reduce__(self):
        return FrozenOwnWayError, (self.code + 1,)


def raise_bad_init():
    raise BadInitError("this", "that")


def raise_bad_reduce():
    raise BadReduceError("poison")


def raise_bad_text():
    raise BadTextError


class Bomb:
    """Pickles well, and raises when it is unpickled."""

    def __reduce__(self):
        return (_explode, ())


def _explode():
    raise RuntimeError("exploded while unpickling")


def return_bomb():
    return Bomb()


def return_unpicklable():
    return threading.Lock()


def busy(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def hang(seconds):
    time.sleep(seconds)  # the subject: a call that does not yield to Python


def hang_and_swallow(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            time.sleep(0.01)
        except Exception:
            continue


def swallow_first(seconds, path):
    """Hang whatever is raised when called for the first time, by a mark in the file system."""
    if not Path(path).exists():
        Path(path).touch()
        hang_and_swallow(seconds)


async def time_out_async():
    await asyncio.sleep(0)
    raise TimeoutError("the job's own")


async def hang_async(seconds):
    await asyncio.sleep(seconds)


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


def exit_process():
    os._exit(7)


def large(size):
    return b"x" * size


def length(data):
    return len(data)


def hang_first(seconds, path):
    """Hang when called for the first time, by a mark in the file system."""
    if not Path(path).exists():
        Path(path).touch()
        time.sleep(seconds)


def kill_first(path):
    """Kill this process when called for the first time."""
    if not Path(path).exists():
        Path(path).touch()
        kill_self()


def slow_if(seconds):
    if seconds:
        time.sleep(seconds)


_memory = []


def wait_for(path):
    """Wait until a file is there."""
    while not Path(path).exists():
        time.sleep(0.01)
    return path


def say_and_wait(began, go):
    """Say that it runs, and wait until a file is there."""
    began.touch()
    wait_for(go)


async def thread_it_runs_in():
    return threading.current_thread().name


def remember(what):
    _memory.append(what)


def pid_and_memory():
    return (os.getpid(), *_memory)
