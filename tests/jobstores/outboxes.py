"""A node with two claims, and its outbox: failing when a test says so, and told of what it says."""

from __future__ import annotations

import threading

from cluster.rules import Node
from sqlalchemy.exc import OperationalError

from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Result
from apscheduler.testing._contract_jobs import NOW

WAIT = 5.0
"""Seconds that a thread is waited for at most."""


class News(threading.Event):
    """What wakes the outbox's thread; says when that thread has nothing to do."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = threading.Event()

    def wait(self, timeout=None):
        if not self.is_set():
            self.idle.set()
        return super().wait(timeout)


class Ends:
    """A node with claims, its outbox, and what the outbox told."""

    def __init__(self, place) -> None:
        self.place = place
        self.node = Node(place)
        self.outbox = self.node.store._session.outbox
        self.outbox.is_drained = lambda: False  # as of a node whose heartbeat has ended
        self.news = self.outbox._news = News()
        self.flush = self.outbox.flush
        self.told: list[str] = []
        self.outbox._on_trouble = lambda text, exc: self.told.append(text)
        for name in ("a", "b"):
            self.node.add(name)
        self.claims = {each.job.id: each for each in self.node.claim().batch.claims}

    def settle(self, name: str, **details) -> None:
        self.outbox.settle(
            self.claims[name], Result(NOW, Outcome.EXECUTED, NOW, NOW + 1000, **details)
        )

    def keep(self, name: str = "a") -> None:
        """Have an outcome wait that no thread is told of."""
        self.outbox._tell_thread = lambda: None
        self.settle(name)
        del self.outbox._tell_thread

    def fail(self, times: int = 1 << 30) -> None:
        """Have the store not answer so often."""
        left = [times]

        def fails() -> None:
            if left[0]:
                left[0] -= 1
                raise OperationalError("", {}, Exception("gone"))
            self.flush()

        self.outbox.flush = fails

    def is_written(self, name: str = "a") -> bool:
        ((state,),) = self.place.rows("SELECT state FROM {t}_runs WHERE job_id = :id", id=name)
        return state == 10

    def wait_until_idle(self) -> None:
        assert self.news.idle.wait(WAIT)
        self.news.idle.clear()

    def close(self) -> None:
        self.outbox.flush = self.flush
        self.node.store._session.open.clear()
        self.node.close()
