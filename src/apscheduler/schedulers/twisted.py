"""A scheduler in Twisted's reactor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps

from apscheduler.elsewhere import names_of_3x
from apscheduler.references import maybe_ref
from apscheduler.schedulers._hosts.callback import CallbackScheduler

try:
    import twisted.internet  # noqa: F401 - the reactor itself is imported where it is used: importing it installs it
except ImportError as exc:
    raise ImportError(
        "TwistedScheduler requires twisted installed: pip install 'tickwright[twisted]'"
    ) from exc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors.base import BaseExecutor
    from apscheduler.loops.port import Port


def run_in_reactor(func: Callable[..., object]) -> Callable[..., None]:
    """Decorate a scheduler's method: a call from any thread returns at once, and the reactor runs the method soon."""

    @wraps(func)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        self._reactor.callFromThread(func, self, *args, **kwargs)

    return wrapper


class TwistedScheduler(CallbackScheduler):
    """A scheduler in Twisted's reactor: :meth:`start` returns, and jobs run while the reactor does.

    Coroutine jobs run in the reactor, functions in its thread pool, listeners (async ones too) in the reactor. Job
    stores are called in a thread beside it. All methods may be called from any thread.

    Takes one more option:

    :param reactor: the reactor to run in (default: the installed one)
    """

    _reactor: Any = None

    def _configure(self, config: Mapping[str, Any]) -> None:
        self._reactor = maybe_ref(config.get("reactor"))
        super()._configure(config)

    def _find_port(self) -> Port:
        from apscheduler.loops.twisted import TwistedPort

        if self._reactor is None:
            from twisted.internet import reactor

            self._reactor = reactor
        return TwistedPort(self._reactor)

    def _before_loop_end(self, port: Any, function: Callable[[], object]) -> object:
        return port.before_end(function)

    def _create_default_executor(self) -> BaseExecutor:
        from apscheduler.executors.twisted import TwistedExecutor

        return TwistedExecutor()


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
