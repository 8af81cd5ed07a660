"""Settles a claim when its pool's future is done, by what the future says and by what else is known of the call.

A run counts as not started only if the board or the thread says so; if nobody can know it, its outcome is ``lost``.
"""

from __future__ import annotations

from concurrent.futures import BrokenExecutor
from concurrent.futures.thread import BrokenThreadPool
from typing import TYPE_CHECKING, Any

from apscheduler.clocks import monotonic
from apscheduler.executors._attempt.answers import take_answer
from apscheduler.executors._attempt.calling import drop, tell_own_error, timed_out
from apscheduler.executors._foreign import away
from apscheduler.executors._foreign import board as call_board
from apscheduler.executors._foreign.kinds import has_our_threads, is_of_this_host, wait_for_end
from apscheduler.executors._wire import calls
from apscheduler.executors._wire.errors import RemoteError, said
from apscheduler.executors.base import WorkerDiedError
from apscheduler.history.outcomes import Outcome
from apscheduler.runs.claims import Result
from apscheduler.runs.raised import set_cause

if TYPE_CHECKING:
    from apscheduler.executors._foreign.board import Seen
    from apscheduler.executors._foreign.needs import RunsForAnswers
    from apscheduler.executors._foreign.submission import Submission

_TRIES = 3
_ROWS = (list, tuple)
_GONE = "the process that ran the job"
_ONE_OF_THEM = f"{_GONE}, or one beside it in its pool,"
CALLED_OFF = "its pool called the run off before it began"


