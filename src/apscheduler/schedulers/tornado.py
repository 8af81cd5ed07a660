"""A scheduler in Tornado's IOLoop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps

from apscheduler.elsewhere import names_of_3x
from apscheduler.references import maybe_ref
from apscheduler.schedulers._hosts.asyncio import AsyncioHost

try:
    from tornado.ioloop import IOLoop
except ImportError as exc:
    raise ImportError(
        "TornadoScheduler requires tornado installed: pip install 'tickwright[tornado]'"
    ) from exc

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any

    from apscheduler.executors.base import BaseExecutor


def run_in_ioloop(func: Callable[..., object]) -> Callable[..., None]:
    """Decorate a scheduler's method: a call from any thread returns at once, and the IOLoop runs the method soon."""

    @wraps(func)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        self._ioloop.add_callback(func, self, *args, **kwargs)

    return wrapper


class TornadoScheduler(AsyncioHost):
    """A scheduler in Tornado's IOLoop: :meth:`start` returns, and jobs run while the loop does.

    Coroutine jobs run in the loop, functions in threads, listeners (async ones too) in the loop. Job stores are called
    in a thread beside the loop. All methods may be called from any thread.

    Takes one more option:

    :param io_loop: the IOLoop to run in (default: the current one where :meth:`start` is called)
    """

    _ioloop: Any = None

    def _configure(self, config: Mapping[str, Any]) -> None:
        self._ioloop = self._given = maybe_ref(config.get("io_loop"))
        super()._configure(config)

    def _find_loop(self) -> asyncio.AbstractEventLoop:
        if self._given is None:
            self._ioloop = IOLoop.current()
        loop: asyncio.AbstractEventLoop = self._ioloop.asyncio_loop
        return loop

    def _create_default_executor(self) -> BaseExecutor:
        from apscheduler.executors.tornado import TornadoExecutor

        return TornadoExecutor()


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
