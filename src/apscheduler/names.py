"""A hint for a misspelt name."""

from __future__ import annotations

from collections.abc import Iterable


def closest(name: object, known: Iterable[str]) -> str | None:
    """Return the known name that is most like this one, ``None`` if none is."""
    from difflib import get_close_matches

    near = get_close_matches(str(name), list(known), n=1)
    return near[0] if near else None


def hint(name: object, known: Iterable[str]) -> str:
    """Return a question for the closest known name, or else the list of known names."""
    names = sorted(known)
    near = closest(name, names)
    return f"did you mean {near!r}?" if near else f"known are: {', '.join(names) or 'none'}"
