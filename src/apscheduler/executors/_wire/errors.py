"""Packs an exception of a worker process in a form that always travels, and makes it an exception again afterwards.

What travels is an ``Error`` as plain tuples. A traceback cannot travel, so what Python prints becomes the text of the
last cause, as in the standard library's pools. Worker processes import this module, so it must stay cheap to import.
"""

from __future__ import annotations

import io
import pickle
from collections import namedtuple

from apscheduler.runs.raised import (
    cause_of,
    context_of,
    hides_context,
    set_cause,
    set_context,
    set_traceback,
    traceback_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NamedTuple

    PlainError = tuple[Any, ...]

    class Link(NamedTuple):
        """One exception.

        :ivar pickled: ``None`` if it cannot be pickled
        :ivar kind: the name of its type
        """

        pickled: bytes | None
        kind: str
        text: str

    class Error(NamedTuple):
        """An exception with all that belongs to it.

        :ivar frames: the traceback as text
        :ivar story: all that Python prints of it
        :ivar causes: its causes, the nearest first, each as ``("cause" or "context", link)``
        """

        link: Link
        frames: str
        story: str
        causes: list[tuple[str, Link]]

else:  # as in calls.py
    Link = namedtuple("Link", ("pickled", "kind", "text"))  # noqa: PYI024 - see there
    Error = namedtuple("Error", ("link", "frames", "story", "causes"))  # noqa: PYI024 - see there

TEXT_LIMIT = 64 * 1024
_LINKS = 16
"""The most causes that travel as exceptions; the story has all of them."""
_PICKLING = ("__reduce__", "__reduce_ex__", "__setstate__")
_CAUSE, _CONTEXT = "cause", "context"
_SET = {_CAUSE: set_cause, _CONTEXT: set_context}


class RemoteError(RuntimeError):
    """Stands for an exception of a worker process that cannot travel; its text says which it was."""


class RemoteTraceback(Exception):  # noqa: N818 - it is no error, as its namesakes in the standard library
    """The last cause of an exception that came from another process: how that process would have printed it."""

    def __str__(self) -> str:
        return "in the process that ran the job:\n" + "".join(map(str, self.args)).rstrip("\n")


# -- in the worker process --------------------------------------------------------------------------------


def pack_error(exc: BaseException) -> PlainError:
    """Return the exception in a form that always travels."""
    return _plain(_error_of(exc))


def _error_of(exc: BaseException) -> Error:
    from apscheduler.runs.failures import told

    set_traceback(exc, _without_ours(exc))
    frames, story = told(exc)
    causes = [(how, _packed(each)) for how, each in _chain(exc)]
    set_traceback(exc, None)
    return Error(_packed(exc), frames, story, causes)


def _plain(error: Error) -> PlainError:
    """Return it without names, as it travels."""
    causes = [(how, tuple(link)) for how, link in error.causes]
    return (tuple(error.link), error.frames, error.story, causes)


def plain_error(kind: str, text: str, exc: BaseException | None = None) -> PlainError:
    """Return a failure that is described in our words; ``exc`` is the exception behind it, if there is one."""
    link = Link(None, kind, text)
    if exc is None:
        return _plain(Error(link, "", "", []))
    return _plain(_error_of(exc)._replace(link=link, causes=[]))


def said(exc: BaseException, *, with_type: bool = True) -> str:
    """Return the exception as ``Type: text``, or its type alone if it has no text. Never raises."""
    kind = type(exc).__name__
    try:
        text = str(exc)[:TEXT_LIMIT]
    except BaseException:  # noqa: BLE001 - a user's __str__
        text = "(its text cannot be shown)"
    if not with_type:
        return text
    return f"{kind}: {text}" if text else kind


def _packed(exc: BaseException) -> Link:
    try:
        pickled: bytes | None = _pickled(exc)
    except BaseException:  # noqa: BLE001 - anything can be raised by a user's __reduce__
        pickled = None
    return Link(pickled, type(exc).__name__, said(exc, with_type=False))


def _pickled(exc: BaseException) -> bytes:
    file = io.BytesIO()
    _Pickler(file, 5).dump(exc)
    return file.getvalue()


class _Pickler(pickle.Pickler):
    """Pickles exceptions that have a ``__setattr__`` of their own, so that unpickling does not call it."""

    def reducer_override(self, what: Any) -> Any:
        kind = type(what)
        if not issubclass(kind, BaseException) or kind.__setattr__ is BaseException.__setattr__:
            return NotImplemented
        if any(getattr(kind, name) is not getattr(BaseException, name) for name in _PICKLING):
            return NotImplemented  # it defines how it is pickled
        return _rebuilt, (kind, what.args, what.__dict__)


def _rebuilt(kind: type[BaseException], args: tuple[Any, ...], fields: dict[str, Any]) -> Any:
    exc = kind.__new__(kind, *args)
    exc.__dict__.update(fields)
    return exc


def _chain(exc: BaseException) -> Iterator[tuple[str, BaseException]]:
    """Yield the causes and contexts that Python prints with an exception, the nearest first."""
    seen = {id(exc)}
    for _ in range(_LINKS):
        how, following = _CAUSE, cause_of(exc)
        if following is None and not hides_context(exc):
            how, following = _CONTEXT, context_of(exc)
        if following is None or id(following) in seen:
            return
        seen.add(id(following))
        yield how, following
        exc = following


def _without_ours(exc: BaseException) -> Any:
    found: Any = traceback_of(exc)
    while found is not None and found.tb_next is not None and _is_ours(found):
        found = found.tb_next
    return found


def _is_ours(traceback: Any) -> bool:
    name: str = traceback.tb_frame.f_globals.get("__name__", "")
    return name.startswith(("apscheduler.executors.", "asyncio."))


# -- on the scheduler's side ----------------------------------------------------------------------------


def unpack_error(error: PlainError) -> tuple[BaseException, str, str | None]:
    """Return the exception (or one that says what it was) with its causes, its frames as text, and its story."""
    link, frames, story, causes = error
    exc = last = _unpacked(*link)
    if cause_of(exc) is None and context_of(exc) is None:
        for how, cause in causes:
            following = _unpacked(*cause)
            _SET[how](last, following)
            last = following
        tell_story(last, story)
    return exc, frames, story or None


def tell_story(exc: BaseException, story: str | None) -> None:
    """Make the story the cause of an exception that came without traceback and cause."""
    if story and traceback_of(exc) is None and cause_of(exc) is None:
        set_cause(exc, RemoteTraceback(story))


def _unpacked(pickled: bytes | None, kind: str, text: str) -> BaseException:
    if pickled is not None:
        try:
            exc = pickle.loads(pickled)  # noqa: S301 - from a worker process of ours
        except BaseException as problem:  # noqa: BLE001 - an exception class of anyone
            text = f"{text} (and the exception itself cannot be rebuilt here: {said(problem)})"
        else:
            if isinstance(exc, BaseException):
                return exc
    return RemoteError(f"{kind}: {text}" if text else kind)
