"""Triggers in words: what a reader of English and of Chinese sees."""

# ruff: noqa: RUF001 - Chinese is written with full-width punctuation

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from importlib.resources import files

import dateutil.tz
import holidays
import pytest

from apscheduler.calendars import Blackout, BusinessDays, DailyBlackout
from apscheduler.calendars.base import DayCalendar
from apscheduler.triggers._words import locale_names, locales
from apscheduler.triggers._words.calendars import calendar_text
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from apscheduler.triggers.rrule import RRuleTrigger

ZONE = "Europe/Berlin"
DEBIAN = (
    "; a time that the clocks skip runs at the end of the skip, a time that comes twice runs once",
    "；调整时钟时，被跳过的时间在跳过结束时触发，重复出现的时间只触发一次",
)
ELAPSED = (
    "; times that the clocks skip do not run, times that come twice run twice",
    "；调整时钟时，被跳过的时间不触发，重复出现的时间触发两次",
)

CRON = [
    ({"hour": 10, "day_of_week": "mon-fri"}, "every weekday (Monday to Friday) at 10:00", "每周一至周五 10:00"),
    ({}, "every second", "每秒"),
    ({"second": 30}, "every minute at second 30", "每分钟的第 30 秒"),
    ({"minute": "*/15"}, "every 15 minutes", "每 15 分钟"),
    ({"minute": 0}, "every hour on the hour", "每小时整点"),
    ({"minute": 17}, "every hour at minute 17", "每小时的第 17 分"),
    (
        {"minute": "*/7"},
        "at every 7th minute from 0 to 56 of every hour",
        "每小时第 0 至 56 分中每 7 分",
    ),
    ({"hour": "*/6"}, "every 6 hours", "每 6 小时"),
    (
        {"hour": "*/2", "minute": 30},
        "every 2 hours from 00:30 to 22:30, every day",
        "每天 00:30 至 22:30 每 2 小时一次",
    ),
    (
        {"hour": "9-17", "minute": "*/15", "day_of_week": "mon-fri"},
        "every 15 minutes from 09:00 to 17:45, every weekday (Monday to Friday)",
        "每周一至周五 09:00 至 17:45 每 15 分钟一次",
    ),
    (
        {"hour": "9-11,14-16", "minute": "0,30"},
        "every 30 minutes from 09:00 to 11:30 and from 14:00 to 16:30, every day",
        "每天 09:00 至 11:30 和 14:00 至 16:30 每 30 分钟一次",
    ),
    (
        {"hour": "3-5", "minute": "1,2,8", "second": "*/20", "day": "*/2"},
        ("on every 2nd day from the 1st to the 31st of every month at seconds 0, 20 and 40 of minutes 1, 2 and 8 "
        "of hours 3 to 5"),
        "每月 1 日至 31 日中每 2 日第 3 至 5 时第 1、2、8 分第 0、20、40 秒",
    ),
    ({"hour": "8,12,17"}, "every day at 08:00, 12:00 and 17:00", "每天 08:00、12:00 和 17:00"),
    (
        {"hour": 23, "minute": 59, "second": 59},
        "every day at 23:59:59",
        "每天 23:59:59",
    ),
    ({"day_of_week": "sat,sun"}, "every Saturday and Sunday at 00:00", "每周六和周日 00:00"),
    (
        {"day": "1,15,last"},
        "on the 1st, the 15th and the last day of every month at 00:00",
        "每月 1 日、15 日和最后一天 00:00",
    ),
    (
        {"day": "2nd fri,last sun", "month": "1,7"},
        "on the second Friday and the last Sunday of January and July at 00:00",
        "每年 1 月和 7 月的第二个周五和最后一个周日 00:00",
    ),
    (
        {"day": 13, "day_of_week": "fri", "hour": 18},
        "on the 13th of every month if it is a Friday at 18:00",
        "每月 13 日（仅当该日为周五）18:00",
    ),
    (
        {"week": "1-10", "day_of_week": "sun", "year": 2026},
        "every Sunday in ISO weeks 1 to 10 in 2026 at 00:00",
        "每周日（仅限 ISO 第 1 至 10 周）（仅限 2026 年）00:00",
    ),
    (
        {"month": "6-8", "year": "2026-2030"},
        "on the 1st of June to August in the years 2026 to 2030 at 00:00",
        "每年 6 至 8 月的 1 日（仅限 2026 至 2030 年）00:00",
    ),
]  # fmt: skip
CRONTAB = [
    ("0 10 * * 1-5", "every weekday (Monday to Friday) at 10:00", "每周一至周五 10:00", DEBIAN),
    ("0 10 * * 0-4", "every day from Sunday to Thursday at 10:00", "每周日至周四 10:00", DEBIAN),
    (
        "0 10 13 * 5",
        "on the 13th of every month and also every Friday at 10:00",
        "每月 13 日，以及每周五 10:00",
        DEBIAN,
    ),
    (
        "0 10 13 * +5,FRI#2",
        "on the 13th of every month if it is a Friday or the second Friday of its month at 10:00",
        "每月 13 日（仅当该日为周五或当月第二个周五）10:00",
        DEBIAN,
    ),
    (
        "*/5 * 15W * ?",
        "every 5 minutes, on the weekday (Monday to Friday) nearest to the 15th of every month",
        "每月离 15 日最近的工作日（周一至周五）每 5 分钟",
        ELAPSED,
    ),
    ("0 0 L * *", "on the last day of every month at 00:00", "每月最后一天 00:00", DEBIAN),
    (
        "0 0 LW * *",
        "on the last weekday (Monday to Friday) of every month at 00:00",
        "每月最后一个工作日（周一至周五）00:00",
        DEBIAN,
    ),
    (
        "0 0 L-3,L * *",
        "on the day 3 days before the last one and the last day of every month at 00:00",
        "每月最后一天的前 3 天和最后一天 00:00",
        DEBIAN,
    ),
    (
        "30 9 * 1 MON,FRI#L",
        "every Monday in January and also on the last Friday of January at 09:30",
        "每年 1 月的每周一，以及每年 1 月的最后一个周五 09:30",
        DEBIAN,
    ),
    (
        "H 3 * * *",
        "by the crontab expression 'H 3 * * *', whose H the job's id will choose",
        "按 crontab 表达式 'H 3 * * *'，其中的 H 由作业的 id 决定",
        DEBIAN,
    ),
]


