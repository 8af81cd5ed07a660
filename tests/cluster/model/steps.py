"""The words of the model: steps, who makes them, and the scope of an exploration."""

from __future__ import annotations

from typing import NamedTuple

from cluster.model.state import State


class Label(NamedTuple):
    """Who did what, to which fire, job or incarnation (1 is A's and 2 B's present one, the others are past)."""

    node: int
    act: str
    what: int = -1

    def __str__(self) -> str:
        who = "the world" if self.node < 0 else f"node {'AB'[self.node]}"
        return f"{who}: {self.act}" + (f" {self.what}" if self.what >= 0 else "")


ONWARD, TIME, FAULT = range(3)
"""A step that fair processes and time make sooner or later; one that time may make; one that is a fault."""


class Step(NamedTuple):
    """A step to another state."""

    label: Label
    kind: int
    state: State


FAULTS = frozenset({"crash", "sign off", "lapse", "loss"})
"""The end of a process in the middle of anything (it may be started again at any time); a process that signs off while
it holds runs; a living node whose trust runs out, being paused, cut off or slow; a COMMIT without an answer, be it done
or not. In some scopes also: "store jump", a store's clock that ends a lease too early; "observer jump", an observer
that takes too short a time for one lease; "rewind", a writer that knows no generations and moves a next time back;
"edit", a process that computes a job's next fire time from what it reads, and writes it later (resume, reschedule).
"""


class Scope(NamedTuple):
    """What is explored.

    :ivar jobs: how many fire times each job has
    :ivar at_most_once: the delivery of all of them
    :ivar faults: the kinds of faults there are
    :ivar slots: how many claims a node holds at a time
    :ivar portions: whether a claimed fire waits for a later transaction that permits its start, as in a catch-up
    """

    jobs: tuple[int, ...]
    at_most_once: bool
    faults: frozenset[str] = FAULTS
    slots: int = 2
    portions: bool = False
