"""A loader of jobs with what it told, and the clock that it goes by."""

from __future__ import annotations

import pickle

import pytest

from apscheduler._engine.instants import SECOND
from apscheduler.jobstores._sql.changing.loading import Loader, Unloadable
from apscheduler.serializers import PickleSerializer
from apscheduler.testing import ManualScheduler
from apscheduler.testing._contract_jobs import NOW, make_job

DUE = NOW / SECOND


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Loading:
    """A loader, and what it told."""

    def __init__(self, serializer=None) -> None:
        self.bad, self.good = [], []
        self.tells = True
        serializer = PickleSerializer(pickle.HIGHEST_PROTOCOL) if serializer is None else serializer
        self.loader = Loader(serializer, "jobs", self._link, self._bad, self.good.append)
        self.scheduler = ManualScheduler()

    def _link(self, job) -> None:
        job._jobstore_alias = "linked"

    def _bad(self, job_id: str, reason: str) -> bool:
        self.bad.append((job_id, reason))
        return self.tells

    def blob(self, id: str = "a", due: int | None = NOW, **options) -> bytes:
        return self.loader.dumps(make_job(self.scheduler, id, due, **options))

    def refused(self, way, *row) -> str:
        with pytest.raises(Unloadable) as caught:
            way(*row)
        return str(caught.value)
