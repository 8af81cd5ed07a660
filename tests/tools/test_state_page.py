"""The claim protocol's page shows the states of a run as the code has them."""

from __future__ import annotations

from apscheduler.history.states import FINAL, OUTCOMES, PENDING, RUNNING
from tools import state_page


def test_the_table_is_what_the_source_says():
    written = state_page.PAGE.read_text("utf-8")
    assert written == state_page.page(), "run `python3 dev.py pages` to renew the table"


def test_the_numbers_on_the_page_are_those_that_are_stored():
    written = state_page.PAGE.read_text("utf-8")
    for said in (f"`PENDING` ({PENDING})", f"`RUNNING` ({RUNNING})", f"From {FINAL} on"):
        assert said in written
    assert len(OUTCOMES) == 8, "the page says how many"
