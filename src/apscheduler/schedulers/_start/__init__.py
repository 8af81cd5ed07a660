"""Asks before a start in what kind of process this is, and whether another process of the application does the same.

``environment.py`` knows test runners, reloaders, notebooks and workers of web servers; ``twins.py`` warns if several
processes of one application run jobs that only each of them knows.
"""
