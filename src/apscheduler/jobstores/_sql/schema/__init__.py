"""The tables, and how they come to be.

``tables.py`` has 3.x's table, untouched in shape, and ours beside it. ``migrations.py`` brings any earlier shape to
today's, ``additions.py`` adds what later versions need while earlier ones go on (docs/decisions/0010), ``complete.py``
checks in one statement whether all is there.
"""
