"""Recorders: classes whose methods note that they were asked, made in the four ways in which 3.x is extended.

This runs on 3.11.3 too (see ``triggers.py``), so it knows nothing of ours.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

WAYS = ("subclass", "mixin", "patch", "instance")


def calling_super(owner: list[type], name: str, asked: set[str]) -> Any:
    def method(self, *args, **kwargs):
        asked.add(name)
        return getattr(super(owner[0], self), name)(*args, **kwargs)

    return method


def subclass(cls: type, names: Any, asked: set[str]) -> type:
    owner: list[type] = []
    made = type(
        f"Recorded{cls.__name__}",
        (cls,),
        {name: calling_super(owner, name, asked) for name in names},
    )
    owner.append(made)
    return made


def with_mixin(cls: type, names: Any, asked: set[str]) -> type:
    owner: list[type] = []
    mixin = type("Mixin", (), {name: calling_super(owner, name, asked) for name in names})
    owner.append(mixin)
    return type(f"Mixed{cls.__name__}", (mixin, cls), {})


def by_name(cls: type, names: Any, asked: set[str]) -> type:
    """A subclass whose methods call those of the class by its name."""

    def calling(name):
        def method(self, *args, **kwargs):
            asked.add(name)
            return getattr(cls, name)(self, *args, **kwargs)

        return method

    return type(f"Named{cls.__name__}", (cls,), {name: calling(name) for name in names})


@contextmanager
def patched(cls: type, names: Any, asked: set[str]):
    """The class itself, with its methods replaced for a while."""

    def noting(name, original):
        def method(self, *args, **kwargs):
            asked.add(name)
            return original(self, *args, **kwargs)

        return method

    own = {name: vars(cls)[name] for name in names if name in vars(cls)}
    for name in names:
        setattr(cls, name, noting(name, getattr(cls, name)))
    try:
        yield cls
    finally:
        for name in names:
            if name in own:
                setattr(cls, name, own[name])
            else:
                delattr(cls, name)


def on_instance(each: Any, names: Any, asked: set[str]) -> Any:
    """The object, with attributes in the place of its methods."""

    def noting(name, bound):
        def method(*args, **kwargs):
            asked.add(name)
            return bound(*args, **kwargs)

        return method

    for name in names:
        setattr(each, name, noting(name, getattr(each, name)))
    return each
