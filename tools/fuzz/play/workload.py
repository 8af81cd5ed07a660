"""The functions that jobs and listeners of programs call; what they see goes to the player that plays now."""

from __future__ import annotations

from typing import Any

from . import clock

_current: dict[str, Any] = {"player": None}


def play_with(player: Any) -> None:
    _current["player"] = player


def current() -> Any:
    return _current["player"]


def _noted(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    player = _current["player"]
    player.note("run", name, player.shown(args), player.shown(kwargs), clock.now().isoformat())
    return player


def note(*args: Any, **kwargs: Any) -> str:
    _noted("note", args, kwargs)
    return "noted"


def fail(*args: Any, **kwargs: Any) -> None:
    _noted("fail", args, kwargs)
    raise LookupError("as the program wants")


def leave(*args: Any) -> None:
    _noted("leave", args, {})
    raise SystemExit(3)


def slow(seconds: float = 2) -> None:
    """Take time: the clock goes on while this runs."""
    _noted("slow", (seconds,), {})
    clock.advance(seconds)


def call(step: Any) -> None:
    """Call the scheduler from inside a job, as a step of the program does."""
    _noted("call", (), {})
    _current["player"].inner(step)


def two(first: Any, second: Any = 0) -> None:
    _noted("two", (first, second), {})


class Service:
    """Methods as jobs."""

    def method(self, *args: Any) -> None:
        _noted("method", args, {})

    @classmethod
    def of_class(cls, *args: Any) -> None:
        _noted("of_class", args, {})

    @staticmethod
    def static(*args: Any) -> None:
        _noted("static", args, {})


def nested() -> Any:
    def inner() -> None:
        _noted("nested", (), {})

    return inner


CALLABLES: dict[str, Any] = {
    "note": note,
    "fail": fail,
    "leave": leave,
    "slow": slow,
    "call": call,
    "two": two,
    "method": Service().method,
    "of_class": Service.of_class,
    "static": Service.static,
    "nested": nested(),
}


def hang() -> None:
    """Never end: what keeps the player's patience honest."""
    while True:
        pass


CALLABLES["hang"] = hang
