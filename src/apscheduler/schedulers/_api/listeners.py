"""Keeps the listeners of a scheduler, and calls them, async listeners too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from types import CoroutineType

from apscheduler.events import EVENT_ALL
from apscheduler.schedulers._overridden import is_as_made

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from typing import Any, Protocol

    from apscheduler.events import SchedulerEvent
    from apscheduler.schedulers._contract import Built

    Listener = Callable[[SchedulerEvent], Any]

    class HeardFrom(Protocol):
        """Tells events of plain jobs, where its mask says that there is a listener."""

        mask: int

else:
    Built = object


EVERY_EVENT = (1 << 63) - 1

teller: ContextVar[object] = ContextVar("apscheduler_teller", default=None)
"""The scheduler whose listener the calling code belongs to; ``None`` outside of listeners."""


class Listening(Built):
    """The part of a scheduler that keeps listeners and tells them.

    ``_listeners`` is replaced, never changed, so telling needs no lock.
    """

    _listeners: list[tuple[Any, int]]
    _known_listeners: list[tuple[Any, int]]
    """Those of which the mask was made."""
    _listeners_lock: Any
    _listener_mask = 0
    _made_lane_sink: HeardFrom | None = None
    _tells_itself = False
    """Whether ``_dispatch_event`` is overridden, so that it is told all events."""

    def add_listener(self, callback: Any, mask: int = EVENT_ALL) -> None:
        """Have ``callback(event)`` called for each event whose code is in ``mask``.

        A coroutine function is awaited in the scheduler's event loop; if there is none, the thread that tells the event
        runs it to its end.

        :raises TypeError: if it is not callable
        """
        if not callable(callback):
            raise TypeError(f"a listener must be callable with one event, not {callback!r}")
        with self._listeners_lock:
            self._listeners = [*self._listeners, (callback, mask)]
            self._note_listeners()

    def remove_listener(self, callback: Any) -> None:
        """Stop telling ``callback`` about events, however often it was added."""
        with self._listeners_lock:
            self._listeners = [each for each in self._listeners if each[0] != callback]
            self._note_listeners()

    def _note_listeners(self) -> None:
        """Compute the mask of the events that are told to anyone; called with ``_listeners_lock`` held."""
        found = EVERY_EVENT if self._tells_itself else 0
        self._known_listeners = list(self._listeners)
        for _, mask in self._known_listeners:
            found |= mask
        self._listener_mask = found
        if self._made_lane_sink is not None:
            self._made_lane_sink.mask = found

    def _heed_listeners(self) -> None:
        """Compute the mask again, if other code has changed ``_listeners`` itself."""
        if self._listeners != self._known_listeners:
            with self._listeners_lock:
                self._note_listeners()

    def _is_told(self, code: int) -> bool:
        """Return whether events of this code have a listener, or ``_dispatch_event`` is overridden."""
        self._heed_listeners()
        if self._listener_mask & code:
            return True
        return not is_as_made(self, "_dispatch_event", self._own_dispatch[0])

    def _dispatch_event(self, event: SchedulerEvent) -> None:
        """Tell the listeners of an event; no lock is held while they are called."""
        self._heed_listeners()
        if self._listener_mask & event.code:
            tell(self._listeners, event, self._logger, by=self)

    # This package's own function: in a tuple, because a function in a class attribute is looked up as a method.
    _own_dispatch: tuple[Any, ...] = (_dispatch_event,)


def tell(
    listeners: list[tuple[Listener, int]],
    event: SchedulerEvent,
    logger: logging.Logger,
    start: Callable[[Any], Any] | None = None,
    by: object = None,
) -> None:
    """Call each listener whose mask has the event's code.

    An exception of one listener is logged, and the others are called all the same. A Ctrl-C is raised.

    :param start: starts the coroutine of an async listener in the caller's event loop; if left out, the coroutine
        becomes a task of the thread's running asyncio loop, or is run to its end if no loop runs
    :param by: the scheduler whose listeners these are
    """
    before = teller.set(by)
    try:
        _tell(listeners, event, logger, start)
    finally:
        teller.reset(before)


def _tell(
    listeners: list[tuple[Listener, int]],
    event: SchedulerEvent,
    logger: logging.Logger,
    start: Callable[[Any], Any] | None,
) -> None:
    for callback, mask in listeners:
        if not event.code & mask:
            continue
        try:
            answer = callback(event)
            if answer is not None and isinstance(answer, CoroutineType):
                if start is None:
                    from apscheduler.loops import answers

                    start = answers.finish
                start(_guarded(answer, callback, event, logger))
        except BaseException as exc:
            if _is_interrupt(exc):
                raise
            logger.exception("A listener (%r) raised on %r", callback, event)


def _is_interrupt(exc: BaseException) -> bool:
    """Return whether this is a Ctrl-C of the user, and not an error of the listener."""
    main = threading.current_thread() is threading.main_thread()
    return isinstance(exc, KeyboardInterrupt) and main


async def _guarded(
    coroutine: Any, callback: Listener, event: SchedulerEvent, logger: logging.Logger
) -> None:
    """Await an async listener, and log what it raises, as for other listeners."""
    try:
        await coroutine
    except Exception:
        logger.exception("A listener (%r) raised on %r", callback, event)
