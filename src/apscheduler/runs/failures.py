"""Puts a failure into words: the exception as Python prints it, for rows, and its frames, for 3.x's events."""

from __future__ import annotations

from contextlib import suppress

from apscheduler.runs.raised import cause_of, traceback_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from apscheduler.runs.claims import Result

TEXT_LIMIT: Final = 64 * 1024
_CHUNK_LIMIT: Final = 4 * 1024
"""Characters of one frame or one message: an exception may carry a whole document as its text."""
_HEADER: Final = "Traceback (most recent call last):\n"
_SUSPENDABLE: Final = 0x20 | 0x80 | 0x200
"""Flags of the code of generators, coroutines and asynchronous generators."""


def capped(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return the text with its middle left out where it is longer than the limit."""
    if len(text) <= limit:
        return text
    half = limit // 2 - 40
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n... {left_out} characters left out ...\n{text[-half:]}"


def told(exc: BaseException) -> tuple[str, str]:
    """Return the frames of an exception's traceback, and the whole of it as Python prints it, causes included."""
    import traceback

    try:
        found = traceback.TracebackException(type(exc), exc, traceback_of(exc))
        return capped("".join(found.stack.format())), _joined(found.format())
    except BaseException as problem:  # noqa: BLE001 - a source line, a loader, a message: anyone's
        why = f"  (the traceback cannot be shown: {type(problem).__name__})\n"
        return why, f"{_HEADER}{why}{_headline(exc)}"


def story_of(result: Result) -> str | None:
    """Return what the ledger keeps of a failure's traceback; ``None`` where there is nothing beyond its headline."""
    exc, frames = result.exception, result.traceback
    if result.story or exc is None:
        return result.story or frames
    if traceback_of(exc) is not None or cause_of(exc) is not None:
        return told(exc)[1]
    return f"{_HEADER}{frames}{_headline(exc)}" if frames else frames


def forget_locals(exc: BaseException | None) -> None:
    """Drop the locals of the frames that a failure holds, so that no cycle keeps them."""
    found = None if exc is None else traceback_of(exc)
    while found is not None:
        frame = found.tb_frame
        # A coroutine may have caught the exception before it came here, and wait for something else now:
        # CPython 3.12 and older would close it.
        if not frame.f_code.co_flags & _SUSPENDABLE:
            with suppress(RuntimeError):  # it still runs: another thread has it
                frame.clear()
        found = found.tb_next


def _joined(chunks: Iterable[str]) -> str:
    return capped("".join(capped(chunk, _CHUNK_LIMIT) for chunk in chunks))


def _headline(exc: BaseException) -> str:
    import traceback

    try:
        return _joined(traceback.format_exception_only(exc))
    except BaseException:  # noqa: BLE001 - whatever an exception of anyone raises when it is shown
        return f"{type(exc).__qualname__}\n"
