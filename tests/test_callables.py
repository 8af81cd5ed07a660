"""Will this callable take these arguments, and is it a coroutine function?"""

from __future__ import annotations

import functools
from unittest.mock import AsyncMock, Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler.callables import check_callable_args, iscoroutinefunction_partial


def none(): ...
def one(a): ...
def optional(a, b=1): ...
def many(*a): ...
def named(**k): ...
def keyword(*, x): ...
def positional(a, /, b): ...
def mixed(a, b=2, *r, c, d=2, **k): ...
def optional_keyword(*, x=1): ...


async def coroutine(): ...


class Callable:
    def __init__(self, z=1): ...
    def method(self, a): ...
    def __call__(self, a): ...


class AsyncCallable:
    async def __call__(self): ...
    async def method(self): ...


@functools.wraps(one)
def wrapper(): ...


FUNCTIONS = [
    none, one, optional, many, named, keyword, positional, mixed, optional_keyword,
    Callable().method, Callable.method, Callable(), Callable, wrapper,
    functools.partial(one, 1), functools.partial(optional, b=3), Mock(),
]  # fmt: skip


def really(func, args, kwargs):
    try:
        func(*args, **kwargs)
    except TypeError:
        return False
    return True


@given(
    st.sampled_from(FUNCTIONS),
    st.lists(st.just(1), max_size=4),
    st.dictionaries(st.sampled_from("abcdxz"), st.just(1), max_size=3),
)
def test_the_check_agrees_with_a_real_call(func, args, kwargs):
    try:
        check_callable_args(func, args, kwargs)
    except ValueError:
        accepted = False
    else:
        accepted = True
    # Given by position, a partial's keyword argument would be given twice: the check knows that.
    assert accepted == really(func, args, kwargs)


@pytest.mark.parametrize(
    ("func", "args", "kwargs", "words"),
    [
        (one, [], {}, r"one\(a\) cannot be called .* not given: a"),
        (none, [1], {}, "1 positional arguments are given, at most 0 are taken"),
        (none, [], {"x": 1}, "not taken by name: x"),
        (one, [1], {"a": 1}, "given both by position and by name: a"),
        (keyword, [1], {}, "at most 0 are taken; not given: x"),
        (positional, [], {"a": 1, "b": 2}, "not given: a; not taken by name: a"),
        (Callable().method, [], {}, r"Callable.method\(a\)"),
        (len, [], {}, "not given: obj"),
    ],
)
def test_every_mismatch_is_named_with_the_signature(func, args, kwargs, words):
    with pytest.raises(ValueError, match=words):
        check_callable_args(func, args, kwargs)


@pytest.mark.parametrize("func", [dict, int, min, type])
def test_a_builtin_that_hides_its_signature_passes(func):
    check_callable_args(func, [1, 2, 3, 4, 5, 6], {})


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="something that can be called, not 5"):
        check_callable_args(5, [], {})


@pytest.mark.trap(94)
@pytest.mark.parametrize(
    "func",
    [
        coroutine,
        functools.partial(coroutine),
        functools.partial(functools.partial(coroutine), 1),
        AsyncCallable(),
        functools.partial(AsyncCallable()),
        AsyncCallable().method,
        AsyncMock(),
    ],
)
def test_coroutine_functions_are_seen_through_what_wraps_them(func):
    assert iscoroutinefunction_partial(func)


@pytest.mark.parametrize("func", [none, Callable(), AsyncCallable, print, 5, None, Mock()])
def test_other_things_are_no_coroutine_functions(func):
    assert not iscoroutinefunction_partial(func)
