"""The error that shows where in a crontab expression the mistake is."""

from __future__ import annotations

from apscheduler.texts import line


class CrontabError(ValueError):
    """A crontab expression cannot be read.

    :ivar str expression: the expression, as given
    :ivar int position: index of the first character that is wrong
    :ivar field: the field's name (``"minute"``, ``"day of week"``, ...), ``None`` where it is no field's fault
    :ivar str reason: what is wrong, in one line
    :ivar str allowed: what may stand there
    :ivar guess: what was meant, perhaps
    :ivar bool lenient_takes_it: whether ``lenient=True`` would read it
    """

    def __init__(
        self,
        expression: str,
        position: int,
        field: str | None,
        reason: str,
        allowed: str = "",
        guess: str | None = None,
        lenient_takes_it: bool = False,
    ) -> None:
        self.expression = expression
        self.position = position
        self.field = field
        self.reason = reason
        self.allowed = allowed
        self.guess = guess
        self.lenient_takes_it = lenient_takes_it
        super().__init__(expression, position, field, reason, allowed, guess, lenient_takes_it)

    def taken_by_lenient(self) -> CrontabError:
        """Return the same error for an expression that ``lenient=True`` would read."""
        parts = self.expression, self.position, self.field, self.reason, self.allowed, self.guess
        return CrontabError(*parts, lenient_takes_it=True)

    def __str__(self) -> str:
        place = f"crontab field {self.field!r}" if self.field else "crontab expression"
        lines = [line(f"{place}: {self.reason}"), *_shown(self.expression, self.position)]
        if self.allowed:
            lines.append(line(f"allowed: {self.allowed}"))
        if self.guess:
            lines.append(line(f"did you mean {self.guess}?"))
        if self.lenient_takes_it:
            lines.append("lenient=True takes it as it is")
        return "\n".join(lines)


_BEFORE, _AFTER = 60, 20


def _shown(expression: str, position: int) -> list[str]:
    """Return the expression, cut where it is long, and a caret below the place."""
    start = max(position - _BEFORE, 0)
    end = position + _AFTER
    text = expression[start:end]
    left = "..." if start else ""
    right = "..." if end < len(expression) else ""
    clean = "".join(char if char.isprintable() else "·" for char in text)
    return [f"    {left}{clean}{right}", f"    {' ' * (len(left) + position - start)}^"]
