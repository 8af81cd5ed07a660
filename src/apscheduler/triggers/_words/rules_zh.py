"""Recurrence rules in Chinese (simplified)."""

# ruff: noqa: RUF001 - full-width punctuation is what Chinese is written with

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from apscheduler.triggers._words.locale import runs
from apscheduler.triggers._words.parts import Numbers, Rule
from apscheduler.triggers._words.rules import until_text

_UNITS: Final = {
    "YEARLY": "年",
    "MONTHLY": "个月",
    "WEEKLY": "周",
    "DAILY": "天",
    "HOURLY": "小时",
    "MINUTELY": "分钟",
    "SECONDLY": "秒",
}
_WEEKDAYS: Final = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")


def rule(said: Rule) -> str:
    """Return the words for a rule, such as ``每 2 周的周一、周五 09:00``."""
    unit = _UNITS[said.unit]
    head = f"每{unit.removeprefix('个')}" if said.interval == 1 else f"每 {said.interval} {unit}"
    parts = []
    if said.months:
        parts.append(_list(f"{month} 月" for month in said.months))
    if said.weeks:
        parts.append(_list(_from_end(number, "周") for number in said.weeks))
    if said.yeardays:
        parts.append(_list(f"当年{_from_end(number, '天')}" for number in said.yeardays))
    if said.monthdays:
        parts.append(_list(_day(number) for number in said.monthdays))
    if said.byday:
        only = bool(said.monthdays)
        days = _list(_weekday(said, *day) for day in said.byday)
        parts.append(f"（仅当该日为{days}）" if only else days)
    parts += _times(said)
    text = f"{head}的 {_spaced(parts)}" if parts else head
    if said.picked:
        text += f"，每{unit.removeprefix('个')}只取其中的{_list(_from_end(number, '个') for number in said.picked)}"
    if said.week_start is not None:
        text += f"，每周从{_WEEKDAYS[said.week_start]}开始"
    if said.total is not None:
        text += f"，共 {said.total} 次"
    return text if said.until is None else f"{text}，至 {until_text(said.until)} 止"


def _spaced(parts: list[str]) -> str:
    return " ".join(parts).replace(" （", "（").replace("） ", "）")


def _times(said: Rule) -> list[str]:
    if said.times:
        return ["、".join(said.times)]
    found = [(said.hours, "时"), (said.minutes, "分"), (said.seconds, "秒")]
    return [_numbered(unit, values) for values, unit in found if values]


def _numbered(unit: str, values: Numbers) -> str:
    found = runs(values)
    if found[0][2] > 1:
        first, last, step = found[0]
        return f"第 {first} 至 {last} {unit}中每 {step} {unit}"
    texts = (str(first) if first == last else f"{first} 至 {last}" for first, last, _ in found)
    return f"第 {'、'.join(texts)} {unit}"


def _weekday(said: Rule, position: int, weekday: int) -> str:
    if not position:
        return _WEEKDAYS[weekday]
    return f"{'当月' if said.in_month else '当年'}{_from_end(position, '个')}{_WEEKDAYS[weekday]}"


def _day(number: int) -> str:
    return f"{number} 日" if number > 0 else f"当月{_from_end(number, '天')}"


def _from_end(number: int, unit: str) -> str:
    if number == -1:
        return f"最后一{unit}"
    return f"第 {number} {unit}" if number > 0 else f"倒数第 {-number} {unit}"


def _list(parts: Iterable[str]) -> str:
    return "、".join(parts)
