"""A scheduler in an asyncio event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import wraps

from apscheduler.elsewhere import names_of_3x
from apscheduler.references import maybe_ref
from apscheduler.schedulers._hosts.asyncio import AsyncioHost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors.base import BaseExecutor


def run_in_event_loop(func: Callable[..., object]) -> Callable[..., None]:
    """Decorate a scheduler's method: a call from any thread returns at once, and the loop runs the method soon."""

    @wraps(func)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        self._eventloop.call_soon_threadsafe(lambda: func(self, *args, **kwargs))

    return wrapper


class AsyncIOScheduler(AsyncioHost):
    """A scheduler in an asyncio event loop: :meth:`start` returns, and jobs run while the loop does.

    Coroutine jobs run in the loop, functions in the loop's default executor, and listeners (async ones too) in the
    loop. Job stores are called in a thread beside the loop. All methods may be called from any thread.

    Takes one more option:

    :param event_loop: the loop to run in (default: the one that is running where :meth:`start` is called)
    """

    def _configure(self, config: Mapping[str, Any]) -> None:
        self._eventloop = maybe_ref(config.get("event_loop"))
        super()._configure(config)

    def _find_loop(self) -> asyncio.AbstractEventLoop:
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "no event loop is running where this AsyncIOScheduler is started. Call start() inside a coroutine "
                "(the main() of asyncio.run(main()), a web framework's start-up handler or lifespan), or give the "
                "loop that will run: AsyncIOScheduler(event_loop=loop). "
                "In a program without a loop use BackgroundScheduler: it runs coroutine jobs too"
            ) from None

    def _create_default_executor(self) -> BaseExecutor:
        from apscheduler.executors.asyncio import AsyncIOExecutor

        return AsyncIOExecutor()


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
