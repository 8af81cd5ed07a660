"""An executor for gevent: each job runs in a greenlet."""

from __future__ import annotations

from collections.abc import Sequence

from apscheduler.clocks import monotonic
from apscheduler.elsewhere import names_of_3x
from apscheduler.executors._attempt.calling import (
    claim_of_caller,
    fail_all,
)
from apscheduler.executors._claiming import OwnExecutor
from apscheduler.executors._threads.runner import Runner, under_way
from apscheduler.loops.coroutines import CoroutineRunner
from apscheduler.runs.claims import Claim
from apscheduler.runs.context import run_context
from apscheduler.runs.raised import set_traceback

try:
    import gevent
    from gevent import monkey
except ImportError as exc:
    raise ImportError(
        "GeventExecutor requires gevent installed: pip install 'tickwright[gevent]'"
    ) from exc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from apscheduler.executors._attempt.steps import Attempt
    from apscheduler.executors._attempt.watchdog import Watch
    from apscheduler.job import Job


native_ident = monkey.get_original("threading", "get_ident")
"""Returns the number of the calling thread, even where monkey patching makes ``get_ident`` return the greenlet's."""
_native_lock = monkey.get_original("_thread", "allocate_lock")


class Awaited:
    """Awaits what a job returned, in a thread of gevent's pool. Another thread may cancel that at any time."""

    def __init__(self) -> None:
        self._lock = _native_lock()
        self._task: tuple[Any, Any] | None = None
        self._cancelled = False

    def run(self, awaitable: Any, context: Any) -> tuple[Any, BaseException | None]:
        """Await to the end, in an event loop of this thread; return the value and the exception.

        The exception is not raised, because gevent would print it if nobody waited for it any more.
        """
        runner = CoroutineRunner()
        try:
            return runner.run(awaitable, context, self), None
        except BaseException as exc:  # noqa: BLE001 - raised again in the greenlet that waits
            return None, exc
        finally:
            runner.close()

    def hold(self) -> None:
        """Do nothing: no other thread raises an exception in this one."""

    def awaiting(self, loop: Any, task: Any) -> None:
        """Take note that the awaiting begins."""
        with self._lock:
            self._task = (loop, task)
            late = self._cancelled
        if late:
            task.cancel()

    def cancel(self) -> None:
        """Cancel the awaiting, now or when it begins."""
        with self._lock:
            self._cancelled = True
            noted = self._task
        if noted is None:
            return
        loop, task = noted
        try:
            loop.call_soon_threadsafe(task.cancel)
        except RuntimeError:
            return  # it has ended this moment


class GreenletRunner(Runner):
    """Runs one claim in a greenlet, with a run context of the greenlet's own."""

    __slots__ = ()

    def run(self, claim: Claim) -> None:
        """Run the claim's fire times in the current greenlet."""
        self.current = claim
        try:
            self._run_claim(claim)
        except BaseException as exc:  # a greenlet that was killed, or an error of ours
            self.drop_current(exc)
            if not isinstance(exc, Exception):
                raise
            self.owner._logger.exception("executor %r met an error of its own", self.owner._alias)

    def why_late(self) -> str:
        """Return why a claim came late to this greenlet."""
        return "other greenlets kept the thread"

    def _call(self, attempt: Attempt, watch: Watch | None = None) -> Any:
        run_context.set(attempt.context())
        return super()._call(attempt, watch)

    def _await(self, awaitable: Any, watch: Watch | None = None) -> Any:
        """Await in a thread of gevent's pool, because an asyncio loop in this one would keep all greenlets waiting."""
        pool = gevent.get_hub().threadpool
        awaited = Awaited()
        try:
            value, error = pool.apply(awaited.run, (awaitable, self.current_run()))
        except BaseException:  # a timeout, or a kill, of the greenlet that waits
            awaited.cancel()
            raise
        if error is None:
            return value
        try:
            raise error
        finally:
            del error  # its traceback holds this frame

    def _run_timed(self, attempt: Attempt, timeout: float) -> None:
        """Call with a timeout that is raised in the greenlet; for code that never yields, it is checked at the end."""
        ends_at = monotonic() + timeout
        value, error = None, None
        timer = gevent.Timeout.start_new(timeout)
        try:
            value = self._call(attempt)
        except BaseException as exc:  # noqa: BLE001 - whatever a job raises is its outcome
            error = exc
        finally:
            timer.close()
        if error is timer or monotonic() >= ends_at:
            if error is not None:
                set_traceback(error, None)
            attempt.time_out()
        elif error is not None:
            attempt.raised(error)
        else:
            attempt.returned(value)


class GeventExecutor(OwnExecutor):
    """Runs each job in a greenlet of its own; ``async def`` functions run in a thread of gevent's pool.

    A ``timeout`` is raised in the greenlet where it next yields.
    """

    _runs_by = __name__

    def __init__(self) -> None:
        super().__init__()
        self._greenlets: dict[Any, Claim] = {}
        self._closed = False

    def start(self, scheduler: Any, alias: str) -> None:
        """Called by the scheduler; may be called again after :meth:`shutdown`."""
        super().start(scheduler, alias)
        self._hub = gevent.get_hub()
        self._closed = False

    def _submit(self, items: Sequence[Any]) -> list[tuple[Any, BaseException]]:
        if self._closed:
            return [(item, RuntimeError("this executor was shut down")) for item in items]
        for claim in items:
            greenlet = gevent.Greenlet(GreenletRunner(self).run, claim)
            self._greenlets[greenlet] = claim
            greenlet.rawlink(self._ended)
            greenlet.start()
        return []

    def _run_by(self, run: Any, job: Job, run_times: list[datetime]) -> None:
        """Run a job in a greenlet with a user's replacement of ``run_job``."""
        gevent.spawn(super()._run_by, run, job, run_times)

    def _ended(self, greenlet: Any) -> None:
        claim = self._greenlets.pop(greenlet)
        if claim.unsettled:  # killed before it began
            fail_all(claim, self._now_us(), gevent.GreenletExit())

    def shutdown(self, wait: bool = True) -> None:
        """Take nothing more; what was submitted still runs.

        :param wait: whether to wait until all of it has ended (but for the greenlet that calls this)
        """
        self._closed = True
        if not wait:
            return
        own = claim_of_caller(self.in_flight())
        others = [each for each, claim in list(self._greenlets.items()) if claim is not own]
        if native_ident() == self._hub.thread_ident:
            gevent.joinall(others)
        elif others:
            self._join_from_outside(others)

    def _join_from_outside(self, greenlets: list[Any]) -> None:
        """Wait for greenlets of another thread. That thread joins them, because no other thread can."""
        ended = _native_lock()
        ended.acquire()

        def join() -> None:
            gevent.joinall(greenlets)
            ended.release()

        self._hub.loop.run_callback_threadsafe(gevent.spawn, join)
        ended.acquire()

    def in_flight(self) -> list[Any]:
        """Return the claims that are queued or running: a snapshot. Added in 1.0."""
        return list(self._greenlets.values())

    def under_way(self) -> list[Any]:
        """Return what runs, each with its fire time and since when (microseconds UTC). Added in 1.0."""
        return [found for claim in self.in_flight() if (found := under_way(claim))]

    def running_count(self) -> int:
        """Return how many jobs are running now. Added in 1.0."""
        return len(self._greenlets)


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
