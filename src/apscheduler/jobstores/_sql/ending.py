"""Runs steps that must not hold up their caller for longer than a given time, whatever they wait for."""

from __future__ import annotations

from threading import Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def in_time(steps: Callable[[], None], seconds: float, name: str) -> bool:
    """Call ``steps`` in a thread of its own; return whether it ended in time. What it raises by then is raised here."""
    raised: list[BaseException] = []

    def call() -> None:
        try:
            steps()
        except BaseException as exc:  # noqa: BLE001 - for the caller to see
            raised.append(exc)

    thread = Thread(target=call, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter ends: no thread can be started any more
        steps()
        return True
    thread.join(seconds)
    if raised:
        raise raised[0]
    return not thread.is_alive()