@pytest.mark.parametrize(("fields", "english", "chinese"), CRON)
def test_a_cron_trigger_reads_as_people_say_it(fields, english, chinese) -> None:
    trigger = CronTrigger(**fields, timezone=ZONE)
    assert trigger.describe() == f"{english}, Europe/Berlin"
    assert trigger.describe("zh") == f"{chinese}（Europe/Berlin）"


@pytest.mark.parametrize(("expression", "english", "chinese", "changes"), CRONTAB)
def test_a_crontab_trigger_says_what_it_does_where_clocks_change(
    expression, english, chinese, changes
) -> None:
    trigger = CrontabTrigger(
        expression, timezone=ZONE, lenient="LW" in expression or "L-" in expression
    )
    english, chinese = f"{english}, Europe/Berlin", f"{chinese}（Europe/Berlin）"
    assert trigger.describe() == english + changes[0]
    assert trigger.describe("zh") == chinese + changes[1]


@pytest.mark.parametrize(
    ("dst", "english", "chinese"),
    [
        ("debian", DEBIAN[0][2:], DEBIAN[1][1:]),
        (
            "ocps",
            "times that the clocks skip do not run, times that come twice run once",
            "调整时钟时，被跳过的时间不触发，重复出现的时间只触发一次",
        ),
        (
            "utc-line",
            (
                "a time that the clocks skip runs as if they had not been moved, the way cron triggers do it, and times "
                "that come twice run twice"
            ),
            "调整时钟时，被跳过的时间按未调整的时钟触发（做法与 cron 触发器相同），重复出现的时间触发两次",
        ),
    ],
)
def test_each_dst_choice_is_named(dst, english, chinese) -> None:
    trigger = CrontabTrigger("0 2 * * *", timezone=ZONE, dst=dst)
    assert trigger.describe().endswith(f"Europe/Berlin; {english}")
    assert trigger.describe("zh").endswith(f"（Europe/Berlin）；{chinese}")


def test_an_h_that_a_job_has_settled_is_described_by_its_value() -> None:
    settled = CrontabTrigger("H 3 * * *", timezone="UTC").for_job("backup")
    assert settled.describe().startswith(f"every day at {settled.preview(1)[0].at:%H:%M}, UTC")


