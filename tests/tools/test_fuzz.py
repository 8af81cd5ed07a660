"""The fuzzer: its programs are the same for a seed, it sees differences, and 3.11.3 and ours differ only as listed."""

from __future__ import annotations

import sys

import pytest

from tools import TESTED
from tools.fuzz import accepted, campaign, generator, oddities
from tools.fuzz.comparing import first_difference
from tools.fuzz.shrinking import shrunk
from tools.fuzz.sides import Both

PROGRAM = {"seed": 0, "now": "2024-01-01T00:00:00+00:00", "look": True, "watch": True}

ADVANCE = {"do": "advance", "seconds": 1}


def program(*steps):
    return PROGRAM | {"steps": [{"do": "new", "stores": {"default": "memory"}}, *steps]}


def call(name, /, *args, **kwargs):
    return {"do": "call", "name": name, "args": list(args), "kwargs": kwargs}


@pytest.fixture(scope="module")
def twins():
    """Ours, twice."""
    with Both(sys.executable, sys.executable) as both:
        both.sides[0].command.append(str(TESTED))
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


def test_the_ids_of_a_step_are_its_own(twins) -> None:
    adding = call("add_job", func="play.workload:note")
    trace, _ = twins.play(program(adding, call("get_jobs"), adding))
    assert [each[0] for each in trace[-1][2]] == ["u1-1", "u3-1"]


def test_a_scheduler_that_is_stopped_makes_no_passes(twins) -> None:
    played = program(ADVANCE, call("start"), ADVANCE, call("shutdown"), ADVANCE)
    trace, _ = twins.play(played)
    assert trace.count(["pass"]) == trace.count(["passed"]) == 1


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


ADDED, GONE = (
    ["event", f"JOB_{each}", {"job_id": "a", "jobstore": "default"}]
    for each in ("ADDED", "REMOVED")
)
RUN = ["run", "note", {"tuple": []}, {"dict": {}}, "2024-01-01T00:00:00+00:00"]
CALL = ["run", "call", {"tuple": []}, {"dict": {}}, "2024-01-01T00:00:00+00:00"]
INNER = ["inner", {"do": "call", "name": "get_jobs"}]


def ended(how, at="2024-01-01T00:00:00+00:00"):
    moment = {"moment": at, "zone": "UTC"}
    return ["event", f"JOB_{how}", {"job_id": "a", "scheduled_run_time": moment}]


def known_as(step, theirs, ours, *, before=(), stores="memory"):
    """Return the name of the entry that knows a difference of one step, ``None`` if there is none."""
    played = program(step)
    played["steps"][0]["stores"] = {"default": stores}
    traces = [
        [["step", 0, "new"], *before, ["step", 1, step["do"]], *each] for each in (theirs, ours)
    ]
    found = accepted.accepting(first_difference(played, *traces), strict=True)
    return None if found is None else found.name


def in_a_pass(*entries):
    return [["pass"], *entries, ["passed"], ["returned", None]]


def test_what_a_job_takes_for_a_step_may_be_none() -> None:
    inside = [CALL, ["inner", 5], ["raised", ["TypeError", "Exception"]]]
    less, more = in_a_pass(*inside), in_a_pass(*inside, ended("EXECUTED"))
    assert known_as(ADVANCE, less, more) is None


def test_a_program_whose_scheduler_was_left_out_has_no_causes_but_no_fault_either() -> None:
    without = PROGRAM | {"steps": [call("start"), ADVANCE]}
    traces = ([["step", 1, "advance"], ["pass"], *told, ["passed"]] for told in ([], [RUN]))
    assert accepted.accepting(first_difference(without, *traces), strict=True) is None


def test_what_is_told_in_another_order_is_known_and_what_is_told_once_more_is_not() -> None:
    theirs = in_a_pass(CALL, INNER, ["returned", 1], ended("EXECUTED"), GONE)
    other_order = in_a_pass(CALL, INNER, ["returned", 2], GONE, ended("EXECUTED"))
    assert known_as(ADVANCE, theirs, other_order) == "order-in-a-pass-that-is-listened-to"
    twice = in_a_pass(CALL, INNER, ["returned", 1], GONE, ended("EXECUTED"), RUN)
    assert known_as(ADVANCE, theirs, twice) is None
    assert known_as(ADVANCE, in_a_pass(*twice, ["listener", "l1", "JOB_REMOVED"]), theirs) is None


def test_what_ends_at_once_in_a_pass_is_told_once_more() -> None:
    listener = ["listener", "l1", "JOB_SUBMITTED"]
    start = [listener, inner("add_job"), ADDED]
    theirs = in_a_pass(GONE, ended("MISSED"), *start, ["returned", 1])
    ours = in_a_pass(ended("MISSED"), GONE, *start, GONE, ["returned", 1])
    assert known_as(ADVANCE, theirs, ours) == "order-in-a-pass-that-is-listened-to"
    later = in_a_pass(ended("MISSED"), GONE, *start, ["returned", 1], GONE)
    assert known_as(ADVANCE, theirs, later) is None


def test_what_is_added_while_3x_still_has_it_is_told_once_more() -> None:
    listener = ["listener", "l1", "JOB_MISSED"]
    again = [listener, ["inner", call("add_job", id="a")]]
    refused = ["raised", ["ConflictingIdError", "KeyError"]]
    added = ["event", "JOB_ADDED", {"alias": None, **GONE[2], "exception": None}]
    theirs = in_a_pass(ended("MISSED"), *again, refused, GONE, RUN)
    ours = in_a_pass(RUN, ended("MISSED"), *again, added, ["returned", 1], GONE)
    assert known_as(ADVANCE, theirs, ours) == "order-in-a-pass-that-is-listened-to"
    twice = [*ours[:-2], added, *ours[-2:]]
    kept = [each for each in theirs if each != GONE]
    assert known_as(ADVANCE, theirs, twice) is known_as(ADVANCE, kept, ours) is None


