"""The command ``apscheduler``."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest
from click.testing import CliRunner

from apscheduler import jobstores
from apscheduler.cli import main
from apscheduler.testing import ManualScheduler


def asked(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, words)
    return result.exit_code, result.output


def test_next_prints_the_following_fire_times_of_a_cron_trigger() -> None:
    code, output = asked(
        *["next", "cron", "hour=10", "day_of_week=mon-fri", "--count", "3"],
        *["--timezone", "Europe/Berlin", "--after", "2026-03-26T12:00"],
    )
    assert code == 0, output
    assert output.splitlines() == [
        "Fri 2026-03-27 10:00:00+01:00 CET",
        "Mon 2026-03-30 10:00:00+02:00 CEST",
        "Tue 2026-03-31 10:00:00+02:00 CEST",
    ]


def test_next_reads_whole_numbers_for_intervals() -> None:
    code, output = asked(
        *["next", "interval", "hours=12", "start_date=2026-03-28 00:00:00", "--count", "2"],
        *["--timezone", "UTC", "--after", "2026-03-28T01:00+00:00"],
    )
    assert code == 0, output
    assert output.splitlines() == [
        "Sat 2026-03-28 12:00:00+00:00 UTC",
        "Sun 2026-03-29 00:00:00+00:00 UTC",
    ]


def test_next_takes_a_crontab_expression_as_it_is() -> None:
    after = ("--after", "2026-05-01", "--timezone", "UTC", "--count", "1")
    code, output = asked("next", "crontab", "0 10 * * 1-5", *after)
    assert (code, output) == (0, "Fri 2026-05-01 10:00:00+00:00 UTC\n")
    code, output = asked("next", "crontab", "H(7-7) 10 * * *", "job_id=nightly", *after)
    assert (code, output) == (0, "Fri 2026-05-01 10:07:00+00:00 UTC\n")
    code, output = asked("next", "crontab", "@reboot", *after)
    assert (code, output) == (0, "No fire time: at each start of the scheduler.\n")


def test_next_says_when_a_trigger_ends() -> None:
    code, output = asked(
        "next", "date", "run_date=2026-05-01 08:00:00", "--timezone", "UTC", "--after", "2026-06-01"
    )
    assert code == 0, output
    assert output.splitlines() == [
        "Fri 2026-05-01 08:00:00+00:00 UTC (overdue; the last one)",
        "No further fire time after these 1.",
    ]


def test_next_says_what_the_clocks_do_to_a_fire_time() -> None:
    code, output = asked(
        *["next", "cron", "hour=2", "minute=30", "--count", "2"],
        *["--timezone", "Europe/Berlin", "--after", "2026-03-28T12:00"],
    )
    assert code == 0, output
    assert output.splitlines() == [
        "Sun 2026-03-29 03:30:00+02:00 CEST (02:30 does not exist on this day: the clocks go from 02:00 to 03:00)",
        "Mon 2026-03-30 02:30:00+02:00 CEST",
    ]


def test_next_says_what_has_no_fire_time_any_more() -> None:
    code, output = asked("next", "cron", "year=2020", "--timezone", "UTC")
    assert (code, output) == (
        0,
        "No fire time: on the 1st of January in 2020 at 00:00, UTC.\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["cron", "hour=10", "day_of_week=mon-fri", "jitter=2.5"],
            "every weekday (Monday to Friday) at 10:00, UTC, each run up to 2.5 seconds later at random",
        ),
        (["cron", "hour=10", "day_of_week=mon-fri", "--locale", "zh"], "每周一至周五 10:00（UTC）"),  # noqa: RUF001
        (
            ["crontab", "0", "10", "*", "*", "FRI", "dst=ocps"],
            "every Friday at 10:00, UTC",
        ),
        (
            ["crontab", "expression=0/15 * * * *", "lenient=yes"],
            "every 15 minutes, UTC",
        ),
        (
            ["rrule", "FREQ=MONTHLY;BYDAY=-1FR", "start_date=2026-01-01"],
            (
                "every month on the last Friday of the month at 00:00 (by the recurrence rule FREQ=MONTHLY;BYDAY=-1FR), "
                "counted from 2026-01-01 00:00, UTC"
            ),
        ),
        (
            ["interval", "hours=1.5", "start_date=2026-01-01"],
            "every 1 hour and 30 minutes, counted from 2026-01-01 00:00, UTC",
        ),
    ],
)
def test_describe_says_a_trigger_in_words(words, said) -> None:
    assert asked("describe", *words, "--timezone", "UTC") == (0, f"{said}\n")


def test_help_shows_the_examples_line_by_line() -> None:
    _, output = asked("describe", "--help")
    assert "\n  apscheduler describe crontab '0 10 * * 1-5' --locale zh\n" in output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["next", "corn"], "no trigger 'corn'; the closest is 'cron'"),
        (["next", "xyz"], "known are calendarinterval, cron, crontab, date, interval, rrule"),
        (
            ["next", "cron", "hour"],
            "'hour' was given where NAME=VALUE is expected, such as hour=10.",
        ),
        (
            ["next", "date", "2026-13-01"],
            "'2026-13-01' was given where NAME=VALUE is expected: write run_date=2026-13-01.",
        ),
        (["next", "date", "2026-01-01 10:00"], "write 'run_date=2026-01-01 10:00'."),
        (["next", "interval", "5"], "'5' was given where NAME=VALUE is expected, such as hours=1."),
        (["next", "cron", "=5"], "NAME=VALUE"),
        (["next", "cron", "hour=25"], "cron: "),
        (["next", "crontab", "0 10 * * mon-fir"], "did you mean fri?"),
        (["next", "crontab", "H 10 * * *"], "for_job"),
        (["next", "crontab"], "crontab needs its expression, in quotes: such as '0 10 * * 1-5'"),
        (["describe", "rrule", "jitter=5"], "rrule needs its expression"),
        (["describe", "rrule", "FREQ=DAILLY"], "did you mean 'DAILY'?"),
        (["describe", "corn"], "the closest is 'cron'"),
        (["describe", "cron", "hour=10", "--locale", "zn"], "known are: en, zh"),
        (["next", "cron", "hour=10", "--locale", "zh-TW"], "did you mean 'zh'?"),
        (["describe", "cron", "jitter=soon"], "jitter must be a number"),
        (["describe", "interval", "hours=inf"], "interval: "),
        (["describe", "crontab", "0 10 * * *", "lenient=maybe"], "crontab: "),
        (
            ["next", "interval", "fortnights=1"],
            "the 'interval' trigger does not take 'fortnights'; it takes",
        ),
        (["next", "interval", "hours=1", "--timezone", "Europe/Berlim"], "interval: "),
        (["next", "interval", "hours=1", "--after", "soon"], "write it as 2026-03-26"),
        (["next", "0 10 * * 1-5"], "write crontab before an expression: crontab '0 10 * * 1-5'"),
        (["describe", "@daily"], "crontab '@daily'"),
        (["describe", "RRULE:FREQ=DAILY"], "write rrule before a rule: rrule 'RRULE:FREQ=DAILY'"),
        (["next", "cron", "huor=10"], "does not take 'huor' (did you mean 'hour'?)"),
        (["next", "interval", "huors=10"], "did you mean 'hours'?"),
        (["next", "date", "run_dat=2030-01-01"], "did you mean 'run_date'?"),
        (["next", "calendarinterval", "day=1"], "did you mean 'days'?"),
        (["next", "crontab", "0 10 * * *", "jobid=a"], "did you mean 'job_id'?"),
        (["next", "rrule", "FREQ=DAILY", "interval=2"], "it takes rrule, start_date, end_date"),
        (["next", "cron", "hour=1", "hour=2"], "hour was given twice"),
        (["next", "cron", "timezone=UTC", "--timezone", "UTC"], "timezone was given twice"),
        (["next", "cron", "hour=1", "calendar=DE"], "calendars belong to a scheduler"),
        (["next", "cron", "--timezone", "Berlin"], "cron: there is no time zone 'Berlin'; did"),
        (["nxet", "cron"], "There is no command 'nxet'; did you mean 'next'?"),
        (["jobs"], "known are adopt, describe, doctor, next, version"),
        (["next", "cron", "--timzone", "UTC"], "--timezone"),
        (["next", "interval", "hours=1", "--count", "0"], "--count"),
        (["next", "crontab", "0 10 * * *", "=5"], "'=5' was given where NAME=VALUE is expected."),
    ],
)
def test_next_explains_what_it_cannot_read(words, complaint) -> None:
    code, output = asked(*words)
    assert code == 2
    assert complaint in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("trigger", "argument"),
    [("cron", "huor"), ("interval", "huors"), ("date", "when"), ("rrule", "count")],
)
def test_a_name_that_a_trigger_does_not_take_gets_the_words_of_the_api(trigger, argument) -> None:
    text = ["FREQ=DAILY"] if trigger == "rrule" else []
    _, output = asked("next", trigger, *text, f"{argument}=1")
    given = {argument: 1, **({"rrule": "FREQ=DAILY"} if text else {})}
    with pytest.raises(TypeError) as raised:
        ManualScheduler().add_job(print, trigger, **given)
    said = str(raised.value).partition("; it takes")[0]
    assert said.partition(" (did")[0] in output


def test_python_m_apscheduler_is_the_command() -> None:
    command = [sys.executable, "-m", "apscheduler"]
    shown = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60)
    assert (shown.returncode, shown.stdout) == (0, asked("version")[1])
    refused = subprocess.run([*command, "nxet"], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert "Usage: python -m apscheduler" in refused.stderr


def test_the_option_version_says_what_the_command_says() -> None:
    assert asked("--version") == asked("version")


def test_a_store_without_sqlalchemy_is_told_which_extra_is_missing(monkeypatch) -> None:
    for name in [name for name in sys.modules if name.startswith("sqlalchemy.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    for name in ("sqlalchemy", "_checkup"):  # another test of this process may have loaded them
        monkeypatch.delitem(sys.modules, f"apscheduler.jobstores.{name}", raising=False)
        monkeypatch.delattr(jobstores, name, raising=False)
    code, output = asked("doctor", "--store", "sqlite:///jobs.db")
    assert code == 1
    assert "pip install 'tickwright[sqlalchemy]'" in output
    code, output = asked("adopt", "--store", "postgresql://h/d")
    assert code == 1
    assert "pip install 'tickwright[sqlalchemy]'" in output


def test_version_names_our_version_and_the_api_we_speak() -> None:
    code, output = asked("version")
    assert code == 0
    assert output.startswith("tickwright ")
    assert "APScheduler API 3.11." in output


def test_version_is_said_of_a_copy_that_is_no_distribution(monkeypatch) -> None:
    def none_of(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", none_of)
    code, output = asked("version")
    assert code == 0
    assert output.startswith("tickwright (not installed as a distribution), APScheduler API 3.11.")
