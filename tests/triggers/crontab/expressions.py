"""Strategies for crontab expressions."""

from __future__ import annotations

from hypothesis import strategies as st

MONTHS = ["JAN", "feb", "Mar", "APR", "MAY", "jun", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "mon", "Tue", "WED", "THU", "fri", "SAT"]


def value(low: int, high: int, names: list[str]) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high).map(str)
    return numbers | st.sampled_from(names) if names else numbers


@st.composite
def spans(draw, low, high, names=()):
    first = draw(st.integers(low, high))
    last = draw(st.integers(first, high))
    shown = [str(first), str(last)]
    if names and draw(st.booleans()) and last - low < len(names):
        shown = [names[first - low], names[last - low]]
    step = draw(st.sampled_from(["", "", "/2", "/5", "/70"]))
    return f"{shown[0]}-{shown[1]}{step}"


def field(low: int, high: int, names: list[str] = []) -> st.SearchStrategy[str]:  # noqa: B006 - read only
    stars = st.just("*") | st.sampled_from([1, 2, 3, 5, 7, 15, 40]).map("*/{}".format)
    part = value(low, high, names) | spans(low, high, names)
    return stars | st.lists(part | part | stars, min_size=1, max_size=3).map(",".join)


days = (
    st.just("*")
    | st.just("?")
    | st.integers(1, 31).map("{}W".format)
    | st.lists(
        st.integers(1, 31).map(str) | st.just("L") | spans(1, 31), min_size=1, max_size=3
    ).map(",".join)
    | field(1, 31)
)
special_weekdays = st.builds(
    "{}#{}".format, value(0, 7, DAYS), st.sampled_from(["1", "2", "3", "4", "5", "L"])
) | st.integers(0, 7).map("{}L".format)
weekdays = st.builds(
    "{}{}".format,
    st.sampled_from(["", "", "+"]),
    st.just("*")
    | st.lists(
        special_weekdays | value(0, 7, DAYS) | spans(0, 7, DAYS), min_size=1, max_size=3
    ).map(",".join),
) | st.just("?")
months = st.just("*") | field(1, 12, MONTHS)
early_hours = st.lists(st.integers(0, 4).map(str), min_size=1, max_size=4).map(",".join)
minutes, hours = field(0, 59), field(0, 23) | early_hours

near_a_change = st.builds(
    "{} {} {} * {}".format, minutes, hours, st.just("*") | days, st.just("*") | weekdays
)
of_seconds = st.builds(
    "{} {} {} * * *".format, field(0, 59), minutes, early_hours | st.just("*") | st.just("*/2")
)
of_days = st.builds(
    "{} {} {} {} {}".format,
    st.sampled_from(["0", "15,45", "*/15"]),
    st.integers(0, 23).map(str) | early_hours,
    days,
    months,
    weekdays,
)
years = st.just("*") | field(1970, 2199)
any_expression = st.builds(
    "{} {} {} {} {} {} {}".format, field(0, 59), minutes, hours, days, months, weekdays, years
)
