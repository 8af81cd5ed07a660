"""One doubling, bounded: what waits longer after each failure never waits too long, and never overflows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler._engine.backoff import delay


@pytest.mark.parametrize(
    ("first", "longest", "expected"),
    [
        (1, 64, [1, 2, 4, 8, 16, 32, 64, 64]),
        (1.0, 60.0, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]),
        (0.1, 30.0, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]),
        (5, 5, [5, 5]),
    ],
)
def test_the_delay_doubles_until_it_is_the_longest(first, longest, expected):
    assert [delay(failures, first, longest) for failures in range(1, len(expected) + 1)] == expected


def test_integers_stay_integers_and_floats_floats():
    assert {type(delay(failures, 3, 1000)) for failures in range(2000)} == {int}
    assert {type(delay(failures, 3.0, 1000.0)) for failures in range(2000)} == {float}


_lengths = st.one_of(
    st.tuples(st.integers(1, 10**18), st.integers(1, 10**18)),
    st.tuples(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9)),
)


@given(_lengths, st.integers(1, 10**30))
def test_no_number_of_failures_is_too_many(lengths, failures):
    first, longest = sorted(lengths)
    assert first <= delay(failures, first, longest) <= longest
    assert delay(failures, first, longest) <= delay(failures + 1, first, longest)
    assert delay(10**30, first, longest) == longest


@given(st.integers(-5, 0))
def test_without_a_failure_it_is_the_first(failures):
    assert delay(failures, 2, 100) == 2
