"""The end of pools: what waits in them is finished, and a wait that is long enough to be noticed is explained.

``pools.py`` lets our pools finish before the interpreter ends. ``waits.py`` logs what an end waits for, and
``python_end.py`` does so while Python itself waits for threads that are not ours.

Easy to get wrong: the order at the interpreter's end. ``apscheduler/ends.py`` has it.
"""
