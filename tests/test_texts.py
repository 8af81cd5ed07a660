"""No text of a job, an exception or a name makes a second log line, or moves a terminal's cursor."""

from __future__ import annotations

import io
import logging
import unicodedata
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler.jobstores._troubles import Troubles
from apscheduler.logs import own, traceback_of
from apscheduler.runs.ledger import one_line
from apscheduler.testing import ManualScheduler
from apscheduler.texts import block, counted, line, name_of

FORGED = "2030-01-01 00:00:00 CRITICAL root: all is lost"
ODD = [
    *("\n", "\r", "\r\n", "\x1b[2J", "\x07", "\x00", "\x0b", "\x0c", "\x1c", "\x7f"),
    *("\x85", "\x9b2J", "\u2028", "\u2029", "\u202e", "\u2066", "\u200f", "\ud800", "\u061c"),
]


@pytest.fixture
def heard():
    """A stream that the package's log lines are written to, as a program's would be."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    logger = logging.getLogger("apscheduler")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.setLevel(before)
    logger.removeHandler(handler)


def is_clean(text):
    """Return whether a text has no line of a forger's and nothing that a terminal obeys."""
    lines = text.split("\n")
    return not any(each.startswith(FORGED[:10]) for each in lines) and all(
        unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
        and char not in "\u202e\u2066\u200f\u061c"
        for char in text
        if char != "\n"
    )


@pytest.mark.parametrize("odd", ODD)
def test_a_text_becomes_one_line(odd):
    assert is_clean(line(f"a{odd}{FORGED}"))
    assert len(line(f"a{odd}{FORGED}").splitlines()) == 1
    assert line(f"a{odd}b") != "ab"


@pytest.mark.parametrize(
    "text", ["plain", "名前 定时任务", "naïve ß", "👩‍👧 ok", "back\\slash %s {}", " "]
)
def test_ordinary_letters_stay_as_they_are(text):
    assert line(text) == text
    assert line(line(text)) == line(text)


@given(st.text())
def test_any_text_becomes_one_line_and_stays_it(text):
    once = line(text)
    assert len(f"{once}.".splitlines()) == 1
    assert line(once) == once


@given(st.text())
def test_no_line_of_a_block_begins_at_the_margin(text):
    assert all(not each or each[0] == " " for each in block(text).split("\n"))


def raises(text, *, note=None):
    error = ValueError(text)
    if note is not None:
        error.add_note(note)
    raise error


@pytest.mark.parametrize("odd", ODD)
def test_nothing_of_a_job_forges_a_log_line(heard, odd):
    text = f"x{odd}{FORGED}"
    name = text.encode("utf-8", "replace").decode()
    scheduler = ManualScheduler()
    scheduler.start()
    alias = f"pool{odd}{FORGED}"
    from apscheduler.executors.debug import DebugExecutor

    scheduler.add_executor(DebugExecutor(), alias)
    common = {"trigger": "interval", "seconds": 10}
    scheduler.add_job(print, id=name, name=text, kwargs={"end": ""}, **common)
    scheduler.add_job(raises, args=[text], id=f"2{name}", name=text, executor=alias, **common)
    scheduler.add_job(raises, args=["x"], kwargs={"note": text}, id=f"3{name}", name=text, **common)

    def listener(event):
        raise RuntimeError(text)

    scheduler.add_listener(listener)
    scheduler.advance(15)
    scheduler.clock.advance(600)
    scheduler.tick()  # missed ones
    out = io.StringIO()
    scheduler.print_jobs(out=out)
    scheduler.remove_job(name)
    assert all(is_clean(f"{job!r} {job}") for job in scheduler.get_jobs())
    assert is_clean(str(scheduler.preview(hours=0.01)))
    scheduler.shutdown()
    assert is_clean(out.getvalue())
    assert out.getvalue().count("\n") == 4
    assert "raised an exception" in heard.getvalue()
    assert "missed" in heard.getvalue()
    assert is_clean(heard.getvalue())


def caught(call):
    try:
        call()
    except Exception as exc:
        return type(exc), exc, exc.__traceback__
    raise AssertionError("it did not raise")


def chained():
    try:
        raises(f"first\n{FORGED}\n\nTraceback (most recent call last):\n  File x\n{FORGED}")
    except ValueError as exc:
        raise RuntimeError(f"second\n{FORGED}") from exc


def grouped():
    raise ExceptionGroup("several", [ValueError(f"a\n{FORGED}"), ValueError("b")])


@pytest.mark.parametrize(
    "call",
    [
        lambda: raises(f"x\n{FORGED}"),
        lambda: raises(f"x\n  indented\n{FORGED}"),
        lambda: raises("x", note=f"y\n{FORGED}"),
        lambda: raises(
            f"x\n\nThe above exception was the direct cause of the following exception:\n\n{FORGED}"
        ),
        lambda: compile(f"a b\n{FORGED}", f"file\n{FORGED}", "exec"),
        chained,
        grouped,
    ],
)
def test_a_traceback_forges_no_line(call):
    text = traceback_of(caught(call))
    assert is_clean(text)
    assert text.startswith(("Traceback (most recent call last):\n  File", "  + Exception Group"))


def test_a_traceback_stays_as_python_prints_it():
    import traceback

    info = caught(lambda: raises("one line"))
    assert traceback_of(info) == "".join(traceback.format_exception(*info)).rstrip("\n")

    def two():
        try:
            raises("first")
        except ValueError as exc:
            raise RuntimeError("second") from exc

    info = caught(two)
    assert traceback_of(info) == "".join(traceback.format_exception(*info)).rstrip("\n")


def test_troubles_and_ledger_lines_are_one_line(heard):
    Troubles().tell(f"A store\n{FORGED}", ValueError(f"away\r{FORGED}"))
    assert is_clean(heard.getvalue())
    assert heard.getvalue().count("\n") == 1
    assert len(one_line(ValueError("a\r\u2028b")).splitlines()) == 1


def test_a_users_logger_keeps_the_users_records_as_they_are():
    stream = io.StringIO()
    logger = logging.getLogger("theirs of test_texts")
    logger.addHandler(logging.StreamHandler(stream))
    scheduler = ManualScheduler(logger=logger)
    assert scheduler._logger is logger
    assert own(logger) is logger
    assert len(logger.filters) == 1
    logger.setLevel(logging.INFO)
    logger.warning("%s", "two\nlines")
    assert stream.getvalue() == "two\nlines\n"
    scheduler.start()
    scheduler.add_job(print, "interval", hours=1, id="a", name=f"x\n{FORGED}")
    scheduler.shutdown()
    assert is_clean(stream.getvalue())
    assert f"x\\n{FORGED}" in stream.getvalue()


def test_one_thing_is_said_in_the_singular():
    assert [counted(number, "job") for number in (0, 1, 2)] == ["0 jobs", "1 job", "2 jobs"]


def test_a_job_is_called_by_its_name_and_id_or_by_the_id_where_that_says_both():
    assert name_of(SimpleNamespace(id="b6e7", name="My Hang")) == "My Hang (b6e7)"
    assert name_of(SimpleNamespace(id="a", name="a")) == name_of(SimpleNamespace(id="a")) == "a"
