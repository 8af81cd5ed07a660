"""Breadth first through all states of the protocol; what it finds broken comes with the shortest way there.

Judged in each state and at each step: what :class:`~cluster.model.protocol.BrokenError` is raised for, and that each fire
time that a job has passed has a row. Judged of the future: from no state on is a fire without an outcome for ever.
Steps that need no fault form a graph without cycles, so whoever goes on without faults comes to one of its ends,
whatever the order; and at each of its ends where a process lives, every fire has its outcome.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from cluster.model.protocol import BrokenError
from cluster.model.state import NOWHERE
from cluster.model.steps import FAULT, ONWARD

if TYPE_CHECKING:
    from cluster.model.protocol import Protocol
    from cluster.model.state import State
    from cluster.model.steps import Label


class Finding(NamedTuple):
    """A broken promise and the shortest way to it."""

    promise: str
    trace: tuple[Label, ...]

    def __str__(self) -> str:
        steps = "".join(f"\n  {at:2d}. {step}" for at, step in enumerate(self.trace, 1))
        return f"{self.promise}:{steps}"


class Report(NamedTuple):
    """What an exploration found; ``finding`` is ``None`` where it went through all states."""

    states: int
    finding: Finding | None


class Explorer:
    """One exploration, by the number of faults: what so many faults lead to is seen before what more do.

    A state is kept once, with the fewest faults that lead there: whatever can follow then includes what can follow
    after more of them.
    """

    def __init__(self, protocol: Protocol, faults: int, *, nameless: bool) -> None:
        self._protocol = protocol
        self._faults = faults
        self._nameless = nameless
        self._numbers: dict[State, int] = {}
        self._came_from: list[tuple[int, Label] | None] = []
        self._onward: list[list[int]] = []
        self._queue: deque[tuple[int, State]] = deque()
        self._later: list[tuple[State, int, Label]] = []

    def run(self) -> Report:
        """Go through all states, or up to the first broken promise."""
        self._number(self._protocol.first(), None)
        for left in range(self._faults, -1, -1):
            later, self._later = self._later, []
            for state, number, label in later:
                self._number(state, (number, label))
            finding = self._level(left > 0)
            if finding is not None:
                return Report(len(self._onward), finding)
        stuck = self._on_a_cycle()
        if stuck is None:
            return Report(len(self._onward), None)
        return Report(
            len(self._onward), self._finding("steps without a fault go in a circle", stuck)
        )

    def _number(self, state: State, came_from: tuple[int, Label] | None) -> int:
        known = self._numbers.get(state)
        if known is None:
            known = self._numbers[state] = len(self._came_from)
            self._came_from.append(came_from)
            self._onward.append([])
            self._queue.append((known, state))
        return known

    def _level(self, faults: bool) -> Finding | None:
        """Go through all states that need no more faults than the last level's."""
        while self._queue:
            number, state = self._queue.popleft()
            try:
                self._expand(number, state, faults)
            except BrokenError as exc:
                return self._finding(exc.promise, number, exc.step)
            if promise := self._judged(number, state):
                return self._finding(promise, number)
        return None

    def _expand(self, number: int, state: State, faults: bool) -> None:
        steps = self._protocol.steps(state, faults=faults, nameless=self._nameless)
        onward = self._onward[number]
        for label, kind, after in steps:
            if kind == FAULT:
                if after not in self._numbers:
                    self._later.append((after, number, label))
                continue
            known = self._number(after, (number, label))
            if kind == ONWARD and known != number:
                onward.append(known)

    def _judged(self, number: int, state: State) -> str:
        protocol = self._protocol
        for job, passed in enumerate(state.nexts):
            first = protocol.first_fire[job]
            if any(fire.state == NOWHERE for fire in state.fires[first : first + passed]):
                return "a fire time was passed and has no row"
        at_rest = not self._onward[number] and any(node.alive for node in state.nodes)
        if at_rest and not protocol.accounted(state):
            return "a fire is never accounted for"
        return ""

    def _on_a_cycle(self) -> int | None:
        """Return a state on a cycle of steps that need no fault, or behind one."""
        incoming = [0] * len(self._onward)
        for onward in self._onward:
            for number in onward:
                incoming[number] += 1
        free = [number for number, count in enumerate(incoming) if not count]
        while free:
            for number in self._onward[free.pop()]:
                incoming[number] -= 1
                if not incoming[number]:
                    free.append(number)
        return next((number for number, count in enumerate(incoming) if count), None)

    def _finding(self, promise: str, number: int, last: Label | None = None) -> Finding:
        trace = [] if last is None else [last]
        came_from = self._came_from[number]
        while came_from is not None:
            number, label = came_from
            trace.append(label)
            came_from = self._came_from[number]
        return Finding(promise, tuple(reversed(trace)))


def explore(protocol: Protocol, faults: int, *, nameless: bool = False) -> Report:
    """Go through all states that so many faults lead to, or up to the first broken promise.

    :param nameless: half the states, as the nodes are alike; but a trace says A where it means B
    """
    return Explorer(protocol, faults, nameless=nameless).run()