def test_a_pass_that_raises_tells_less_in_3x_only() -> None:
    fails = [["pass"], CALL, INNER, ["returned", 1], ["raised", ["JobLookupError", "KeyError"]]]
    goes_on = in_a_pass(CALL, INNER, ["returned", 1], RUN, GONE)
    assert known_as(ADVANCE, fails, goes_on) == "pass-that-raises"
    assert known_as(ADVANCE, goes_on, fails) is None
    assert known_as(ADVANCE, [["pass"], RUN, *fails[1:]], goes_on) == "pass-that-raises"
    assert known_as(ADVANCE, [["pass"], RUN, RUN, *fails[1:]], goes_on) is None


def test_a_pass_of_which_3x_tells_too_much_stands_for_itself() -> None:
    misses = [ended("MISSED", f"2024-01-01T00:00:{second:02}+00:00") for second in range(9)]
    assert known_as(ADVANCE, [["pass"], RUN, *misses, ["long"]], in_a_pass(*misses, RUN)) == "hang"


def test_a_pass_with_calls_of_which_ours_tells_too_much_differs_where_it_does() -> None:
    start = [["pass"], CALL, inner("add_job", id="a"), ADDED]
    refused = ["raised", ["ConflictingIdError", "KeyError"]]
    ours = [*start, GONE, ["returned", 1], *start[1:], ["long"]]
    theirs = [*start, ["returned", 1], *start[1:3], refused, ["passed"], ["returned", None]]
    found = first_difference(program(ADVANCE), theirs, ours)
    assert (found.theirs, found.ours) == (["returned", 1], GONE)
    later = [*theirs, ["pass"], ["long"]]
    assert first_difference(program(ADVANCE), later, ours) == found._replace(
        told=(theirs[1:-2], ours[1:])
    )
    assert first_difference(program(ADVANCE), [*theirs[:-2], ["long"]], ours) is None


def test_a_fire_time_that_was_told_is_told_again_by_3x_only() -> None:
    once, again = in_a_pass(RUN, ended("EXECUTED")), in_a_pass()
    known = known_as(ADVANCE, once, again, before=once, stores="t0")
    assert known == "runs-again"
    assert known_as(ADVANCE, once, again, stores="t0") is None
    assert known_as(ADVANCE, once, again, before=once) is None
    assert known_as(ADVANCE, again, once, before=once, stores="t0") is None


def test_a_new_triggers_fire_time_is_that_of_its_own_job() -> None:
    def jobs(*listed):
        return [["returned", None], ["jobs", 1, [[name, "default", when] for name, when in listed]]]

    def text(when, name="f"):
        told = f"Jobstore default:\n    {name} (trigger: cron[second='*'], {when})\n"
        return [["listener", "l1", "JOB_MODIFIED"], ["inner", {"do": "print"}], ["returned", told]]

    given = call("modify_job", "a", trigger={"$": "trigger", "name": "cron", "kwargs": {}})
    early, late = ({"moment": f"2024-01-01T0{n}:00:00+00:00", "zone": "UTC"} for n in (1, 2))
    one, other = jobs(("a", early), ("b", late)), jobs(("b", late), ("a", None))
    assert known_as(given, one, other) == "new-trigger"
    assert known_as(given, one, jobs(("b", early), ("a", None))) is None
    assert known_as(call("modify_job", "a", name="x"), one, other) is None
    told = [text(f"next run at: 2024-01-01 0{n}:00:00 UTC") for n in (1, 2)]
    assert known_as(given, *told) == "new-trigger"
    assert known_as(given, told[0], text("paused")) == "new-trigger"
    assert known_as(given, told[0], text("paused", "g")) is None
    inside = [["listener", "l1", "JOB_ADDED"], ["inner", given], ["returned", None]]
    adding = call("add_job")
    assert known_as(adding, [*inside, *one], [*inside, *other]) == "new-trigger"
    assert known_as(adding, one, other) is None


def test_what_becomes_due_while_a_slow_job_runs_is_run_in_a_later_store() -> None:
    slow = ["run", "slow", *RUN[2:4], "2024-01-01T00:00:02+00:00"]

    def event(how, second, store="other", job_id="b"):
        told = ended(how, f"2024-01-01T00:00:0{second}+00:00")
        told[2] |= {"job_id": job_id, "jobstore": store}
        return told

    def known(theirs, ours, first=slow):
        return known_as(ADVANCE, in_a_pass(first, *theirs), in_a_pass(first, *ours))

    was_due, is_due = event("MISSED", 2), event("EXECUTED", 3)
    assert known([was_due], [RUN, is_due]) == known([], [RUN, is_due]) == "due-in-a-later-store"
    assert known([is_due], [was_due]) is known([was_due], []) is known([], [was_due]) is None
    assert known([was_due], [RUN, is_due], RUN) is None
    assert known([was_due], [RUN, event("EXECUTED", 3, "default")]) is None
    assert known([was_due], [RUN, event("EXECUTED", 3, job_id="c")]) is None


