"""Exceptions on their way out of a worker process, and as exceptions again."""

from __future__ import annotations

import pickle

import pytest

from apscheduler.executors._wire import errors
from apscheduler.executors._wire.errors import (
    RemoteError,
    RemoteTraceback,
    pack_error,
    plain_error,
    said,
    tell_story,
    unpack_error,
)
from tests.executors import sample_jobs


def raised(func):
    try:
        func()
    except BaseException as exc:
        return exc
    raise AssertionError


def sent(exc):
    """Return the exception as it arrives, with its frames and its story."""
    return unpack_error(pickle.loads(pickle.dumps(pack_error(exc))))


def chain(exc):
    """Return the texts of the exception and of what is behind it."""
    found = []
    while exc is not None and not isinstance(exc, RemoteTraceback):
        found.append(str(exc))
        exc = exc.__cause__ or exc.__context__
    return found


def from_cause():
    raise KeyError("the end") from ValueError("the cause")


def in_the_middle_of_another():
    try:
        sample_jobs.fail()
    except ValueError:
        from_cause()


def without_its_context():
    try:
        sample_jobs.fail()
    except ValueError:
        raise KeyError("alone") from None


# -- what travels -------------------------------------------------------------------------------------------


def test_an_exception_arrives_with_its_frames_and_the_text_of_the_whole():
    exc, frames, story = sent(raised(sample_jobs.fail))
    assert (type(exc), str(exc)) == (ValueError, "boom")
    assert "in fail" in frames
    assert "ValueError: boom" not in frames
    assert story.rstrip().endswith("ValueError: boom")
    assert isinstance(exc.__cause__, RemoteTraceback)
    assert str(exc.__cause__) == f"in the process that ran the job:\n{story.rstrip()}"


def test_an_exception_that_was_packed_holds_no_frames():
    exc = raised(sample_jobs.fail)
    pack_error(exc)
    assert exc.__traceback__ is None


def test_frames_of_ours_and_of_asyncio_at_the_beginning_are_left_out():
    def made(module):
        names = {"__name__": module, "inner": sample_jobs.fail}
        exec("def ours():\n    inner()", names)
        return names["ours"]

    for module in ("apscheduler.executors._wire.calls", "asyncio.runners"):
        exc = raised(made(module))
        exc.__traceback__ = exc.__traceback__.tb_next
        assert sent(exc)[1].count("File") == 1
    exc = raised(made("asyncio_of_someone_else"))
    exc.__traceback__ = exc.__traceback__.tb_next
    assert "in ours" in sent(exc)[1]


def test_where_all_frames_are_ours_the_last_one_stays():
    names = {"__name__": "apscheduler.executors._wire.calls"}
    exec("def ours():\n    raise ValueError('ours')", names)
    exc = raised(names["ours"])
    exc.__traceback__ = exc.__traceback__.tb_next
    assert "in ours" in sent(exc)[1]


def test_an_exception_without_any_frame_travels_too():
    exc, frames, _ = sent(ValueError("never raised"))
    assert (str(exc), frames) == ("never raised", "")


# -- causes ---------------------------------------------------------------------------------------------------


def test_a_cause_arrives_as_the_cause_and_a_context_as_the_context():
    exc, _, story = sent(raised(from_cause))
    assert (type(exc.__cause__), str(exc.__cause__)) == (ValueError, "the cause")
    assert isinstance(exc.__cause__.__cause__, RemoteTraceback)
    assert "direct cause" in story
    exc, _, _ = sent(raised(raised_in_context))
    assert exc.__cause__ is None
    assert str(exc.__context__) == "boom"
    assert isinstance(exc.__context__.__cause__, RemoteTraceback)


def raised_in_context():
    try:
        sample_jobs.fail()
    except ValueError:
        raise KeyError("second")  # noqa: B904 - its context is the subject


def test_only_what_python_prints_travels():
    assert chain(sent(raised(in_the_middle_of_another))[0]) == ["'the end'", "the cause"]
    assert chain(sent(raised(without_its_context))[0]) == ["'alone'"]


def test_a_ring_of_causes_ends():
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert chain(sent(one)[0]) == ["one", "two"]
    before = ValueError("before")
    before.__cause__ = one
    assert chain(sent(before)[0]) == ["before", "one", "two"]


def test_of_many_causes_the_nearest_travel():
    first = last = ValueError("0")
    for number in range(1, 30):
        last.__cause__ = ValueError(str(number))
        last = last.__cause__
    assert chain(sent(first)[0]) == [str(number) for number in range(17)]


class OwnCauseError(Exception):
    def __reduce__(self):
        return _with_a_cause, (str(self),)


def _with_a_cause(text):
    exc = OwnCauseError(text)
    exc.__cause__ = ValueError("brought along")
    return exc


