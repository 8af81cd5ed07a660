"""Chinese (simplified)."""

# ruff: noqa: RUF001, RUF002 - full-width punctuation is what Chinese is written with

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from apscheduler.triggers._words.locale import Locale, around_the_week, runs
from apscheduler.triggers._words.parts import (
    Combined,
    Dates,
    Days,
    Every,
    Fields,
    Foreign,
    Limits,
    Listed,
    Moment,
    Numbers,
    Once,
    OnClock,
    OnDates,
    Position,
    Recurring,
    Stepped,
    Times,
    UnderCalendars,
    Unsettled,
    Weekdays,
)
from apscheduler.triggers._words.rules_zh import rule as rule_words

_WEEKDAYS: Final = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_POSITIONS: Final = ("第一个", "第二个", "第三个", "第四个", "第五个", "最后一个")
_CHANGES: Final = {
    "moved": "调整时钟时，被跳过的时间在跳过结束时触发，重复出现的时间只触发一次",
    "elapsed": "调整时钟时，被跳过的时间不触发，重复出现的时间触发两次",
    "once": "调整时钟时，被跳过的时间不触发，重复出现的时间只触发一次",
    "utc-line": "调整时钟时，被跳过的时间按未调整的时钟触发（做法与 cron 触发器相同），重复出现的时间触发两次",
}
_NEVER: Final = "永远不会到来"
_REMARKS: Final = {
    "gap": "当天没有 {0}：时钟从 {1} 直接拨到 {2}",
    "first": "当天有两次 {0}：这是第一次",
    "second": "当天有两次 {0}：这是第二次",
    "left_out": "此前的 {0} 不存在，已略过",
    "jitter": "随机推迟至多 {0} 秒",
    "overdue": "已逾期",
    "end": "最后一次：截止时间为 {0}",
    "last": "最后一次",
    "skipped": "跳过：{0}",
    "unsure": "调度器的日历若关闭则跳过：{0}",
    "moved": "由关闭日 {0} 移来",
    "paused": "已暂停",
    "at_start": "等待下次启动调度器",
    "never": "从现在起不再触发",
    "error": "无法得知：{0}",
    "steps": "触发器走了 {0} 步仍未找到",
}


class Words(Locale):
    """Chinese words."""

    def once(self, said: Once) -> str:
        day = _WEEKDAYS[said.moment.day.weekday()]
        return f"仅一次：{_moment(said.moment, f'（{day}）')}（{said.zone}）"

    def every(self, said: Every) -> str:
        return _limited(
            f"每{_distance(said)}一次，从 {_joined(_moment(said.start), '起算')}", said.limits
        )

    def on_clock(self, said: OnClock) -> str:
        text = _limited(_schedule(said.days, said.times), said.limits)
        if said.never:
            return f"{text}；{_NEVER}"
        return text if said.changes is None else f"{text}；{_CHANGES[said.changes]}"

    def on_dates(self, said: OnDates) -> str:
        text = f"每{_span(said.months, said.days)}一次，时间为 {said.time}，首日为 {said.first}"
        if said.last is not None:
            text += f"，末日不晚于 {said.last}"
        if said.short_months:
            text += "，没有相应日期的月份略过"
        return _limited(text, said.limits)

    def at_start(self) -> str:
        return "每次启动调度器时"

    def unsettled(self, said: Unsettled) -> str:
        text = f"按 crontab 表达式 {said.expression}，其中的 H 由作业的 id 决定"
        text = _limited(text, said.limits)
        return text if said.changes is None else f"{text}；{_CHANGES[said.changes]}"

    def combined(self, said: Combined) -> str:
        children = [f"【{self.say(each)}】" for each in said.said]
        rule = "以下各项同时到期时" if said.together else "以下任一项到期时"
        text = f"{rule}：{''.join(children)}"
        return f"{text}，{_jitter(said.jitter)}" if said.jitter else text

    def under_calendars(self, said: UnderCalendars) -> str:
        inner = self.say(said.said)
        names = [f"调度器的日历 {name!r}" for name in said.names]
        if said.closed == "drop":
            return f"【{inner}】，{_and([*said.days, *said.windows, *names], '或')} 关闭时不触发"
        to = "移至下一个开放日" if said.closed == "next" else "移至前一个开放日"
        days = _joined("遇", _and([*said.days, *names], "或"))
        text = f"【{inner}】，{days} 关闭的日子{to}"
        if said.names:
            text += "，遇其禁止时段则不触发"
        return f"{text}，{_and(said.windows, '或')} 关闭时不触发" if said.windows else text

    def recurring(self, said: Recurring) -> str:
        found = [rule_words(each) for each in said.rules]
        if said.added:
            found.append(f"另加 {said.added} 个日期")
        text = "，以及".join(found)
        if said.excluded:
            text += f"，但不含{'和'.join(map(rule_words, said.excluded))}"
        if said.left_out:
            text += f"，除去 {said.left_out} 个日期"
        text += f"（按重复规则 {said.rule}），从 {_joined(_moment(said.start), '起算')}"
        text = _limited(text, said.limits)
        return f"{text}；{_NEVER}" if said.never else text

    def foreign(self, said: Foreign) -> str:
        return f"依此触发器自己的说明：{said.text}"

    def remark(self, kind: str, values: tuple[str, ...]) -> str:
        return _REMARKS[kind].format(*values)


