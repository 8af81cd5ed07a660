"""The claim protocol, step by step through all its states: it keeps its promises, and misses each rule taken out.

Two nodes, two fires, both kinds of delivery. A crash, a sign-off, a lapse of trust, a lost answer to a COMMIT come at
every step, three of them in any mix for a job of two fire times (25,586 states at most once, 35,381 at least once),
two for two jobs of one (9,695 and 10,930). A process that ended is started again at any time; leases end, and are
watched to their end, at any time after the trust in them. Nodes that hold two claims at a time: one fault. A clock
that is wrong, and a writer that knows no generations: two faults, one claim at a time.
"""

from __future__ import annotations

import pytest
from cluster.model.explore import explore
from cluster.model.protocol import RULES, Protocol
from cluster.model.steps import FAULTS, Scope

pytestmark = pytest.mark.slow

SERIES, SINGLES = (2,), (1, 1)
DELIVERIES = [pytest.param(True, id="at_most_once"), pytest.param(False, id="at_least_once")]
BOTH = (True, False)
ONCE, LEAST = (True,), (False,)

UNOWNED = "a function was started by who does not own its fire"
TWICE = "an at-most-once function was started twice"
REPLACED = "an accepted outcome was replaced"
REFUSED = "the word of the only one who ran a fire was refused"
MOVED_BACK = "a job's next fire time moved back"
SAME_TOKEN = "two claims of one fire have the same token"
NOT_LIVE = "a fire was claimed for an incarnation that is over"
FORGOTTEN = "a fire is never accounted for"

MUTANTS = [
    # The next time under the transaction's lock decides as well, so the key is alone only where that was moved back.
    ("unique_key", BOTH, FAULTS | {"rewind"}, SAME_TOKEN),
    # Not just a word said twice: a zombie's word closes what the next owner is about to start.
    ("settle_cas", LEAST, {"lapse"}, UNOWNED),
    ("settle_cas", BOTH, FAULTS, REPLACED),
    ("pending_cas", BOTH, FAULTS, SAME_TOKEN),
    ("commit_before_start", ONCE, FAULTS, TWICE),
    ("trust_check", BOTH, FAULTS, UNOWNED),
    ("trust_from_before_send", BOTH, FAULTS, UNOWNED),
    # What it claimed would be adopted, and not started for want of trust: the promise it breaks is its own.
    ("own_incarnation_check", BOTH, FAULTS, NOT_LIVE),
    # Right clocks agree, and one of them would do: each is there for the other's error.
    ("store_clock", BOTH, FAULTS | {"observer jump"}, UNOWNED),
    ("observation", BOTH, FAULTS | {"store jump"}, UNOWNED),
    ("adoption", BOTH, FAULTS, FORGOTTEN),
    ("cas_on_read_time", BOTH, FAULTS, MOVED_BACK),
    ("edit_cas", BOTH, FAULTS | {"edit"}, MOVED_BACK),
    # A new generation for an edit of the same schedule: the key does not see that the fire time was claimed.
    ("edit_cas same_generation", ONCE, FAULTS | {"edit"}, TWICE),
    ("definitions_kept", BOTH, FAULTS, FORGOTTEN),
    ("late_word", ONCE, FAULTS, REFUSED),
    ("read_back", BOTH, FAULTS, FORGOTTEN),
    ("doubt", BOTH, FAULTS, UNOWNED),
    # Permitted in memory alone: the burial takes what was started for what was not.
    ("permit_in_store", ONCE, FAULTS | {"portions"}, REFUSED),
    # Who was buried has no trust to start what it is permitted: each would do, and the world is less sure than the model.
    ("permit_cas trust_check", BOTH, FAULTS | {"portions"}, UNOWNED),
    # A run changes its owner by way of "pending", and its token on the way in and out: one of them would do.
    ("bump_in_recovery bump_in_taking", LEAST, {"lapse"}, SAME_TOKEN),
]
COVERED = {"bump_in_recovery", "bump_in_taking", "same_generation", "permit_cas"}
"""Each of these is covered by the other: without one of them nothing breaks here."""


