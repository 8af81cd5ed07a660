"""A base of small value classes, not changed once made; importing dataclasses would cost more than our own code."""

from __future__ import annotations


class Record:
    """A base for classes of plain slots: equal by their values, readable when shown."""

    __slots__: tuple[str, ...] = ()
    __hash__ = None  # type: ignore[assignment] # compared in tests, never used as keys

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({values})"
