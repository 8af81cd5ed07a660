"""What is said about an expression that cannot be read: the place, the field, what is allowed, a guess."""

from __future__ import annotations

import pickle

import pytest

from apscheduler.triggers.crontab import CrontabError, CrontabTrigger


def said(expression: object, **options: object) -> str:
    with pytest.raises(ValueError) as caught:
        CrontabTrigger(expression, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_it_shows_the_expression_the_place_the_field_what_is_allowed_and_a_guess():
    lines = said("0 10 * * mon-fir").splitlines()
    assert lines[0] == "crontab field 'day of week': 'fir' is no weekday"
    assert lines[1] == "    0 10 * * mon-fir"
    assert lines[2].index("^") == lines[1].index("fir")
    assert lines[3].startswith("allowed: *, numbers 0-7, ranges a-b")
    assert lines[4] == "did you mean fri?"


@pytest.mark.parametrize(
    ("expression", "guess"),
    [
        ("0 0 * juni *", "did you mean jun?"),
        ("0 0 * * tues", "did you mean tue?"),
        ("@dayly", "did you mean @daily?"),
        ("@Weekly", "did you mean @weekly?"),
        ("0/15 * * * *", "did you mean 0-59/15?"),
        ("/15 * * * *", "did you mean */15?"),
        ("0 0 * * FRI-SUN", "did you mean FRI-7?"),
        ("1, 2 * * * *", "did you mean a list without blanks in it?"),
        ("0 0 l * *", "did you mean L?"),
        ("0 0 15w * *", "did you mean 15W?"),
        ("0 0 * * 5l", "did you mean 5L?"),
        ("0 0 * * FRIL", "did you mean FRI#L?"),
    ],
)
def test_it_guesses(expression, guess):
    assert guess in said(expression).splitlines()[-2:]


@pytest.mark.parametrize(
    "expression", ["0 22-2 * * *", "0 0 L-3 * *", "0 0 LW * *", "0/15 * * * *", "0 0 15w * *"]
)
def test_it_names_lenient_where_that_would_take_it(expression):
    assert "lenient=True" in said(expression)
    CrontabTrigger(expression, lenient=True)


def test_the_caret_stands_under_the_place_after_tabs_and_unprintable_characters():
    lines = said("0\t0 *\x00 * *").splitlines()
    assert lines[1][lines[2].index("^")] == "·"


def test_a_long_expression_is_cut_around_the_place():
    lines = said(",".join(["1"] * 200) + ",x * * * *").splitlines()
    assert max(map(len, lines[1:3])) < 120
    assert lines[1][lines[2].index("^")] == "x"


def test_an_endless_expression_is_refused_at_once():
    assert "more than 1000 characters" in said("*," * 10**6)


@pytest.mark.parametrize("expression", [None, 5, b"* * * * *", ["*"]])
def test_what_is_no_text_is_a_type_error(expression):
    with pytest.raises(TypeError, match="a crontab expression is a text"):
        CrontabTrigger(expression)


def test_the_error_can_be_asked_for_its_parts_and_pickled():
    with pytest.raises(CrontabError) as caught:
        CrontabTrigger("61 * * * *")
    copy = pickle.loads(pickle.dumps(caught.value))
    for error in (caught.value, copy):
        assert (error.expression, error.position, error.field) == ("61 * * * *", 0, "minute")
        assert error.reason == "61 is not within 0-59"
    assert str(copy) == str(caught.value)
