"""Arithmetic of schedules with a constant distance: where two of them meet, without searching."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd
from typing import NamedTuple


class Grid(NamedTuple):
    """The instants ``member + k * step`` for all integers k, in microseconds."""

    member: int
    step: int

    def at_or_after(self, instant: int) -> int:
        """Return the first instant of the grid that is not before ``instant``."""
        return instant + (self.member - instant) % self.step

    def at_or_before(self, instant: int) -> int:
        """Return the last instant of the grid that is not after ``instant``."""
        return instant - (instant - self.member) % self.step

    def meet(self, other: Grid) -> Grid | None:
        """Return the instants that both grids have (Chinese remainder theorem), ``None`` if there are none."""
        common = gcd(self.step, other.step)
        apart, rest = divmod(other.member - self.member, common)
        if rest:
            return None
        period = other.step // common
        steps = apart * pow(self.step // common, -1, period) % period
        return Grid(self.member + steps * self.step, self.step * period)


EVERY_INSTANT = Grid(0, 1)


def meeting_of(grids: Iterable[Grid]) -> Grid | None:
    """Return the instants that all the grids have, ``None`` if there are none."""
    found: Grid | None = EVERY_INSTANT
    for grid in grids:
        found = found.meet(grid) if found is not None else None
    return found
