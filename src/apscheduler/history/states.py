"""The states of a run in a shared store, and the steps from one to the next: the one table of both.

``docs/explanation/claim-protocol.md`` shows this table (``python3 dev.py pages`` writes it there). Tests compare it with
the statements of the SQL store, and with what databases see (``tests/cluster/test_run_states.py``).

Easy to get wrong: a number is stored, so it never gets another meaning. Processes of other versions read it.
"""

from __future__ import annotations

from apscheduler._engine.records import Record
from apscheduler.history.outcomes import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PENDING: Final = 0
"""Free to be claimed by any node: given back, or taken from a dead one."""
RUNNING: Final = 1
"""Claimed by a node, which may have called the function."""
FINAL: Final = 10
"""States from here on are outcomes."""

STATES: Final = {
    Outcome.EXECUTED: 10,
    Outcome.FAILED: 11,
    Outcome.TIMED_OUT: 12,
    Outcome.MISSED: 13,
    Outcome.SKIPPED: 14,
    Outcome.COALESCED: 15,
    Outcome.LOST: 16,
    Outcome.CANCELLED: 17,
}
"""The number that is written for each outcome; never renumbered."""
OUTCOMES: Final = {number: outcome for outcome, number in STATES.items()}
LOST: Final = STATES[Outcome.LOST]

_ENDS: Final = tuple(OUTCOMES)


class Step(Record):
    """A change of a run's row that the protocol allows.

    :ivar before: the state before it; ``None``: there is no row
    :ivar after: the states that it may lead to
    :ivar who: who writes it
    :ivar compared: what is compared before it is written
    :ivar grows: whether the token grows: from then on, whoever had the run may write nothing of it
    :ivar remark: which of the states after it are meant
    """

    __slots__ = ("after", "before", "compared", "grows", "remark", "who")

    def __init__(
        self,
        before: int | None,
        after: tuple[int, ...],
        who: str,
        compared: str,
        *,
        grows: bool = False,
        remark: str = "",
    ) -> None:
        self.before = before
        self.after = after
        self.who = who
        self.compared = compared
        self.grows = grows
        self.remark = remark


STEPS: Final = (
    Step(
        *(None, (RUNNING,), "the node that claims"),
        "the run's key is new; the job is as it was read; the node's own lease holds",
    ),
    Step(
        *(None, _ENDS, "the node that claims", "the same"),
        remark=", for example `missed`, `skipped` or `coalesced`",
    ),
    Step(
        *(RUNNING, _ENDS, "the owner", "key, token, node, state"),
        remark=": its outcome",
    ),
    Step(
        *(RUNNING, (PENDING,), "the owner, which has not started it", "key, token, node, state"),
        grows=True,
    ),
    Step(
        *(RUNNING, (LOST,)),
        "whoever buries the owner; the run is at most once and may have started",
        "the node's row is locked, its beat is unchanged",
    ),
    Step(
        *(RUNNING, (STATES[Outcome.FAILED],)),
        "whoever buries the owner; the run is at least once, and the fifth process died under it",
        "the same",
    ),
    Step(
        *(RUNNING, (PENDING,), "whoever buries the owner; every other run", "the same"),
        grows=True,
    ),
    Step(
        *(PENDING, (RUNNING,), "the node that takes it", "key, token, state"),
        grows=True,
    ),
    Step(
        *(PENDING, (STATES[Outcome.CANCELLED],)),
        "the node that finds that its job was removed",
        "key, token, state",
    ),
    Step(
        *(LOST, _ENDS, "the former owner", "key, token, state"),
        remark=": its outcome after all (rule 13)",
    ),
)
"""Every step that a run may take."""


def name_of(state: int | None) -> str:
    """Return a state's name, as the protocol's page has it."""
    if state is None:
        return "no row"
    return {PENDING: "PENDING", RUNNING: "RUNNING"}.get(state) or str(OUTCOMES[state])
