"""What recurrence rules say, part by part, in both languages."""

# ruff: noqa: RUF001 - Chinese is written with full-width punctuation

from __future__ import annotations

import pytest

from apscheduler.triggers.rrule import RRuleTrigger

SENTENCES = [
    (
        "FREQ=YEARLY;BYMONTHDAY=13;BYDAY=FR;BYMONTH=1,2",
        "every year on Friday if it is the 13th of January or February at 09:30",
        "每年的 1 月、2 月 13 日（仅当该日为周五）09:30",
    ),
    (
        "FREQ=YEARLY;BYMONTHDAY=1,-1",
        "every year on the last day and the 1st of each month at 09:30",
        "每年的 当月最后一天、1 日 09:30",
    ),
    (
        "FREQ=YEARLY;BYYEARDAY=1,100,-1",
        "every year on the last day, the first day and the 100th day of the year at 09:30",
        "每年的 当年最后一天、当年第 1 天、当年第 100 天 09:30",
    ),
    (
        "FREQ=YEARLY;BYWEEKNO=1,20,-2;BYDAY=MO",
        "every year on Monday in the 2nd to last week, week 1 and week 20 at 09:30",
        "每年的 倒数第 2 周、第 1 周、第 20 周 周一 09:30",
    ),
    (
        "FREQ=MONTHLY;BYDAY=2TU,-1FR",
        "every month on the last Friday of the month and the second Tuesday of the month at 09:30",
        "每月的 当月最后一个周五、当月第 2 个周二 09:30",
    ),
    (
        "FREQ=YEARLY;BYDAY=20MO,-3SU",
        "every year on the 3rd to last Sunday of the year and the 20th Monday of the year at 09:30",
        "每年的 当年倒数第 3 个周日、当年第 20 个周一 09:30",
    ),
    (
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1,2",
        "every month on Monday, Tuesday, Wednesday, Thursday and Friday at 09:30, only the last and the second of these in each month",
        "每月的 周一、周二、周三、周四、周五 09:30，每月只取其中的最后一个、第 2 个",
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU;COUNT=5",
        "every 2 weeks on Monday and Sunday at 09:30, weeks beginning on Sunday, 5 times in all",
        "每 2 周的 周一、周日 09:30，每周从周日开始，共 5 次",
    ),
    (
        "FREQ=DAILY;COUNT=1",
        "every day at 09:30, once in all",
        "每天的 09:30，共 1 次",
    ),
    (
        "FREQ=DAILY;BYHOUR=9,10;BYMINUTE=0,30",
        "every day at 09:00, 09:30, 10:00 and 10:30",
        "每天的 09:00、09:30、10:00、10:30",
    ),
    (
        "FREQ=HOURLY;BYMINUTE=0,1,2,3,30",
        "every hour at minutes 0 to 3 and 30",
        "每小时的 第 0 至 3、30 分",
    ),
    (
        "FREQ=MINUTELY;BYSECOND=0,10,20,30,40,50;BYHOUR=8",
        "every minute at every 10th second from 0 to 50 of hour 8",
        "每分钟的 第 8 时 第 0 至 50 秒中每 10 秒",
    ),
    (
        "FREQ=MONTHLY;BYMONTHDAY=11,-3",
        "every month on the 3rd to last day and the 11th at 09:30",
        "每月的 当月倒数第 3 天、11 日 09:30",
    ),
    (
        "FREQ=DAILY;UNTIL=20271231T000000Z",
        "every day at 09:30, until 2027-12-31 00:00 UTC",
        "每天的 09:30，至 2027-12-31 00:00 UTC 止",
    ),
    (
        "FREQ=SECONDLY;INTERVAL=7;BYMINUTE=5",
        "every 7 seconds at minute 5",
        "每 7 秒的 第 5 分",
    ),
]


@pytest.mark.parametrize(("rule", "english", "chinese"), SENTENCES)
def test_a_rule_says_each_of_its_parts(rule, english, chinese):
    trigger = RRuleTrigger(f"DTSTART:20260105T093000\nRRULE:{rule}", timezone="Europe/Berlin")
    assert trigger.describe().split(" (by the recurrence rule ")[0] == english
    assert trigger.describe("zh").split("（按重复规则 ")[0] == chinese
