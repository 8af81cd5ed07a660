"""Whether a file of zone data can be read.

zoneinfo checks no lengths: of a damaged file it raises whatever error comes up, and from some it does not return. So it
is given a content that always goes on.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Final

from apscheduler.zones.names import SEASONS

_LARGEST: Final = 1_000_000
"""In bytes: the largest of the tz database has 4,000."""


def is_whole(file: Path) -> bool | None:
    """Return whether this is a whole file of zone data; ``None`` if it is no file that can be opened."""
    try:
        if not file.is_file():
            return None
        with file.open("rb") as opened:
            content = opened.read(_LARGEST)
    except OSError:
        return None
    return _is_read(_Endless(content))


class _Endless(BytesIO):
    """A file that has line ends behind its end."""

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
