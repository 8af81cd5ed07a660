"""Keeps what is known of one claim in a pool."""

from __future__ import annotations

import threading
from typing import Any

from apscheduler.executors._attempt.calling import timeout_of
from apscheduler.executors._foreign.board import REFUSED, CallBoard, Seen
from apscheduler.runs.claims import Claim

_NOTHING_SEEN = Seen(begun=False, pid=0, latest=0, started=0.0, ended=0, codes=())
_beginning = threading.Lock()


class Submission:
    """One claim in the pool.

    :ivar fires: the fire times that were sent: those that were left of the claim
    :ivar number: its number, also on the board; no two submissions have the same, so a pool never sees two equal calls
    :ivar slot: its slot on the board, -1 if it has none
    :ivar here: whether a thread of this process has begun with it
    :ivar revoked: whether no thread of this process may begin with it any more
    :ivar stuck: whether it was given up at its timeout
    :ivar orphaned: why its future will say nothing more, though the call may run on; ``None`` while the future may
    :ivar changed_at: since when its process is gone, or its last fire time has ended without an answer (monotonic
        seconds)
    """

    __slots__ = (
        *("board", "changed_at", "claim", "fires", "future", "here", "number", "orphaned"),
        *("pool", "revoked", "slot", "stuck", "timeout", "tries"),
    )

    def __init__(self, claim: Claim, pool: Any, number: int, tries: int) -> None:
        self.claim = claim
        self.pool = pool
        self.number = number
        self.tries = tries
        self.fires = claim.unsettled
        self.timeout = timeout_of(claim.job)
        self.future: Any = None
        self.board: CallBoard | None = None
        self.slot = -1
        self.here = self.revoked = self.stuck = False
        self.orphaned: BaseException | None = None
        self.changed_at = 0.0

    def seen(self) -> Seen:
        """Return what the board says of it."""
        if self.board is None or self.slot < 0:
            return _NOTHING_SEEN
        return self.board.seen(self.slot)

    @property
    def is_known_to_run(self) -> bool:
        """Whether it is known to have begun, and not known to have ended."""
        seen = self.seen()
        return self.here or (seen.begun and seen.ended < len(self.fires))

    def begin_here(self) -> bool:
        """Return whether the calling thread of this process may run it. Only the first caller may."""
        with _beginning:
            if self.revoked or self.here:
                return False
            self.here = True
            return True

    def revoke(self) -> bool:
        """Keep what has not started of it from starting on this host; return whether none of it has started here."""
        with _beginning:
            self.revoked = True
            if self.here:
                return False
        if self.board is None or self.slot < 0:
            return True
        self.board.limit(self.slot, 0)
        seen = self.seen()
        return not seen.started or seen.codes == (REFUSED,)
