"""Describes triggers in words, in each language of ``locales``: exactly, so that triggers with equal words fire alike.

If a zone's clocks will not be moved any more, the words say nothing of the times when they were.

``reading`` finds what a trigger says, ``parts`` holds it, a locale says it. A further language is one file in ``locales``
with a class ``Words``.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from apscheduler.names import hint
from apscheduler.triggers._words.parts import Locale
from apscheduler.triggers._words.reading import said_by
from apscheduler.triggers.base import BaseTrigger


def describe(trigger: BaseTrigger, locale: str = "en") -> str:
    """Return what a trigger does, in words.

    :raises ValueError: for an unknown locale
    """
    words = locale_named(locale)
    if type(trigger).describe is not BaseTrigger.describe:
        return trigger.describe(locale)
    return words.say(said_by(trigger, lambda within: describe(within, locale)))


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
    words: Locale = module.Words()
    return words
