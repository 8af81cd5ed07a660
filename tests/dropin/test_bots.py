"""Bots whose job queues run on ours: python-telegram-bot and NoneBot, both without network."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.dropin.applications import reports, troubles

pytestmark = pytest.mark.slow


def test_a_telegram_bots_job_queue(dropin_python):
    (bot,) = reports(dropin_python, "telegram_bot.py")
    assert bot["reminder"] == [["tea", 42, 1]]
    assert bot["countdown"] == 3
    assert bot["errors"] == ["weather: the weather service is down"]
    assert bot["names"] == ["custom", "daily", "every", "monthly"]
    assert bot["by_name"] == ["daily"]
    assert bot["disabled_next"] is None
    assert bot["enabled_next"] is bot["next_after_stop"] is True
    assert bot["ran_by_hand"] is True
    daily, monthly = map(datetime.fromisoformat, bot["next_times"])
    # In this library's run_daily 0 is Sunday: Monday and Wednesday.
    assert daily.weekday() in {0, 2}
    assert (daily.hour, daily.minute) == (9, 30)
    assert (monthly + timedelta(days=1)).day == 1
    assert monthly.hour == 12
    assert bot["long_task"] == ["long task began", "long task ended"]
    assert bot["running"] is False
    assert troubles(bot["ledger"]) == []  # the library itself catches what a callback raises
    assert len(bot["ledger"]) >= 1 + 3 + 3 + 1 + 1 + 1


def test_a_nonebot_plugin_with_coroutines_functions_and_threads(dropin_python):
    (bot,) = reports(dropin_python, "nonebot_bot.py")
    assert bot["reached"] is True  # it was its async listener that counted
    assert bot["greeted"][:2] == [[1, 2, True]] * 2
    assert bot["counted"] == ["counted", "thread"]
    assert bot["running"] == {
        "before": False,
        "during": True,
        "next": "Asia/Tokyo",
        "after": False,
    }
    assert {run["job"] for run in bot["ledger"]} == {"greet", "count", "once"}
    assert troubles(bot["ledger"]) == []