def test_an_exception_that_brings_its_cause_keeps_that():
    exc = OwnCauseError("x")
    exc.__cause__ = KeyError("ours")
    assert chain(sent(exc)[0]) == ["x", "brought along"]


# -- exceptions that refuse to be set anything ---------------------------------------------------------------------


def test_an_exception_that_cannot_be_set_anything_arrives_as_it_was():
    exc, frames, story = sent(raised(sample_jobs.raise_frozen_from_a_cause))
    assert (exc, exc.__cause__) == (sample_jobs.FrozenError(5), sample_jobs.FrozenError(4))
    assert isinstance(exc.__cause__.__cause__, RemoteTraceback)
    assert "in raise_frozen_from_a_cause" in frames
    assert "FrozenError: 4" in story
    exc = sample_jobs.FrozenInWordsError(code=5, name="y")
    assert sent(exc)[0] == exc


def test_such_an_exception_in_a_group_or_an_argument_arrives_too():
    group = ExceptionGroup(
        "two", [sample_jobs.FrozenError(5), KeyError(sample_jobs.FrozenError(6))]
    )
    first, second = sent(group)[0].exceptions
    assert (first, second.args[0]) == (sample_jobs.FrozenError(5), sample_jobs.FrozenError(6))


def test_an_exception_that_knows_its_own_way_travels_by_that():
    assert sent(sample_jobs.FrozenOwnWayError(5))[0] == sample_jobs.FrozenOwnWayError(6)


def test_an_exception_of_which_only_the_traceback_can_be_set_is_told_its_story():
    exc, _, story = sent(raised(sample_jobs.raise_traceback_only))
    assert type(exc) is sample_jobs.TracebackOnlyError
    assert story.rstrip() in str(exc.__cause__)


def test_an_exception_that_cannot_be_looked_at_travels_in_words():
    exc = sent(raised(sample_jobs.raise_untouchable))[0]
    assert (type(exc), str(exc)) == (RemoteError, "UntouchableError: q")


# -- exceptions that do not travel --------------------------------------------------------------------------------


def test_an_exception_that_does_not_pickle_is_told_by_its_type_and_text():
    exc, frames, _ = sent(raised(sample_jobs.raise_bad_reduce))
    assert type(exc) is RemoteError
    assert str(exc) == "BadReduceError: poison"
    assert "in raise_bad_reduce" in frames


def test_an_exception_that_cannot_be_rebuilt_says_why():
    exc, _, _ = sent(raised(sample_jobs.raise_bad_init))
    assert type(exc) is RemoteError
    assert str(exc).startswith(
        "BadInitError: this and that (and the exception itself cannot be rebuilt here: TypeError: "
    )


class BecomesATextError(Exception):
    def __reduce__(self):
        return str, ("no exception",)


def test_what_arrives_as_something_else_is_told_by_its_type_and_text():
    exc, _, _ = sent(BecomesATextError("was one"))
    assert (type(exc), str(exc)) == (RemoteError, "BecomesATextError: was one")
    exc, _, _ = sent(BecomesATextError())
    assert str(exc) == "BecomesATextError"


def test_a_failure_in_our_words_has_the_frames_of_what_it_came_of():
    exc, frames, story = unpack_error(plain_error("TypeError", "it is so"))
    assert (type(exc), str(exc), frames, story) == (RemoteError, "TypeError: it is so", "", None)
    assert exc.__cause__ is None
    _, frames, story = unpack_error(plain_error("X", "y", raised(sample_jobs.fail)))
    assert "in fail" in frames
    assert "ValueError: boom" in story


# -- in one line -----------------------------------------------------------------------------------------------------


def test_an_exception_is_said_in_one_line_whatever_its_text_does():
    assert said(ValueError("x")) == "ValueError: x"
    assert said(ValueError()) == "ValueError"
    assert said(ValueError("x"), with_type=False) == "x"
    assert said(ValueError(), with_type=False) == ""
    assert said(sample_jobs.BadTextError()) == "BadTextError: (its text cannot be shown)"


def test_a_long_text_is_cut():
    assert len(said(ValueError("x" * 100_000), with_type=False)) == 64 * 1024


@pytest.mark.parametrize("story", ["", None])
def test_no_story_is_no_cause(story):
    exc = ValueError()
    tell_story(exc, story)
    assert exc.__cause__ is None


def test_a_story_is_told_where_nothing_else_tells_it():
    exc = ValueError()
    tell_story(exc, "so it was\n\n")
    assert str(exc.__cause__) == "in the process that ran the job:\nso it was"
    has_frames = raised(sample_jobs.fail)
    errors.tell_story(has_frames, "x")
    assert has_frames.__cause__ is None
    has_cause = ValueError()
    has_cause.__cause__ = cause = KeyError()
    tell_story(has_cause, "x")
    assert has_cause.__cause__ is cause
