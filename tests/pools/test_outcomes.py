"""Every run that is handed to somebody else's pool ends in one outcome, and that is true: with the real libraries."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from pools import kinds
from pools.running import SECONDS, Program

SCENARIOS = ("life", "shutdown", "leave")
IN_THREADS = kinds.THREADS
RUNS = [f"run-{number}" for number in range(4)]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2 * SECONDS),
    pytest.mark.skipif(sys.platform == "win32", reason="some of these pools are for POSIX only"),
]


@pytest.fixture(scope="module", params=kinds.MAKERS)
def programs(request, tmp_path_factory):
    """One program for each scenario, all of which have ended."""
    pool = request.param
    if pool == "interpreters" and sys.version_info < (3, 14):
        pytest.skip("this Python has no InterpreterPoolExecutor")

    # Made here: the factory's first folder, made in two threads at once, removes the other's.
    folders = [tmp_path_factory.mktemp(f"{pool}-{scenario}") for scenario in SCENARIOS]

    def run(scenario, folder):
        return Program(pool, scenario, folder)

    with ThreadPoolExecutor(len(SCENARIOS)) as starters:
        ended = dict(zip(SCENARIOS, starters.map(run, SCENARIOS, folders), strict=True))
    ended["pool"] = pool
    return ended


@pytest.fixture
def life(programs):
    return programs["life"].found()


def is_in_threads(programs):
    return programs["pool"] in IN_THREADS


def assert_true(found, names):
    """Each of these has one outcome, which the marks do not contradict; or was not started and is free again."""
    for name in names:
        run = found[name]
        if run.outcome is None and not run.starts:
            continue
        assert run.problem is None, run


# -- what runs -------------------------------------------------------------------------------------


def test_all_outcomes_are_true(life):
    assert_true(life, life)
    assert all(run.outcome is not None for run in life.values())


def test_arguments_go_there_and_values_come_back(programs, life):
    values = programs["life"].report["values"]
    assert values["arguments"] == values["async"] == 3
    assert life["arguments"].outcome == life["async"].outcome == "executed"


def test_equal_calls_run_each(life):
    assert (life["equal"].outcome, life["equal"].starts) == ("executed", 1)


def test_what_was_raised_is_told_by_type_and_text(life):
    for name, said in {
        "failure": "ValueError: of its own",
        "no-text": "ValueError",
        "exit": "SystemExit: 3",
        "exception": "StubbornError: 1 and 2",
        "frozen": "FrozenError: 5",
    }.items():
        assert life[name].outcome == "failed"
        assert life[name].said.strip().endswith(said)


def test_what_does_not_pickle_costs_its_own_run_in_words(programs, life):
    assert life["after-calls"].outcome == "executed"
    if is_in_threads(programs):
        assert life["result"].outcome == "executed"
        return
    assert life["result"].outcome == "failed"
    assert "cannot be pickled" in life["result"].said
    assert (life["argument"].outcome, life["argument"].starts) == ("failed", 0)
    assert life["argument"].said.strip()


@pytest.mark.parametrize("name", ["sleep", "spin", "async-sleep"])
def test_a_timeout_is_told_within_a_second(life, name):
    assert life[name].outcome == "timed_out"
    assert life[name].starts == 1
    assert life[name].seconds < 2.0


def test_the_pool_goes_on_after_timeouts(life):
    assert life["after-timeouts"].outcome == "executed"


# -- workers that die ------------------------------------------------------------------------------


@pytest.fixture
def deaths(programs, life):
    if is_in_threads(programs):
        pytest.skip("its workers are threads, which cannot be killed")
    return life


def test_a_worker_that_dies_after_its_run_has_nothing_run_again(deaths):
    assert (deaths["finished"].outcome, deaths["finished"].starts) == ("executed", 1)


def test_a_run_whose_worker_dies_in_it_has_failed_and_is_not_started_again(deaths):
    assert (deaths["killed"].outcome, deaths["killed"].starts) == ("failed", 1)


def test_the_pool_goes_on_after_the_death_of_workers(deaths):
    assert deaths["after-deaths"].outcome == "executed"


# -- the end ---------------------------------------------------------------------------------------


def test_a_shutdown_that_waits_has_all_outcomes(life):
    assert [life[name].outcome for name in RUNS] == ["executed"] * 4


def test_a_shutdown_that_does_not_wait_returns_at_once_and_the_outcomes_follow(programs):
    program = programs["shutdown"]
    found = program.found()
    assert_true(found, RUNS)
    assert all(found[name].outcome is not None for name in RUNS), found
    bound = kinds.LONGEST_SHUTDOWN.get(programs["pool"], 1.5)
    assert float((program.marks.parent / "seconds").read_text(encoding="ascii")) < bound


def test_a_program_that_just_ends_leaves_true_outcomes(programs):
    found = programs["leave"].found()
    assert set(RUNS) <= set(found)
    assert_true(found, found)
