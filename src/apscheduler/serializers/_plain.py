"""Values as JSON trees and back, by a closed table of types.

What JSON has (``null``, booleans, numbers, texts, lists, and dicts whose keys are texts) stands for itself. All else
is an object with one key, ``{"$tag": plain values}``; a dict that could be taken for one is written as a tagged list
of pairs. The tags of the application begin with ``$app:``, so that new ones of ours never meet them. Equal values
give equal texts: keys, pairs and members of sets are sorted, so a dict comes back in that order, not in its own.
"""

from __future__ import annotations

import json
import re
from math import isfinite

from apscheduler.serializers._calendars import CALENDARS
from apscheduler.serializers._triggers import TRIGGERS
from apscheduler.serializers._values import VALUES, WALKED
from apscheduler.serializers.base import DeserializationError, SerializationError
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Final

    from apscheduler.serializers._values import Entry

SIZE_LIMIT: Final = 1_000_000
"""The most bytes that the JSON text of a job may have."""
DEPTH_LIMIT: Final = 100
"""How many levels values may be nested; the contents of a tuple, set or other tagged value are two levels deeper."""

_INT_BITS: Final = 14_000  # Python reads no number of more than 4300 digits
_SHOWN: Final = 200
_TAG = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_OWN: Final = frozenset((type(None), bool, int, float, str, list, dict, set, frozenset))


class Types:
    """The table of types: ours and the application's.

    :param types: (tag, class, to plain values, from plain values) each
    :raises ValueError: for a tag that is none or taken, or a class that has its form already
    :raises TypeError: for what is no such row
    """

    __slots__ = ("readers", "writers")

    def __init__(self, types: Iterable[Entry]) -> None:
        self.readers: dict[str, Callable[[Any], Any]] = dict(WALKED)
        self.writers: dict[type, tuple[str, Callable[[Any], Any]]] = {}
        for tag, cls, to_plain, from_plain in (*VALUES, *TRIGGERS, *CALENDARS):
            self._add(tag, cls, to_plain, from_plain)
        for row in types:
            self._add(*_checked_row(row))

    def _add(
        self, tag: str, cls: type, to_plain: Callable[[Any], Any], from_plain: Callable[[Any], Any]
    ) -> None:
        if tag in self.readers:
            raise ValueError(f"types: the tag {tag!r} is given a second time")
        if cls in self.writers or cls in _OWN:
            raise ValueError(f"types: {cls.__qualname__} has its form already, and only one")
        self.readers[tag] = from_plain
        self.writers[cls] = (tag, to_plain)


def _checked_row(row: Any) -> Entry:
    if not isinstance(row, tuple | list) or len(row) != 4:
        raise TypeError(f"types: expected (tag, class, to_plain, from_plain), not {row!r}")
    tag, cls, to_plain, from_plain = row
    if not isinstance(tag, str) or _TAG.fullmatch(tag) is None:
        raise ValueError(
            f"types: {tag!r} cannot be a tag: write 1 to 64 small letters, digits, '_', '.' or '-'"
        )
    if not isinstance(cls, type) or not callable(to_plain) or not callable(from_plain):
        raise TypeError(f"types: {tag!r} needs a class and two functions")
    return f"app:{tag}", cls, to_plain, from_plain