def test_a_reboot_is_described_without_times() -> None:
    trigger = CrontabTrigger("@reboot", timezone=ZONE)
    assert (trigger.describe(), trigger.describe("zh")) == (
        "at each start of the scheduler",
        "每次启动调度器时",
    )


OTHERS = [
    (
        IntervalTrigger(hours=2, start_date="2026-03-28", timezone=ZONE),
        "every 2 hours, counted from 2026-03-28 00:00, Europe/Berlin",
        "每 2 小时一次，从 2026-03-28 00:00 起算（Europe/Berlin）",
    ),
    (
        IntervalTrigger(days=7, start_date="2026-03-28 08:00:00.500000", end_date="2027-01-01", timezone="UTC", jitter=1),
        ("every 168 hours (7 days), counted from 2026-03-28 08:00:00.5, UTC, until 2027-01-01 00:00, each run up to "
        "1 second later at random"),
        "每 168 小时（7 天）一次，从 2026-03-28 08:00:00.5 起算（UTC），至 2027-01-01 00:00 止，每次随机推迟至多 1 秒",
    ),
    (
        IntervalTrigger(minutes=1, seconds=30.25, start_date="2026-03-28", timezone=timezone(timedelta(hours=5.5))),
        "every 1 minute and 30.25 seconds, counted from 2026-03-28 00:00, UTC+05:30",
        "每 1 分钟 30.25 秒一次，从 2026-03-28 00:00 起算（UTC+05:30）",
    ),
    (
        DateTrigger("2026-05-01 08:00:00", timezone=ZONE),
        "once, on Friday 2026-05-01 at 08:00, Europe/Berlin",
        "仅一次：2026-05-01（周五）08:00（Europe/Berlin）",
    ),
    (
        DateTrigger(datetime(2026, 10, 25, 1, 30, tzinfo=UTC).astimezone(CronTrigger(timezone=ZONE).timezone)),
        "once, on Sunday 2026-10-25 at 02:30 (UTC+01:00), Europe/Berlin",
        "仅一次：2026-10-25（周日）02:30（UTC+01:00）（Europe/Berlin）",
    ),
    (
        CalendarIntervalTrigger(months=1, hour=8, start_date="2026-01-31", timezone=ZONE),
        "every month at 08:00, the first on 2026-01-31, months without such a day left out, Europe/Berlin",
        "每 1 个月一次，时间为 08:00，首日为 2026-01-31，没有相应日期的月份略过（Europe/Berlin）",
    ),
    (
        CalendarIntervalTrigger(weeks=2, start_date="2026-01-31", end_date=date(2027, 1, 1), timezone=ZONE),
        "every 2 weeks at 00:00, the first on 2026-01-31, the last by 2027-01-01, Europe/Berlin",
        "每 2 周一次，时间为 00:00，首日为 2026-01-31，末日不晚于 2027-01-01（Europe/Berlin）",
    ),
    (
        CalendarIntervalTrigger(years=1, start_date="2026-02-01", timezone=ZONE, jitter=60),
        "every year at 00:00, the first on 2026-02-01, Europe/Berlin, each run up to 60 seconds later at random",
        "每 1 年一次，时间为 00:00，首日为 2026-02-01（Europe/Berlin），每次随机推迟至多 60 秒",
    ),
    (
        CronTrigger(hour=2, start_date="2026-10-25 02:30:00", end_date="2030-01-01", timezone=ZONE, jitter=2.5),
        ("every day at 02:00, Europe/Berlin, from 2026-10-25 02:30 (UTC+02:00) on, until 2030-01-01 00:00, each run "
        "up to 2.5 seconds later at random"),
        "每天 02:00（Europe/Berlin），自 2026-10-25 02:30（UTC+02:00）起，至 2030-01-01 00:00 止，每次随机推迟至多 2.5 秒",
    ),
    (
        AndTrigger(
            [CronTrigger(hour=10, timezone=ZONE), CronTrigger(day_of_week="mon", hour="*", timezone=ZONE)], jitter=30
        ),
        ("whenever all of these coincide: [every day at 10:00, Europe/Berlin] and [every hour on the hour, every "
        "Monday, Europe/Berlin], each run up to 30 seconds later at random"),
        "以下各项同时到期时：【每天 10:00（Europe/Berlin）】【每周一每小时整点（Europe/Berlin）】，每次随机推迟至多 30 秒",
    ),
    (
        OrTrigger([CronTrigger(hour=10, timezone=ZONE), OrTrigger([CronTrigger(hour=12, timezone="UTC")])]),
        ("whenever any of these is due: [every day at 10:00, Europe/Berlin] or [whenever any of these is due: "
        "[every day at 12:00, UTC]]"),
        "以下任一项到期时：【每天 10:00（Europe/Berlin）】【以下任一项到期时：【每天 12:00（UTC）】】",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("trigger", "english", "chinese"), OTHERS)
def test_every_other_trigger_reads_as_people_say_it(trigger, english, chinese) -> None:
    assert trigger.describe() == english
    assert trigger.describe("zh") == chinese


class Tidal(BaseTrigger):
    """A trigger of someone else's."""

    def __init__(self, port: str) -> None:
        self.port = port

    def get_next_fire_time(self, previous_fire_time, now):
        return now if previous_fire_time is None else None

    def __repr__(self) -> str:
        return f"<Tidal at {self.port}>"


class Named(Tidal):
    __repr__ = object.__repr__

    def __str__(self) -> str:
        return f"tides of {self.port}"


class Wordy(Tidal):
    def describe(self, locale: str = "en") -> str:
        return f"tides of {self.port} ({locale})"


class Shifted(CronTrigger):
    """One of ours that fires otherwise."""

    def get_next_fire_time(self, previous_fire_time, now):
        found = super().get_next_fire_time(previous_fire_time, now)
        return None if found is None else found + timedelta(minutes=1)


class Renamed(CronTrigger):
    """One of ours that fires as ours does."""


def test_a_trigger_of_someone_elses_is_described_by_its_own_text() -> None:
    assert Tidal("Kiel").describe() == "as this trigger says: <Tidal at Kiel>"
    assert Tidal("Kiel").describe("zh") == "依此触发器自己的说明：<Tidal at Kiel>"
    assert "tides of Kiel" in Named("Kiel").describe()
    both = OrTrigger([Tidal("Kiel"), Wordy("Cuxhaven")])
    assert "[as this trigger says: <Tidal at Kiel>]" in both.describe()
    assert "【tides of Cuxhaven (zh)】" in both.describe("zh")


def test_a_subclass_that_fires_otherwise_is_not_described_as_its_base() -> None:
    assert Renamed(hour=10, timezone=ZONE).describe() == "every day at 10:00, Europe/Berlin"
    assert Shifted(hour=10, timezone=ZONE).describe().startswith("as this trigger says: <Shifted")


def test_a_zone_without_a_name_is_shown_by_its_repr() -> None:
    class Ship(tzinfo):
        def utcoffset(self, _moment):
            return timedelta(hours=3)

        def dst(self, _moment):
            return timedelta(0)

        def tzname(self, _moment):
            return "ship's time"

        def __repr__(self) -> str:
            return "Ship()"

    assert CronTrigger(hour=10, timezone=Ship()).describe() == "every day at 10:00, Ship()"


def test_a_limit_beyond_the_calendar_of_the_zone_is_no_error() -> None:
    end = datetime.max.replace(tzinfo=UTC)
    assert (
        "until 9999-12-31 23:59:59.999999"
        in CronTrigger(hour=1, end_date=end, timezone="UTC").describe()
    )
    first = datetime.min.replace(tzinfo=UTC)
    text = CronTrigger(hour=1, start_date=first, end_date=end, timezone="Asia/Tokyo").describe()
    assert "0001-01-01" in text


@pytest.mark.parametrize("locale", ["zn", "english", "", None, "en.py", "../en", "_words"])
def test_an_unknown_locale_is_an_error_that_names_those_there_are(locale) -> None:
    with pytest.raises(ValueError, match=r"locale .*(did you mean|known are)"):
        IntervalTrigger(hours=1).describe(locale)
    with pytest.raises(ValueError, match=r"locale .*(did you mean|known are)"):
        IntervalTrigger(hours=1).preview(1, locale=locale)


def test_the_closest_locale_is_named() -> None:
    with pytest.raises(ValueError, match="did you mean 'zh'"):
        IntervalTrigger(hours=1).describe("zh-CN")
    assert locale_names() == ("en", "zh")


def test_a_locale_that_would_raise_in_a_child_is_seen_at_once() -> None:
    with pytest.raises(ValueError, match="locale"):
        OrTrigger([Wordy("Kiel")]).describe("fr")


def test_a_further_language_is_one_file(tmp_path, monkeypatch) -> None:
    file = tmp_path / "nl.py"
    file.write_text(
        "from apscheduler.triggers._words.locales.en import Words as English\n"
        "class Words(English):\n"
        "    def at_start(self):\n"
        "        return 'bij elke start van de planner'\n",
        "utf-8",
    )
    monkeypatch.setattr(locales, "__path__", [*locales.__path__, str(tmp_path)])
    locale_names.cache_clear()
    try:
        assert locale_names() == ("en", "nl", "zh")
        assert CrontabTrigger("@reboot").describe("nl") == "bij elke start van de planner"
    finally:
        monkeypatch.undo()
        locale_names.cache_clear()
        sys.modules.pop(f"{locales.__name__}.nl", None)
        vars(locales).pop("nl", None)


NIGHT = "[every day at 02:30, Europe/Berlin]"
UNDER = [
    (
        CalendarTrigger(CronTrigger(hour=2, minute=30, timezone=ZONE), BusinessDays("DE")),
        f"{NIGHT} unless closed by BusinessDays('DE')",
        "【每天 02:30（Europe/Berlin）】，BusinessDays('DE') 关闭时不触发",
    ),
    (
        CalendarTrigger(
            CronTrigger(hour=2, minute=30, timezone=ZONE),
            [{"2026-12-25"}, Blackout("2026-12-24", None, "freeze", ZONE), "release"],
        ),
        (f"{NIGHT} unless closed by ClosedDays(2026-12-25), Blackout(2026-12-24 00:00 Europe/Berlin to ever) or the "
        "scheduler's calendar 'release'"),
        ("【每天 02:30（Europe/Berlin）】，ClosedDays(2026-12-25)、Blackout(2026-12-24 00:00 Europe/Berlin to ever) 或调度器的"
        "日历 'release' 关闭时不触发"),
    ),
    (
        CalendarTrigger(
            CronTrigger(hour=2, minute=30, timezone=ZONE),
            [BusinessDays(weekend=["fri"]), DailyBlackout("22:00", "02:30:30", ["sat"], "backup", "UTC")],
            closed="next",
        ),
        (f"{NIGHT}, moved to the next open day from days closed by BusinessDays(weekend=fri), unless closed by "
        "DailyBlackout(22:00 to 02:30:30, sat, UTC)"),
        ("【每天 02:30（Europe/Berlin）】，遇 BusinessDays(weekend=fri) 关闭的日子移至下一个开放日，"
        "DailyBlackout(22:00 to 02:30:30, sat, UTC) 关闭时不触发"),
    ),
    (
        CalendarTrigger(CronTrigger(hour=2, minute=30, timezone=ZONE), "release", closed="previous"),
        (f"{NIGHT}, moved to the open day before from days closed by the scheduler's calendar 'release', whose blackouts "
        "drop it"),
        "【每天 02:30（Europe/Berlin）】，遇调度器的日历 'release' 关闭的日子移至前一个开放日，遇其禁止时段则不触发",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("trigger", "english", "chinese"), UNDER)
def test_calendars_are_named(trigger, english, chinese) -> None:
    assert trigger.describe() == english
    assert trigger.describe("zh") == chinese


def test_an_object_of_holidays_is_named_as_its_country_only_while_it_has_no_other_days() -> None:
    trigger = CronTrigger(hour=10, timezone="UTC")
    plain, changed = holidays.country_holidays("DE"), holidays.country_holidays("DE")
    changed.update({"2026-07-01": "the founder's birthday"})
    by_code = CalendarTrigger(trigger, BusinessDays("DE")).describe()
    assert CalendarTrigger(trigger, BusinessDays(plain)).describe() == by_code
    other = CalendarTrigger(trigger, BusinessDays(changed)).describe()
    assert other != by_code
    assert "checksum" in other
    assert len(plain) == 0, "the object itself is not asked"


class FullMoon(DayCalendar):
    """A calendar of someone else's, which says nothing of itself."""

    def why_day_closed(self, day):
        return "full moon" if day.day == 14 else None

    def __getstate__(self):
        return {"version": 1}

    def __setstate__(self, state):
        pass


class NamedMoon(FullMoon):
    def __str__(self) -> str:
        return "full moons"


def test_calendars_of_someone_elses_are_told_apart() -> None:
    first, second = FullMoon(), FullMoon()
    assert "FullMoon" in calendar_text(first)
    assert calendar_text(first) != calendar_text(second)
    assert calendar_text(NamedMoon()) == "NamedMoon full moons"
    trigger = CalendarTrigger(CronTrigger(hour=10, timezone="UTC"), first)
    (row,) = trigger.preview(1, datetime(2026, 5, 14))
    assert row.remarks[0].text == "skipped: closed by FullMoon: 2026-05-14 is full moon"
    assert repr(first) == "<FullMoon>"


def test_a_recurrence_is_described_by_its_rule() -> None:
    trigger = RRuleTrigger("FREQ=MONTHLY;BYDAY=-1FR", "2026-01-01 09:00:00", "2027-01-01", ZONE, 5)
    assert trigger.describe() == (
        "every month on the last Friday of the month at 09:00 (by the recurrence rule FREQ=MONTHLY;BYDAY=-1FR), counted "
        "from 2026-01-01 09:00, Europe/Berlin, until "
        "2027-01-01 00:00, each run up to 5 seconds later at random"
    )
    assert trigger.describe("zh") == (
        "每月的 当月最后一个周五 09:00（按重复规则 FREQ=MONTHLY;BYDAY=-1FR），从 2026-01-01 09:00 起算（Europe/Berlin），至 2027-01-01 00:00 止，"
        "每次随机推迟至多 5 秒"
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Europe/Berlin", "Europe/Berlin (dateutil)"),
        ("America/Indiana/Knox", "America/Indiana/Knox (dateutil)"),
    ],
)
def test_a_zone_of_dateutils_is_shown_by_its_name(name, shown):
    zone = dateutil.tz.gettz(name)
    said = CronTrigger(hour=5, timezone=zone).describe()
    assert said == f"every day at 05:00, {shown}"


def test_a_file_of_no_zones_name_is_shown_without_its_folder(tmp_path):
    file = tmp_path / "private.tz"
    file.write_bytes(files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes())
    said = CronTrigger(hour=5, timezone=dateutil.tz.tzfile(str(file))).describe()
    assert said == "every day at 05:00, private.tz (dateutil)"


# -- what never comes, zones without clock changes, weeks, rules ------------------------------------------------------
# Neighbours tried beyond the reported ones: fixed offsets, zones that gave up clock changes, H before its job, CronTrigger,
# RRULEs and end dates that leave nothing, lists of weeks, each part of a rule, EXRULE, RDATE and EXDATE.


@pytest.mark.parametrize(
    ("zone", "is_said"),
    [
        ("UTC", False),
        ("Asia/Shanghai", False),
        ("Asia/Tokyo", False),
        ("America/Sao_Paulo", False),
        (timezone(timedelta(hours=2)), False),
        ("Europe/Berlin", True),
        ("America/New_York", True),
        ("Australia/Lord_Howe", True),
    ],
)
@pytest.mark.parametrize("expression", ["0 10 * * 5", "*/15 * * * *", "H 3 * * *"])
def test_clock_changes_are_spoken_of_where_there_are_some_ahead(zone, is_said, expression) -> None:
    for dst in ("debian", "ocps", "utc-line"):
        trigger = CrontabTrigger(expression, zone, dst=dst)
        assert ("clocks" in trigger.describe()) is is_said
        assert ("时钟" in trigger.describe("zh")) is is_said


@pytest.mark.parametrize(
    "trigger",
    [
        CrontabTrigger("0 0 31 2 *", "UTC"),
        CrontabTrigger("0 0 31 2,4,6 *", ZONE),
        CrontabTrigger("0 0 0 29 2 * 2027", "UTC"),
        CrontabTrigger("0 0 1 * *", "UTC", start_date="2027-01-02", end_date="2027-01-31"),
        CronTrigger(month=2, day=31, timezone="UTC"),
        CronTrigger(month=6, week=53, timezone=ZONE),
        RRuleTrigger("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "2027-01-01", timezone="UTC"),
        RRuleTrigger("FREQ=HOURLY;INTERVAL=24;BYHOUR=7", "2027-01-01 09:00:00", timezone="UTC"),
    ],
    ids=str,
)
def test_what_never_comes_says_so(trigger) -> None:
    assert trigger.describe().endswith("; this never comes")
    assert trigger.describe("zh").endswith("；永远不会到来")


def test_what_comes_seldom_does_not_say_that_it_never_comes() -> None:
    for trigger in (CrontabTrigger("0 0 29 2 *", "UTC"), CronTrigger(week=53, timezone="UTC")):
        assert "never" not in trigger.describe()
        assert "永远" not in trigger.describe("zh")


@pytest.mark.parametrize(
    ("week", "en", "zh"),
    [
        (
            "*/2",
            (
                "every day in every 2nd ISO week of the year, from week 1 to week 53 (so in two weeks running, 53 and 1, after "
                "a year of 53) at 00:00, UTC"
            ),
            "每天（仅限每年的 ISO 第 1 至 53 周中每 2 周一次，有 53 周的年份过后第 53 周和第 1 周相连）00:00（UTC）",
        ),
        (
            "2-52/2",
            "every day in every 2nd ISO week of the year, from week 2 to week 52 at 00:00, UTC",
            "每天（仅限每年的 ISO 第 2 至 52 周中每 2 周一次）00:00（UTC）",
        ),
        (
            "5,10",
            "every day in ISO weeks 5 and 10 at 00:00, UTC",
            "每天（仅限 ISO 第 5、10 周）00:00（UTC）",
        ),
    ],
)
def test_weeks_are_said_as_what_they_mean(week, en, zh) -> None:
    trigger = CronTrigger(week=week, day="*", timezone="UTC", hour=0)
    assert (trigger.describe(), trigger.describe("zh")) == (en, zh)


RULES = [
    ("FREQ=DAILY", "every day at 09:00", "每天的 09:00"),
    (
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR",
        "every 2 weeks on Monday and Friday at 09:00",
        "每 2 周的 周一、周五 09:00",
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU",
        "every 2 weeks on Tuesday at 09:00, weeks beginning on Sunday",
        "每 2 周的 周二 09:00，每周从周日开始",
    ),
    (
        "FREQ=MONTHLY;BYMONTHDAY=-3",
        "every month on the 3rd to last day at 09:00",
        "每月的 当月倒数第 3 天 09:00",
    ),
    (
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "every month on Friday if it is the 13th at 09:00",
        "每月的 13 日（仅当该日为周五）09:00",
    ),
    ("FREQ=YEARLY", "every year on the 5th of January at 09:00", "每年的 1 月 5 日 09:00"),
    (
        "FREQ=YEARLY;BYDAY=20MO",
        "every year on the 20th Monday of the year at 09:00",
        "每年的 当年第 20 个周一 09:00",
    ),
    (
        "FREQ=YEARLY;BYYEARDAY=100",
        "every year on the 100th day of the year at 09:00",
        "每年的 当年第 100 天 09:00",
    ),
    (
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
        "every year on Monday in week 20 at 09:00",
        "每年的 第 20 周 周一 09:00",
    ),
    (
        "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE;BYSETPOS=-1",
        "every month on Tuesday and Wednesday at 09:00, only the last of these in each month, 3 times in all",
        "每月的 周二、周三 09:00，每月只取其中的最后一个，共 3 次",
    ),
    (
        "FREQ=HOURLY;INTERVAL=3;BYHOUR=9,12;UNTIL=20280101T000000Z",
        "every 3 hours at minute 0 of hours 9 and 12, until 2028-01-01 00:00 UTC",
        "每 3 小时的 第 9、12 时 第 0 分，至 2028-01-01 00:00 UTC 止",
    ),
    ("FREQ=MINUTELY;INTERVAL=20", "every 20 minutes", "每 20 分钟"),
    (
        "FREQ=DAILY;COUNT=5\nEXRULE:FREQ=WEEKLY\nRDATE:20270301,20270302\nEXDATE:20270106",
        (
            "every day at 09:00, 5 times in all and also on 2 dates of its own, except every week on Tuesday at 09:00, 1 date "
            "left out"
        ),
        "每天的 09:00，共 5 次，以及另加 2 个日期，但不含每周的 周二 09:00，除去 1 个日期",
    ),
]


@pytest.mark.parametrize(("rule", "en", "zh"), RULES, ids=[row[0] for row in RULES])
def test_a_rule_says_what_it_means_and_its_text(rule, en, zh) -> None:
    trigger = RRuleTrigger(rule, "2027-01-05 09:00:00", timezone="UTC")
    text = "; ".join(trigger.rrule.splitlines())
    assert trigger.describe().startswith(f"{en} (by the recurrence rule {text}), counted from ")
    assert trigger.describe("zh").startswith(f"{zh}（按重复规则 {text}），从 ")