def test_a_text_shows_a_wall_time_that_does_not_exist_in_3x_only() -> None:
    def known(theirs, ours):
        texts = (f"Jobstore default:\n    f (trigger: date[{text}])" for text in (theirs, ours))
        return known_as({"do": "print", "kwargs": {}}, *([["returned", text]] for text in texts))

    gap, after = "2024-03-31 02:46:00 CET", "2024-03-31 03:46:00 CEST"
    assert known(gap, after) == "wall-time-in-a-gap"
    assert known(after, gap) is known(gap, "2024-03-31 03:47:00 CEST") is None
    assert known("2024-03-31 01:46:00 CET", after) is None
    folded = "2024-03-31 02:46:00 CEST"
    assert known(folded, "2024-03-31 01:46:00 CET") == "wall-time-in-a-gap"
    assert known(folded, after) is None

    def added(text, at):
        moment = {"moment": f"2024-03-31T{at}", "zone": "Europe/Berlin"}
        return [["returned", {"trigger": f"date[{text}]", "next_run_time": moment}]]

    theirs, ours = added(gap, "02:46:00+01:00"), added(after, "03:46:00+02:00")
    assert known_as(call("add_job"), theirs, ours) == "wall-time-in-a-gap"
    assert known_as(call("add_job"), theirs, added(after, "03:47:00+02:00")) is None


def known_after(added, theirs, ours, *, before=(), more=(), **new):
    """Return the name of the entry that knows a difference of a pass after a job was added, and more was done."""
    played = program(added, *more, ADVANCE)
    played["steps"][0] |= new
    last = len(played["steps"]) - 1
    traces = [
        [["step", 1, "call"], *before, ["step", last, "advance"], *each] for each in (theirs, ours)
    ]
    found = accepted.accepting(first_difference(played, *traces), strict=True)
    return None if found is None else found.name


@pytest.mark.parametrize(
    ("given", "zone", "trigger_zone", "has_two_days"),
    [
        ("2024-10-26T23:59:00+00:00", "Europe/Berlin", None, True),
        ("2024-10-26T21:59:00+00:00", "Europe/Berlin", None, False),
        ("2024-10-26T21:59:00+00:00", "Europe/Berlin", "Asia/Kolkata", True),
        ("2024-10-26T23:59:00", "Europe/Berlin", None, False),
        ("2024-10-26T23:59:00", "Europe/Berlin", "Asia/Kolkata", True),
        ("2024-10-26T23:59:00+00:00", "UTC", None, False),
        ("2024-10-26T02:59:00+00:00", {"$": "zone", "name": "-3.5"}, None, True),
        ("2024-10-26T03:59:00+00:00", {"$": "zone", "name": "-3.5"}, None, False),
    ],
)
def test_a_calendar_interval_counts_from_a_day_that_is_another_one_in_its_zone(
    given, zone, trigger_zone, has_two_days
) -> None:
    options = {"next_run_time": {"$": "datetime", "text": given}, "id": "a"}
    own_zone = {} if trigger_zone is None else {"timezone": trigger_zone}
    new = {"options": {"timezone": zone}}
    traces = [ended("MISSED", "2024-10-27T03:00:00+00:00")], [RUN]
    added = call("add_job", trigger="calendarinterval", days=1, **options, **own_zone)
    known = known_after(added, *traces, **new)
    assert known == ("day-in-the-triggers-zone" if has_two_days else None)
    cron = call("add_job", trigger="cron", **options, **own_zone)
    assert known_after(cron, *traces, **new) is None
    other = call("add_job", trigger="calendarinterval", **options | {"id": "b"}, **own_zone)
    assert known_after(other, *traces, **new) is None
    later = call("modify_job", "a", next_run_time=options["next_run_time"])
    without = call("add_job", trigger="calendarinterval", days=1, id="a", **own_zone)
    assert known_after(without, *traces, more=[later], **new) == known
    assert known_after(without, *traces, **new) is None


def test_an_id_that_3x_keeps_without_a_fire_time_is_taken_when_a_listener_adds_it_again() -> None:
    again = ["raised", ["ConflictingIdError", "KeyError"]]
    added = call("add_job", id="a")
    start = [ADDED, ["listener", "l1", "JOB_ADDED"], INNER]
    assert known_as(added, [*start, again], [*start, ADDED, GONE, GONE]) == "no-fire-time-at-once"
    assert known_as(added, [*start, again], [*start, ADDED, GONE]) == "no-fire-time-at-once"
    assert known_as(added, [*start, again], [*start, ADDED]) is None
    assert known_as(added, [*start, again, GONE], [*start, ADDED, GONE]) is None
    assert known_as(added, [*start[1:], again], [*start[1:], ADDED, GONE]) is None


def inner(name, /, *args, **kwargs):
    return ["inner", call(name, *args, **kwargs)]


def test_an_entry_knows_what_is_refused_in_a_step_inside_of_another() -> None:
    reschedule = inner("reschedule_job", "b", trigger="interval", end_date="2024-01-01")
    start = [["listener", "l1", "JOB_MODIFIED"], reschedule]
    theirs, ours = (["raised", [name, "Exception"]] for name in ("JobLookupError", "ValueError"))
    assert known_as(call("pause_job", "a"), [*start, theirs], [*start, ours]) == "end-before-start"
    after = [*start, ["raised", ["KeyError"]]]
    assert known_as(call("pause_job", "a"), [*after, theirs], [*after, ours]) is None

    def known(months):
        trigger = {"$": "trigger", "name": "calendarinterval", "kwargs": {"months": months}}
        reschedule = inner("reschedule_job", "b", trigger=trigger)
        odd = ["raised", ["TypeError", "Exception"]]
        return known_as(call("pause_job", "a"), [reschedule, theirs], [reschedule, odd])

    assert known("5") == "part-of-a-calendar-interval"
    assert known(5) is None


