"""Who listens to which events, and telling them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from types import CoroutineType

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from typing import Any

    from apscheduler.events import SchedulerEvent

    Listener = Callable[[SchedulerEvent], Any]


teller: ContextVar[object] = ContextVar("apscheduler_teller", default=None)
"""The scheduler whose listener the calling code is."""


def tell(
    listeners: list[tuple[Listener, int]],
    event: SchedulerEvent,
    logger: logging.Logger,
    start: Callable[[Any], Any] | None = None,
    by: object = None,
) -> None:
    """Call each listener whose mask has the event's code; none of them can disturb the others.

    :param start: starts what an async listener returned, in the event loop that the caller runs in; if not given, it
        is a task of the thread's running asyncio loop where there is one, else it is run to its end
    :param by: the scheduler that tells
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
    """Return whether this is a user's Ctrl-C rather than an exception of the listener's own."""
    main = threading.current_thread() is threading.main_thread()
    return isinstance(exc, KeyboardInterrupt) and main


async def _guarded(
    coroutine: Any, callback: Listener, event: SchedulerEvent, logger: logging.Logger
) -> None:
    """Await an async listener; what it raises is logged as if it were not async."""
    try:
        await coroutine
    except Exception:
        logger.exception("A listener (%r) raised on %r", callback, event)


def finish(coroutine: Any) -> None:
    """Run an async listener's coroutine: in the thread's running loop where there is one, else to its end."""
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(coroutine)
        return
    task = loop.create_task(coroutine)
    unfinished.add(task)  # the loop itself keeps only a weak reference
    task.add_done_callback(unfinished.discard)


unfinished: set[Any] = set()
"""Tasks of async listeners that are being awaited."""
