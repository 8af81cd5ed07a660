"""Runs claims in threads of a pool that is not ours."""

from __future__ import annotations

import threading

from apscheduler.executors._attempt.calling import tell_own_error
from apscheduler.executors._threads.runner import Runner
from apscheduler.runs.context import lane_workers
from apscheduler.texts import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from apscheduler.executors._attempt.watchdog import Watchdog
    from apscheduler.executors._contract import LaneOwner
    from apscheduler.executors._ending.waits import Claims
    from apscheduler.runs.claims import Claim

    class Runs(Protocol):
        """What a runner needs of the runs that it belongs to."""

        @property
        def owner(self) -> LaneOwner:
            """The executor."""

        def why_late(self) -> str:
            """Return why an item came late to its thread."""

        def watchdog(self) -> Watchdog:
            """Return the watchdog of these runs."""

        def replace_thread(self, runner: PoolRunner, rest: Claim | None) -> str:
            """Give up a stuck thread, and have what is left of its claim run elsewhere; return what was done, in words."""


class PoolRunner(Runner):
    """Runs one claim in a thread that is not ours, such as one of a ``ThreadPoolExecutor``."""

    __slots__ = ("_runs",)

    def __init__(self, runs: Runs) -> None:
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
        return self._runs.why_late()

    def watchdog(self) -> Watchdog:
        """Return the watchdog of this pool."""
        return self._runs.watchdog()

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
        return self._runs.replace_thread(self, rest)


def in_threads(runs: Runs) -> Claims:
    """Return the claims that have a thread of these runs, each with its job in words; threads given up are included."""
    runners = [each for each in list(lane_workers.values()) if isinstance(each, PoolRunner)]
    return {each.current: each.in_words() for each in runners if each._runs is runs}