def text_of(tree: Any) -> str:
    """Return a tree as JSON, the same for equal trees."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False)


class Writer:
    """Makes the tree of one job's state; each object is used once.

    :param job_id: for errors
    """

    __slots__ = ("_job_id", "_left", "_path", "_writers")

    def __init__(self, types: Types, job_id: str) -> None:
        self._writers = types.writers
        self._job_id = job_id
        self._path: list[str] = []
        self._left = SIZE_LIMIT

    def state(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the tree of a job's state.

        :raises SerializationError: if a part of it has no form, is nested too deeply or too large
        """
        try:
            return {name: self._part(name, value, 1) for name, value in state.items()}
        except RecursionError:
            raise self._error("is nested too deeply, or in itself") from None

    def _part(self, step: str, value: Any, depth: int) -> Any:
        self._path.append(step)
        tree = self._tree(value, depth)
        self._path.pop()
        return tree

    def _tree(self, value: Any, depth: int) -> Any:
        kind = type(value)
        self._left -= len(value) + 1 if kind is str or kind is bytes else 1
        if self._left < 0:
            raise self._error(f"makes the job larger than {SIZE_LIMIT} bytes: store it elsewhere")
        if depth > DEPTH_LIMIT:
            raise self._error(
                f"is nested too deeply ({DEPTH_LIMIT} levels are possible), or in itself"
            )
        if kind is dict:
            return self._dict(value, depth)
        if kind is list:
            return self._list(value, depth)
        if kind in _OWN:
            return self._own(kind, value, depth)
        return self._tagged(kind, value, depth)

    def _own(self, kind: type, value: Any, depth: int) -> Any:
        if kind is float and not isfinite(value):
            return {"$float": str(value)}
        if kind is int and value.bit_length() > _INT_BITS:
            raise self._error("is a number of too many digits")
        if kind is set or kind is frozenset:
            members = [self._part("{}", member, depth + 2) for member in value]
            return {f"${kind.__name__}": sorted(members, key=text_of)}
        return value

    def _list(self, values: list[Any], depth: int) -> list[Any]:
        return [self._part(f"[{at}]", value, depth + 1) for at, value in enumerate(values)]

    def _dict(self, values: dict[Any, Any], depth: int) -> dict[str, Any]:
        if all(type(key) is str and not key.startswith("$") for key in values):
            return {
                key: self._part(f"[{key!r}]", value, depth + 1) for key, value in values.items()
            }
        pairs = [
            [self._part(" key", key, depth + 3), self._part(_step(key), value, depth + 3)]
            for key, value in values.items()
        ]
        return {"$dict": sorted(pairs, key=lambda pair: text_of(pair[0]))}

    def _tagged(self, kind: type, value: Any, depth: int) -> dict[str, Any]:
        tag, to_plain = self._writer(kind)
        try:
            plain = to_plain(value)
        except Exception as exc:  # the application's function, and its classes' methods
            raise self._error(f"cannot be written ({_said(exc)})") from exc
        return {f"${tag}": self._tree(plain, depth + 1)}

    def _writer(self, kind: type) -> tuple[str, Callable[[Any], Any]]:
        try:
            return self._writers[kind]
        except KeyError:
            raise self._error(
                f"is a {kind.__module__}.{kind.__qualname__}, which signed JSON does not know: give a plain "
                "value, or register the class with types=[(tag, class, to_plain, from_plain)]"
            ) from None

    def _error(self, why: str) -> SerializationError:
        path = "".join(step[:80] for step in self._path[:8]) + ("…" if len(self._path) > 8 else "")
        return SerializationError(
            line(f"job {self._job_id!r} cannot be written as JSON: its {path} {why}")
        )


def _step(key: Any) -> str:
    return f"[{key!r}]" if type(key) in {str, int} else f"[a {type(key).__name__}]"


class Reader:
    """Makes values of trees.

    :param place: the job and its store, for errors
    """

    __slots__ = ("_place", "_readers")

    def __init__(self, types: Types, place: str) -> None:
        self._readers = types.readers
        self._place = place

    def state(self, tree: dict[str, Any]) -> dict[str, Any]:
        """Return the state of a job's tree.

        :raises DeserializationError: for tags that are not in the table, or wrong values
        """
        try:
            return {name: self._value(value, 1) for name, value in tree.items()}
        except RecursionError:
            raise self._error("it is nested too deeply") from None

    def _value(self, tree: Any, depth: int) -> Any:
        if depth > DEPTH_LIMIT:
            raise self._error(f"it is nested more than {DEPTH_LIMIT} levels deep")
        if type(tree) is list:
            return [self._value(value, depth + 1) for value in tree]
        if type(tree) is not dict:
            return tree
        tags = list(_tags(tree))
        if not tags:
            return {key: self._value(value, depth + 1) for key, value in tree.items()}
        if len(tree) > 1:
            raise self._error(f"an object with the tag {_cut(tags[0])} has other keys too")
        return self._tagged(tags[0], tree[tags[0]], depth)

    def _tagged(self, key: str, tree: Any, depth: int) -> Any:
        from_plain = self._readers.get(key[1:])
        if from_plain is None:
            raise self._error(
                f"it has a value of the type {_cut(key[1:])}, which is not registered here (see types=)"
            )
        plain = self._value(tree, depth + 1)
        try:
            return from_plain(plain)
        except Exception as exc:  # the application's function, and its classes' methods
            raise self._error(
                f"a value of the type {_cut(key[1:])} is wrong ({_said(exc)})"
            ) from exc

    def _error(self, why: str) -> DeserializationError:
        return DeserializationError(line(f"{self._place} cannot be read: {why}"))


def _tags(tree: dict[str, Any]) -> Iterator[str]:
    return (key for key in tree if key.startswith("$"))


def _cut(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}…")


def _said(exc: Exception) -> str:
    text = f"{type(exc).__name__}: {exc}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
