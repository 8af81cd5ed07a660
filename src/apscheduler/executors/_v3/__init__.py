"""What executors do in 3.x's way, for code that still calls them so.

``runs.py`` runs a job and its run times that came without a claim, and answers with events. ``calls.py`` lets users
treat our pools as those of ``concurrent.futures``: make calls of their own, and look at the queue.

``executors/base.py`` and our pools load these when they are first needed; most programs never do.
"""
