"""Recurrence rules of RFC 5545, section 3.3.10, as wall times: integer seconds since 1970-01-01T00:00 on the zone's clock.

A rule makes one *set* per period (year, month, week, ... second) from its BY-parts; BYSETPOS picks from each set. Periods
are numbered from that of DTSTART, so any of them can be computed at once, forwards and backwards.

``parts.py`` holds a rule's parts. ``rule.py`` is what ``triggers/rrule.py`` asks: it chooses one of three kinds of members.
``day_times.py`` has those of rules of days or longer, ``times.py`` those of hours, minutes and seconds, and ``sets.py``
those where BYSETPOS picks from weeks, months or years. All stand on ``days.py`` (which days the BY-parts allow) and
``grids.py`` (which days lie in a period), a year at a time, as the bits of ``year_bits.py``.

Easy to get wrong: a search for the next period with a member is bounded (2,000 years or periods). Where it ends without
one there is none, and the rule remembers this.
"""
