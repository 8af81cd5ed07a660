"""Reads and sets an exception's own fields, even if its class forbids that, as a frozen dataclass does; and pickles them."""

from __future__ import annotations

import copyreg

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Final

_FIELDS: Final[Any] = vars(BaseException)
_TRACEBACK: Final = _FIELDS["__traceback__"]
_CAUSE: Final = _FIELDS["__cause__"]
_CONTEXT: Final = _FIELDS["__context__"]
_HIDES_CONTEXT: Final = _FIELDS["__suppress_context__"]


def traceback_of(exc: BaseException) -> TracebackType | None:
    """Return ``exc.__traceback__``."""
    found: TracebackType | None = _TRACEBACK.__get__(exc)
    return found


def set_traceback(exc: BaseException, traceback: TracebackType | None) -> None:
    """Set ``exc.__traceback__``."""
    _TRACEBACK.__set__(exc, traceback)


def cause_of(exc: BaseException) -> BaseException | None:
    """Return ``exc.__cause__``."""
    found: BaseException | None = _CAUSE.__get__(exc)
    return found


def set_cause(exc: BaseException, cause: BaseException | None) -> None:
    """Set ``exc.__cause__``, as ``raise exc from cause`` does."""
    _CAUSE.__set__(exc, cause)


def context_of(exc: BaseException) -> BaseException | None:
    """Return ``exc.__context__``."""
    found: BaseException | None = _CONTEXT.__get__(exc)
    return found


def set_context(exc: BaseException, context: BaseException | None) -> None:
    """Set ``exc.__context__``."""
    _CONTEXT.__set__(exc, context)


def hides_context(exc: BaseException) -> bool:
    """Return ``exc.__suppress_context__``."""
    return bool(_HIDES_CONTEXT.__get__(exc))


def as_it_is(exc: BaseException) -> tuple[Any, ...]:
    """Take apart an exception whose class makes its text: the ``__reduce__`` of such a class.

    Without it, ``pickle`` would pass the text to the class, which would make another text of it, or raise.
    """
    new: Any = copyreg.__newobj__  # type: ignore[attr-defined] # pickle's own, and public to copy and pickle
    return new, (type(exc), *exc.args), vars(exc)
