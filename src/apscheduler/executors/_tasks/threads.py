"""Runs a claim's function in a thread beside the loop: the driver *thread* of the steps of a run."""

from __future__ import annotations

from apscheduler.executors._foreign.runner import PoolRunner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from apscheduler.executors._attempt.watchdog import Watch
    from apscheduler.executors._foreign.runner import Runs
    from apscheduler.loops.port import TaskPort
    from apscheduler.runs.claims import Claim

    class LoopRuns(Runs, Protocol):
        """What a thread beside the loop needs of the runs that it belongs to."""

        port: TaskPort

        def thread_ended(self) -> None:
            """Called by a thread when its claim has ended."""


class LoopRunner(PoolRunner):
    """Runs one claim's function in a thread; an awaitable that the function returns is awaited in the loop."""

    __slots__ = ("_turn", "is_over")
    _runs: LoopRuns

    def __init__(self, runs: LoopRuns) -> None:
        super().__init__(runs)
        self._turn = [True]
        self.is_over = False

    def take_turn(self) -> bool:
        """Return whether the caller is the first to ask: the thread that begins the claim, or who calls it off."""
        try:
            return self._turn.pop()
        except IndexError:
            return False

    def has_begun(self) -> bool:
        """Return whether a thread has begun the claim, or the claim was called off."""
        return not self._turn

    def run(self, claim: Claim) -> None:
        """Run what is left of the claim in the calling thread, unless the claim was called off."""
        if not self.take_turn():
            return
        try:
            super().run(claim)
        finally:
            self.is_over = True
            self._runs.thread_ended()

    def _await(self, awaitable: Any, watch: Watch | None = None) -> Any:
        if watch is not None:
            watch.hold()  # what is interrupted on its way to the loop is never awaited
        started = watch.awaiting if watch is not None else None
        return self._runs.port.result_of(awaitable, self.current_run(), started)
