"""Whether two triggers were given the same schedule."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger


def same_schedule(one: BaseTrigger, other: BaseTrigger) -> bool:
    """Return whether users said the same about both triggers; the moments at which they were made do not count."""
    return _said(one) == _said(other)


def _said(trigger: BaseTrigger) -> tuple[object, ...]:
    limits = (str(getattr(trigger, name, None)) for name in ("timezone", "end_date", "jitter"))
    return (type(trigger), str(trigger), *limits)
