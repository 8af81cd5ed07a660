"""The form in which a job's call crosses the pipe, and its answers on the way back.

The user's objects travel as bytes inside our own plain tuples. So an object that cannot be pickled or unpickled fails
its own run, and never breaks the channel. Worker processes import this module, so it must stay cheap to import.

The code on both sides has ``Facts`` and ``Answer``. On the pipe they are plain tuples, because a named tuple takes
1 to 2 microseconds more to pickle: ``tuple()`` and ``facts_from()`` or ``answer_from()`` convert them at the two ends.

============  ==================================================================================================
blob          the pickled ``(function or its reference, args, kwargs, zone)`` of a call
to a worker   a list of ``(number, blob, facts)``; an empty message means "end"
greeting      ``(READY, process number)``, or ``(BROKEN, error)`` if the initializer raised (see ``errors.py``)
from a worker a list of ``(number, answer, done)``, with ``(number, None, True)`` for a call that was taken back before
              it began
============  ==================================================================================================
"""

from __future__ import annotations

import pickle
from collections import namedtuple
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NamedTuple

    from apscheduler.executors._wire.errors import PlainError

    PlainFacts = tuple[Any, ...]
    PlainAnswer = tuple[Any, ...]
    Reply = tuple[int, "Answer | None", bool]

    class Facts(NamedTuple):
        """What a worker must know of a call, besides the function and its arguments.

        :ivar jobstore: the alias of the job's store
        :ivar fires: the fire times to run, in order (microseconds UTC)
        :ivar grace: how late each may start (microseconds)
        :ivar timeout: how long each may run (seconds), ``None`` without a limit
        :ivar start_by: until when each may start, by ``clocks.boot_us``; ``None`` if at any time
        """

        job_id: str
        jobstore: str
        fires: list[int]
        grace: int
        attempt: int
        timeout: float | None
        token: int
        start_by: int | None

    class Answer(NamedTuple):
        """What became of one fire time.

        :ivar outcome: one of the words below
        :ivar started: when the function was called (microseconds UTC), 0 if it was not
        :ivar finished: when the outcome was known (microseconds UTC)
        :ivar value: the pickled return value, ``None`` for ``None``
        """

        fire: int
        outcome: str
        started: int
        finished: int
        value: bytes | None = None
        error: PlainError | None = None

else:  # to import typing and make its kind of class would delay each start of a worker by 4 ms
    _FACTS = ("job_id", "jobstore", "fires", "grace", "attempt", "timeout", "token", "start_by")
    _ANSWER = ("fire", "outcome", "started", "finished", "value", "error")
    Facts = namedtuple("Facts", _FACTS)  # noqa: PYI024 - see above
    Answer = namedtuple("Answer", _ANSWER, defaults=(None, None))  # noqa: PYI024 - see above

EXECUTED, FAILED, MISSED, TIMED_OUT = "executed", "failed", "missed", "timed_out"
FENCED = "fenced"
"""The function was not called, because the claim's lease had ended before that."""
READY, BROKEN = "ready", "broken"

facts_from: Callable[[PlainFacts], Facts] = partial(tuple.__new__, Facts)
answer_from: Callable[[PlainAnswer], Answer] = partial(tuple.__new__, Answer)
"""Give a plain tuple its names; ``_make()`` takes three times as long."""


def pack_call(job: Any, fire: int) -> bytes:
    """Return what another process needs to call the job's function.

    :raises Exception: whatever pickling raises
    """
    func = job.func
    ref = getattr(job, "func_ref", None)
    is_plain = func.__class__.__name__ == "function" and isinstance(ref, str)
    what = ref if is_plain else func
    zone = job._at(fire).tzinfo
    try:
        return pickle.dumps((what, job.args, job.kwargs, zone), 5)
    except Exception:  # noqa: BLE001 - the zone may not pickle; if something else does not, this raises again
        return pickle.dumps((what, job.args, job.kwargs, None), 5)


# -- the messages ---------------------------------------------------------------------------------------


def pack_calls(calls: Iterable[tuple[int, bytes, Facts]]) -> bytes:
    """Return the message to a worker that brings these calls, each with its number."""
    return pickle.dumps([(number, blob, tuple(facts)) for number, blob, facts in calls], 5)


def unpack_calls(message: bytes) -> list[tuple[int, bytes, PlainFacts]]:
    """Return the calls of a message to a worker."""
    calls: list[tuple[int, bytes, PlainFacts]] = pickle.loads(message)  # noqa: S301 - from our scheduler
    return calls


def pack_greeting(word: str, told: int | PlainError) -> bytes:
    """Return a worker's first message."""
    return pickle.dumps((word, told), 5)


def pack_replies(replies: Iterable[Reply]) -> bytes:
    """Return the message from a worker that brings these answers, each with its call's number."""
    return pickle.dumps(
        [(number, answer and tuple(answer), done) for number, answer, done in replies], 5
    )


def unpack_said(message: bytes) -> tuple[str, Any] | list[tuple[int, PlainAnswer | None, bool]]:
    """Return what a message from a worker brings: its greeting, or answers."""
    said: Any = pickle.loads(message)  # noqa: S301 - from a worker process of ours
    return said  # type: ignore[no-any-return]
