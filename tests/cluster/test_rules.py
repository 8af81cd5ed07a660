"""Every rule of the claim protocol: kept, its scenario passes; taken out of the code, its scenario fails."""

from __future__ import annotations

import pytest
from cluster.rules import RULES, play
from databases import SHARED, Place

pytestmark = pytest.mark.slow

NOT_ON_SQLITE = {12}  # nobody but this process can end a transaction there


@pytest.fixture
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_the_rule_is_kept(place, rule):
    play(rule, place, taken_out=False)


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
