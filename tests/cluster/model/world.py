"""What happens to the nodes: time, and faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.model.state import Node
from cluster.model.steps import FAULT, ONWARD, TIME, Label, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.model.state import Row, State


def of_world(state: State, faults: frozenset[str]) -> Iterator[Step]:
    """Yield what time and faults can do next."""
    for at, node in enumerate(state.nodes):
        if node.alive:
            yield from _ends(state, at, node, faults)
            yield from _lapses(state, at, node, faults)
        else:
            again = state.with_node(at, alive=True)
            yield Step(Label(at, "is started again"), TIME, again)
    for row in state.rows:
        holder = state.holder(row.epoch)
        if holder is not None:
            yield from _time(state, row, holder, faults)
    if "rewind" in faults:
        for job, following in enumerate(state.nexts):
            if following:
                nexts = list(state.nexts)
                nexts[job] -= 1
                label = Label(-1, "a foreign writer moves back job", job)
                yield Step(label, FAULT, state._replace(nexts=tuple(nexts)))


def _ends(state: State, at: int, node: Node, faults: frozenset[str]) -> Iterator[Step]:
    gone = _gone(state, at)
    if "crash" in faults:
        yield Step(Label(at, "crashes"), FAULT, gone)
    if "sign off" in faults and node.epoch:
        yield Step(Label(at, "signs off and ends"), FAULT, gone.without_row(node.epoch))


def _lapses(state: State, at: int, node: Node, faults: frozenset[str]) -> Iterator[Step]:
    if node.trust and "lapse" in faults:
        lapsed = state.with_node(at, trust=False)
        yield Step(Label(at, "loses its trust to time, incarnation", node.epoch), FAULT, lapsed)


def _time(state: State, row: Row, holder: Node, faults: frozenset[str]) -> Iterator[Step]:
    """End a lease by the store's clock, or one lease of watching it: the trust in it ends before both.

    Who watches comes to the end of it after the store, but by an observer's jump: the other order shows nothing
    new, as only both have a consequence.
    """
    over = not holder.trust
    if row.valid and (over or "store jump" in faults):
        label = Label(-1, "the store's clock ends the lease of incarnation", row.epoch)
        yield Step(label, TIME if over else FAULT, state.with_row(row._replace(valid=False)))
    jump = not over and "observer jump" in faults
    if not row.watched and (jump or (over and not row.valid)):
        label = Label(-1, "the other node has watched for one lease incarnation", row.epoch)
        watched = state.with_row(row._replace(watched=True))
        yield Step(label, FAULT if jump else ONWARD, watched)


def _gone(state: State, at: int) -> State:
    """End a process. What it knew is gone, so is what it had watched."""
    rows = tuple(row._replace(watched=False) for row in state.rows)
    nodes = list(state.nodes)
    nodes[at] = Node(alive=False)
    return state._replace(rows=rows, nodes=tuple(nodes))
