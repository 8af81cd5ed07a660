"""Who listens to which events, and telling them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import CoroutineType

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from typing import Any

    from apscheduler.events import SchedulerEvent

    Listener = Callable[[SchedulerEvent], Any]


def tell(
    listeners: list[tuple[Listener, int]], event: SchedulerEvent, logger: logging.Logger
) -> None:
    """Call each listener whose mask has the event's code; none of them can disturb the others."""
    for callback, mask in listeners:
        if not event.code & mask:
            continue
        try:
            answer = callback(event)
            if answer is not None and isinstance(answer, CoroutineType):
                _finish(answer)
        except BaseException as exc:
            if _is_interrupt(exc):
                raise
            logger.exception("A listener (%r) raised on %r", callback, event)


def _is_interrupt(exc: BaseException) -> bool:
    """Return whether this is a user's Ctrl-C rather than an exception of the listener's own."""
    main = threading.current_thread() is threading.main_thread()
    return isinstance(exc, KeyboardInterrupt) and main


def _finish(coroutine: Any) -> None:
    """Run an async listener's coroutine: in the thread's running loop where there is one, else to its end."""
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(coroutine)
        return
    task = loop.create_task(coroutine)
    _unfinished.add(task)  # the loop itself keeps only a weak reference
    task.add_done_callback(_unfinished.discard)


_unfinished: set[Any] = set()
