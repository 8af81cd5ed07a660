"""The end of a scheduler: orderly, by a signal, or because its process ends and nobody has shut it down.

``stopping.py`` has the steps of a shutdown, and lets a start wait for one that is under way. ``ending.py`` ends a scheduler
within a time or with its process, ``signals.py`` handles SIGTERM and Ctrl-C, ``exit_words.py`` warns if a script meant to run jobs and did not.

Easy to get wrong: the order at the interpreter's end. ``apscheduler/ends.py`` has it, docs/decisions/0011 the reasons.
"""