def test_an_edit_in_the_pass_that_runs_a_job_is_written_over_by_3x_only() -> None:
    submitted = ["event", "JOB_SUBMITTED", {"job_id": "a", "scheduled_run_times": {"list": []}}]

    def known(step, theirs="EXECUTED", edit="a", follow=ADVANCE):
        ran = in_a_pass(CALL, inner(step, edit), ["returned", None], submitted)
        return known_as(follow, [ended(theirs)], [RUN], before=ran)

    assert known("pause_job") == "edited-while-it-runs"
    assert known("get_job") is known("pause_job", edit="b") is None
    assert known("pause_job", follow=call("get_jobs")) is None


def test_an_edit_before_a_jobs_turn_in_a_pass_concerns_that_job_only() -> None:
    def known(edit="a"):
        inside = [CALL, inner("pause_job", edit), ["returned", None]]
        return known_as(ADVANCE, in_a_pass(*inside), in_a_pass(*inside, RUN, ended("EXECUTED")))

    assert known() == "edited-before-its-turn"
    assert known("b") is None


def test_a_step_behind_a_weekday_is_ours_only() -> None:
    added = call("add_job", trigger="cron", day_of_week="mon/2")

    def known(theirs, ours, step=added):
        triggers = ({"trigger": f"cron[day_of_week='{text}']"} for text in (theirs, ours))
        return known_as(step, *([["returned", job("a", None, trigger=each)]] for each in triggers))

    assert known("mon", "mon/2") == "step-of-a-weekday"
    assert known("tue", "mon/2") is known("mon/2", "mon") is None
    assert known("mon", "mon/2", call("add_job")) is None


def test_a_listener_lists_a_job_without_a_fire_time_in_3x_only() -> None:
    start = [ADDED, ["listener", "l1", "JOB_ADDED"], inner("get_jobs")]

    def known(theirs, ours, start=start):
        lists = ([*start, ["returned", {"list": listed}]] for listed in (theirs, ours))
        return known_as(call("add_job"), *lists)

    with_time, without = job("b", "00:11:00+02:00"), job("a", None)
    assert known([with_time, without], [with_time]) == "no-fire-time-at-once"
    assert known([with_time], [with_time, without]) is None
    assert known([with_time, without], [without]) is None
    assert known([with_time, without], [with_time], start[:1]) is None

    def known_in_a_text(theirs, ours):
        texts = (
            [*start, ["returned", f"Jobstore default:\n    {line}\n"]] for line in (theirs, ours)
        )
        return known_as(call("add_job"), *texts)

    assert (
        known_in_a_text("f (trigger: date, paused)", "No scheduled jobs") == "no-fire-time-at-once"
    )
    assert known_in_a_text("f (trigger: date, next run at: 1)", "No scheduled jobs") is None


def test_a_text_shows_a_job_whose_last_run_has_ended_in_3x_only() -> None:
    def known(theirs, ours, heard="JOB_EXECUTED"):
        told = [ended("EXECUTED"), ["listener", "l1", heard], inner("print_jobs")]
        texts = (
            [f"    {line}" for line in ("Jobstore default:", *lines)] for lines in (theirs, ours)
        )
        traces = (in_a_pass(*told, ["returned", "\n".join(text)]) for text in texts)
        return known_as(ADVANCE, *traces)

    gone, kept = (f"{each} (trigger: date, next run at: 1)" for each in "fg")
    assert known([gone], ["No scheduled jobs"]) == "written-before-it-runs"
    assert known([gone, kept], [kept]) == "written-before-it-runs"
    assert known(["No scheduled jobs"], [gone]) is None
    assert known([gone, kept], ["No scheduled jobs"]) is None  # one run has ended
    assert known([gone], ["No scheduled jobs"], "JOB_SUBMITTED") is None


def test_a_pass_that_is_shut_down_goes_on_in_3x_only() -> None:
    down = ["event", "SCHEDULER_SHUTDOWN", {"alias": None}]
    ends = in_a_pass(CALL, inner("shutdown"), down, ["returned", None], ended("EXECUTED"))
    goes_on = [*ends[:-2], RUN, *ends[-2:]]

    def known(theirs, ours, *stores):
        new = {"stores": dict.fromkeys(stores, "memory")}
        return known_after(call("add_job"), theirs, ours, **new)

    assert known(goes_on, ends, "default", "other") == "pass-that-is-shut-down"
    assert known(ends, goes_on, "default", "other") is None
    assert known(goes_on, ends, "default") is None
    paused = ["event", "SCHEDULER_PAUSED", {"alias": None}]
    ends, goes_on = (
        [paused if each == down else each for each in told] for told in (ends, goes_on)
    )
    assert known(goes_on, ends, "default", "other") == "pass-that-is-shut-down"
    still_up = [entry for entry in ends if entry != paused]
    assert known([*still_up[:-2], RUN, *still_up[-2:]], still_up, "default", "other") is None


def test_a_job_without_its_executor_is_removed_by_3x_and_fails_here() -> None:
    failed = ended("ERROR")
    failed[2] |= {"exception": "LookupError"}

    def known(*ours):
        given = call("add_job", id="a", executor="gone")
        return known_after(given, in_a_pass(GONE), in_a_pass(*ours))

    assert known(failed) == known(ended("MISSED"), failed) == "executor-gone"
    assert known(ended("MISSED")) is known(ended("ERROR")) is known() is None

    def known_among_calls(*ours):
        inside = [CALL, INNER, ["returned", None]]
        given = call("add_job", id="a", executor="gone")
        return known_after(given, in_a_pass(GONE, *inside), in_a_pass(*inside, *ours))

    assert known_among_calls(failed) == "executor-gone"
    assert known_among_calls(failed, RUN) is known_among_calls(ended("ERROR")) is None
    stored = {"stores": {"default": "t0"}}
    given, other = (call("add_job", id=name, executor="gone") for name in "ab")
    assert known_after(given, in_a_pass(GONE), in_a_pass(), **stored) == "executor-gone"
    assert known_after(other, in_a_pass(GONE), in_a_pass(), **stored) is None
    ends = ["event", "JOB_EXECUTED", {"job_id": "b"}]
    assert known_after(given, in_a_pass(GONE, ends), in_a_pass(ends), **stored) == "executor-gone"
    assert known_after(given, in_a_pass(GONE, ends), in_a_pass(RUN), **stored) is None


