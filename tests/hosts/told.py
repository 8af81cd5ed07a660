"""Listens to a scheduler of any host, and waits for what has to come."""

from __future__ import annotations

import threading
from typing import Any

from hosts.drivers import PATIENCE

from apscheduler import events as ev

ENDED = ev.EVENT_JOB_EXECUTED | ev.EVENT_JOB_ERROR | ev.EVENT_JOB_MISSED | ev.EVENT_JOB_CANCELLED


class Told:
    """Listens, and waits for what has to come."""

    def __init__(self, scheduler: Any, mask: int = ev.EVENT_EVERYTHING) -> None:
        self.events: list[Any] = []
        self.threads: list[int] = []
        self._changed = threading.Condition()
        scheduler.add_listener(self, mask)

    def __call__(self, event: Any) -> None:
        with self._changed:
            self.events.append(event)
            self.threads.append(threading.get_ident())
            self._changed.notify_all()

    def wait_for(self, code: int, job_id: str | None = None, count: int = 1) -> Any:
        """Return the newest of so many events of this code."""

        def found() -> list[Any]:
            return [
                event
                for event in self.events
                if event.code & code and job_id in (None, getattr(event, "job_id", None))
            ]

        with self._changed:
            came = self._changed.wait_for(lambda: len(found()) >= count, PATIENCE)
            assert came, f"{count} of {code} for {job_id} did not come: {self.events}"
            return found()[-1]
