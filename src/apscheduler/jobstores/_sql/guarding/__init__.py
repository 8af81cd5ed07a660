"""What could break the promises from outside, noticed: copies, restored back-ups, other schedulers on the same table.

``copies.py`` prevents claims from a store that is not the one it was, by ``identity.py``. ``alone.py`` gives a SQLite
file to one process alone where its locks protect nothing. ``strangers.py`` and ``watching.py`` notice a scheduler that
knows nothing of claims, usually APScheduler 3.x. ``promotion.py`` records what is in doubt after a replica has become the
server. ``jobstores/_checkup.py`` shows what is noticed here, for ``apscheduler doctor --store``.
"""