# -- limits ------------------------------------------------------------------------------------------------


def _limited(text: str, limits: Limits) -> str:
    text += f"（{limits.zone}）"
    if limits.start is not None:
        text += f"，自 {_joined(_moment(limits.start), '起')}"
    if limits.end is not None:
        text += f"，至 {_joined(_moment(limits.end), '止')}"
    if limits.jitter is not None:
        text += f"，{_jitter(limits.jitter)}"
    return text


def _jitter(seconds: str) -> str:
    return f"每次随机推迟至多 {seconds} 秒"


def _moment(moment: Moment, between: str = " ") -> str:
    text = f"{moment.day}{between}{moment.time}"
    return text if moment.offset is None else f"{text}（{moment.offset}）"


# -- distances ---------------------------------------------------------------------------------------------


def _distance(said: Every) -> str:
    if said.hours > 24 and not said.hours % 24 and not said.minutes and said.seconds == "0":
        return f" {said.hours} 小时（{said.hours // 24} 天）"
    parts = ((str(said.hours), "小时"), (str(said.minutes), "分钟"), (said.seconds, "秒"))
    return _counted(parts)


def _span(months: int, days: int) -> str:
    years, months = divmod(months, 12)
    if days and not days % 7 and not years and not months:
        return f" {days // 7} 周"
    parts = ((years, "年"), (months, "个月"), (days, "天"))
    return _counted((str(number), unit) for number, unit in parts)


def _counted(parts: Iterable[tuple[str, str]]) -> str:
    found = [f"{number} {unit}" for number, unit in parts if number != "0"]
    return f" {' '.join(found)}"


# -- days and times ----------------------------------------------------------------------------------------


def _schedule(days: Days, times: Times) -> str:
    if isinstance(times, Stepped):
        text = _stepped(times)
        return text if not times.spans and days == Days() else _joined(_days(days), text)
    said = _and(times.times) if isinstance(times, Listed) else _fields(times)
    if isinstance(times, Fields) and times.hours is None and days == Days():
        return said
    return _joined(_days(days), said)


def _stepped(times: Stepped) -> str:
    step = f"每{_seconds(times.step)}"
    if times.spans:
        return f"{_and(f'{first} 至 {last}' for first, last in times.spans)} {step}一次"
    if times.step == 3600:
        return f"{step}的第 {times.first // 60} 分" if times.first else f"{step}整点"
    return f"{step}的第 {times.first} 秒" if times.first else step


