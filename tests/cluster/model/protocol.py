"""The claim protocol as rules over explicit states, as the SQL store keeps it.

A step is one act that nothing can divide: a read of the store, one transaction, one look at the own lease and the call
of the function after it. Everything else is divisible, so a process can be stopped between any two steps while the
others, and time, go on: **a pause is a process that makes no step**. Every interleaving is explored, so SIGSTOP and
SIGCONT at every step need neither a state nor a bound; a long pause is one during which leases end.

Two things are simpler than in the world. The look at the lease and the call are one step; the margin of rule 4 pays
for the moment between them, and at-most-once does not depend on it (what was claimed as running is nobody else's to
run). A transaction is atomic and serial; that the read-back waits for a COMMIT still underway is the node row's lock.

Rules can be switched off by name, see :data:`RULES`; the explorer then has to find what breaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.model.canonical import canonical
from cluster.model.state import (
    CLAIMED,
    DONE,
    DOUBTED,
    FAILED,
    LOST,
    NOWHERE,
    PENDING,
    RUNNING,
    STARTED,
    WAITING,
    Claim,
    Fire,
    Node,
    Plan,
    Row,
    State,
)
from cluster.model.steps import FAULT, ONWARD, TIME, Label, Scope, Step
from cluster.model.world import of_world

if TYPE_CHECKING:
    from collections.abc import Iterator

# The rules by name, and their numbers in the protocol's document.
RULES = frozenset(
    {
        "unique_key",  # 1
        "edit_cas",  # 1
        "same_generation",  # 1
        "definitions_kept",  # 14
        "settle_cas",  # 2
        "pending_cas",  # 2
        "commit_before_start",  # 3
        "trust_check",  # 4
        "trust_from_before_send",  # 4
        "own_incarnation_check",  # 5
        "store_clock",  # 6
        "observation",  # 6
        "bump_in_recovery",  # 6
        "bump_in_taking",  # 6
        "adoption",  # 6
        "cas_on_read_time",  # 8
        "late_word",  # 13
        "read_back",  # 15
        "doubt",  # 15
        "permit_in_store",  # 17
        "permit_cas",  # 17
    }
)
MAX_ATTEMPTS = 2
"""The store says 5; what there is to see is there at 2."""

NEW = 1_000
"""A number for a new incarnation, until it has its own."""


class BrokenError(Exception):
    """A promise was broken by a step.

    :ivar step: who did what
    """

    def __init__(self, promise: str, step: Label) -> None:
        super().__init__(promise)
        self.promise = promise
        self.step = step


class Protocol:
    """The steps out of a state.

    :param without: names of rules that are switched off
    """

    def __init__(self, scope: Scope, without: frozenset[str] = frozenset()) -> None:
        if not without <= RULES:
            raise ValueError(f"not rules: {sorted(without - RULES)}; there are {sorted(RULES)}")
        self.scope = scope
        self.first_fire = [sum(scope.jobs[:job]) for job in range(len(scope.jobs))]
        self._faults = scope.faults
        self._off = without
        self._claimed = WAITING if scope.portions else CLAIMED

    def first(self) -> State:
        """Return the state in which two nodes have joined and everything is due."""
        count = sum(self.scope.jobs)
        epochs = (1, 2)
        return State(
            nexts=(0,) * len(self.scope.jobs),
            fires=(Fire(),) * count,
            rows=tuple(Row(epoch) for epoch in epochs),
            nodes=tuple(Node(epoch=epoch, trust=True) for epoch in epochs),
            started=(False,) * count,
        )

    def accounted(self, state: State) -> bool:
        """Return whether every fire has an outcome that its delivery allows."""
        allowed = (DONE, LOST) if self.scope.at_most_once else (DONE, FAILED)
        return all(fire.state in allowed for fire in state.fires)

    def steps(self, state: State, *, faults: bool = True, nameless: bool = False) -> Iterator[Step]:
        """Yield what can happen next.

        :param faults: whether more of them can happen
        :param nameless: whether the nodes can change names
        :raises BrokenError: if one of these steps breaks a promise
        """
        for step in self._all_steps(state):
            if faults or step.kind != FAULT:
                yield step._replace(state=canonical(step.state, nameless=nameless))

    def _all_steps(self, state: State) -> Iterator[Step]:
        for at, node in enumerate(state.nodes):
            if node.alive:
                yield from self._of_node(state, at, node)
        yield from of_world(state, self._faults)

    def _of_node(self, state: State, at: int, node: Node) -> Iterator[Step]:
        for claim in node.claims:
            yield from self._with_claim(state, at, node, claim)
        if not node.epoch:
            joined = state.with_node(at, epoch=NEW, trust=True).with_row(Row(NEW))
            yield Step(Label(at, "joins"), ONWARD, joined)
            return
        yield from self._heartbeat(state, at, node)
        if node.plan is not None and node.plan.fire < 0:
            yield self._edited(state, at, node.plan)
        elif node.plan is not None:
            yield from self._commit(state, at, node, node.plan)
        else:
            if node.trust:
                yield from self._read(state, at, node)
            if "edit" in self._faults:
                yield from self._edits(state, at)
        if node.trust:
            yield from self._recover(state, at, node)

    # -- claiming -----------------------------------------------------------------------------------------------

    def _read(self, state: State, at: int, node: Node) -> Iterator[Step]:
        """Read what is due or pending, without a lock, and plan."""
        if len(node.claims) >= self.scope.slots or _doubts(node):
            return
        for job, following in enumerate(state.nexts):
            if following < self.scope.jobs[job]:
                plan = Plan(job, self.first_fire[job] + following, following)
                yield self._planned(state, at, plan, "reads due fire")
        for fire, row in enumerate(state.fires):
            if row.state == PENDING and (row.kept or self._is_there(state, self._job_of(fire))):
                plan = Plan(-1, fire, row.token)
                yield self._planned(state, at, plan, "reads pending fire")

    def _is_there(self, state: State, job: int) -> bool:
        """Return whether a job has a row: the claim of its last fire time deletes it."""
        return state.nexts[job] < self.scope.jobs[job]

    def _job_of(self, fire: int) -> int:
        return max(job for job, first in enumerate(self.first_fire) if first <= fire)

    # -- editing ------------------------------------------------------------------------------------------------

    def _edits(self, state: State, at: int) -> Iterator[Step]:
        """Read a job and compute its next fire time from the clock: the first that is not passed by now."""
        for job, following in enumerate(state.nexts):
            if self._is_there(state, job):
                after = state.with_node(at, plan=Plan(job, -1, following))
                yield Step(Label(at, "computes an edit of job", job), FAULT, after)

    def _edited(self, state: State, at: int, plan: Plan) -> Step:
        """Write the edit, if the job is what it was computed from; else compute again."""
        label = Label(at, "writes the edit of job", plan.job)
        idle = state.with_node(at, plan=None)
        now = state.nexts[plan.job]
        if not self._is_there(state, plan.job):
            return Step(label._replace(act="finds no job to edit any more,"), ONWARD, idle)
        if now == plan.seen:
            return Step(label, ONWARD, idle)
        if "edit_cas" not in self._off:
            again = state.with_node(at, plan=plan._replace(seen=now))
            return Step(label._replace(act="computes anew the edit of job"), ONWARD, again)
        if "same_generation" not in self._off:
            raise BrokenError("a job's next fire time moved back", label)
        return Step(label, ONWARD, self._with_new_generation(idle, plan))

    def _with_new_generation(self, state: State, plan: Plan) -> State:
        """Set the job back under keys that have no rows; what was claimed under the old ones goes on."""
        first = self.first_fire[plan.job]
        for fire in range(first + plan.seen, first + state.nexts[plan.job]):
            held = any(claim.fire == fire for node in state.nodes for claim in node.claims)
            started = list(state.started)
            started[fire] = started[fire] or (held and self.scope.at_most_once)
            state = state.with_fire(fire, Fire())._replace(started=tuple(started))
            for at, node in enumerate(state.nodes):
                claims = tuple(claim for claim in node.claims if claim.fire != fire)
                state = state.with_node(at, claims=claims)
        nexts = list(state.nexts)
        nexts[plan.job] = plan.seen
        return state._replace(nexts=tuple(nexts))

    # -- committing ---------------------------------------------------------------------------------------------

    def _planned(self, state: State, at: int, plan: Plan, act: str) -> Step:
        label = Label(at, act, plan.fire)
        state = state.with_node(at, plan=plan)
        if "commit_before_start" in self._off:
            state = self._called(state, plan.fire, label)
        return Step(label, ONWARD, state)

    def _commit(self, state: State, at: int, node: Node, plan: Plan) -> Iterator[Step]:
        """Write the plan in one transaction; its answer can be lost, be it done or not."""
        label = Label(at, "commits the claim of fire", plan.fire)
        idle = state.with_node(at, plan=None)
        if not self._may_write(state, node):
            yield Step(
                label._replace(act="rolls back and is fenced, fire"), ONWARD, _fenced(idle, at)
            )
            return
        committed, token = self._written(idle, node, plan, label)
        if token:
            yield Step(
                label,
                ONWARD,
                _held(committed, at, Claim(plan.fire, token, node.epoch, self._claimed)),
            )
        else:
            yield Step(label._replace(act="comes too late for fire"), ONWARD, committed)
        if "loss" in self._faults:
            yield from self._unanswered(idle, at, committed, node, plan)

    def _unanswered(
        self, idle: State, at: int, committed: State, node: Node, plan: Plan
    ) -> Iterator[Step]:
        """Lose the answer to a commit that was done, and to one that was not."""
        claim = Claim(plan.fire, self._token(plan), node.epoch, DOUBTED)
        if "doubt" in self._off:
            claim = claim._replace(phase=self._claimed)
        for act, state in (("commits", committed), ("does not commit", idle)):
            after = state if "read_back" in self._off else _held(state, at, claim)
            yield Step(Label(at, f"{act}, without an answer, fire", plan.fire), FAULT, after)

    def _written(self, state: State, node: Node, plan: Plan, label: Label) -> tuple[State, int]:
        """Return the state after the transaction, and the token if the fire is this node's now."""
        row = state.fires[plan.fire]
        if plan.job < 0:
            same = row.state == PENDING and row.token == plan.seen
            if not same and "pending_cas" not in self._off:
                return state, 0
            token = self._token(plan)
            return self._owned(state, node, plan.fire, token, row.attempt, label), token
        if state.nexts[plan.job] != plan.seen and "cas_on_read_time" not in self._off:
            return state, 0
        if plan.seen + 1 < state.nexts[plan.job]:
            raise BrokenError("a job's next fire time moved back", label)
        nexts = list(state.nexts)
        nexts[plan.job] = plan.seen + 1
        moved = state._replace(nexts=tuple(nexts))
        if row.state != NOWHERE and "unique_key" not in self._off:
            return self._with_definitions(moved, plan.job), 0
        owned = self._owned(moved, node, plan.fire, 1, 1, label)
        return self._with_definitions(owned, plan.job), 1

    def _with_definitions(self, state: State, job: int) -> State:
        """Whoever deletes a job's row for its end leaves its definition in all of its live rows."""
        if self._is_there(state, job) or "definitions_kept" in self._off:
            return state
        for fire in range(self.first_fire[job], self.first_fire[job] + self.scope.jobs[job]):
            row = state.fires[fire]
            if row.state in (PENDING, RUNNING):
                state = state.with_fire(fire, row._replace(kept=True))
        return state

    def _token(self, plan: Plan) -> int:
        """Return the token of a claim by this plan."""
        return 1 if plan.job >= 0 else plan.seen + ("bump_in_taking" not in self._off)

    def _owned(
        self, state: State, node: Node, fire: int, token: int, attempt: int, label: Label
    ) -> State:
        if not state.lives(node.epoch):
            raise BrokenError("a fire was claimed for an incarnation that is over", label)
        for other in state.nodes:
            for claim in other.claims:
                if claim.phase != DOUBTED and claim[:2] == (fire, token):
                    raise BrokenError("two claims of one fire have the same token", label)
        kept = state.fires[fire].kept
        owned = Fire(RUNNING, token, node.epoch, attempt, kept, self.scope.portions)
        return _put(state, fire, owned, label)

    def _may_write(self, state: State, node: Node) -> bool:
        """The last statement of a claim or a recovery: the own incarnation lives."""
        return "own_incarnation_check" in self._off or state.lives(node.epoch)

    # -- what was claimed ---------------------------------------------------------------------------------------

    def _with_claim(self, state: State, at: int, node: Node, claim: Claim) -> Iterator[Step]:
        mine = claim.epoch == node.epoch and node.trust
        if claim.phase == DOUBTED:
            if mine:
                yield self._read_back(state, at, claim)
        elif claim.phase == STARTED:
            yield from self._settle(state, at, claim)
        elif claim.phase == WAITING:
            yield from self._permit(state, at, claim)
            if not mine:
                yield self._give_back(state, at, claim)
        elif mine or "trust_check" in self._off:
            label = Label(at, "starts fire", claim.fire)
            called = state
            if "commit_before_start" not in self._off:
                called = self._called(state, claim.fire, label)
                self._judge_owner(state, claim, label)
            yield Step(label, ONWARD, _changed(called, at, claim, STARTED))
        else:
            yield self._give_back(state, at, claim)

    def _permit(self, state: State, at: int, claim: Claim) -> Iterator[Step]:
        """Permit the start in the row; whether the own lease is trusted is asked at the start."""
        row = state.fires[claim.fire]
        label = Label(at, "permits the start of fire", claim.fire)
        if not _holds(row, claim) and "permit_cas" not in self._off:
            label = label._replace(act="is permitted nothing any more, fire")
            yield Step(label, ONWARD, _dropped(state, at, claim))
            return
        written = state
        if row.state == RUNNING and "permit_in_store" not in self._off:
            written = state.with_fire(claim.fire, row._replace(barred=False))
        yield Step(label, ONWARD, _changed(written, at, claim, CLAIMED))
        if "loss" in self._faults and written != state:
            yield Step(label._replace(act="permits, without an answer, fire"), FAULT, written)

    def _called(self, state: State, fire: int, label: Label) -> State:
        if not self.scope.at_most_once:
            return state
        if state.started[fire]:
            raise BrokenError("an at-most-once function was started twice", label)
        started = list(state.started)
        started[fire] = True
        return state._replace(started=tuple(started))

    def _judge_owner(self, state: State, claim: Claim, label: Label) -> None:
        if not _holds(state.fires[claim.fire], claim):
            raise BrokenError("a function was started by who does not own its fire", label)

    def _read_back(self, state: State, at: int, claim: Claim) -> Step:
        if _holds(state.fires[claim.fire], claim):
            label = Label(at, "reads back that it has fire", claim.fire)
            return Step(label, ONWARD, _changed(state, at, claim, self._claimed))
        label = Label(at, "reads back that it does not have fire", claim.fire)
        return Step(label, ONWARD, _dropped(state, at, claim))

    def _settle(self, state: State, at: int, claim: Claim) -> Iterator[Step]:
        """Write an outcome; written twice, it changes nothing (an answer that is lost has it written again)."""
        row = state.fires[claim.fire]
        late = row.state == LOST and row.token == claim.token and "late_word" not in self._off
        if not (_holds(row, claim) or late or "settle_cas" in self._off):
            label = Label(at, "has nothing to settle any more, fire", claim.fire)
            if self.scope.at_most_once and row.state != DONE:
                raise BrokenError("the word of the only one who ran a fire was refused", label)
            yield Step(label, ONWARD, _dropped(state, at, claim))
            return
        label = Label(at, "settles late, fire" if late else "settles fire", claim.fire)
        written = _put(state, claim.fire, row._replace(state=DONE, token=claim.token), label)
        yield Step(label, ONWARD, _dropped(written, at, claim))
        if "loss" in self._faults:
            label = label._replace(act="settles, without an answer, fire")
            yield Step(label, FAULT, written)

    def _give_back(self, state: State, at: int, claim: Claim) -> Step:
        """Free a run that may not be started here. An answer that is lost has it written again, to no effect."""
        row = state.fires[claim.fire]
        after = _dropped(state, at, claim)
        if not _holds(row, claim):
            label = Label(at, "has nothing to give back any more, fire", claim.fire)
            return Step(label, ONWARD, after)
        label = Label(at, "has no trust and gives back fire", claim.fire)
        free = Fire(PENDING, row.token + 1, 0, row.attempt, row.kept)
        return Step(label, ONWARD, _put(after, claim.fire, free, label))

    # -- leases -------------------------------------------------------------------------------------------------

    def _heartbeat(self, state: State, at: int, node: Node) -> Iterator[Step]:
        """Beat and hear the answer. A beat that changes nothing is left out.

        So is one whose answer is never heard: it leaves the lease valid, the trust over, as they were. An answer heard
        when the trust it gives is over is worth nothing either, but where trust counts from its arrival.
        """
        if node.overdue:
            heard = state.with_node(at, overdue=False, trust=True)
            yield Step(
                Label(at, "hears late of the beat of incarnation", node.epoch), ONWARD, heard
            )
            return
        row = state.row(node.epoch)
        if row is None or not row.valid:
            label = Label(at, "beats in vain and is fenced, incarnation", node.epoch)
            yield Step(label, ONWARD, _fenced(state, at))
        elif row.watched or not node.trust:
            beaten = state.with_row(row._replace(watched=False))
            label = Label(at, "beats, incarnation", node.epoch)
            yield Step(label, ONWARD, beaten.with_node(at, trust=True))
            if "trust_from_before_send" in self._off:
                label = label._replace(act="beats, to hear of it late, incarnation")
                yield Step(label, TIME, beaten.with_node(at, overdue=True))

    def _recover(self, state: State, at: int, node: Node) -> Iterator[Step]:
        """Bury the dead, and adopt what belongs to nobody."""
        for row in state.rows:
            over = not row.valid or "store_clock" in self._off
            seen = row.watched or "observation" in self._off
            if row.epoch != node.epoch and over and seen:
                label = Label(at, "buries incarnation", row.epoch)
                yield self._recovered(state, at, node, row.epoch, label)
        if "adoption" in self._off:
            return
        listed = {row.epoch for row in state.rows}
        owners = {fire.owner for fire in state.fires if fire.state == RUNNING}
        for epoch in sorted(owners - listed):
            label = Label(at, "adopts what belongs to incarnation", epoch)
            yield self._recovered(state, at, node, epoch, label)

    def _recovered(self, state: State, at: int, node: Node, dead: int, label: Label) -> Step:
        if not self._may_write(state, node):
            return Step(
                label._replace(act="rolls back and is fenced, burying"), ONWARD, _fenced(state, at)
            )
        after = state.without_row(dead)
        for fire, row in enumerate(state.fires):
            if row.state == RUNNING and row.owner == dead:
                after = _put(after, fire, self._closed(row), label)
        return Step(label, ONWARD, after)

    def _closed(self, row: Fire) -> Fire:
        """Return what recovery makes of a running row."""
        if row.barred:
            return Fire(PENDING, row.token + 1, 0, row.attempt, row.kept)
        if self.scope.at_most_once:
            return row._replace(state=LOST)
        if row.attempt >= MAX_ATTEMPTS:
            return row._replace(state=FAILED)
        token = row.token + ("bump_in_recovery" not in self._off)
        return Fire(PENDING, token, 0, row.attempt + 1, row.kept)


