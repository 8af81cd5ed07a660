"""The languages: a module each, named as the locale, with a class ``Words`` (a ``Locale`` of ``_words/locale.py``).

They are found by their files, so a further language is one more file. ``rules_en.py`` and ``rules_zh.py``, beside this
folder, say recurrence rules.

Easy to get wrong: all that a part holds must be heard, or two triggers with equal words fire differently.
"""