def _seconds(step: int) -> str:
    if step in (1, 60, 3600):
        return {1: "秒", 60: "分钟", 3600: "小时"}[step]
    parts = ((step // 3600, "小时"), (step // 60 % 60, "分钟"), (step % 60, "秒"))
    return _counted((str(number), unit) for number, unit in parts)


def _fields(times: Fields) -> str:
    parts = [_numbered("时", "小时", times.hours), _numbered("分", "分钟", times.minutes)]
    if times.seconds != (0,):
        parts.append(_numbered("秒", "秒", times.seconds))
    return "".join(parts)


def _numbered(unit: str, each: str, values: Numbers | None) -> str:
    """Return ``每分钟``, ``第 5、10 至 12 分`` or ``第 0 至 56 分中每隔 7 分``."""
    if values is None:
        return f"每{each}"
    found = runs(values)
    if found[0][2] > 1:
        first, last, step = found[0]
        return f"第 {first} 至 {last} {unit}中每 {step} {unit}"
    texts = (str(first) if first == last else f"{first} 至 {last}" for first, last, _ in found)
    return f"第 {'、'.join(texts)} {unit}"


def _days(days: Days) -> str:
    """Return which days, such as ``每月 13 日（仅当该日为周五）``."""
    months = "" if days.months is None else f"每年 {_months(days.months)}的"
    on_dates = None if days.dates is None else _joined(months or "每月", _dates(days.dates))
    weekdays = days.weekdays
    if on_dates is None and weekdays is None:
        text = f"{months}每天"
    elif weekdays is None:
        text = f"{on_dates}"
    elif on_dates is None:
        text = _weekdays(weekdays, months)
    elif days.either:
        text = f"{on_dates}，以及{_weekdays(weekdays, months)}"
    else:
        text = f"{on_dates}（仅当该日为{_one_of(weekdays)}）"
    if days.weeks is not None:
        text += f"（仅限{_weeks(days.weeks)}）"
    if days.years is not None:
        text += f"（仅限{_years(days.years)}）"
    return text


def _dates(dates: Dates) -> str:
    found = []
    for first, last, step in runs(dates.numbers):
        if step > 1:
            found.append(f"{first} 日至 {last} 日中每 {step} 日")
        else:
            found.append(f"{first} 日" if first == last else f"{first} 日至 {last} 日")
    found += [f"离 {day} 日最近的工作日（周一至周五）" for day in dates.nearest]
    found += map(_position, dates.positions)
    if dates.last_workday:
        found.append("最后一个工作日（周一至周五）")
    for back in sorted(dates.before_last, reverse=True):
        found.append(f"最后一天的前 {back} 天" if back else "最后一天")
    return _and(found)


def _weekdays(weekdays: Weekdays, months: str) -> str:
    found = []
    if weekdays.days:
        found.append(f"{months}每{_weekday_names(weekdays.days)}")
    if weekdays.positions:
        found.append(f"{months or '每月'}{_and(map(_position, weekdays.positions))}")
    return "，以及".join(found)


def _weekday_names(days: Numbers) -> str:
    run = around_the_week(days)
    if run is not None:
        return f"{_WEEKDAYS[run[0]]}至{_WEEKDAYS[run[1]]}"
    return _and(_WEEKDAYS[day] for day in days)


def _one_of(weekdays: Weekdays) -> str:
    found = [_WEEKDAYS[day] for day in weekdays.days]
    found += [f"当月{_position(each)}" for each in weekdays.positions]
    return _and(found, "或")


def _position(position: Position) -> str:
    return f"{_POSITIONS[position.number]}{_WEEKDAYS[position.weekday]}"


def _months(months: Numbers) -> str:
    texts = []
    for first, last, step in runs(months):
        if step > 1:
            texts += [f"{month} 月" for month in range(first, last + 1, step)]
        else:
            texts.append(f"{first} 月" if first == last else f"{first} 至 {last} 月")
    return _and(texts)


def _weeks(weeks: Numbers) -> str:
    first, last, step = runs(weeks)[0]
    if step == 1:
        return f" ISO {_numbered('周', '周', weeks)}"
    text = f"每年的 ISO 第 {first} 至 {last} 周中每 {step} 周一次"
    return f"{text}，有 53 周的年份过后第 53 周和第 1 周相连" if last == 53 and first == 1 else text


def _years(years: Numbers) -> str:
    found = runs(years)
    if found[0][2] > 1:
        first, last, step = found[0]
        return f" {first} 至 {last} 年中每 {step} 年"
    texts = (str(first) if first == last else f"{first} 至 {last}" for first, last, _ in found)
    return f" {'、'.join(texts)} 年"


def _and(parts: Iterable[str], word: str = "和") -> str:
    *most, last = parts
    if not most:
        return last
    return _joined(_joined("、".join(most), word), last)


def _joined(text: str, following: str) -> str:
    """Return both, with a blank between Chinese and other writing."""
    blank = text[-1] != "）" and (following[0].isascii() or text[-1].isascii())
    return f"{text} {following}" if blank else f"{text}{following}"
