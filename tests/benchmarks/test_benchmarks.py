"""The benchmarks still run, divide the right way round, and their page shows every goal."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from benchmarks import __main__ as command
from benchmarks import before
from benchmarks.before import in_both_orders, interval, lines, pairs
from benchmarks.goals import FASTER, GOALS, LESS, Row, plan
from benchmarks.measuring import Comparison, Contender, Rounds, take_turns
from benchmarks.table import HEADER, cells, judge, markdown


def rounds(**values):
    return Rounds({name: [{"us": value} for value in each] for name, each in values.items()})


def row(sense, bound, others=("reference",)):
    return Row("G1", "work", "comparison", others, "us", bound, sense)


def test_twice_as_fast_as_wanted_is_reached_by_a_hundred_percent() -> None:
    verdict = judge(row(FASTER, 5.0), rounds(ours=[1.0, 1.0, 2.0], reference=[10.0, 12.0, 8.0]))
    assert verdict is not None
    assert verdict.ratio == 10.0
    assert verdict.margin == pytest.approx(1.0)
    assert verdict.reached


def test_half_as_fast_as_wanted_is_missed_by_half() -> None:
    verdict = judge(row(FASTER, 4.0), rounds(ours=[5.0], reference=[10.0]))
    assert verdict is not None
    assert verdict.margin == pytest.approx(-0.5)
    assert "**no** (-50 %)" in cells(verdict.row, verdict)


def test_a_share_of_the_reference_is_reached_when_it_is_small_enough() -> None:
    measured = rounds(ours=[2.0, 9.0, 2.0], reference=[10.0, 10.0, 10.0])
    verdict = judge(row(LESS, 0.25), measured)
    assert verdict is not None
    assert verdict.ratio == pytest.approx(0.2)
    assert verdict.reached


def test_the_best_of_several_peers_in_each_round_is_the_one_that_counts() -> None:
    measured = rounds(ours=[1.0, 1.0, 1.0], slow=[9.0, 9.0, 2.0], quick=[3.0, 3.0, 3.0])
    verdict = judge(row(FASTER, 1.0, ("slow", "quick")), measured)
    assert verdict is not None
    assert verdict.other == "quick"
    assert verdict.ratios == [3.0, 3.0, 2.0]


def test_idle_beside_idle_is_a_draw_and_work_beside_idle_is_not() -> None:
    draw = judge(row(LESS, 1.0), rounds(ours=[0.0], reference=[0.0]))
    lost = judge(row(LESS, 1.0), rounds(ours=[0.1], reference=[0.0]))
    assert draw is not None
    assert draw.reached
    assert lost is not None
    assert not lost.reached


def test_a_contender_that_failed_leaves_a_line_that_says_so() -> None:
    measured = rounds(ours=[1.0], reference=[])
    measured.errors["reference"] = "its process ended"
    assert judge(row(FASTER, 5.0), measured) is None
    assert "not measured" in cells(row(FASTER, 5.0), None)


def test_a_measurement_that_raises_is_told_and_the_others_go_on(capfd) -> None:
    well = Contender("well", "limits.heap", "ours", {"count": 100})
    broken = Contender("broken", "limits.heap", "ours", {"count": "many"})
    absent = Contender("absent", "limits.heap", "nowhere", {"count": 100})
    comparison = Comparison((well, broken, absent), rounds=2, warm=False)
    found = take_turns(comparison, {"ours": sys.executable})
    assert len(found.values["well"]) == 2
    assert "TypeError" in found.errors["broken"]
    assert "no environment 'nowhere'" in found.errors["absent"]
    assert "broken failed" in capfd.readouterr().err


def test_each_of_a_pair_is_started_first_in_one_half_of_the_rounds(monkeypatch) -> None:
    started = []

    def turns(comparison, pythons):
        names = [each.name for each in comparison.contenders]
        started.append((names, comparison.rounds))
        values = {name: [{"us": float(len(started))}] * comparison.rounds for name in names}
        return Rounds(values, {"now": "ended"} if len(started) == 2 else {})

    monkeypatch.setattr(before, "take_turns", turns)
    pair = tuple(Contender(name, "limits.heap", "ours", {}) for name in ("now", "before"))
    found = in_both_orders(Comparison(pair, rounds=15), sys.executable)
    assert started == [(["now", "before"], 8), (["before", "now"], 8)]
    assert {name: [each["us"] for each in values] for name, values in found.values.items()} == {
        name: [1.0] * 8 + [2.0] * 8 for name in ("now", "before")
    }
    assert found.errors == {"now": "ended"}


def test_a_table_has_a_line_per_row_and_columns_that_line_up() -> None:
    lines = markdown([cells(each, None) for each in plan().rows]).splitlines()
    assert len(lines) == len(plan().rows) + 2
    assert len(set(map(len, lines))) == 1


def test_every_row_can_be_shown_with_the_unit_of_its_metric() -> None:
    for each in plan().rows:
        names = {each.ours, *each.others}
        verdict = judge(each, Rounds({name: [{each.metric: 1.0}] for name in names}))
        assert each.goal == cells(each, verdict)[0]


def test_an_unknown_goal_is_refused_with_the_ones_there_are(capsys) -> None:
    with pytest.raises(SystemExit):
        command.main(["--only", "G1,G99"])
    said = capsys.readouterr().err
    assert "G99" in said
    assert "G17" in said


def test_every_row_is_read_from_contenders_of_its_comparison() -> None:
    for quick in (False, True):
        whole = plan(quick=quick)
        for each in whole.rows:
            names = {one.name for one in whole.comparisons[each.comparison].contenders}
            assert names.issuperset({each.ours, *each.others}), each.work


def test_every_goal_has_a_row() -> None:
    assert {each.goal for each in plan().rows} == set(GOALS)


def test_the_page_shows_every_row_of_every_goal_under_the_present_columns() -> None:
    page = command.PAGE.read_text("utf-8")
    table = page.partition(command.BEGIN)[2].partition(command.END)[0]
    lines = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in table.splitlines()
        if line.startswith("|")
    ]
    assert lines[0] == HEADER
    assert [cell[:2] for cell in lines[2:]] == [(each.goal, each.work) for each in plan().rows]


@pytest.mark.slow
@pytest.mark.parametrize(("goal", "lines"), [("G13", 2), ("H1", 18)])
def test_a_smoke_run_of_one_goal_prints_its_table(
    project_root, reference_python, goal, lines
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", goal],
        cwd=project_root,
        env=os.environ | {"TICKWRIGHT_REFERENCE_PYTHON": str(reference_python)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert len(re.findall(rf"^\| {goal} ", done.stdout, re.MULTILINE)) == lines
    assert "not measured" not in done.stdout


def test_the_interval_of_a_median_of_fifteen_leaves_three_at_each_side() -> None:
    assert interval([float(number) for number in range(15)]) == (3.0, 11.0)


def test_a_build_is_slower_only_if_the_whole_interval_is() -> None:
    before = [{"us": 1.0}] * 15
    for now, slower in ((1.1, True), (1.02, False), (0.5, False)):
        measured = Rounds({"now": [{"us": now}] * 15, "before": before})
        ((line, is_slower),) = lines("work", measured, ["us"])
        assert is_slower is slower, line


def test_an_earlier_build_does_the_same_work_with_its_own_sources() -> None:
    comparison = Comparison((Contender("ours", "dispatch.threaded"),), 1)
    (pair,) = pairs(comparison, "elsewhere", 2)
    assert [each.sources for each in pair.contenders] == [None, "elsewhere"]
    assert pair.rounds == 15
