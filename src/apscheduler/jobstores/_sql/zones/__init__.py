"""Newer zone data: next fire times that were computed with older data are moved.

``rezoning.py`` moves them at a start, ``notes.py`` keeps in the store by which data they were computed, ``stored.py``
finds the zones that stored jobs name without loading a job. docs/decisions/0022 has the reasons.
"""
