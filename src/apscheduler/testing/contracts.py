"""The contracts of job stores as tests to inherit: whoever writes a store runs them to prove that it keeps them.

Plain classes with plain asserts, collected and run by pytest (which is not imported here)::

    from apscheduler.testing.contracts import StoreContract

    class TestMyStore(StoreContract):
        def make_store(self):
            return MyStore(...)

``PlainStoreContract``  3.x's eight methods: for subclasses of ``BaseJobStore``.
``StoreContract``       those, the claim and the ledger: for subclasses of ``SharedJobStore``.

The parts are in ``_contract_plain`` (eight methods), ``_contract_claims`` (claims), ``_contract_shared`` (several
who claim at once, lanes, batches) and ``_contract_ledger`` (outcomes). None of them reads a clock or sleeps. Subclasses may lower ``racing_jobs`` where a store is slow.
"""

from __future__ import annotations

from apscheduler.testing._contract_claims import ClaimRules
from apscheduler.testing._contract_ledger import LedgerRules
from apscheduler.testing._contract_plain import PlainStoreContract
from apscheduler.testing._contract_shared import SharedRules

__all__ = ["PlainStoreContract", "StoreContract"]


class StoreContract(ClaimRules, SharedRules, LedgerRules, PlainStoreContract):
    """The contract of every store that claims. Subclass it and say how to ``make_store()``."""