def test_an_and_is_asked_after_a_fire_time_that_was_set() -> None:
    def known(member, kwargs, **options):
        members = {"triggers": [{"$": "trigger", "name": member, "kwargs": kwargs}]}
        trigger = {"$": "trigger", "name": "and", "kwargs": members}
        added = call("add_job", id="a", trigger=trigger, **options)
        return known_after(added, [ended("MISSED")], [RUN])

    start, time = {"start_date": "2024-01-02"}, {"next_run_time": {"$": "datetime", "text": "2024"}}
    assert known("cron", start, **time) == known("date", {}, **time) == "intervals-of-and"
    assert known("interval", {}) == "intervals-of-and"
    assert known("cron", start) is known("cron", {}, **time) is known("date", {}) is None
    odd = call("add_job", trigger="and", triggers=True)
    assert known_after(odd, [ended("MISSED")], [RUN]) is None


def test_an_or_is_no_excuse_for_another_job() -> None:
    def known(added):
        return known_after(added, [ended("MISSED")], [RUN])

    members = {"triggers": [{"$": "trigger", "name": "or", "kwargs": {"triggers": []}}]}
    nested = {"$": "trigger", "name": "and", "kwargs": members}
    assert known(call("add_job", id="a", trigger="or")) == "or-starves"
    assert known(call("add_job", trigger=nested)) == "or-starves"
    assert known(call("add_job", id="", trigger="or")) == "or-starves"
    assert known(call("add_job", id="b", trigger="or")) is None
    assert known(call("add_job", id="a", trigger="cron")) is None


def job(name, at, **more):
    moment = None if at is None else {"moment": f"2024-04-01T{at}", "zone": "Europe/Berlin"}
    return {"job": {"id": name, "next_run_time": moment, **more}, "alias": "default"}


def test_jobs_of_one_instant_are_listed_in_another_order_by_a_sql_store_only() -> None:
    def listed(*jobs):
        return [["returned", {"list": list(jobs)}]]

    def text(*names):
        at = "next run at: 2024-04-01 00:11:00 CEST"
        jobs = "".join(f"    {name} (trigger: cron[second='*'], {at})\n" for name in names)
        return [["returned", f"Jobstore default:\n{jobs}"]]

    a, b, c = job("a", "00:11:00+02:00"), job("b", "00:11:00+02:00"), job("c", None)
    get, print_ = call("get_jobs"), {"do": "print", "kwargs": {}}
    assert known_as(get, listed(a, b, c), listed(b, a, c), stores="t0") == "order-in-a-sql-store"
    assert known_as(get, listed(a, b, c), listed(a, c, b), stores="t0") is None
    assert known_as(get, listed(a, b), listed(b, b), stores="t0") is None
    assert known_as(get, listed(a, b), listed(b, a)) is None
    assert known_as(print_, text("f", "g"), text("g", "f"), stores="t0") == "order-in-a-sql-store"
    assert known_as(print_, text("f", "g"), text("g", "g"), stores="t0") is None


def test_hour_0_of_the_day_after_a_gap_is_ours_only() -> None:
    added = call("add_job", trigger="cron")

    def known(theirs, ours):
        return known_as(added, *([["returned", job("a", at)]] for at in (theirs, ours)))

    assert known("01:11:00+02:00", "00:11:00+02:00") == "day-after-a-gap"
    assert known("00:11:00+02:00", "01:11:00+02:00") is None
    assert known("02:11:00+02:00", "01:11:00+02:00") is None

    def known_on(day):
        at = f"{day}T00:00:00+02:00"
        times = (
            {"moment": each, "zone": "Europe/Berlin"} for each in ("2024-06-01T00:00+02:00", at)
        )
        return known_as(added, *([["returned", each]] for each in times))

    assert known_on("2024-05-01") is known_on("2024-04-03") is None
    assert known_on("2024-04-01") == "day-after-a-gap"

    def known_in_a_pass(theirs, ours):
        passes = (in_a_pass(*(ended("MISSED", at) for at in told)) for told in (theirs, ours))
        return known_after(call("add_job", trigger="cron", id="a"), *passes)

    gap, day_after = "2024-03-30T23:00:00+00:00", "2024-03-31T22:00:00+00:00"
    assert known_in_a_pass([gap], [gap, day_after]) == "day-after-a-gap"
    assert known_in_a_pass([gap], [day_after]) == "day-after-a-gap"
    assert known_in_a_pass([gap, day_after], [gap]) is None
    assert known_in_a_pass([gap], [gap, "2024-04-02T22:00:00+00:00"]) is None


def test_a_grace_time_that_is_a_default_is_cut_by_3x_only() -> None:
    played = program(call("add_job"))
    played["steps"][0]["options"] = {"job_defaults": {"misfire_grace_time": 1.5}}

    def known(theirs, ours, more=1):
        traces = (
            [
                ["step", 1, "call"],
                ["returned", job("a", None, misfire_grace_time=grace, max_instances=n)],
            ]
            for grace, n in ((theirs, 1), (ours, more))
        )
        found = accepted.accepting(first_difference(played, *traces), strict=True)
        return None if found is None else found.name

    assert known(1, 1.5) == "grace-of-a-default-as-float"
    assert known(2, 1.5) is known(1, 1.5, 2) is None