def _put(state: State, at: int, fire: Fire, label: Label) -> State:
    """Write a fire's row; the judge looks whether it may change."""
    old = state.fires[at].state
    if old in (DONE, FAILED) or (old == LOST and fire.state != DONE):
        raise BrokenError("an accepted outcome was replaced", label)
    return state.with_fire(at, fire)


def _holds(row: Fire, claim: Claim) -> bool:
    """The compare of each compare-and-set: a running row, of this token and incarnation."""
    return row.state == RUNNING and row.token == claim.token and row.owner == claim.epoch


def _doubts(node: Node) -> bool:
    return any(claim.phase == DOUBTED for claim in node.claims)


def _held(state: State, at: int, claim: Claim) -> State:
    return state.with_node(at, claims=tuple(sorted([*state.nodes[at].claims, claim])))


def _dropped(state: State, at: int, claim: Claim) -> State:
    rest = tuple(each for each in state.nodes[at].claims if each != claim)
    return state.with_node(at, claims=rest)


def _changed(state: State, at: int, claim: Claim, phase: int) -> State:
    return _held(_dropped(state, at, claim), at, claim._replace(phase=phase))


def _fenced(state: State, at: int) -> State:
    """The incarnation is over: what it doubts is its heirs' to account for, what it runs goes on."""
    kept = tuple(claim for claim in state.nodes[at].claims if claim.phase != DOUBTED)
    return state.with_node(at, epoch=0, trust=False, overdue=False, plan=None, claims=kept)
