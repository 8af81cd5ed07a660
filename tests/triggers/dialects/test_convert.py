"""Conversion among dialects: the same times, or an error that names what cannot be said."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from triggers.crontab import expressions
from triggers.dialects.readings import matcher

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabTrigger
from apscheduler.triggers.dialects import DIALECTS, ConversionError, convert

NAMES = [name for name in DIALECTS if name != "ocps"]
DAY = timedelta(days=1)


def numbers(low: int, high: int, dash: str, *, wraps: bool = False) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    spans = st.tuples(value, value).map(
        lambda ends: dash.join(map(str, ends if wraps else sorted(ends)))
    )
    stepped = st.builds("{}/{}".format, value | spans | st.just("*"), st.integers(1, 20))
    part = value.map(str) | value.map("{:02}".format) | spans | stepped
    return st.just("*") | st.lists(part, min_size=1, max_size=3).map(",".join)


sixty, hours = numbers(0, 59, "-", wraps=True), numbers(0, 23, "-", wraps=True)
quartz_days = (
    numbers(1, 31, "-", wraps=True)
    | st.sampled_from(["L", "LW", "L-3", "L-30", "l"])
    | st.integers(1, 31).map("{}W".format)
)
quartz_weekdays = (
    numbers(1, 7, "-", wraps=True)
    | st.sampled_from(["L", "MON-FRI", "FRI-MON", "sun", "6L", "FRIL", "WED#5"])
    | st.builds("{}#{}".format, st.integers(1, 7), st.integers(1, 5))
)
quartz_months = numbers(1, 12, "-", wraps=True) | st.sampled_from(["JAN", "nov-FEB", "MAR,JUN/3"])
quartz_day_pairs = quartz_days.map("{} {{}} ?".format) | quartz_weekdays.map("? {{}} {}".format)
quartz = st.builds(
    lambda second, minute, hour, days, month, year: (
        f"{second} {minute} {hour} {days.format(month)}{year}"
    ),
    *(sixty, sixty, hours, quartz_day_pairs, quartz_months),
    st.sampled_from(["", "", " *", " 2026-2028", " 2025/2"]),
)


def _is_systemd(expression: str) -> bool:
    """Return whether it is read; steps that lead nowhere and ``*/n`` are not (the tests below ask systemd itself)."""
    return said_in("systemd", expression, "systemd") is not None


systemd = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "Mon..Fri ", "Mon-Fri ", "Sat,Sun ", "tue ", "Wednesday,Fri-Sun "]),
    st.sampled_from(["*-", "", "2026..2027-", "26..27-", "2025/2-"]),
    st.builds(
        "{}{}".format,
        numbers(1, 12, ".."),
        numbers(1, 31, "..").map("-{}".format)
        | st.sampled_from(["~01", "~3", "~07/1", "~28/5", "~1,15", "~1..7", "~2..14/5", "~*"]),
    ),
    st.builds(" {}:{}".format, numbers(0, 23, ".."), numbers(0, 59, "..")) | st.just(" 10:20:30"),
).filter(_is_systemd)
positions = st.builds(
    "{} {}".format,
    st.sampled_from(["1st", "2nd", "3rd", "4th", "5th", "last"]),
    st.sampled_from(["mon", "wed", "sun"]),
)
cron_days = st.lists(
    st.integers(1, 31).map(str) | positions | st.just("last"), min_size=1, max_size=3
).map(",".join)
cron = st.fixed_dictionaries(
    {"minute": numbers(0, 59, "-").filter(lambda text: _is_cron("minute", text))},
    optional={
        "day": cron_days,
        "day_of_week": st.sampled_from(["mon-fri", "0", "sat,sun", "6,1-3", "*/2"]),
        "month": st.sampled_from(["jan-mar", "*/2", "2", "6-12/3"]),
        "year": st.sampled_from(["2026", "2026-2030/2", "*/2"]),
        "second": st.sampled_from([0, "*/20"]),
        "hour": st.sampled_from([3, "*", "9-17", "*/6"]),
    },
)


def _is_cron(field: str, text: str) -> bool:
    try:
        CronTrigger(**{field: text})
    except ValueError:
        return False
    return True


SOURCES = {
    "crontab": expressions.of_days | expressions.any_expression,
    "quartz": quartz,
    "systemd": systemd,
    "cron": cron,
}


def walls(seed: str) -> list[datetime]:
    """Return wall times of three years: on some days at full hours and others, and of one night many."""
    pick = random.Random(seed)
    start = datetime(2025, 12, 1, tzinfo=UTC)
    found = []
    for day in pick.sample(range(1100), 220):
        times = (0, 37_230, pick.randrange(96) * 900)  # midnight, 10:20:30, a quarter of an hour
        found += [start + day * DAY + timedelta(seconds=each) for each in times]
    night = start + pick.randrange(1100) * DAY
    return found + [night + timedelta(seconds=20 * pick.randrange(4320)) for _ in range(250)]


def said_in(target: str, expression: object, source: str) -> object:
    try:
        return convert(expression, source, target)  # type: ignore[arg-type]
    except ConversionError:
        return None


@pytest.mark.slow
@pytest.mark.parametrize("source", NAMES)
@given(st.data())
def test_what_is_converted_matches_the_same_wall_times(source, data):
    expression = data.draw(SOURCES[source])
    at = walls(str(expression))
    wanted = list(filter(matcher(source, expression), at))
    for target in NAMES:
        said = said_in(target, expression, source)
        if said is None:
            assert source != target or source == "cron"
            continue
        assert list(filter(matcher(target, said), at)) == wanted, said


@given(expressions.of_days)
def test_crontab_through_each_dialect_and_back_is_the_same_trigger(expression):
    table = CrontabTrigger(expression, "UTC")
    for target in NAMES:
        try:
            said = convert(expression, "crontab", target)
        except ConversionError:
            continue
        back = CrontabTrigger(convert(said, target, "crontab"), "UTC")
        for start in range(0, 7 * 10**15, 10**15):
            assert back.next_us(None, start) == table.next_us(None, start)
            assert back.previous_us(start) == table.previous_us(start)


EXAMPLES = [
    (
        "0 10 * * 1-5",
        {"day_of_week": "mon-fri", "hour": "10", "minute": "0"},
        "0 0 10 ? * MON-FRI",
        "Mon..Fri *-*-* 10:00:00",
    ),
    ("*/5 * * * *", {"hour": "*", "minute": "*/5"}, "0 0/5 * * * ?", "*-*-* *:00/5:00"),
    ("0 0 L * *", {"day": "last", "hour": "0", "minute": "0"}, "0 0 0 L * ?", "*-*~01 00:00:00"),
    (
        "0 0 * * FRI#2",
        {"day": "2nd fri", "hour": "0", "minute": "0"},
        "0 0 0 ? * 6#2",
        "Fri *-*-08..14 00:00:00",
    ),
    (
        "0 0 * * FRI#L",
        {"day": "last fri", "hour": "0", "minute": "0"},
        "0 0 0 ? * 6L",
        "Fri *-*~07/1 00:00:00",
    ),
    (
        "0 0 13 * +FRI",
        {"day": "13", "day_of_week": "fri", "hour": "0", "minute": "0"},
        None,
        "Fri *-*-13 00:00:00",
    ),
    (
        "0 0 13 * MON,FRI#1",
        {"day": "13,1st fri,1st mon,2nd mon,3rd mon,4th mon,5th mon", "hour": "0", "minute": "0"},
        None,
        None,
    ),
    ("0 0 15W * *", None, "0 0 0 15W * ?", None),
    # The 5th OR any weekday is every day.
    ("0 0 5 * 1-7", {"hour": "0", "minute": "0"}, "0 0 0 * * ?", "*-*-* 00:00:00"),
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples(example):
    given_crontab, *others = example
    for target, wanted in zip(("cron", "quartz", "systemd"), others, strict=True):
        if wanted is None:
            with pytest.raises(ConversionError, match="cannot be said"):
                convert(given_crontab, "crontab", target)
        else:
            assert convert(given_crontab, "crontab", target) == wanted
            assert convert(given_crontab, "ocps", target) == wanted


@pytest.mark.parametrize(
    ("expression", "source", "target", "wanted"),
    [
        ("0 0 12 ? * L", "quartz", "crontab", "0 12 * * SAT"),
        ("0 0 1-10 * +MON#2", "crontab", "systemd", "Mon *-*-08..10 00:00:00"),
        ({"day": "2nd wed", "day_of_week": "wed"}, "cron", "crontab", "0 0 * * WED#2"),
        ({"week": "1-10", "hour": 3}, "cron", "cron", {"week": "1-10", "hour": "3", "minute": "0"}),
    ],
)
def test_what_one_dialect_alone_has_is_said_in_another_where_that_can(
    expression, source, target, wanted
):
    assert convert(expression, source, target) == wanted


@pytest.mark.parametrize(
    ("expression", "source", "target", "named"),
    [
        (
            "0 0 13 * FRI",
            "crontab",
            "quartz",
            "day of month OR day of week cannot be said in quartz",
        ),
        (
            "0 0 13 * FRI",
            "crontab",
            "systemd",
            "day of month OR day of week cannot be said in systemd",
        ),
        ("0 0 13 * +FRI", "crontab", "quartz", "day of month AND day of week"),
        ("0 0 15W * *", "crontab", "cron", "W (the nearest Monday to Friday)"),
        ("0 0 0 L-3 * ?", "quartz", "crontab", "3 days before the last (L-3)"),
        ("0 0 0 LW * ?", "quartz", "crontab", "LW"),
        ("0 0 0 LW * ?", "quartz", "systemd", "W (the nearest"),
        ("0 0 0 LW * ?", "quartz", "crontab", "with lenient=True it is LW"),
        ("0 0 0 L-3 * ?", "quartz", "crontab", "with lenient=True it is L-3"),
        ("0 0 LW * *", "crontab", "quartz", "lenient=True takes it"),
        ("0 0 0 L-28 * ?", "quartz", "systemd", "28 days before the last (L-28)"),
        ("0 0 0 L-3 * ?", "quartz", "cron", "L-3"),
        ("0 0 0 L-31 * ?", "quartz", "cron", "31 days before the last is not within 0-30"),
        ("0 0 0 ? * MON#6", "quartz", "cron", "a month has no weekday number 6"),
        ("0 0 L * +MON#2", "crontab", "systemd", "L or W AND the n-th of a weekday"),
        ("0 0 1 * +MON#2", "crontab", "systemd", "never meet the n-th of a weekday"),
        ("0 0 1 * +MON#L", "crontab", "systemd", "days of the month AND the last of a weekday"),
        ("0 0 1,L * *", "crontab", "quartz", "L together with other days"),
        ("0 0 1,L * *", "crontab", "systemd", "L together with other days"),
        ("0 0 * * MON#1,FRI#2", "crontab", "quartz", "together with other weekdays"),
        ("0 0 * * MON#1,FRI#2", "crontab", "systemd", "different weekdays"),
        ("0 0 0 1 1 * 2150", "crontab", "quartz", "the year 2150"),
        ({"year": 2500}, "cron", "crontab", "the year 2500"),
        ({"year": 2500}, "cron", "systemd", "the year 2500"),
        ({"week": 1}, "cron", "crontab", "weeks of the year cannot be said in crontab"),
        ({"week": 1}, "cron", "quartz", "weeks of the year cannot be said in quartz"),
        ({"week": 1}, "cron", "systemd", "weeks of the year cannot be said in systemd"),
        (
            {"day": "1,1st mon", "day_of_week": "fri"},
            "cron",
            "crontab",
            "together with day_of_week",
        ),
        ({"day": "1st mon", "day_of_week": "fri"}, "cron", "crontab", "never falls on"),
        ("@reboot", "crontab", "cron", "@reboot"),
        ("H * * * *", "crontab", "cron", "H stands for"),
        ("*-*-* 10:00:00 Europe/Berlin", "systemd", "crontab", "is a time zone"),
        ("hourly UTC", "systemd", "crontab", "'UTC' in 'hourly UTC' is a time zone"),
        ("weekly 10:00", "systemd", "crontab", "'weekly 10:00' is not"),
        ("0 0 0 1 * 2", "quartz", "crontab", "is ?, and only one"),
        ("0 0 0 * * *", "quartz", "crontab", "is ?, and only one"),
        ("0 0 0 1 *", "quartz", "crontab", "5 fields instead of 6 or 7"),
        ("0 0 0 ? * FIR", "quartz", "crontab", "did you mean 'fri'?"),
        ("0 0 0 ? * 8", "quartz", "crontab", "8 is not within 1-7"),
        ("0 0/0 0 1 * ?", "quartz", "crontab", "'0' is no step"),
        ("Fri..Mon 10:00", "systemd", "crontab", "ends before it begins"),
        ("*-13-* 10:00", "systemd", "crontab", "13 is not within 1-12"),
        ("soon", "systemd", "crontab", "'soon'"),
        ("", "systemd", "crontab", "is not"),
        ({"hours": 1}, "cron", "crontab", "'hours' is no field"),
        ("0 10 * * mon-fir", "crontab", "cron", "did you mean fri?"),
        ({"hour": 25}, "cron", "crontab", "hour"),
    ],
)
def test_what_cannot_be_read_or_said_is_named(expression, source, target, named):
    with pytest.raises(ValueError) as caught:
        convert(expression, source, target)
    assert named in str(caught.value)


def test_a_dialect_that_does_not_exist_is_named_with_the_closest():
    for pair in (("kwartz", "cron"), ("cron", "kwartz")):
        with pytest.raises(LookupError, match="did you mean 'quartz'"):
            convert("0 10 * * *", *pair)


@pytest.mark.parametrize(("value", "dialect"), list(product([None, 5, b"x"], NAMES)))
def test_what_is_no_expression_is_a_type_error(value, dialect):
    with pytest.raises(TypeError):
        convert(value, dialect, "crontab")


def test_a_trigger_may_be_given_as_its_keywords():
    trigger = CronTrigger(day_of_week="mon-fri", hour=10, timezone="UTC")
    assert convert(trigger, "cron", "crontab") == "0 10 * * MON-FRI"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
def test_systemd_itself_reads_what_is_said_as_the_trigger_fires():
    pick = random.Random(5)
    tried = 0
    while tried < 60:
        day = pick.choice(["*", "13", "L", "1-7", "*/9", "30,31", "*"])
        weekday = pick.choice(["*", "+FRI", "+1-5", "2#3", "SUN#L", "+MON,WED,6", "6#5"])
        hour = pick.choice(["0", "*/7", "9-17", "3,4"])
        expression = f"{pick.choice(['0', '*/20', '7,8'])} {hour} {day} {pick.choice(['*', '2,5', '*/4'])} {weekday}"
        try:
            said = convert(expression, "crontab", "systemd")
        except ConversionError:
            continue
        tried += 1
        trigger = CrontabTrigger(expression, UTC)
        start = datetime(2026, 1, 1, tzinfo=UTC)
        wanted = []
        for fire in trigger.fire_times(start + timedelta(seconds=1)):
            wanted.append(f"{fire:%Y-%m-%d %H:%M:%S}")
            if len(wanted) == 12:
                break
        assert systemd_times(said, start, 12) == wanted, (expression, said)


def systemd_times(expression: str, start: datetime, count: int) -> list[str]:
    shown = subprocess.run(
        [
            "systemd-analyze",
            "calendar",
            f"--iterations={count}",
            f"--base-time={start:%F %T} UTC",
            expression,
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
    ).stdout
    lines = [line.split(": ", 1) for line in shown.splitlines() if ": " in line]
    return [
        text.split(" ", 1)[1].removesuffix(" UTC")
        for name, text in lines
        if ("elapse" in name or "Iter" in name) and text != "never"
    ]


# -- systemd's own reading of texts -------------------------------------------------------------------------------

# Taken and refused as systemd-analyze 252 does; neighbours tried beyond the reported ones: the other shorthands,
# dashes in weekdays, ranges and steps with ~, * within lists and before steps, years of one to four digits, ends of ranges.
TAKEN = {
    "Mon-Fri": "Mon..Fri *-*-* 00:00:00",
    "Mon-Wed,Sat": "Mon..Wed,Sat *-*-* 00:00:00",
    "Monday-friday 9:00": "Mon..Fri *-*-* 09:00:00",
    "Mon,Fri, 10:00": "Mon,Fri *-*-* 10:00:00",
    "semi-annually": "*-01,07-01 00:00:00",
    "biannually": "*-01,07-01 00:00:00",
    "bi-annually": "*-01,07-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "anually": "*-01-01 00:00:00",
    "Annually": "*-01-01 00:00:00",
    "*-*~1..7": "*-*~01,02,03,04,05,06,07 00:00:00",
    "*-*~1..7/2": "*-*~01,03,05,07 00:00:00",
    "*-*~2..14/5": "*-*~02,07,12 00:00:00",
    "*-*~8/7": "*-*~01,08 00:00:00",
    "*-02~7/1": "*-02~01,02,03,04,05,06,07 00:00:00",
    "*-*~28": "*-*~28 00:00:00",
    "*-*~*": "*-*-* 00:00:00",
    "28-01-01": "2028-01-01 00:00:00",
    "69-1-1": "2069-01-01 00:00:00",
    "70-1-1": "1970-01-01 00:00:00",
    "9-1-1": "2009-01-01 00:00:00",
    "0026-1-1": "2026-01-01 00:00:00",
    "26..28-1-1": "2026..2028-01-01 00:00:00",
    "95..05-1-1": "1995..2005-01-01 00:00:00",
    "*-*-30/1": "*-*-30..31 00:00:00",
    "*-*-01/30": "*-*-01,31 00:00:00",
    "*-*-1..31/31": "*-*-01 00:00:00",
    "*-*-5..6/7": "*-*-05 00:00:00",
    "10:00:58/1": "*-*-* 10:00:58..59",
    "2198/1-1-1": "2198..2199-01-01 00:00:00",
}
REFUSED = [
    *(
        "Fri-Mon",
        "Fri..Mon",
        "Mon--Fri",
        "Mon,-Fri",
        "Mon/2",
        "Mon.",
        "Mon..",
        "tues",
        "Mon Tue",
        "half-yearly",
    ),
    *(
        "*-*~29",
        "*-*~2,29",
        "*-*~1..29",
        "*-*~0",
        "*-*~7..1",
        "*-02~1/7",
        "*-*~7/7",
        "*-*~31/5",
        "*-*~*/2",
        "*-*-*~1",
    ),
    *(
        "*-*-31/2",
        "*-*-30/2",
        "*-*-01/31",
        "*-12/1-1",
        "23/1:0",
        "*:30/30",
        "10:00:59/1",
        "2198/2-1-1",
    ),
    *("*:*/5", "*:/5", "*-*-*/2", "2026-*-*,5", "*,5-1-1", "*-*-1,,2", "*-*-01..", "*-*-1..3..5"),
    *("100-1-1", "1969-1-1", "2200-1-1", "24:00", "1-32", "10:00:00/0"),
]


@pytest.mark.parametrize("expression", TAKEN)
def test_what_systemd_takes_is_taken(expression):
    assert convert(expression, "systemd", "systemd") == TAKEN[expression]


@pytest.mark.parametrize("expression", REFUSED)
def test_what_systemd_refuses_is_refused(expression):
    with pytest.raises(ConversionError):
        convert(expression, "systemd", "crontab")


def test_a_step_from_the_last_day_says_what_may_be_meant():
    with pytest.raises(ConversionError, match=r"the last 7 days are ~01\.\.07"):
        convert("*-02~1/7", "systemd", "crontab")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed here")
def test_systemd_itself_takes_and_refuses_the_same_and_at_the_same_times():
    start = datetime(2027, 1, 1, 0, 0, 1, tzinfo=UTC)
    for expression, ours in TAKEN.items():
        there = systemd_times(expression, start, 12)
        assert systemd_times(ours, start, 12) == there, expression
    for expression in REFUSED:
        with pytest.raises(subprocess.CalledProcessError):
            systemd_times(expression, start, 1)


# -- what lenient=True runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "quartz_says"),
    [
        ("0 0 LW * *", "0 0 0 LW * ?"),
        ("0 0 L-3 * *", "0 0 0 L-3 * ?"),
        ("0 0 L-30 2,3 *", "0 0 0 L-30 2-3 ?"),
        ("0 0 15w * *", "0 0 0 15W * ?"),
        ("0 22-2 * * *", "0 0 0-2,22-23 * * ?"),
        ("0/15 * * * *", "0 0/15 * * * ?"),
        ("0 0 * * fri-mon", "0 0 0 ? * 6L"),
    ],
)
def test_lenient_reads_and_says_what_the_lenient_trigger_runs(expression, quartz_says):
    if quartz_says.endswith("6L"):
        quartz_says = convert("0 0 * * FRI,SAT,SUN,MON", "crontab", "quartz")
    assert convert(expression, "crontab", "quartz", lenient=True) == quartz_says
    back = convert(quartz_says, "quartz", "crontab", lenient=True)
    wanted = CrontabTrigger(expression, "UTC", lenient=True)
    found = CrontabTrigger(back, "UTC", lenient=True)
    for start in range(0, 7 * 10**15, 10**15):
        assert found.next_us(None, start) == wanted.next_us(None, start)
