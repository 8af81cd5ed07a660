"""When a job is due. A trigger is asked for the fire time after an instant; ours keep no place in their schedule.

``base.py`` is the contract: ``get_next_fire_time`` on datetimes for users, ``next_us`` and the like on integer
microseconds for the engine. ``date.py``, ``interval.py``, ``calendarinterval.py``, ``rrule.py``, ``cron/`` and
``crontab/`` are the kinds of triggers (the last two share ``wallclock.py``). ``combining.py`` and ``calendar.py`` are made
of other triggers; ``foreign.py`` asks those that are not ours. ``arguments.py`` reads what all are given and stored as.

What is said of triggers lies below them: ``parts.py`` and ``_words/`` put them into words, ``previews.py`` walks their
fire times with remarks. ``advice.py`` and ``dialects/`` know how schedules are written elsewhere. Jobs, plans and stores
call triggers; a trigger calls none of them. Its fire times follow from its arguments: time is read only
where it is made.

Easy to get wrong: a subclass, a mixin or a patch may replace any method, and the integer methods may then not be asked
(``speaks_integers``). Asking a foreign trigger may change it. A stored trigger names its class by its path, for ever.
"""
