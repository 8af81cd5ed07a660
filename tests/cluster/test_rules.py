"""Every rule of the claim protocol: kept, its scenario passes; taken out of the code, its scenario fails."""

from __future__ import annotations

import re

import pytest
from cluster.rules import RULES, Node, play
from cluster.support.states import Recorder, allowed
from databases import SHARED, Place

from tools import ROOT
from tools.state_page import PAGE

pytestmark = pytest.mark.slow

NOT_ON_SQLITE = {12}  # nobody but this process can end a transaction there


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_the_rule_is_kept_and_runs_change_their_states_as_the_page_says(place, rule):
    recorder = Recorder(place, Node)
    play(rule, place, taken_out=False)
    assert recorder.seen() <= allowed()
    recorder.close()


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_the_rule_is_missed_when_it_is_taken_out(place, rule):
    if place.kind == "sqlite" and rule.number in NOT_ON_SQLITE:
        pytest.skip("SQLite has no server that could bound a transaction")
    with pytest.raises((AssertionError, TypeError)):
        play(rule, place, taken_out=True)


def test_there_is_a_mutant_of_every_rule():
    assert {rule.number for rule in RULES} == set(range(1, 18))
    assert len(RULES) >= 12


def test_the_page_names_each_rule_and_its_scenarios():
    text = PAGE.read_text("utf-8")
    rules = text.split("\n## The rules\n")[1].split("\n## ")[0]
    assert [int(number) for number in re.findall(r"^(\d+)\. ", rules, re.MULTILINE)] == [
        *range(1, 18)
    ]
    listed = dict(re.findall(r"^\| (\d+) \| (.*) \|$", text, re.MULTILINE))
    for number in range(1, 18):
        scenarios = [rule.scenario.__name__ for rule in RULES if rule.number == number]
        assert re.findall(r"`(\w+)`", listed[str(number)]) == scenarios


def test_the_source_cites_rules_of_the_page_only():
    cited = {
        number
        for path in (ROOT / "src").rglob("*.py")
        for number in re.findall(r"\b[Rr]ule (\d+b?)\b", path.read_text("utf-8"))
    }
    assert cited
    assert cited <= {*map(str, range(1, 18)), "2b"}
