"""Makes each of our log records one line, whatever a job's id, a reason or an exception's text holds (``texts.py``).

All our records pass one place: a filter at each logger that we write to. On a logger of the user's, too, it leaves
other records alone. A traceback keeps its lines as Python prints them. But further lines of an exception's message, and
its notes, are indented, so that none looks like the beginning of a record.
"""

from __future__ import annotations

import logging
from os.path import dirname, normcase

from apscheduler.texts import Block, block, line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_OURS: Final = normcase(dirname(__file__))  # noqa: PTH120 - pathlib costs the start path milliseconds
_HEADER: Final = "Traceback (most recent call last):"
_LINKS: Final = (
    "\nThe above exception was the direct cause of the following exception:\n\n",
    "\nDuring handling of the above exception, another exception occurred:\n\n",
)


def logger_named(name: str) -> logging.Logger:
    """Return the logger of this name, prepared by :func:`own`."""
    logger: logging.Logger = own(logging.getLogger(line(name)))
    return logger


def own(logger: Any) -> Any:
    """Return the logger; from now on it makes each record of this package one line."""
    real = logger.logger if isinstance(logger, logging.LoggerAdapter) else logger
    if isinstance(real, logging.Logger) and _own_lines not in real.filters:
        real.addFilter(_own_lines)
    return logger


def say(logger: logging.Logger, level: int, message: str, *words: Any, **options: Any) -> None:
    """Log a line; a handler that raises, or a word that has no text, does no harm to a run."""
    try:
        logger.log(level, message, *words, stacklevel=2, **options)
    except Exception:  # noqa: BLE001 - whatever a handler of someone else raises
        from traceback import print_exc

        print_exc()


class _OwnLines(logging.Filter):
    """Makes each record of ours one line, with its traceback indented below."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.pathname.startswith(_OURS):
            if record.args:
                record.args = _words(record.args)
            else:
                record.msg = line(str(record.msg))
            if record.exc_info and record.exc_info[1] is not None and not record.exc_text:
                record.exc_text = traceback_of(record.exc_info)
        return True


_own_lines = _OwnLines()


class _Word:
    """A value as an argument of a log line: made a text only when the line is, and then one line."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __str__(self) -> str:
        return line(str(self._value))

    def __repr__(self) -> str:
        return line(repr(self._value))


def _words(given: Any) -> Any:
    if isinstance(given, tuple):
        return tuple(map(_word, given))
    return {key: _word(value) for key, value in given.items()} if isinstance(given, dict) else given


def _word(value: Any) -> Any:
    if isinstance(value, Block):
        return block(value)
    if value.__class__ is str:
        return line(value)
    return value if value is None or isinstance(value, int | float) else _Word(value)


def traceback_of(exc_info: Any) -> str:
    """Return a traceback as Python prints it, but with further lines of a message, and notes, indented."""
    import traceback

    try:
        chunks = traceback.format_exception(*exc_info)
    except Exception as problem:  # noqa: BLE001 - a message, a source line, a loader: anyone's
        return f"(the traceback cannot be shown: {type(problem).__name__})"
    told: list[str] = []
    in_message = False
    for chunk in chunks:
        if chunk in _LINKS:
            in_message = False
            told.append(chunk)
            continue
        first, *further = chunk.removesuffix("\n").split("\n")
        is_header = first == _HEADER
        at_margin = bool(first) and not first[0].isspace()
        head = line(first) if not in_message and at_margin else block(first)
        told.append("\n".join([head, *map(block, further)]) + "\n")
        in_message = in_message or (at_margin and not is_header)
    return "".join(told).removesuffix("\n")
