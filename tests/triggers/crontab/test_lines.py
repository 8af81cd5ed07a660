"""Lines as crontab files have them: line ends are read over, settings, users and commands are named.

Neighbours tried beyond the reported ones: ``TZ=`` and ``MAILTO=``, remarks, several lines, nicknames, six and seven fields,
every form of ``~``, slips in the day of week that look like a user, and the same texts in ``from_crontab``.
"""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta

import pytest

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabError, CrontabTrigger


@pytest.mark.parametrize("text", ["{}\n", "{}\r\n", "{}\r", "\n{}\n", "\r\n  {}  \r\n\n", "{}\t\n"])
@pytest.mark.parametrize("line", ["0 10 * * *", "@daily", "0 0 10 * * mon", "0 0 10 * * mon 2030"])
def test_line_ends_around_an_expression_are_read_over(text, line):
    trigger = CrontabTrigger(text.format(line), timezone="UTC")
    assert trigger.expression == line
    now = datetime(2027, 1, 1, 11, tzinfo=UTC)
    plain = CrontabTrigger(line, timezone="UTC")
    assert trigger.get_next_fire_time(None, now) == plain.get_next_fire_time(None, now)


def test_the_place_of_a_mistake_behind_a_line_end_is_right():
    with pytest.raises(CrontabError) as caught:
        CrontabTrigger("\r\n0 25 * * *\r\n")
    assert caught.value.position == 4
    assert "25 is not within 0-23" in str(caught.value)


NAMED = [
    ("0 10 * * *\n0 11 * * *", 10, "a second line", None),
    ("0 10 * * *\r\n@daily\r\n", 10, "a second line", None),
    (
        "CRON_TZ=Europe/Berlin 0 10 * * *",
        0,
        "timezone=",
        "'0 10 * * *' with timezone='Europe/Berlin'",
    ),
    ('TZ="UTC" @daily', 0, "timezone=", "'@daily' with timezone='UTC'"),
    ("CRON_TZ=UTC", 0, "timezone=", "timezone='UTC'"),
    ("MAILTO=root", 0, "MAILTO= is a setting", None),
    ("PATH = /bin:/usr/bin", 0, "PATH= is a setting", None),
    ("# every day", 0, "a comment", None),
    ("0 10 * * * # every day", 11, "a remark", "'0 10 * * *'"),
    ("0 10 * * * root", 11, "user or command (root)", "'0 10 * * *'"),
    ("0 10 * * * root run-parts /etc/cron.daily", 11, "user or command (root)", "'0 10 * * *'"),
    ("0 10 * * * /usr/bin/backup", 11, "user or command (/usr/bin/backup)", "'0 10 * * *'"),
    ("*/5 * * * * [ -x /bin/a ] && /bin/a", 12, "user or command ([)", "'*/5 * * * *'"),
    ("*/5 * * * * ~/bin/a", 12, "user or command (~/bin/a)", "'*/5 * * * *'"),
    ("@daily root /bin/x", 7, "user or command (root)", "'@daily'"),
    ("@reboot /bin/x", 8, "user or command (/bin/x)", "'@reboot'"),
    ("0 0 10 * * mon-fri deploy", 19, "user or command (deploy)", "'0 0 10 * * mon-fri'"),
]


@pytest.mark.parametrize(("text", "position", "reason", "guess"), NAMED)
def test_what_is_no_part_of_a_schedule_is_named(text, position, reason, guess):
    with pytest.raises(CrontabError) as caught:
        CrontabTrigger(text)
    assert caught.value.position == position
    assert reason in caught.value.reason
    assert caught.value.guess == guess


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0 10 * * * mon-fir", "'fir' is no weekday"),  # six fields with a slip
        ("0 25 * * * root", "is no weekday"),  # the five fields are wrong themselves
        ("* * * * * 8", "8 is not within"),
        ("0 10 * *", "4 fields"),
        ("0 10 * * 1 2 3 4", "8 fields"),
    ],
)
def test_other_mistakes_are_told_as_before(text, reason):
    with pytest.raises(CrontabError) as caught:
        CrontabTrigger(text)
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("0~30 * * * *", "H(0-30)"),
        ("~ * * * *", "H(0-59)"),
        ("5~ * * * *", "H(5-59)"),
        ("~10 * * * *", "H(0-10)"),
        ("0~30/5 * * * *", "H(0-30)/5"),
        ("1,0~30 * * * *", "H(0-30)"),
        ("* 9~17 * * *", "H(9-17)"),
        ("* * ~ * *", "H(1-28)"),
        ("* * 29~ * *", "H(29-31)"),
        ("* * * jan~mar *", "H(1-3)"),
        ("* * * * mon~fri", "H(1-5)"),
        ("30~5 * * * *", None),
    ],
)
def test_a_random_value_says_the_h_that_is_meant(text, guess):
    with pytest.raises(CrontabError) as caught:
        CrontabTrigger(text)
    assert caught.value.position == text.index("~")
    assert caught.value.guess == guess
    if guess is not None:
        CrontabTrigger(
            "* * * * *".replace("*", guess, 1) if text[0] != "*" else text[:0] + "* * * * *"
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CRON_TZ=Europe/Berlin 0 10 * * *", "timezone='Europe/Berlin'"),
        ("0 10 * * * root /bin/x", "give '0 10 * * *'"),
        ("0 0 10 * * *", "the trigger 'crontab' takes seconds"),
        ("0 10 * * *\n0 11 * * *", "one line"),
        ("0 10, 11 * * *", "no blanks"),
    ],
)
def test_from_crontab_names_them_too(text, words):
    with pytest.raises(ValueError, match="5 fields") as caught:
        CronTrigger.from_crontab(text)
    assert words in str(caught.value)


def test_from_crontab_reads_over_line_ends():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert CronTrigger.from_crontab("0 10 * * *\r\n", "UTC").fields[5].expressions


# Debian's cron sets a field's star flag by its first character (cron(8): "Only jobs that run at a fixed time are affected")
STARS = [
    ("0 2,*/2 * * *", False),
    ("0 3,* * * *", False),
    ("5,*/20 2 * * *", False),
    ("0 */2,3 * * *", True),
    ("*/30,5 2 * * *", True),
    ("0 * * * *", True),
    ("0 2 * * *", False),
    ("0 0-23 * * *", False),
    ("0 2 */2 * *", False),
]


@pytest.mark.parametrize(("expression", "goes_by_elapsed_time"), STARS)
def test_debians_rule_looks_at_the_first_character_only(expression, goes_by_elapsed_time):
    trigger = CrontabTrigger(expression, timezone="Europe/Berlin")
    first_pass = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)  # 02:00 +02:00; the hour comes again
    found, moment = [], first_pass - timedelta(microseconds=1)
    while (fire := trigger.get_next_fire_time(None, moment)) and fire < first_pass + timedelta(
        hours=2
    ):
        found.append(fire)
        moment = fire.astimezone(UTC) + timedelta(microseconds=1)
    repeated = [fire for fire in found if fire.hour == 2 and fire.fold]
    assert bool(repeated) is (goes_by_elapsed_time and any(fire.hour == 2 for fire in found))
