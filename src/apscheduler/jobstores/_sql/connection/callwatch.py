"""Watches calls to a database from a thread: one that gets no answer is reported, and later its connection is broken.

A connection may go silent (a failover, a NAT that forgot it, a server that was stopped). Then the thread that waits for
its answer would wait for ever. What counts is the silence after one statement, one connect or one commit, not how long
a whole transaction takes. While this process itself is stopped or gets no CPU time, no silence is counted.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from weakref import WeakSet

from sqlalchemy import event

from apscheduler import clocks
from apscheduler.jobstores._sql.connection.sockets import hang_up, has_news

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from sqlalchemy.engine import Engine

_SAY_SECONDS = 4.0
"""Most seconds of silence before it is reported. The store is asked at least every five, so that is within ten."""
_HURRIED_SECONDS = 0.5


class Call:
    """One use of a connection. ``age`` and ``said`` belong to the watching thread, the rest to the calling thread."""

    __slots__ = ("age", "asked", "bound", "connect", "raw", "said", "what")

    def __init__(self, what: str, bound: float, connect: float) -> None:
        self.connect = connect
        self.what = what
        self.bound = bound
        self.raw: Any = None
        self.age = 0.0
        self.asked = True
        self.said = False

    def ask(self, raw: Any) -> None:
        """Begin to wait for an answer."""
        self.raw = raw
        self.ask_again()

    def ask_again(self) -> None:
        """Begin to wait for an answer on the same connection (to a commit, to giving it back)."""
        self.age = 0.0
        self.asked = True


_dialing = threading.local()
"""By thread: the call for which it may be making a connection, of whichever store."""


def dial(dialect: Any, cargs: Any, cparams: Any) -> Any:
    """Return a new connection of a driver, made so that it can be broken off meanwhile, if the driver allows that."""
    call: Call | None = getattr(_dialing, "call", None)
    if call is None or dialect.driver != "pymysql" or cparams.get("defer_connect"):
        return dialect.connect(*cargs, **cparams)
    raw = dialect.dbapi.connect(*cargs, **{**cparams, "defer_connect": True})
    call.ask(raw)
    usual, call.bound = call.bound, min(call.bound, call.connect)
    try:
        raw.connect()
    finally:
        call.bound = usual
    return raw


class CallWatch:
    """The calls of one store.

    :param connect: most seconds for making a connection, if the driver leaves that to us
    :param answer: seconds of silence after which a connection is broken
    :ivar on_silence: called with what gets no answer, and for how many seconds it has got none
    """

    def __init__(self, engine: Engine, connect: float, answer: float) -> None:
        self._connect = connect
        self.answer = answer
        self.on_silence: Callable[[str, float], None] = lambda _what, _seconds: None
        self._tick = min(1.0, answer / 10)
        self._local = threading.local()
        self._calls: set[Call] = set()
        self._idle: WeakSet[Any] = WeakSet()
        self._hurries = False
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if engine.dialect.name != "sqlite":
            self._follow(engine)

    def _follow(self, engine: Engine) -> None:
        """Listen to the engine, to know its idle connections and when a statement waits for its answer."""
        event.listen(engine, "do_connect", self._connecting)
        event.listen(engine, "connect", self._connected, insert=True)
        event.listen(engine, "checkin", self._connected)
        event.listen(engine, "checkout", self._checked_out)
        event.listen(engine, "before_cursor_execute", self._asking)
        event.listen(engine, "after_cursor_execute", self._answered)

    # -- life -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Watch from now on."""
        self._hurries = False
        if self._thread is None:
            self._ended = threading.Event()
            thread = threading.Thread(
                target=self._run, args=(self._ended,), name="APScheduler call watch", daemon=True
            )
            thread.start()
            self._thread = thread

    def stop(self) -> None:
        """Watch no more."""
        self._ended.set()
        self._thread = None

    def hurry(self) -> None:
        """Break each call that is silent for a moment from now on, because the store is given up."""
        self._hurries = True

    def forked(self) -> None:
        """Called in a child process: forget the thread and the calls, which are the parent's."""
        self._thread = None
        self._calls = set()
        self._idle = WeakSet()
        self._local = threading.local()

    # -- the calling threads --------------------------------------------------------------------------------

    @contextmanager
    def named(self, what: str, bound: float | None = None) -> Iterator[None]:
        """Say what the calls of this thread are for, and how long each may be silent (default: the usual bound)."""
        outer = getattr(self._local, "name", None)
        try:
            self._local.name = (what, bound or self.answer)
            yield
        finally:
            self._local.name = outer

    @contextmanager
    def call(self, bound: float | None = None) -> Iterator[Call]:
        """Watch one use of a connection, from before it is taken until it is given back.

        :param bound: seconds of silence after which it is broken, unless :meth:`named` has set others for this thread
        """
        what, named_bound = getattr(self._local, "name", None) or ("a call of the program", None)
        outer = getattr(self._local, "call", None), getattr(_dialing, "call", None)
        call = Call(what, named_bound or bound or self.answer, self._connect)
        try:
            self._local.call = _dialing.call = call
            self._calls.add(call)
            yield call
        finally:
            self._local.call, _dialing.call = outer
            self._calls.discard(call)

    def _connecting(self, dialect: Any, _record: Any, cargs: Any, cparams: Any) -> Any:
        return dial(dialect, cargs, cparams)

    def _connected(self, raw: Any, _record: Any) -> None:
        if raw is not None:
            self._idle.add(raw)

    def _checked_out(self, raw: Any, _record: Any, _fairy: Any) -> None:
        self._idle.discard(raw)
        call = getattr(self._local, "call", None)
        if call is not None:
            call.ask(raw)

    def _asking(self, connection: Any, *_: Any) -> None:
        call = getattr(self._local, "call", None)
        if call is not None:
            call.ask(connection.connection.driver_connection)

    def _answered(self, *_: Any) -> None:
        call = getattr(self._local, "call", None)
        if call is not None:
            call.asked = False

    # -- the watching thread ----------------------------------------------------------------------------------

    def _run(self, ended: threading.Event) -> None:
        last = clocks.monotonic()
        while not ended.wait(self._tick):
            now = clocks.monotonic()
            self._look(min(now - last, 2 * self._tick))
            last = now

    def _look(self, passed: float) -> None:
        """Add ``passed`` seconds of silence to each waiting call; report, or break, those that are silent too long."""
        for call in self._calls.copy():
            if not call.asked:
                continue
            call.age += passed
            bound = min(call.bound, _HURRIED_SECONDS) if self._hurries else call.bound
            say_at = min(_SAY_SECONDS, max(1.0, 0.8 * call.bound))
            if call.age >= say_at and not call.said:
                call.said = True
                self.on_silence(call.what, say_at)
            if call.age >= bound:
                self._break(call, bound)

    def _break(self, call: Call, bound: float) -> None:
        """Hang up the call's connection; before it is known, all idle ones, as the call may be trying any of them."""
        if call.raw is None:
            for raw in list(self._idle):
                hang_up(raw)
        elif not has_news(call.raw, bound):
            hang_up(call.raw)
