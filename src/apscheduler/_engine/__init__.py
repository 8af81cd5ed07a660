"""Pure rules of scheduling: no clock, no thread, no I/O, no logging, no randomness of its own. ``now`` is an argument.

Time is integer microseconds since 1970 (``instants.py``). ``zones.py`` has what a zone's clock shows, ``clock_rules.py``
what a schedule does where it is moved. ``cron.py`` matches wall times, on the days of ``cron_days.py`` or
``crontab_days.py``, and ``cron_line.py`` lays the matches along a zone; ``recurrence/`` does the same for RFC 5545.
``planning.py`` decides what becomes of a job's due fire times, ``open_planning.py`` with calendars (``spans.py``).
``buckets.py`` is the due queue, ``backoff.py`` the wait after failures.

Flow: triggers compile to tables and rules; the loop takes due items from the queue, and plans each with its trigger.

Easy to get wrong: a wall time may come twice or never, so local and instant are never mixed. All searches are bounded: a
schedule that never matches ends in ``None``. ``tests/test_layers.py`` holds the list of modules that may be imported.
"""
