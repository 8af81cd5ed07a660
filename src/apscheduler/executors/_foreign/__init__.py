"""Pools that are not ours: any ``concurrent.futures`` pool, or any object with such a ``submit``.

``pool.py`` gives claims to a pool; ``submission.py`` is what is known of one claim there. ``kinds.py`` tells what sort
a pool is, gives it work, ends it and builds it again; ``source.py`` tells which one is in use after one broke.
``calls.py`` makes what the pool is given; ``away.py`` runs it where the pool has brought it, or ``threads.py`` and
``runner.py`` if that is a thread of this process. ``collecting.py`` is the thread that takes the answers of the pool's
futures, ``answers.py`` settles their claims. ``clocks.py`` watches timeouts and pools without processes, ``board.py``
has our own word beside the pool's future (docs/decisions/0012), ``host.py`` tells whether a process is on this host,
``at_exit.py`` settles what is left at the interpreter's end. ``needs.py`` says what these parts need of each other.

States of a submission: waiting → begun → settled. A pool's future may say "done" or "broken" in any of them.

Easy to get wrong: a run counts as not started only if the board or the thread says so; the future's word is not enough.
"""
