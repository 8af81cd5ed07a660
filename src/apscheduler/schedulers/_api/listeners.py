"""Calls the listeners of an event, async listeners too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from types import CoroutineType

from apscheduler.loops.answers import finish

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from typing import Any

    from apscheduler.events import SchedulerEvent

    Listener = Callable[[SchedulerEvent], Any]


teller: ContextVar[object] = ContextVar("apscheduler_teller", default=None)
"""The scheduler whose listener the calling code belongs to; ``None`` outside of listeners."""


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
        _tell(listeners, event, logger, start or finish)
    finally:
        teller.reset(before)


def _tell(
    listeners: list[tuple[Listener, int]],
    event: SchedulerEvent,
    logger: logging.Logger,
    start: Callable[[Any], Any],
) -> None:
    for callback, mask in listeners:
        if not event.code & mask:
            continue
        try:
            answer = callback(event)
            if answer is not None and isinstance(answer, CoroutineType):
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
