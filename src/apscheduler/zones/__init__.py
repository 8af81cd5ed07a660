"""Time zones as machines and calendars have them: odd names, the local zone, and the data that zones are made of.

``local.py`` finds this machine's zone; ``names.py`` and ``posix.py`` read names and rules of other kinds; ``likeness.py``
finds the zone of the tz database that keeps the same time. ``data.py`` knows which zone data is in use, ``clocks.py``
keeps what zones' clocks do by it, ``watching.py`` warns of outdated rules, ``checkup.py`` answers ``apscheduler doctor``.

``moments.py`` asks for zones here, and so does the SQL store. The engine's zones (``_engine/zones.py``) are made of
what is found here.

Easy to get wrong: zone data belongs to the process (docs/decisions/0021). Two processes can disagree on a fire time.
"""
