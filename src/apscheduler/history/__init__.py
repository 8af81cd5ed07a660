"""The vocabulary of what became of fire times, which every layer may speak.

``outcomes.py`` has the outcomes, ``rows.py`` a row of the ledger as users see it and what can be asked about rows,
``states.py`` the states of a run and the steps between them, ``reasons.py`` the words of why a fire time did not run.

This package imports nothing that runs, stores or plans, so that a ``Job`` may speak of its own runs. Users find the
names in ``apscheduler.runs``, where the ledger itself is kept.

Easy to get wrong: a reason is a promise. It says only what was seen, and it is stored: old rows keep old words.
"""