class PoolAnswers:
    """Settles the submissions of one executor."""

    def __init__(self, runs: RunsForAnswers) -> None:
        self._runs = runs
        self._owner = runs.owner

    def take_safely(self, submission: Submission, future: Any) -> None:
        """Settle a submission whose future is done. Never raises, and leaves no claim open for ever."""
        try:
            self._take(submission, future)
        except BaseException as exc:  # noqa: BLE001 - from a pool, a listener or an exception's own methods
            tell_own_error(self._owner, exc)
            self._take_nothing_safely(submission, exc)

    def _take_nothing_safely(self, submission: Submission, why: BaseException) -> None:
        try:
            self._take_nothing(submission, why)
        except BaseException:  # noqa: BLE001 - as above
            drop(submission.claim, self._owner._now_us(), why)
            self._runs.forget(submission)

    def _take(self, submission: Submission, future: Any) -> None:
        submission.future = None  # some pools run a call again while its future is still referenced
        if submission.stuck:
            self._note_late(submission)
        elif submission.here:
            return  # the thread that runs it tells everything itself
        elif future.cancelled():
            self._take_cancelled(submission)
        elif (exc := future.exception()) is not None:
            self._take_error(submission, exc)
        else:
            self._take_result(submission, future.result())

    def _note_late(self, submission: Submission) -> None:
        if not has_our_threads(submission.pool):  # otherwise the runner has logged it
            self._owner._logger.warning(
                "job %s has ended after all, long after its timeout; its outcome stays timed out",
                submission.claim.job.id,
            )

    # -- a future that says how it went -------------------------------------------------------------------

    def _take_result(self, submission: Submission, brought: Any) -> None:
        if brought is None:  # it came to a thread of this process after it had been called off
            self._take_cancelled(submission)
        elif brought.__class__ is str and brought == away.AGAIN:
            why = "its process ended, and its pool began with it again, which was kept from it"
            self.orphan(submission, WorkerDiedError(why))
        elif (answers := _answers_in(brought, submission.fires)) is None:
            why = f"its pool's future brought a {type(brought).__name__} in place of what the call returned"
            self._take_nothing(submission, RemoteError(why))
        elif not answers and submission.claim.unsettled and not self._runs.closed:
            self._runs.forget(submission)
            self._runs.send(submission.claim)  # it was kept from beginning in a retired pool
        else:
            self._take_answers(submission, answers)

    def _take_answers(self, submission: Submission, answers: list[calls.Answer]) -> None:
        claim = submission.claim
        for answer in answers:
            if answer.outcome == calls.EXECUTED:
                self._owner._log_success(claim.job, answer.fire, answer.started, answer.finished)
            take_answer(claim, answer, self._runs.why_late())
        self._close(submission, Outcome.CANCELLED, reason=CALLED_OFF)

    # -- a future that does not ------------------------------------------------------------------------------

    def _take_cancelled(self, submission: Submission) -> None:
        if not submission.revoke():
            why = "its pool gave the run up in the middle of it"
            self.orphan(submission, WorkerDiedError(why))
        elif is_of_this_host(submission.pool):
            self._close(submission, Outcome.CANCELLED, reason=CALLED_OFF)
        else:
            self.lose(submission, "its pool gave the run up; whether it had begun is not known")

    def _take_nothing(self, submission: Submission, why: BaseException) -> None:
        """Settle a call whose future says nothing useful, by what else is known of the call."""
        seen = submission.seen()
        if submission.here:
            return  # as above
        if seen.started or seen.ended or not submission.revoke():
            self.orphan(submission, why)
        elif is_of_this_host(submission.pool):
            self._close(submission, Outcome.FAILED, exception=why)
        else:
            self.lose(submission, f"whether it was started is not known: {said(why)}")

    def _take_error(self, submission: Submission, exc: BaseException) -> None:
        broken = isinstance(exc, BrokenExecutor)
        if broken:
            self._runs.source.refused(submission.pool, exc)
            if self._send_again(submission):
                return
        if broken and not isinstance(exc, BrokenThreadPool):
            exc = died(exc)
        if submission.seen().begun or not submission.revoke():
            self.orphan(submission, exc)
            return
        self._close(submission, Outcome.FAILED, exception=exc)

    def _send_again(self, submission: Submission) -> bool:
        """Send a claim of a broken pool to the new pool, if it certainly had not begun; return whether it was sent."""
        runs, pool = self._runs, submission.pool
        if runs.closed or runs.pool is pool or submission.slot < 0 or not is_of_this_host(pool):
            return False
        wait_for_end(pool)  # until then one of its processes might still begin with the claim
        if submission.seen().begun or submission.tries >= _TRIES or not submission.revoke():
            return False
        try:
            runs.send(submission.claim, submission.tries + 1)
        except BaseException:  # noqa: BLE001 - a pool of someone else may raise anything
            return False
        runs.forget(submission)
        return True

    # -- what the board says -----------------------------------------------------------------------------------

    def orphan(self, submission: Submission, why: BaseException) -> None:
        """Rely on the board from now on, until the call or its process has ended, or the call's time is over."""
        submission.orphaned = why
        submission.changed_at = monotonic()
        self.look_after(submission)
        self._runs.clocks.expect(submission)

    def look_after(self, submission: Submission) -> None:
        """Settle an orphaned submission if it has ended or was refused, or if its process is gone."""
        from apscheduler.executors._foreign.host import is_gone

        seen = submission.seen()
        if submission.orphaned is None:
            return
        if seen.ended >= len(submission.fires) or seen.was_refused or is_gone(seen.pid):
            self.settle_as_seen(submission, submission.orphaned)

    def settle_as_seen(self, submission: Submission, why: BaseException) -> None:
        """Settle a call that is over by what the board says of it; ``why`` tells why nothing better is known."""
        self.settle_begun(submission, submission.seen(), why)
        self._close(submission, Outcome.CANCELLED, reason=CALLED_OFF)

    def settle_begun(self, submission: Submission, seen: Seen, why: BaseException) -> None:
        """Settle the fire times that have begun by what the board says of each, as if the last one goes on no more."""
        claim, now = submission.claim, self._owner._now_us()
        started = started_us(seen.started, now)
        for index, fire in enumerate(submission.fires):
            code = seen.codes[index] if index < len(seen.codes) else 0
            is_latest = index == seen.latest
            at = started if is_latest else now
            if code == call_board.FENCED:
                claim.sink.give_back(claim)
            elif code:
                claim.sink.settle(claim, _result_of(claim, fire, code, at, now, why))
            elif is_latest and isinstance(why, TimeoutError) and submission.timeout:
                claim.sink.settle(claim, timed_out(claim.job, fire, at, now))
            elif index < seen.ended:
                reason = f"it ended; how did not arrive: {said(why)}"
                claim.sink.settle(claim, Result(fire, Outcome.LOST, at, now, reason=reason))
            elif index <= seen.latest:  # it began and did not end, so its process is gone
                gone = why if isinstance(why, WorkerDiedError) else died(why, _GONE)
                claim.sink.settle(claim, Result(fire, Outcome.FAILED, at, now, exception=gone))

    # -- the last word ------------------------------------------------------------------------------------------

    def lose(self, submission: Submission, reason: str) -> None:
        """Settle the open fire times as lost, and let the claim go."""
        begun = started_us(submission.seen().started, self._owner._now_us())
        self._close(submission, Outcome.LOST, reason=reason, started=begun)

    def call_off(self, submission: Submission, reason: str) -> None:
        """Hand back a claim that is known not to have begun; if no other scheduler can run it, cancel it."""
        claim = submission.claim
        if claim.sink.hand_back(claim):
            claim.sink.release(claim)
            self._runs.forget(submission)
        else:
            self._close(submission, Outcome.CANCELLED, reason=reason)

    def _close(
        self,
        submission: Submission,
        outcome: Outcome,
        *,
        reason: str | None = None,
        exception: BaseException | None = None,
        started: int = 0,
    ) -> None:
        """Give this outcome to the fire times that are left of the claim, let it go, and drop the submission."""
        now = self._owner._now_us()
        submission.claim.close(outcome, now, reason=reason, exception=exception, started=started)
        self._runs.forget(submission)


