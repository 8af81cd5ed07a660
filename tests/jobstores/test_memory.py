"""The memory store: the contract of stores that claim, and what is special to memory."""

from __future__ import annotations

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.testing.contracts import StoreContract


class TestMemoryStore(StoreContract):
    def make_store(self):
        return MemoryJobStore()