def test_a_fire_time_is_passed_over_by_ours_where_it_was_submitted() -> None:
    at = {"moment": "2024-04-01T03:00:00+02:00", "zone": "Europe/Berlin"}
    submitted = ["event", "JOB_SUBMITTED", {"job_id": "a", "scheduled_run_times": {"list": [at]}}]
    entries = [[["returned", job("a", f"03:00:{second}+02:00")]] for second in ("00", "11")]
    again = call("add_job", id="a", replace_existing=True)
    assert known_as(again, *entries, before=[submitted]) == "beside-a-due-run"
    assert known_as(again, *entries) is None
    texts = (f"Jobstore default:\n    f (trigger: date, next run at: {at})\n" for at in "12")
    seen = [["listener", "l1", "JOB_MODIFIED"], inner("print_jobs")]
    told = [[*seen, ["returned", text]] for text in texts]
    assert known_as(call("resume_job", "a"), *told) == "beside-a-due-run"
    assert known_as(call("pause_job", "a"), *told) is None
    assert known_as(call("add_job", id="a"), *entries, before=[submitted]) is None
    assert known_as(again, *entries[::-1], before=[submitted]) is None


def test_what_is_added_in_a_pass_runs_in_it_where_a_sql_store_claims_in_portions() -> None:
    def event(name, job_id):
        return ["event", f"JOB_{name}", {"job_id": job_id, "scheduled_run_time": {"moment": ""}}]

    ran = [CALL, INNER, event("ADDED", "b"), ["returned", None], event("EXECUTED", "a")]
    theirs = in_a_pass(*ran, CALL, event("EXECUTED", "a"))
    ours = in_a_pass(*ran, RUN, event("EXECUTED", "b"), CALL, event("EXECUTED", "a"))
    assert known_as(ADVANCE, theirs, ours, stores="t0") == "pass-in-portions"
    assert known_as(ADVANCE, theirs, ours) is None
    assert known_as(ADVANCE, ours, theirs, stores="t0") is None
    other = in_a_pass(*ran, RUN, event("EXECUTED", "c"), CALL, event("EXECUTED", "a"))
    assert known_as(ADVANCE, theirs, other, stores="t0") is None
    once = in_a_pass(*ran), in_a_pass(*ran, RUN, event("EXECUTED", "b"))
    assert known_as(ADVANCE, *once, stores="t0") is None


def test_the_rest_of_a_catch_up_is_given_back_when_a_sql_store_is_shut_down() -> None:
    seconds = [f"2024-01-01T00:00:0{n}+00:00" for n in range(3)]
    moments = {"list": [{"moment": each, "zone": "UTC"} for each in seconds]}
    submitted = ["event", "JOB_SUBMITTED", {"job_id": "a", "scheduled_run_times": moments}]
    down = ["event", "SCHEDULER_SHUTDOWN", {"alias": None}]
    ends = [ended("EXECUTED", each) for each in seconds]
    start = [CALL, inner("shutdown"), down, ["returned", None]]

    def known(theirs, ours, stores="t0", start=start):
        return known_as(
            ADVANCE, *(in_a_pass(*start, *each) for each in (theirs, ours)), stores=stores
        )

    whole, first = [*ends, submitted], [ends[0], submitted]
    assert known([RUN, RUN, *whole], first) == "given-back-at-a-shutdown"
    assert known([RUN, RUN, RUN, *whole], first) is known(first, whole) is None
    assert known(whole, first, "memory") is known(whole, first, start=start[:2]) is None
    alone = ["event", "JOB_SUBMITTED", {"job_id": "b", "scheduled_run_times": moments}]
    assert known([*ends, alone], [ends[0], alone]) is None
    paused = [CALL, inner("pause"), ["event", "SCHEDULER_PAUSED", {"alias": None}], start[-1]]
    assert known(whole, first, start=paused) == "pass-that-is-shut-down"
    assert known([*ends, alone], [ends[0], alone], start=paused) is None
    assert known(whole, first, "memory", start=paused) is None


def test_what_is_due_runs_between_the_fire_times_of_a_catch_up_of_a_sql_store() -> None:
    seconds = [f"2024-01-01T00:00:0{n}+00:00" for n in range(3)]
    late, last = ended("MISSED", seconds[0]), ended("EXECUTED", seconds[1])
    slow = ["run", "slow", *RUN[2:]]
    other = ["event", "JOB_EXECUTED", {**last[2], "job_id": "b"}]
    too_late = ["event", "JOB_MISSED", other[2]]

    def known(theirs, ours, stores="t0"):
        return known_as(ADVANCE, in_a_pass(*theirs), in_a_pass(*ours), stores=stores)

    after, between = [slow, late, last, RUN, other], [RUN, slow, late, other, last]
    assert known(after, between) == "pass-in-portions"
    assert known([slow, late, last, too_late], between) == "pass-in-portions"
    assert known([CALL, late, last, too_late], [RUN, CALL, late, other, last]) is None
    assert known(after, between, "memory") is None
    assert known([slow, late, RUN, other], [RUN, slow, late, other]) is None
    assert known(after, between[:-1]) is known(after, [*between, ended("MISSED")]) is None


def test_an_id_is_taken_until_3x_has_told_that_it_is_gone() -> None:
    again = ["raised", ["ConflictingIdError", "KeyError"]]
    start = [["listener", "l1", "JOB_MISSED"], INNER]
    theirs = in_a_pass(*start, again, GONE)
    assert known_as(ADVANCE, theirs, in_a_pass(*start, ADDED)) == "taken-until-it-is-told"
    assert known_as(ADVANCE, in_a_pass(*start, again), in_a_pass(*start, ADDED)) is None


