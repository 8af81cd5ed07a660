"""The Open Cron Pattern Specification, clause by clause; docs/reference/crontab.md names these tests."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from apscheduler.triggers.crontab import CrontabError, CrontabTrigger
from apscheduler.triggers.crontab.compiling import compile_schedule

START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday


def times(expression: str, count: int = 3, start: datetime = START, **options: object) -> list[str]:
    options = {"timezone": start.tzinfo, **options}
    trigger = CrontabTrigger(expression, **options)  # type: ignore[arg-type]
    return [f"{fire:%m-%d %H:%M}" for fire in islice(trigger.fire_times(start), count)]


def days(expression: str, count: int, start: datetime = START) -> list[str]:
    trigger = CrontabTrigger(f"0 0 {expression}", timezone=UTC)
    return [f"{fire:%m-%d}" for fire in islice(trigger.fire_times(start), count)]


@pytest.fixture(autouse=True)
def tables_of_this_test():
    """Equal schedules share a table, but one that is remembered from another test may have outlived what it shared."""
    compile_schedule.cache_clear()


def same(one: str, other: str) -> bool:
    made = [CrontabTrigger(each, timezone=UTC) for each in (one, other)]
    return made[0]._table is made[1]._table


def place(expression: str, *, lenient: bool = False) -> tuple[int, str | None]:
    """Return where, and in which field, an expression is refused."""
    with pytest.raises(CrontabError) as caught:
        CrontabTrigger(expression, lenient=lenient)
    return caught.value.position, caught.value.field


# -- 1.0 --------------------------------------------------------------------------------------------------


def test_1_0_five_fields_from_minute_to_weekday():
    assert times("5 4 3 2 *") == ["02-03 04:05"] * 3
    assert times("30 10 * * 5") == ["01-02 10:30", "01-09 10:30", "01-16 10:30"]


@pytest.mark.parametrize(
    ("expression", "field"),
    [
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * 32 * *", "day of month"),
        ("* * * 0 *", "month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of week"),
        ("0-60 * * * *", "minute"),
        ("* * * * 0-8", "day of week"),
        ("99999999999999999999 * * * *", "minute"),
    ],
)
def test_1_0_values_out_of_range_are_errors(expression, field):
    assert place(expression)[1] == field


def test_1_0_the_ends_of_each_range_are_values():
    assert times("0,59 0,23 1,31 1,12 *", 4) == [
        "01-01 00:00",
        "01-01 00:59",
        "01-01 23:00",
        "01-01 23:59",
    ]


def test_1_0_names_of_months_and_days_in_any_case():
    assert same("0 0 * JAN-Mar,dec mon-FRI", "0 0 * 1-3,12 1-5")
    assert same("0 0 * * Sun", "0 0 * * 0")


def test_1_0_sunday_is_0_and_7():
    assert same("0 0 * * 0", "0 0 * * 7")
    assert same("0 0 * * 5-7", "0 0 * * FRI,SAT,SUN")
    assert same("0 0 * * 0-7", "0 0 * * 0-6")


def test_1_0_blanks_and_tabs_separate_and_surround():
    assert same(" \t 0\t\t10  * \t* 1-5\t", "0 10 * * 1-5")


@pytest.mark.parametrize("char", "\n\r\x0b\x0c\u00a0\u2003;:=_.&|!\\\u0660\u00b2\x00")
def test_1_0_any_other_character_is_an_error(char):
    for expression in (
        f"0{char}10 * * *",
        f"0 10 * * {char}",
        f"0 10 * * 1{char}",
        f"0 10{char}* * * *",
    ):
        if char in "\r\n" and expression.endswith("1" + char):
            continue  # the end of the line, which is no part of the pattern
        place(expression)


def test_1_0_lists_unite():
    assert times("0 1,5-6,*/12 * * *", 5) == [
        f"01-01 {hour}:00" for hour in ("00", "01", "05", "06", "12")
    ]


def test_1_0_ranges_are_inclusive():
    assert times("0 9-11 * * *", 4) == ["01-01 09:00", "01-01 10:00", "01-01 11:00", "01-02 09:00"]
    assert same("0 9-9 * * *", "0 9 * * *")


def test_1_0_steps_begin_at_the_lowest_value_of_their_range():
    assert days("*/10 1 ?", 4) == ["01-01", "01-11", "01-21", "01-31"]
    assert same("10-40/15 * * * *", "10,25,40 * * * *")
    assert same("10-39/15 * * * *", "10,25 * * * *")
    assert same("*/90 * * * *", "0 * * * *")
    assert same("0 0 * */5 *", "0 0 * 1,6,11 *")


@pytest.mark.parametrize(
    ("expression", "position"),
    [
        ("0/15 * * * *", 1),
        ("10/10 * * * *", 2),
        ("/30 * * * *", 0),
        ("*/0 * * * *", 2),
        ("1-5/0 * * * *", 4),
        ("*/ * * * *", 2),
        ("*/-5 * * * *", 2),
        ("*/*  * * * *", 2),
        ("*/2/3 * * * *", 3),
        ("0 0 * JAN/2 *", 9),
        ("1,2/3 * * * *", 3),
    ],
)
def test_1_0_a_step_follows_a_star_or_a_range_and_is_not_0(expression, position):
    assert place(expression)[0] == position


@pytest.mark.parametrize(
    "expression",
    [
        "30-10 * * * *",
        "0 22-2 * * *",
        "* * * DEC-JAN *",
        "* * * * FRI-MON",
        "* * * * FRI-SUN",
        "* * * * 7-1",
    ],
)
def test_1_0_a_range_that_ends_before_it_begins_is_an_error(expression):
    place(expression)


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "",
            " ",
            "\t",
            "*",
            "* *",
            "* * * *",
            "* * * * * * * *",
            ", * * * *",
            "1, * * * *",
            ",1 * * * *",
        ),
        *("1,,2 * * * *", "- * * * *", "1- * * * *", "-1 * * * *", "1--2 * * * *", "1-2-3 * * * *"),
        *(
            "** * * * *",
            "*5 * * * *",
            "5* * * * *",
            "*-5 * * * *",
            "1-* * * * *",
            "a * * * *",
            "1a * * * *",
        ),
        *(
            "MON * * * *",
            "* * * MON *",
            "* * * * JAN",
            "* * * JANUARY *",
            "* * * * MOND",
            "* * * * 1MON",
        ),
    ],
)
def test_1_0_what_is_no_pattern_is_an_error(expression):
    place(expression)


@pytest.mark.parametrize(
    "expression", ["0 0 31 2 *", "0 0 30 FEB *", "0 0 31 4,6,9,11 *", "0 0 30W 2 *"]
)
def test_1_0_impossible_dates_parse_and_never_come(expression):
    trigger = CrontabTrigger(expression, timezone=UTC)
    assert trigger.get_next_fire_time(None, START) is None
    assert trigger.get_previous_fire_time(None, START) is None
    assert list(trigger.fire_times(START)) == []


def test_1_0_either_day_field_is_enough_where_both_restrict():
    assert days("13 * FRI", 5) == ["01-02", "01-09", "01-13", "01-16", "01-23"]
    assert days("13 * *", 2) == ["01-13", "02-13"]
    assert days("* * FRI", 2) == ["01-02", "01-09"]
    assert (
        days("13 * */1", 2) == days("1-31 * FRI", 2) == days("*/1 * FRI", 2) == ["01-01", "01-02"]
    )
    assert days("*/10 1 FRI", 5) == ["01-01", "01-02", "01-09", "01-11", "01-16"]


# -- 1.1 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nickname", "expression"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ],
)
def test_1_1_nicknames_stand_for_patterns(nickname, expression):
    assert same(nickname, expression)
    assert same(f"  {nickname}\t", expression)


@pytest.mark.parametrize(
    "expression",
    ["@Daily", "@DAILY", "@", "@every", "@daily *", "@daily @daily", "* @daily * * *", "daily"],
)
def test_1_1_nicknames_are_case_sensitive_and_alone(expression):
    place(expression)


def test_1_1_reboot_parses_and_has_no_times():
    trigger = CrontabTrigger("@reboot", timezone=UTC)
    assert trigger.schedule.reboot
    assert trigger.get_next_fire_time(None, START) is None  # test_reboot.py: once at each start


# -- 1.2 --------------------------------------------------------------------------------------------------


def test_1_2_a_sixth_field_holds_the_seconds_and_comes_first():
    trigger = CrontabTrigger("15,45 30 10 * * *", timezone=UTC)
    shown = [f"{fire:%H:%M:%S}" for fire in islice(trigger.fire_times(START), 3)]
    assert shown == ["10:30:15", "10:30:45", "10:30:15"]
    assert same("0 30 10 * * *", "30 10 * * *")
    assert place("60 * * * * *") == (0, "second")


def test_1_2_a_seventh_field_holds_the_year_and_comes_last():
    trigger = CrontabTrigger("0 0 12 1 1 * 2030,2040-2041", timezone=UTC)
    assert [fire.year for fire in trigger.fire_times(START)] == [2030, 2040, 2041]
    back = trigger.fire_times(datetime(2041, 1, 1, tzinfo=UTC), backwards=True)
    assert [fire.year for fire in back] == [2040, 2030]


@pytest.mark.parametrize("year", ["1969", "2200", "1960-1980", "99", "MON"])
def test_1_2_years_run_from_1970_to_2199(year):
    assert place(f"0 0 0 1 1 * {year}") == (12, "year")


def test_1_2_a_step_of_years_counts_from_1970():
    trigger = CrontabTrigger("0 0 0 1 1 * */3", timezone=UTC)
    assert [fire.year for fire in islice(trigger.fire_times(START), 2)] == [2027, 2030]
    assert (2027 - 1970) % 3 == 0


# -- 1.3 --------------------------------------------------------------------------------------------------


def test_1_3_l_is_the_last_day_of_the_month():
    assert days("L * *", 4) == ["01-31", "02-28", "03-31", "04-30"]
    assert days("L 2 *", 1, datetime(2028, 1, 1, tzinfo=UTC)) == ["02-29"]
    assert days("1,L * *", 3) == ["01-01", "01-31", "02-01"]


@pytest.mark.parametrize("weekday", ["5L", "FRI#L", "5#L", "fri#L"])
def test_1_3_l_is_the_last_of_a_weekday(weekday):
    assert days(f"* * {weekday}", 3) == ["01-30", "02-27", "03-27"]


@pytest.mark.parametrize("weekday", ["1#2", "MON#2", "mon#2"])
def test_1_3_hash_is_the_nth_of_a_weekday(weekday):
    assert days(f"* * {weekday}", 3) == ["01-12", "02-09", "03-09"]


def test_1_3_hash_may_name_a_fifth_and_sunday_by_both_numbers():
    assert days("* * 4#5", 2) == ["01-29", "04-30"]
    assert same("0 0 * * 0#1", "0 0 * * 7#1")
    assert days("* * MON#1,3#3", 3) == ["01-05", "01-21", "02-02"]


@pytest.mark.parametrize(
    "weekday", ["1#0", "1#6", "1#", "#1", "MON#1-2", "1-5#2", "*#2", "1#2/2", "8#1", "MON#W"]
)
def test_1_3_hash_takes_one_to_five(weekday):
    assert place(f"* * * * {weekday}")[1] == "day of week"


def test_1_3_w_is_the_nearest_weekday_within_the_month():
    assert days("15W * *", 3) == ["01-15", "02-16", "03-16"]  # Sundays: the Monday after
    assert days("14W 2 *", 1) == ["02-13"]  # a Saturday: the Friday before
    assert days("1W * *", 3) == ["01-01", "02-02", "03-02"]
    assert days("1W 8 *", 1) == ["08-03"]  # Saturday the 1st: never back into July
    assert days("31W 1,5 *", 2) == [
        "01-30",
        "05-29",
    ]  # Saturday, Sunday the 31st: never on into June
    assert days("31W 4 *", 1) == []


@pytest.mark.parametrize(
    "day", ["15W,16", "1,15W", "10-15W", "15W/2", "*W", "W", "0W", "32W", "15WW", "15L", "LW"]
)
def test_1_3_w_takes_a_single_day(day):
    assert place(f"* * {day} * *")[1] == "day of month"


@pytest.mark.parametrize(
    "expression",
    ["* * l * *", "* * 15w * *", "* * * * 5l", "* * * * FRI#l", "* L * * *", "* * * * L"],
)
def test_1_3_l_and_w_are_capitals_and_in_their_fields(expression):
    place(expression)


def test_1_3_special_days_restrict_too():
    assert days("1W * SUN#1", 4) == ["01-01", "01-04", "02-01", "02-02"]
    assert days("L * FRI#1", 4) == ["01-02", "01-31", "02-06", "02-28"]


# -- 1.4 --------------------------------------------------------------------------------------------------


def test_1_4_plus_wants_both_day_fields():
    assert days("13 * +FRI", 3) == ["02-13", "03-13", "11-13"]
    assert days("1-7 * +1", 2) == ["01-05", "02-02"]
    assert days("L * +SAT", 1) == ["01-31"]
    assert same("0 0 13 * +*", "0 0 13 * *")


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 +13 * FRI",
        "+0 0 13 * *",
        "0 0 13 +1 *",
        "0 0 13 * FRI+",
        "0 0 13 * FRI,+MON",
        "0 0 13 * +",
        "0 0 13 * ++1",
    ],
)
def test_1_4_plus_elsewhere_is_an_error(expression):
    place(expression)


def test_1_4_a_question_mark_is_a_star_in_the_day_fields():
    assert same("0 0 ? * FRI", "0 0 * * FRI")
    assert same("0 0 13 * ?", "0 0 13 * *")
    assert same("0 0 ? * ?", "0 0 * * *")


@pytest.mark.parametrize(
    "expression",
    ["? * * * *", "* ? * * *", "* * * ? *", "* * ?/2 * *", "* * 1,? * *", "0 0 0 * * * ?"],
)
def test_1_4_a_question_mark_elsewhere_is_an_error(expression):
    place(expression)


def test_1_4_searches_end_with_the_range_of_years():
    trigger = CrontabTrigger("0 0 29 2 *", timezone=UTC)
    late = datetime(2190, 1, 1, tzinfo=UTC)
    assert [fire.year for fire in trigger.fire_times(late)] == [2192, 2196]
    early = datetime(1977, 1, 1, tzinfo=UTC)
    assert [fire.year for fire in trigger.fire_times(early, backwards=True)] == [1976, 1972]


BERLIN = ZoneInfo("Europe/Berlin")
BEFORE_GAP = datetime(2026, 3, 29, 0, 0, tzinfo=BERLIN)
BEFORE_FOLD = datetime(2026, 10, 25, 0, 0, tzinfo=BERLIN)


def test_1_4_dst_ocps_skips_what_is_jumped_over():
    assert times("30 2 * * *", 2, BEFORE_GAP, dst="ocps") == ["03-30 02:30", "03-31 02:30"]
    assert times("*/30 2,3 * * *", 2, BEFORE_GAP, dst="ocps") == ["03-29 03:00", "03-29 03:30"]


def test_1_4_dst_ocps_runs_a_repeated_time_once_the_first_time():
    for expression in ("30 2 * * *", "30 * * * *"):
        trigger = CrontabTrigger(expression, timezone=BERLIN, dst="ocps")
        fires = [
            f for f in islice(trigger.fire_times(BEFORE_FOLD), 6) if (f.day, f.hour) == (25, 2)
        ]
        assert [f.isoformat() for f in fires] == ["2026-10-25T02:30:00+02:00"]


# -- ours ---------------------------------------------------------------------------------------------------


def test_dst_debian_runs_a_fixed_time_of_a_gap_at_its_end_once():
    assert times("30 2 * * *", 2, BEFORE_GAP) == ["03-29 03:00", "03-30 02:30"]
    assert times("0,15,30 2,3 * * *", 3, BEFORE_GAP) == [
        "03-29 03:00",
        "03-29 03:15",
        "03-29 03:30",
    ]


def test_dst_debian_runs_a_fixed_time_of_an_overlap_once():
    trigger = CrontabTrigger("30 2 * * *", timezone=BERLIN)
    shown = [f.isoformat() for f in islice(trigger.fire_times(BEFORE_FOLD), 2)]
    assert shown == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]


@pytest.mark.parametrize("expression", ["*/30 * * * *", "0,30 * * * *", "*/30 1,2,3 * * *"])
def test_dst_debian_goes_on_by_elapsed_time_with_a_star(expression):
    trigger = CrontabTrigger(expression, timezone=BERLIN)
    span = datetime(2026, 10, 25, 1, tzinfo=BERLIN), datetime(2026, 10, 25, 3, tzinfo=BERLIN)
    fires = [f.timestamp() for f in islice(trigger.fire_times(span[0]), 7)]
    assert fires == [span[0].timestamp() + 1800 * count for count in range(7)]
    gap = [f.timestamp() for f in islice(trigger.fire_times(BEFORE_GAP.replace(hour=1)), 4)]
    assert gap == [BEFORE_GAP.replace(hour=1).timestamp() + 1800 * count for count in range(4)]


@pytest.mark.parametrize("day", [BEFORE_GAP, BEFORE_FOLD])
@pytest.mark.parametrize(
    ("expression", "given"),
    [
        ("30 2 * * *", {"hour": 2, "minute": 30}),
        ("*/20 * * * *", {"minute": "*/20"}),
        ("0 2-3 * * *", {"hour": "2-3"}),
    ],
)
def test_dst_utc_line_is_what_crontrigger_does(day, expression, given):
    from apscheduler.triggers.cron import CronTrigger

    ours = CrontabTrigger(expression, timezone=BERLIN, dst="utc-line")
    theirs = CronTrigger(**given, timezone=BERLIN)
    assert list(islice(ours.fire_times(day), 30)) == list(islice(theirs.fire_times(day), 30))


def test_the_choice_of_dst_shows_and_is_checked():
    assert "dst='ocps'" in repr(CrontabTrigger("@daily", dst="ocps"))
    with pytest.raises(ValueError, match="did you mean 'debian'"):
        CrontabTrigger("@daily", dst="debain")


@pytest.mark.parametrize(
    ("lenient", "strict"),
    [
        ("0 22-2 * * *", "0 22,23,0,1,2 * * *"),
        ("0 22-4/3 * * *", "0 22,1,4 * * *"),
        ("0 0 * * fri-mon", "0 0 * * 5,6,0,1"),
        ("0 0 * * FRI-SUN", "0 0 * * 5,6,7"),
        ("0 0 * * 7-2", "0 0 * * 0-2"),
        ("0 0 * nov-feb *", "0 0 * 11,12,1,2 *"),
        ("0 0 28-2 * *", "0 0 28,29,30,31,1,2 * *"),
        ("0/15 * * * *", "0,15,30,45 * * * *"),
        ("5/20 * * * *", "5,25,45 * * * *"),
        ("0 0 * * 1/2", "0 0 * * 1,3,5,7"),
        ("0 0 l * *", "0 0 L * *"),
        ("0 0 15w * *", "0 0 15W * *"),
        ("0 0 * * 5l", "0 0 * * 5L"),
        ("0 0 * * FRIL", "0 0 * * 5L"),
        ("0 0 * * fri#l", "0 0 * * 5L"),
    ],
)
def test_lenient_takes_what_other_dialects_write(lenient, strict):
    place(lenient)
    ours, other = CrontabTrigger(lenient, "UTC", lenient=True), CrontabTrigger(strict, "UTC")
    assert ours._table is other._table
    assert "lenient=True" in repr(ours)


def test_lenient_counts_back_from_the_last_day_and_knows_the_last_workday():
    def days_of(day: str) -> list[str]:
        trigger = CrontabTrigger(f"0 0 {day} * *", UTC, lenient=True)
        return [f"{fire:%m-%d}" for fire in islice(trigger.fire_times(START), 3)]

    assert days_of("L-3") == ["01-28", "02-25", "03-28"]
    assert days_of("L-30") == ["01-01", "03-01", "05-01"]
    assert days_of("LW") == days_of("lw") == ["01-30", "02-27", "03-31"]
    assert place("0 0 L-31 * *", lenient=True) == (6, "day of month")


def test_lenient_wraps_no_years():
    assert place("0 0 0 1 1 * 2100-2050", lenient=True) == (17, "year")


def test_lenient_takes_everything_that_is_not():
    for expression in ("0 10 * * 1-5", "@daily", "0 0 13 * +FRI"):
        strict, lenient = (
            CrontabTrigger(expression, "UTC"),
            CrontabTrigger(expression, "UTC", lenient=True),
        )
        assert strict._table is lenient._table


@pytest.mark.parametrize(("given", "meant"), [("yes", True), ("false", False), (1, True)])
def test_lenient_may_come_as_a_text_from_a_configuration(given, meant):
    assert CrontabTrigger("@daily", lenient=given).lenient is meant
    with pytest.raises(ValueError, match="neither true nor false"):
        CrontabTrigger("@daily", lenient="perhaps")
