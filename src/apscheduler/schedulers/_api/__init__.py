"""What users call on a scheduler, by what it is about. ``schedulers/base.py`` is the face over these parts.

``parts.py`` keeps stores, executors and listeners; ``options.py``, ``plugins.py`` and ``making.py`` make them from a
configuration. ``adding.py`` adds jobs (``positional.py`` for 3.x's calls by position), ``pending.py`` keeps those that
were added before the start, ``changing.py`` finds, changes and removes them. ``calendars.py``, ``listeners.py``,
``history.py``, ``questions.py``, ``previewing.py``, ``transfer.py`` and ``ical.py`` do what their names say.

Easy to get wrong: any thread may call, also inside a job or a listener, and before the start as well as after it.
"""
