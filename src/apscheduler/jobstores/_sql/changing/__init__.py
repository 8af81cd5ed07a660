"""Jobs that are added, changed, removed or loaded, in any process, whether it schedules or not.

``editing.py`` does the edits; ``exchange.py`` writes each by compare-and-set. ``loading.py`` restores jobs from rows, and
quarantines those that cannot be restored. ``hooks.py`` and ``asking.py`` ask methods of a store that a subclass or a
program has replaced.

Easy to get wrong: an edit computed from an older state of the row must not win. ``exchange.py`` refuses it.
"""