def _answers_in(brought: Any, fires: list[int]) -> list[calls.Answer] | None:
    """Return the answers that our call has returned, ``None`` if the pool has brought something else in their place."""
    if not _is_row(brought) or not all(map(_is_answer, brought)):
        return None
    answers = [calls.answer_from(each) for each in brought]
    ours = all(each.fire in fires and each.outcome in away.CODES for each in answers)
    return answers if ours else None


def _is_row(what: Any) -> bool:
    return what.__class__ in _ROWS


def _is_answer(what: Any) -> bool:
    return _is_row(what) and len(what) == len(calls.Answer._fields)


def _result_of(
    claim: Any, fire: int, code: int, started: int, now: int, why: BaseException
) -> Result:
    if code == call_board.EXECUTED:
        reason = f"it returned; what it returned did not arrive: {said(why)}"
        return Result(fire, Outcome.EXECUTED, started, now, reason=reason)
    if code == call_board.FAILED:
        exc = RemoteError(f"the function raised; what it raised did not arrive: {said(why)}")
        return Result(fire, Outcome.FAILED, started, now, exception=exc)
    if code == call_board.TIMED_OUT:
        return timed_out(claim.job, fire, started, now)
    if code == call_board.MISSED:
        return Result(fire, Outcome.MISSED, 0, now, reason="it came late to its worker")
    return Result(fire, Outcome.CANCELLED, 0, now, reason=CALLED_OFF)


def started_us(started: float, now: int) -> int:
    """Convert a start from monotonic seconds to microseconds UTC; 0, which means none, stays 0."""
    return now - round((monotonic() - started) * 1e6) if started else 0


def died(exc: BaseException, what: str = _ONE_OF_THEM) -> WorkerDiedError:
    """Return the error for a run whose process has died; the pool's own error is its cause."""
    why = WorkerDiedError(f"{what} ended: {said(exc)}")
    set_cause(why, exc)
    return why
