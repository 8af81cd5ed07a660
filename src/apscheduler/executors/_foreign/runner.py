"""Runs claims in threads of a pool that is not ours."""

from __future__ import annotations

import threading

from apscheduler.executors._attempt.calling import tell_own_error
from apscheduler.executors._threads.runner import Runner
from apscheduler.runs.context import lane_workers
from apscheduler.texts import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.executors._attempt.watchdog import Watchdog
    from apscheduler.executors._ending.waits import Claims
    from apscheduler.runs.claims import Claim


class PoolRunner(Runner):
    """Runs one claim in a thread that is not ours, such as one of a ``ThreadPoolExecutor``."""

    __slots__ = ("_runs",)

    def __init__(self, runs: Any) -> None:
        super().__init__(runs.owner)
        self._runs = runs

    def run(self, claim: Claim) -> None:
        """Run the fire times that are left of the claim in the calling thread."""
        self.ident = threading.get_ident()
        self.current = claim
        lane_workers[self.ident] = self
        try:
            self._run_claim(claim)
        except BaseException as exc:  # noqa: BLE001 - no error may end a pool's thread
            tell_own_error(self.owner, exc)
            self.drop_current(exc)
        finally:
            lane_workers.pop(self.ident, None)
            self.close()

    def why_late(self) -> str:
        """Return why an item came late to this thread."""
        return str(self._runs.why_late())

    def watchdog(self) -> Watchdog:
        """Return the watchdog of this pool."""
        watchdog: Watchdog = self._runs.watchdog()
        return watchdog

    def in_words(self) -> str:
        """Return the name of the job that has this thread, and whether it is past its timeout."""
        late = " past its timeout" if self.abandoned else ""
        return name_of(self.current.job) + late

    def unwatched(self) -> None:
        """Take note that no thread can be started any more."""
        self.owner._logger.warning(
            "executor %r cannot watch timeouts: no more threads can be started", self.owner._alias
        )

    def replace(self, rest: Claim | None) -> str:
        """Have the pool start another thread in place of this one, if it can; return what was done, in words."""
        return str(self._runs.replace_thread(self, rest))


def in_threads(runs: Any) -> Claims:
    """Return the claims that have a thread of these runs, each with its job in words; threads given up are included."""
    runners = [each for each in list(lane_workers.values()) if isinstance(each, PoolRunner)]
    return {each.current: each.in_words() for each in runners if each._runs is runs}