def test_what_hangs_on_both_sides_in_one_step_differs_in_nothing() -> None:
    theirs, ours = ([["step", 1, "call"], *told, ["hang"]] for told in ([ADDED], []))
    assert first_difference(program(ADVANCE), theirs, ours) is None
    longer = [*theirs[:-1], ["step", 1, "call"], ["hang"]]
    assert first_difference(program(ADVANCE), longer, ours) is not None


def test_many_misses_are_not_counted_where_ours_tells_of_100() -> None:
    def told(count):
        misses = [
            ended("MISSED", f"2024-01-01T00:{n // 60:02}:{n % 60:02}+00:00") for n in range(count)
        ]
        return in_a_pass(CALL, INNER, ["returned", count], *misses)

    assert known_as(ADVANCE, told(150), told(101)) == "order-in-a-pass-that-is-listened-to"
    assert known_as(ADVANCE, told(60), told(50)) == "written-before-it-runs"
    theirs, ours = ([each for each in told(n) if each[0] == "event"] for n in (60, 50))
    assert known_as(ADVANCE, in_a_pass(*theirs), in_a_pass(*ours)) is None


def listed(*jobs, state=1):
    return ["jobs", state, [[name, "default", {"moment": at, "zone": "UTC"}] for name, at in jobs]]


def test_a_pass_is_full_after_a_hundred_portions_of_a_sql_store() -> None:
    def told(runs):
        seconds = [f"2024-01-01T00:0{n // 60}:{n % 60:02}+00:00" for n in range(runs)]
        return in_a_pass(*[RUN] * runs, *(ended("EXECUTED", each) for each in seconds))

    known = "more-portions-than-a-pass-has"
    assert known_as(ADVANCE, told(120), told(100), stores="t0") == known
    assert known_as(ADVANCE, told(120), told(100)) is None
    assert known_as(ADVANCE, told(120), told(90), stores="t0") is None
    assert known_as(ADVANCE, told(100), told(120), stores="t0") is None


def test_right_after_a_gap_ours_may_be_earlier() -> None:
    step = call("add_job", trigger="cron", hour="2", timezone="Europe/Berlin")
    early, late = (listed(("a", f"2024-03-31T{each}:16:00+00:00")) for each in ("01", "08"))
    assert known_as(step, [late], [early]) == "asked-after-a-gap"
    assert known_as(step, [early], [late]) is None
    day_after = listed(("a", "2024-04-01T01:16:00+00:00"))
    assert known_as(step, [listed(("a", "2024-04-02T01:16:00+00:00"))], [day_after]) is None
    assert known_as(call("add_job", trigger="interval"), [late], [early]) is None


def test_a_weekdays_step_shows_in_fire_times_of_its_own_job_only() -> None:
    step = call("add_job", id="a", trigger="cron", day_of_week="mon/2")
    one, other = (
        listed(("a", "2024-01-08T00:00:00+00:00")),
        listed(("a", "2024-01-03T00:00:00+00:00")),
    )
    assert known_as(step, [one], [other]) == "step-of-a-weekday"
    assert known_as(step, [listed(("b", "2024-01-08T00:00:00+00:00"))], [other]) is None
    assert known_as(call("add_job", id="a", trigger="cron"), [one], [other]) is None


def test_a_weekdays_step_has_its_own_job_alone_run_on_other_days() -> None:
    step = call("add_job", id="a", trigger="cron", day_of_week="mon/2")
    nothing, runs = in_a_pass(), in_a_pass(RUN, ended("EXECUTED"))
    assert known_after(step, nothing, runs) == "step-of-a-weekday"
    assert known_after(call("add_job", id="b", trigger="cron", day="mon/2"), nothing, runs) is None
    beside = ["event", "JOB_EXECUTED", {"job_id": "b"}]
    assert known_after(step, nothing, in_a_pass(RUN, ended("EXECUTED"), beside)) is None


def test_an_odd_part_of_a_calendar_interval_shows_later_in_its_text_alone() -> None:
    def known(given, *texts, at=None):
        added = call("add_job", id="a", trigger="calendarinterval", months=given)
        shown = (
            job("a", each_at, trigger={"trigger": text})
            for text, each_at in zip(texts, (None, at), strict=True)
        )
        return known_after(added, *([["returned", each]] for each in shown))

    texts = "CalendarIntervalTrigger(months=True)", "CalendarIntervalTrigger(months=1)"
    assert known(True, *texts) == "part-of-a-calendar-interval"
    assert known(1, *texts) is known(True, *texts, at="00:00:00+02:00") is None


def test_an_interval_that_began_at_the_wrong_hour_may_have_passed_a_fire_time() -> None:
    def known(one, other, **given):
        added = call("add_job", id="a", trigger="interval", **given)
        return known_after(added, *([["returned", job("a", each)]] for each in (one, other)))

    at, other = "17:42:00+02:00", "19:42:00+02:00"
    assert known(at, other, hours=3) == known(other, at, hours=3) == "first-interval"
    assert known(at, other, hours=4) is known(at, "19:43:00+02:00", hours=3) is None
    assert known(at, other, hours=3, start_date="2024-01-01") is None
    assert known(at, "17:54:30+02:00", seconds=1) is None


