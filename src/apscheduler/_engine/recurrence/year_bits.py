"""Days of the calendar by number, and sets of a year's days: an integer whose bit ``n`` stands for day ``n`` of the year."""

from __future__ import annotations

from calendar import monthrange
from datetime import date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DAY_SECONDS = 86_400
EPOCH = date(1970, 1, 1).toordinal()
LAST_DAY = date.max.toordinal() - EPOCH


def every(step: int, phase: int, length: int) -> int:
    """Return each ``step``-th bit from ``phase`` on, of ``length`` bits."""
    if phase >= length:
        return 0
    found, size, needed = 1, 1, (length - 1 - phase) // step + 1
    while size < needed:
        more = min(size, needed - size)
        found |= (found & (1 << (more - 1) * step + 1) - 1) << size * step
        size += more
    return found << phase


def nth_bit(mask: int, number: int) -> int:
    """Return the place of the ``number``-th (from 1) of the bits that are set."""
    low, high = 0, mask.bit_length()
    while high - low > 1:
        middle = (low + high) // 2
        size = (mask & (1 << middle - low) - 1).bit_count()
        if size >= number:
            mask &= (1 << middle - low) - 1
            high = middle
        else:
            mask >>= middle - low
            number -= size
            low = middle
    return low


def bits(mask: int) -> Iterator[int]:
    """Yield the places of the bits that are set."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def month_bits(year: int, months: Iterable[int]) -> int:
    """Return the days of these months (from 1) of a year, as bits."""
    spans = list(months_of(year))
    return union(
        (1 << length) - 1 << start for start, length in (spans[each - 1] for each in months)
    )


def shown(day: int) -> date:
    """Return the date of a day since 1970; beyond the calendar, its first or last date."""
    return date.fromordinal(min(max(day + EPOCH, 1), date.max.toordinal()))


def year_start(year: int) -> int:
    """Return the day since 1970 that a year begins with."""
    return date(year, 1, 1).toordinal() - EPOCH


def months_of(year: int) -> Iterator[tuple[int, int]]:
    """Yield the months of a year: the day of the year that each begins with (from 0), and its length."""
    start = 0
    for month in range(1, 13):
        length = monthrange(year, month)[1]
        yield start, length
        start += length


def union(masks: Iterable[int]) -> int:
    """Return the days that are in any of the sets."""
    found = 0
    for mask in masks:
        found |= mask
    return found
