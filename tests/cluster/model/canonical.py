"""One state for all that differ in nothing that matters: names of incarnations, old tokens, rows of the buried.

What is left out, and why nobody can tell:

- A final row that no process has a claim of needs no token and no memory of its start.
- The row of an incarnation that no process acts as is over and watched, as time can pass at once. It is gone if no
  run belongs to it: its burial changes nothing else.
- Incarnations are compared for equality only. A's present one is 1 and B's 2, others follow as they are met.
- Nodes are alike: A and B can change names (only where no trace is to be read).
- Tokens are compared for equality, and a new one is greater than all: they are numbered anew, in order.
"""

from __future__ import annotations

from cluster.model.state import FINAL, RUNNING, Claim, Fire, Node, Row, State


def canonical(state: State, *, nameless: bool = False) -> State:
    """Return the state that stands for all like this one.

    :param nameless: whether A and B can change names
    """
    nodes, fires, started = state.nodes, state.fires, state.started
    claims = [claim for node in nodes for claim in node.claims]
    held = [claim.fire for claim in claims]
    for at, fire in enumerate(fires):
        if fire.state in FINAL and at not in held:
            fires = (*fires[:at], Fire(fire.state, kept=fire.kept), *fires[at + 1 :])
            started = (*started[:at], False, *started[at + 1 :])
        elif fire.token > 1:
            nodes, fires = _tokens_anew(nodes, fires, at)
    if nameless and _core(nodes[1]) < _core(nodes[0]):
        nodes = (nodes[1], nodes[0])
        claims = [claim for node in nodes for claim in node.claims]
    acting = (nodes[0].epoch, nodes[1].epoch)
    owners = [fire.owner for fire in fires if fire.state == RUNNING]
    rows = tuple(
        row if row.epoch in acting else Row(row.epoch, False, True)
        for row in state.rows
        if row.epoch in acting or row.epoch in owners
    )
    tidy = State(state.nexts, fires, rows, nodes, started)
    return _epochs_anew(tidy, acting, owners, claims)


def _core(node: Node) -> tuple[object, ...]:
    """Return what tells nodes apart but for the names of their incarnations."""
    claims = [(claim.fire, claim.token, claim.phase) for claim in node.claims]
    return (node.alive, node.epoch > 0, node.trust, node.overdue, node.plan or (), claims)


def _tokens_anew(
    nodes: tuple[Node, ...], fires: tuple[Fire, ...], at: int
) -> tuple[tuple[Node, ...], tuple[Fire, ...]]:
    """Number the tokens of one fire anew."""
    row = fires[at]
    tokens = {row.token}
    for node in nodes:
        tokens.update(claim.token for claim in node.claims if claim.fire == at)
        if node.plan is not None and node.plan.job < 0 and node.plan.fire == at:
            tokens.add(node.plan.seen)
    if max(tokens) == len(tokens):
        return nodes, fires
    new = {token: number for number, token in enumerate(sorted(tokens), 1)}
    fires = (*fires[:at], row._replace(token=new[row.token]), *fires[at + 1 :])
    return tuple(_with_tokens(node, at, new) for node in nodes), fires


def _with_tokens(node: Node, at: int, new: dict[int, int]) -> Node:
    plan = node.plan
    if plan is not None and plan.job < 0 and plan.fire == at:
        plan = plan._replace(seen=new[plan.seen])
    claims = tuple(
        claim._replace(token=new[claim.token]) if claim.fire == at else claim
        for claim in node.claims
    )
    return node._replace(plan=plan, claims=claims)


def _epochs_anew(
    state: State, acting: tuple[int, int], owners: list[int], claims: list[Claim]
) -> State:
    """Number the incarnations anew."""
    new = {0: 0}
    new.update({epoch: number for number, epoch in enumerate(acting, 1) if epoch})
    free = 3
    for epoch in (*owners, *(claim.epoch for claim in claims)):
        if epoch not in new:
            new[epoch] = free
            free += 1
    if all(old == number for old, number in new.items()):
        return state
    return renamed(state, new)


def renamed(state: State, new: dict[int, int]) -> State:
    """Return the state with other numbers for its incarnations."""
    fires = tuple(
        fire._replace(owner=new[fire.owner]) if fire.state == RUNNING else fire
        for fire in state.fires
    )
    rows = tuple(sorted(row._replace(epoch=new[row.epoch]) for row in state.rows))
    nodes = tuple(
        node._replace(
            epoch=new[node.epoch],
            claims=tuple(sorted(claim._replace(epoch=new[claim.epoch]) for claim in node.claims)),
        )
        for node in state.nodes
    )
    return state._replace(fires=fires, rows=rows, nodes=nodes)
