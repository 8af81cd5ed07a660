"""The job stores: they keep jobs, say which are due, and (most of them) claim these and keep the ledger.

``base.py`` has the contract in two tiers, ``_requests.py`` what a claim asks and answers, ``standing.py`` how an edit
computes a next fire time while the store goes on claiming. ``memory.py`` and ``sqlalchemy.py`` claim themselves. Redis,
etcd, ZooKeeper, MongoDB and RethinkDB keep pickled jobs for one process (``_pickled/``); they, and stores of users, get
the claim from ``_plain/``. The faces are at 3.x's paths.

``_asking.py`` calls what a program has put in the place of a store's method, ``_outlines.py`` describes jobs that cannot be
restored, ``_replanned.py`` corrects next fire times after a change of zone data, ``_troubles.py`` bounds log lines.

Easy to get wrong: a claim comes before the run, and moves the next fire time in the same step. No lock is held while a
trigger is asked. What cannot be read is kept.
"""
