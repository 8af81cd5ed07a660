"""Random and mutated expressions: none hangs, crashes, or takes long, to read or to ask for a time.

A million of them with ``--long``. Time is the processor time of this thread; what was slow once is tried again, so
that a busy machine is not taken for a slow product.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from time import thread_time

import pytest

from apscheduler.triggers.crontab import DST_CHOICES, CrontabError, CrontabTrigger
from tools import commands

COUNT = 1_000_000 if os.environ.get(commands.LONG_MARK) else 20_000
LIMIT_SECONDS = 0.010
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Gaza",
]
FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
NOW = 1_767_225_600_000_000

SEEDS = [
    *(
        "*/5 * * * *",
        "0 10 * * 1-5",
        "0 0 29 2 *",
        "0 0 L * *",
        "30 2 * * *",
        "*/10 * * * * *",
        "0 0 31 2 *",
    ),
    *(
        "0 0 15W * *",
        "0 0 * * FRI#L",
        "0 0 13 * +FRI",
        "H H(0-7)/2 * * *",
        "0 0 0 29 2 +MON#5 2100-2199",
    ),
    *(
        "@daily",
        "@reboot",
        "0 0 29 FEB 1#5",
        "59 23 31 DEC 7 ",
        "0 0 0 1W 1-12/5 ? 1970-2199/7",
        "30 2 * 3 +SUN#L",
    ),
    *("22-2 * * nov-feb fri-mon", "0/15 0 L-3 * 5L", "0 0 LW 2 ?"),
]
LIMITS = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7), (1970, 2199)]
PIECES = [
    *(
        "*",
        "?",
        ",",
        "-",
        "/",
        "#",
        "+",
        "L",
        "W",
        "H",
        "(",
        ")",
        " ",
        "\t",
        "\n",
        "@",
        "l",
        "w",
        "MON",
        "sun",
        "JAN",
        "dec",
    ),
    *(
        "0",
        "1",
        "2",
        "7",
        "12",
        "28",
        "29",
        "30",
        "31",
        "59",
        "60",
        "99",
        "1970",
        "2199",
        "2100",
        "999999999999",
        "é",
        "٣",
    ),
]


def random_expression(pick: random.Random) -> str:
    kind = pick.random()
    if kind < 0.4:
        return mutated(pick.choice(SEEDS), pick)
    if kind < 0.9:
        limits = pick.choice([LIMITS[1:6], LIMITS[1:6], LIMITS[:6], LIMITS])
        return " ".join(plausible(pick, *each) for each in limits)
    return "".join(pick.choice(PIECES) for _ in range(pick.randrange(40)))


def plausible(pick: random.Random, low: int, high: int) -> str:
    """Return a field that is right more often than not."""
    if pick.random() < 0.3:
        return "*"
    numbers = sorted(pick.randint(low, high) for _ in range(2))
    forms = ["*/{2}", "{0}", "{0}-{1}", "{0}-{1}/{2}", "{0},{1}", "{1},{0}-{1},*/{2}"]
    rare = [
        "{0}W",
        "L",
        "{2}L",
        "{2}#5",
        "+{2}",
        "H",
        "{0}/{2}",
        "{1}-{0}",
        "H({0}-{1})/{2}",
        "L-{2}",
        "?",
    ]
    return pick.choice(rare if pick.random() < 0.2 else forms).format(*numbers, pick.randint(1, 7))


def mutated(text: str, pick: random.Random) -> str:
    for _ in range(pick.randrange(1, 4)):
        at = pick.randrange(len(text) + 1)
        cut = at + pick.choice([0, 0, 1, 2])
        text = text[:at] + pick.choice(["", *PIECES]) + text[cut:]
    return text


class Stopwatch:
    """Remembers what took too long each time it was tried."""

    def __init__(self) -> None:
        self.slow: list[tuple[str, str, float]] = []

    def time(self, what: str, expression: str, call: Callable[[], object]) -> None:
        best = LIMIT_SECONDS + 1
        for _ in range(4):
            began = thread_time()
            call()
            best = min(best, thread_time() - began)
            if best <= LIMIT_SECONDS:
                return
        self.slow.append((what, expression, best))


def read(expression: str, options: dict[str, object]) -> CrontabTrigger | None:
    try:
        return CrontabTrigger(expression, **options).for_job("x")  # type: ignore[arg-type]
    except CrontabError as exc:
        str(exc)
        return None


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_expression_crashes_hangs_or_takes_long():
    pick = random.Random(20260601)
    watch = Stopwatch()
    good = 0
    for _ in range(COUNT):
        expression = random_expression(pick)
        options = {
            "timezone": pick.choice(ZONES),
            "dst": pick.choice(DST_CHOICES),
            "lenient": pick.random() < 0.5,
        }
        watch.time("parse", expression, lambda e=expression, o=options: read(e, o))
        trigger = read(expression, options)
        if trigger is None:
            continue
        good += 1
        asked = pick.choice([NOW, NOW, pick.randrange(0, 4 * NOW), FIRST, LAST])
        watch.time("next", expression, lambda t=trigger, a=asked: t.next_us(None, a))
        watch.time("previous", expression, lambda t=trigger, a=asked: t.previous_us(a))
        check(trigger, asked)
    assert watch.slow == []
    assert good > COUNT // 5


def check(trigger: CrontabTrigger, asked: int) -> None:
    """Compare the two directions where both have an answer."""
    following, previous = trigger.next_us(None, asked), trigger.previous_us(asked)
    if trigger.schedule.reboot:
        assert previous is None
        return
    if following is not None:
        assert following >= asked
        assert trigger.previous_us(following) == following
        assert trigger.previous_us(following - 1) == (
            previous if following != asked else trigger.previous_us(asked - 1)
        )
    if previous is not None:
        assert previous <= asked
        assert trigger.next_us(None, previous) == previous
