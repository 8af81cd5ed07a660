"""Puts what triggers say into words, in each language of ``locales``: exactly, so that triggers with equal words fire alike.

A trigger says its parts (``BaseTrigger.says``); ``parts.py`` holds them, ``locale.py`` is the contract of a language, and
a file in ``locales`` is one. Triggers find their parts with ``clock.py`` (days and times of a cron table), ``rules.py``
(recurrence rules), ``zones.py`` (moments, limits, zones) and ``calendars.py``. ``remarks.py`` finds what a fire time of a
preview is remarked on. Nothing here imports a trigger.

Easy to get wrong: what is left out of the words makes two triggers seem one. If a zone's clocks will not be moved any
more, the words say nothing of the times when they were.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from apscheduler.names import hint
from apscheduler.triggers._words.locale import Locale


@lru_cache(maxsize=1)
def locale_names() -> tuple[str, ...]:
    """Return the names of the languages that there are."""
    from apscheduler.triggers._words import locales

    return tuple(sorted(each.name for each in iter_modules(locales.__path__)))


def locale_named(name: str) -> Locale:
    """Return a language.

    :raises ValueError: if there is none of this name
    """
    if name not in locale_names():
        language = str(name).lower().replace("_", "-").partition("-")[0]
        raise ValueError(
            f"there are no words in the locale {name!r}; {hint(language, locale_names())}"
        )
    module = import_module(f"apscheduler.triggers._words.locales.{name}")
    words: Locale = module.Words(name)
    return words
