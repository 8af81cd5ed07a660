"""A claim of a shared store, and one outcome on its way into the ledger."""

from __future__ import annotations

from weakref import ref

from apscheduler._engine.instants import NEVER
from apscheduler.cluster.lease import Lease
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Claim, Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from apscheduler.cluster.offset import Offset
    from apscheduler.job import Job
    from apscheduler.runs.claims import Sink

    class Whole(Protocol):
        """What a claim knows of the catch-up that it is a portion of (catching_up.py)."""

        def released(self, portion: Claim) -> None:
            """Take note that a portion has ended."""

        def end(self) -> Settled | None:
            """Hand over no more; return what is to be given back, ``None`` if nothing is."""


class StoreClaim(Claim):
    """A claim whose fire times have rows.

    :ivar generation: of the job when it was claimed
    :ivar token: of its rows; only whoever has the token may settle them
    :ivar epoch: the incarnation that claimed
    :ivar offset: microseconds from this host's clock to the store's when it was claimed
    """

    __slots__ = ("__weakref__", "_lease", "_offset", "epoch", "generation", "kind", "offset")

    catch_up: Whole | None = None
    """The catch-up that this is a portion of, if it is one."""

    def __init__(
        self,
        job: Job,
        fires: list[int],
        sink: Sink,
        *,
        generation: int,
        lease: Lease,
        epoch: int,
        offset: Offset,
        offset_us: int,
        late_because: str | None = None,
        kind: int = 0,
        token: int = 1,
        attempt: int = 1,
    ) -> None:
        super().__init__(job, fires, sink, late_because=late_because)
        self.generation = generation
        self.kind = kind
        self.token = token
        self.attempt = attempt
        self.epoch = epoch
        self._offset = offset
        self.offset = offset_us
        self._lease = lease

    def may_start(self) -> bool:
        """Return whether this incarnation may still call the function (rules 3 and 4)."""
        lease = self._lease
        return (
            lease.epoch == self.epoch
            and lease.trusted()
            and not lease.closing
            and super().may_start()
        )

    @property
    def start_by(self) -> int | None:
        """Until when the function may be called, on the clock of ``clocks.boot_us``."""
        until = self._lease.until if self._lease.epoch == self.epoch else 0
        led_until = super().start_by
        return until if led_until is None else min(until, led_until)

    @property
    def grace(self) -> int:
        """How late a run may start by this host's clock, microseconds; recovered runs are never too late."""
        return NEVER if self.attempt > 1 else self.job._grace - self.offset_now()

    def offset_now(self) -> int:
        """Return what ``offset`` is now: a host's clock may be set between a claim and its start."""
        return self._offset.us

    def misses(self, fire: int, started: int) -> bool:
        """Return whether a start at ``started`` (this host's clock) is too late."""
        if self.job._grace == NEVER:
            return False
        return started - fire > self.grace


class OpenClaims:
    """Claims that were committed and not released. One that nobody refers to any more is forgotten.

    It works like a ``WeakValueDictionary``, at a third of its cost: each of thousands of claims comes and goes this
    way.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[int, ref[StoreClaim]] = {}

    def __len__(self) -> int:
        """Return how many there are, the forgotten ones included until :meth:`alive` is asked."""
        return len(self._held)

    def add(self, claim: StoreClaim) -> None:
        """Take note of a claim."""
        self._held[id(claim)] = ref(claim)

    def discard(self, claim: object) -> None:
        """Take note that a claim was released."""
        self._held.pop(id(claim), None)

    def alive(self) -> list[StoreClaim]:
        """Return the claims that something still refers to."""
        found: list[StoreClaim] = []
        for key, held in list(self._held.items()):
            claim = held()
            if claim is not None:
                found.append(claim)
            elif self._held.get(key) is held:  # another claim may have got its key
                self._held.pop(key, None)
        return found

    def clear(self) -> None:
        """Forget all."""
        self._held.clear()


class Settled:
    """One outcome, or one run that is given back, waiting to be written.

    :ivar result: ``None`` for a run that was not started and is given back
    :ivar offset: microseconds from this host's clock to the store's when the outcome was told
    """

    __slots__ = ("claim", "fire", "offset", "result", "texts")

    def __init__(self, claim: StoreClaim, fire: int, result: Result | None, texts: Any) -> None:
        self.claim = claim
        self.fire = fire
        self.result = result
        self.offset = claim._offset.us
        self.texts: tuple[str | None, ...] | None = texts

    @property
    def outcome(self) -> Outcome | None:
        """The outcome, ``None`` where the run is given back."""
        return None if self.result is None else self.result.outcome