def test_a_fire_time_of_a_repeated_hour_is_given_twice_by_3x_only() -> None:
    def known(at, *more, zone="America/New_York"):
        added = call("add_job", id="a", trigger="cron", timezone=zone)
        end = ended("EXECUTED", at)
        return known_after(added, in_a_pass(RUN, RUN, end, end), in_a_pass(RUN, end, *more))

    for hour in ("05", "06"):
        assert known(f"2024-11-03T{hour}:30:00+00:00") == "twice-in-a-repeated-hour"
    assert known("2024-11-03T04:30:00+00:00") is known("2024-11-03T07:30:00+00:00") is None
    assert known("2024-11-03T06:30:00+00:00", GONE) is None
    assert known("2024-11-03T06:30:00+00:00", zone="Asia/Kolkata") is None


def test_a_run_that_shut_its_scheduler_down_counts_for_another_one_at_first() -> None:
    def known(*before, stores="t0", again=True):
        steps = [{"do": "new", "stores": {"default": stores}}] * (2 if again else 1)
        played = {"steps": [*steps, ADVANCE]}
        start = [*before, ["step", len(steps), "advance"], ["pass"]]
        full = ["event", "JOB_MAX_INSTANCES", {"job_id": "a"}]
        found = first_difference(played, [*start, RUN], [*start, full])
        accepting = accepted.accepting(found, strict=True)
        return None if accepting is None else accepting.name

    shuts = [CALL, inner("shutdown"), ["returned", None]]
    assert known(*shuts) == "counts-until-it-is-written"
    assert known() is known(*shuts, stores="memory") is known(*shuts, again=False) is None


def test_what_a_listener_adds_waits_where_the_pass_was_shut_down_before() -> None:
    fails = ["raised", ["JobLookupError", "KeyError"]]
    adds, shuts = inner("add_job", jobstore="default"), inner("shutdown")
    down = ["event", "SCHEDULER_SHUTDOWN", {}]
    told = ["event", "JOB_ADDED", {"alias": None, **ADDED[2], "exception": None}]
    theirs = [["pass"], adds, told, ["returned", job("a", None)], shuts, down]
    theirs += [["returned", None], fails]
    goes_on = ["event", "JOB_SUBMITTED", {"job_id": "c", "scheduled_run_times": []}]

    def known(*ours):
        return known_as(ADVANCE, theirs, in_a_pass(*ours, goes_on))

    is_down = shuts, down, ["returned", None]
    assert known(*is_down, adds, ["returned", job("a", None)]) == "pass-that-raises"
    assert known(*is_down, adds, ["returned", job("b", None)]) is None
    assert known(*is_down) is None
    assert known(adds, ["returned", job("a", None)], *is_down) is None


def test_calls_may_come_to_something_else_only_where_the_order_differs() -> None:
    missed = ended("MISSED")
    call_ = [["listener", "l1", "JOB_MISSED"], INNER]
    before = in_a_pass(missed, *call_, ["returned", 1], GONE, ended("EXECUTED"))
    after = in_a_pass(GONE, missed, *call_, ["returned", 2], ended("EXECUTED"))
    assert known_as(ADVANCE, before, after) == "order-in-a-pass-that-is-listened-to"
    other = in_a_pass(missed, *call_, ["returned", 2], GONE, ended("EXECUTED"))
    assert known_as(ADVANCE, before, other) is None
    lost = in_a_pass(GONE, missed, *call_, ["returned", 2])
    assert known_as(ADVANCE, before, lost) is None


def test_a_listener_is_told_after_its_removal_by_3x_if_it_was_added_twice() -> None:
    def known(*steps):
        told = [["listener", "l2", "JOB_ADDED"], ["returned", None]]
        played = program(*steps, call("add_job"))
        last = len(played["steps"]) - 1
        traces = [[["step", last, "call"], *each] for each in (told, told[1:])]
        found = accepted.accepting(first_difference(played, *traces), strict=True)
        return found and found.name

    add, again, remove = (
        {"do": each, "name": "l2"} for each in ("listen", "listen_again", "unlisten")
    )
    assert known(add, again, remove) == "listener-that-stays"
    assert known(add, remove) is known(add, again) is None


SHAPES = (
    *(500_335, 500_349, 502_460, 502_557, 509_029, 509_114, 510_013, 510_038),
    *(510_670, 512_177, 512_847, 513_061, 516_972, 519_996, 520_289, 521_045),
    *(523_044, 524_113, 525_803, 531_439, 534_646, 535_516, 551_053, 552_931),
    *(554_158, 555_787, 566_376, 572_398, 576_678, 578_097, 578_794, 578_820),
    *(581_870, 584_455, 594_509, 600_657, 600_886, 601_275),
    *(612_542, 613_276, 615_919, 662_194, 629_339, 635_118, 706_795, 711_263),
    *(640_292, 646_245, 716_422, 716_503, 739_746),
    *(676_167, 741_242),
)
"""Seeds whose differences nothing knew when they were first played, though the page has their lines."""


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_shapes_of_listed_differences_are_known(reference_python) -> None:
    with Both(reference_python, sys.executable) as both:
        report = campaign.run(both, SHAPES, strict=True)
        told = "\n".join(campaign.text(both, report))
    assert report.programs == len(SHAPES)
    assert report.groups == {}, told


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_ours_differs_from_3x_only_as_listed(reference_python) -> None:
    with Both(reference_python, sys.executable) as both:
        report = campaign.run(both, range(600), seconds=100)
        told = "\n".join(campaign.text(both, report))
    assert report.programs > 100
    assert report.groups == {}, told


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_odd_values_are_treated_as_by_3x_or_as_listed(reference_python) -> None:
    programs = list(oddities.programs())
    with Both(reference_python, sys.executable) as both:
        report = campaign.run(both, range(len(programs)), strict=True, make=programs.__getitem__)
        told = "\n".join(campaign.text(both, report, shrink=False, strict=True))
    assert report.programs == len(programs) > 5000
    assert report.groups == {}, told
