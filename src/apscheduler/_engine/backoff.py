"""How long to wait after failures in a row: the wait doubles with each failure, up to a longest one.

Every such wait uses this function. Formulas written out at each place overflowed at the 1,024th failure, after some
hours with one broken row.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    Length = TypeVar("Length", int, float)


def delay(failures: int, first: Length, longest: Length) -> Length:
    """Return how long to wait: ``first`` after one failure, twice as long after each further one, at most ``longest``.

    :param failures: how many there were in a row
    :param first: more than 0; integers give integers, floats give floats
    :param longest: not less than ``first``
    """
    doublings = failures - 1
    if doublings <= 0:
        return first
    if doublings >= int(longest // first).bit_length():
        return longest
    return min(longest, first * (1 << doublings))
