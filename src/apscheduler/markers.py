"""The marker for arguments that were not given."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


class _Undefined:
    """The type of ``undefined``: false, and itself again after pickling."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<undefined>"

    def __reduce__(self) -> str:
        return "undefined"


undefined: Final[Any] = _Undefined()
