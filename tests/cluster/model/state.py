"""What a state of the model is made of. Small tuples: a run of the explorer holds a hundred thousand of them."""

from __future__ import annotations

from typing import Any, NamedTuple

NOWHERE, PENDING, RUNNING, DONE, LOST, FAILED = range(6)
"""States of a fire's row; ``NOWHERE``: there is no row."""
FINAL = (DONE, LOST, FAILED)

DOUBTED, CLAIMED, STARTED, WAITING = range(4)
"""A claim in a process: its commit had no answer; it may be started; the function was called, not settled yet; it waits
for its row to permit its start."""


class Fire(NamedTuple):
    """The row of a fire.

    :ivar kept: whether it holds the job's definition, for when the job's own row is gone
    :ivar barred: whether it does not permit its owner to start yet
    """

    state: int = NOWHERE
    token: int = 0
    owner: int = 0
    attempt: int = 0
    kept: bool = False
    barred: bool = False


class Row(NamedTuple):
    """The row of an incarnation.

    :ivar valid: whether its lease holds by the store's clock
    :ivar watched: whether the other node has seen its beat unchanged for one lease by its own clock
    """

    epoch: int
    valid: bool = True
    watched: bool = False


class Claim(NamedTuple):
    """What a process knows of a fire it claimed; gone with the process."""

    fire: int
    token: int
    epoch: int
    phase: int


class Plan(NamedTuple):
    """What a process has read and is about to commit.

    :ivar job: -1 where a pending row is to be taken
    :ivar fire: -1 where the job's next fire time is to be set, by an edit
    :ivar seen: the job's next fire time (its index), or the row's token
    """

    job: int
    fire: int
    seen: int


class Node(NamedTuple):
    """A process.

    :ivar epoch: 0: it has no incarnation
    :ivar overdue: a heartbeat was written whose answer comes when the trust it gives is over
    """

    alive: bool = True
    epoch: int = 0
    trust: bool = False
    overdue: bool = False
    plan: Plan | None = None
    claims: tuple[Claim, ...] = ()


class State(NamedTuple):
    """The store (``nexts``, ``fires``, ``rows``), the processes, and what the judge remembers.

    :ivar nexts: by job, how many of its fire times are passed
    :ivar started: by fire, whether its function was called
    """

    nexts: tuple[int, ...]
    fires: tuple[Fire, ...]
    rows: tuple[Row, ...]
    nodes: tuple[Node, ...]
    started: tuple[bool, ...]

    def row(self, epoch: int) -> Row | None:
        """Return the row of an incarnation."""
        for row in self.rows:
            if row.epoch == epoch:
                return row
        return None

    def holder(self, epoch: int) -> Node | None:
        """Return the process that still acts as this incarnation."""
        for node in self.nodes:
            if node.epoch == epoch and node.alive:
                return node
        return None

    def lives(self, epoch: int) -> bool:
        """Return whether the store knows an incarnation, its lease not over."""
        row = self.row(epoch)
        return row is not None and row.valid

    def with_node(self, at: int, **changes: Any) -> State:
        """Return the state with one process changed."""
        nodes = list(self.nodes)
        nodes[at] = nodes[at]._replace(**changes)
        return self._replace(nodes=tuple(nodes))

    def with_fire(self, at: int, fire: Fire) -> State:
        """Return the state with one fire's row changed."""
        return self._replace(fires=(*self.fires[:at], fire, *self.fires[at + 1 :]))

    def with_row(self, row: Row) -> State:
        """Return the state with the row of an incarnation changed or added."""
        others = [each for each in self.rows if each.epoch != row.epoch]
        return self._replace(rows=tuple(sorted([*others, row])))

    def without_row(self, epoch: int) -> State:
        """Return the state without the row of an incarnation."""
        return self._replace(rows=tuple(row for row in self.rows if row.epoch != epoch))
