"""The fuzzer: its programs are the same for a seed, it sees differences, and 3.11.3 and ours differ only as listed."""

from __future__ import annotations

import sys

import pytest

from tools import ROOT
from tools.fuzz import accepted, campaign, generator
from tools.fuzz.comparing import first_difference
from tools.fuzz.shrinking import shrunk
from tools.fuzz.sides import Both

PROGRAM = {"seed": 0, "now": "2024-01-01T00:00:00+00:00", "look": True, "watch": True}


def program(*steps):
    return PROGRAM | {"steps": [{"do": "new", "stores": {"default": "memory"}}, *steps]}


def call(name, /, *args, **kwargs):
    return {"do": "call", "name": name, "args": list(args), "kwargs": kwargs}


@pytest.fixture(scope="module")
def twins():
    """Ours, twice."""
    with Both(sys.executable, sys.executable) as both:
        both.sides[0].command.append(str(ROOT / "src"))
        yield both


def test_a_seed_stands_for_one_program() -> None:
    assert generator.program(7) == generator.program(7) != generator.program(8)


def test_a_program_does_the_same_each_time_it_is_played(twins) -> None:
    report = campaign.run(twins, range(15), strict=True)
    assert (report.programs, report.groups, report.accepted) == (15, {}, {})


@pytest.mark.slow
def test_two_pairs_side_by_side_see_what_one_sees(reference_python) -> None:
    def seen(report):
        groups = {
            group: sorted(each.program["seed"] for each in found)
            for group, found in report.groups.items()
        }
        return report.programs, report.steps, report.accepted, groups

    with (
        Both(reference_python, sys.executable) as one,
        Both(reference_python, sys.executable) as other,
    ):
        alone = campaign.run(one, range(40), strict=True)
        assert seen(alone) == seen(campaign.run_side_by_side([one, other], range(40), strict=True))


def test_a_job_runs_when_the_program_lets_time_go_by(twins) -> None:
    added = call("add_job", func="play.workload:note", trigger="interval", minutes=1, id="a")
    trace, _ = twins.play(program(call("start"), added, {"do": "advance", "seconds": 60}))
    assert ["run", "note", {"tuple": []}, {"dict": {}}, "2024-01-01T00:01:00+00:00"] in trace


def test_what_hangs_is_ended(twins) -> None:
    hanging = call("add_job", func="play.workload:hang")
    played = program(call("start"), hanging, {"do": "advance", "seconds": 0})
    trace, again = twins.play(played | {"patience": 0.1})
    assert trace == again
    assert trace[-1] == ["hang"]


def test_the_first_difference_names_its_step_and_what_differs() -> None:
    played = program(call("pause"), call("resume"))
    theirs = [["step", 0, "new"], ["step", 2, "call"], ["raised", ["KeyError", "Exception"]]]
    found = first_difference(played, theirs, [*theirs[:2], ["raised", ["ValueError", "Exception"]]])
    assert found.what == call("resume")
    assert found.group == "call resume: raised KeyError / raised ValueError"
    subclass = [*theirs[:2], ["raised", ["OwnError", "KeyError", "Exception"]]]
    assert first_difference(played, theirs, subclass) is None


def test_moments_differ_unless_theirs_does_not_exist() -> None:
    def at(text):
        return [["returned", {"moment": text, "zone": "Europe/Berlin"}]]

    gap, after = at("2024-03-31T02:30:00+01:00"), at("2024-03-31T03:30:00+02:00")
    assert first_difference(program(), gap, after) is None
    assert first_difference(program(), after, gap) is not None
    assert first_difference(program(), after, at("2024-03-31T03:31:00+02:00")) is not None


def test_a_program_is_made_small(twins) -> None:
    steps = [call("start"), call("get_jobs"), call("pause"), call("resume_job", "gone")]

    class Differing:
        """Both sides, one of which says something else about a missing job."""

        def play(self, played):
            theirs, ours = twins.play(played)
            return theirs, [["odd"] if each[0] == "raised" else each for each in ours]

    both = Differing()
    group = first_difference(program(*steps), *both.play(program(*steps))).group
    small = shrunk(both, program(*steps), group)
    assert small["steps"][1:] == [call("resume_job", "gone")]


def test_each_accepted_difference_has_its_line_on_the_page() -> None:
    assert accepted.not_on_the_page() == []
    assert all(each.what for each in accepted.table(accepted.OPEN))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_ours_differs_from_3x_only_as_listed(reference_python) -> None:
    with Both(reference_python, sys.executable) as both:
        report = campaign.run(both, range(600), seconds=100)
        told = "\n".join(campaign.text(both, report))
    assert report.programs > 100
    assert report.groups == {}, told
