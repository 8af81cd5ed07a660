"""The part of a scheduler that shuts it down, and lets a start wait for a shutdown that is under way.

begin      the state becomes stopped, so that the loop claims nothing more; a :class:`Shutdown` notes what there was
stop       the pass that is under way is waited for a short time, then the executors are stopped
close      leader lock and job stores are freed, once, whoever comes first: a second caller finds nothing to do
over       whoever waits to start the scheduler again goes on
"""

from __future__ import annotations

from collections.abc import Callable

from apscheduler.events import EVENT_SCHEDULER_SHUTDOWN, SchedulerEvent
from apscheduler.forks import look
from apscheduler.jobstores.base import SharedJobStore
from apscheduler.runs.context import caller_ident
from apscheduler.schedulers import SchedulerNotRunningError
from apscheduler.schedulers._api.asking import Questions
from apscheduler.schedulers._states import STATE_STOPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta
    from threading import Event

    from apscheduler.schedulers._dispatch.loop import Dispatcher
    from apscheduler.schedulers._end.ending import Shutdown

_LOOK_SECONDS = 1.0


class Stopping(Questions):
    """Shutting down."""

    _loop: Dispatcher | None = None
    _twin_byte: int | None = None
    _ends = False
    """Whether the process or the event loop ends: no more jobs are processed; ``shutdown()`` can still be called."""
    _shutdown: Shutdown | None = None
    """The last shutdown since the start, ``None`` if there was none."""

    def _let_shutdown_end(self, name: str) -> None:
        """Wait until no shutdown is under way, because a shutdown would stop what is started meanwhile.

        :raises SchedulerAlreadyRunningError: if the shutdown waits for the calling code, or this code must not wait
        """
        look()
        if self._shutdown is not None:
            from apscheduler.schedulers._end.ending import let_end

            let_end(self, self._shutdown, name)

    def _strand(self) -> object:
        """Return what identifies the calling thread; hosts with something else than threads override this."""
        return caller_ident()

    def _is_in_loop(self) -> bool:
        """Return whether the calling thread has an event loop that must not wait."""
        return False

    def _wait_for(self, ended: Event) -> None:
        """Wait until an event is set, in steps, so that a Ctrl-C is noticed meanwhile."""
        while not ended.wait(_LOOK_SECONDS):
            continue

    def _forget_time_before(self) -> None:
        """Let nothing from before the last shutdown affect what is started from now on."""
        if self._shutdown is not None:
            self._shutdown.is_past = True
            self._shutdown = None
        if self._in_pass:
            self._loop = None  # a new dispatcher: the pass may still use the old one

    def _begin_shutdown(self, timeout: float | timedelta | None = None) -> float | None:
        """Set the state to stopped; return how many seconds to wait for what runs (``None``: until it has ended)."""
        seconds = None
        if timeout is not None:
            from apscheduler.schedulers._end.ending import checked_timeout

            seconds = checked_timeout(timeout)
        if self.state == STATE_STOPPED:
            raise SchedulerNotRunningError
        from apscheduler.schedulers._end.ending import Shutdown

        self._shutdown = Shutdown(self)
        self.state = STATE_STOPPED
        return seconds

    def _finish_shutdown(
        self, *, wait: bool, timeout: float | None = None, tells: bool = True
    ) -> None:
        """Stop the executors and stores; with ``tells``, log what is waited for, if that takes long."""
        shutdown = self._shutdown
        if shutdown is None:
            return  # this shutdown was given up, and the scheduler was started again
        shutdown.waits = wait
        try:
            self._stop_what_runs(wait=wait, timeout=timeout, tells=tells)
            self._close(shutdown)
        finally:
            shutdown.is_over.set()

    def _stop_what_runs(self, *, wait: bool, timeout: float | None, tells: bool) -> None:
        from apscheduler.schedulers._end import ending

        self._let_pass_end()
        if wait and timeout is not None:
            ending.stop_within(self, timeout)
        elif wait and tells:
            from apscheduler.executors._ending.waits import Telling

            with Telling(self._executors.values(), self._logger):
                self._stop_executors(wait=True)
        else:
            self._stop_executors(wait=wait)

    def _close(self, shutdown: Shutdown) -> None:
        """Free everything but the executors, and report the shutdown, unless another caller has begun to."""
        if not shutdown.takes_close():
            return
        try:
            self._free_the_rest(shutdown)
        finally:
            shutdown.is_closed = True
        self._logger.info("Scheduler has been shut down")
        self._dispatch_event(SchedulerEvent(EVENT_SCHEDULER_SHUTDOWN))

    def _free_the_rest(self, shutdown: Shutdown) -> None:
        if self._twin_byte is not None:
            from apscheduler.schedulers._start import twins

            twins.leave(self._twin_byte)
            self._twin_byte = None
        if self._lead is not None:
            self._lead.release()
        from apscheduler.schedulers._end.ending import still_there
        from apscheduler.schedulers._store_calls import attempt

        for alias, store in still_there(shutdown.stores, self._jobstores):
            text = f"Job store {alias!r} could not be shut down cleanly"
            attempt(self._logger, store, text, store.shutdown)

    def _let_pass_end(self) -> None:
        from apscheduler.schedulers._end.ending import wait_for_pass

        wait_for_pass(self)

    def _tell_the_rest(self) -> None:
        """Tell the listeners what they were not told yet; called because the process ends now."""

    def _last_word(self) -> None:
        """Sign off from the stores; called because the process ends now."""
        for store in list(self._jobstores.values()):
            if isinstance(store, SharedJobStore):
                store.last_word()

    def _call_within(self, function: Callable[[], object], seconds: float) -> bool:
        """Call a function that waits for jobs, but wait at most ``seconds`` for it; return whether it has ended."""
        from apscheduler.schedulers._end.ending import call_within

        return call_within(function, seconds)

    def _stop_executors(self, *, wait: bool) -> None:
        shutdown = self._shutdown
        known = dict(self._executors if shutdown is None else shutdown.executors)
        from apscheduler.schedulers._end.ending import still_there

        for alias, executor in still_there(known, self._executors):
            if shutdown is not None and shutdown.is_past:
                return  # started again; the others were told to stop without waiting
            try:
                executor.shutdown(wait)
            except Exception:
                self._logger.exception("Executor %r could not be shut down cleanly", alias)