def keeps_its_promises(scope, faults, without=frozenset()):
    """Explore everything; return the number of states."""
    report = explore(Protocol(scope, without), faults, nameless=True)
    assert report.finding is None, str(report.finding)
    return report.states


@pytest.mark.slow
@pytest.mark.parametrize("at_most_once", DELIVERIES)
@pytest.mark.parametrize(("jobs", "faults"), [(SERIES, 3), (SINGLES, 2)], ids=["series", "singles"])
def test_no_order_of_steps_and_faults_breaks_a_promise(jobs, faults, at_most_once):
    assert keeps_its_promises(Scope(jobs, at_most_once, slots=1), faults) > 5_000


@pytest.mark.parametrize("at_most_once", DELIVERIES)
@pytest.mark.parametrize("jobs", [SERIES, SINGLES], ids=["series", "singles"])
def test_nodes_that_hold_several_claims_break_no_promise(jobs, at_most_once):
    assert keeps_its_promises(Scope(jobs, at_most_once, slots=2), 1) > 2_000


@pytest.mark.parametrize("at_most_once", DELIVERIES)
@pytest.mark.parametrize(("jobs", "faults"), [(SERIES, 2), (SINGLES, 1)], ids=["series", "singles"])
def test_fires_that_wait_for_permission_break_no_promise(jobs, faults, at_most_once):
    assert keeps_its_promises(Scope(jobs, at_most_once, slots=1, portions=True), faults) > 1_000


@pytest.mark.slow
@pytest.mark.parametrize("at_most_once", DELIVERIES)
@pytest.mark.parametrize("wrong", ["store jump", "observer jump", "rewind", "edit"])
def test_a_wrong_clock_a_foreign_writer_or_an_edit_breaks_no_promise(wrong, at_most_once):
    scope = Scope(SERIES, at_most_once, FAULTS | {wrong}, slots=1)
    assert keeps_its_promises(scope, 2) > 5_000


@pytest.mark.parametrize(
    ("rules", "deliveries", "faults", "promise"),
    MUTANTS,
    ids=[f"{rules} {len(deliveries)}" for rules, deliveries, *_ in MUTANTS],
)
def test_without_the_rule_a_promise_is_broken(rules, deliveries, faults, promise):
    for at_most_once in deliveries:
        faults = frozenset(faults)
        scope = Scope(SERIES, at_most_once, faults, slots=1, portions="portions" in faults)
        finding = explore(Protocol(scope, frozenset(rules.split())), 3).finding
        assert finding is not None, f"nothing breaks without {rules}"
        assert finding.promise == promise, str(finding)
        assert finding.trace, "the first state is broken already"


@pytest.mark.parametrize("rule", sorted(COVERED))
def test_a_rule_that_another_one_covers_breaks_nothing_alone(rule):
    faults = FAULTS | {"edit"} if rule == "same_generation" else FAULTS
    for at_most_once in BOTH:
        scope = Scope(SERIES, at_most_once, faults, slots=1, portions=rule == "permit_cas")
        keeps_its_promises(scope, 2, frozenset({rule}))


def test_each_rule_is_taken_out_somewhere():
    assert {rule for rules, *_ in MUTANTS for rule in rules.split()} == RULES
    alone = {rules for rules, *_ in MUTANTS if " " not in rules}
    assert alone | COVERED == RULES


def test_a_clean_protocol_needs_no_fault_to_account_for_everything():
    for jobs in (SERIES, SINGLES):
        for at_most_once in BOTH:
            assert keeps_its_promises(Scope(jobs, at_most_once), 0) > 20


def test_a_finding_tells_the_shortest_way_there():
    scope = Scope(SERIES, True, slots=1)
    finding = explore(Protocol(scope, frozenset({"commit_before_start"})), 0).finding
    assert str(finding).splitlines() == [
        f"{TWICE}:",
        "   1. node A: reads due fire 0",
        "   2. node B: reads due fire 0",
    ]


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="not rules"):
        Protocol(Scope(SERIES, True), frozenset({"no_such_rule"}))
