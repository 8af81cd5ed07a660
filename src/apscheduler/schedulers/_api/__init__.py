"""What users call on a scheduler, by what it is about. ``schedulers/base.py`` is the face over these parts.

Each of these is a class, and builds on the ones before it: ``listeners.py`` keeps and calls listeners, ``stores.py`` keeps
job stores, ``parts.py`` executors and options (``options.py``, ``plugins.py``, ``making.py``), ``calendars.py`` calendars,
``triggers.py`` makes triggers. ``pending.py`` keeps the jobs that wait for the start, ``finding.py`` finds jobs,
``storing.py`` puts them into stores, ``adding.py`` adds them (``positional.py`` for schedules in the wrong place),
``changing.py`` changes and removes them. ``asking.py`` answers what users ask.

What answers is loaded when it is asked: ``history.py`` (``questions.py`` checks what was given), ``previewing.py``,
``listing.py``, ``transfer.py``, ``ical.py``.

Easy to get wrong: any thread may call, also inside a job or a listener, and before the start as well as after it.
"""
