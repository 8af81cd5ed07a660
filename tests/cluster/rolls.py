"""A store's list of nodes for one membership's tests, and what the heartbeat's sleeps are replaced by."""

from __future__ import annotations

from apscheduler._engine.instants import SECOND
from apscheduler.cluster.nodes import NodeRow

LEASE = 60 * SECOND


class Roll:
    """A store's list of nodes, with this one alone, that says what it was asked."""

    def __init__(self):
        self.said, self.epochs, self.time = [], [], 1_000 * SECOND
        self.fail = set()
        self.known = True

    def _called(self, name):
        self.said.append(name)
        if name in self.fail:
            raise OSError(f"{name}: no answer")

    def join(self, epoch, name, lease):
        self._called("join")
        self.epochs.append(epoch)
        return self.time

    def beat(self, epoch, lease):
        self._called("beat")
        return self.time if self.known else None

    def listed(self):
        rows = [NodeRow(each, "", 0, 0, LEASE, self.time + LEASE, 0) for each in self.epochs[-1:]]
        return rows, self.time

    def now(self):
        return self.time

    def leave(self, epoch):
        self._called("leave")
        assert epoch == self.epochs[-1]

    def abandon(self, epoch, name):
        self._called("abandon")
        assert epoch == self.epochs[-1]

    def finish(self):
        self._called("finish")

    def tend(self):
        """Nothing."""

    def adopt_orphans(self, own_epoch):
        """Nothing."""


class Stop:
    """A stop that comes after so many waits."""

    def __init__(self, waits):
        self.left, self.pauses = waits, []

    def wait(self, seconds):
        self.pauses.append(seconds)
        self.left -= 1
        return self.left < 0

    def set(self):
        self.left = 0

    def is_set(self):
        return self.left < 0


class Pause:
    """Notes for how long the heartbeat would have slept."""

    def __init__(self):
        self.seconds = []

    def wait(self, seconds):
        self.seconds.append(seconds)
