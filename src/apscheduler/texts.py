r"""Makes texts safe to show: no name, id or message from outside begins a line of its own or moves a terminal's cursor.

A job's id may be ``"x\nERROR:root:all is lost"``; in a log file that would look like a second record. So control
characters are escaped where people read a text: in our own log lines and exceptions, in what is printed, on the command
line. Ordinary letters of every script stay as they are, and so does what is stored.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the reading direction of what follows."""
_INDENT: Final = "    "


def _escaped(char: str) -> str:
    code = ord(char)
    is_control = code < 32 or 127 <= code < 160
    is_break = code in (0x2028, 0x2029) or 0xD800 <= code < 0xE000
    if not (is_control or is_break or char in _BIDI):
        return char
    return _NAMED.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def line(text: str) -> str:
    """Return a text as one line: control characters, line breaks of every kind and lone surrogates are escaped."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def block(text: str) -> str:
    """Return a text of several lines, indented so that none begins at the margin."""
    lines = map(line, text.expandtabs(4).split("\n"))
    return "\n".join(each if not each or each[0] == " " else _INDENT + each for each in lines)


def counted(number: int, thing: str) -> str:
    """Return a number of things in words: ``1 job``, ``2 jobs``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def name_of(job: Any) -> str:
    """Return a job's name and id, or its id alone if they are the same."""
    key, name = str(job.id), getattr(job, "name", None)
    return f"{name} ({key})" if isinstance(name, str) and name != key else key


class Block(str):
    """A text of several lines that is to be logged as such, like a traceback."""

    __slots__ = ()
