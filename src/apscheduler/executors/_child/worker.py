"""Runs in a worker process of our own pool: reads calls from the pipe, runs them, and writes the answers.

What the messages look like is described in ``_wire/calls.py``.
Answers of quick calls are sent together. If a slow call follows them, they wait for a few milliseconds at most.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from apscheduler.clocks import monotonic
from apscheduler.executors._child.calls import Call
from apscheduler.executors._wire.board import Board
from apscheduler.executors._wire.calls import (
    BROKEN,
    READY,
    pack_greeting,
    pack_replies,
    unpack_calls,
)
from apscheduler.executors._wire.errors import pack_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors._wire.calls import Answer, Reply

_FLUSH_SECONDS = 0.002


def main(
    pipe: Any, path: str, slot: int, initializer: Any, initargs: Any, inherited: list[Any]
) -> None:
    """Run this process."""
    for other in inherited:
        other.close()  # else a worker would not notice that the scheduler's process is gone
    _set_signals()
    _end_with_parent()
    try:
        board = Board(path)
    except FileNotFoundError:
        return  # the pool was closed while this process was starting
    try:
        if initializer is not None:
            initializer(*initargs)
    except BaseException as exc:  # noqa: BLE001 - a user's function; the scheduler's side reports it
        pipe.send_bytes(pack_greeting(BROKEN, pack_error(exc)))
        return
    try:
        pipe.send_bytes(pack_greeting(READY, os.getpid()))
        _serve(pipe, board, slot)
    except (EOFError, OSError):
        return  # the scheduler's side is gone or has given this process up


def _set_signals() -> None:
    """Leave Ctrl-C to the scheduler's process, which gets it too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


def _end_with_parent() -> None:
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        watch = threading.Thread(target=_outlive, args=(parent,), daemon=True)
        watch.start()


def _outlive(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _serve(pipe: Any, board: Board, slot: int) -> None:
    sender = _Sender(pipe)
    while True:
        message = pipe.recv_bytes()
        if not message:
            return
        for number, blob, facts in unpack_calls(message):
            if not board.begin(slot, number):
                sender.add(number, None, done=True)
                continue
            _run(Call(blob, facts), number, board, slot, sender)
        sender.flush()


def _run(call: Call, number: int, board: Board, slot: int, sender: _Sender) -> None:
    left = len(call.facts.fires)
    for answer in call.run(lambda index: board.started(slot, index)):
        left -= 1
        sender.add(number, answer, done=left == 0)


class _Sender:
    """Collects answers and sends them together; a thread sends those that a longer call would hold up."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._replies: list[Reply] = []
        self._flushed = monotonic()
        self._waiting = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, number: int, answer: Answer | None, *, done: bool) -> None:
        with self._lock:
            self._replies.append((number, answer, done))
        if monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()
        elif not self._waiting.is_set():
            self._waiting.set()
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._send_what_waits, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # at its limit of threads: the next answer tries again
            self._waiting.clear()
            self.flush()
        else:
            self._thread = thread

    def flush(self) -> None:
        with self._lock:
            if self._replies:
                replies, self._replies = self._replies, []
                self._pipe.send_bytes(pack_replies(replies))
            self._flushed = monotonic()

    def _send_what_waits(self) -> None:
        while True:
            self._waiting.wait()
            time.sleep(_FLUSH_SECONDS)
            self._waiting.clear()
            try:
                self.flush()
            except OSError:  # the scheduler's side is gone: the main thread notices that too
                return
