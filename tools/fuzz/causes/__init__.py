"""Why the two sides may differ: functions that ``accepted.toml`` names, for what no pattern can say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.fuzz.causes import given, moments, passes, starts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.fuzz.comparing import Difference

CAUSES: dict[str, Callable[[Difference], bool]] = {
    each.__name__: each
    for each in (
        starts.ours_lets_go_of_a_job_without_a_fire_time,
        starts.in_a_start_that_is_listened_to,
        starts.one_of_two_pending_jobs,
        starts.after_a_start_that_failed,
        starts.half_of_an_import,
        starts.completed_by_a_start_that_failed,
        starts.ours_replaced_a_pending_job,
        starts.ours_has_the_last_of_the_pending,
        starts.a_listener_was_added_twice,
        starts.stopped,
        passes.seen_from_inside_a_run,
        passes.ours_keeps_a_job_without_its_executor,
        passes.told_in_another_order,
        passes.in_a_pass_that_raises,
        passes.shut_down_in_its_pass,
        passes.ours_runs_what_was_added,
        passes.goes_on_in_the_next_pass,
        passes.due_in_a_later_store,
        passes.counts_after_its_own_shutdown,
        passes.given_back_at_a_shutdown,
        passes.runs_again,
        passes.edited_in_its_pass,
        passes.edited_before_its_turn,
        passes.removed_by_who_hears_of_an_earlier_store,
        passes.taken_until_its_removal_is_told,
        passes.ours_has_started_it,
        passes.ours_tells_fewer_misses,
        moments.from_a_day_in_another_zone,
        moments.hours_apart,
        moments.in_the_hours_after_a_gap,
        moments.first_at_the_wrong_hour,
        moments.given_twice_in_a_repeated_hour,
        moments.on_the_day_after_a_gap,
        moments.one_instant_in_another_order,
        moments.one_instant,
        moments.the_fire_time_of_a_new_trigger,
        moments.a_wall_time_that_does_not_exist,
        given.an_or_of_triggers,
        given.an_ignored_step_of_a_weekday,
        given.a_default_that_is_no_whole_number,
        given.a_text_as_arguments,
        given.an_odd_part_of_a_calendar_interval,
        given.an_interval_in_an_and,
    )
}
