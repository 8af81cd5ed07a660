"""Whether a file of zone data can be read.

zoneinfo checks no lengths: for a damaged file it raises whatever error comes up, and from some files it does not
return. So here it reads the file with line ends added behind its end, as many as it asks for.
"""

from __future__ import annotations

import os.path
from io import BytesIO

from apscheduler.zones.names import SEASONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_LARGEST: Final = 1_000_000
"""The most bytes of a file that are read; the largest file of the tz database has 4,000."""


def is_whole(file: str) -> bool | None:
    """Return whether this is a whole file of zone data; ``None`` if it is no file that can be opened."""
    try:
        if not os.path.isfile(file):
            return None
        with open(file, "rb") as opened:
            content = opened.read(_LARGEST)
    except OSError:
        return None
    return _is_read(_Endless(content))


class _Endless(BytesIO):
    """A file that gives line ends behind its end, and notes that it was asked for them."""

    is_cut = False

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if found or size != 1:
            return found
        self.is_cut = True
        return b"\n"


def _is_read(content: _Endless) -> bool:
    from zoneinfo import ZoneInfo

    try:
        zone = ZoneInfo.from_file(content)
        for season in SEASONS:
            season.astimezone(zone)
    except Exception:  # noqa: BLE001 - zoneinfo checks no lengths, so anything may come
        return False
    return not content.is_cut
