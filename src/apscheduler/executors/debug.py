"""An executor that runs jobs in the thread that submits them, which is the scheduler's own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

from apscheduler.elsewhere import names_of_3x
from apscheduler.executors._claiming import OwnExecutor
from apscheduler.executors._threads.runner import Runner
from apscheduler.runs.context import lane_workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors._attempt.watchdog import Watchdog
    from apscheduler.runs.claims import Claim


class InlineRunner(Runner):
    """Runs one batch in the thread that brought it."""

    __slots__ = ()

    owner: DebugExecutor
    replaceable = False

    def run_all(self, items: Sequence[Any]) -> None:
        """Run the batch; an error of ours fails one item."""
        queue = deque(items)
        while queue:
            try:
                self.take_items(queue.popleft, _no_more)
            except Exception as exc:
                self.owner._logger.exception(
                    "executor %r met an error of its own and goes on", self.owner._alias
                )
                self.drop_current(exc)

    def why_late(self) -> str:
        """Return why an item came late: here it can wait only for the jobs before it."""
        return f"executor {self.owner._alias!r} runs one job after another"

    def watchdog(self) -> Watchdog:
        """Return the executor's watchdog."""
        return self.owner._watchdog()

    def unwatched(self) -> None:
        """Take note that no thread can be started any more."""
        self.owner._logger.warning(
            "executor %r cannot watch timeouts: no more threads can be started", self.owner._alias
        )

    def replace(self, rest: Claim | None) -> str:
        """Return, in words, that this thread cannot be replaced, because it is the scheduler's."""
        return "it runs in the thread of the scheduler, which has to wait for it"


def _no_more() -> bool:
    return False


class DebugExecutor(OwnExecutor):
    """Runs jobs in the thread that submits them: one after another, in order, before ``submit`` returns.

    ``async def`` functions run to their end in an event loop of their own. A ``timeout`` is raised in the
    calling thread; a call that cannot be interrupted (a long ``time.sleep``) keeps the thread until it returns,
    though its outcome is known at the deadline.
    """

    inline = True
    lane = True
    capacity = 1
    _runs_by = __name__

    _dog: Watchdog | None = None

    def __init__(self) -> None:
        super().__init__()
        self._runners: list[InlineRunner] = []

    def shutdown(self, wait: bool = True) -> None:
        """End the watchdog, if there is one."""
        dog, self._dog = self._dog, None
        if dog is not None:
            dog.close()

    def _submit(self, items: Sequence[Any]) -> list[tuple[Any, BaseException]]:
        runner = InlineRunner(self)
        runner.ident = threading.get_ident()
        outer = lane_workers.get(runner.ident)  # a job may submit to this executor itself
        lane_workers[runner.ident] = runner
        self._runners.append(runner)
        try:
            runner.run_all(items)
        finally:
            self._runners.remove(runner)
            if outer is None:
                lane_workers.pop(runner.ident, None)
            else:
                lane_workers[runner.ident] = outer
            runner.close()
        return []

    def _watchdog(self) -> Watchdog:
        if self._dog is None:
            from apscheduler.executors._attempt.watchdog import Watchdog

            self._dog = Watchdog(f"apscheduler-{self._alias}-watchdog", self.timeout_grace)
        return self._dog

    def in_flight(self) -> list[Any]:
        """Return the claims and plain jobs that are running: a snapshot. Added in 1.0."""
        return [item for runner in self._runners if (item := runner.current) is not None]

    def under_way(self) -> list[Any]:
        """Return what runs, each with its fire time and since when (microseconds UTC). Added in 1.0."""
        return [found for runner in list(self._runners) if (found := runner.under_way())]

    def running_count(self) -> int:
        """Return how many jobs are running now. Added in 1.0."""
        return len(self._runners)


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
